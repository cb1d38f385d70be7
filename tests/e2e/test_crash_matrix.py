"""Functions die, connections break and answers fail to come, at every remote call; every effect still happens once."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Any

import pytest
import urllib3

from tests.e2e import interposer as between
from tests.e2e.conftest import Deployment, Stacks, until
from tests.e2e.interposer import (
    CUT_AFTER,
    CUT_BEFORE,
    KILL_AFTER,
    KILL_BEFORE,
    TIME_OUT_AFTER,
    Cell,
    Interposer,
    Strike,
)
from tests.e2e.pinterest import Pinterest, sha256

pytestmark = pytest.mark.e2e

ROUTES = """
[[routes]]
name = "Matrix"
source = "pinterest"
location = "ve9EPM428h8vShlRW1KT"
stage = "lead"
tags = ["pinterest", "form: {form}"]
assign = ["user-a", "user-b"]
note = "Budget {What is your budget?}"
  [routes.custom_fields]
  "contact.budget" = "What is your budget?"
  [routes.conversions]
  delivered = "lead"
  "stage:qualified" = "qualified_lead"
  [[routes.tag_rules]]
  when = { answer = "What is your budget?", matches = "(?i)over" }
  tags = ["hot"]
  [[routes.tasks]]
  title = "Call {first_name}"
  due_in = "2h"
  [[routes.tasks]]
  title = "Write to {first_name}"
  due_in = "1d"
