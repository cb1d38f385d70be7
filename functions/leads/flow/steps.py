"""The steps of one delivery: the contact first, then tags, note and tasks side by side, each of them once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from leads.core import readback
from leads.core.errors import LeadError, Misconfigured, TryAgain, Undeliverable
from leads.core.ledger import UNKNOWN, Claim, Progress
from leads.core.note import note_text
from leads.core.plan import Plan, PlannedTask
from leads.core.readback import Remark
from leads.flow.contact_step import ContactRecord, Contacts, ContactStep, CustomFields

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


class CreatedTask(Protocol):
    """A written task, without its assignee where the CRM does not know that user."""

    @property
    def task_id(self) -> str: ...
    @property
    def assignee_refused(self) -> bool: ...


class Tasks(Protocol):
    """A contact's tasks; `find` gives title and id of those that end in the reference."""

    def find(
        self, location_id: str, contact_id: str, reference: str, *, deadline: float
    ) -> Sequence[tuple[str, str]]: ...

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
    ) -> CreatedTask: ...


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
        progress = msgspec.structs.replace(known, location_id=plan.location_id, steps=_told(states))
        if known.contact_id and all(_is_done(state) for state in states.values()):
            return Taken(progress=progress)
        try:
            record, remarks, states = self._contact(plan, claim, known, states, deadline)
        except Exception as failure:
            if isinstance(failure, TryAgain) and failure.ambiguous:
                states["contact"] = states["contact"] or UNKNOWN
            return Taken(progress=msgspec.structs.replace(progress, steps=_told(states)), failure=failure)
        failures = self._rest(plan, record, remarks, states, deadline)
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
        """The contact, written now or by an earlier attempt; a contact that is gone takes its steps with it."""
        if known.contact_id and _is_done(states["contact"]):
            record = self._contacts.read(plan.location_id, known.contact_id, deadline=deadline)
            if record is not None:
                return record, [Remark(field="", text=text) for text in known.remarks], states
            states = dict.fromkeys(states, "")
        may_be_there = bool(states["contact"])
        since = claim.first_seen_at if may_be_there else None
        written = self._contact_step(plan, seen_since=since, deadline=deadline)
        states["contact"] = written.record.contact_id
        if written.record.is_new:
            # Nothing can hang on a contact that was not there.
            states = {name: state if _is_done(state) else "" for name, state in states.items()}
        return written.record, list(written.remarks), states

    def _rest(
        self, plan: Plan, record: ContactRecord, remarks: list[Remark], states: dict[str, str], deadline: float
    ) -> list[Exception]:
        """Takes what is missing besides the contact; writes what became of each into `states` and `remarks`."""
        where = (plan.location_id, record.contact_id)
        work: dict[str, Callable[[], str]] = {}
        try:
            if any(states[name] == UNKNOWN for name in states if name.startswith("task")):
                found = self._tasks.find(*where, plan.reference, deadline=deadline)
                states |= _recognised(plan.tasks, states, found)
        except Exception as failure:
            return [failure]
        if "tags" in states and not _is_done(states["tags"]):
            work["tags"] = partial(self._set_tags, plan, record, deadline)
        if "note" in states and not _is_done(states["note"]):
            text, look = note_text(plan, remarks), states["note"] == UNKNOWN
            work["note"] = partial(self._write_note, plan, where, text, look, deadline)
        for name, task in zip(task_names(plan), plan.tasks, strict=True):
            if not _is_done(states[name]):
                owner = task.assigned_to or record.assigned_to
                work[name] = partial(self._write_task, where, task, owner, remarks, deadline)
        failures: dict[str, Exception] = {}
        for name, result in self._side_by_side(work).items():
            if isinstance(result, Exception):
                failures[name] = result
                states[name] = UNKNOWN if _may_have_happened(result) else states[name]
            else:
                states[name] = result
        self._look_at_refused_tasks(plan, where, states, failures, deadline)
        return list(failures.values())

    def _look_at_refused_tasks(
        self,
        plan: Plan,
        where: tuple[str, str],
        states: dict[str, str],
        failures: dict[str, Exception],
        deadline: float,
    ) -> None:
        """The CRM has been seen to refuse and to write all the same (highlevel-api-docs issue 64)."""
        refused = [name for name in task_names(plan) if isinstance(failures.get(name), Undeliverable)]
        if not refused:
            return
        try:
            found = self._tasks.find(*where, plan.reference, deadline=deadline)
        except LeadError:
            return
        recognised = _recognised(plan.tasks, states, found)
        for name in refused:
            if recognised[name]:
                states[name] = recognised[name]
                del failures[name]

    def _set_tags(self, plan: Plan, record: ContactRecord, deadline: float) -> str:
        """Adds what is missing; of the tags that name a lifecycle stage only the plan's stays."""
        where = (plan.location_id, record.contact_id)
        has = record.tags
        if not set(plan.tags) <= set(has):
            has = self._tags.add(*where, plan.tags, deadline=deadline)
        if plan.stage is not None:
            stage = plan.stage
            others = [tag for tag in {*has, *record.tags} if tag.startswith(stage.prefix) and tag != stage.tag]
            if others:
                self._tags.remove(*where, sorted(others), deadline=deadline)
        return DONE

    def _write_note(self, plan: Plan, where: tuple[str, str], text: str, look: bool, deadline: float) -> str:
        if not text:
            return NOTHING
        if look and (found := self._notes.find(*where, plan.reference, deadline=deadline)):
            return found
        try:
            return self._notes.create(*where, text, deadline=deadline)
        except Undeliverable:
            # Refused, and perhaps written all the same, as tasks are.
            if found := self._notes.find(*where, plan.reference, deadline=deadline):
                return found
            raise

    def _write_task(
        self, where: tuple[str, str], task: PlannedTask, owner: str, late: list[Remark], deadline: float
    ) -> str:
        created = self._tasks.create(
            *where, title=task.title, body=task.body, due_at=task.due_at, assigned_to=owner, deadline=deadline
        )
        if created.assignee_refused:
            late.append(readback.assignee_refused(owner))
        return created.task_id

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


def _recognised(
    tasks: Sequence[PlannedTask], states: dict[str, str], found: Sequence[tuple[str, str]]
) -> dict[str, str]:
    """Which of the tasks are there already; those that are not have not been written."""
    left = [(title, task_id) for title, task_id in found if task_id not in states.values()]
    seen: dict[str, str] = {}
    for number, task in enumerate(tasks, start=1):
        name = f"task {number}"
        if states[name] != UNKNOWN:
            continue
        match = next((pair for pair in left if pair[0] == task.title), None)
        if match:
            left.remove(match)
        seen[name] = match[1] if match else ""
    return seen


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
