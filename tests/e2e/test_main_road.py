"""Leads through the real template: gateway, functions, queues, ledger, secrets, roles."""

from __future__ import annotations

import base64
import json
import os
import re
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
import urllib3

from infra.cli.app import main as leadrelay
from infra.local import pinterest_sender
from tests.e2e.conftest import ACCOUNT, FORM, Deployment, until

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[2]
PAYLOADS = ROOT / "tests" / "payloads" / "pinterest"
SPEC = ROOT.parent / "shared" / "specs" / "contacts-api" / "contacts.json"


def test_one_lead_becomes_one_contact(deployment: Deployment) -> None:
    """Encrypted lead in, contact out, and the ledger knows both."""
    lead = deployment.lead("one@example.com")
    assert deployment.send(lead) == (200, {"accepted": 1})
    [contact] = deployment.crm.contacts("one@example.com")
    assert contact["source"] == "Pinterest Lead Ads"
    item = deployment.ledger(lead)
    assert (item["status"], item["contact_id"]) == ("delivered", contact["id"])
    assert int(item["expires_at"]) > time.time() + 89 * 86_400
    assert deployment.waiting(deployment.failed_leads) == 0


@pytest.mark.parametrize("name", ["node_made_one_lead", "node_made_answers_in_other_scripts", "node_made_two_leads"])
def test_ciphertexts_made_by_another_library_are_read(deployment: Deployment, name: str) -> None:
    """Node's crypto sealed these; the key goes into the secret as a user would store it."""
    payload = json.loads((PAYLOADS / f"{name}.json").read_text("utf-8"))
    with stored_key(deployment, base64.b64decode(payload["key"] + "==")):
        answer = urllib3.request(
            "POST",
            deployment.stack.webhook_url(),
            body=json.dumps(payload["body"]).encode(),
            headers={"Content-Type": "text/plain"},
        )
        assert (answer.status, answer.json()) == (200, {"accepted": len(payload["answers"])})
        for answers in payload["answers"]:
            until(lambda email=answers["EMAIL"]: deployment.crm.contacts(email), 60)


def test_a_poison_lead_costs_its_batch_nothing(deployment: Deployment) -> None:
    """The others are contacts when the answer comes; the poison waits, sealed."""
    poison = deployment.lead("poison@example.com", key=os.urandom(32))
    good = [deployment.lead(f"good{number}@example.com") for number in range(4)]
    assert deployment.send(*good[:2], poison, *good[2:]) == (200, {"accepted": 5})
    assert len(deployment.crm.contacts()) == 4
    assert deployment.ledger(poison)["reason"] == "cannot_decrypt"
    # Dead-lettered in the end: the ledger keeps the reason, the message the envelope as it came.
    message = deployment.dead_letter(poison, 120)
    assert json.loads(message["Body"])["envelope"] == poison
    assert message["MessageAttributes"]["reason"]["StringValue"] == "cannot_decrypt"
    assert deployment.ledger(poison)["status"] == "undeliverable"
    deployment.sqs.purge_queue(QueueUrl=deployment.dead_letters)


def test_an_outage_of_the_crm_is_ridden_out(deployment: Deployment) -> None:
    """500 for the webhook and the first retry, then well again; one contact."""
    deployment.crm.break_with(match={"path": "/contacts/upsert"}, status=500, times=2)
    lead = deployment.lead("outage@example.com")
    assert deployment.send(lead) == (200, {"accepted": 1})
    assert deployment.crm.contacts() == []
    assert int(deployment.delivered(lead)["attempts"]) == 3
    assert len(deployment.crm.contacts("outage@example.com")) == 1


def test_throttling_dead_letters_nobody(deployment: Deployment) -> None:
    """429 for a while, for several leads; all arrive, each once."""
    deployment.crm.break_with(match={"path": "/contacts/upsert"}, status=429, headers={"Retry-After": "1"}, times=12)
    leads = [deployment.lead(f"patient{number}@example.com") for number in range(4)]
    assert deployment.send(*leads) == (200, {"accepted": 4})
    for lead in leads:
        deployment.delivered(lead)
    assert len(deployment.crm.contacts()) == 4


def test_a_refused_lead_is_dead_lettered_and_comes_back_when_redriven(deployment: Deployment) -> None:
    """422 until an operator removes the cause; then the message moves as the SQS console moves it."""
    deployment.crm.break_with(match={"path": "/contacts/upsert"}, status=422)
    lead = deployment.lead("refused@example.com")
    assert deployment.send(lead) == (200, {"accepted": 1})
    message = deployment.dead_letter(lead)
    assert deployment.ledger(lead)["status"] == "undeliverable"
    # By webhook and retry function, each whole and then with less; never again on the way to the dead letters.
    assert upserts(deployment) == 4
    source = message["Attributes"].get("DeadLetterQueueSourceArn", "")
    assert "failed-leads" in source
    deployment.crm.mend()
    deployment.sqs.send_message(
        QueueUrl=deployment.failed_leads,
        MessageBody=message["Body"],
        MessageAttributes={
            name: {field: value[field] for field in ("DataType", "StringValue")}
            for name, value in message["MessageAttributes"].items()
        },
    )
    deployment.sqs.purge_queue(QueueUrl=deployment.dead_letters)
    deployment.delivered(lead)
    assert len(deployment.crm.contacts("refused@example.com")) == 1


