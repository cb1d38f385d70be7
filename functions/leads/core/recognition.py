"""Which of a lead's tasks are in the CRM already: what an earlier attempt wrote is not written again."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from leads.core.answers import folded
from leads.core.plan import PlannedTask

# The CRM may keep less of a moment than it was given.
_SAME_MOMENT = 60.0


class FoundTask(msgspec.Struct, frozen=True, kw_only=True):
    """A task of this lead as the CRM shows it; due_at: epoch seconds, None when it does not tell."""

    task_id: str
    title: str
    due_at: float | None


def recognised(planned: Sequence[PlannedTask], found: Sequence[FoundTask]) -> list[str]:
    """For each planned task the id of the one that is it, "" where there is none; each task is taken once.

    By title and time, then by the time alone (titles are edited, and shown with their own idea of `&`), then by the
    title alone.
    """
    ids = [""] * len(planned)
    left = list(found)
    for is_it in (_same, _same_time, _same_title):
        for at, task in enumerate(planned):
            match = None if ids[at] else next((each for each in left if is_it(task, each)), None)
            if match:
                ids[at] = match.task_id
                left.remove(match)
    return ids


def is_there(task: PlannedTask, found: Sequence[FoundTask]) -> str:
    """The id of the task with this title and time, "" when none has both."""
    return next((each.task_id for each in found if _same(task, each)), "")


def _same_time(task: PlannedTask, found: FoundTask) -> bool:
    return found.due_at is not None and abs(found.due_at - task.due_at) < _SAME_MOMENT


def _same_title(task: PlannedTask, found: FoundTask) -> bool:
    return folded(found.title) == folded(task.title)


def _same(task: PlannedTask, found: FoundTask) -> bool:
    return _same_time(task, found) and _same_title(task, found)
