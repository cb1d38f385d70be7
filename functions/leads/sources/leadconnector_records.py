"""What a LeadConnector source asks of a location's records, and the form in which it passes on what it has read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import msgspec


class Records(Protocol):
    """Reads a location's records, each an object of the API; None: there is no such record (any more).

    All raise TryAgain or Undeliverable, and Misconfigured when the location has no token that may read it.
    deadline: epoch seconds.
    """

    def contact(self, location_id: str, contact_id: str, *, deadline: float) -> dict[str, Any] | None: ...

    def note(self, location_id: str, contact_id: str, note_id: str, *, deadline: float) -> dict[str, Any] | None: ...

    def task(self, location_id: str, contact_id: str, task_id: str, *, deadline: float) -> dict[str, Any] | None: ...

    def task_anywhere(
        self, location_id: str, task_id: str, title: str, *, deadline: float
    ) -> dict[str, Any] | None: ...

    def opportunity(self, location_id: str, opportunity_id: str, *, deadline: float) -> dict[str, Any] | None: ...

    def custom_field_keys(self, location_id: str, *, deadline: float) -> Mapping[str, str]:
        """Custom field's id → its key (`contact.budget`); {} when they may not be listed."""


class Pulled(msgspec.Struct, frozen=True, kw_only=True):
    """Content that was read from the location a moment ago, so that it is not read again: the contact, note or task,
    and for the latter two the contact that they belong to (None: not read yet)."""

    record: dict[str, Any]
    contact: dict[str, Any] | None = None


class Lists(Protocol):
    """Lists a location's records, each an object of the API. Raises as Records does."""

    def contacts_page(
        self, location_id: str, cursor: str, *, changed_since: float | None, limit: int, deadline: float
    ) -> list[tuple[dict[str, Any], str]]:
        """Contacts with the cursor to those after each, "" where there are no more."""

    def tasks_page(self, location_id: str, cursor: str, *, deadline: float) -> tuple[list[dict[str, Any]], str] | None:
        """Tasks and the next cursor; None when the token may not list them."""

    def notes(self, location_id: str, contact_id: str, *, deadline: float) -> list[dict[str, Any]]: ...

    def tasks(self, location_id: str, contact_id: str, *, deadline: float) -> list[dict[str, Any]]: ...
