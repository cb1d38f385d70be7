"""The steps of one delivery: the contact first, then tags, note and tasks side by side, each of them once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from leads.core import readback
from leads.core.contact_record import ContactRecord
from leads.core.errors import GONE, LeadError, Misconfigured, TryAgain, Undeliverable
from leads.core.ledger import UNKNOWN, Claim, Progress
from leads.core.note import note_text
from leads.core.plan import Plan, PlannedTask
from leads.core.readback import Remark
from leads.core.recognition import FoundTask, is_there, recognised
from leads.flow.contact_step import Contacts, ContactStep, CustomFields

if TYPE_CHECKING:
    from concurrent.futures import Executor

# Calls to the CRM at the same time, all leads of this container together.
POOL = 16
DONE = "done"
# There was nothing to write.
NOTHING = "none"


class Tags(Protocol):
    """A contact's tags; both give the tags it has afterwards."""

    def add(self, location_id: str, contact_id: str, tags: Sequence[str], *, deadline: float) -> tuple[str, ...]: ...

    def remove(self, location_id: str, contact_id: str, tags: Sequence[str], *, deadline: float) -> tuple[str, ...]: ...


class Notes(Protocol):
    """A contact's notes; `find` gives the id of the one that ends in the reference."""

    def find(self, location_id: str, contact_id: str, reference: str, *, deadline: float) -> str | None: ...

    def create(self, location_id: str, contact_id: str, body: str, *, deadline: float) -> str: ...


class Tasks(Protocol):
    """A contact's tasks; `find` gives those that end in the reference."""

    def find(self, location_id: str, contact_id: str, reference: str, *, deadline: float) -> Sequence[FoundTask]: ...

    def create(
        self,
        location_id: str,
        contact_id: str,
        *,
        title: str,
        body: str,
        due_at: float,
        assigned_to: str,
        deadline: float,
    ) -> str: ...


class Crm(msgspec.Struct, frozen=True, kw_only=True):
    """Everything of the CRM that a delivery touches: Contacts, Tags, Notes, Tasks, CustomFields."""

    contacts: Any
    tags: Any
    notes: Any
    tasks: Any
    custom_fields: Any


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """How far the steps came, and what stopped the rest; `failure` is None when nothing is missing."""

    progress: Progress
    failure: Exception | None = None
    is_new_contact: bool | None = None
    trace_id: str | None = None


