"""Two CRM locations whose routes point at each other, over the deployed app: one round, and there is rest."""

from __future__ import annotations

import time
from typing import Any

import pytest

from infra.local import leadconnector_sender
from tests.e2e.conftest import HERE, THERE, Deployment, until

pytestmark = pytest.mark.e2e

PEOPLE = 10


def at(deployment: Deployment, location: str) -> dict[str, dict[str, Any]]:
    """E-mail → contact of this test in a location."""
    contacts = deployment.crm.contacts()
    return {it["email"]: it for it in contacts if it["locationId"] == location and it["email"].startswith("pair")}


def at_rest(deployment: Deployment) -> bool:
    """No webhook on its way, no lead waiting."""
    deliveries = deployment.crm.webhook_deliveries()
    return all(it["status"] == 200 for it in deliveries) and deployment.waiting(deployment.failed_leads) == 0


def test_a_pair_of_locations_comes_to_rest_after_one_round(every_source: Deployment) -> None:
    """Everybody is on both sides once; who was carried over has one note and one task, and nothing came back."""
    crm_url = every_source.stack.contacts_api_url
    made: dict[str, str] = {}
    for location in (HERE, THERE):
        for number in range(PEOPLE):
            email = f"pair-{location[8:12].lower()}-{number}@example.com"
            contact = {"firstName": "Ada", "email": email, "tags": ["vip"]}
            status, answer = leadconnector_sender.administer(crm_url, "/contacts", {"location": location, **contact})
            assert status == 201
            made[email] = answer["contact"]["id"]
    emails = set(made)
    until(lambda: at(every_source, HERE).keys() == at(every_source, THERE).keys() == emails, 120)
    note = {"body": "Called, wants a quote"}
    for contact_id in made.values():
        leadconnector_sender.administer(crm_url, f"/contacts/{contact_id}/notes", note)

    def is_settled() -> bool:
        if not at_rest(every_source):
            return False
        written = every_source.crm.writes()
        time.sleep(4)
        return at_rest(every_source) and every_source.crm.writes() == written

    until(is_settled, 180)
    for location in (HERE, THERE):
        for email, contact in at(every_source, location).items():
            is_at_home = location[8:12].lower() in email
            assert len(contact["tasks"]) == (0 if is_at_home else 1), email
            # Its own, and its copy over there beside the note that came with the contact.
            assert len(contact["notes"]) == (1 if is_at_home else 2), email
            assert ("carried over" in contact["tags"]) == (not is_at_home), email
    assert len(at(every_source, HERE)) == len(at(every_source, THERE)) == 2 * PEOPLE
