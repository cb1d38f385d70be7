"""Every change to the CRM's records, and the webhook events that follow from it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from infra.local.sandbox.directory import Contact, Directory, merged_tags, new_id
from infra.local.sandbox.moments import now

Tell = Callable[[str, str, str, Mapping[str, Any]], None]
"""Event, location id, contact id, and the record as the API shows it."""

# Which properties of a contact an event of their own reports; inboundDndSettings are reported by none: issue 264.
_DND = {"dnd", "dndSettings"}
_ELSEWHERE = {"tags", "inboundDndSettings"}
_OPPORTUNITY_EVENTS = {
    "status": "OpportunityStatusUpdate",
    "pipelineStageId": "OpportunityStageUpdate",
    "monetaryValue": "OpportunityMonetaryValueUpdate",
    "assignedTo": "OpportunityAssignedToUpdate",
    "name": "OpportunityUpdate",
    "source": "OpportunityUpdate",
}
_OPPORTUNITY_MOMENTS = {"status": "lastStatusChangeAt", "pipelineStageId": "lastStageChangeAt"}


class Records:
    """Changes to a directory; the caller serialises access, so that events are told in the order of the changes."""

    def __init__(self, directory: Directory, tell: Tell) -> None:
        self._directory = directory
        self._tell = tell

    def create(self, location_id: str, body: Mapping[str, Any]) -> Contact:
        contact = self._directory.create(location_id, body)
        self._tell_of(contact, "ContactCreate")
        return contact

    def upsert(self, location_id: str, body: Mapping[str, Any]) -> tuple[Contact, bool]:
        """The contact that e-mail, then phone, lead to, changed; or one that is made; and whether it is new."""
        contact, ignored = self._directory.match(location_id, body)
        if contact is None:
            return self.create(location_id, body), True
        self.change(contact, {key: value for key, value in body.items() if key not in ignored})
        return contact, False

    def change(self, contact: Contact, body: Mapping[str, Any]) -> None:
        """Write what `body` names, as the directory does; what stays as it was is told to nobody."""
        changed = self._directory.change(contact, body)
        if changed - _ELSEWHERE:
            self._tell_of(contact, "ContactUpdate")
        if "tags" in changed:
            self._tell_of(contact, "ContactTagUpdate")
        if changed & _DND:
            self._tell_of(contact, "ContactDndUpdate")

    def add_tags(self, contact: Contact, tags: Sequence[str]) -> None:
        self.change(contact, {"tags": merged_tags(contact.tags, tags)})

    def remove_tags(self, contact: Contact, tags: Sequence[str]) -> None:
        gone = merged_tags(tags)
        self.change(contact, {"tags": [tag for tag in contact.tags if tag not in gone]})

    def remove(self, contact: Contact) -> None:
        self._directory.remove(contact)
        self._tell_of(contact, "ContactDelete")

    def add_note(self, contact: Contact, body: Mapping[str, Any]) -> dict[str, Any]:
        note = {"id": new_id(), **body, "contactId": contact.id, "dateAdded": now()}
        contact.notes[note["id"]] = note
        self._tell("NoteCreate", contact.location_id, contact.id, note)
        return note

    def change_note(self, contact: Contact, note_id: str, body: Mapping[str, Any]) -> dict[str, Any]:
        note, before = contact.notes[note_id], dict(contact.notes[note_id])
        note.update(body)
        if note != before:
            self._tell("NoteUpdate", contact.location_id, contact.id, note)
        return note

    def remove_note(self, contact: Contact, note_id: str) -> None:
        self._tell("NoteDelete", contact.location_id, contact.id, contact.notes.pop(note_id))

    def add_task(self, contact: Contact, body: Mapping[str, Any]) -> dict[str, Any]:
        task = {"id": new_id(), **body, "contactId": contact.id}
        contact.tasks[task["id"]] = task
        contact.task_added_at[task["id"]] = now()
        self._tell("TaskCreate", contact.location_id, contact.id, contact.task(task["id"]))
        return task

    def change_task(self, contact: Contact, task_id: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """There is no event for a changed task, only for one that is completed."""
        task, was_completed = contact.tasks[task_id], contact.tasks[task_id].get("completed")
        task.update(body)
        if task.get("completed") and not was_completed:
            self._tell("TaskComplete", contact.location_id, contact.id, contact.task(task_id))
        return task

    def remove_task(self, contact: Contact, task_id: str) -> None:
        self._tell("TaskDelete", contact.location_id, contact.id, contact.task(task_id))
        del contact.tasks[task_id], contact.task_added_at[task_id]

    def add_opportunity(self, contact: Contact, body: Mapping[str, Any]) -> dict[str, Any]:
        moment, pipeline = now(), self._directory.pipelines[0]
        found = {
            "id": new_id(),
            "name": contact.name,
            "pipelineId": pipeline["id"],
            "pipelineStageId": pipeline["stages"][0]["id"],
            "status": "open",
            **body,
            "contactId": contact.id,
            "locationId": contact.location_id,
            **dict.fromkeys(("createdAt", "updatedAt", "lastStatusChangeAt", "lastStageChangeAt"), moment),
        }
        self._directory.opportunities[found["id"]] = found
        self._tell_opportunity("OpportunityCreate", found)
        return found

    def change_opportunity(self, opportunity_id: str, body: Mapping[str, Any]) -> dict[str, Any]:
        found = self._directory.opportunities[opportunity_id]
        changed = [name for name in _OPPORTUNITY_EVENTS if name in body and body[name] != found.get(name)]
        moment = now()
        found.update({name: body[name] for name in changed})
        found.update({_OPPORTUNITY_MOMENTS[name]: moment for name in changed if name in _OPPORTUNITY_MOMENTS})
        if changed:
            found["updatedAt"] = moment
        for kind in dict.fromkeys(_OPPORTUNITY_EVENTS[name] for name in changed):
            self._tell_opportunity(kind, found)
        return found

    def remove_opportunity(self, opportunity_id: str) -> None:
        self._tell_opportunity("OpportunityDelete", self._directory.opportunities.pop(opportunity_id))

    def _tell_of(self, contact: Contact, kind: str) -> None:
        self._tell(kind, contact.location_id, contact.id, contact.shown())

    def _tell_opportunity(self, kind: str, found: Mapping[str, Any]) -> None:
        record = {**found, "dateAdded": found["createdAt"]}
        self._tell(kind, found["locationId"], found["contactId"], record)
