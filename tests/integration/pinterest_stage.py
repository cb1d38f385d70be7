"""Where `leadrelay pinterest` is tried: AWS by moto, Pinterest and the CRM by their sandboxes, the real webhook."""

from __future__ import annotations

import base64
import dataclasses
import functools
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import boto3
import pytest
from moto import mock_aws
from moto.secretsmanager.models import SecretsManagerBackend
from typer import testing
from typer.main import get_command
from typer.testing import CliRunner, Result

import webhook
from infra.cli.app import app
from infra.cli.faults import CommandFailed
from infra.cli.place import Place
from infra.local.contacts_sandbox import ContactsSandbox
from infra.local.pinterest_sandbox import EXAMPLE_AD, PinterestSandbox
from leads import wiring
from leads.adapters.environment import Settings
from leads.sources.pinterest_seal import ring_of, seal_of
from tests import leads_made
from tests.fakes import LOCATION
from tests.integration.conftest import REGION, TOKEN

ACCESS = "pina_test"
ACCOUNT, FORM = EXAMPLE_AD["account"], EXAMPLE_AD["lead_form_id"]
KEYS, APP, CONTACTS, WEBHOOK_TOKEN = "pinterest-keys", "pinterest-app", "contacts", "webhook-token"
TABLE = "ledger"
FIRST: dict[str, Any] = {
    KEYS: {"subscriptions": []},
    APP: {"app_id": "1", "app_secret": "app-secret", "access_token": ACCESS},
    WEBHOOK_TOKEN: {"token": TOKEN},
}
Answer = tuple[int, Any]


class Crash(BaseException):
    """The program dies here."""


class Context:
    """What Lambda passes besides the event."""

    def get_remaining_time_in_millis(self) -> int:
        return 30_000


class Silence:
    """A telemetry that says nothing."""

    def __getattr__(self, _: str) -> Callable[..., None]:
        return lambda *_, **__: None


class Door(ThreadingHTTPServer):
    """Gives each POST to `take`: path, body → status, answer."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Visitor)
        self.take: Callable[[str, bytes], Answer] = lambda path, body: (404, {})
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Visitor(BaseHTTPRequestHandler):
    server: Door

    def do_POST(self) -> None:
        status, answer = self.server.take(self.path, self.rfile.read(int(self.headers["Content-Length"])))
        payload = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


class _InTurn:
    """A DynamoDB client whose scans wait for the webhook function: moto's tables are not made for two at a time."""

    def __init__(self, client: Any, lock: threading.RLock) -> None:
        self._client = client
        self._lock = lock

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def get_paginator(self, name: str) -> Any:
        return self

    def paginate(self, **asked: Any) -> list[Any]:
        with self._lock:
            return [self._client.scan(**asked)]


