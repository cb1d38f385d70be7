"""A place for the command line: AWS by moto, the CRM by its sandbox, and the real retry function at work beside."""

from __future__ import annotations

import base64
import functools
import itertools
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl

import boto3
import msgspec
import pytest
from moto import mock_aws
from typer.testing import CliRunner

import retry
import webhook
from infra.bench.container import record_of
from infra.cli.app import app
from infra.cli.dead.dead_letters import arn_of
from infra.cli.dead.parked_message import envelope
from infra.cli.place import Place
from infra.local.contacts_sandbox import ContactsSandbox
from infra.local.sandbox import signing
from leads import wiring
from leads.adapters.environment import Settings
from leads.core.iso_time import iso_time
from leads.core.lead import Envelope, Lead
from leads.core.parked_lead import body_of
from tests import leads_made
from tests.fakes import LOCATION
from tests.integration.conftest import REGION, TOKEN, AwsAccount

_numbers = itertools.count()


class Context:
    """What Lambda passes besides the event."""

    function_name = "function"
    memory_limit_in_mb = 512
    invoked_function_arn = "arn:aws:lambda:us-east-1:123456789012:function:f"
    aws_request_id = "request-1"

    def get_remaining_time_in_millis(self) -> int:
        return 30_000


class Silence:
    """A telemetry that says nothing."""

    def __getattr__(self, _: str) -> Callable[..., None]:
        return lambda *_, **__: None


class Instead:
    """A client as it is, but for what a test makes of some calls."""

    def __init__(self, client: Any, **instead: Any) -> None:
        self._client = client
        self.__dict__.update(instead)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)


@dataclass
class World:
    """A deployed stack as commands see it."""

    aws: AwsAccount
    crm: ContactsSandbox
    webhook_key: Any
    is_local: bool = True
    front_url: str = ""
    parts: wiring.Parts = field(init=False)
    outputs: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        self.outputs = {
            **queue_outputs(self.aws),
            "LedgerTableName": self.aws.table,
            "PinterestKeysSecretArn": "pinterest-keys",
            "WebhookTokenSecretArn": "webhook-token",
            "FacebookSecretArn": "facebook",
            "LeadConnectorSecretArn": "leadconnector",
        }
        self.parts = wiring.Parts(
            Settings(
                ledger_table_name=self.aws.table,
                failed_leads_queue_url=self.aws.failed_leads_url,
                pinterest_keys_secret="pinterest-keys",
                contacts_secret="contacts",
                webhook_token_secret="webhook-token",
                facebook_secret="facebook",
                leadconnector_secret="leadconnector",
                contacts_api_url=self.crm.url,
                retry_waits=(600, 600),
            )
        )

    @functools.cached_property
    def place(self) -> Place:
        return Place(
            name="the test stack",
            region=REGION,
            is_local=self.is_local,
            outputs=self.outputs,
            contacts_api_url=self.crm.url,
            pinterest_api_url="",
            graph_api_url="",
            front_url=self.front_url,
            session=boto3.Session(),
        )

    def run(self, *arguments: str, code: int | None = 0) -> Any:
        """A command, which must end with that exit code; None: with any but 0."""
        result = CliRunner().invoke(app, arguments, obj=self.place)
        ended = getattr(result.exception, "exit_code", result.exit_code)
        assert ended if code is None else ended == code, (result.output, result.exception)
        return result

    def json(self, *arguments: str, code: int = 0) -> Any:
        """What a command tells with --json."""
        return json.loads(self.run(*arguments, "--json", code=code).stdout)

    def fails(self, *arguments: str, code: int = 1) -> str:
        """The sentence with which a command ends."""
        return str(self.run(*arguments, code=code).exception)

    def wrapped(self, lead: dict[str, Any] | None = None) -> Envelope:
        """A Pinterest lead as the webhook gets it."""
        return envelope("pinterest", lead or leads_made.lead(), iso_time(time.time() - 3600))

    def dead_letter(
        self, lead: Envelope | None = None, *, reason: str = "rejected_by_contacts_api", known: bool = True
    ) -> Envelope:
        """A lead in the dead-letter queue as SQS and the retry function leave it; known: to the ledger."""
        lead = lead or self.wrapped()
        sent = self.aws.sqs.send_message(
            QueueUrl=self.aws.dead_letters_url,
            MessageBody=body_of(lead),
            MessageGroupId=f"pinterest:{lead.account}",
            MessageAttributes={
                "reason": {"DataType": "String", "StringValue": "contacts_api_5xx"},
                "attempt": {"DataType": "Number", "StringValue": "5"},
            },
        )
        if known:
            self.parts.ledger.give_up(lead, reason=reason, message_id=sent["MessageId"], claim=None)
        return lead

    @contextmanager
    def retry_function(self) -> Iterator[None]:
        """The real one, woken by every message that is sent to the failed-leads queue until this is left.

        In the sender's own thread, as moto's tables are not made for several.
        """
        verb = self.parts.retry()

        def send_message(**message: Any) -> Any:
            answer = self.aws.sqs.send_message(**message)
            self._retry(verb)
            return answer

        self.place._clients["sqs"] = Instead(self.aws.sqs, send_message=send_message)
        try:
            yield
        finally:
            self.place._clients["sqs"] = self.aws.sqs

    def _retry(self, verb: Any) -> None:
        url = self.aws.failed_leads_url
        for message in self.aws.parked():
            answer = retry.handler({"Records": [record_of(message)]}, Context(), verb)
            if not answer["batchItemFailures"]:
                self.aws.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])

    @contextmanager
    def front_door(self) -> Iterator[None]:
        """The real webhook function, behind an address."""
        door = Door(self._take)
        self.front_url = door.url
        try:
            yield
        finally:
            door.shutdown()
            door.server_close()

    def _take(self, path: str, query: dict[str, str], headers: dict[str, str], body: bytes) -> tuple[int, Any]:
        _, _, source, token = path.split("/")
        event = {
            "version": "2.0",
            "routeKey": "POST /webhooks/{source}/{token}",
            "requestContext": {"http": {"method": "POST"}},
            "headers": headers,
            "queryStringParameters": query,
            "pathParameters": {"source": source, "token": token},
            "body": base64.b64encode(body).decode(),
            "isBase64Encoded": True,
        }
        answer = webhook.handler(event, Context(), self.parts.receive())
        return answer["statusCode"], json.loads(answer["body"])

    @contextmanager
    def graph(self, url: str) -> Iterator[None]:
        """Facebook's Graph at that address."""
        before = self.parts.config
        self.parts.config = msgspec.structs.replace(before, graph_api_url=url)
        object.__setattr__(self.place, "graph_api_url", url)
        try:
            yield
        finally:
            self.parts.config = before

    def opened(self, lead: dict[str, Any]) -> Lead:
        """A Pinterest lead as the functions open it."""
        source = self.parts.road(patience=0).sources["pinterest"]
        found: Lead = source.open(self.wrapped(lead), deadline=time.time() + 10)
        return found

    def clear(self) -> None:
        """As if nothing had happened yet: clients and tables take too long to be made for every test."""
        make_queues(self.aws)
        self.parts.queue._url = self.aws.failed_leads_url
        self.outputs |= queue_outputs(self.aws)
        for item in self.aws.dynamodb.scan(TableName=self.aws.table)["Items"]:
            self.aws.dynamodb.delete_item(TableName=self.aws.table, Key={"pk": item["pk"]})
        self.crm.reset()
        self.place._clients.update({"sqs": self.aws.sqs, "dynamodb": self.aws.dynamodb})


