"""How leads of the ledger look on a terminal."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from infra.cli.dead.parked_message import platform_days_left
from infra.cli.place import Place
from infra.cli.shown import add_row, clock, days_left, moment, plain_table, print_table, printable
from infra.cli.story.follow import contact_address
from infra.cli.story.lead_conversions import line as conversion_line
from infra.cli.story.ledger import LedgerLead
from infra.cli.story.reasons import meaning_of

_COLOURS = {"delivered": "green", "undeliverable": "red", "parked": "yellow", "claimed": "cyan", "ignored": "dim"}


def described(
    place: Place, lead: LedgerLead, *, held_until: float | None = None, now: float | None = None
) -> dict[str, Any]:
    """A lead with what follows from its item: meaning, link, whereabouts, days until the platform forgets it."""
    now = time.time() if now is None else now
    meaning = meaning_of(lead.reason, is_dead=lead.status == "undeliverable")
    left = platform_days_left(lead.source, lead.first_seen_at, now)
    return lead.as_json() | {
        "means": meaning.means,
        "remedy": meaning.remedy,
        "contact_url": contact_address(place, lead),
        "where": whereabouts(lead, held_until, now),
        "held_until": held_until if lead.status == "parked" else None,
        "platform_days_left": None if left is None else round(left, 1),
    }


def whereabouts(lead: LedgerLead, held_until: float | None, now: float) -> str:
    """Where the lead is, and what happens next, in a sentence."""
    where = _WHERE.get(lead.status)
    return where(lead, held_until, now) if where else ""


def _delivered(lead: LedgerLead, _: float | None, __: float) -> str:
    return f"In the CRM, as contact {lead.contact_id} of location {lead.location_id}."


def _claimed(lead: LedgerLead, _: float | None, now: float) -> str:
    if lead.claimed_until > now:
        return f"Being delivered by a function that may run until {clock(lead.claimed_until)}."
    return "Whoever delivered it has ended without a word; its next attempt looks what was done, and goes on."


def _parked(lead: LedgerLead, held_until: float | None, now: float) -> str:
    if held_until is None:
        return "In the failed-leads queue, until its next attempt."
    if held_until > now:
        return f"In the failed-leads queue, held until {clock(held_until)}."
    return f"In the failed-leads queue; its next attempt was due at {clock(held_until)}."


def _undeliverable(lead: LedgerLead, _: float | None, __: float) -> str:
    return (
        f"In the dead-letter queue, or on its way there: `leadrelay dead show {lead.lead_id}`, and when the cause is "
        f"gone `leadrelay dead redrive {lead.lead_id}`."
    )


# A status → where such a lead is.
_WHERE: Mapping[str, Callable[[LedgerLead, float | None, float], str]] = {
    "delivered": _delivered,
    "claimed": _claimed,
    "parked": _parked,
    "undeliverable": _undeliverable,
    "ignored": lambda *_: "Nowhere: nothing more will happen to it.",
}


def lead(console: Console, it: Mapping[str, Any], lines: Sequence[Mapping[str, Any]] | None) -> None:
    """One lead as `described` gives it. lines: of the log, None when nobody asked for them."""
    console.print(f"Lead {it['key']}", style="bold", markup=False)
    table = plain_table("", "")
    table.show_header = False
    rows = {
        "status": it["status"],
        "where": it["where"],
        "reason": it["reason"],
        "means": it["means"],
        "what to do": it["remedy"],
        "steps": "\n".join(f"{step}: {state}" for step, state in it["steps"].items()),
        "told Pinterest": "\n".join(conversion_line(event) for event in it.get("conversions", ())),
        "attempts": str(it["attempts"]),
        "contact": it["contact_url"],
        "remarks": "\n".join(it["remarks"]),
        "first seen": moment(it["first_seen_at"]),
        "changed": moment(it["updated_at"]),
        "platform forgets it in": days_left(it["platform_days_left"]),
        "ledger forgets it on": clock(it["expires_at"])[:10] if it["expires_at"] else "",
    }
    for name, value in rows.items():
        if value:
            add_row(table, name, value)
    print_table(console, table)
    if lines is not None:
        log(console, lines)


def log(console: Console, lines: Sequence[Mapping[str, Any]]) -> None:
    """What the functions have logged, a line each."""
    console.print("log" if lines else "The functions have logged nothing of it in these days.", style="bold")
    for line in lines:
        told = " ".join(f"{name}={value}" for name, value in line.items() if name not in ("at", "service", "message"))
        console.print(printable(f"{clock(line['at'])}  {line.get('service', '')}  {told}"), markup=False)


def leads(console: Console, place: Place, found: Sequence[LedgerLead]) -> None:
    """One line each, the newest first."""
    if not found:
        console.print(f"The ledger of {place.name} has no such lead.", markup=False)
        return
    table = plain_table("lead", "source", "account", "status", "reason", "contact", "attempts", "first seen", "changed")
    for it in found:
        status = Text(it.status, _COLOURS.get(it.status, ""))
        add_row(
            table,
            *(it.lead_id, it.source, it.account, status, it.reason, it.contact_id, str(it.attempts)),
            *(moment(it.first_seen_at), moment(it.updated_at)),
        )
    print_table(console, table)
