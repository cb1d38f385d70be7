"""What the people of a location do in the CRM's own pages: no token, no rate limit, and the same webhooks."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from infra.local.sandbox.api import ContactsApi, refuse_duplicate
from infra.local.sandbox.directory import Contact
from infra.local.sandbox.refusals import Refusal

_OPPORTUNITY = {
    **dict.fromkeys(("name", "pipelineId", "pipelineStageId", "source", "status", "assignedTo"), str),
    "monetaryValue": int | float,
}
_STATUSES = ("open", "won", "lost", "abandoned")


class Staff:
    """Changes records as somebody who is logged in does; every change is told as the API's own are.

    Fields are the API's, by its names. ValueError, in one sentence, for what the CRM would not take, KeyError for
    a contact, note, task or opportunity that is not there. Answers are the records as the API shows them.
    """

    def __init__(self, api: ContactsApi) -> None:
        self._api = api

    def create_contact(self, location: str, **fields: Any) -> dict[str, Any]:
        with self._api.lock:
            body = self._checked({**fields, "locationId": location}, "create contact")
            self._refuse_duplicate(body, location)
            return self._api.records.create(location, body).shown()

    def change_contact(self, contact_id: str, **fields: Any) -> dict[str, Any]:
        """Any field, also those that the API's own update does not take: gender and companyName."""
        with self._api.lock:
            contact = self._contact(contact_id)
            body = self._checked({**fields, "locationId": contact.location_id}, "create contact")
            self._refuse_duplicate(body, contact.location_id, contact.id)
            self._api.records.change(contact, body)
            return contact.shown()

    def delete_contact(self, contact_id: str) -> None:
        with self._api.lock:
            self._api.records.remove(self._contact(contact_id))

    def tag_contact(self, contact_id: str, *tags: str) -> dict[str, Any]:
        with self._api.lock:
            contact = self._contact(contact_id)
            self._api.records.add_tags(contact, tags)
            return contact.shown()

    def untag_contact(self, contact_id: str, *tags: str) -> dict[str, Any]:
        with self._api.lock:
            contact = self._contact(contact_id)
            self._api.records.remove_tags(contact, tags)
            return contact.shown()

    def add_note(self, contact_id: str, body: str, **fields: Any) -> dict[str, Any]:
        with self._api.lock:
            note = self._checked({"body": body, **fields}, "create note")
            return dict(self._api.records.add_note(self._contact(contact_id), note))

    def change_note(self, contact_id: str, note_id: str, **fields: Any) -> dict[str, Any]:
        with self._api.lock:
            note = self._checked(fields, "update note")
            return dict(self._api.records.change_note(self._contact(contact_id), note_id, note))

    def delete_note(self, contact_id: str, note_id: str) -> None:
        with self._api.lock:
            self._api.records.remove_note(self._contact(contact_id), note_id)

    def add_task(self, contact_id: str, title: str, **fields: Any) -> dict[str, Any]:
        """Open, and due in a day, unless the fields say otherwise."""
        due = (datetime.now(UTC) + timedelta(days=1)).isoformat(timespec="seconds").replace("+00:00", "Z")
        with self._api.lock:
            task = self._checked({"title": title, "dueDate": due, "completed": False, **fields}, "create task")
            return dict(self._api.records.add_task(self._contact(contact_id), task))

    def change_task(self, contact_id: str, task_id: str, **fields: Any) -> dict[str, Any]:
        with self._api.lock:
            task = self._checked(fields, "update task")
            return dict(self._api.records.change_task(self._contact(contact_id), task_id, task))

    def delete_task(self, contact_id: str, task_id: str) -> None:
        with self._api.lock:
            self._api.records.remove_task(self._contact(contact_id), task_id)

    def add_opportunity(self, contact_id: str, **fields: Any) -> dict[str, Any]:
        """name, status (open, won, lost, abandoned), pipelineId, pipelineStageId, monetaryValue, source, assignedTo."""
        with self._api.lock:
            return dict(self._api.records.add_opportunity(self._contact(contact_id), _opportunity(fields)))

    def change_opportunity(self, opportunity_id: str, **fields: Any) -> dict[str, Any]:
        with self._api.lock:
            return dict(self._api.records.change_opportunity(opportunity_id, _opportunity(fields)))

    def delete_opportunity(self, opportunity_id: str) -> None:
        with self._api.lock:
            self._api.records.remove_opportunity(opportunity_id)

    def _contact(self, contact_id: str) -> Contact:
        return self._api.directory.contacts[contact_id]

    def _checked(self, body: Mapping[str, Any], kind: str) -> dict[str, Any]:
        try:
            return self._api.checked(body, kind)
        except Refusal as refusal:
            raise ValueError(f"The CRM does not take that: {refusal}.") from None

    def _refuse_duplicate(self, body: Mapping[str, Any], location: str, own_id: str = "") -> None:
        try:
            refuse_duplicate(self._api, body, location, own_id)
        except Refusal as refusal:
            raise ValueError(str(refusal)) from None


def _opportunity(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    for name, value in fields.items():
        if name not in _OPPORTUNITY:
            raise ValueError(f"An opportunity has no {name!r}; it takes {', '.join(_OPPORTUNITY)}.")
        if not isinstance(value, _OPPORTUNITY[name]):
            raise ValueError(f"An opportunity's {name!r} cannot be {value!r}.")
    if fields.get("status", "open") not in _STATUSES:
        raise ValueError(f"An opportunity's 'status' is one of {', '.join(_STATUSES)}.")
    return fields