def test_the_redrive_command_brings_a_dead_letter_home(
    deployment: Deployment, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What `make redrive` types, against this stack."""
    deployment.crm.break_with(match={"path": "/contacts/upsert"}, status=422)
    lead = deployment.lead("redriven@example.com")
    assert deployment.send(lead) == (200, {"accepted": 1})
    until(lambda: deployment.waiting(deployment.dead_letters) == 1, 60)
    deployment.crm.mend()
    here = ["--state-dir", str(deployment.stack.settings.state_dir)]
    assert leadrelay([*here, "dead", "redrive", "--all", "--yes", "--audit", str(tmp_path / "audit.jsonl")]) == 0
    assert "1 lead(s) brought back" in capsys.readouterr().out
    deployment.delivered(lead)
    assert len(deployment.crm.contacts("redriven@example.com")) == 1
    assert deployment.waiting(deployment.dead_letters) == 0


def test_a_lead_waits_for_its_key(deployment: Deployment) -> None:
    """A new subscription's first lead arrives before its key is stored."""
    key = os.urandom(32)
    lead = deployment.lead("keyless@example.com", key=key)
    assert deployment.send(lead) == (200, {"accepted": 1})
    until(lambda: deployment.ledger(lead).get("reason") == "cannot_decrypt", 10)
    with stored_key(deployment, key):
        deployment.delivered(lead, 90)
    assert len(deployment.crm.contacts("keyless@example.com")) == 1


def test_the_same_lead_five_times_at_once_takes_effect_once(deployment: Deployment) -> None:
    """All five are answered 200; the CRM is written once."""
    lead = deployment.lead("five@example.com")
    with ThreadPoolExecutor(5) as pool:
        answers = list(pool.map(lambda _: deployment.send(lead), range(5)))
    assert answers == [(200, {"accepted": 1})] * 5
    deployment.delivered(lead)
    until(lambda: deployment.waiting(deployment.failed_leads) == 0, 60)
    assert upserts(deployment) == 1


def test_a_function_killed_in_the_middle_loses_nothing_and_doubles_nothing(deployment: Deployment) -> None:
    """The process dies while the CRM thinks; the platform sends again, and the claim of the dead one ends."""
    deployment.crm.break_with(match={"path": "/contacts/upsert"}, delay_seconds=3, times=1)
    lead = deployment.lead("killed@example.com")
    answers: list[int] = []
    sender = threading.Thread(target=lambda: answers.append(deployment.send(lead)[0]))
    sender.start()
    until(lambda: upserts(deployment), 20)
    kill_workers(deployment)
    sender.join(60)
    assert answers[0] >= 500
    assert deployment.ledger(lead)["status"] == "claimed"
    assert deployment.send(lead) == (200, {"accepted": 1})
    deployment.delivered(lead, 120)
    assert len(deployment.crm.contacts("killed@example.com")) == 1


def test_a_retry_function_killed_in_the_middle_loses_nothing_and_doubles_nothing(deployment: Deployment) -> None:
    """Nobody answers the queue any more: the message comes back, and the claim of the dead one ends with its time."""
    deployment.crm.break_with(match={"path": "/contacts/upsert"}, status=500, times=1)
    deployment.crm.break_with(match={"path": "/contacts/upsert"}, delay_seconds=5, times=1)
    with hidden_for(deployment, seconds=6):
        lead = deployment.lead("retried@example.com")
        assert deployment.send(lead) == (200, {"accepted": 1})
        until(lambda: upserts(deployment) == 2, 30)
        kill_workers(deployment)
        assert deployment.ledger(lead)["status"] == "claimed"
        deployment.delivered(lead, 200)
    assert len(deployment.crm.contacts("retried@example.com")) == 1
    assert deployment.waiting(deployment.dead_letters) == 0


def test_a_missing_permission_would_be_noticed_here(deployment: Deployment) -> None:
    """IAM is enforced: without its policy the webhook function cannot work, with it it can."""
    stack = deployment.stack
    resources = stack.client("cloudformation").list_stack_resources(StackName="leadrelay")["StackResourceSummaries"]
    [role] = [each["PhysicalResourceId"] for each in resources if each["LogicalResourceId"] == "WebhookRole"]
    iam = stack.client("iam")
    policy = iam.get_role_policy(RoleName=role, PolicyName="webhook")["PolicyDocument"]
    without_ledger = policy | {"Statement": [each for each in policy["Statement"] if each["Sid"] != "RememberLeads"]}
    lead = deployment.lead("forbidden@example.com")
    try:
        iam.put_role_policy(RoleName=role, PolicyName="webhook", PolicyDocument=json.dumps(without_ledger))
        assert deployment.send(lead) == (200, {"accepted": 1})
    finally:
        iam.put_role_policy(RoleName=role, PolicyName="webhook", PolicyDocument=json.dumps(policy))

    def refusals() -> list[str]:
        lines = stack.function_logs("WebhookFunctionName")
        return [line for line in lines if lead["lead_id"] in line and "AccessDenied" in line]

    assert "ledger_unavailable" in until(refusals, 20)[0]
    # The retry function has its own role, which still may.
    deployment.delivered(lead)


@pytest.mark.parametrize("address", ["wrong token", "unknown source"])
def test_a_wrong_address_is_not_found(deployment: Deployment, address: str) -> None:
    """The same body for both."""
    url = deployment.stack.webhook_url()
    wrong = {"wrong token": url[:-1] + "x", "unknown source": url.replace("/pinterest/", "/myspace/")}[address]
    answer = urllib3.request("POST", wrong, body=b"[]", retries=False)
    assert (answer.status, answer.json()) == (404, {"error": "There is no webhook at this address."})


def test_nothing_of_a_person_is_in_the_logs(deployment: Deployment) -> None:
    """After all of this session's leads."""
    deployment.send(deployment.lead("logged@example.com"))
    for output in ("WebhookFunctionName", "RetryFunctionName"):
        lines = "\n".join(deployment.stack.function_logs(output))
        assert "lead delivered" in lines
        assert not re.search(r"@example\.com|Lovelace", lines)


def test_every_call_to_the_crm_follows_the_official_spec(deployment: Deployment) -> None:
    """A lead with every question; no unknown property, right headers."""
    if not SPEC.exists():
        pytest.skip("the official specs are not beside this checkout (../shared/specs)")
    schemas = json.loads(SPEC.read_text("utf-8"))["components"]["schemas"]
    answers = pinterest_sender.example_answers(700) | {"EMAIL": "spec@example.com"}
    assert deployment.send(pinterest_sender.build_lead(answers, key=deployment.key)) == (200, {"accepted": 1})
    search, upsert, note = deployment.crm.requests()
    assert (search["method"], search["path"]) == ("GET", "/contacts/search/duplicate")
    assert (upsert["method"], upsert["path"]) == ("POST", "/contacts/upsert")
    assert set(upsert["body"]) <= set(schemas["UpsertContactDto"]["properties"]) - {"tags"}
    assert note["method"] == "POST"
    assert set(note["body"]) <= set(schemas["NotesDTO"]["properties"])
    for request in (search, upsert, note):
        assert request["headers"]["version"] == "2021-07-28"
        assert request["headers"]["authorization"] == "***"
    for request in (upsert, note):
        assert request["headers"]["content-type"] == "application/json"
        assert None not in request["body"].values()


@contextmanager
def hidden_for(deployment: Deployment, *, seconds: int) -> Iterator[None]:
    """Shortens the failed-leads queue's visibility timeout, which a test has no time to wait for."""
    name = "VisibilityTimeout"
    before = deployment.sqs.get_queue_attributes(QueueUrl=deployment.failed_leads, AttributeNames=[name])["Attributes"]
    deployment.sqs.set_queue_attributes(QueueUrl=deployment.failed_leads, Attributes={name: str(seconds)})
    try:
        yield
    finally:
        deployment.sqs.set_queue_attributes(QueueUrl=deployment.failed_leads, Attributes=before)


@contextmanager
def stored_key(deployment: Deployment, key: bytes) -> Iterator[None]:
    """A further key in the secret, for as long as the block lasts."""
    before = deployment.stack.secret("PinterestKeysSecretArn")
    subscription = {
        "subscription_id": "9",
        "ad_account_id": ACCOUNT,
        "lead_form_id": FORM,
        "cryptographic_key": base64.b64encode(key).decode(),
        "cryptographic_algorithm": "AES-256-GCM",
        "retired_at": None,
    }
    deployment.stack.put_secret("PinterestKeysSecretArn", {"subscriptions": [*before["subscriptions"], subscription]})
    try:
        yield
    finally:
        deployment.stack.put_secret("PinterestKeysSecretArn", before)


def upserts(deployment: Deployment) -> int:
    """How often the CRM was asked to write a contact, answered or not."""
    return sum(request["path"] == "/contacts/upsert" for request in deployment.crm.requests())


def kill_workers(deployment: Deployment) -> None:
    """Kills every process that runs a function: the descendants of the emulator."""
    parents = {
        int(status.parent.name): int(re.search(r"^PPid:\s+(\d+)", status.read_text(), re.MULTILINE)[1])  # type: ignore[index]
        for status in Path("/proc").glob("[0-9]*/status")
    }
    emulator = deployment.stack.pids[0]
    workers = [pid for pid, parent in parents.items() if parent == emulator]
    assert workers, "the emulator runs no function"
    for pid in workers:
        os.kill(pid, signal.SIGKILL)
