"""Removing what hangs on a contact."""

from __future__ import annotations

from leads.core.errors import Undeliverable
from leads.crm.client import Client
from leads.crm.fates import is_gone


def remove(client: Client, location_id: str, contact_id: str, shelf: str, removed_id: str, *, deadline: float) -> None:
    """Deletes one of a contact's `notes` or `tasks` (shelf); what is gone already is no error."""
    try:
        client.call("DELETE", "contacts", contact_id, shelf, removed_id, location_id=location_id, deadline=deadline)
    except Undeliverable as refusal:
        if not is_gone(refusal):
            raise
