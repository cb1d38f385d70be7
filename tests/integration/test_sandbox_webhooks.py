"""The webhooks of the Contacts sandbox, received over real sockets and verified with real signatures."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import urllib3
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_public_key

from infra.local.contacts_sandbox import DEFAULT_LOCATION, ContactsSandbox, main
from infra.local.sandbox.events import APP_ID, FIELDS, VERSION_ID
from infra.local.sandbox.web import Answer, Call, LoopbackServer

# What is asked here is not what the app asks.
pytestmark = pytest.mark.unrecorded

ROOT = Path(__file__).resolve().parents[2]
HERE, THERE = DEFAULT_LOCATION, "otherLocation0000001"
TOKEN = "pit-here"
ADA = {"locationId": HERE, "firstName": "Ada", "email": "ada@example.com", "phone": "+12125550123"}
TASK = {"title": "Call", "body": "soon", "dueDate": "2026-12-01T09:00:00Z", "completed": False}


class Receiver:
    """Somebody who is told; `answers` are given one after the other, then 200."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.answers: list[Answer] = []
        self.decide: Callable[[Call], Answer | None] = lambda call: None
        self._lock = threading.Lock()
        self.server = LoopbackServer(0, self._take, "receiver")
        self.server.start()

    @property
    def url(self) -> str:
        return f"{self.server.url}/webhooks/leadconnector/t"

    @property
    def payloads(self) -> list[dict[str, Any]]:
        return [call.json() for call in self.calls]

    @property
    def events(self) -> list[str]:
        return [payload["type"] for payload in self.payloads]

    def _take(self, call: Call) -> Answer:
        with self._lock:
            self.calls.append(call)
            return self.decide(call) or (self.answers.pop(0) if self.answers else Answer(200))


class Told:
    """A sandbox with one receiver of everything, and a client of its API."""

    def __init__(self, crm: ContactsSandbox, receiver: Receiver) -> None:
        self.crm, self.receiver = crm, receiver
        self.pool = urllib3.PoolManager(retries=False, timeout=5)

    def __call__(self, method: str, path: str, body: Any = None, status: int | None = None) -> Any:
        headers = {"Authorization": f"Bearer {TOKEN}", "Version": "2021-07-28", "Content-Type": "application/json"}
        raw = None if body is None else json.dumps(body).encode()
        answer = self.pool.request(method, self.crm.url + path, body=raw, headers=headers)
        assert answer.status == (status or answer.status), answer.data
        return answer.json()

    def new(self) -> list[str]:
        """The events received since the last time, in order."""
        assert self.crm.webhooks.idle(5)
        received = self.receiver.events
        self.receiver.calls.clear()
        return received

    def contact(self, **changes: Any) -> str:
        contact_id: str = self("POST", "/contacts/upsert", {**ADA, **changes}, 200)["contact"]["id"]
        return contact_id


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.server.stop()


@pytest.fixture
def told(receiver: Receiver) -> Iterator[Told]:
    with ContactsSandbox(tokens={TOKEN: HERE, "pit-there": THERE}, webhook_retry_delay=0.01) as crm:
        crm.add_webhook(url=receiver.url)
        yield Told(crm, receiver)


