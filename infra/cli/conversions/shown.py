"""How conversions look on a terminal."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from infra.cli.conversions.event_items import EventItem
from infra.cli.conversions.reasons import meaning_of
from infra.cli.shown import add_row, clock, moment, plain_table, print_table, printable

# So many rows of a file are named; --json has all of them.
MOST_ROWS = 20
# So many numbers of rows with the same fault.
MOST_NUMBERS = 5
# What a dry run finds of rows → the title above those of which it is true.
_VERDICTS: Mapping[str, str] = {
    "bad": "{} cannot be sent:",
    "not_told": "Pinterest would not be told of {}:",
    "refused": "Pinterest would refuse {}:",
}
COLOURS = {"sent": "green", "failed": "red", "held": "yellow", "sending": "cyan", "ignored": "dim"}


def faults(console: Console, found: Sequence[Mapping[str, Any]], title: str) -> None:
    """The first rows of a file that something is wrong with: `row`, `reason` and `detail` of each."""
    _say(console, title, style="red")
    table = plain_table("row", "reason", "detail")
    for it in found[:MOST_ROWS]:
        add_row(table, str(it["row"]), it["reason"], it["detail"])
    print_table(console, table)
    if len(found) > MOST_ROWS:
        _say(console, f"… and {len(found) - MOST_ROWS} more; --json names all of them.")


def verdicts(console: Console, told: Mapping[str, Any]) -> None:
    """What would become of a file's rows: what is wrong with them here, and what Pinterest said."""
    found = told["verdicts"]
    for verdict, title in _VERDICTS.items():
        _alike(console, title, [(it["row"], it["reason"], it["detail"]) for it in found if it["verdict"] == verdict])
    warned = [(it["row"], "warning", ", ".join(it["warnings"])) for it in found if it["warnings"]]
    _alike(console, "Pinterest would complain about {}:", warned)
    taken = sum(it["taken"] for it in found)
    _say(console, f"Pinterest would take {taken} of {rows(len(found))}. Nothing was sent.")


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


def sums(console: Console, told: Mapping[str, Any]) -> None:
    """What was sent."""
    parts = [f"{told['sent']} of {rows(told['rows'])} sent to the conversions queue"]
    if told["faults"]:
        parts.append(f"{len(told['faults'])} left out as bad")
    if told["refused"]:
        parts.append(f"{len(told['refused'])} refused by SQS")
    _say(console, f"{', '.join(parts)}.", style="yellow" if told["refused"] else "green")
    if told["faults"]:
        faults(console, told["faults"], "Left out:")
    if told["refused"]:
        faults(console, told["refused"], "SQS did not take:")
    if told["stopped"]:
        _say(console, f"Stopped, as {told['stopped']}.", style="red")
    if told["next_row"] is not None:
        go_on = f"Go on with --from-row {told['next_row']}: a row that is sent twice is one event."
        _say(console, go_on, style="red")
    else:
        _say(console, "`leadrelay conversions status` says what becomes of them.")


def status(console: Console, name: str, told: Mapping[str, Any]) -> None:
    """All that `conversions status` tells."""
    queues = told["queues"]
    _say(console, f"Conversions of {name}", style="bold")
    waits = f"{queues['waiting']} waiting, {queues['held']} held or being sent, {queues['dead']} dead"
    table = _pairs({"queue": waits, "last sent": moment(told["last_sent_at"]) or "never"})
    if told["oldest_held_at"]:
        add_row(table, "held since", moment(told["oldest_held_at"]))
    for account, has_token in told["tokens"].items():
        missing = f"none: `leadrelay conversions token --account {account}`"
        add_row(table, f"token of {account}", "stored" if has_token else missing)
    for position in told["misplaced_tokens"]:
        wrong = "its name is no ad account's id, 1 to 18 digits: correct conversion_tokens in the Pinterest app secret"
        add_row(table, f"token {position}", wrong)
    for route in told["routes"]:
        outcomes = ", ".join(f"{outcome} → {event}" for outcome, event in route["outcomes"].items())
        add_row(table, f"route {route['route']}", outcomes)
    if not told["routes"]:
        add_row(table, "routes", "none has [routes.conversions]")
    print_table(console, table)
    if told["events"]:
        _counts(console, told)
    else:
        _say(console, "The ledger knows of no event.")
    if queues["dead"]:
        _say(console, "Dead letters: `leadrelay conversions redrive --dry-run` lists them.")


