"""Custom fields of a location: their definitions, kept for a while.

Source: the API's OpenAPI document of locations, operation get-custom-fields, Version 2021-07-28.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from leads.core.custom_field import Definition
from leads.core.errors import TryAgain
from leads.crm import reading
from leads.crm.client import Client

_KEPT_SECONDS = 600.0
# A token without the scope does not get it by being asked for every lead; nor does an API that is down come up.
_REFUSED_SECONDS = 60.0
_NO_SCOPE = "contacts_api_unauthorized_scope"


class _Known:
    """What is known of one location, and until when (epoch seconds) it need not be asked for again."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.until = 0.0
        self.definitions: tuple[Definition, ...] | None = None
        self.refusal = ""


class CustomFields:
    """Definitions of any location's custom fields of contacts. Thread-safe: a location is asked once at a time."""

    def __init__(self, client: Client, *, now: Callable[[], float]) -> None:
        self._client = client
        self._now = now
        self._lock = threading.Lock()
        self._known: dict[str, _Known] = {}

    def definitions(self, location_id: str, *, deadline: float) -> tuple[Definition, ...]:
        """The location's definitions, at most ten minutes old, or older while the API does not answer.

        deadline: epoch seconds. Raises TryAgain or Undeliverable by the table of fates when nothing is known;
        TryAgain(contacts_api_unauthorized_scope) when the token lacks `locations/customFields.readonly`.
        """
        with self._lock:
            known = self._known.setdefault(location_id, _Known())
        if not known.lock.acquire(timeout=min(max(deadline - self._now(), 0.0), threading.TIMEOUT_MAX)):
            raise TryAgain("out_of_time", counts=False)
        try:
            if self._now() >= known.until:
                self._ask(location_id, known, deadline)
            if known.definitions is None:
                raise TryAgain(known.refusal, "the custom fields of the location cannot be listed")
            return known.definitions
        finally:
            known.lock.release()

    def _ask(self, location_id: str, known: _Known, deadline: float) -> None:
        try:
            answer = self._client.call(
                "GET", "locations", location_id, "customFields",
                location_id=location_id, deadline=deadline, query={"model": "contact"},
            )  # fmt: skip
            listed = answer.body.get("customFields")
            if not isinstance(listed, list):
                detail = "the answer lists no custom fields"
                raise TryAgain("contacts_api_unexpected", detail, trace_id=answer.trace_id)
        except TryAgain as failed:
            if failed.reason == _NO_SCOPE:
                known.refusal = failed.reason
            elif known.definitions is None:
                raise
            known.until = self._now() + _REFUSED_SECONDS
            return
        known.definitions = tuple(found for item in reading.objects(listed) if (found := _definition(item)).id)
        known.until = self._now() + _KEPT_SECONDS


def _definition(item: dict[str, Any]) -> Definition:
    """One definition; without an id when it is none that a contact can have."""
    return Definition(
        id=reading.text(item.get("id")) if item.get("model", "contact") == "contact" else "",
        name=reading.text(item.get("name")),
        field_key=reading.text(item.get("fieldKey")),
        data_type=reading.text(item.get("dataType")),
        options=reading.texts(item.get("picklistOptions")),
    )
