"""Rows of a file as events, by the functions' own parser: hashed here, before they go anywhere."""

import json
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from infra.cli.conversions.rows import Row
from leads.core.conversion import Event
from leads.core.conversion_message import event_message, parse
from leads.core.errors import LeadError

# What a queue takes as one message, in bytes: SQS's quota.
LARGEST_MESSAGE = 256 * 1024
_TOO_LARGE = "the event has more than 256 KiB, which is all that the queue takes: shorten its texts, or its contents"
_NO_EVENT = "the row is a change in the CRM, and no event"


@dataclass(frozen=True)
class CheckedRow:
    """number: as in Row."""

    number: int
    event: Event


@dataclass(frozen=True)
class RowFault:
    """reason: a code; detail: a sentence that names members, never what is in them."""

    number: int
    reason: str
    detail: str

    def as_json(self) -> dict[str, Any]:
        return {"row": self.number, "reason": self.reason, "detail": self.detail}


@dataclass
class CheckedFile:
    """What a file holds."""

    rows: list[CheckedRow] = field(default_factory=list)
    faults: list[RowFault] = field(default_factory=list)

    def older_than(self, seconds: float, now: float) -> list[CheckedRow]:
        """Rows that the function will hold back. now: epoch seconds."""
        return [row for row in self.rows if row.event.at < now - seconds]

    @property
    def unidentified(self) -> list[CheckedRow]:
        """Rows of which nobody can tell whose event it is."""
        return [row for row in self.rows if not row.event.is_identified]

    @property
    def repeated(self) -> int:
        """Rows that are the event of another row."""
        return len(self.rows) - len({row.event.key for row in self.rows})

    @property
    def accounts(self) -> Mapping[str, int]:
        """Ad account → how many rows."""
        return Counter(row.event.account for row in self.rows)


def checked(
    rows: Iterable[Row],
    defaults: Mapping[str, Any],
    always: Mapping[str, Any],
    *,
    accounts: Collection[str],
    phone_region: str,
    now: float,
    told: Callable[[int], None] = lambda _: None,
) -> CheckedFile:
    """Each row as an event. defaults: members for rows without them; always: members for all.

    accounts: ad accounts with a conversion token, as the only one need not be named. now: epoch seconds.
    told: called with how many were checked.
    """
    found = CheckedFile()
    for count, row in enumerate(rows, 1):
        if row.fault:
            found.faults.append(RowFault(row.number, "unreadable_row", row.fault))
        else:
            # What is null in a line is not there, and so the default holds.
            given = {name: value for name, value in row.values.items() if value is not None}
            _check(found, row, {"v": 1, **defaults, **given, **always}, accounts, phone_region, now)
        told(count)
    return found


def _check(
    found: CheckedFile,
    row: Row,
    members: Mapping[str, Any],
    accounts: Collection[str],
    phone_region: str,
    now: float,
) -> None:
    try:
        event = parse(json.dumps(members), accounts=accounts, phone_region=phone_region, now=now)
    except LeadError as fault:
        found.faults.append(RowFault(row.number, fault.reason, fault.detail))
        return
    if not isinstance(event, Event):
        found.faults.append(RowFault(row.number, "unreadable_message", _NO_EVENT))
    elif len(event_message(event)) > LARGEST_MESSAGE:
        # One of them makes SQS refuse a whole call, however often it is repeated.
        found.faults.append(RowFault(row.number, "too_large", _TOO_LARGE))
    else:
        found.rows.append(CheckedRow(row.number, event))
