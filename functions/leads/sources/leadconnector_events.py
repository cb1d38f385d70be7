"""LeadConnector's events: which ones are taken, what each is about, and the ids it goes by.

Sources: the API's documents of webhook events (one page each) and of the Custom Webhook action of workflows.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import msgspec

from leads.core.lead import plain_id

CONTACTS, NOTES, TASKS = "contacts", "notes", "tasks"
WORKFLOW = "Workflow"


class Kind(msgspec.Struct, frozen=True):
    """What an event is about.

    name: how it is opened. form: the lead's form. lead_id: how the record's id becomes the lead's.
    of_contact: the record that counts is the contact, not the one the event names (an opportunity).
    """

    name: str
    form: str
    lead_id: str = "{}"
    of_contact: bool = False


_CONTACT = Kind("contact", CONTACTS)
_OPPORTUNITY = Kind("opportunity", CONTACTS, of_contact=True)

# Any other type is answered with success and left alone. A removal has an id of its own, so that it takes nothing
# from what the ledger knows of the record.
KINDS: Mapping[str, Kind] = {
    "ContactCreate": _CONTACT,
    "ContactUpdate": _CONTACT,
    "ContactTagUpdate": _CONTACT,
    "ContactDndUpdate": _CONTACT,
    "ContactDelete": Kind("contact_removed", CONTACTS, "{}-removed"),
    "OpportunityCreate": _OPPORTUNITY,
    "OpportunityUpdate": _OPPORTUNITY,
    "OpportunityStatusUpdate": _OPPORTUNITY,
    "OpportunityStageUpdate": _OPPORTUNITY,
    "NoteCreate": Kind("note", NOTES, "note-{}"),
    "NoteDelete": Kind("removal", NOTES, "note-{}-removed"),
    "TaskCreate": Kind("task", TASKS, "task-{}"),
    "TaskDelete": Kind("removal", TASKS, "task-{}-removed"),
    WORKFLOW: Kind("workflow", CONTACTS),
}

_WORKFLOW_IDS = ("contact_id", "contactId", "id")


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One event's ids; all of them plain, so they may be logged.

    record_id: of the contact, note, task or opportunity that it names. contact_id: of the contact behind it, "" when
    it does not say; lead_id: what the ledger knows it by.
    """

    type: str
    kind: Kind
    location_id: str
    record_id: str
    contact_id: str

    @property
    def lead_id(self) -> str:
        return self.kind.lead_id.format(self.contact_id if self.kind.of_contact else self.record_id)


def flat(item: Mapping[str, Any]) -> dict[str, Any]:
    """An event's fields side by side: the documents show them flat, the guide's sample reads them under `data`."""
    inner = item.get("data")
    if not isinstance(inner, dict):
        return dict(item)
    return {**{name: value for name, value in item.items() if name != "data"}, **inner}


def event_of(payload: Mapping[str, Any]) -> Event | None:
    """The event in a payload of the platform's, or in what we keep of one; None for an event that is not taken.

    A contact without an id goes by its content; nothing else can be found again without one.
    """
    type_ = payload.get("type")
    kind = KINDS.get(type_) if isinstance(type_, str) else None
    if kind is None:
        return None
    record_id, contact_id = plain_id(payload.get("id")), plain_id(payload.get("contactId"))
    if kind.name in ("contact", "contact_removed", "workflow"):
        record_id = record_id or content_id(payload)
        contact_id = "" if record_id.startswith(_BY_CONTENT) else record_id
    event = Event(
        type=str(type_), kind=kind, location_id=plain_id(payload.get("locationId")),
        record_id=record_id, contact_id=contact_id,
    )  # fmt: skip
    return event if (contact_id if kind.of_contact else record_id) else None


def workflow_event(payload: Mapping[str, Any], location_id: str) -> Event:
    """The event that a workflow's Custom Webhook stands for: it says neither a type nor, for sure, an id or a place."""
    contact_id = next((found for name in _WORKFLOW_IDS if (found := plain_id(payload.get(name)))), "")
    return Event(
        type=WORKFLOW, kind=KINDS[WORKFLOW], location_id=location_id,
        record_id=contact_id or content_id(payload), contact_id=contact_id,
    )  # fmt: skip


def raw_of(event: Event, payload: Mapping[str, Any], sealed: Mapping[str, str]) -> dict[str, Any]:
    """What a queue message keeps of an event: ids in the clear, everything else sealed."""
    told = {
        "type": event.type,
        "locationId": event.location_id,
        "id": event.record_id,
        "contactId": event.contact_id,
        "webhookId": plain_id(payload.get("webhookId")),
        "timestamp": plain_id(payload.get("timestamp")),
    }
    return {**{name: value for name, value in told.items() if value}, "sealed": dict(sealed)}


_BY_CONTENT = "content-"


def content_id(payload: Mapping[str, Any]) -> str:
    """An id made of the content, the same for the same content in any order."""
    return _BY_CONTENT + digest_of(payload, 32)


def digest_of(value: Any, length: int) -> str:
    """The first `length` hex digits of the SHA-256 of a JSON value, whatever the order of its keys."""
    canonical = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(canonical.encode()).hexdigest()[:length]