class TestDeliveries:
    def test_a_webhook_is_flat_signed_and_without_empty_fields(self, told: Told) -> None:
        """As captured from the vendor: webhookId, timestamp, versionId and appId beside the record's own fields."""
        made = told.crm.staff.create_contact(
            HERE,
            firstName="Ada",
            email="ada@example.com",
            city="",
            dateOfBirth="1990-12-10",
            tags=["Hot"],
            customFields=[{"key": "budget", "field_value": "1000"}],
        )
        assert told.crm.webhooks.idle(5)
        [call] = told.receiver.calls
        payload = call.json()
        key = load_pem_public_key(told.crm.webhooks.public_key.encode())
        assert isinstance(key, Ed25519PublicKey)
        signature = base64.b64decode(call.headers["x-ghl-signature"], validate=True)
        key.verify(signature, call.raw)
        with pytest.raises(InvalidSignature):
            key.verify(signature, json.dumps(payload).encode())
        assert call.headers["content-type"] == "application/json"
        assert "x-wh-signature" not in call.headers
        uuid.UUID(payload.pop("webhookId"))
        assert datetime.fromisoformat(payload.pop("timestamp")).tzinfo
        assert payload == {
            "type": "ContactCreate",
            "locationId": HERE,
            "id": made["id"],
            "firstName": "Ada",
            "name": "Ada",
            "email": "ada@example.com",
            "dateAdded": made["dateAdded"],
            "dateOfBirth": "1990-12-10T00:00:00.000Z",
            "tags": ["hot"],
            "customFields": [{"id": "sandboxFieldBudget01", "value": "1000"}],
            "versionId": VERSION_ID,
            "appId": APP_ID,
        }

    def test_what_is_not_taken_comes_again_as_it_was(self, told: Told) -> None:
        """After a refusal, a server's fault and a dropped connection: the same bytes, id, time and signature."""
        told.receiver.answers += [
            Answer(401),
            Answer(503),
            Answer(302, headers={"Location": "/x"}),
            Answer(0, drop=True),
        ]
        told.contact()
        assert told.crm.webhooks.idle(5)
        assert len(told.receiver.calls) == 5
        assert len({(call.raw, call.headers["x-ghl-signature"]) for call in told.receiver.calls}) == 1
        [delivery] = told("GET", "/_sandbox/webhooks/deliveries")["deliveries"]
        assert (delivery["event"], delivery["status"], delivery["tries"]) == ("ContactCreate", 200, 5)

    def test_after_twelve_more_tries_it_is_given_up(self, receiver: Receiver) -> None:
        """And the next event of the contact has its turn."""
        with ContactsSandbox(tokens={TOKEN: HERE}, webhook_retry_delay=0) as crm:
            crm.add_webhook(url=receiver.url)
            receiver.decide = lambda call: Answer(500) if b"ContactCreate" in call.raw else None
            made = crm.staff.create_contact(HERE, firstName="Ada")
            crm.staff.tag_contact(made["id"], "hot")
            assert crm.webhooks.idle(5)
            assert receiver.events == ["ContactCreate"] * 13 + ["ContactTagUpdate"]
            given_up, taken = crm.webhooks.deliveries()
            assert (given_up["status"], given_up["tries"], taken["status"], taken["tries"]) == (500, 13, 200, 1)

    def test_a_contact_waits_for_its_own_and_not_for_others(self, told: Told) -> None:
        """Events of one contact come in order, however often the first fails; other contacts are not held up."""
        refused = threading.Event()

        def decide(call: Call) -> Answer | None:
            stuck = call.json().get("email") == "ada@example.com" and not refused.is_set()
            return Answer(500) if stuck else None

        told.receiver.decide = decide
        ada = told.contact()
        told.crm.staff.add_note(ada, "called")
        grace = told.crm.staff.create_contact(HERE, email="grace@example.com")["id"]
        while {"id": grace} not in [{"id": payload["id"]} for payload in told.receiver.payloads]:
            assert not told.crm.webhooks.idle(0.01)
        assert "NoteCreate" not in told.receiver.events
        refused.set()
        assert told.crm.webhooks.idle(5)
        assert told.receiver.events[-2:] == ["ContactCreate", "NoteCreate"]

    def test_nobody_there_is_no_answer(self, told: Told) -> None:
        """The sandbox goes on, the delivery has no status, and forgetting it leaves silence."""
        told.receiver.server.stop()
        told.contact()
        while not (delivery := told.crm.webhooks.deliveries()[0])["tries"]:
            assert not told.crm.webhooks.idle(0.01)
        assert delivery["status"] is None
        assert told("GET", "/_sandbox/webhooks/idle?seconds=0") == {"idle": False}
        assert told.crm.webhooks.waiting == 1
        told("DELETE", "/_sandbox/webhooks")
        assert told("GET", "/_sandbox/webhooks/deliveries") == {"deliveries": [], "waiting": 0}
        assert told("GET", "/_sandbox/webhooks/idle") == {"idle": True}

    def test_only_what_a_receiver_wants(self, told: Told, receiver: Receiver) -> None:
        """By event and by location; two receivers of one event are told the same webhookId."""
        told("DELETE", "/_sandbox/webhooks", status=200)
        order = {"url": receiver.url, "events": ["NoteCreate"], "locations": [HERE]}
        shown = told("POST", "/_sandbox/webhooks", order, 201)
        assert shown == {**order, "id": shown["id"]}
        told("POST", "/_sandbox/webhooks", {"url": receiver.url + "/all", "locations": [THERE]}, 201)
        both = told("GET", "/_sandbox/webhooks")["webhooks"]
        assert [hook["locations"] for hook in both] == [[HERE], [THERE]]
        assert both[1]["events"] == list(FIELDS)
        for location in (HERE, THERE):
            contact = told.crm.staff.create_contact(location, firstName="Ada")
            told.crm.staff.add_note(contact["id"], "x")
        assert told.crm.webhooks.idle(5)
        assert {(p["locationId"], p["type"]) for p in receiver.payloads} == {
            (HERE, "NoteCreate"),
            (THERE, "ContactCreate"),
            (THERE, "NoteCreate"),
        }
        told("POST", "/_sandbox/webhooks", {"url": receiver.url, "events": ["NoteDelete"]}, 201)
        told("POST", "/_sandbox/webhooks", {"url": receiver.url, "events": ["NoteDelete"]}, 201)
        receiver.calls.clear()
        [known] = [c for c in told.crm.contacts() if c["locationId"] == HERE]
        told.crm.staff.delete_note(known["id"], known["notes"][0]["id"])
        assert told.crm.webhooks.idle(5)
        assert len(receiver.payloads) == 2
        assert len({p["webhookId"] for p in receiver.payloads}) == 1

    @pytest.mark.parametrize(
        "order",
        [
            {},
            [],
            {"url": "localhost:1"},
            {"url": 7},
            {"url": "http://x", "event": ["NoteCreate"]},
            {"url": "http://x", "events": ["ContactCreated"]},
            {"url": "http://x", "events": "NoteCreate"},
            {"url": "http://x", "locations": [1]},
        ],
    )
    def test_a_webhook_that_makes_no_sense_is_refused(self, told: Told, order: Any) -> None:
        """A typo must not silently become no webhook."""
        assert told("POST", "/_sandbox/webhooks", order, 400)["error"]
        assert len(told.crm.webhooks.receivers()) == 1

    def test_half_a_surrogate_pair_does_not_stop_a_webhook(self, told: Told) -> None:
        """Letters come as they are, what UTF-8 cannot hold as an escape; the signature covers either."""
        told.contact(city="Zürich")
        told.contact(city="\ud800")
        assert told.crm.webhooks.idle(5)
        first, second = told.receiver.calls
        assert "Zürich".encode() in first.raw
        assert second.json()["city"] == "\ud800"

    def test_a_reset_keeps_who_is_told(self, told: Told) -> None:
        """Receivers belong to the app's settings; what was on its way belongs to the contacts that are gone."""
        told.contact()
        told.new()
        told.crm.reset()
        assert told.crm.webhooks.deliveries() == []
        told.contact()
        assert told.new() == ["ContactCreate"]


