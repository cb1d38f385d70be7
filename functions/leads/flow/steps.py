"""The steps of one delivery: the contact first, then what follows it; how far they came is known whatever happens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from leads.core.errors import TryAgain, Undeliverable
from leads.core.ledger import UNKNOWN, Claim, Progress, Standing
from leads.core.plan import Plan
from leads.core.readback import Remark
from leads.core.recognition import FoundTask
from leads.core.step_states import CONTACT, NOTE, NOTHING, TASK, in_doubt, is_done, step_names, worth_telling
from leads.flow.contact_step import Contacts, ContactStep, CustomFields, Written
from leads.flow.follow_up import FollowUp, has_tags, may_have_happened
from leads.flow.mirror import Mirror

if TYPE_CHECKING:
    from leads.flow.conversion_step import Conversions


class Crm(msgspec.Struct, frozen=True, kw_only=True):
    """Everything of the CRM that a delivery touches: Contacts, Tags, Notes, Tasks, CustomFields."""

    contacts: Any
    tags: Any
    notes: Any
    tasks: Any
    custom_fields: Any


class Shelf(Protocol):
    """A contact's notes or tasks; removing what is gone already is a success."""

    def find(self, location_id: str, contact_id: str, reference: str, *, deadline: float) -> Any: ...

    def delete(self, location_id: str, contact_id: str, removed_id: str, *, deadline: float) -> None: ...


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """How far the steps came, and what stopped the rest; `failure` is None when nothing is missing.

    is_nothing_new: the contact had everything already, and nothing was written.
    """

    progress: Progress
    failure: Exception | None = None
    is_new_contact: bool | None = None
    trace_id: str | None = None
    is_nothing_new: bool = False


class Steps:
    """Takes what is missing of a lead's steps. conversions: None where nobody is told of a delivery."""

    def __init__(self, crm: Crm, conversions: Conversions | None = None) -> None:
        contacts: Contacts = crm.contacts
        custom_fields: CustomFields = crm.custom_fields
        self._contacts = contacts
        self._notes: Shelf = crm.notes
        self._tasks: Shelf = crm.tasks
        self._contact_step = ContactStep(contacts, custom_fields)
        self._follow_up = FollowUp(crm.tags, crm.notes, crm.tasks, conversions)

    def take(self, plan: Plan, claim: Claim, *, deadline: float, mirror: Mirror | None = None) -> Taken:
        """Everything that the plan says and no earlier attempt has done; never raises.

        deadline: epoch seconds after which no call of this may still be waiting. mirror: for contacts that come from
        a CRM location themselves.
        """
        names = step_names(plan)
        known = claim.progress if claim.progress.location_id in ("", plan.location_id) else Progress()
        states = {name: known.steps.get(name, UNKNOWN if claim.doubtful else "") for name in names}
        if known.contact_id and all(is_done(state) for state in states.values()):
            return Taken(progress=known)
        try:
            written, states = self._contact(plan, claim, known, states, deadline, mirror)
        except Exception as failure:
            in_question = may_have_happened(failure)
            if not in_question and known is not claim.progress:
                # Nothing was done here, so what was done elsewhere is still all there is to know.
                return Taken(progress=claim.progress, failure=failure)
            if in_question and not is_done(states[CONTACT]):
                states[CONTACT] = UNKNOWN
            progress = msgspec.structs.replace(known, location_id=plan.location_id, steps=worth_telling(states))
            return Taken(progress=progress, failure=failure)
        plan, record, remarks = written.plan, written.record, list(written.remarks)
        is_nothing_new = plan.is_update and not written.wrote and has_tags(plan, record.tags)
        try:
            failures = self._follow_up(plan, record, remarks, states, deadline, is_resumed=bool(claim.progress.steps))
        except Exception as failure:
            states = in_doubt(states)
            failures = [failure]
        progress = Progress(
            contact_id=record.contact_id,
            location_id=plan.location_id,
            steps=worth_telling(states),
            remarks=tuple(remark.text for remark in remarks),
        )
        return Taken(
            progress=progress,
            failure=max(failures, key=_weight) if failures else None,
            is_new_contact=record.is_new,
            trace_id=record.trace_id,
            is_nothing_new=is_nothing_new,
        )

    def remove(self, copy: Standing, reference: str, *, deadline: float) -> None:
        """Removes the note or task that a copy consists of. Raises TryAgain or Undeliverable by the table of fates.

        reference: by which one is recognised that may have been written without anybody hearing of it.
        """
        where = (copy.location_id, copy.contact_id or "")
        for name, state in copy.steps.items():
            shelf = self._notes if name == NOTE else self._tasks if name.startswith(TASK) else None
            if shelf is None or state == NOTHING:
                continue
            made = [state] if is_done(state) else _ids(shelf.find(*where, reference, deadline=deadline))
            for each in made:
                shelf.delete(*where, each, deadline=deadline)

    def _contact(
        self,
        plan: Plan,
        claim: Claim,
        known: Progress,
        states: dict[str, str],
        deadline: float,
        mirror: Mirror | None,
    ) -> tuple[Written, dict[str, str]]:
        """The contact, written now or by an earlier attempt."""
        if known.contact_id and is_done(states[CONTACT]):
            record = self._contacts.read(plan.location_id, known.contact_id, deadline=deadline)
            if record is not None:
                plan = mirror.on_found(record.contact_id) if mirror else plan
                return Written(plan, record, tuple(Remark(field="", text=text) for text in known.remarks)), states
            # Deleted, or merged into another one that has our note and tasks now.
            states = dict.fromkeys(states, UNKNOWN)
        may_be_there = bool(states[CONTACT])
        since = claim.first_seen_at if may_be_there else None
        written = self._contact_step(plan, seen_since=since, deadline=deadline, mirror=mirror)
        states[CONTACT] = written.record.contact_id
        if written.record.is_new:
            # Nothing can hang on a contact that was not there.
            states = {name: state if is_done(state) else "" for name, state in states.items()}
        return written, states


def _weight(failure: Exception) -> tuple[int, float]:
    """Which of several failures decides: as long as one of them may pass, the lead is tried again."""
    if isinstance(failure, TryAgain):
        return (2 if failure.counts else 1), failure.retry_after or 0.0
    return (0, 0.0) if isinstance(failure, Undeliverable) else (3, 0.0)


def _ids(found: str | Sequence[FoundTask] | None) -> list[str]:
    """The ids of what a look-up has found: the id of a note, or tasks."""
    if isinstance(found, str):
        return [found]
    return [task.task_id for task in found or ()]
