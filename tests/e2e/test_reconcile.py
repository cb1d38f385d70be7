"""The deployed reconcile function finds what no webhook told of, once."""

from __future__ import annotations

import json
import time
from typing import Any
from urllib.parse import urlsplit

import pytest
import urllib3

from infra.local import facebook_sender
from infra.local.graph.examples import example_form
from infra.local.vendor_accounts import AD_ACCOUNT, PAGES
from tests.e2e.conftest import HERE, THERE, Deployment, until

pytestmark = pytest.mark.e2e

LEADS = 50
AD = "687195905986"


def ordered(deployment: Deployment, **order: str) -> dict[str, Any]:
    """The report on an order."""
    name = deployment.stack.outputs["ReconcileFunctionName"]
    answer = deployment.stack.client("lambda").invoke(FunctionName=name, Payload=json.dumps(order).encode())
    report: dict[str, Any] = json.loads(answer["Payload"].read())
    assert "FunctionError" not in answer, report
    return report


def found(deployment: Deployment, begin: str) -> list[dict[str, Any]]:
    return [it for it in deployment.crm.contacts() if it["email"].startswith(begin)]


def post(url: str, what: str, body: object) -> Any:
    answer = urllib3.request("POST", f"http://{urlsplit(url).netloc}/_sandbox/{what}", json=body, retries=False)
    assert answer.status < 300, answer.data
    return json.loads(answer.data)


def facebook_leads(deployment: Deployment, form: str) -> None:
    """Leads on a form of their own, which no webhook told of."""
    graph, page = deployment.stack.graph_api_url, PAGES[1]
    post(graph, "forms", {**example_form(page), "id": form})
    leads = []
    for number in range(LEADS):
        example = facebook_sender.example_lead(number)
        answers = [{"name": "email", "values": [f"never{number}@example.com"]}]
        leads.append({**example, "form": form, "field_data": answers})
    post(graph, "leads", {"leads": leads})


def test_fifty_facebook_leads_whose_webhooks_were_never_sent_are_found_once(every_source: Deployment) -> None:
    """The report says so, and the second one that nothing was left to do."""
    form = "7002290129340001"
    facebook_leads(every_source, form)
    report = ordered(every_source, source="facebook", account=PAGES[1], form=form)
    [row] = report["forms"]
    assert report["complete"], report
    assert (row["platform"], row["fetched"], row["delivered"], row["missing"]) == (LEADS, LEADS, 0, 0)
    until(lambda: len(found(every_source, "never")) == LEADS, 60)
    until(lambda: every_source.waiting(every_source.failed_leads) == 0, 60)
    report = ordered(every_source, source="facebook", account=PAGES[1], form=form)
    [row] = report["forms"]
    assert (row["platform"], row["delivered"], row["fetched"], row["missing"]) == (LEADS, LEADS, 0, 0)
    assert {len(it["notes"]) for it in found(every_source, "never")} == {1}


def test_pinterest_leads_are_found_in_the_export(every_source: Deployment) -> None:
    """One that the webhook brought is known by its id; the others are fetched from the file."""
    stack = every_source.stack
    came = every_source.lead("export0@example.com")
    assert every_source.send(came)[0] == 200
    every_source.delivered(came)
    now = time.time()
    leads = [
        {
            "ad": AD,
            "lead_id": came["lead_id"] if number == 0 else str(880000000000 + number),
            "created_at": now,
            "answers": {"FULL_NAME": "Ada Lovelace", "EMAIL": f"export{number}@example.com"},
        }
        for number in range(5)
    ]
    # The file is there at the first look.
    post(stack.pinterest_api_url, "exports", {"polls": 0})
    for lead in leads:
        post(stack.pinterest_api_url, "leads", lead)
    report = ordered(every_source, source="pinterest", account=AD_ACCOUNT, form=AD)
    assert report["complete"], report
    [row] = report["forms"]
    assert (row["platform"], row["delivered"], row["fetched"], row["missing"]) == (5, 1, 4, 0)
    until(lambda: len(found(every_source, "export")) == 5, 60)
    assert {len(it["notes"]) for it in found(every_source, "export")} == {1}


def test_records_of_a_location_that_no_webhook_told_of_are_found(every_source: Deployment) -> None:
    """Contacts, their notes and their tasks, each once, also those of a contact that is known by e-mail only."""
    crm, stack = every_source.crm, every_source.stack
    crm.tell_nobody()
    try:
        for number in range(3):
            contact = crm.make("contacts", location=HERE, firstName="Ada", email=f"quiet{number}@example.com")
            crm.make(f"contacts/{contact['id']}/notes", body="Called, wants a quote")
            crm.make(f"contacts/{contact['id']}/tasks", title="Send the quote")
        # Somebody of the other location knows her already.
        crm.make("contacts", location=THERE, firstName="Ada", email="quiet0@example.com", city="Paris")
        until(lambda: every_source.waiting(every_source.failed_leads) == 0, 60)
        first = ordered(every_source, source="leadconnector", account=HERE)
        assert first["complete"], first
        assert {row["form"]: row["missing"] for row in first["forms"]} == {"contacts": 0, "notes": 0, "tasks": 0}

        def carried_over() -> bool:
            copies = [it for it in found(every_source, "quiet") if it["locationId"] == THERE]
            return [(len(it["notes"]), len(it["tasks"])) for it in copies] == [(2, 2)] * 3

        until(carried_over, 60)
        second = ordered(every_source, source="leadconnector", account=HERE)
        assert second["complete"], second
        assert second["totals"]["fetched"] == 0, second
        assert carried_over()
    finally:
        crm.tell(stack.webhook_url("leadconnector"), HERE, THERE)


def test_an_order_that_cannot_be_followed_is_answered_in_a_sentence(every_source: Deployment) -> None:
    """It says what is wrong."""
    assert "mars" in ordered(every_source, source="mars")["error"]
    assert "from" in ordered(every_source, source="facebook", **{"from": "yesterday"})["error"]
