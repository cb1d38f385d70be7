"""Facebook leads over the deployed app: a thousand in one request, of which some are throttled and one unreadable."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any
from urllib.parse import urlsplit

import pytest
import urllib3

from infra.local import facebook_sender
from infra.local.vendor_accounts import PAGES
from tests.e2e.conftest import Deployment, accepted, until

pytestmark = pytest.mark.e2e

LEADS = 1000
THROTTLED = LEADS // 20


def lead(number: int) -> dict[str, object]:
    """One of its own person."""
    example = facebook_sender.example_lead(number)
    answers = [
        {"name": each["name"], "values": [f"fb{number}@example.com"] if each["name"] == "email" else each["values"]}
        for each in example["field_data"]
        if each["name"] != "phone_number"
    ]
    return {**example, "field_data": answers}


def order(graph_url: str, what: str, body: object) -> None:
    """An order to the Graph sandbox's own side."""
    address = f"http://{urlsplit(graph_url).netloc}/_sandbox/{what}"
    answer = urllib3.request("POST", address, json=body, retries=False, timeout=30)
    assert answer.status < 300, answer.data


def test_a_thousand_updates_over_three_pages_in_one_request(every_source: Deployment) -> None:
    """999 contacts, one undeliverable lead with its remedy in the reason, and nothing twice."""
    stack, graph = every_source.stack, every_source.stack.graph_api_url
    made = []
    for place, page in enumerate(PAGES):
        made += facebook_sender.add_leads(graph, [lead(n) for n in range(LEADS) if n % len(PAGES) == place], page)
    throttled = [
        {"lead": each["id"], "code": 80005, "times": 1, "regain_minutes": 0.02}
        for each in made[1 :: LEADS // THROTTLED]
    ]
    hidden = made[0]
    order(graph, "faults", {"faults": [*throttled, {"lead": hidden["id"], "code": 100, "subcode": 33}]})
    body = facebook_sender.notification(made)
    secret = stack.secret("FacebookSecretArn")["app_secret"]

    before = every_source.statuses("facebook#")

    def send() -> tuple[int, Any]:
        return facebook_sender.send(stack.webhook_url("facebook"), body, secret)

    assert accepted(send) == (200, {"accepted": LEADS})

    def statuses() -> Counter[str]:
        return every_source.statuses("facebook#") - before

    until(lambda: statuses()["delivered"] == LEADS - 1 and statuses()["undeliverable"] == 1, 240)
    contacts = [it for it in every_source.crm.contacts() if it["email"].startswith("fb")]
    assert len(contacts) == len({it["email"] for it in contacts}) == LEADS - 1
    assert {len(it["notes"]) for it in contacts} == {1}
    letter = every_source.dead_letter({"lead_id": hidden["id"]})
    item = every_source.item(f"facebook#{PAGES[0]}#{hidden['id']}")
    assert item["reason"] == "lead_not_visible_check_leads_access_manager"
    # Ids only: whoever looks into the queue learns nothing of a person.
    assert "@" not in letter["Body"]
    # The same again changes nothing.
    assert accepted(send) == (200, {"accepted": LEADS})
    until(lambda: every_source.waiting(every_source.failed_leads) == 0, 120)
    again = [it for it in every_source.crm.contacts() if it["email"].startswith("fb")]
    assert (len(again), {len(it["notes"]) for it in again}) == (LEADS - 1, {1})


def test_the_address_is_verified_and_a_forged_request_is_refused(every_source: Deployment) -> None:
    """The challenge comes back as it was sent, as text; without the right signature nothing is taken."""
    stack = every_source.stack
    url = stack.webhook_url("facebook")
    token = stack.secret("FacebookSecretArn")["verify_token"]
    query = {"hub.mode": "subscribe", "hub.verify_token": token, "hub.challenge": "0123456789012345678901"}
    answer = urllib3.request("GET", url, fields=query, retries=False)
    assert (answer.status, answer.data) == (200, b"0123456789012345678901")
    assert answer.headers["content-type"].startswith("text/plain")
    assert urllib3.request("GET", url, fields=query | {"hub.verify_token": "guess"}, retries=False).status == 403
    body = json.dumps(facebook_sender.notification(["123"])).encode()
    for headers in ({}, facebook_sender.signed(body, "another secret"), facebook_sender.signed(body + b" ", token)):
        assert urllib3.request("POST", url, body=body, headers=headers, retries=False).status == 401