def _counts(console: Console, told: Mapping[str, Any]) -> None:
    console.print()
    table = plain_table("account", "event", "state", "reason", "count")
    for it in told["events"]:
        state = Text(printable(it["state"]), COLOURS.get(it["state"], ""))
        add_row(table, it["account"], it["event"], state, it["reason"], str(it["count"]))
    print_table(console, table)
    if told["tests"]:
        _say(console, f"And {told['tests']} sent as tests, which Pinterest forgets.")
    for warning, count in told["warnings"].items():
        _say(console, f"Pinterest's warnings: {warning}, {count} times.", style="yellow")
    meanings(console, (it["reason"] for it in told["events"]))


def events(console: Console, found: Sequence[EventItem]) -> None:
    """One block for each event."""
    for it in found:
        _say(console, f"Event {it.event_id}{' (a test)' if it.is_test else ''}", style="bold")
        meaning = meaning_of(it.reason, is_dead=it.state == "failed")
        table = _pairs(
            {
                "event": it.event,
                "outcome": it.outcome,
                "ad account": it.account,
                "state": it.state,
                "reason": it.reason,
                "detail": it.detail,
                "means": meaning.means,
                "what to do": meaning.remedy,
                "warnings": ", ".join(it.warnings),
                "lead": it.lead_key,
                "happened": clock(it.event_at) if it.event_at else "",
                "first seen": moment(it.first_seen_at),
                "changed": moment(it.updated_at),
                "sendings": str(it.sends or ""),
                "in doubt": str(it.doubts or ""),
            }
        )
        print_table(console, table)


def letters(console: Console, name: str, found: Sequence[Mapping[str, Any]], elsewhere: int) -> None:
    """Dead letters as Letter.as_json gives them, one line each."""
    if not found:
        _say(console, f"No such dead letter of conversions waits in {name}.")
    else:
        table = folding_table("event id", "event", "account", "lead or contact", "reason", "detail", "dead", "message")
        for it in found:
            state = " (sent since)" if it["state"] == "sent" else ""
            add_row(
                table,
                *(it["event_id"], it["event"] or it["kind"], it["account"], it["lead_key"] or it["contact_id"]),
                *(f"{it['reason']}{state}", it["detail"], moment(it["dead_since"]), it["message_id"]),
            )
        print_table(console, table)
        meanings(console, (it["reason"] for it in found), is_dead=True)
    if elsewhere:
        _say(
            console,
            f"About {elsewhere} more cannot be seen, as somebody else is looking at them, or was a minute ago.",
            style="yellow",
        )


def redriven(console: Console, told: Mapping[str, Any], file: Path | None) -> None:
    """What a redrive has done."""
    _say(console, f"{len(told['redriven'])} of {told['chosen']} sent back to the conversions queue.")
    if told["stopped"]:
        _say(console, f"Stopped, as {told['stopped']}.", style="red")
    elif told["left"]:
        _say(console, f"{told['left']} could not be taken: run it again.", style="red")
    _say(console, "`leadrelay conversions status` says what becomes of them.")
    if file:
        _say(console, f"Audit: {file}", style="dim")


def meanings(console: Console, reasons: Iterable[str], *, is_dead: bool = False) -> None:
    """What the reasons mean, each once."""
    for reason in dict.fromkeys(filter(None, reasons)):
        meaning = meaning_of(reason, is_dead=is_dead)
        if meaning.means:
            _say(console, f"{reason}: {meaning.means}. What to do: {meaning.remedy}.")


def rows(number: int) -> str:
    """`1 row`, `2 rows`."""
    return f"{number} {'row' if number == 1 else 'rows'}"


def folding_table(*columns: str) -> Table:
    """A table of which no id and no code is cut, however narrow the terminal: they go on in the next line."""
    table = plain_table(*columns)
    for column in table.columns:
        column.overflow = "fold"
    return table


def _pairs(values: Mapping[str, str]) -> Any:
    """Names and values side by side, those that are not empty."""
    table = plain_table("", "")
    table.show_header = False
    for name, value in values.items():
        if value:
            add_row(table, name, value)
    return table


def _say(console: Console, text: str, *, style: str = "") -> None:
    """A line as it is: event names and warnings are others', and give the terminal no orders."""
    console.print(printable(text), style=style or None, markup=False)
