"""How conversions look on a terminal."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from infra.cli.conversions.event_items import EventItem
from infra.cli.conversions.reasons import meaning_of
from infra.cli.shown import PIPED_WIDTH, add_row, clock, moment, plain_table, print_table, printable

# So many rows of a file are named; --json has all of them.
MOST_ROWS = 20
COLOURS = {"sent": "green", "failed": "red", "held": "yellow", "sending": "cyan", "ignored": "dim"}


def faults(console: Console, found: Sequence[Mapping[str, Any]], title: str) -> None:
    """The first rows of a file that something is wrong with: `row`, `reason` and `detail` of each."""
    say(console, title, style="red")
    table = plain_table("row", "reason", "detail")
    for it in found[:MOST_ROWS]:
        add_row(table, str(it["row"]), it["reason"], it["detail"])
    print_table(console, table)
    if len(found) > MOST_ROWS:
        say(console, f"… and {len(found) - MOST_ROWS} more; --json names all of them.")


def sums(console: Console, told: Mapping[str, Any]) -> None:
    """What was sent."""
    parts = [f"{told['sent']} of {rows(told['rows'])} sent to the conversions queue"]
    if told["faults"]:
        parts.append(f"{len(told['faults'])} left out as bad")
    if told["refused"]:
        parts.append(f"{len(told['refused'])} refused by SQS")
    say(console, f"{', '.join(parts)}.", style="yellow" if told["refused"] else "green")
    if told["faults"]:
        faults(console, told["faults"], "Left out:")
    if told["refused"]:
        faults(console, told["refused"], "SQS did not take:")
    if told["stopped"]:
        say(console, f"Stopped, as {told['stopped']}.", style="red")
    if told["next_row"] is not None:
        go_on = f"Go on with --from-row {told['next_row']}: a row that is sent twice is one event."
        say(console, go_on, style="red")
    else:
        say(console, "`leadrelay conversions status` says what becomes of them.")


def status(console: Console, name: str, told: Mapping[str, Any]) -> None:
    """All that `conversions status` tells."""
    queues = told["queues"]
    say(console, f"Conversions of {name}", style="bold")
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
        say(console, "The ledger knows of no event.")
    if queues["dead"]:
        say(console, "Dead letters: `leadrelay conversions redrive --dry-run` lists them.")


def _counts(console: Console, told: Mapping[str, Any]) -> None:
    console.print()
    table = plain_table("account", "event", "state", "reason", "count")
    for it in told["events"]:
        state = Text(printable(it["state"]), COLOURS.get(it["state"], ""))
        add_row(table, it["account"], it["event"], state, it["reason"], str(it["count"]))
    print_table(console, table)
    if told["tests"]:
        say(console, f"And {told['tests']} sent as tests, which Pinterest forgets.")
    for warning, count in told["warnings"].items():
        say(console, f"Pinterest's warnings: {warning}, {count} times.", style="yellow")
    meanings(console, (it["reason"] for it in told["events"]))


def events(console: Console, found: Sequence[EventItem]) -> None:
    """One block for each event."""
    for it in found:
        say(console, f"Event {it.event_id}{' (a test)' if it.is_test else ''}", style="bold")
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
    """Dead letters as Letter.as_json gives them: a line each, or a block where a line would cut their ids in pieces."""
    if not found:
        say(console, f"No such dead letter of conversions waits in {name}.")
    elif console.is_terminal and console.width < PIPED_WIDTH:
        for it in found:
            cells = _letter(it)
            event_id = cells.pop("event id")
            say(console, f"Event {event_id}" if event_id else it["kind"], style="bold")
            print_table(console, _pairs(cells))
    else:
        table = _folding_table(*_letter(found[0]))
        for it in found:
            add_row(table, *_letter(it).values())
        print_table(console, table)
    meanings(console, (it["reason"] for it in found), is_dead=True)
    if elsewhere:
        say(
            console,
            f"About {elsewhere} more cannot be seen, as somebody else is looking at them, or was a minute ago.",
            style="yellow",
        )


def _letter(it: Mapping[str, Any]) -> dict[str, str]:
    """Column → cell."""
    return {
        "event id": it["event_id"],
        "event": it["event"] or it["kind"],
        "account": it["account"],
        "lead or contact": it["lead_key"] or it["contact_id"],
        "reason": f"{it['reason']}{' (sent since)' if it['state'] == 'sent' else ''}",
        "detail": it["detail"],
        "dead since": moment(it["dead_since"]),
        "message": it["message_id"],
    }


def redriven(console: Console, told: Mapping[str, Any], file: Path | None) -> None:
    """What a redrive has done."""
    say(console, f"{len(told['redriven'])} of {told['chosen']} sent back to the conversions queue.")
    if told["stopped"]:
        say(console, f"Stopped, as {told['stopped']}.", style="red")
    elif told["left"]:
        say(console, f"{told['left']} could not be taken: run it again.", style="red")
    say(console, "`leadrelay conversions status` says what becomes of them.")
    if file:
        say(console, f"Audit: {file}", style="dim")


def meanings(console: Console, reasons: Iterable[str], *, is_dead: bool = False) -> None:
    """What the reasons mean, each once."""
    for reason in dict.fromkeys(filter(None, reasons)):
        meaning = meaning_of(reason, is_dead=is_dead)
        if meaning.means:
            say(console, f"{reason}: {meaning.means}. What to do: {meaning.remedy}.")


def rows(number: int) -> str:
    """`1 row`, `2 rows`."""
    return f"{number} {'row' if number == 1 else 'rows'}"


def _folding_table(*columns: str) -> Table:
    """A table of which no id and no code is cut, however narrow the terminal: they go on in the next line."""
    table = plain_table(*columns)
    for column in table.columns:
        column.overflow = "fold"
    return table


def _pairs(values: Mapping[str, str]) -> Any:
    """Names and values side by side, those that are not empty."""
    table = _folding_table("", "")
    table.show_header = False
    for name, value in values.items():
        if value:
            add_row(table, name, value)
    return table


def say(console: Console, text: str, *, style: str = "") -> None:
    """A line as it is: event names and warnings are others', and give the terminal no orders."""
    console.print(printable(text), style=style or None, markup=False)
