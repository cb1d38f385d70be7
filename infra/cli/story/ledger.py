"""What the ledger knows of leads, as an operator asks for it: the latest ones, and one by its id."""

import heapq
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from leads.adapters.item_values import Item, number, text, texts
from leads.sources.pinterest import TEST_LEAD_ID

# What the table holds besides leads: ciphertexts against replays, runs of reconcile, erased people.
_NO_LEADS = ("seal#", "reconcile#")
# Pinterest's test leads share an id, so the ledger knows each by its seal.
_TEST_KEY = re.compile(r"pinterest#[^#]*#[0-9a-f]{64}")
# DynamoDB gives so many items in one call.
_BATCH = 100
# What of an item is asked for.
_ATTRIBUTES = (
    *("pk", "status", "reason", "contact_id", "location_id", "steps", "remarks", "attempts"),
    *("first_seen_at", "updated_at", "expires_at", "claimed_until", "message_id"),
)

# Hears how many of the table's items were read so far.
Told = Callable[[int], None]


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

    @property
    def log_id(self) -> str:
        """The id by which log lines and platforms know it; test leads share one."""
        return TEST_LEAD_ID if _TEST_KEY.fullmatch(self.key) else self.lead_id

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


def leads(client: Any, table: str, *, told: Told = lambda _: None) -> Iterator[LedgerLead]:
    """Every lead of the table, in no order. The table has no index, so this reads all of it."""
    return _scan(client, table, told, "attribute_exists(#status)", {})


def recent(
    client: Any, table: str, *, limit: int = 20, source: str = "", status: str = "", told: Told = lambda _: None
) -> list[LedgerLead]:
    """The leads that changed last, newest first; only those of a source, or with a status, where one is given."""
    wanted, values = "attribute_exists(#status)", {}
    if source:
        wanted, values[":source"] = f"{wanted} AND begins_with(#pk, :source)", f"{source}#"
    if status:
        wanted, values[":status"] = f"{wanted} AND #status = :status", status
    return _newest(_scan(client, table, told, wanted, values), limit)


def find(client: Any, table: str, lead_id: str, *, told: Told = lambda _: None) -> list[LedgerLead]:
    """The leads with this id, or with this whole key (`<source>#<account>#<lead id>`), which is found at once."""
    if lead_id.count("#") >= 2:
        item = client.get_item(TableName=table, Key={"pk": {"S": lead_id}}, ConsistentRead=True).get("Item")
        return [lead_of(item)] if item else []
    found = _scan(client, table, told, "attribute_exists(#status) AND contains(#pk, :id)", {":id": lead_id})
    return [lead for lead in found if lead.lead_id == lead_id]


def latest_tests(client: Any, table: str, *, limit: int, told: Told = lambda _: None) -> list[LedgerLead]:
    """Pinterest's test leads that changed last, newest first."""
    wanted = "attribute_exists(#status) AND begins_with(#pk, :source)"
    found = _scan(client, table, told, wanted, {":source": "pinterest#"})
    return _newest((lead for lead in found if lead.log_id == TEST_LEAD_ID), limit)


def by_keys(client: Any, table: str, keys: Iterable[str]) -> dict[str, LedgerLead]:
    """What the ledger says of leads, by their keys; nothing of those that it does not know."""
    return {item.key: item for item in map(lead_of, items_by_keys(client, table, keys))}


def items_by_keys(client: Any, table: str, keys: Iterable[str]) -> Iterator[Item]:
    """The table's items with these keys, of whatever kind; nothing of those that it does not have."""
    wanted = [{"pk": {"S": key}} for key in dict.fromkeys(keys) if key]
    while wanted:
        asked, wanted = wanted[:_BATCH], wanted[_BATCH:]
        answer = client.batch_get_item(RequestItems={table: {"Keys": asked, "ConsistentRead": True}})
        yield from answer["Responses"].get(table, ())
        # What the table had no time for.
        wanted += answer.get("UnprocessedKeys", {}).get(table, {}).get("Keys", [])


def _newest(found: Iterable[LedgerLead], limit: int) -> list[LedgerLead]:
    """No more of them are kept in memory than that."""
    return heapq.nlargest(limit, found, key=lambda lead: (lead.updated_at, lead.key))


def _scan(client: Any, table: str, told: Told, wanted: str, values: dict[str, str]) -> Iterator[LedgerLead]:
    """The leads that a filter lets through, which spares the network and not the table."""
    # Late: it brings half of botocore along, which a command's help has no use for.
    from leads.adapters import erasure_list

    no_leads = (*_NO_LEADS, text(erasure_list.KEY, "pk"))
    names = {f"#{name}": name for name in _ATTRIBUTES}
    asked: dict[str, Any] = {"ProjectionExpression": ", ".join(names), "ExpressionAttributeNames": names}
    if values:
        asked["ExpressionAttributeValues"] = {name: {"S": value} for name, value in values.items()}
    read = 0
    pages = client.get_paginator("scan").paginate(TableName=table, FilterExpression=wanted, **asked)
    for page in pages:
        read += page.get("ScannedCount", 0)
        told(read)
        for item in page["Items"]:
            if not text(item, "pk").startswith(no_leads):
                yield lead_of(item)
