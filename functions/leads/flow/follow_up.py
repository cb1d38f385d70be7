"""What follows the contact: tags, note, tasks and word to the ad platform, side by side, each of them once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Protocol

from leads.core import readback
from leads.core.contact_record import ContactRecord
from leads.core.errors import GONE, LeadError, Misconfigured, TryAgain, Undeliverable
from leads.core.ledger import UNKNOWN
from leads.core.note import note_text
from leads.core.plan import Plan, PlannedTask
from leads.core.readback import Remark
from leads.core.recognition import FoundTask, is_there, recognised
from leads.core.step_states import CONVERSION, DONE, NOTE, NOTHING, TAGS, TASK, is_done, may_have_tasks, task_names

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from leads.flow.conversion_step import Conversions

# Calls to the CRM at the same time, all leads of this container together.
POOL = 16


class Tags(Protocol):
    """A contact's tags; both give the tags it has afterwards."""

    def add(self, location_id: str, contact_id: str, tags: Sequence[str], *, deadline: float) -> tuple[str, ...]: ...

    def remove(self, location_id: str, contact_id: str, tags: Sequence[str], *, deadline: float) -> tuple[str, ...]: ...


class Notes(Protocol):
    """A contact's notes; `find` gives the id of the one that has the marker of the reference."""

    def find(self, location_id: str, contact_id: str, reference: str, *, deadline: float) -> str | None: ...

    def create(self, location_id: str, contact_id: str, body: str, *, deadline: float) -> str: ...


class Tasks(Protocol):
    """A contact's tasks; `find` gives those that have the marker of the reference."""

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
        completed: bool = False,
        deadline: float,
    ) -> str: ...


class FollowUp:
    """Takes what is missing besides the contact. conversions: None where nobody is told of a delivery."""

    def __init__(self, tags: Tags, notes: Notes, tasks: Tasks, conversions: Conversions | None = None) -> None:
        self._tags = tags
        self._notes = notes
        self._tasks = tasks
        self._conversions = conversions
        self._lock = threading.Lock()
        self._pool: Executor | None = None

    def __call__(
        self,
        plan: Plan,
        record: ContactRecord,
        remarks: list[Remark],
        states: dict[str, str],
        deadline: float,
        *,
        is_resumed: bool,
    ) -> list[Exception]:
        """What failed; writes what became of each step into `states` and `remarks`.

        is_resumed: an earlier attempt has recorded steps. deadline: epoch seconds.
        """
        where = (plan.location_id, record.contact_id)
        failures: dict[str, Exception] = {}
        if not record.is_new and may_have_tasks(states, is_resumed=is_resumed):
            try:
                self._recognise_tasks(plan, where, states, deadline)
            except LeadError as failure:
                failures[TASK] = passing(failure)
        work: dict[str, Callable[[], str]] = {}
        if TAGS in states and not is_done(states[TAGS]):
            work[TAGS] = partial(self._set_tags, plan, record, remarks, deadline)
        if not is_done(states[NOTE]):
            text, look = note_text(plan, remarks), states[NOTE] == UNKNOWN
            work[NOTE] = partial(self._write_note, plan, where, text, look, deadline)
        for name, task in zip(task_names(plan), plan.tasks, strict=True):
            if not is_done(states[name]) and TASK not in failures:
                owner = task.assigned_to or record.assigned_to
                work[name] = partial(self._write_task, plan, where, task, owner, remarks, deadline)
        if CONVERSION in states and not is_done(states[CONVERSION]):
            work[CONVERSION] = partial(self._tell, plan, record)
        for name, result in self._side_by_side(work).items():
            if isinstance(result, Exception):
                failures[name] = passing(result)
                states[name] = UNKNOWN if may_have_happened(result) else states[name]
            else:
                states[name] = result
        return list(failures.values())

    def _recognise_tasks(self, plan: Plan, where: tuple[str, str], states: dict[str, str], deadline: float) -> None:
        """Puts into `states` which tasks are there. A recorded task that is not listed is done with all the same."""
        found = self._tasks.find(*where, plan.reference, deadline=deadline)
        listed = {task.task_id for task in found}
        for name, task_id in zip(task_names(plan), recognised(plan.tasks, found), strict=True):
            if task_id or not is_done(states[name]) or states[name] in listed:
                states[name] = task_id

    def _set_tags(self, plan: Plan, record: ContactRecord, remarks: list[Remark], deadline: float) -> str:
        """Adds what is missing; of the tags that name a lifecycle stage only the plan's stays."""
        where = (plan.location_id, record.contact_id)
        has = set(record.tags)
        if not set(plan.tags) <= has:
            now_has = self._add_tags(where, plan.tags, deadline)
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

    def _add_tags(self, where: tuple[str, str], tags: Sequence[str], deadline: float) -> tuple[str, ...]:
        """The tags that the contact has afterwards. One that the CRM refuses does not cost the others."""
        try:
            return self._tags.add(*where, tags, deadline=deadline)
        except Undeliverable as refusal:
            if refusal.reason == GONE or len(tags) == 1:
                raise
            has: tuple[str, ...] = ()
            for tag in tags:
                with suppress(Undeliverable):
                    has = self._tags.add(*where, [tag], deadline=deadline)
            if not set(tags) & set(has):
                raise refusal from None
            return has

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
                *where,
                title=task.title,
                body=task.body,
                due_at=task.due_at,
                assigned_to=assigned_to,
                completed=task.completed,
                deadline=deadline,
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

    def _tell(self, plan: Plan, record: ContactRecord) -> str:
        if self._conversions is None:
            return NOTHING
        # Late: most routes tell nobody of anything, and a cold start need not pay for it.
        from leads.flow.conversion_step import told

        return told(self._conversions, plan, record)

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


def has_tags(plan: Plan, tags: Sequence[str]) -> bool:
    """Whether a contact with these tags needs no other ones, and of stages has the plan's only."""
    other_stages = plan.stage and any(tag.startswith(plan.stage.prefix) and tag != plan.stage.tag for tag in tags)
    return set(plan.tags) <= set(tags) and not other_stages


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


def passing(failure: Exception) -> Exception:
    """The failure; but a contact that is gone in the middle of its steps is looked up anew by the next attempt."""
    if isinstance(failure, Undeliverable) and failure.reason == GONE:
        return TryAgain(GONE, failure.detail, trace_id=failure.trace_id)
    return failure


def may_have_happened(failure: Exception) -> bool:
    """Whether the CRM may have done what it did not confirm; a refused write has been seen to exist all the same."""
    if isinstance(failure, TryAgain):
        return failure.ambiguous
    return not isinstance(failure, Misconfigured)