@dataclass
class Stage:
    """A stack, its vendors, and everything that commands have said."""

    secrets: Any
    dynamodb: Any
    crm: ContactsSandbox
    door: Door
    queue_url: str
    deployed: Place
    place: Place = field(init=False)
    pinterest: PinterestSandbox = field(init=False)
    parts: wiring.Parts = field(init=False)
    said: list[str] = field(default_factory=list)
    keys: set[str] = field(default_factory=set)
    lock: threading.RLock = field(default_factory=threading.RLock)

    def begin(self, pinterest: PinterestSandbox) -> None:
        """As right after the deployment, with an access token stored."""
        self.pinterest = pinterest
        clients = {"secretsmanager": self.secrets, "dynamodb": _InTurn(self.dynamodb, self.lock)}
        self.place = dataclasses.replace(self.deployed, pinterest_api_url=pinterest.url, _clients=clients)
        self.said.clear()
        self.keys.clear()
        self.crm.reset()
        self.door.take = self.receive
        for name, value in FIRST.items():
            self.put(name, value)

    def new_container(self) -> None:
        """Of the webhook function: one that has just read the keys does not so again for half a minute."""
        self.parts = wiring.Parts(
            Settings(
                ledger_table_name=TABLE,
                failed_leads_queue_url=self.queue_url,
                pinterest_keys_secret=KEYS,
                contacts_secret=CONTACTS,
                webhook_token_secret=WEBHOOK_TOKEN,
                contacts_api_url=self.crm.url,
            )
        )

    def receive(self, path: str, body: bytes) -> Answer:
        """What the webhook function answers to a delivery."""
        *_, source, token = path.split("/")
        event = {"pathParameters": {"source": source, "token": token}, "headers": {}, "body": body.decode()}
        event |= {"version": "2.0", "routeKey": "POST /webhooks/{source}/{token}", "isBase64Encoded": False}
        with self.lock:
            response = webhook.handler(event, Context(), self.parts.receive())
        return response["statusCode"], json.loads(response["body"])

    def run(self, *arguments: str, code: int = 0) -> Result:
        """A command, which must end with that exit code."""
        result = CliRunner().invoke(app, ["pinterest", *arguments], obj=self.place)
        self.said += [result.output, str(result.exception or "")]
        self.remember()
        if isinstance(result.exception, Crash):
            raise result.exception
        ended = getattr(result.exception, "exit_code", result.exit_code)
        assert ended == code, (result.output, result.exception)
        return result

    def json(self, *arguments: str, code: int = 0) -> Any:
        """What a command tells with --json."""
        return json.loads(self.run(*arguments, "--json", code=code).stdout)

    def fails(self, *arguments: str, code: int = 1) -> str:
        """The sentence with which a command ends."""
        result = self.run(*arguments, code=code)
        assert isinstance(result.exception, CommandFailed), result.exception
        return str(result.exception)

    def states(self) -> dict[str, str]:
        """Subscription → its state; every state but the good ones comes with a fix."""
        lines = self.json("subscriptions")["subscriptions"]
        assert all(bool(line["fix"]) != (line["state"] in ("live", "retired")) for line in lines)
        return {line["subscription_id"]: line["state"] for line in lines}

    def at_pinterest(self) -> list[dict[str, Any]]:
        """Every subscription there is, with its key."""
        return [each.shown() for each in self.pinterest.api.subscriptions.subscriptions.values()]

    def secret(self, name: str = KEYS) -> dict[str, Any]:
        return dict(json.loads(self.secrets.get_secret_value(SecretId=name)["SecretString"]))

    def entries(self) -> list[dict[str, Any]]:
        return list(self.secret()["subscriptions"])

    def put(self, name: str, value: Any) -> None:
        text = value if isinstance(value, str) else json.dumps(value)
        self.secrets.put_secret_value(SecretId=name, SecretString=text)

    def opens(self, subscription: dict[str, Any]) -> bool:
        """Whether a lead sealed for that subscription can be read with the stored keys."""
        key = base64.b64decode(subscription["cryptographic_key"])
        seal = seal_of(leads_made.sealed({"EMAIL": "a@example.com"}, key=key))
        return ring_of(self.secret()).unseal(seal, ACCOUNT, "") is not None

    def remember(self) -> None:
        """Note every key there is at this moment, for `check_silence`."""
        try:
            entries = [each for each in self.entries() if isinstance(each, dict)]
        except (ValueError, KeyError, TypeError):
            entries = []
        self.keys |= {each.get("cryptographic_key") or ACCESS for each in (*self.at_pinterest(), *entries)}

    def check_silence(self, *more: str) -> None:
        """Nothing secret has been said."""
        self.remember()
        everything = "\n".join(self.said)
        assert not [secret for secret in (*self.keys, ACCESS, TOKEN, "app-secret", *more) if secret in everything]


@contextmanager
def stage() -> Iterator[Stage]:
    """Everything but Pinterest, made once for many tests: clients and tables take long to be made."""
    with mock_aws(), pytest.MonkeyPatch.context() as patch, ContactsSandbox(tokens={"pit-test": LOCATION}) as crm:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "testing")
        patch.setenv("AWS_DEFAULT_REGION", REGION)
        patch.delenv("AWS_ENDPOINT_URL", raising=False)
        patch.setattr(wiring, "telemetry", lambda _: Silence())
        # Else the whole command line is built anew for each command.
        patch.setattr(testing, "_get_command", functools.cache(get_command))
        _follow_the_label(patch)
        secrets, dynamodb, sqs = (boto3.client(name, REGION) for name in ("secretsmanager", "dynamodb", "sqs"))
        for name, value in {**FIRST, CONTACTS: {"locations": {LOCATION: {"token": "pit-test"}}}}.items():
            secrets.create_secret(Name=name, SecretString=json.dumps(value))
        dynamodb.create_table(
            TableName=TABLE,
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        door = Door()
        queue_url = sqs.create_queue(QueueName="failed")["QueueUrl"]
        made = Stage(secrets, dynamodb, crm, door, queue_url, _place(crm.url, door.url))
        made.new_container()
        yield made
        door.shutdown()
        door.server_close()


def _place(crm_url: str, front_url: str) -> Place:
    return Place(
        name="the test stack",
        region=REGION,
        is_local=True,
        outputs={
            "LedgerTableName": TABLE,
            "PinterestKeysSecretArn": KEYS,
            "PinterestAppSecretArn": APP,
            "ContactsSecretArn": CONTACTS,
            "WebhookTokenSecretArn": WEBHOOK_TOKEN,
        },
        contacts_api_url=crm_url,
        pinterest_api_url="",
        graph_api_url="",
        front_url=front_url,
        session=None,
    )


def _follow_the_label(patch: pytest.MonkeyPatch) -> None:
    """A secret without a version named is the one labelled AWSCURRENT, on AWS; moto forgets that when a label moves."""
    real = SecretsManagerBackend.update_secret_version_stage

    def moved(backend: Any, **asked: Any) -> Any:
        answer = real(backend, **asked)
        if asked["version_stage"] == "AWSCURRENT":
            backend.secrets[asked["secret_id"]].set_default_version_id(asked["move_to_version_id"])
        return answer

    patch.setattr(SecretsManagerBackend, "update_secret_version_stage", moved)
