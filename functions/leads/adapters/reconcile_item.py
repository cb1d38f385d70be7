"""A scope's item in DynamoDB's notation, and how a lead's item says that the lead stands."""

from __future__ import annotations

from typing import Any

import msgspec

from leads.adapters.item_values import Item, number, seconds, text, texts
from leads.core.ledger import Status
from leads.core.reconciling import RUNNING, Counts, Known, Scope, ScopeProgress


def known(item: Item) -> Known:
    """How a lead stands."""
    return Known(
        status=Status(text(item, "status") or Status.CLAIMED),
        updated_at=seconds(item, "updated_at"),
        claimed_until=number(item, "claimed_until") / 1000,
    )


def progress(run: str, scope: Scope, item: Item) -> ScopeProgress:
    """How far a run has come with a scope."""
    counts = item.get("counts", {}).get("M", {})
    return ScopeProgress(
        run=run,
        scope=scope,
        owner=text(item, "owner"),
        free_at=number(item, "free_at") / 1000,
        started_at=number(item, "started_at") / 1000,
        status=text(item, "status") or RUNNING,
        cursor=text(item, "cursor"),
        counts=Counts(**{name: int(count["N"]) for name, count in counts.items()}),
        missing_ids=texts(item, "missing_ids"),
        trying=texts(item, "trying"),
        trying_since=number(item, "trying_since") / 1000,
        failures=number(item, "failures"),
        reason=text(item, "reason"),
        detail=text(item, "detail"),
    )


def values(progress: ScopeProgress) -> dict[str, Any]:
    """What an item keeps of a scope's progress, by attribute."""
    counts = msgspec.structs.asdict(progress.counts)
    return {
        "status": {"S": progress.status},
        "owner": {"S": progress.owner},
        "free_at": {"N": milliseconds(progress.free_at)},
        "cursor": {"S": progress.cursor},
        "counts": {"M": {name: {"N": str(count)} for name, count in counts.items()}},
        "missing_ids": {"L": [{"S": lead_id} for lead_id in progress.missing_ids]},
        "trying": {"L": [{"S": key} for key in progress.trying]},
        "trying_since": {"N": milliseconds(progress.trying_since)},
        "failures": {"N": str(progress.failures)},
        "reason": {"S": progress.reason},
        "detail": {"S": progress.detail},
    }


def milliseconds(seconds: float) -> str:
    """Seconds as whole milliseconds: numbers of more digits than these are refused or rounded."""
    return str(int(seconds * 1000))
