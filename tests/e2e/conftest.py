"""The whole of LeadRelay, really deployed into an emulated AWS that enforces IAM; one stack a session."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
import urllib3

from infra.local import pinterest_sender
from infra.local.settings import Settings
from infra.local.stack import LocalStack

ACCOUNT = pinterest_sender.ACCOUNT
FORM = pinterest_sender.FORM
# Quick enough for a test; in all longer than the half minute after which a secret may be read again.
RETRY_WAITS = "1,2,2,4,8,16,20"

T = TypeVar("T")


class Crm:
    """The Contacts sandbox of the stack, from its admin side."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._http = urllib3.PoolManager(retries=False, timeout=10)

    def contacts(self, email: str | None = None) -> list[dict[str, Any]]:
        """All contacts, or those with an e-mail."""
        contacts: list[dict[str, Any]] = self._ask("GET", "contacts")["contacts"]
        return [contact for contact in contacts if email in (None, contact.get("email"))]

    def requests(self) -> list[dict[str, Any]]:
        """What the functions asked so far."""
        requests: list[dict[str, Any]] = self._ask("GET", "requests")["requests"]
        return requests

    def break_with(self, **fault: Any) -> None:
        """Orders a fault, in the words of the sandbox."""
        self._ask("POST", "faults", fault)

    def mend(self) -> None:
        """Takes all faults back."""
        self._ask("DELETE", "faults")

    def reset(self) -> None:
        """Forgets everything."""
        self._ask("POST", "reset")

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        answer = self._http.request(method, f"{self.url}/_sandbox/{path}", json=body)
        assert answer.status < 300, answer.data
        return json.loads(answer.data)


class Deployment:
    """The stack and what a test does with it."""

    def __init__(self, stack: LocalStack) -> None:
        self.stack = stack
        self.crm = Crm(stack.contacts_api_url)
        self.key = pinterest_sender.live_key(stack.secret("PinterestKeysSecretArn"), ACCOUNT, FORM)
        self.dynamodb = stack.client("dynamodb")
        self.sqs = stack.client("sqs")
        self.dead_letters = stack.outputs["DeadLetterQueueUrl"]
        self.failed_leads = stack.outputs["FailedLeadsQueueUrl"]

    def lead(self, email: str, *, key: bytes | None = None, **options: Any) -> dict[str, Any]:
        """A really encrypted lead of its own person."""
        answers = {"FULL_NAME": "Ada Lovelace", "EMAIL": email, "COUNTRY": "US"}
        return pinterest_sender.build_lead(answers, key=key or self.key, **options)

    def send(self, *leads: dict[str, Any]) -> tuple[int, Any]:
        """Through the front door, as Pinterest would."""
        return pinterest_sender.send(self.stack.webhook_url(), list(leads))

    def ledger(self, lead: dict[str, Any]) -> dict[str, Any]:
        """The lead's ledger item in plain values; {} when there is none."""
        key = {"pk": {"S": f"pinterest#{lead['advertiser_id']}#{lead['lead_id']}"}}
        answer = self.dynamodb.get_item(TableName=self.stack.outputs["LedgerTableName"], Key=key, ConsistentRead=True)
        return {name: next(iter(value.values())) for name, value in answer.get("Item", {}).items()}

    def delivered(self, lead: dict[str, Any], seconds: float = 60) -> dict[str, Any]:
        """The ledger item, once it says delivered."""
        return until(lambda: item if (item := self.ledger(lead)).get("status") == "delivered" else None, seconds)

    def dead_letter(self, lead: dict[str, Any], seconds: float = 60) -> dict[str, Any]:
        """The lead's message, taken out of the dead-letter queue as soon as it is there."""

        def look() -> dict[str, Any] | None:
            answer = self.sqs.receive_message(
                QueueUrl=self.dead_letters,
                MaxNumberOfMessages=10,
                VisibilityTimeout=1,
                MessageAttributeNames=["All"],
                MessageSystemAttributeNames=["All"],
            )
            return next((message for message in answer.get("Messages", ()) if lead["lead_id"] in message["Body"]), None)

        return until(look, seconds)

    def waiting(self, url: str) -> int:
        """Messages in a queue: visible, delayed or in flight."""
        names = ["", "Delayed", "NotVisible"]
        attributes = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        return sum(int(attributes.get(f"ApproximateNumberOfMessages{name}", 0)) for name in names)


def until(look: Callable[[], T | None], seconds: float) -> T:
    """What `look` finds, asked again and again; fails when it finds nothing in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := look():
            return found
        time.sleep(0.2)
    raise AssertionError(f"nothing found within {seconds} s")


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    """Free ports, a folder of its own, quick retries."""
    folder: Path = tmp_path_factory.mktemp("stack")
    with LocalStack(Settings(state_dir=folder, parameters={"RetryWaits": RETRY_WAITS})) as stack:
        yield stack


@pytest.fixture
def deployment(stack: LocalStack) -> Iterator[Deployment]:
    """The deployment with an empty, healthy CRM."""
    deployment = Deployment(stack)
    deployment.crm.reset()
    yield deployment
    deployment.crm.reset()