"""
LOCATION = "ve9EPM428h8vShlRW1KT"
ANSWERS = {"What is your budget?": "Over 10000"}
TAGS = {"pinterest", "form: 65300871001", "hot", "stage: lead"}
TASKS = ["Call Ada", "Write to Ada"]
OLD_STAGE = "stage: customer"

# The webhook's time for a lead, the functions' time in all, and when the queue shows a dead function's message again:
# before its claim has ended, so that messages also meet leads that are claimed.
BUDGET, TIMEOUT, HIDDEN = 3, 10, 5
RETRY_WAITS = ",".join("1" * 11)

KILLS = (KILL_BEFORE, KILL_AFTER)
OF_AWS = (KILL_BEFORE, CUT_BEFORE, KILL_AFTER, CUT_AFTER)
# No three failures in a row without a kill in between: they would have the location paused.
OF_CRM = (KILL_BEFORE, CUT_BEFORE, KILL_AFTER, CUT_AFTER, TIME_OUT_AFTER)
OF_CONVERSIONS = (*OF_AWS, TIME_OUT_AFTER)
# A call, what may happen to it, and what must have happened before for it to be made at all.
Row = tuple[str, tuple[str, ...], tuple[tuple[str, str], ...]]
STEPS: tuple[Row, ...] = (
    ("claim", OF_AWS, ()),
    ("search", OF_CRM, ()),
    ("upsert", OF_CRM, ()),
    ("tags", OF_CRM, ()),
    ("remove tags", OF_CRM, ()),
    ("note", OF_CRM, ()),
    ("task Call", OF_CRM, ()),
    ("task Write", OF_CRM, ()),
    ("remember", OF_CONVERSIONS, ()),
    ("tell", OF_CONVERSIONS, ()),
    ("finish", OF_AWS, ()),
    ("let go", OF_AWS, (("upsert", CUT_BEFORE),)),
)
ROWS: dict[str, tuple[Row, ...]] = {
    "webhook": (*STEPS, ("park", OF_AWS, (("upsert", CUT_BEFORE),))),
    "retry": (
        # First, as the lead must be tried again before the dead function's claim on it ends.
        ("park", OF_AWS, (("claim", KILL_AFTER),)),
        *STEPS,
        ("hold", OF_AWS, (("upsert", CUT_BEFORE),)),
        ("claim again", OF_AWS, (("upsert", CUT_BEFORE),)),
        ("read notes", OF_CRM, (("note", CUT_AFTER),)),
        ("read contact", OF_CRM, (("tags", CUT_BEFORE),)),
        ("read tasks", OF_CRM, (("task Call", CUT_AFTER),)),
    ),
}
# Asked once in a container's life, so these need a new one.
COLD_ROWS: dict[str, tuple[Row, ...]] = {
    "webhook": (
        ("secret WebhookToken", OF_AWS, ()),
        ("secret PinterestKeys", OF_AWS, ()),
        ("secret Contacts", OF_AWS, ()),
        ("custom fields", OF_CRM, ()),
    ),
    "retry": (
        ("secret PinterestKeys", OF_AWS, ()),
        ("secret Contacts", OF_AWS, ()),
        ("custom fields", OF_CRM, ()),
    ),
}


def names(rows: dict[str, tuple[Row, ...]]) -> list[tuple[str, Row, str]]:
    return [(function, row, action) for function in rows for row in rows[function] for action in row[1]]


def name_of(function: str, row: Row, action: str) -> str:
    return f"{function}: {action} {row[0]}"


CELLS = [name_of(*each) for each in names(ROWS) + names(COLD_ROWS)]


class Matrix:
    """All cells: each a lead of its own person, struck in its own way, and what has become of it."""

    def __init__(self, deployment: Deployment, interposer: Interposer) -> None:
        self.deployment = deployment
        self.interposer = interposer
        self.cells: dict[str, Cell] = {}
        self.leads: dict[str, dict[str, Any]] = {}
        self.contacts: dict[str, list[dict[str, Any]]] = {}
        self.events: dict[str, list[dict[str, Any]]] = {}
        self.unsent: list[dict[str, Any]] = []
        self._numbers = count(1)

    def run(self) -> None:
        """Strikes every cell, then sends again what the webhook did not accept, then waits until all is quiet."""
        with ThreadPoolExecutor(2) as pool:
            for done in [pool.submit(self._strike_webhook), pool.submit(self._strike_retry)]:
                done.result()
        self.interposer.disarm()
        deadline = time.monotonic() + 60
        while self.unsent and time.monotonic() < deadline:
            self.unsent = [lead for lead in self.unsent if self._send(lead) != 200]
        within(90, lambda: self.deployment.statuses() == {"delivered": len(CELLS)} and self._is_quiet())
        within(90, lambda: self.deployment.waiting(self.deployment.conversions) == 0)
        self.events = Pinterest(self.deployment.stack.pinterest_api_url).events_by_person()
        for contact in self.deployment.crm.contacts():
            self.contacts.setdefault(contact.get("email", ""), []).append(contact)

    def _strike_webhook(self) -> None:
        for function, row, action in names({"webhook": ROWS["webhook"]}):
            self._post(self._arm(function, row, action))
        for function, row, action in names({"webhook": COLD_ROWS["webhook"]}):
            lead = self._arm(function, row, action)
            self._make_cold(function)
            self._post(lead)

    def _strike_retry(self) -> None:
        for function, row, action in names({"retry": ROWS["retry"]}):
            self.deployment.parked(self._arm(function, row, action))
            if row[0] == "park":
                # Alone, as who dies takes a whole batch along for a minute: each of these must die twice in time.
                cell = self.cells[name_of(function, row, action)]
                within(15, lambda cell=cell: cell.strikes[0].hits > 0)  # type: ignore[misc]
        cells = [self.cells[name_of(*each)] for each in names({"retry": ROWS["retry"]})]
        within(150, lambda: all(cell.is_struck for cell in cells) or self._is_quiet())
        for function, row, action in names({"retry": COLD_ROWS["retry"]}):
            lead = self._arm(function, row, action)
            self._make_cold(function)
            self.deployment.parked(lead)
            cell = self.cells[name_of(function, row, action)]
            within(30, lambda cell=cell: cell.is_struck or self._is_quiet())  # type: ignore[misc]

    def _is_quiet(self) -> bool:
        return self.deployment.waiting(self.deployment.failed_leads) == 0

    def _arm(self, function: str, row: Row, action: str) -> dict[str, Any]:
        operation, _, before = row
        email = f"{re.sub('[^a-z]+', '-', name_of(function, row, action).lower())}{next(self._numbers)}@example.com"
        lead = self.deployment.lead(email, more=ANSWERS)
        strikes = [Strike(function, *each) for each in before]
        # Calls to AWS are tried twice by its own client: only both are a failed call.
        is_of_aws = row[1] is OF_AWS or row[1] is OF_CONVERSIONS
        times = 2 if is_of_aws and action not in KILLS else 1
        strikes.append(Strike(function, operation, action, times))
        if operation == "remove tags":
            self._give_a_past(email)
        name = name_of(function, row, action)
        self.cells[name] = Cell(lead["lead_id"], email, strikes, name)
        self.leads[name] = lead
        self.interposer.arm(self.cells[name])
        return lead

    def _give_a_past(self, email: str) -> None:
        """The person is a contact already, in another stage."""
        stack = self.deployment.stack
        body = {"locationId": LOCATION, "email": email, "tags": [OLD_STAGE]}
        headers = {"Authorization": f"Bearer {stack.tokens[LOCATION]}", "Version": "2021-07-28"}
        answer = urllib3.request("POST", f"{stack.contacts_api_url}/contacts/upsert", json=body, headers=headers)
        assert answer.status == 200

    def _post(self, lead: dict[str, Any]) -> None:
        if self._send(lead) != 200:
            self.unsent.append(lead)

    def _send(self, lead: dict[str, Any]) -> int:
        try:
            return self.deployment.send(lead)[0]
        except urllib3.exceptions.HTTPError:
            return 0

    def _make_cold(self, function: str) -> None:
        for pid in between.workers(self.deployment.stack.pids[0]):
            if between.function_of(pid) == function:
                between.kill(pid)


def within(seconds: float, is_so: Callable[[], bool]) -> None:
    """Waits until something is so, or long enough: what is wrong then, the cells' own tests tell one by one."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and not is_so():
        time.sleep(0.2)


