"""A ledger item in DynamoDB's notation: what it says of a lead, and how progress is written into it."""

from __future__ import annotations

from typing import Any

import msgspec

from leads.adapters.item_values import Item, number, seconds, text, texts
from leads.core.lead import Lead
from leads.core.ledger import Claim, Progress, Standing, State, Status


def is_free(item: Item, lead: Lead, *, now: float, message_id: str) -> bool:
    """Whether nobody holds the lead: it is parked, left behind by a dead owner, or was given up on as another message.

    A redriven message is a new message and gets a new chance. A record that may change is free in another state than
    the one that was delivered, unless that one is the later of the two. now: seconds since the epoch.
    """
    status = text(item, "status")
    if status == Status.CLAIMED:
        return number(item, "claimed_until") / 1000 < now
    if status == Status.UNDELIVERABLE:
        return text(item, "message_id") != (message_id or "none")
    if status == Status.DELIVERED:
        return bool(lead.revision) and lead.revision != text(item, "revision") and not _is_older(lead, item)
    return status == Status.PARKED or bool(lead.revision)


def _is_older(lead: Lead, item: Item) -> bool:
    delivered = number(item, "changed_at")
    return lead.changed_at is not None and int(lead.changed_at * 1000) < delivered


def standing(item: Item) -> Standing:
    """How a lead stands that is not ours."""
    until = number(item, "claimed_until")
    return Standing(
        status=Status(text(item, "status") or Status.CLAIMED),
        reason=text(item, "reason"),
        contact_id=text(item, "contact_id") or None,
        claimed_until=until / 1000 if until else None,
        location_id=text(item, "location_id"),
        steps=_steps(item),
        is_counterpart=_flag(item, "counterpart"),
    )


def resumed(claim: Claim, item: Item) -> Claim:
    """The claim of a lead that others have tried before, with what they left.

    Of a record that was delivered before, in another state, only the contact counts that it became.
    """
    is_update = bool(text(item, "delivered_at"))
    progress = Progress(contact_id=text(item, "contact_id"), location_id=text(item, "location_id"))
    if not is_update:
        progress = msgspec.structs.replace(progress, steps=_steps(item), remarks=texts(item, "remarks"))
    return msgspec.structs.replace(
        claim,
        progress=progress,
        doubtful=text(item, "status") == Status.CLAIMED,
        first_seen_at=seconds(item, "first_seen_at") or claim.first_seen_at,
        is_update=is_update,
    )


def values(progress: Progress) -> dict[str, Any]:
    """The expression values of a delivery's progress."""
    return {
        ":contact": {"S": progress.contact_id},
        ":location": {"S": progress.location_id},
        ":steps": {"M": {name: {"S": state} for name, state in progress.steps.items()}},
        ":remarks": {"L": [{"S": remark} for remark in progress.remarks]},
    }


def state_values(state: State) -> dict[str, Any]:
    """The expression values of a record's delivered state; nothing of one that the platform does not tell of."""
    told: dict[str, Any] = {}
    if state.revision:
        told[":revision"] = {"S": state.revision}
    if state.changed_at is not None:
        told[":changed_at"] = {"N": str(int(state.changed_at * 1000))}
    if state.is_counterpart:
        told[":counterpart"] = {"BOOL": True}
    return told


def _flag(item: Item, name: str) -> bool:
    return bool(item.get(name, {}).get("BOOL", False))


def _steps(item: Item) -> dict[str, str]:
    return {name: str(state.get("S", "")) for name, state in item.get("steps", {}).get("M", {}).items()}
