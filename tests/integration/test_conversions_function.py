"""The conversions function as Lambda calls it: real messages in, AWS by moto, Pinterest and the CRM as sandboxes."""

from __future__ import annotations

import functools
import hashlib
import itertools
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import conversions
import webhook
from infra.bench.container import record_of
from infra.local.contacts_sandbox import ContactsSandbox
from infra.local.pinterest_sandbox import PinterestSandbox
from leads import wiring
from leads.adapters.environment import Settings
from leads.adapters.telemetry import Telemetry
from leads.core.conversion import event_id_of
from leads.wiring.conversions import send_conversions
from tests import leads_made
from tests.fakes import LOCATION
from tests.fakes_conversions import FakeConversionLedger
from tests.integration.conftest import TOKEN, AwsAccount
from tests.integration.test_functions import Context

ACCOUNT = leads_made.ACCOUNT
ROUTES = f"""
[[routes]]
name = "Told"
source = "pinterest"
location = "{LOCATION}"
stage = "lead"
  [routes.conversions]
  delivered = {{ event = "lead", value = "{{What is your budget?}}", currency = "USD" }}
  "stage:qualified" = "qualified_lead"
"""
_runs = itertools.count()


class Died(BaseException):
    """What no handler of ours catches: the function is gone."""


@dataclass
class App:
    """The webhook and the conversions function, wired as in Lambda but for their addresses; `now` may be moved."""

    aws: AwsAccount
    crm: ContactsSandbox
    pinterest: PinterestSandbox
    queue: str
    dead: str
    routes: Path
    moved: float = 0.0
    parts: wiring.Parts = field(init=False)
    ledger: FakeConversionLedger = field(init=False)

    def __post_init__(self) -> None:
        config = Settings(
            ledger_table_name=self.aws.table,
            failed_leads_queue_url=self.aws.failed_leads_url,
            conversions_queue_url=self.queue,
            pinterest_keys_secret="pinterest-keys",
            pinterest_app_secret="pinterest-app",
            contacts_secret="contacts",
            webhook_token_secret="webhook-token",
            contacts_api_url=self.crm.url,
            pinterest_api_url=self.pinterest.url,
            retry_waits=(0, 300),
        )
        self.parts = wiring.Parts(config, now=lambda: time.time() + self.moved, routes_file=self.routes)

    def post(self, lead: dict[str, Any]) -> None:
        """A lead, through the webhook."""
        event = {
            "routeKey": "POST /webhooks/{source}/{token}",
            "headers": {},
            "pathParameters": {"source": "pinterest", "token": TOKEN},
            "body": leads_made.body(lead).decode(),
        }
        assert webhook.handler(event, Context(), self.parts.receive())["statusCode"] == 200

    def put(self, *messages: dict[str, Any]) -> None:
        """Messages of another system."""
        for start in range(0, len(messages), 10):
            entries = [
                {"Id": str(number), "MessageBody": json.dumps(message)}
                for number, message in enumerate(messages[start : start + 10])
            ]
            self.aws.sqs.send_message_batch(QueueUrl=self.queue, Entries=entries)

    def run(self, sender: Any = None) -> tuple[int, list[str]]:
        """One batch of everything visible: how many messages, and the bodies of those that stay."""
        messages = self.aws._receive(self.queue)
        event = {"Records": [record_of(message) for message in messages]}
        answer = conversions.handler(event, Context(120), sender or send_conversions(self.parts))
        staying = {failure["itemIdentifier"] for failure in answer["batchItemFailures"]}
        for message in messages:
            if message["MessageId"] not in staying:
                self.aws.sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=message["ReceiptHandle"])
        return len(messages), [message["Body"] for message in messages if message["MessageId"] in staying]

    def run_on(self, *messages: dict[str, Any]) -> list[str]:
        """One batch of many messages, with a ledger in memory, as moto takes minutes for them; what stays of them."""
        records = [
            {
                "messageId": f"m{number}",
                "receiptHandle": f"r{number}",
                "body": json.dumps(message),
                "attributes": {"ApproximateReceiveCount": "1"},
            }
            for number, message in enumerate(messages)
        ]
        sender = send_conversions(self.parts)
        sender._tell._ledger = self.ledger = FakeConversionLedger(time.time)
        answer = conversions.handler({"Records": records}, Context(120), sender)
        staying = {failure["itemIdentifier"] for failure in answer["batchItemFailures"]}
        return [record["body"] for record in records if record["messageId"] in staying]

    def event_items(self) -> dict[str, dict[str, Any]]:
        items = self.aws.dynamodb.scan(TableName=self.aws.table)["Items"]
        return {item["pk"]["S"]: item for item in items if item["pk"]["S"].startswith("event#")}

    def told(self) -> list[str]:
        """The ids of what Pinterest counts."""
        return [row["event"]["event_id"] for row in self.pinterest.events() for _ in range(row["counted"])]


