"""The console behind a real front door: what it shows of moto's AWS and a real Contacts sandbox, whom it refuses."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from infra.local.console import actions, crm_faults, web
from infra.local.console.state import SHOWN, state_of
from infra.local.console.watcher import Watcher
from infra.local.console.web import Console
from infra.local.contacts_sandbox import ContactsSandbox
from infra.local.front_door import FrontDoor
from infra.local.graph_sandbox import GraphSandbox
from infra.local.vendor_accounts import PAGE, SOURCE_LOCATION
from tests.fakes import LOCATION
from tests.integration.conftest import AwsAccount

TOKEN = "pit-secret-of-the-crm"
JSON = {"Content-Type": "application/json"}


@dataclass
class Stack:
    """What a local stack gives the console."""

    aws: Any
    contacts_api_url: str
    built_in_crm: bool = True
    graph_api_url: str = "http://127.0.0.1:9"
    url: str = ""
    outputs: dict[str, str] = field(default_factory=dict)

    def client(self, service: str) -> Any:
        return {"dynamodb": self.aws.dynamodb, "sqs": self.aws.sqs, "lambda": Functions()}[service]

    def secret(self, output: str) -> Any:
        name = {"PinterestKeysSecretArn": "pinterest-keys"}.get(output, output)
        return json.loads(self.aws.secrets.get_secret_value(SecretId=name)["SecretString"])

    def store(self, output: str, value: Any) -> None:
        self.aws.secrets.create_secret(Name=output, SecretString=json.dumps(value))

    def webhook_url(self, source: str = "pinterest") -> str:
        return f"{self.url}/webhooks/{source}/the-webhooks-token"


class Functions:
    """The one answer of Lambda that the console asks for."""

    def get_function_configuration(self, **_: Any) -> dict[str, Any]:
        return {"Environment": {"Variables": {"RETRY_WAITS": "60,300"}}}


@pytest.fixture
def crm() -> Iterator[ContactsSandbox]:
    with ContactsSandbox(tokens={TOKEN: LOCATION, "pit-source": SOURCE_LOCATION}) as crm:
        yield crm


@pytest.fixture
def graph() -> Iterator[GraphSandbox]:
    with GraphSandbox({PAGE: "t"}, app_secret="x") as graph:
        yield graph


@pytest.fixture
def stack(aws: AwsAccount, crm: ContactsSandbox) -> Stack:
    outputs = {
        "LedgerTableName": aws.table,
        "FailedLeadsQueueUrl": aws.failed_leads_url,
        "DeadLetterQueueUrl": aws.dead_letters_url,
        "RetryFunctionName": "retry",
    }
    return Stack(aws, crm.url, outputs=outputs)


@pytest.fixture
def door(stack: Stack) -> Iterator[FrontDoor]:
    door = FrontDoor(0, "http://127.0.0.1:9", "api.localhost", Console(stack))
    stack.url = door.url
    door.start()
    yield door
    door.stop()


@pytest.fixture(scope="module")
def lone_door() -> Iterator[FrontDoor]:
    """A front door for those who do not get as far as AWS or the CRM: there is nothing behind it."""
    stack = Stack(None, "http://127.0.0.1:9")
    door = FrontDoor(0, "http://127.0.0.1:9", "api.localhost", Console(stack))
    door.start()
    yield door
    door.stop()


def ask(
    door: FrontDoor, method: str, path: str, headers: dict[str, str] | None = None, body: str = ""
) -> tuple[int, Any, str]:
    """Status, headers and text of the answer."""
    connection = http.client.HTTPConnection("127.0.0.1", door.server_port, timeout=5)
    host = {"Host": f"127.0.0.1:{door.server_port}"}
    connection.request(method, path, body.encode(), host | (headers or {}))
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, answer.headers, text


def press(door: FrontDoor, name: str, **headers: str) -> tuple[int, dict[str, Any]]:
    """What a button's POST is answered."""
    given = JSON | {name.replace("_", "-"): value for name, value in headers.items()}
    status, _, text = ask(door, "POST", f"/console/actions/{name}", given, "{}")
    return status, json.loads(text)


