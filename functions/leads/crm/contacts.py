"""Contacts of the CRM: create or update by e-mail and phone.

Source: the API's OpenAPI document, operations upsert-contact and update-contact, Version 2021-07-28.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from leads.core.errors import TryAgain
from leads.crm.client import Client
from leads.crm.fates import AlreadyExists

# The API answers 422 to any property it does not know, and each operation knows others. `tags` is allowed
# in both and missing here on purpose: it would replace every tag the contact has. So would `source` its
# origin; see set_source.
_NAMES = ("name", "firstName", "lastName", "companyName")
_REACH = ("email", "phone", "website", "timezone")
_PLACE = ("address1", "city", "state", "postalCode", "country")
UPSERT_FIELDS = frozenset((*_NAMES, *_REACH, *_PLACE, "dateOfBirth", "gender"))
UPDATE_FIELDS = UPSERT_FIELDS - {"gender", "companyName"}


class WrittenContact(msgspec.Struct, frozen=True):
    """What the CRM answered: the contact's id, whether it was new, its source ("" = none, None = not said)."""

    contact_id: str
    is_new: bool
    source: str | None
    trace_id: str | None


class Contacts:
    """Contacts of any location; the client knows each location's token."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def upsert(self, location_id: str, fields: Mapping[str, str], *, deadline: float) -> WrittenContact:
        """Creates the contact, or updates the one that has its e-mail or phone.

        fields: contact field → text; only UPSERT_FIELDS are sent. deadline: epoch seconds.
        Raises TryAgain or Undeliverable by the table of fates.
        """
        body = {"locationId": location_id} | _allowed(fields, UPSERT_FIELDS)
        try:
            answer = self._client.call(
                "POST", "contacts", "upsert",
                location_id=location_id, deadline=deadline, body=body, known_fields=UPSERT_FIELDS,
            )  # fmt: skip
        except AlreadyExists as found:
            return self._update_existing(location_id, found.contact_id, _allowed(fields, UPDATE_FIELDS), deadline)
        contact = answer.body.get("contact")
        contact_id = contact.get("id") if isinstance(contact, dict) else None
        if not isinstance(contact, dict) or not isinstance(contact_id, str) or not contact_id:
            raise TryAgain("contacts_api_unexpected", "the answer names no contact", trace_id=answer.trace_id)
        source = _text(contact["source"]) if "source" in contact else None
        return WrittenContact(contact_id, answer.body.get("new") is True, source, answer.trace_id)

    def source_of(self, location_id: str, contact_id: str, *, deadline: float) -> str:
        """The source that the contact's record names, "" when it names none.

        Raises TryAgain or Undeliverable by the table of fates.
        """
        answer = self._client.call("GET", "contacts", contact_id, location_id=location_id, deadline=deadline)
        contact = answer.body.get("contact")
        return _text(contact.get("source")) if isinstance(contact, dict) else ""

    def set_source(self, location_id: str, contact_id: str, source: str, *, deadline: float) -> None:
        """Says where a contact came from. Overwrites what it had, so ask first whether it had anything.

        Raises TryAgain or Undeliverable by the table of fates.
        """
        self._update(location_id, contact_id, {"source": source}, deadline)

    def _update_existing(
        self, location_id: str, contact_id: str, fields: dict[str, str], deadline: float
    ) -> WrittenContact:
        try:
            return self._update(location_id, contact_id, fields, deadline)
        except AlreadyExists:
            # E-mail and phone belong to two contacts: the lead lands on the one the API named first.
            rest = {name: value for name, value in fields.items() if name not in ("email", "phone")}
            return self._update(location_id, contact_id, rest, deadline)

    def _update(self, location_id: str, contact_id: str, fields: dict[str, str], deadline: float) -> WrittenContact:
        answer = self._client.call(
            "PUT", "contacts", contact_id,
            location_id=location_id, deadline=deadline, body=fields, known_fields=UPDATE_FIELDS,
        )  # fmt: skip
        # The contact was there before us, and whatever source it has is its own.
        return WrittenContact(contact_id, False, "its own", answer.trace_id)


def _allowed(fields: Mapping[str, str], allowed: frozenset[str]) -> dict[str, str]:
    return {name: value for name, value in fields.items() if name in allowed and value}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