@pytest.fixture
def app(
    aws: AwsAccount, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[App]:
    # A logger keeps the output stream it was made with, and capsys gives each test another.
    run = next(_runs)
    monkeypatch.setattr(wiring, "telemetry", functools.cache(lambda service: Telemetry(f"{service}-c{run}", "INFO")))
    routes = tmp_path / "routes.toml"
    routes.write_text(ROUTES)
    dead = aws.sqs.create_queue(QueueName="conversions-dead")["QueueUrl"]
    arn = aws.sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 12})
    queue = aws.sqs.create_queue(
        QueueName="conversions", Attributes={"RedrivePolicy": policy, "VisibilityTimeout": "740"}
    )["QueueUrl"]
    secret = {"access_token": "pina_1", "conversion_tokens": {ACCOUNT: "pinc_1"}}
    aws.secrets.create_secret(Name="pinterest-app", SecretString=json.dumps(secret))
    with (
        ContactsSandbox(tokens={"pit-test": LOCATION}) as crm,
        PinterestSandbox(["pina_1"], conversion_tokens=["pinc_1"]) as pinterest,
    ):
        yield App(aws, crm, pinterest, queue, dead, routes)


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def message(number: int, **more: Any) -> dict[str, Any]:
    return {
        "v": 1,
        "ad_account_id": ACCOUNT,
        "event_name": "signup",
        "event_time": int(time.time()) - 60,
        "event_id": f"e{number}",
        "action_source": "offline",
        "hashed_email": sha256(f"ada{number}@example.com"),
        **more,
    }


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]


def test_a_delivered_lead_is_told_hashed_and_once(app: App, capsys: pytest.CaptureFixture[str]) -> None:
    """However often the platform sends it; value and currency are those of the route."""
    lead = leads_made.lead(answers={"EMAIL": "Ada@Example.com", "What is your budget?": "2500"})
    app.post(lead)
    app.post(lead)
    assert app.run() == (1, [])
    [row] = app.pinterest.events()
    key = f"pinterest#{ACCOUNT}#{lead['lead_id']}"
    assert row["event"]["event_id"] == event_id_of(ACCOUNT, key, "delivered")
    assert row["event"]["user_data"] == {"em": [sha256("ada@example.com")]}
    assert row["event"]["custom_data"] == {"value": "2500", "currency": "USD"}
    [item] = app.event_items().values()
    assert (item["state"]["S"], item["lead_key"]["S"]) == ("sent", key)
    said = [line for line in lines(capsys) if line.get("message") == "event sent"]
    assert [(line["event"], line["outcome"], line["lead_key"]) for line in said] == [("lead", "delivered", key)]


def test_the_queue_holds_nothing_of_a_person_in_clear(app: App) -> None:
    """Hashes and ids only."""
    answers = {"FULL_NAME": "Zebediah Quillfeather", "EMAIL": "zeb@example.com", "PHONE_NUMBER": "+1 212 867 5309"}
    app.post(leads_made.lead(answers=answers))
    [queued] = app.aws._receive(app.queue)
    assert not [word for word in ("zeb", "quill", "8675309") if word in queued["Body"].lower()]
    assert sha256("zeb@example.com") in queued["Body"]


def test_2500_events_in_one_batch_are_three_calls(app: App) -> None:
    """None above a thousand, and all of them accounted for."""
    assert app.run_on(*(message(number) for number in range(2500))) == []
    calls = [request for request in app.pinterest.requests() if request["path"].endswith("/events")]
    assert [request["status"] for request in calls] == [200, 200, 200]
    assert sorted(app.told()) == sorted(f"e{number}" for number in range(2500))


@pytest.mark.unrecorded
def test_one_bad_event_in_a_thousand_costs_only_itself(app: App) -> None:
    """By a status of its own, and by a call that is refused without a word for which of them."""
    app.pinterest.add_event_fault(event_id="e77", error_message="event_time of ada77@example.com is wrong")
    app.pinterest.add_event_refusal(event_id="e500", details="none", times=100)
    staying = app.run_on(*(message(number) for number in range(1000)))
    assert sorted(json.loads(body)["event_id"] for body in staying) == ["e500", "e77"]
    assert sorted(app.told()) == sorted(f"e{number}" for number in range(1000) if number not in (77, 500))
    bad = [app.ledger.items[f"event#{ACCOUNT}#e{number}"] for number in (77, 500)]
    assert {item["reason"] for item in bad} == {"event_refused"}
    assert "ada77" not in json.dumps(app.ledger.items)