class Page:
    """A browser that follows the events."""

    def __init__(self, door: FrontDoor) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", door.server_port, timeout=5)
        self._connection.request("GET", "/console/events", headers={"Host": f"127.0.0.1:{door.server_port}"})
        self._answer = self._connection.getresponse()
        self.kind = self._answer.headers.get_content_type()

    def state(self) -> dict[str, Any]:
        """The next state that is told."""
        while not (line := self._answer.readline()).startswith(b"data: "):
            assert line, "the stream has ended"
        return dict(json.loads(line.removeprefix(b"data: ")))

    def close(self) -> None:
        self._answer.close()
        self._connection.close()


def put_lead(
    aws: AwsAccount, key: str, status: str, *, seen: str = "2026-11-21T10:00:00.000+00:00", **more: Any
) -> None:
    """A ledger item as the functions write it."""
    item = {"pk": {"S": key}, "status": {"S": status}, "attempts": {"N": "1"}, "first_seen_at": {"S": seen}}
    item |= {"updated_at": {"S": seen}, "steps": {"M": {"contact": {"S": "c1"}}}, "remarks": {"L": []}}
    aws.dynamodb.put_item(TableName=aws.table, Item=item | more)


def park(aws: AwsAccount, url: str, lead_id: str) -> None:
    """A message as the functions send it."""
    body = {"v": 1, "source": "pinterest", "lead_id": lead_id, "received_at": "2026-11-21T10:00:00Z", "envelope": {}}
    aws.sqs.send_message(
        QueueUrl=url,
        MessageBody=json.dumps(body),
        MessageAttributes={"reason": {"DataType": "String", "StringValue": "rejected_by_contacts_api"}},
    )


def until(holds: Any, seconds: float = 5) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.02)


def test_the_state_counts_what_the_ledger_and_the_queues_hold(stack: Stack, aws: AwsAccount) -> None:
    """Leads by source and status; not the seals, nor records that came of our own writing."""
    put_lead(aws, "pinterest#1#a", "delivered", attempts={"N": "3"})
    put_lead(aws, "pinterest#1#b", "parked", reason={"S": "rate_limited"})
    put_lead(aws, "facebook#2#c", "undeliverable")
    put_lead(aws, "leadconnector#3#d", "delivered", attempts={"N": "0"}, counterpart={"BOOL": True})
    aws.dynamodb.put_item(TableName=aws.table, Item={"pk": {"S": "seal#pinterest#x"}, "lead_key": {"S": "y"}})
    park(aws, aws.failed_leads_url, "b")
    park(aws, aws.dead_letters_url, "c")
    aws.sqs.receive_message(QueueUrl=aws.failed_leads_url)
    state = state_of(stack)
    assert state["received"] == {"pinterest": 2, "facebook": 1, "leadconnector": 0}
    assert state["statuses"] == {"delivered": 1, "parked": 1, "undeliverable": 1}
    assert (state["queue"], state["dead"]["messages"]) == ({"messages": 1, "held": 1}, 1)
    assert (state["further_attempts"], state["waits"]) == (2, [60, 300])
    [parked] = [lead for lead in state["leads"] if lead["lead_id"] == "b"]
    assert (parked["reason"], parked["remedy"]) == ("rate_limited", "nothing; waiting uses up no attempt")


def test_leads_keep_their_place_while_they_move(stack: Stack, aws: AwsAccount) -> None:
    """Newest first by when they came, of those that changed last."""
    for number in range(SHOWN + 5):
        put_lead(aws, f"pinterest#1#{number:02}", "delivered", seen=f"2026-11-21T10:00:{number:02}.000+00:00")
    put_lead(aws, "pinterest#1#00", "delivered", updated_at={"S": "2026-11-21T11:00:00.000+00:00"})
    shown = [lead["lead_id"] for lead in state_of(stack)["leads"]]
    assert shown == [f"{number:02}" for number in [*range(SHOWN + 4, 5, -1), 0]]


