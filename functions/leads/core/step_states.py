"""The steps of a delivery by name, and the states in which the ledger keeps them."""

from __future__ import annotations

from leads.core.ledger import UNKNOWN
from leads.core.plan import Plan

DONE = "done"
# There was nothing to write.
NOTHING = "none"

CONTACT, TAGS, NOTE, TASK, CONVERSION = "contact", "tags", "note", "task", "conversion"


def task_names(plan: Plan) -> list[str]:
    """The tasks' names in the ledger, by their place in the route: a title may tell of the person."""
    return [f"{TASK} {number}" for number in range(1, len(plan.tasks) + 1)]


def step_names(plan: Plan) -> list[str]:
    """Every step that the plan has, as the ledger names it."""
    tags, told = [TAGS] if plan.tags else [], [CONVERSION] if plan.conversion else []
    return [CONTACT, *tags, NOTE, *task_names(plan), *told]


def is_done(state: str) -> bool:
    """Whether the step needs nothing more: its state is an id, DONE or NOTHING."""
    return state not in ("", UNKNOWN)


def worth_telling(states: dict[str, str]) -> dict[str, str]:
    """The states to write down: a step that did not happen is not named."""
    return {name: state for name, state in states.items() if state}


def in_doubt(states: dict[str, str]) -> dict[str, str]:
    """The states after something unforeseen: what is not known to be done may have happened."""
    return {name: state if is_done(state) else UNKNOWN for name, state in states.items()}


def may_have_tasks(states: dict[str, str], *, is_resumed: bool) -> bool:
    """Whether tasks of the lead may be there, and it is not certain which.

    A route that was edited between two attempts counts its tasks anew, so a recorded one may be another's.
    """
    tasks = [state for name, state in states.items() if name.startswith(TASK)]
    is_begun = UNKNOWN in tasks or (is_resumed and any(tasks))
    return is_begun and not all(is_done(state) for state in tasks)
