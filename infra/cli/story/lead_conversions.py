"""What Pinterest was told of a lead: its events, found by the ids that they must have."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from infra.cli.conversions import event_items
from infra.cli.conversions.event_items import EventItem
from infra.cli.place import Place
from infra.cli.story.ledger import LedgerLead
from leads.core.conversion import event_id_of
from leads.core.errors import Misconfigured
from leads.core.outcome_names import DELIVERED, STATUSES
from leads.core.routes import RouteTable

# The source whose leads' outcomes are told.
PINTEREST = "pinterest"


def outcomes_in(file: Path) -> list[str]:
    """The outcomes that routes tell of; where the file is unusable, those that need no name of the user's."""
    from leads.wiring import load_routes

    try:
        return outcomes_of(load_routes(file))
    except Misconfigured:
        return [DELIVERED, *STATUSES]


def outcomes_of(table: RouteTable) -> list[str]:
    """The outcomes that routes tell of, and those that they may have told of before."""
    named = (name for route in table.routes for name in route.conversions)
    return [*dict.fromkeys((DELIVERED, *STATUSES, *named))]


def event_keys(account: str, lead_key: str, outcomes: Iterable[str]) -> list[str]:
    """By which keys the ledger may know the events of a lead."""
    ids = (event_id_of(account, lead_key, outcome) for outcome in outcomes)
    return [f"{event_items.PREFIX}{account}#{event_id}{tail}" for event_id in ids for tail in ("", event_items.TEST)]


def events_of(place: Place, lead: LedgerLead, outcomes: Iterable[str]) -> list[EventItem]:
    """The events of a lead, the first seen first; leads of other sources have none. One call to the ledger."""
    if lead.source != PINTEREST:
        return []
    keys = event_keys(lead.account, lead.key, outcomes)
    found = event_items.by_keys(place.client("dynamodb"), place.output("LedgerTableName"), keys)
    return sorted(found.values(), key=lambda it: (it.first_seen_at, it.key))


def line(event: Mapping[str, Any]) -> str:
    """`delivered → lead: sent`, with its reason where it has one. event: as EventItem.as_json gives it."""
    because = f" ({event['reason']})" if event["reason"] else ""
    return f"{event['outcome']} → {event['event']}: {event['state']}{because}{', as a test' * event['is_test']}"
