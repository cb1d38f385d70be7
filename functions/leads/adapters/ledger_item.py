"""A ledger item in DynamoDB's notation: what it says of a lead, and how progress is written into it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import msgspec

from leads.core.ledger import Claim, Progress, Standing, Status

Item = Mapping[str, Mapping[str, Any]]


def is_free(item: Item, *, now: float, message_id: str, may_change: bool) -> bool:
    """Whether nobody holds the lead: it is parked, left behind by a dead owner, or was given up on as another message.

    A redriven message is a new message and gets a new chance. now: seconds since the epoch.
    may_change: the lead is a record that may change, so one that was not wanted may be wanted now.
    """
    status = _text(item, "status")
    if status == Status.IGNORED:
        return may_change
    if status == Status.CLAIMED:
        return _number(item, "claimed_until") / 1000 < now
    if status == Status.UNDELIVERABLE:
        return _text(item, "message_id") != (message_id or "none")
    return status == Status.PARKED


def standing(item: Item) -> Standing:
    """How a lead stands that is not ours."""
    until = _number(item, "claimed_until")
    return Standing(
        status=Status(_text(item, "status") or Status.CLAIMED),
        reason=_text(item, "reason"),
        contact_id=_text(item, "contact_id") or None,
        claimed_until=until / 1000 if until else None,
        location_id=_text(item, "location_id"),
        steps=_steps(item),
    )


def resumed(claim: Claim, item: Item) -> Claim:
    """The claim of a lead that others have tried before, with what they left."""
    return msgspec.structs.replace(
        claim,
        progress=Progress(
            contact_id=_text(item, "contact_id"),
            location_id=_text(item, "location_id"),
            steps=_steps(item),
            remarks=tuple(str(remark.get("S", "")) for remark in item.get("remarks", {}).get("L", ())),
        ),
        doubtful=_text(item, "status") == Status.CLAIMED,
        first_seen_at=_seconds(_text(item, "first_seen_at")) or claim.first_seen_at,
    )


def values(progress: Progress) -> dict[str, Any]:
    """The expression values of a delivery's progress."""
    return {
        ":contact": {"S": progress.contact_id},
        ":location": {"S": progress.location_id},
        ":steps": {"M": {name: {"S": state} for name, state in progress.steps.items()}},
        ":remarks": {"L": [{"S": remark} for remark in progress.remarks]},
    }


def _steps(item: Item) -> dict[str, str]:
    return {name: str(state.get("S", "")) for name, state in item.get("steps", {}).get("M", {}).items()}


def _text(item: Item, name: str) -> str:
    return str(item.get(name, {}).get("S", ""))


def _number(item: Item, name: str) -> int:
    return int(item.get(name, {}).get("N", 0))


def _seconds(iso: str) -> float:
    try:
        return dt.datetime.fromisoformat(iso).timestamp()
    except ValueError:
        return 0.0