class TestEvents:
    def test_only_a_real_change_is_told_and_dated(self, told: Told) -> None:
        """An upsert or update that says what is known already changes nothing, not even dateUpdated."""
        ada = told.contact(tags=["one"], city="Paris")
        assert told.new() == ["ContactCreate"]
        path = f"/contacts/{ada}"
        before = told("GET", path)["contact"]
        for _ in range(2):
            told.contact(tags=["ONE "], city="Paris", email="ADA@example.com".lower())
            told("PUT", path, {"city": "Paris"}, 200)
            told("POST", f"{path}/tags", {"tags": ["one"]}, 201)
            told("DELETE", f"{path}/tags", {"tags": ["two"]}, 200)
        assert (told.new(), told("GET", path)["contact"]) == ([], before)
        told.contact(city="Rome")
        assert told.new() == ["ContactUpdate"]
        told("PUT", path, {"city": "Oslo"}, 200)
        assert told.new() == ["ContactUpdate"]
        told.contact(customFields=[{"key": "budget", "field_value": "5"}])
        assert told.new() == ["ContactUpdate"]
        assert told("GET", path)["contact"]["dateUpdated"] >= before["dateUpdated"]

    def test_tags_have_an_event_of_their_own(self, told: Told) -> None:
        """Added, removed, or replaced by an upsert, which may change more at the same time."""
        ada = told.contact()
        told.new()
        told("POST", f"/contacts/{ada}/tags", {"tags": ["hot"]}, 201)
        assert told.new() == ["ContactTagUpdate"]
        told("DELETE", f"/contacts/{ada}/tags", {"tags": ["hot"]}, 200)
        assert told.new() == ["ContactTagUpdate"]
        told.contact(tags=["cold"], city="Rome")
        assert told.crm.webhooks.idle(5)
        assert [p["tags"] for p in told.receiver.payloads] == [["cold"], ["cold"]]
        assert told.new() == ["ContactUpdate", "ContactTagUpdate"]

    def test_do_not_disturb(self, told: Told) -> None:
        """Told with its settings, kept and shown; the settings for what comes in are told to nobody: issue 264."""
        ada = told.contact()
        told.new()
        settings = {"SMS": {"status": "active"}}
        told("PUT", f"/contacts/{ada}", {"dndSettings": settings}, 200)
        assert told.crm.webhooks.idle(5)
        assert told.receiver.payloads[-1]["dndSettings"] == settings
        assert told.new() == ["ContactUpdate", "ContactDndUpdate"]
        assert told("GET", f"/contacts/{ada}")["contact"]["dndSettings"] == settings
        told("PUT", f"/contacts/{ada}", {"inboundDndSettings": {"all": {"status": "active"}}}, 200)
        assert told.new() == []

    def test_a_deleted_contact_is_told_with_what_it_was(self, told: Told) -> None:
        """The last thing anybody hears of it."""
        ada = told.contact()
        told("DELETE", f"/contacts/{ada}", status=200)
        assert told.crm.webhooks.idle(5)
        assert (told.receiver.payloads[-1]["id"], told.receiver.payloads[-1]["email"]) == (ada, ADA["email"])
        assert told.new() == ["ContactCreate", "ContactDelete"]

    def test_notes(self, told: Told) -> None:
        """Written, changed and removed; id, body, contactId and dateAdded are all that is shown: issue 312."""
        path = f"/contacts/{told.contact()}/notes"
        told.new()
        note = told("POST", path, {"body": "called", "title": "t"}, 201)["note"]
        told("PUT", f"{path}/{note['id']}", {"body": "called"}, 200)
        told("PUT", f"{path}/{note['id']}", {"body": "called twice"}, 200)
        told("DELETE", f"{path}/{note['id']}", status=200)
        assert told.crm.webhooks.idle(5)
        created, changed, _ = told.receiver.payloads
        assert (created["body"], changed["body"]) == ("called", "called twice")
        assert {"contactId", "dateAdded"} <= created.keys()
        assert "title" not in created
        assert told.new() == ["NoteCreate", "NoteUpdate", "NoteDelete"]

    def test_a_new_task_does_not_say_whose_it_is(self, told: Told) -> None:
        """No contactId and no body, as issue 332 found; the search for tasks says both."""
        ada = told.contact()
        told.new()
        task = told("POST", f"/contacts/{ada}/tasks", TASK, 201)["task"]
        assert told.crm.webhooks.idle(5)
        [payload] = told.receiver.payloads
        assert (payload["title"], payload["dueDate"]) == (TASK["title"], TASK["dueDate"])
        assert not {"contactId", "body", "completed"} & payload.keys()
        [found] = told("POST", f"/locations/{HERE}/tasks/search", {}, 200)["tasks"]
        assert found == {**task, "dateAdded": payload["dateAdded"]}
        assert found["contactId"] == ada

    def test_tasks(self, told: Told) -> None:
        """Completed is told once, whichever way it came about; other changes are told by no event."""
        path = f"/contacts/{told.contact()}/tasks"
        one = f"{path}/{told('POST', path, TASK, 201)['task']['id']}"
        told.new()
        told("PUT", one, {"title": "Call Ada"}, 200)
        assert told.new() == []
        told("PUT", f"{one}/completed", {"completed": True}, 200)
        told("PUT", f"{one}/completed", {"completed": True}, 200)
        assert told.new() == ["TaskComplete"]
        told("PUT", f"{one}/completed", {"completed": False}, 200)
        told("PUT", one, {"completed": True}, 200)
        assert told.new() == ["TaskComplete"]
        told("DELETE", one, status=200)
        assert told.new() == ["TaskDelete"]

    def test_the_events_follow_the_order_of_the_changes(self, told: Told) -> None:
        """For one contact, however many changes come at once."""
        ada = told.contact()
        for number in range(30):
            told.crm.staff.add_note(ada, str(number))
        assert told.crm.webhooks.idle(5)
        assert [p["body"] for p in told.receiver.payloads[1:]] == [str(number) for number in range(30)]