def test_contacts_are_shown_with_what_hangs_on_them(stack: Stack, crm: ContactsSandbox) -> None:
    """Tags, notes and tasks; not those of the location whose contacts are leads."""
    contact = crm.staff.create_contact(
        LOCATION, firstName="Mira", lastName="Holt", email="mira@example.com", tags=["hot"]
    )
    crm.staff.add_note(contact["id"], body="Called.")
    crm.staff.add_task(contact["id"], title="Call again", dueDate="2026-12-01T10:00:00Z")
    crm.staff.create_contact(SOURCE_LOCATION, firstName="Leo")
    shown = state_of(stack)["crm"]
    assert (shown["total"], len(shown["contacts"])) == (1, 1)
    [told] = shown["contacts"]
    assert (told["name"], told["tags"]) == ("Mira Holt", ["hot"])
    assert [note["body"] for note in told["notes"]] == ["Called."]
    assert [task["title"] for task in told["tasks"]] == ["Call again"]


def test_another_crm_is_named_and_not_asked(stack: Stack, door: FrontDoor) -> None:
    """Its contacts are nobody's to show, and it is not ours to break."""
    stack.built_in_crm, stack.contacts_api_url = False, "http://127.0.0.1:9"
    assert state_of(stack)["crm"] == {
        "is_built_in": False,
        "url": "http://127.0.0.1:9",
        "faults": [],
        "contacts": [],
        "total": 0,
    }
    assert press(door, "break-500")[0] == 502
    assert press(door, "mend")[0] == 502


def test_every_page_is_told_of_every_change(door: FrontDoor, aws: AwsAccount) -> None:
    """Two pages, one watcher; nothing is told when nothing has changed."""
    first, second = Page(door), Page(door)
    assert first.kind == "text/event-stream"
    assert first.state()["leads"] == second.state()["leads"] == []
    put_lead(aws, "pinterest#1#a", "delivered")
    assert [lead["lead_id"] for lead in first.state()["leads"]] == ["a"]
    assert [lead["lead_id"] for lead in second.state()["leads"]] == ["a"]
    put_lead(aws, "pinterest#1#b", "delivered")
    assert len(first.state()["leads"]) == 2
    first.close()
    second.close()


def test_nobody_looks_when_nobody_is_there(door: FrontDoor) -> None:
    """The watcher ends with its last page, and begins anew with the next."""
    assert door.console
    watcher = door.console.watcher
    assert not watcher.is_looking
    page = Page(door)
    page.state()
    assert watcher.is_looking
    page.close()
    until(lambda: not watcher.is_looking)
    again = Page(door)
    assert again.state()["leads"] == []
    again.close()


def test_a_silent_watcher_gives_signs_of_life_and_tells_of_its_own_trouble() -> None:
    """So that a proxy or a browser does not take the connection for dead."""
    answers = iter([{"n": 1}, {"n": 1}])

    def look() -> Any:
        return next(answers)

    watcher = Watcher(look, pause=0.01, heartbeat=0.0)
    told = watcher.follow(lambda: True)
    assert json.loads(next(told)) == {"n": 1}
    later = [text for text in (next(told), next(told)) if text]
    assert all("cannot be looked at (StopIteration)" in text for text in later)
    watcher.stop()
    assert list(told) == []


def test_faults_are_ordered_shown_and_taken_back(door: FrontDoor, crm: ContactsSandbox) -> None:
    """One at a time; the page says which is on."""
    for name in crm_faults.FAULTS:
        assert press(door, f"break-{name}")[0] == 200
        assert crm_faults.faults_on(crm.url) == [{"name": name, "hits": 0}]
    assert press(door, "mend")[0] == 200
    assert crm.faults() == []
    crm.add_fault(status=503)
    assert crm_faults.faults_on(crm.url) == [{"name": "other", "hits": 0}]


def test_a_lead_is_sent_to_the_webhook(door: FrontDoor) -> None:
    """Through this very door; here nobody is behind it, and that is said without the webhook's token."""
    for name in ("send-pinterest", "send-pinterest-test"):
        status, told = press(door, name)
        assert (status, "refused with 502" in told["error"]) == (502, True)
        assert "token" not in told["error"]