@pytest.fixture(scope="module")
def matrix(stacks: Stacks, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Matrix]:
    """A stack of its own with the interposer between the functions and every remote side, and all cells run."""
    routes = tmp_path_factory.mktemp("routes") / "routes.toml"
    routes.write_text(ROUTES)
    parameters = {"RetryWaits": RETRY_WAITS, "InlineBudgetSeconds": str(BUDGET)}
    generous = ("--burst", "100000", "--user", "user-a", "--user", "user-b")
    with stacks(parameters=parameters, routes=routes, sandbox_options=generous) as stack:
        interposer = Interposer(stack.pids[0])
        try:
            deployment = Deployment(stack)
            put_between(deployment, interposer)
            matrix = Matrix(deployment, interposer)
            matrix.run()
            yield matrix
        finally:
            interposer.stop()


def put_between(deployment: Deployment, interposer: Interposer) -> None:
    """Points the functions at the interposer, shortens their time, and takes one message at a time from the queue."""
    stack, client = deployment.stack, deployment.stack.client("lambda")
    aws, crm = interposer.before(stack.aws_endpoint_url), interposer.before(stack.contacts_api_url)
    services = ("DYNAMODB", "SQS", "SECRETS_MANAGER")
    addresses = {"CONTACTS_API_URL": crm} | {f"AWS_ENDPOINT_URL_{service}": aws for service in services}
    for output in ("WebhookFunctionName", "RetryFunctionName"):
        name = stack.outputs[output]
        variables = client.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
        client.update_function_configuration(
            FunctionName=name, Timeout=TIMEOUT, Environment={"Variables": variables | addresses}
        )
        version = client.publish_version(FunctionName=name)["Version"]
        until(lambda name=name, version=version: is_active(client, name, version) or None, 30)  # type: ignore[misc]
        client.update_alias(FunctionName=name, Name="live", FunctionVersion=version)
    queue = deployment.failed_leads.rpartition("/")[2]
    for mapping in client.list_event_source_mappings()["EventSourceMappings"]:
        if mapping["EventSourceArn"].endswith(f":{queue}"):
            client.update_event_source_mapping(UUID=mapping["UUID"], BatchSize=1)
    deployment.sqs.set_queue_attributes(QueueUrl=deployment.failed_leads, Attributes={"VisibilityTimeout": str(HIDDEN)})


def is_active(client: Any, name: str, version: str) -> bool:
    return bool(client.get_function_configuration(FunctionName=name, Qualifier=version)["State"] == "Active")


@pytest.mark.parametrize("name", CELLS)
def test_every_effect_happens_once(matrix: Matrix, name: str) -> None:
    """One contact, one note, one of each task, all tags, delivered, told once; whatever struck, wherever."""
    cell, lead = matrix.cells[name], matrix.leads[name]
    assert cell.is_struck, f"{name}: this call was never made"
    item = matrix.deployment.ledger(lead)
    assert item["status"] == "delivered", f"{name}: {item}"
    [contact] = matrix.contacts[cell.email]
    marker = f"lead ref: pinterest/{lead['lead_id']}"
    assert [note["body"].splitlines()[-1] for note in contact["notes"]] == [marker], name
    assert sorted(task["title"] for task in contact["tasks"]) == TASKS, name
    assert all(task["body"].splitlines()[-1] == marker for task in contact["tasks"]), name
    assert set(contact["tags"]) >= TAGS, name
    assert OLD_STAGE not in contact["tags"], name
    assert contact["assignedTo"] in ("user-a", "user-b"), name
    assert [field["value"] for field in contact["customFields"]] == ["Over 10000"], name
    assert [event["event_name"] for event in matrix.events[sha256(cell.email)]] == ["lead"], name
    remembered = matrix.deployment.item(f"conversions#{LOCATION}#{contact['id']}")
    assert remembered["lead_key"] == f"pinterest#{lead['advertiser_id']}#{lead['lead_id']}", name


def test_nothing_is_dead_lettered_and_nobody_is_there_twice(matrix: Matrix, capsys: pytest.CaptureFixture[str]) -> None:
    """As many contacts as cells, and empty dead-letter queues."""
    for queue in ("DeadLetterQueueUrl", "ConversionsDeadLetterQueueUrl"):
        assert matrix.deployment.waiting(matrix.deployment.stack.outputs[queue]) == 0
    assert len(matrix.deployment.crm.contacts()) == len(CELLS) == len(matrix.cells)
    with capsys.disabled():
        print(f"\ncrash matrix: {len(CELLS)} cells, {matrix.interposer.calls} remote calls")
