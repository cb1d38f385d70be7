"""The API's contact object, read tolerantly."""

from __future__ import annotations

from typing import Any

from leads.core.contact_record import ContactRecord
from leads.core.errors import TryAgain
from leads.crm import reading


def record_of(contact: Any, *, is_new: bool = False, was_write: bool = False, trace_id: str | None) -> ContactRecord:
    """The API's contact object, of which nothing but the id is certain.

    Raises TryAgain when there is none; ambiguous after a write, which was a success, whatever it did.
    """
    contact_id = reading.text(contact.get("id")) if isinstance(contact, dict) else ""
    if not contact_id:
        detail = "the answer names no contact"
        raise TryAgain("contacts_api_unexpected", detail, ambiguous=was_write, trace_id=trace_id)
    return ContactRecord(
        contact_id=contact_id,
        is_new=is_new,
        email=reading.text(contact.get("email")),
        phone=reading.text(contact.get("phone")),
        source=reading.text(contact.get("source")),
        assigned_to=reading.text(contact.get("assignedTo")),
        tags=reading.texts(contact.get("tags")),
        added_at=reading.moment(contact.get("dateAdded")),
        echo=contact,
        trace_id=trace_id,
    )
