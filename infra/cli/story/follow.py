"""Follows one lead through the ledger to its contact, and shows each step when it is seen."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from infra.cli.faults import CommandFailed
from infra.cli.place import Place
from infra.cli.story.ledger import LedgerLead
from infra.cli.story.reasons import meaning_of

# Statuses in which nothing more will happen by itself. A parked lead is tried again, so it is followed on.
ENDED = frozenset(("delivered", "undeliverable", "ignored"))
# A read of the ledger costs next to nothing, and a lead is often a contact within a second.
POLL_SECONDS = 0.25
_MARKS = {"failed": ("✗", "red"), "waits": ("…", "yellow"), "done": ("✓", "green")}
_STATE_OF = {"parked": "waits", "undeliverable": "failed", "ignored": "waits"}


# What was seen of a lead: its name, detail, state (see _MARKS), and how many seconds after it was sent.
Row = tuple[str, str, str, float]


@dataclass
class Followed:
    """Everything seen of a lead so far, in the order it was seen."""

    rows: list[Row] = field(default_factory=lambda: [("sent", "", "done", 0.0)])
    _seen: set[tuple[str, str]] = field(default_factory=set)

    def see(self, lead: LedgerLead, seconds: float) -> list[Row]:
        """Note what of the lead was not seen before; returns those rows."""
        fresh = [(*row, seconds) for row in _sights(lead) if row[:2] not in self._seen]
        self._seen.update(row[:2] for row in fresh)
        self.rows += fresh
        return fresh


def follow(
    place: Place,
    console: Console,
    find: Callable[[], LedgerLead | None],
    *,
    timeout: float,
    poll: float = POLL_SECONDS,
    began: float | None = None,
) -> LedgerLead:
    """Ask `find` until the lead is delivered, ignored or undeliverable, at most `timeout` seconds; how it is then.

    A lead that is parked when the time is over is returned as it is. On a terminal the steps are one live table, else
    a line each. Timings count from `began` (of time.monotonic), when the lead was sent, else from now.
    Raises CommandFailed when the ledger never knew the lead.
    """
    began = time.monotonic() if began is None else began
    followed = Followed()
    lead: LedgerLead | None = None
    with _display(console) as display:
        display.show(followed, followed.rows, 0.0)
        while True:
            lead = find() or lead
            seconds = time.monotonic() - began
            display.show(followed, followed.see(lead, seconds) if lead else [], seconds)
            if lead and lead.status in ENDED:
                return lead
            if seconds >= timeout:
                break
            time.sleep(min(poll, max(0.0, timeout - seconds)))
    if lead is None:
        raise CommandFailed(
            f"{place.name} knows nothing of the lead after {timeout:g} s: the platform did not call the webhook, or "
            "was refused. `leadrelay doctor` checks the subscriptions, keys and tokens."
        )
    return lead


def outcome(lead: LedgerLead) -> str:
    """What became of the lead, and where to look next, in a sentence."""
    because, means = f" ({lead.reason})" if lead.reason else "", meaning_of(lead.reason).means
    return {
        "delivered": f"The lead is contact {lead.contact_id} in location {lead.location_id}.",
        "ignored": f"The lead was ignored{because}{': ' if means else ''}{means}.",
        "undeliverable": f"The lead cannot be delivered{because}: `leadrelay leads show {lead.lead_id}` says more.",
        "parked": f"The lead waits for its next attempt{because}: `leadrelay leads show {lead.lead_id}` says more.",
    }.get(lead.status, f"The lead is still {lead.status}: `leadrelay leads show {lead.lead_id}` says more.")


def contact_address(place: Place, lead: LedgerLead) -> str:
    """Where a person can look at the contact; "" while there is none."""
    if not lead.contact_id:
        return ""
    if place.is_local:
        return f"{place.contacts_api_url}/contacts/{lead.contact_id}"
    return f"https://app.gohighlevel.com/v2/location/{lead.location_id}/contacts/detail/{lead.contact_id}"


def _sights(lead: LedgerLead) -> Iterator[tuple[str, str, str]]:
    yield "received", "", "done"
    for name, state in lead.steps.items():
        yield name, "" if state == "done" else state, "done"
    if lead.status != "claimed":
        yield lead.status, lead.reason, _STATE_OF.get(lead.status, "done")


class _Lines:
    """One line for each thing seen: for logs and pipes."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def __enter__(self) -> "_Lines":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def show(self, _: Followed, fresh: Sequence[Row], __: float) -> None:
        for name, detail, _state, seconds in fresh:
            self._console.print(f"{seconds:6.1f} s  {name} {detail}".rstrip(), markup=False, emoji=False)


class _Table:
    """The same as a table that grows in its place, with the time that runs."""

    def __init__(self, console: Console) -> None:
        self._live = Live(console=console, refresh_per_second=8)

    def __enter__(self) -> "_Table":
        self._live.__enter__()
        return self

    def __exit__(self, *ended: object) -> None:
        self._live.__exit__(None, None, None)

    def show(self, followed: Followed, _: Sequence[Row], seconds: float) -> None:
        table = Table(box=None, show_header=False, pad_edge=False)
        for name, detail, state, at in followed.rows:
            mark, style = _MARKS[state]
            table.add_row(Text(mark, style), Text(name), Text(detail, "dim"), Text(f"{at:.1f} s", "dim"))
        if followed.rows[-1][0] not in ENDED:
            table.add_row("", Text("waiting", "dim"), "", Text(f"{seconds:.1f} s", "dim"))
        self._live.update(table)


def _display(console: Console) -> _Lines | _Table:
    return _Table(console) if console.is_terminal else _Lines(console)
