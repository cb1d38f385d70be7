"""What the ledger says of conversion events: one item each, with ids and codes only."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from infra.cli.story.ledger import items_by_keys
from leads.adapters.item_values import Item, number, text, texts
from leads.core.lead import plain_id

PREFIX = "event#"
# Behind the key of an event that was sent as a test.
TEST = "#test"
_ATTRIBUTES = (
    *("pk", "state", "reason", "detail", "event", "outcome", "lead_key", "account", "event_at"),
    *("first_seen_at", "updated_at", "warnings", "sends", "doubts", "message_id", "sending_until", "expires_at"),
)


@dataclass(frozen=True)
class EventItem:
    """One event's item. event_id: as in Event.known_as.

    first_seen_at, updated_at: ISO 8601; event_at and expires_at: epoch seconds, 0 for none.
    state: as in leads.core.event_claim. sends: how often it was begun to be sent; doubts: how often nobody knows
    whether it arrived.
    """

    key: str
    state: str
    reason: str = ""
    detail: str = ""
    account: str = ""
    event_id: str = ""
    event: str = ""
    outcome: str = ""
    lead_key: str = ""
    event_at: int = 0
    first_seen_at: str = ""
    updated_at: str = ""
    warnings: tuple[str, ...] = ()
    sends: int = 0
    doubts: int = 0
    message_id: str = ""
    expires_at: int = 0
    is_test: bool = False

    def goes_by(self, name: str) -> bool:
        """Whether this is how an operator calls it: event id, its key, or the lead's id or key."""
        known = (self.key, self.lead_key, self.lead_key.rpartition("#")[2])
        return bool(name) and (plain_id(name) == self.event_id or name in known)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def item_of(item: Item) -> EventItem:
    """The event in a ledger item."""
    key, account = text(item, "pk"), text(item, "account")
    is_test = key.endswith(TEST)
    told = account or key.removeprefix(PREFIX).partition("#")[0]
    return EventItem(
        key=key,
        state=text(item, "state"),
        reason=text(item, "reason"),
        detail=text(item, "detail"),
        account=told,
        event_id=key.removeprefix(f"{PREFIX}{told}#").removesuffix(TEST),
        event=text(item, "event"),
        outcome=text(item, "outcome"),
        lead_key=text(item, "lead_key"),
        event_at=number(item, "event_at"),
        first_seen_at=text(item, "first_seen_at"),
        updated_at=text(item, "updated_at"),
        warnings=texts(item, "warnings"),
        sends=number(item, "sends"),
        doubts=number(item, "doubts"),
        message_id=text(item, "message_id"),
        expires_at=number(item, "expires_at"),
        is_test=is_test,
    )


def events(
    client: Any, table: str, *, account: str = "", told: Callable[[int], None] = lambda _: None
) -> Iterator[EventItem]:
    """Every event of the ledger, or those of an ad account, in no order. The table has no index: all of it is read."""
    yield from _scan(client, table, f"{PREFIX}{account}#" if account else PREFIX, "", {}, told)


def named(client: Any, table: str, name: str, *, told: Callable[[int], None] = lambda _: None) -> list[EventItem]:
    """The events that go by an id, or that are a lead's, the first seen first."""
    narrowed = " AND (contains(#pk, :name) OR contains(#pk, :id) OR contains(#lead_key, :name))"
    found = _scan(client, table, PREFIX, narrowed, {":name": {"S": name}, ":id": {"S": plain_id(name)}}, told)
    return sorted((it for it in found if it.goes_by(name)), key=lambda it: (it.first_seen_at, it.key))


def by_keys(client: Any, table: str, keys: Iterable[str]) -> dict[str, EventItem]:
    """What the ledger says of events, by their keys; nothing of those that it does not know."""
    return {it.key: it for it in map(item_of, items_by_keys(client, table, keys))}


def _scan(
    client: Any, table: str, prefix: str, narrowed: str, values: Mapping[str, Any], told: Callable[[int], None]
) -> Iterator[EventItem]:
    names = {f"#{name}": name for name in _ATTRIBUTES}
    pages = client.get_paginator("scan").paginate(
        TableName=table,
        FilterExpression=f"begins_with(#pk, :prefix){narrowed}",
        ProjectionExpression=", ".join(names),
        ExpressionAttributeNames=names,
        ExpressionAttributeValues={":prefix": {"S": prefix}, **values},
    )
    read = 0
    for page in pages:
        read += page.get("ScannedCount", 0)
        told(read)
        yield from map(item_of, page["Items"])
