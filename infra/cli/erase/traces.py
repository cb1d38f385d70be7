"""What the ledger knows of a person: its items about their contacts and leads, and the seals of those leads."""

import re
from collections.abc import Callable, Collection
from typing import Any

from infra.cli.story.ledger import LedgerLead, leads
from leads.adapters.item_values import text
from leads.core.routes import CRM_SOURCES

# How the id of a CRM's record goes on in the key of one of its states, of its way to a second location, of its removal.
_BEHIND_ID = re.compile(r"[@>].*|-removed$")
_SEAL = "seal#"
# DynamoDB takes so many deletions in one call.
_BATCH = 25


def is_about(lead: LedgerLead, contact_ids: Collection[str], keys: Collection[str]) -> bool:
    """Whether an item is about one of these contacts or leads (ledger keys).

    A record of another CRM location, and what we wrote into one, goes by the contact's id.
    """
    if lead.key in keys or (lead.contact_id and lead.contact_id in contact_ids):
        return True
    return lead.source in CRM_SOURCES and _BEHIND_ID.sub("", lead.lead_id) in contact_ids


def find(
    client: Any,
    table: str,
    contact_ids: Collection[str],
    keys: Collection[str],
    *,
    told: Callable[[int], None] = lambda _: None,
) -> tuple[list[LedgerLead], set[str]]:
    """The items about a person, and every CRM location that the ledger knows; told: how many items were looked at."""
    found: list[LedgerLead] = []
    locations: set[str] = set()
    for number, lead in enumerate(leads(client, table), 1):
        if lead.location_id:
            locations.add(lead.location_id)
        if is_about(lead, contact_ids, keys):
            found.append(lead)
        if number % 500 == 0:
            told(number)
    return sorted(found, key=lambda lead: lead.key), locations


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