class TestStaff:
    """What people do in the app, by the sandbox's own side."""

    def test_a_contact_from_first_to_last(self, told: Told) -> None:
        """Made, changed beyond what the API's update takes, tagged, noted, given a task, and deleted."""
        made = told("POST", "/_sandbox/contacts", {"location": HERE, "firstName": "Ada", "gender": "female"}, 201)
        one = f"/_sandbox/contacts/{made['contact']['id']}"
        changed = told("PUT", one, {"companyName": "Engines", "dnd": True}, 200)["contact"]
        assert (changed["companyName"], changed["dnd"]) == ("Engines", True)
        assert told("POST", f"{one}/tags", {"tags": ["Hot"]}, 201)["contact"]["tags"] == ["hot"]
        assert told("DELETE", f"{one}/tags", {"tags": ["hot"]}, 200)["contact"]["tags"] == []
        note = told("POST", f"{one}/notes", {"body": "called"}, 201)["note"]
        told("PUT", f"{one}/notes/{note['id']}", {"body": "twice"}, 200)
        told("DELETE", f"{one}/notes/{note['id']}", status=200)
        task = told("POST", f"{one}/tasks", {"title": "Call"}, 201)["task"]
        assert task["completed"] is False
        told("PUT", f"{one}/tasks/{task['id']}", {"completed": True}, 200)
        told("DELETE", f"{one}/tasks/{task['id']}", status=200)
        told("DELETE", one, status=200)
        assert told.new() == [
            *("ContactCreate", "ContactUpdate", "ContactDndUpdate", "ContactTagUpdate", "ContactTagUpdate"),
            *("NoteCreate", "NoteUpdate", "NoteDelete", "TaskCreate", "TaskComplete", "TaskDelete", "ContactDelete"),
        ]
        assert told.crm.contacts() == []

    def test_opportunities(self, told: Told) -> None:
        """Made, moved, won and deleted, each told with its contact, and found by it."""
        ada = told.contact()
        told.new()
        order = {"contact_id": ada, "name": "Kitchen", "monetaryValue": 500}
        deal = told("POST", "/_sandbox/opportunities", order, 201)["opportunity"]
        one = f"/_sandbox/opportunities/{deal['id']}"
        told("PUT", one, {"status": "won", "pipelineStageId": "stage-2"}, 200)
        told("PUT", one, {"status": "won"}, 200)
        search = f"/opportunities/search?location_id={HERE}&contact_id={ada}"
        [found] = told("GET", search, status=200)["opportunities"]
        assert (found["status"], found["pipelineStageId"], found["contact"]["id"]) == ("won", "stage-2", ada)
        told("DELETE", one, status=200)
        assert told.crm.webhooks.idle(5)
        assert {p["contactId"] for p in told.receiver.payloads} == {ada}
        assert told.new() == [
            *("OpportunityCreate", "OpportunityStatusUpdate", "OpportunityStageUpdate", "OpportunityDelete"),
        ]
        assert told("GET", search, status=200)["opportunities"] == []

    @pytest.mark.parametrize(
        ("method", "path", "body", "said"),
        [
            ("POST", "/contacts", {"firstName": "Ada"}, "location"),
            ("POST", "/contacts", {"location": HERE, "nickname": "A"}, "nickname"),
            ("POST", "/contacts", {"location": HERE, "email": ADA["email"]}, "duplicated"),
            ("POST", "/contacts", [], "no such order"),
            ("PUT", "/contacts/nobody", {}, "nobody"),
            ("POST", "/contacts/nobody/notes", {"body": "x"}, "nobody"),
            ("POST", "/contacts/{}/notes", {}, "no such order"),
            ("POST", "/contacts/{}/notes", {"body": 7}, "body"),
            ("POST", "/contacts/{}/tags", {"tags": "hot"}, "no such order"),
            ("POST", "/contacts/{}/tasks", {"title": "x", "dueDate": "soon"}, "dueDate"),
            ("DELETE", "/contacts/{}/tasks/none", None, "none"),
            ("POST", "/opportunities", {"contact_id": "nobody"}, "nobody"),
            ("POST", "/opportunities", {"contact_id": "{}", "status": "gone"}, "status"),
            ("POST", "/opportunities", {"contact_id": "{}", "stage": "x"}, "stage"),
            ("PUT", "/opportunities/none", {"status": "won"}, "none"),
        ],
    )
    def test_an_order_the_app_would_not_take_is_refused(
        self, told: Told, method: str, path: str, body: Any, said: str
    ) -> None:
        """In one sentence that names what is wrong; nothing is written and nobody told."""
        ada = told.contact()
        told.new()
        body = json.loads(json.dumps(body).replace("{}", ada)) if body else body
        assert said in told(method, "/_sandbox" + path.replace("{}", ada), body, 400)["error"]
        assert told.new() == []
        assert len(told.crm.contacts()) == 1


