"""Both functions as Lambda calls them: real events in, AWS by moto, the CRM by its sandbox."""

from __future__ import annotations

import base64
import functools
import itertools
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import botocore.client
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import retry
import webhook
from infra.bench.container import record_of
from infra.local.contacts_sandbox import ContactsSandbox
from leads import wiring
from leads.adapters.environment import Settings
from leads.adapters.telemetry import Telemetry
from tests import leads_made
from tests.fakes import LOCATION
from tests.integration.conftest import TOKEN, AwsAccount

PERSON = {
    "FULL_NAME": "Zebediah Quillfeather",
    "EMAIL": "zebediah.quillfeather@example.com",
    "PHONE_NUMBER": "+1 212 867 5309",
    "ADDRESS": "77 Marmalade Crescent",
    "What do you dream of?": "a lighthouse of my own",
}
PERSON_WORDS = re.compile("zebediah|quillfeather|8675309|867 5309|marmalade|lighthouse", re.IGNORECASE)


class Context:
    """What Lambda passes besides the event."""

    aws_request_id = "request-1"
    function_name = "function"
    invoked_function_arn = "arn:aws:lambda:us-east-1:123456789012:function:f"
    memory_limit_in_mb = 512

    def __init__(self, seconds: float = 30) -> None:
        self.seconds = seconds

    def get_remaining_time_in_millis(self) -> int:
        return int(self.seconds * 1000)


@dataclass
class App:
    """The two functions, wired as in Lambda but for their addresses."""

    aws: AwsAccount
    crm: ContactsSandbox
    parts: wiring.Parts

    def post(self, body: bytes | str, *, token: str = TOKEN, source: str = "pinterest") -> tuple[int, dict[str, Any]]:
        raw = body if isinstance(body, bytes) else body.encode()
        event = {
            "version": "2.0",
            "routeKey": "POST /webhooks/{source}/{token}",
            "headers": {"content-type": "application/octet-stream"},
            "pathParameters": {"source": source, "token": token},
            "body": base64.b64encode(raw).decode(),
            "isBase64Encoded": True,
        }
        response = webhook.handler(event, Context(), self.parts.receive())
        return response["statusCode"], json.loads(response["body"])

    def retry(self, *messages: dict[str, Any], seconds: float = 120) -> list[str]:
        """Runs a batch; gives the ids of the messages that stay in the queue."""
        event = {"Records": [record_of(message) for message in messages]}
        answer = retry.handler(event, Context(seconds), self.parts.retry())
        return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]


_runs = itertools.count()


