"""What becomes of a lead in the CRM reaches Pinterest, over the deployed app: hashed right, and once."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from infra.local import leadconnector_sender
from leads.core.conversion import event_id_of
from tests.e2e.conftest import ACCOUNT, TOLD, Deployment, until
from tests.e2e.pinterest import Pinterest, sha256

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def telling(every_source: Deployment) -> Deployment:
    """The deployment, with a CRM that tells it what happens where Pinterest's leads go."""
    every_source.crm.tell(every_source.stack.webhook_url("leadconnector"), TOLD)
    return every_source


@pytest.fixture
def pinterest(telling: Deployment) -> Pinterest:
    return Pinterest(telling.stack.pinterest_api_url)


def names(events: list[dict[str, Any]]) -> list[str]:
    return sorted(event["event_name"] for event in events)


def test_a_lead_that_is_qualified_and_won_is_told_to_pinterest(telling: Deployment, pinterest: Pinterest) -> None:
    """Lead, contact, the tag `stage: qualified` by webhook, an opportunity won: three events, each once."""
    email = "Ada.Told@example.com"
    answers = {
        "PHONE_NUMBER": "+1 (212) 867-5309",
        "CITY": "New York",
        "STATE_PROVINCE": "New York",
        "ZIP_CODE": "10001",
    }
    lead = telling.lead(email, more=answers)
    for _ in range(2):
        assert telling.send(lead) == (200, {"accepted": 1})
    item = telling.delivered(lead)
    key = f"pinterest#{ACCOUNT}#{lead['lead_id']}"
    [event] = until(lambda: pinterest.events(email.lower()), 60)
    assert event == {
        "event_name": "lead",
        "action_source": "offline",
        "event_time": int(lead["created_at"]) // 1000,
        "event_id": event_id_of(ACCOUNT, key, "delivered"),
        "user_data": {
            "em": [sha256("ada.told@example.com")],
            "ph": [sha256("12128675309")],
            "fn": [sha256("ada")],
            "ln": [sha256("lovelace")],
            "ct": [sha256("newyork")],
            "st": [sha256("ny")],
            "zp": [sha256("10001")],
            "country": [sha256("us")],
        },
    }
    assert item["steps"]["conversion"]["S"] == event["event_id"]
    crm_url, contact_id = telling.stack.contacts_api_url, item["contact_id"]

    def tag(*tags: str) -> None:
        path = f"/contacts/{contact_id}/tags"
        assert leadconnector_sender.administer(crm_url, path, {"tags": list(tags)})[0] < 300

    tag("stage: qualified")
    opportunity = {"contact_id": contact_id, "name": "Kitchen", "status": "open", "monetaryValue": 2500}
    status, made = leadconnector_sender.administer(crm_url, "/opportunities", opportunity)
    assert status < 300
    telling.crm._ask("PUT", f"opportunities/{made['opportunity']['id']}", {"status": "won"})
    until(lambda: len(pinterest.events(email.lower())) == 3 or None, 60)
    told = {event["event_name"]: event for event in pinterest.events(email.lower())}
    assert names(pinterest.events(email.lower())) == ["checkout", "lead", "qualified_lead"]
    assert told["checkout"]["custom_data"] == {
        "value": "2500",
        "currency": "USD",
        "order_id": made["opportunity"]["id"],
    }
    for name, outcome in (("qualified_lead", "stage:qualified"), ("checkout", "won")):
        assert told[name]["event_id"] == event_id_of(ACCOUNT, key, outcome)
        assert told[name]["user_data"] == event["user_data"]
        assert told[name]["action_source"] == "offline"
    # What is no outcome, or stands already, is nothing to tell.
    tag("vip")
    telling.crm._ask("PUT", f"opportunities/{made['opportunity']['id']}", {"name": "Large kitchen"})
    until(lambda: telling.waiting(telling.conversions) > 0 or None, 30)
    until(lambda: telling.waiting(telling.conversions) == 0 or None, 60)
    assert names(pinterest.events(email.lower())) == ["checkout", "lead", "qualified_lead"]


def test_what_pinterest_refuses_for_a_while_is_told_later(telling: Deployment, pinterest: Pinterest) -> None:
    """A limit, a server that fails, an answer that gets lost: the contact is written at once, the event told later.

    The answer that was lost is the one case in which an offline event may count twice.
    """
    email = "patience@example.com"
    events = {"path": f"/v5/ad_accounts/{ACCOUNT}/events"}
    pinterest.break_with(status=429, match=events, headers={"x-ratelimit-reset": "1"}, times=2)
    pinterest.break_with(status=503, match=events, times=1)
    pinterest.break_with(drop_connection=True, match=events, times=1)
    lead = telling.lead(email)
    assert telling.send(lead) == (200, {"accepted": 1})
    telling.delivered(lead)
    until(lambda: pinterest.events(email), 120)
    until(lambda: telling.waiting(telling.conversions) == 0 or None, 60)
    assert names(pinterest.events(email)) == ["lead"]
    pinterest.mend()


def test_another_system_puts_its_events_into_the_queue(telling: Deployment, pinterest: Pinterest) -> None:
    """Raw values are hashed on their way, hashed ones pass; what cannot be read goes to the dead letters."""
    sqs, outputs = telling.sqs, telling.stack.outputs
    now = int(time.time())
    plain = {"v": 1, "ad_account_id": ACCOUNT, "event_name": "signup", "event_time": now, "event_id": "shop-1"}
    bodies = [
        {**plain, "email": " Grace@Example.com ", "hashed_phone": sha256("491701234567"), "value": 12.5},
        {**plain, "event_id": "shop-2", "phone": "+49 170 1234567"},
        {**plain, "event_id": "shop-3", "email": "late@example.com", "event_time": now - 8 * 86_400},
        {**plain, "event_id": "shop-4", "emial": "typo@example.com"},
    ]
    for body in bodies:
        sqs.send_message(QueueUrl=telling.conversions, MessageBody=json.dumps(body))
    [event] = until(lambda: pinterest.events("grace@example.com"), 60)
    assert (event["event_name"], event["action_source"], event["custom_data"]) == ("signup", "web", {"value": "12.5"})
    assert event["user_data"] == {"em": [sha256("grace@example.com")], "ph": [sha256("491701234567")]}
    until(lambda: telling.waiting(outputs["ConversionsDeadLetterQueueUrl"]) == 1 or None, 120)
    assert pinterest.events("late@example.com") == pinterest.events("typo@example.com") == []
    for name, reason in (("shop-2", "no_identifier"), ("shop-3", "too_old")):
        item = until(lambda name=name: telling.item(f"event#{ACCOUNT}#{name}"), 30)
        assert (item["state"], item["reason"]) == ("ignored", reason)


def test_no_person_is_in_ledger_or_log(telling: Deployment, pinterest: Pinterest) -> None:
    """Of all that were told, nothing in the clear is in what the function wrote; ids, codes and hashes only."""
    telling.send(telling.lead("secretive@example.com"))
    until(lambda: pinterest.events("secretive@example.com"), 60)
    table = telling.stack.outputs["LedgerTableName"]
    items = [
        item for page in telling.dynamodb.get_paginator("scan").paginate(TableName=table) for item in page["Items"]
    ]
    written = json.dumps(items) + "".join(telling.stack.function_logs("ConversionsFunctionName"))
    assert "event sent" in written
    for secret in (
        "secretive@",
        "ada.told@",
        "patience@",
        "grace@example",
        "late@example",
        "typo@example",
        "lovelace",
        "8675309",
    ):
        assert secret not in written.lower()
