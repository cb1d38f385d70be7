"""What the ledger knows of a person: its items about their contacts and leads, and the seals of those leads."""

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from infra.cli.story.ledger import LedgerLead, leads
from leads.adapters.item_values import text
from leads.core.ledger import Status
from leads.core.routes import CRM_SOURCES

# How the id of a CRM's record goes on in the key of one of its states, of its way to a second location, of its removal.
_BEHIND_ID = re.compile(r"[@>].*|-removed$")
_SEAL = "seal#"
# DynamoDB takes so many deletions in one call.
_BATCH = 25


@dataclass(frozen=True)
class Look:
    """One look into the ledger: the items about a person, every CRM location that leads went to, and the leads that
    a function was delivering at that moment, of which nobody can tell yet whose they are.
    """

    leads: list[LedgerLead]
    locations: set[str]
    under_way: list[LedgerLead]


def is_about(lead: LedgerLead, contact_ids: Collection[str], keys: Collection[str]) -> bool:
    """Whether an item is about one of these contacts or leads (ledger keys).

    A record of another CRM location, and what we wrote into one, goes by the contact's id.
    """
    if lead.key in keys or (lead.contact_id and lead.contact_id in contact_ids):
        return True
    return lead.source in CRM_SOURCES and _BEHIND_ID.sub("", lead.lead_id) in contact_ids


def is_held(lead: LedgerLead, now: float) -> bool:
    """Whether a function is delivering it, or was stopped in the middle a moment ago. now: epoch seconds."""
    return lead.status == Status.CLAIMED and lead.claimed_until > now


def find(
    client: Any,
    table: str,
    contact_ids: Collection[str],
    keys: Collection[str],
    *,
    now: float,
    told: Callable[[int], None] = lambda _: None,
) -> Look:
    """The items about a person, and what else counts. now: epoch seconds; told: how many items were looked at."""
    found: list[LedgerLead] = []
    locations: set[str] = set()
    under_way: list[LedgerLead] = []
    for lead in leads(client, table, told=told):
        if is_held(lead, now):
            under_way.append(lead)
        if lead.location_id:
            locations.add(lead.location_id)
        if is_about(lead, contact_ids, keys):
            found.append(lead)
    return Look(sorted(found, key=lambda lead: lead.key), locations, under_way)


def is_seal(key: str) -> bool:
    """Whether this is the key of an item that ties a ciphertext to its lead."""
    return key.startswith(_SEAL)


def remove(client: Any, table: str, keys: Collection[str]) -> list[str]:
    """Delete these items and the seals of their leads; the keys of all that was deleted.

    The seals go first, as only the items tell which they are.
    """
    gone = [*_seals(client, table, keys), *sorted(keys)]
    for start in range(0, len(gone), _BATCH):
        requests = [{"DeleteRequest": {"Key": {"pk": {"S": key}}}} for key in gone[start : start + _BATCH]]
        while requests:
            answer = client.batch_write_item(RequestItems={table: requests})
            # What the table had no time for.
            requests = answer.get("UnprocessedItems", {}).get(table, [])
    return gone


def _seals(client: Any, table: str, keys: Collection[str]) -> list[str]:
    if not keys:
        return []
    pages = client.get_paginator("scan").paginate(
        TableName=table,
        FilterExpression="begins_with(pk, :seal)",
        ExpressionAttributeValues={":seal": {"S": _SEAL}},
        ProjectionExpression="pk, lead_key",
    )
    return [text(item, "pk") for page in pages for item in page["Items"] if text(item, "lead_key") in keys]