@pytest.fixture
def app(aws: AwsAccount, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[App]:
    # A logger keeps the output stream it was made with, and capsys gives each test another.
    run = next(_runs)
    monkeypatch.setattr(wiring, "telemetry", functools.cache(lambda service: Telemetry(f"{service}-{run}", "INFO")))
    with ContactsSandbox(tokens={"pit-test": LOCATION}) as crm:
        config = Settings(
            ledger_table_name=aws.table,
            failed_leads_queue_url=aws.failed_leads_url,
            pinterest_keys_secret="pinterest-keys",
            contacts_secret="contacts",
            webhook_token_secret="webhook-token",
            contacts_api_url=crm.url,
            # What the webhook parks shows up at once.
            retry_waits=(0, 300, 1800),
        )
        yield App(aws, crm, wiring.Parts(config))


def test_an_encrypted_lead_becomes_a_contact(app: App) -> None:
    """The main road."""
    lead = leads_made.lead(answers=PERSON)
    assert app.post(leads_made.body(lead)) == (200, {"accepted": 1})
    [contact] = app.crm.contacts()
    assert contact["email"] == PERSON["EMAIL"]
    assert contact["phone"] == "+12128675309"
    assert contact["source"] == "Pinterest Lead Ads"
    item = app.aws.ledger()[f"pinterest#{leads_made.ACCOUNT}#{lead['lead_id']}"]
    assert item["contact_id"]["S"] == contact["id"]
    assert app.aws.parked() == []


def test_plain_text_bodies_are_read_like_encoded_ones(app: App) -> None:
    """API Gateway encodes a body only when its content type is not text."""
    body = leads_made.body(leads_made.lead()).decode()
    event = {"pathParameters": {"source": "pinterest", "token": TOKEN}, "body": body, "isBase64Encoded": False}
    assert webhook.handler(event, Context(), app.parts.receive())["statusCode"] == 200


@pytest.mark.parametrize(
    "event",
    [{}, {"pathParameters": None}, {"pathParameters": {"source": "pinterest"}}, {"body": None, "headers": None}],
)
def test_an_odd_event_is_answered_like_a_wrong_address(app: App, event: dict[str, Any]) -> None:
    """Never a stack trace."""
    assert webhook.handler(event, Context(), app.parts.receive())["statusCode"] == 404


@pytest.mark.parametrize("body", [None, ""])
def test_no_body_is_no_delivery(app: App, body: str | None) -> None:
    """400: there is no lead in it."""
    event = {"pathParameters": {"source": "pinterest", "token": TOKEN}, "body": body}
    assert webhook.handler(event, Context(), app.parts.receive())["statusCode"] == 400


def test_a_resend_after_503_delivers_what_was_missing_once(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    """CRM and queue both down for one of two leads."""
    good, bad = leads_made.lead(), leads_made.lead(answers=PERSON)
    app.crm.add_fault(match={"method": "POST", "contains": "zebediah"}, status=500)
    queue_url = app.parts.queue._url
    app.parts.queue._url = queue_url + "-gone"
    assert app.post(leads_made.body(good, bad))[0] == 503
    app.parts.queue._url = queue_url
    app.crm.clear_faults()
    assert app.post(leads_made.body(good, bad)) == (200, {"accepted": 2})
    assert len(app.crm.contacts()) == 2
    upserts = [request for request in app.crm.requests() if request["path"] == "/contacts/upsert"]
    assert len(upserts) == 3


def test_a_parked_lead_is_sealed_and_comes_home_through_the_retry_function(app: App) -> None:
    """CRM 500, then well again."""
    app.crm.add_fault(match={"path": "/contacts/upsert"}, status=500, times=1)
    lead = leads_made.lead(answers=PERSON)
    assert app.post(leads_made.body(lead)) == (200, {"accepted": 1})
    [message] = app.aws.parked()
    assert json.loads(message["Body"])["envelope"] == lead
    assert not PERSON_WORDS.search(message["Body"])
    assert app.retry(message) == []
    assert [contact["email"] for contact in app.crm.contacts()] == [PERSON["EMAIL"]]


def test_a_write_whose_answer_was_lost_is_repeated_into_the_same_contact(app: App) -> None:
    """The CRM wrote the contact and answered 500 all the same."""
    app.crm.add_fault(match={"path": "/contacts/upsert"}, status=500, times=1, after=True)
    app.post(leads_made.body(leads_made.lead(answers=PERSON)))
    [message] = app.aws.parked()
    assert app.retry(message) == []
    [contact] = app.crm.contacts()
    assert contact["source"] == "Pinterest Lead Ads"


def test_a_failing_message_costs_the_others_of_its_batch_nothing(app: App) -> None:
    """Partial batch response: only the poison stays."""
    app.crm.add_fault(match={"path": "/contacts/upsert"}, status=500, times=2)
    poison = leads_made.lead(key=b"p" * 32)
    app.post(leads_made.body(leads_made.lead()))
    app.post(leads_made.body(leads_made.lead(), poison))
    messages = app.aws.parked()
    stay = app.retry(*messages)
    [poisoned] = [message for message in messages if poison["lead_id"] in message["Body"]]
    assert stay == [poisoned["MessageId"]]
    assert len(app.crm.contacts()) == 2


def test_a_422_ends_in_the_ledger_as_undeliverable_and_asks_the_crm_once_per_message(app: App) -> None:
    """The message stays until SQS dead-letters it; the ledger keeps the reason."""
    app.crm.add_fault(match={"path": "/contacts/upsert"}, status=422, body={"message": ["email is odd: zebediah@x"]})
    lead = leads_made.lead(answers=PERSON)
    app.post(leads_made.body(lead))
    [message] = app.aws.parked()
    app.crm.clear_requests()
    for receives in range(1, 6):
        message["Attributes"]["ApproximateReceiveCount"] = str(receives)
        assert app.retry(message) == [message["MessageId"]]
    # Looked up, refused, without the field that was named, with name and phone alone, looked up in case it was created.
    assert [request["method"] for request in app.crm.requests()] == ["GET", "POST", "POST", "POST", "GET"]
    item = app.aws.ledger()[f"pinterest#{leads_made.ACCOUNT}#{lead['lead_id']}"]
    assert (item["status"]["S"], item["reason"]["S"]) == ("undeliverable", "rejected_by_contacts_api")


def test_a_batch_that_all_fails_is_still_a_partial_response(app: App) -> None:
    """An exception would make Lambda count an error of ours for an outage of theirs."""
    app.crm.add_fault(match={"path": "/contacts/upsert"}, status=500)
    app.post(leads_made.body(leads_made.lead(), leads_made.lead()))
    messages = app.aws.parked()
    assert sorted(app.retry(*messages)) == sorted(message["MessageId"] for message in messages)


def test_a_message_of_a_stranger_does_not_crash_the_function(app: App) -> None:
    """Any body, without our attributes."""
    app.aws.sqs.send_message(QueueUrl=app.aws.failed_leads_url, MessageBody="hello")
    [message] = app.aws.parked()
    assert app.retry(message) == [message["MessageId"]]


# What is wrong: the secret, its text, the reason it parks a lead for, and what the log says of it.
FAULTS: dict[str, Any] = {
    "pinterest keys secret without a value": ("pinterest-keys", None, "cannot_decrypt", "has no value yet"),
    "pinterest keys secret not JSON": ("pinterest-keys", "{", "cannot_decrypt", "is not JSON"),
    "pinterest key of a wrong size": (
        "pinterest-keys",
        json.dumps({"subscriptions": [{"cryptographic_key": "c2hvcnQ=", "ad_account_id": "1"}]}),
        "cannot_decrypt",
        "subscription 1 has 5 bytes instead of 32",
    ),
    "pinterest keys of a wrong shape": (
        "pinterest-keys",
        '{"subscriptions": {"a": 1}}',
        "cannot_decrypt",
        "no list of subscriptions",
    ),
    "contacts secret without a value": ("contacts", None, "misconfigured", "has no value yet"),
    "contacts secret not JSON": ("contacts", "pit-123", "misconfigured", "is not JSON"),
    "contacts secret without this location": (
        "contacts",
        '{"locations": {"other": {}}}',
        "misconfigured",
        f"no token for location {LOCATION}",
    ),
    "contacts token refused": (
        "contacts",
        json.dumps({"locations": {LOCATION: {"token": "pit-old"}}}),
        "contacts_api_unauthorized",
        "answered 401",
    ),
}


@pytest.mark.parametrize(("secret", "text", "reason", "said"), FAULTS.values(), ids=FAULTS)
def test_a_faulty_secret_parks_the_lead_and_names_itself(
    app: App, capsys: pytest.CaptureFixture[str], secret: str, text: str | None, reason: str, said: str
) -> None:
    """200, one sealed message, and a log line that says what is wrong without saying who."""
    app.aws.secrets.delete_secret(SecretId=secret, ForceDeleteWithoutRecovery=True)
    if text is not None:
        app.aws.secrets.create_secret(Name=secret, SecretString=text)
    assert app.post(leads_made.body(leads_made.lead(answers=PERSON))) == (200, {"accepted": 1})
    [message] = app.aws.parked()
    assert message["MessageAttributes"]["reason"]["StringValue"] == reason
    logged = capsys.readouterr().out
    assert reason in logged
    assert said in logged
    if reason == "misconfigured":
        assert '"level":"ERROR"' in logged
    assert not PERSON_WORDS.search(logged)
    assert "pit-" not in logged


def test_without_the_token_secret_the_platform_is_asked_to_send_again(
    app: App, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody can tell a right address from a wrong one; a 4xx would lose the lead."""
    app.aws.secrets.delete_secret(SecretId="webhook-token", ForceDeleteWithoutRecovery=True)
    status, body = app.post(leads_made.body(leads_made.lead()))
    assert status == 503
    assert set(body) == {"error"}
    assert "webhook-token" in capsys.readouterr().out


def test_a_throttled_ledger_parks_the_lead(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unclaimed nothing is written to the CRM."""
    real = botocore.client.BaseClient._make_api_call

    def throttled(self: Any, name: str, options: Any) -> Any:
        if name in ("UpdateItem", "TransactWriteItems"):
            raise botocore.exceptions.ClientError({"Error": {"Code": "ThrottlingException"}}, name)
        return real(self, name, options)

    monkeypatch.setattr(botocore.client.BaseClient, "_make_api_call", throttled)
    assert app.post(leads_made.body(leads_made.lead())) == (200, {"accepted": 1})
    assert app.crm.requests() == []
    [message] = app.aws.parked()
    assert message["MessageAttributes"]["reason"]["StringValue"] == "ledger_unavailable"


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(st.text(max_size=12), children, max_size=4),
    max_leaves=12,
)
ENVELOPES = st.fixed_dictionaries(
    {},
    optional={
        "lead_id": JSON_VALUES,
        "advertiser_id": JSON_VALUES,
        "lead_form_id": JSON_VALUES,
        "created_at": JSON_VALUES,
        "answers": JSON_VALUES
        | st.fixed_dictionaries({}, optional=dict.fromkeys(("cipher_msg", "nonce", "tag"), JSON_VALUES)),
    },
)
ANY_BODY = (
    st.binary(max_size=300)
    | JSON_VALUES.map(lambda value: json.dumps(value).encode())
    | st.lists(ENVELOPES | JSON_VALUES, max_size=5).map(lambda value: json.dumps(value).encode())
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=ANY_BODY, token=st.sampled_from([TOKEN, TOKEN, TOKEN, "wrong"]))
def test_any_bytes_get_a_documented_answer(app: App, body: bytes, token: str) -> None:
    """400, 404, 413 or 200 with a JSON body; never 5xx, never a trace."""
    status, answer = app.post(body, token=token)
    assert status in (200, 400, 404, 413)
    assert set(answer) == ({"accepted"} if status == 200 else {"error"})
    assert "Traceback" not in str(answer)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(answers=st.dictionaries(st.text(max_size=20) | st.sampled_from(["EMAIL", "FULL_NAME"]), JSON_VALUES, max_size=6))
def test_any_answers_are_delivered_or_parked(app: App, answers: dict[str, Any]) -> None:
    """What a person may type never makes the platform send again, and the CRM never refuses a field."""
    body = leads_made.body(leads_made.lead(answers=json.dumps(answers).encode()))
    assert app.post(body) == (200, {"accepted": 1})
    assert {request["status"] for request in app.crm.requests()} <= {200, 201}


@pytest.mark.parametrize(
    "body",
    [b"[" * 10_000, b"[" * 10_000 + b"]" * 10_000, b'{"lead_id":' * 5_000, b"[" + b"9" * 10_000 + b"]"],
    ids=["open", "closed", "objects", "number"],
)
def test_deep_nesting_and_huge_numbers_do_no_harm(app: App, body: bytes) -> None:
    """400 each: none of it can be a lead."""
    assert app.post(body)[0] == 400


def test_no_log_line_and_no_metric_holds_the_person(app: App, capsys: pytest.CaptureFixture[str]) -> None:
    """The same person through every outcome: delivered, duplicate, refused by the CRM in words that quote
    them, throttled, timed out, undecryptable, retried, given up on."""
    delivered = leads_made.lead(answers=PERSON)
    app.post(leads_made.body(delivered, delivered))
    quoting = {"message": [f"{PERSON['EMAIL']} is odd", PERSON["FULL_NAME"]], "traceId": "trace-1"}
    for fault in (
        {"status": 422, "body": quoting},
        {"status": 400, "body": {"message": PERSON["EMAIL"]}},
        {"status": 500, "body": quoting},
        {"status": 429, "body": quoting, "headers": {"Retry-After": "500"}},
        {"status": 200, "body": {"unexpected": PERSON}},
        {"drop_connection": True},
    ):
        app.crm.add_fault(match={"path": "/contacts"}, **fault)
        app.post(leads_made.body(leads_made.lead(answers=PERSON)))
        if messages := app.aws.parked():
            app.retry(*messages, seconds=15)
        app.crm.clear_faults()
    wrong = leads_made.lead(answers=PERSON, key=b"w" * 32, lead_id=PERSON["EMAIL"], created_at=PERSON["EMAIL"])
    app.post(leads_made.body(wrong | {"advertiser_id": PERSON["FULL_NAME"], "lead_form_id": PERSON["ADDRESS"]}))
    app.post(json.dumps(PERSON))
    app.post(json.dumps([PERSON]), token=PERSON["EMAIL"])
    app.post(json.dumps([PERSON]), source=PERSON["EMAIL"])
    captured = capsys.readouterr()
    assert "lead delivered" in captured.out
    assert "rejected_by_contacts_api" in captured.out
    assert not PERSON_WORDS.search(captured.out + captured.err)
    assert not PERSON_WORDS.search(str(app.aws.ledger()))
    assert "pit-test" not in captured.out + captured.err


def test_metrics_carry_the_documented_names_and_one_dimension(app: App, capsys: pytest.CaptureFixture[str]) -> None:
    """EMF lines in the namespace LeadRelay, by source; a route's are told apart for whoever searches the log."""
    app.post(leads_made.body(leads_made.lead(created_at="1"), leads_made.lead(key=b"w" * 32), 42))
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"_aws"' in line]
    counted: dict[str, dict[str, float]] = {"pinterest": {}, "all": {}}
    for line in lines:
        [declared] = line["_aws"]["CloudWatchMetrics"]
        assert (declared["Namespace"], declared["Dimensions"]) == ("LeadRelay", [["source"]])
        of_source = counted[line["source"]]
        for metric in declared["Metrics"]:
            of_source[metric["Name"]] = of_source.get(metric["Name"], 0) + sum(line[metric["Name"]])
    [routed] = [line for line in lines if "route" in line]
    assert (routed["route"], routed["LeadsDelivered"]) == ("All leads", [1.0])
    assert counted["pinterest"] == {
        "LeadsReceived": 2,
        "LeadsDelivered": 1,
        "LeadsParked": 1,
        "DecryptFailures": 1,
        "WebhooksRejected": 1,
    }
    # What an alarm looks at is counted once more.
    assert counted["all"] == {"DecryptFailures": 1}