@contextmanager
def world() -> Iterator[World]:
    """A stack with the template's table, queues and secrets, whose CRM is the sandbox."""
    with mock_aws(), pytest.MonkeyPatch.context() as patch, ContactsSandbox(tokens={"pit-test": LOCATION}) as crm:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "testing")
        patch.setenv("AWS_DEFAULT_REGION", REGION)
        # What a command tells stands on stdout alone.
        patch.setattr(wiring, "telemetry", lambda _: Silence())
        patch.delenv("AWS_ENDPOINT_URL", raising=False)
        key = signing.new_key()
        yield World(made(signing.public_pem(key)), crm, key)


def made(webhook_key: str) -> AwsAccount:
    """What the template would have made, and an operator stored; webhook_key: PEM, of whoever signs for the CRM."""
    dynamodb, sqs, secrets = (boto3.client(service, REGION) for service in ("dynamodb", "sqs", "secretsmanager"))
    account = AwsAccount(dynamodb, sqs, secrets)
    dynamodb.create_table(
        TableName=account.table,
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    make_queues(account)
    values = {
        "webhook-token": {"token": TOKEN},
        "pinterest-keys": leads_made.keys_secret(),
        "contacts": {"locations": {LOCATION: {"token": "pit-test"}}},
        "facebook": {"app_secret": "app-secret", "pages": {"7": {"token": "EAAtest"}}},
        "leadconnector": {
            "locations": ["source-location"],
            "workflow_secret": "workflow-secret",
            "public_keys": [webhook_key],
        },
    }
    for name, value in values.items():
        secrets.create_secret(Name=name, SecretString=json.dumps(value))
    return account


def make_queues(account: AwsAccount) -> None:
    """Two queues that nobody has used yet; a message dies with its twelfth receive."""
    number, sqs = next(_numbers), account.sqs
    account.dead_letters_url = sqs.create_queue(QueueName=f"dead-{number}")["QueueUrl"]
    policy = {"deadLetterTargetArn": arn_of(sqs, account.dead_letters_url), "maxReceiveCount": 12}
    account.failed_leads_url = sqs.create_queue(
        QueueName=f"failed-{number}", Attributes={"RedrivePolicy": json.dumps(policy), "VisibilityTimeout": "720"}
    )["QueueUrl"]


def queue_outputs(account: AwsAccount) -> dict[str, str]:
    return {"FailedLeadsQueueUrl": account.failed_leads_url, "DeadLetterQueueUrl": account.dead_letters_url}


class Door(ThreadingHTTPServer):
    """Gives each POST to `take` (path, query, headers, body → status, answer)."""

    daemon_threads = True

    def __init__(self, take: Callable[[str, dict[str, str], dict[str, str], bytes], tuple[int, Any]]) -> None:
        super().__init__(("127.0.0.1", 0), _Visitor)
        self.take = take
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Visitor(BaseHTTPRequestHandler):
    server: Door

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        path, _, query = self.path.partition("?")
        headers = {name.lower(): value for name, value in self.headers.items()}
        status, answer = self.server.take(path, dict(parse_qsl(query)), headers, body)
        payload = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""