def test_a_sender_without_its_sandbox_says_so(door: FrontDoor, stack: Stack) -> None:
    """In one sentence."""
    stack.store("FacebookSecretArn", {"app_secret": "x"})
    status, told = press(door, "send-facebook")
    assert (status, "There is no Graph sandbox" in told["error"]) == (502, True)


def test_what_is_not_set_up_yet_is_not_sent(door: FrontDoor, stack: Stack, graph: GraphSandbox) -> None:
    """As on the stack of docs/first-hour.md; no sandbox then keeps a lead that nobody was told of."""
    stack.graph_api_url = graph.url
    stack.aws.secrets.delete_secret(SecretId="pinterest-keys", ForceDeleteWithoutRecovery=True)
    for source, command in {
        "pinterest": "leadrelay pinterest subscribe",
        "pinterest-test": "leadrelay pinterest subscribe",
        "facebook": "leadrelay init",
        "leadconnector": "leadrelay leadconnector setup",
    }.items():
        status, told = press(door, f"send-{source}")
        assert (status, "is not set up for" in told["error"], f"`{command}`" in told["error"]) == (502, True, True)
    assert graph.leads() == []
    assert state_of(stack)["crm"]["contacts"] == []


def test_a_contact_elsewhere_is_made_once_somebody_would_hear_of_it(
    door: FrontDoor, stack: Stack, crm: ContactsSandbox
) -> None:
    """The stack takes that location's contacts, and the CRM tells of them."""
    stack.store("LeadConnectorSecretArn", {"locations": ["another"]})
    assert "takes no contacts" in press(door, "send-leadconnector")[1]["error"]
    stack.aws.secrets.put_secret_value(
        SecretId="LeadConnectorSecretArn", SecretString=json.dumps({"locations": [SOURCE_LOCATION]})
    )
    assert "tells nobody" in press(door, "send-leadconnector")[1]["error"]
    assert crm.contacts() == []
    crm.add_webhook(url="http://127.0.0.1:9/")
    status, told = press(door, "send-leadconnector")
    assert (status, "answered 201" in told["sentence"]) == (200, True)
    assert [contact["locationId"] for contact in crm.contacts()] == [SOURCE_LOCATION]


def test_half_an_emoji_blinds_nobody(door: FrontDoor, crm: ContactsSandbox) -> None:
    """The CRM takes a name that ends within a surrogate pair; the page is told of it, and of the others."""
    crm.staff.create_contact(LOCATION, firstName="Mira \ud83d")
    page = Page(door)
    assert [contact["name"].strip() for contact in page.state()["crm"]["contacts"]] == ["Mira \ud83d"]
    page.close()


def test_dead_letters_are_brought_back(door: FrontDoor, aws: AwsAccount) -> None:
    """All of them, into the failed-leads queue, each as a new lead's first attempt."""
    assert press(door, "redrive") == (200, {"sentence": "No lead waits in the dead-letter queue."})
    park(aws, aws.dead_letters_url, "a")
    park(aws, aws.dead_letters_url, "b")
    status, told = press(door, "redrive")
    assert (status, told["sentence"][:14]) == (200, "2 dead letters")
    assert {json.loads(message["Body"])["lead_id"] for message in aws.parked()} == {"a", "b"}
    assert aws.dead() == []


def test_a_long_action_keeps_nobody_waiting(door: FrontDoor) -> None:
    """While a redrive looks through the queue for a second, the page is there at once."""
    redriving = threading.Thread(target=press, args=(door, "redrive"))
    redriving.start()
    began = time.monotonic()
    assert ask(door, "GET", "/")[0] == 200
    assert time.monotonic() - began < 0.9
    assert redriving.is_alive()
    redriving.join()


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Host": "evil.example"},
        {"Host": "127.0.0.1:1"},
    ],
)
def test_what_is_not_our_page_presses_no_button(lone_door: FrontDoor, headers: dict[str, str]) -> None:
    """Another page's script, form or name is refused; the CRM, which is not there, was not even asked."""
    assert ask(lone_door, "POST", "/console/actions/break-500", JSON | headers, "{}")[0] == 403


