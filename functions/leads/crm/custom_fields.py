"""Custom fields of a location: their definitions, kept for a while.

Source: the API's OpenAPI document of locations, operation get-custom-fields, Version 2021-07-28.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from leads.core.custom_field import Definition
from leads.core.errors import LeadError, TryAgain, Undeliverable
from leads.crm import reading
from leads.crm.client import Client
from leads.crm.fates import NO_SCOPE

_KEPT_SECONDS = 600.0
# A token without the scope does not get it by being asked for every lead; nor does an API that is down come up, or
# one that refuses the question think better of it.
_REFUSED_SECONDS = 60.0


class _Known:
    """What is known of one location, and until when (epoch seconds) it need not be asked for again."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.until = 0.0
        self.definitions: tuple[Definition, ...] | None = None
        # Why there are none: the API has refused the question, or, None, the token lacks the scope.
        self.refusal: Undeliverable | None = None


class CustomFields:
    """Definitions of any location's custom fields of contacts. Thread-safe: a location is asked once at a time."""

    def __init__(self, client: Client, *, now: Callable[[], float]) -> None:
        self._client = client
        self._now = now
        self._lock = threading.Lock()
        self._known: dict[str, _Known] = {}

    def definitions(self, location_id: str, *, deadline: float) -> tuple[Definition, ...]:
        """The location's definitions, at most ten minutes old, or older while the API does not answer.

        deadline: epoch seconds. Raises TryAgain or Undeliverable by the table of fates when nothing is known, an
        Undeliverable of the last minute without asking again;
        TryAgain(contacts_api_unauthorized_scope) when the token lacks `locations/customFields.readonly`.
        """
        with self._lock:
            known = self._known.setdefault(location_id, _Known())
        if not known.lock.acquire(timeout=min(max(deadline - self._now(), 0.0), threading.TIMEOUT_MAX)):
            raise TryAgain("out_of_time", counts=False)
        try:
            if self._now() >= known.until:
                self._ask(location_id, known, deadline)
            if known.definitions is not None:
                return known.definitions
            raise _refused(known.refusal)
        finally:
            known.lock.release()

    def _ask(self, location_id: str, known: _Known, deadline: float) -> None:
        try:
            answer = self._client.call(
                "GET", "locations", location_id, "customFields",
                location_id=location_id, deadline=deadline, query={"model": "contact"}, has_own_scope=True,
            )  # fmt: skip
            listed = reading.listed(answer, "customFields")
        except (TryAgain, Undeliverable) as failed:
            if isinstance(failed, Undeliverable):
                known.refusal = failed
            elif failed.reason == NO_SCOPE:
                known.refusal = None
            elif known.definitions is None:
                raise
            known.until = self._now() + _REFUSED_SECONDS
            return
        known.definitions = tuple(found for item in listed if (found := _definition(item)).id)
        known.until = self._now() + _KEPT_SECONDS


def _refused(refusal: Undeliverable | None) -> LeadError:
    """The refusal for one more lead: an error of its own, as several threads may raise it at once."""
    if refusal is None:
        return TryAgain(NO_SCOPE, "the custom fields of the location cannot be listed")
    return Undeliverable(refusal.reason, refusal.detail, trace_id=refusal.trace_id)


def _definition(item: dict[str, Any]) -> Definition:
    """One definition; without an id when it is none that a contact can have."""
    return Definition(
        id=reading.text(item.get("id")) if item.get("model", "contact") == "contact" else "",
        name=reading.text(item.get("name")),
        field_key=reading.text(item.get("fieldKey")),
        data_type=reading.text(item.get("dataType")),
        options=reading.texts(item.get("picklistOptions")),
    )
