"""What a dry run says of each row of a file: Pinterest's own word, or why Pinterest is not asked."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console

from infra.cli.conversions.shown import faults, rows, say
from leads.core.conversion import Event

# Pinterest's word; or the row is no event, or the function would not tell Pinterest of it.
TAKEN, REFUSED, BAD, NOT_TOLD = "taken", "refused", "bad", "not_told"
# Verdict → the title above the rows.
_TITLES: Mapping[str, str] = {
    BAD: "{} cannot be sent:",
    NOT_TOLD: "Pinterest would not be told of {}:",
    REFUSED: "Pinterest would refuse {}:",
}
# So many numbers of rows with the same fault are shown.
MOST_NUMBERS = 5


def verdict_on(
    number: int, verdict: str, reason: str, detail: str, event: Event | None = None, warnings: Sequence[str] = ()
) -> dict[str, Any]:
    """A row's verdict as JSON. verdict: see above; reason: a code, "" for what is taken; event: None for a bad row."""
    return {
        "row": number,
        "event_id": event.known_as if event else "",
        "verdict": verdict,
        "taken": verdict == TAKEN,
        "reason": reason,
        "detail": detail,
        "warnings": list(warnings),
    }


def show(console: Console, told: Mapping[str, Any]) -> None:
    """What would become of a file's rows: what is wrong with them here, and what Pinterest said."""
    found = told["verdicts"]
    for verdict, title in _TITLES.items():
        _alike(console, title, [(it["row"], it["reason"], it["detail"]) for it in found if it["verdict"] == verdict])
    warned = [(it["row"], "warning", ", ".join(it["warnings"])) for it in found if it["warnings"]]
    _alike(console, "Pinterest would complain about {}:", warned)
    taken = sum(it["taken"] for it in found)
    say(console, f"Pinterest would take {taken} of {rows(len(found))}. Nothing was sent.")


def _alike(console: Console, title: str, found: Sequence[tuple[int, str, str]]) -> None:
    """Row, reason and detail of rows, those with the same reason and detail in one line. title: {} is how many."""
    if not found:
        return
    numbers: dict[tuple[str, str], list[int]] = {}
    for number, reason, detail in found:
        numbers.setdefault((reason, detail), []).append(number)
    merged = [{"row": _numbers(some), "reason": reason, "detail": detail} for (reason, detail), some in numbers.items()]
    faults(console, merged, title.format(rows(len(found))))


def _numbers(some: Sequence[int]) -> str:
    """`3, 4, 7`, and of many how many more."""
    named = ", ".join(map(str, some[:MOST_NUMBERS]))
    more = len(some) - MOST_NUMBERS
    return f"{named} and {more} more" if more > 0 else named