def test_our_own_page_may(door: FrontDoor, crm: ContactsSandbox) -> None:
    """As a browser sends it."""
    headers = {"Origin": door.url, "Sec-Fetch-Site": "same-origin"}
    assert ask(door, "POST", "/console/actions/break-500", JSON | headers, "{}")[0] == 200
    assert len(crm.faults()) == 1


@pytest.mark.parametrize("headers", [{"Sec-Fetch-Site": "cross-site"}, {"Origin": "http://evil.example"}])
def test_no_other_page_follows_the_events(lone_door: FrontDoor, headers: dict[str, str]) -> None:
    """They tell of people."""
    assert ask(lone_door, "GET", "/console/events", headers)[0] == 403


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/console/actions/mend", 405),
        ("PUT", "/console/actions/mend", 405),
        ("POST", "/console/actions/nothing", 404),
        ("POST", "/console/actions/", 404),
        ("POST", "/console/events", 405),
        ("POST", "/", 405),
        ("DELETE", "/console/console.css", 405),
        ("GET", "/console/", 404),
        ("GET", "/console/web.py", 404),
        ("GET", "/console/page.html", 404),
        ("GET", "/console/../console/web.py", 404),
        ("GET", "/console/%2e%2e/front_door.py", 404),
        ("GET", "/console/console.css%00", 404),
        ("GET", "/console//console.css", 404),
    ],
)
def test_nothing_else_is_there(lone_door: FrontDoor, method: str, path: str, status: int) -> None:
    """Neither other methods, nor other files of the folder, nor ways out of it."""
    assert ask(lone_door, method, path, JSON)[0] == status


@pytest.mark.parametrize("path", web.FILES)
def test_files_come_under_a_policy_that_lets_nothing_else_in(lone_door: FrontDoor, path: str) -> None:
    """No script or style but our own, no frame around us, nothing kept."""
    status, headers, text = ask(lone_door, "GET", path, {"Accept": "text/html"})
    assert (status, bool(text)) == (200, True)
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert (headers["X-Content-Type-Options"], headers["Cache-Control"]) == ("nosniff", "no-store")
    status, again, nothing = ask(lone_door, "HEAD", path, {"Accept": "text/html"})
    assert (status, again["Content-Length"], nothing) == (200, headers["Content-Length"], "")


def test_the_page_needs_nothing_that_its_policy_forbids(lone_door: FrontDoor) -> None:
    """No inline script or style, no address but our own."""
    for path in web.FILES:
        text = ask(lone_door, "GET", path)[2].replace("http://www.w3.org/2000/svg", "")
        assert "https://" not in text
        assert "http://" not in text
        assert " style=" not in text
        assert " onclick=" not in text
        assert "innerHTML" not in text


def test_who_asks_for_plain_text_gets_it(lone_door: FrontDoor) -> None:
    """A person with curl learns where the webhooks are."""
    status, headers, text = ask(lone_door, "GET", "/", {"Accept": "text/plain"})
    assert (status, headers.get_content_type()) == (200, "text/plain")
    assert lone_door.url in text


def test_the_page_has_a_button_for_each_action(lone_door: FrontDoor) -> None:
    """And none that does nothing."""
    page = ask(lone_door, "GET", "/")[2]
    assert {part.split('"')[0] for part in page.split('data-action="')[1:]} == set(actions.ACTIONS)


def test_no_token_or_key_reaches_the_page(door: FrontDoor, stack: Stack, crm: ContactsSandbox) -> None:
    """Neither the webhook's nor the CRM's nor the sources'."""
    crm.staff.create_contact(LOCATION, firstName="Mira", email="mira@example.com")
    page = Page(door)
    told = json.dumps(page.state()) + "".join(ask(door, "GET", path)[2] for path in web.FILES)
    page.close()
    keys = [one["cryptographic_key"] for one in stack.secret("PinterestKeysSecretArn")["subscriptions"]]
    for secret in (TOKEN, "the-webhooks-token", "pit-source", *keys):
        assert secret not in told