class Steps:
    """Takes what is missing of a lead's steps."""

    def __init__(self, crm: Crm) -> None:
        contacts: Contacts = crm.contacts
        custom_fields: CustomFields = crm.custom_fields
        self._contacts = contacts
        self._contact_step = ContactStep(contacts, custom_fields)
        self._tags: Tags = crm.tags
        self._notes: Notes = crm.notes
        self._tasks: Tasks = crm.tasks
        self._lock = threading.Lock()
        self._pool: Executor | None = None

    def take(self, plan: Plan, claim: Claim, *, deadline: float) -> Taken:
        """Everything that the plan says and no earlier attempt has done; never raises.

        deadline: epoch seconds after which no call of this may still be waiting.
        """
        names = step_names(plan)
        known = claim.progress if claim.progress.location_id in ("", plan.location_id) else Progress()
        states = {name: known.steps.get(name, UNKNOWN if claim.doubtful else "") for name in names}
        if known.contact_id and all(_is_done(state) for state in states.values()):
            return Taken(progress=known)
        try:
            record, remarks, states = self._contact(plan, claim, known, states, deadline)
        except Exception as failure:
            if not _may_have_happened(failure) and known is not claim.progress:
                # Nothing was done here, so what was done elsewhere is still all there is to know.
                return Taken(progress=claim.progress, failure=failure)
            if not _is_done(states["contact"]) and _may_have_happened(failure):
                states["contact"] = UNKNOWN
            progress = msgspec.structs.replace(known, location_id=plan.location_id, steps=_told(states))
            return Taken(progress=progress, failure=failure)
        try:
            failures = self._rest(plan, record, remarks, states, deadline, is_resumed=bool(claim.progress.steps))
        except Exception as failure:
            states |= {name: UNKNOWN for name, state in states.items() if not _is_done(state)}
            failures = [failure]
        progress = Progress(
            contact_id=record.contact_id,
            location_id=plan.location_id,
            steps=_told(states),
            remarks=tuple(remark.text for remark in remarks),
        )
        return Taken(
            progress=progress,
            failure=max(failures, key=_weight) if failures else None,
            is_new_contact=record.is_new,
            trace_id=record.trace_id,
        )

    def _contact(
        self, plan: Plan, claim: Claim, known: Progress, states: dict[str, str], deadline: float
    ) -> tuple[ContactRecord, list[Remark], dict[str, str]]:
        """The contact, written now or by an earlier attempt."""
        if known.contact_id and _is_done(states["contact"]):
            record = self._contacts.read(plan.location_id, known.contact_id, deadline=deadline)
            if record is not None:
                return record, [Remark(field="", text=text) for text in known.remarks], states
            # Deleted, or merged into another one that has our note and tasks now.
            states = dict.fromkeys(states, UNKNOWN)
        may_be_there = bool(states["contact"])
        since = claim.first_seen_at if may_be_there else None
        written = self._contact_step(plan, seen_since=since, deadline=deadline)
        states["contact"] = written.record.contact_id
        if written.record.is_new:
            # Nothing can hang on a contact that was not there.
            states = {name: state if _is_done(state) else "" for name, state in states.items()}
        return written.record, list(written.remarks), states

    def _rest(
        self,
        plan: Plan,
        record: ContactRecord,
        remarks: list[Remark],
        states: dict[str, str],
        deadline: float,
        *,
        is_resumed: bool,
    ) -> list[Exception]:
        """Takes what is missing besides the contact; writes what became of each into `states` and `remarks`."""
        where = (plan.location_id, record.contact_id)
        failures: dict[str, Exception] = {}
        if not record.is_new and _may_hang_there(states, is_resumed):
            try:
                self._recognise_tasks(plan, where, states, deadline)
            except LeadError as failure:
                failures["task"] = _passing(failure)
        work: dict[str, Callable[[], str]] = {}
        if "tags" in states and not _is_done(states["tags"]):
            work["tags"] = partial(self._set_tags, plan, record, remarks, deadline)
        if not _is_done(states["note"]):
            text, look = note_text(plan, remarks), states["note"] == UNKNOWN
            work["note"] = partial(self._write_note, plan, where, text, look, deadline)
        for name, task in zip(task_names(plan), plan.tasks, strict=True):
            if not _is_done(states[name]) and "task" not in failures:
                owner = task.assigned_to or record.assigned_to
                work[name] = partial(self._write_task, plan, where, task, owner, remarks, deadline)
        for name, result in self._side_by_side(work).items():
            if isinstance(result, Exception):
                failures[name] = _passing(result)
                states[name] = UNKNOWN if _may_have_happened(result) else states[name]
            else:
                states[name] = result
        return list(failures.values())

    def _recognise_tasks(self, plan: Plan, where: tuple[str, str], states: dict[str, str], deadline: float) -> None:
        """Puts into `states` which tasks are there. A recorded task that is not listed is done with all the same."""
        found = self._tasks.find(*where, plan.reference, deadline=deadline)
        listed = {task.task_id for task in found}
        for name, task_id in zip(task_names(plan), recognised(plan.tasks, found), strict=True):
            if task_id or not _is_done(states[name]) or states[name] in listed:
                states[name] = task_id

    def _set_tags(self, plan: Plan, record: ContactRecord, remarks: list[Remark], deadline: float) -> str:
        """Adds what is missing; of the tags that name a lifecycle stage only the plan's stays."""
        where = (plan.location_id, record.contact_id)
        has = set(record.tags)
        if not set(plan.tags) <= has:
            now_has = self._tags.add(*where, plan.tags, deadline=deadline)
            if now_has and (missing := set(plan.tags).difference(now_has)):
                remarks.append(readback.tags_not_kept(len(missing)))
            has |= set(now_has)
        if plan.stage is not None:
            stage = plan.stage
            others = sorted(tag for tag in has if tag.startswith(stage.prefix) and tag != stage.tag)
            left = self._tags.remove(*where, others, deadline=deadline) if others else ()
            if left and stage.tag not in left:
                # Somebody set another stage at the same moment and took ours for the old one.
                self._tags.add(*where, [stage.tag], deadline=deadline)
        return DONE

    def _write_note(self, plan: Plan, where: tuple[str, str], text: str, look: bool, deadline: float) -> str:
        if not text:
            return NOTHING
        if look and (found := self._notes.find(*where, plan.reference, deadline=deadline)):
            return found
        try:
            return self._notes.create(*where, text, deadline=deadline)
        except Undeliverable:
            # The CRM has been seen to refuse and to write all the same (highlevel-api-docs issue 64).
            with _in_doubt():
                found = self._notes.find(*where, plan.reference, deadline=deadline)
            if found:
                return found
            raise

    def _write_task(
        self,
        plan: Plan,
        where: tuple[str, str],
        task: PlannedTask,
        owner: str,
        remarks: list[Remark],
        deadline: float,
    ) -> str:
        def write(assigned_to: str) -> str:
            return self._tasks.create(
                *where, title=task.title, body=task.body, due_at=task.due_at, assigned_to=assigned_to, deadline=deadline
            )

        try:
            return write(owner)
        except Undeliverable as refusal:
            # Refused and perhaps written all the same, as notes are; else perhaps for a user who has left.
            with _in_doubt():
                found = self._tasks.find(*where, plan.reference, deadline=deadline)
            if task_id := is_there(task, found):
                return task_id
            if refusal.reason == GONE or not owner or (refusal.fields and "assignedTo" not in refusal.fields):
                raise
        task_id = write("")
        remarks.append(readback.assignee_refused(owner))
        return task_id

    def _side_by_side(self, work: dict[str, Callable[[], str]]) -> dict[str, str | Exception]:
        if len(work) <= 1:
            return {name: _result(each) for name, each in work.items()}
        from concurrent.futures import wait

        pool = self._executor()
        running = {name: pool.submit(_result, each) for name, each in work.items()}
        # Whatever one of them meets: when this returns, none is under way any more.
        wait(running.values())
        return {name: each.result() for name, each in running.items()}

    def _executor(self) -> Executor:
        with self._lock:
            if self._pool is None:
                from concurrent.futures import ThreadPoolExecutor

                self._pool = ThreadPoolExecutor(POOL, thread_name_prefix="steps")
            return self._pool


