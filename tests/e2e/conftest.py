"""The whole of LeadRelay, really deployed into an emulated AWS that enforces IAM; one stack a session, and others."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import count
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
VISIBLE_AGAIN = "60"  # seconds

# Come last, as they need both cores: while the first ones run, another worker is busy with the other tests.
HEAVY = ("test_crash_matrix", "test_facebook", "test_random_faults")

T = TypeVar("T")


def pytest_itemcollected(item: pytest.Item) -> None:
    """Where workers share the tests, all of these are one worker's: two stacks at once would be too slow."""
    item.add_marker(pytest.mark.xdist_group("e2e"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.path.stem in HEAVY)


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

    def writes(self) -> int:
        """How many calls so far may have changed something."""
        return sum(request["method"] != "GET" and "search" not in request["path"] for request in self.requests())

    def webhook_deliveries(self) -> list[dict[str, Any]]:
        """What the CRM has told, to whom, and what was answered."""
        deliveries: list[dict[str, Any]] = self._ask("GET", "webhooks/deliveries")["deliveries"]
        return deliveries

    def tell(self, url: str, *locations: str) -> None:
        """Has the CRM tell of what happens in these locations."""
        self._ask("POST", "webhooks", {"url": url, "locations": list(locations)})

    def tell_nobody(self) -> None:
        """Has the CRM keep to itself what happens."""
        self._ask("DELETE", "webhooks")

    def make(self, path: str, **order: Any) -> dict[str, Any]:
        """A record that somebody makes in the CRM's own pages."""
        [made] = self._ask("POST", path, order).values()
        return dict(made)

    def break_with(self, **fault: Any) -> None:
        """Orders a fault, in the words of the sandbox."""
        self._ask("POST", "faults", fault)

    def mend(self) -> None:
        """Takes all faults back."""
        self._ask("DELETE", "faults")

    def faults(self) -> list[dict[str, Any]]:
        """The ordered faults, with how often each has struck."""
        faults: list[dict[str, Any]] = self._ask("GET", "faults")["faults"]
        return faults

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
        self.conversions = stack.outputs["ConversionsQueueUrl"]
        # Of two workers that the emulator starts at one moment, one may die before it begins. Its messages come back
        # when they become visible again, which in the template takes twelve minutes.
        for queue in (self.failed_leads, self.conversions):
            self.sqs.set_queue_attributes(QueueUrl=queue, Attributes={"VisibilityTimeout": VISIBLE_AGAIN})

    def lead(
        self, email: str, *, key: bytes | None = None, more: dict[str, Any] | None = None, **options: Any
    ) -> dict[str, Any]:
        """A really encrypted lead of its own person; `more` are further answers."""
        answers = {"FULL_NAME": "Ada Lovelace", "EMAIL": email, "COUNTRY": "US", **(more or {})}
        return pinterest_sender.build_lead(answers, key=key or self.key, **options)

    def send(self, *leads: dict[str, Any]) -> tuple[int, Any]:
        """Through the front door, as Pinterest would."""
        return pinterest_sender.send(self.stack.webhook_url(), list(leads))

    def ledger(self, lead: dict[str, Any]) -> dict[str, Any]:
        """The lead's ledger item in plain values; {} when there is none."""
        return self.item(f"pinterest#{lead['advertiser_id']}#{lead['lead_id']}")

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

    def item(self, key: str) -> dict[str, Any]:
        """A ledger item in plain values; {} when there is none."""
        answer = self.dynamodb.get_item(
            TableName=self.stack.outputs["LedgerTableName"], Key={"pk": {"S": key}}, ConsistentRead=True
        )
        return {name: next(iter(value.values())) for name, value in answer.get("Item", {}).items()}

    def statuses(self, begin: str = "") -> Counter[str]:
        """How many leads stand how in the ledger, of those whose keys begin so."""
        pages = self.dynamodb.get_paginator("scan").paginate(
            TableName=self.stack.outputs["LedgerTableName"],
            FilterExpression="attribute_exists(#status) AND begins_with(pk, :begin)",
            ProjectionExpression="#status",
            ExpressionAttributeNames={"#status": "status"},
            ExpressionAttributeValues={":begin": {"S": begin}},
        )
        return Counter(item["status"]["S"] for page in pages for item in page["Items"])

    def parked(self, *leads: dict[str, Any]) -> None:
        """Puts leads into the failed-leads queue, as the webhook function parks them."""
        texts = {"reason": "contacts_api_5xx", "attempt": "1"}
        attributes = {name: {"DataType": "String", "StringValue": text} for name, text in texts.items()}
        moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        about = {"v": 1, "source": "pinterest", "received_at": moment}
        entries = [
            {
                "Id": str(number),
                "MessageBody": json.dumps({**about, "lead_id": lead["lead_id"], "envelope": lead}),
                "MessageAttributes": attributes,
            }
            for number, lead in enumerate(leads)
        ]
        for start in range(0, len(entries), 10):
            self.sqs.send_message_batch(QueueUrl=self.failed_leads, Entries=entries[start : start + 10])

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


def accepted(send: Callable[[], tuple[int, Any]], seconds: float = 60) -> tuple[int, Any]:
    """Sends as platforms do, which send again what is answered with a 5xx; the first other answer.

    Of two workers that the emulator starts at one moment, one may die before it begins.
    """
    deadline = time.monotonic() + seconds
    while (answer := send())[0] >= 500 and time.monotonic() < deadline:
        time.sleep(0.5)
    return answer


Stacks = Callable[..., LocalStack]


# The emulator unpacks 40 MB for every worker it starts: from memory three times as fast as from a disk.
MEMORY = Path("/dev/shm")
ENOUGH = 3 * 1024**3


@pytest.fixture(scope="session")
def state_dir(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where the session's stacks keep their files: in memory where there is enough of it."""
    if MEMORY.is_dir() and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > ENOUGH:
        with tempfile.TemporaryDirectory(prefix="stacks-", dir=MEMORY, ignore_cleanup_errors=True) as folder:
            yield Path(folder)
    else:
        yield tmp_path_factory.mktemp("stacks")


@pytest.fixture(scope="session")
def stacks(state_dir: Path) -> Stacks:
    """Makes stacks, to be entered: free ports, a folder of its own for each, one build for all of them."""
    built: list[Path] = []
    numbers = count(1)

    def new_stack(**settings: Any) -> LocalStack:
        folder = state_dir / str(next(numbers))
        folder.mkdir()
        if built:
            # Links: nothing of a build is written to, and routes are put in anew.
            shutil.copytree(built[0], folder / "build", copy_function=os.link)
        else:
            built.append(folder / "build")
        return LocalStack(Settings(state_dir=folder, **settings))

    return new_stack


@pytest.fixture(scope="session")
def stack(stacks: Stacks) -> Iterator[LocalStack]:
    """Quick retries."""
    with stacks(parameters={"RetryWaits": RETRY_WAITS}) as stack:
        yield stack


HERE, THERE, TOLD = "locationHere00000001", "locationThere0000001", "locationTold00000001"
PAIR = f"""
[[routes]]
name = "Here to there"
source = "leadconnector"
account = "{HERE}"
location = "{THERE}"
tags = ["carried over"]
tasks = [{{ title = "Welcome {{first_name}}" }}]

[[routes]]
name = "There to here"
source = "leadconnector"
account = "{THERE}"
location = "{HERE}"
tags = ["carried over"]
tasks = [{{ title = "Welcome {{first_name}}" }}]

[[routes]]
name = "Told"
source = "pinterest"
location = "{TOLD}"
stage = "lead"
tags = ["pinterest"]
  [routes.conversions]
  delivered = "lead"
  "stage:qualified" = {{ event = "qualified_lead", action_source = "offline" }}
  "won" = {{ event = "checkout", value = "{{monetary_value}}", currency = "USD" }}

[[routes]]
name = "All others"
location = "ve9EPM428h8vShlRW1KT"
"""


@pytest.fixture(scope="session")
def every_source(stacks: Stacks, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """A stack that hears of every source, with two CRM locations that point at each other and a generous CRM.

    What becomes of Pinterest's leads in a third location is told to Pinterest.
    """
    routes = tmp_path_factory.mktemp("routes") / "routes.toml"
    routes.write_text(PAIR)
    parameters = {"RetryWaits": "1,1,2,2,4"}
    with stacks(parameters=parameters, routes=routes, sandbox_options=("--burst", "100000")) as stack:
        secret = stack.secret("LeadConnectorSecretArn")
        stack.put_secret("LeadConnectorSecretArn", {**secret, "locations": [HERE, THERE]})
        deployment = Deployment(stack)
        deployment.crm.tell(stack.webhook_url("leadconnector"), HERE, THERE)
        yield deployment


@pytest.fixture
def deployment(stack: LocalStack) -> Iterator[Deployment]:
    """The deployment with an empty, healthy CRM."""
    deployment = Deployment(stack)
    deployment.crm.reset()
    yield deployment
    deployment.crm.reset()
