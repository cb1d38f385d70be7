"""What the ledger knows of leads, as an operator asks for it: the latest ones, and one by its id."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from leads.adapters.item_values import Item, number, text, texts

# What the table holds besides leads: ciphertexts against replays, runs of reconcile, erased people.
_NO_LEADS = ("seal#", "reconcile#", "erased")


@dataclass(frozen=True)
class LedgerLead:
    """One lead's item. Times are ISO 8601 texts; claimed_until and expires_at: seconds since the epoch, 0 for none."""

    key: str
    status: str
    source: str = ""
    account: str = ""
    lead_id: str = ""
    reason: str = ""
    contact_id: str = ""
    location_id: str = ""
    steps: dict[str, str] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()
    attempts: int = 0
    first_seen_at: str = ""
    updated_at: str = ""
    expires_at: int = 0
    claimed_until: float = 0.0
    message_id: str = ""

    def as_json(self) -> dict[str, Any]:
        """All of it, for --json."""
        return asdict(self)


def lead_of(item: Item) -> LedgerLead:
    """The lead in a ledger item."""
    key = text(item, "pk")
    source, account, lead_id = [*key.split("#", 2), "", ""][:3]
    return LedgerLead(
        key=key,
        source=source,
        account=account,
        lead_id=lead_id,
        status=text(item, "status"),
        reason=text(item, "reason"),
        contact_id=text(item, "contact_id"),
        location_id=text(item, "location_id"),
        steps={name: str(state.get("S", "")) for name, state in item.get("steps", {}).get("M", {}).items()},
        remarks=texts(item, "remarks"),
        attempts=number(item, "attempts"),
        first_seen_at=text(item, "first_seen_at"),
        updated_at=text(item, "updated_at"),
        expires_at=number(item, "expires_at"),
        claimed_until=number(item, "claimed_until") / 1000,
        message_id=text(item, "message_id"),
    )


def leads(client: Any, table: str) -> Iterator[LedgerLead]:
    """Every lead of the table, in no order. The table has no index, so this reads all of it."""
    for page in client.get_paginator("scan").paginate(TableName=table):
        for item in page["Items"]:
            if "status" in item and not text(item, "pk").startswith(_NO_LEADS):
                yield lead_of(item)


def recent(client: Any, table: str, *, limit: int = 20, source: str = "", status: str = "") -> list[LedgerLead]:
    """The leads that changed last, newest first; only those of a source, or with a status, where one is given."""
    wanted = [lead for lead in leads(client, table) if source in ("", lead.source) and status in ("", lead.status)]
    return sorted(wanted, key=lambda lead: (lead.updated_at, lead.key), reverse=True)[:limit]


def find(client: Any, table: str, lead_id: str) -> list[LedgerLead]:
    """The leads with this id, or with this whole key (`<source>#<account>#<lead id>`), which is found at once."""
    if lead_id.count("#") >= 2:
        item = client.get_item(TableName=table, Key={"pk": {"S": lead_id}}, ConsistentRead=True).get("Item")
        return [lead_of(item)] if item else []
    return [lead for lead in leads(client, table) if lead.lead_id == lead_id]