class TestKey:
    def test_a_given_key_signs(self, receiver: Receiver) -> None:
        """Its public half is what the sandbox's own side shows."""
        mine = Ed25519PrivateKey.generate()
        pem = mine.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        with ContactsSandbox(tokens={TOKEN: HERE}, webhook_key=pem) as crm:
            crm.add_webhook(url=receiver.url)
            crm.staff.create_contact(HERE, firstName="Ada")
            assert crm.webhooks.idle(5)
            shown = urllib3.request("GET", f"{crm.url}/_sandbox/webhooks/key").json()["public_key"]
        [call] = receiver.calls
        assert load_pem_public_key(shown.encode()).public_bytes_raw() == mine.public_key().public_bytes_raw()
        mine.public_key().verify(base64.b64decode(call.headers["x-ghl-signature"]), call.raw)

    def test_without_one_each_sandbox_has_its_own(self) -> None:
        """Nobody can sign for another sandbox."""
        keys = {ContactsSandbox(tokens={TOKEN: HERE}).webhooks.public_key for _ in range(2)}
        assert len(keys) == 2

    @pytest.mark.parametrize("content", [None, b"", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"])
    def test_a_key_that_is_none_is_said_in_one_sentence(
        self, told: Told, tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes | None
    ) -> None:
        """Missing or unreadable: exit code 2, before a port is taken."""
        file = tmp_path / "key.pem"
        if content is not None:
            file.write_bytes(content)
        taken = told.crm.url.rpartition(":")[2]
        assert main(["--token", TOKEN, "--port", taken, "--webhook-key", str(file)]) == 2
        assert "webhook key" in capsys.readouterr().err

    def test_the_command_tells_whom_it_is_given(self, receiver: Receiver) -> None:
        """--webhook registers a receiver before anything can change."""
        command = [sys.executable, "-m", "infra.local.contacts_sandbox", "--token", TOKEN, "--webhook", receiver.url]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as sandbox:
            assert sandbox.stdout is not None
            url = sandbox.stdout.readline().strip().removeprefix("listening on ")
            body = json.dumps({"location": HERE, "firstName": "Ada"})
            urllib3.request("POST", f"{url}/_sandbox/contacts", body=body)
            assert urllib3.request("GET", f"{url}/_sandbox/webhooks/idle").json() == {"idle": True}
            sandbox.terminate()
        assert receiver.events == ["ContactCreate"]