def test_a_function_that_dies_costs_one_repetition(app: App) -> None:
    """Between sending and recording: told once more with the same id, as nobody can know; then a person decides."""
    for repetition in (1, 2):
        sender = send_conversions(app.parts)
        sender._tell._ledger = _Dying(sender._tell._ledger)
        app.put(message(1))
        with pytest.raises(Died):
            app.run(sender)
        assert app.told() == ["e1"] * repetition
        # Until SQS shows the message again, the function that died is long over.
        app.moved += 800
    app.put(message(1))
    assert len(app.run()[1]) == 1
    [item] = app.event_items().values()
    assert (item["state"]["S"], item["reason"]["S"]) == ("failed", "sent_in_doubt")
    assert app.told() == ["e1", "e1"]


class _Dying:
    """A ledger before which the function dies when it is to record what was sent."""

    def __init__(self, ledger: Any) -> None:
        self._ledger = ledger

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ledger, name)

    def sent(self, *_: Any, **__: Any) -> None:
        raise Died


def test_a_refused_token_holds_the_events_and_says_so(app: App, capsys: pytest.CaptureFixture[str]) -> None:
    """With the account, the remedy and the metric of the alarm; they are told once another token is stored."""
    secret = {"access_token": "pina_1", "conversion_tokens": {ACCOUNT: "pinc_old"}}
    app.aws.secrets.put_secret_value(SecretId="pinterest-app", SecretString=json.dumps(secret))
    app.put(message(1))
    sender = send_conversions(app.parts)
    count, staying = app.run(sender)
    assert (count, len(staying), app.told()) == (1, 1, [])
    said = lines(capsys)
    [line] = [line for line in said if line.get("message") == "event held"]
    assert (line["reason"], line["wait"]) == ("conversion_token_refused", 900)
    assert ACCOUNT in line["detail"]
    assert "pinc_old" not in json.dumps(said)
    assert {line.get("source") for line in said if "ConversionTokenRefused" in line} == {"pinterest", "all"}


def test_bad_messages_are_named_and_go_to_the_dead_letters(app: App, capsys: pytest.CaptureFixture[str]) -> None:
    """A sentence with the member and the remedy, never its value; the others are told."""
    bad = {**message(1), "emial": "zebediah@example.com"}
    app.put(message(2), bad, {**message(3), "ad_account_id": "act_1"}, {"v": 1, "hello": "zebediah"})
    _, staying = app.run()
    assert (len(staying), app.told()) == (3, ["e2"])
    said = [line for line in lines(capsys) if line.get("message") == "event failed"]
    assert sorted(line["reason"] for line in said) == ["bad_account", "unknown_field", "unknown_field"]
    assert "zebediah" not in json.dumps(said)
    # Shown again at once, so that SQS soon moves them away.
    assert len(app.aws._receive(app.queue)) == 3


def test_an_account_that_is_no_number_is_refused_when_loaded(app: App, capsys: pytest.CaptureFixture[str]) -> None:
    """With a sentence that names it; the other accounts' events are told."""
    secret = {"conversion_tokens": {"act_42": "pinc_2", ACCOUNT: "pinc_1"}}
    app.aws.secrets.put_secret_value(SecretId="pinterest-app", SecretString=json.dumps(secret))
    app.put(message(1))
    assert app.run() == (1, [])
    [fault] = [line["fault"] for line in lines(capsys) if line.get("message") == "conversions misconfigured"]
    assert '"act_42"' in fault
    assert "digits" in fault
    assert app.told() == ["e1"]


def test_test_leads_are_never_told_unless_asked_for(app: App) -> None:
    """And then as a test, which Pinterest does not record."""
    app.post(leads_made.lead(lead_id="TEST_API"))
    assert app.run()[0] == 0
    app.routes.write_text('[defaults]\ntest_conversions = "test"\n' + ROUTES)
    app.__post_init__()
    app.post(leads_made.lead(lead_id="TEST_API"))
    assert app.run() == (1, [])
    assert app.told() == []
    [row] = app.pinterest.events(test=True)
    assert row["event"]["event_name"] == "lead"