def task_names(plan: Plan) -> list[str]:
    """The tasks' names in the ledger: they are told apart by their place in the route, not by what they say."""
    return [f"task {number}" for number in range(1, len(plan.tasks) + 1)]


def step_names(plan: Plan) -> list[str]:
    """Every step that the plan has, as the ledger names it."""
    return ["contact", *(["tags"] if plan.tags else []), "note", *task_names(plan)]


def _may_hang_there(states: dict[str, str], is_resumed: bool) -> bool:
    """Whether tasks of this lead may be there, and it is not certain which.

    A route that was edited between two attempts counts its tasks anew, so a recorded one may be another's.
    """
    tasks = [state for name, state in states.items() if name.startswith("task")]
    is_begun = UNKNOWN in tasks or (is_resumed and any(tasks))
    return is_begun and not all(_is_done(state) for state in tasks)


def _is_done(state: str) -> bool:
    return state not in ("", UNKNOWN)


def _told(states: dict[str, str]) -> dict[str, str]:
    """The states worth writing down: what did not happen is not named."""
    return {name: state for name, state in states.items() if state}


def _result(work: Callable[[], str]) -> str | Exception:
    try:
        return work()
    except Exception as failure:
        return failure


@contextmanager
def _in_doubt() -> Iterator[None]:
    """As long as nobody could look what a refused write has done, it may have happened."""
    try:
        yield
    except TryAgain as failure:
        failure.ambiguous = True
        raise


def _passing(failure: Exception) -> Exception:
    """The failure; but a contact that is gone in the middle of its steps is looked up anew by the next attempt."""
    if isinstance(failure, Undeliverable) and failure.reason == GONE:
        return TryAgain(GONE, failure.detail, trace_id=failure.trace_id)
    return failure


def _may_have_happened(failure: Exception) -> bool:
    """Whether the CRM may have done what it did not confirm; a refused write has been seen to exist all the same."""
    if isinstance(failure, TryAgain):
        return failure.ambiguous
    return not isinstance(failure, Misconfigured)


def _weight(failure: Exception) -> tuple[int, float]:
    """Which of several failures decides: as long as one of them may pass, the lead is tried again."""
    if isinstance(failure, TryAgain):
        return (2 if failure.counts else 1), failure.retry_after or 0.0
    return (0, 0.0) if isinstance(failure, Undeliverable) else (3, 0.0)
