"""A LeadConnector event on its way to a lead: the record is read again, as the event is only a hint.

Events come in any order and leave fields out (https://github.com/GoHighLevel/highlevel-api-docs/issues/332).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from leads.core.errors import Misconfigured, TryAgain, Undeliverable, Unwanted
from leads.core.lead import CopiedNote, CopiedTask, Envelope, Lead
from leads.core.marker import is_marked, plain
from leads.sources.leadconnector_answers import (
    added_at,
    answers_of,
    campaign_of,
    custom_values,
    moment,
    opportunity_answers,
    revision_of,
    workflow_answers,
)
from leads.sources.leadconnector_events import Event
from leads.sources.leadconnector_records import Pulled, Records

DELETED = "deleted_at_source"
ECHO = "echo"

# A search may not know yet what was made a moment ago; what it does not find after half an hour is not there.
_SEARCH_KNOWS = 1800.0
# The same of a record that is asked for by its id.
_RECORD_KNOWS = 300.0
_LOOK_AGAIN = 30.0


class Opening:
    """One event. sent: its content; pulled: what of it is fresh; deadline, now: epoch seconds."""

    def __init__(
        self,
        records: Records,
        envelope: Envelope,
        event: Event,
        sent: dict[str, Any],
        pulled: Pulled | None,
        *,
        deadline: float,
        now: float,
    ) -> None:
        self._records = records
        self._envelope = envelope
        self._event = event
        self._sent = sent
        self._pulled = pulled
        self._deadline = deadline
        self._now = now

    def lead(self) -> Lead:
        """The lead. Raises as LeadConnector.open does."""
        return _OPEN[self._event.kind.name](self)

    def contact(self) -> Lead:
        """A contact whose record is gone is delivered from what was sent: the person did leave it."""
        record = self._record()
        return self._contact_lead(record or self._sent, self._answers(record or self._sent), is_sent=record is None)

    def opportunity(self) -> Lead:
        """The contact behind an opportunity, and how far the opportunity has come."""
        record = self._record() or {}
        return self._contact_lead(record, {**self._answers(record), **opportunity_answers(self._opportunity())})

    def workflow(self) -> Lead:
        """What the workflow sent, in its own words too; what the record says of the same is newer."""
        record = self._record()
        told = workflow_answers(self._sent)
        return self._contact_lead(record or self._sent, {**told, **self._answers(record)} if record else told)

    def contact_removed(self) -> Lead:
        raise Unwanted(DELETED, "the contact was deleted in its location")

    def note(self) -> Lead:
        if not self._event.contact_id:
            raise _nobodys()
        note = self._fresh(self._records.note)
        if is_marked(note.get("body")):
            raise Unwanted(ECHO, "LeadRelay wrote this note itself")
        text = "\n\n".join(part for part in (plain(note.get("title")), plain(note.get("body"))) if part)
        if not text:
            raise Unwanted("nothing_to_copy", "the note is empty")
        return self._copy(note, CopiedNote(text=text))

    def task(self) -> Lead:
        task = self._found_task() if not self._event.contact_id else self._fresh(self._records.task)
        if is_marked(task.get("body")):
            raise Unwanted(ECHO, "LeadRelay wrote this task itself")
        copied = CopiedTask(
            title=plain(task.get("title")),
            body=plain(task.get("body")),
            due_at=moment(task.get("dueDate")),
            completed=task.get("completed") is True,
        )
        return self._copy(task, copied)

    def removal(self) -> Lead:
        """The copy of a note or task is to go; whether it was ever copied, the ledger knows."""
        removed = self._key(self._event.lead_id.removesuffix("-removed"))
        return self._lead(answers={}, contact_id=self._event.contact_id, removes=removed)

    def _record(self) -> dict[str, Any] | None:
        """The contact as it is now; None when it is gone, or cannot be read."""
        if self._pulled and self._event.kind.name == "contact":
            return self._pulled.record
        if not self._event.location_id or not self._event.contact_id:
            return None
        try:
            return self._own(
                self._records.contact(self._event.location_id, self._event.contact_id, deadline=self._deadline)
            )
        except Misconfigured:
            return None

    def _opportunity(self) -> dict[str, Any]:
        try:
            found = self._records.opportunity(self._event.location_id, self._event.record_id, deadline=self._deadline)
        except (Misconfigured, Undeliverable):
            found = None
        return self._own(found) or self._sent

    def _fresh(self, read: Callable[..., dict[str, Any] | None]) -> dict[str, Any]:
        """The note or task as it is now, as it was sent when the location has no token to read it with.

        Without its text nobody can tell whether LeadRelay wrote it; only a location without any token is one that
        LeadRelay never writes to.
        """
        if self._pulled:
            return self._pulled.record
        event = self._event
        try:
            found = read(event.location_id, event.contact_id, event.record_id, deadline=self._deadline)
        except Misconfigured:
            if "body" not in self._sent:
                raise
            return self._sent
        if found is None:
            raise self._gone("it", _RECORD_KNOWS)
        return {**self._sent, **found}

    def _found_task(self) -> dict[str, Any]:
        """A task whose event does not say whose it is, which is the rule."""
        event = self._event
        title = self._sent.get("title")
        found = self._records.task_anywhere(
            event.location_id, event.record_id, title if isinstance(title, str) else "", deadline=self._deadline
        )
        contact_id = found.get("contactId") if found else None
        if found is not None and "body" not in found and isinstance(contact_id, str) and contact_id:
            # What a search shows of a task is not documented, and by its text LeadRelay knows its own.
            found = self._records.task(event.location_id, contact_id, event.record_id, deadline=self._deadline)
        if found is not None:
            return {**self._sent, "contactId": contact_id, **found}
        raise self._gone("the task", _SEARCH_KNOWS)

    def _gone(self, what: str, patience: float) -> TryAgain | Unwanted:
        """What it means that something is not there: deleted, unless it was told of so lately that it may still come.

        It waits for a while and not for so many times: its attempts would be used up before.
        """
        received_at = moment(self._envelope.received_at)
        if self._pulled or received_at is None or self._now - received_at > patience:
            return Unwanted(DELETED, f"{what} was deleted before it could be copied")
        return TryAgain("record_not_there_yet", f"{what} cannot be read yet", retry_after=_LOOK_AGAIN, counts=False)

    def _copy(self, item: Mapping[str, Any], copied: CopiedNote | CopiedTask) -> Lead:
        contact_id = self._event.contact_id or str(item.get("contactId") or "")
        if not contact_id:
            raise _nobodys()
        record = self._pulled.contact if self._pulled else None
        if record is None:
            try:
                found = self._records.contact(self._event.location_id, contact_id, deadline=self._deadline)
            except Misconfigured:
                record = {}
            else:
                record = self._own(found)
                if record is None:
                    raise self._gone("its contact", _RECORD_KNOWS)
        return self._lead(answers=self._answers(record), made=item, contact_id=contact_id, copied=copied)

    def _contact_lead(self, record: Mapping[str, Any], answers: dict[str, Any], *, is_sent: bool = False) -> Lead:
        """is_sent: the record is what was sent, and as old as that."""
        changed = self._sent.get("timestamp") if is_sent else record.get("dateUpdated")
        return msgspec.structs.replace(
            self._lead(answers=answers, made=record),
            campaign=campaign_of(record),
            revision=revision_of(answers),
            changed_at=moment(changed),
        )

    def _lead(
        self,
        *,
        answers: dict[str, Any],
        made: Mapping[str, Any] | None = None,
        contact_id: str = "",
        copied: CopiedNote | CopiedTask | None = None,
        removes: str = "",
    ) -> Lead:
        return Lead(
            source=self._envelope.source,
            account=self._event.location_id,
            form=self._event.kind.form,
            lead_id=self._event.lead_id,
            ledger_key=self._key(self._event.lead_id),
            seal="",
            is_test=False,
            created_at=added_at(made or {}),
            answers=answers,
            copied=copied,
            contact_key=self._key(contact_id) if contact_id else "",
            removes=removes,
        )

    def _answers(self, record: Mapping[str, Any]) -> dict[str, Any]:
        keys: Mapping[str, str] = {}
        if custom_values(record) and self._event.location_id:
            keys = self._records.custom_field_keys(self._event.location_id, deadline=self._deadline)
        return answers_of(record, keys)

    def _own(self, record: dict[str, Any] | None) -> dict[str, Any] | None:
        """The record, unless it says that it belongs to another location."""
        if record is None or record.get("locationId") in (None, self._event.location_id):
            return record
        return None

    def _key(self, lead_id: str) -> str:
        return f"{self._envelope.source}#{self._event.location_id}#{lead_id}"


def _nobodys() -> Undeliverable:
    return Undeliverable("contact_unknown", "neither the event nor the record says whose note or task it is")


_OPEN: Mapping[str, Callable[[Opening], Lead]] = {
    "contact": Opening.contact,
    "opportunity": Opening.opportunity,
    "workflow": Opening.workflow,
    "contact_removed": Opening.contact_removed,
    "note": Opening.note,
    "task": Opening.task,
    "removal": Opening.removal,
}
