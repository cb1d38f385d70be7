"""How dead letters look on a terminal."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from infra.cli.dead.parked_message import DeadLetter
from infra.cli.dead.redrive import FAILED, PATIENT, WAITING
from infra.cli.shown import add_row, days_left, duration, moment, plain_table, print_table, printable
from infra.cli.story.reasons import meaning_of

# Longer texts in a sealed lead are ciphertext, of which the beginning tells it from others.
_LONGEST = 60


def letters(console: Console, place: str, shown: Sequence[Mapping[str, Any]], more: str, *, elsewhere: int) -> None:
    """One line each, as DeadLetter.as_json gives them, and what their reasons mean. elsewhere: how many are hidden."""
    if not shown:
        none = f"No dead letter can be seen in {place}." if elsewhere else f"No dead letter waits in {place}."
        console.print(f"{none} {more}".rstrip(), markup=False)
        return
    table = plain_table(
        "lead", "source", "account", "form", "reason", "parked", "age", "attempts", "platform forgets", "SQS forgets"
    )
    for it in shown:
        reason = f"{it['reason']} (since {it['ended_since']})" if it["ended_since"] else it["reason"]
        add_row(
            table,
            *(it["lead_id"] or it["message_id"], it["source"] or "?", it["account"], it["form"], reason),
            *(moment(it["parked_at"]), duration(it["age_seconds"]), str(it["attempts"])),
            *(days_left(it["platform_days_left"]), days_left(it["queue_days_left"])),
        )
    print_table(console, table)
    console.print()
    _meanings(console, [it["reason"] for it in shown])
    console.print(
        f"Bring them back with `leadrelay dead redrive`, once the cause is gone. {more}".rstrip(), markup=False
    )


def hidden(count: int) -> str:
    """What to say of letters that somebody else looks at; "" for none."""
    if not count:
        return ""
    return (
        f"About {count} more cannot be seen, as somebody else is looking at them, or was a minute ago: repeat this "
        "later. They show up again within 15 minutes."
    )


def inside(letter: DeadLetter) -> dict[str, Any]:
    """What only `dead show` tells: body, attributes, what the ledger says, what the reason means."""
    meaning = meaning_of(letter.reason, is_dead=True)
    return {
        "means": meaning.means,
        "remedy": meaning.remedy,
        "receives": letter.receives,
        "group": letter.group,
        "attributes": {
            name: attribute.get("StringValue", "(binary)") for name, attribute in sorted(letter.attributes.items())
        },
        "body": _parsed(letter.body),
        "ledger": letter.lead.as_json() if letter.lead else None,
    }


def letter(console: Console, it: Mapping[str, Any]) -> None:
    """One letter, as as_json and `inside` give it together."""
    console.print(f"Dead letter {it['message_id']}", style="bold", markup=False)
    table = plain_table("", "")
    table.show_header = False
    rows = {
        "lead": it["key"] or "no lead that this version knows",
        "form": it["form"],
        "reason": it["reason"],
        "means": it["means"],
        "what to do": it["remedy"],
        "received": moment(it["received_at"]),
        "parked": f"{moment(it['parked_at'])}, {duration(it['age_seconds'])} ago",
        "parked for": it["parked_for"],
        "attempts": str(it["attempts"]),
        "platform forgets it in": days_left(it["platform_days_left"]),
        "SQS forgets it in": days_left(it["queue_days_left"]),
        "attributes": ", ".join(f"{name} {value}" for name, value in it["attributes"].items()),
        "group": it["group"],
    }
    if ledger := it["ledger"]:
        rows |= {
            "ledger": f"{ledger['status']}, {ledger['attempts']} attempt(s), {moment(ledger['updated_at'])}",
            "steps": ", ".join(f"{step}: {state}" for step, state in ledger["steps"].items()),
            "remarks": "; ".join(ledger["remarks"]),
        }
    else:
        rows["ledger"] = "knows nothing of it"
    for name, value in rows.items():
        if value:
            add_row(table, name, value)
    print_table(console, table)
    console.print("body", style="bold")
    console.print(printable(json.dumps(_shortened(it["body"]), indent=2, ensure_ascii=False)), markup=False)


def plan(console: Console, place: str, destination: str, chosen: Sequence[DeadLetter], *, elsewhere: int) -> None:
    """What a redrive would send, and where. elsewhere: how many are hidden."""
    if not chosen:
        seen = "can be seen" if elsewhere else "waits"
        console.print(f"No such dead letter {seen} in {place}.", markup=False)
        return
    table = plain_table("lead", "source", "reason", "message")
    for it in chosen:
        add_row(table, it.lead_id or "?", it.source or "?", it.reason, it.message_id)
    print_table(console, table)
    console.print()
    _meanings(console, [it.reason for it in chosen])
    console.print(f"Would be sent to {destination}: {how_many(chosen)}.", markup=False)


def result(console: Console, place: str, told: Mapping[str, Any], file: Path | None) -> None:
    """What a redrive has done."""
    lines = told["redriven"]
    counts = Counter(line["outcome"] for line in lines)
    became = ", ".join(f"{count} {outcome}" for outcome, count in counts.most_common())
    console.print(f"{len(lines)} lead(s) brought back in {place}{': ' if became else ''}{became}.", markup=False)
    if counts[WAITING]:
        waits = {line["reason_now"] for line in lines if line["outcome"] == WAITING} & PATIENT
        why = f", some for {', '.join(sorted(waits))}, which uses up no attempt" if waits else ""
        console.print(f"{counts[WAITING]} had no outcome yet{why}: `leadrelay leads show LEAD_ID` tells.", markup=False)
    again = [line for line in lines if line["outcome"] in FAILED]
    for line in again:
        console.print(f"  {line['key']}: {line['outcome']} ({line['reason_now']})", style="yellow", markup=False)
    _meanings(console, [line["reason_now"] for line in again])
    if told["stopped"]:
        console.print(
            f"Stopped, as {told['stopped']}. {told['left']} still wait(s) in the dead-letter queue.",
            style="red",
            markup=False,
        )
    elif told["left"]:
        console.print(
            f"{told['left']} of those chosen were being looked at by somebody else by then, or are gone: run it again.",
            style="red",
            markup=False,
        )
    if file:
        console.print(f"Audit: {file}", style="dim", markup=False)


def how_many(chosen: Sequence[DeadLetter]) -> str:
    """`3 leads: 2 cannot_decrypt, 1 no_route`."""
    counts = Counter(it.reason or "no reason" for it in chosen)
    told = ", ".join(f"{count} {reason}" for reason, count in counts.most_common())
    return f"{len(chosen)} {'lead' if len(chosen) == 1 else 'leads'} ({told})"


def _meanings(console: Console, reasons: Iterable[str]) -> None:
    for reason in dict.fromkeys(filter(None, reasons)):
        meaning = meaning_of(reason, is_dead=True)
        console.print(f"{reason}: {meaning.means}. What to do: {meaning.remedy}.", markup=False)


def _parsed(body: str) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return body


def _shortened(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _shortened(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_shortened(item) for item in value]
    if isinstance(value, str) and len(value) > _LONGEST:
        return f"{value[:_LONGEST]}… ({len(value)} letters)"
    return value
