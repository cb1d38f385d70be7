"""The webhook events of the CRM: which there are, and what stands in each."""

import uuid
from collections.abc import Mapping
from typing import Any

from infra.local.sandbox.moments import now

# An app of the marketplace; on the vendor's side both are ids of 24 hexadecimal digits.
APP_ID = "698de27f462dc22d054c5cf5"
VERSION_ID = "698de27f462dc22d054c5cf6"

_CONTACT = (
    *("id", "firstName", "lastName", "name", "email", "phone", "companyName", "address1", "city", "state", "country"),
    *("postalCode", "website", "source", "dateAdded", "dateOfBirth", "dnd", "tags", "assignedTo", "customFields"),
)
_NOTE = ("id", "body", "contactId", "dateAdded")
_TASK = ("id", "title", "body", "contactId", "assignedTo", "dateAdded", "dueDate")
_OPPORTUNITY = (
    *("id", "assignedTo", "contactId", "monetaryValue", "name", "pipelineId", "pipelineStageId", "source", "status"),
    "dateAdded",
)

# What each event shows of its record: docs/webhook events in highlevel-api-docs, a page per event. `attachments` of
# the contact pages is never filled (issue 324), notes are shown by this list only (issue 312).
FIELDS: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("ContactCreate", "ContactUpdate", "ContactTagUpdate", "ContactDelete"), _CONTACT),
    "ContactDndUpdate": (*_CONTACT, "dndSettings"),
    **dict.fromkeys(("NoteCreate", "NoteUpdate", "NoteDelete"), _NOTE),
    # Its page promises contactId and body as well; neither comes: issue 332.
    "TaskCreate": ("id", "title", "assignedTo", "dateAdded", "dueDate"),
    **dict.fromkeys(("TaskComplete", "TaskDelete"), _TASK),
    **dict.fromkeys(
        (
            *("OpportunityCreate", "OpportunityDelete", "OpportunityUpdate", "OpportunityStatusUpdate"),
            *("OpportunityStageUpdate", "OpportunityMonetaryValueUpdate", "OpportunityAssignedToUpdate"),
        ),
        _OPPORTUNITY,
    ),
}


def event(kind: str, location: str, record: Mapping[str, Any]) -> dict[str, Any]:
    """One webhook's payload: flat, empty fields left out, with a fresh webhookId and the present time.

    `record` is the contact, note, task or opportunity as the API shows it, tasks with their dateAdded; what the
    event does not show of it is left out. KeyError for an event that does not exist.
    The last four fields are on no event page; real deliveries have them (highlevel-api-docs issue 264).
    """
    shown = {name: record[name] for name in FIELDS[kind] if record.get(name) not in (None, "", [], {})}
    if len(shown.get("dateOfBirth", "")) == len("1990-12-10"):
        shown["dateOfBirth"] += "T00:00:00.000Z"  # a date when it is read, a moment in a webhook
    return {
        "type": kind,
        "locationId": location,
        **shown,
        "timestamp": now(),
        "webhookId": str(uuid.uuid4()),
        "versionId": VERSION_ID,
        "appId": APP_ID,
    }
