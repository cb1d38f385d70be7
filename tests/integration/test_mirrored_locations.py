"""Two CRM locations whose routes point at each other: what one tells the other comes to rest."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from infra.local.contacts_sandbox import ContactsSandbox
from infra.local.sandbox.web import Answer, Call, LoopbackServer
from leads.adapters.http import HttpClient
from leads.core.lead import Envelope
from leads.core.outcome import Outcome
from leads.core.parked_lead import body_of
from leads.core.request import Request
from leads.core.routes import RouteTable, parse_routes
from leads.crm.client import Client
from leads.crm.records import Records
from leads.flow.accept import Accept
from leads.flow.deliver import Deliver
from leads.flow.receive import Receive
from leads.flow.retry import Message, Retry
from leads.flow.steps import Steps
from leads.sources.leadconnector import LeadConnector
from leads.sources.leadconnector_events import event_of
from leads.sources.own_seal import OwnSeal
from leads.wiring import crm_over
from tests.fakes import FakeLedger, FakeQueue, FakeSecret, OpenDoor

HERE, THERE, THIRD = "locationHere00000001", "locationThere0000001", "locationThird0000001"
TOKEN = "t" * 48

ROUTES = {
    "routes": [
        {
            "name": "here to there",
            "source": "leadconnector",
            "account": HERE,
            "location": THERE,
            "tags": ["from here", "{TAGS}"],
            "stage": "new",
            "stage_from": "tag:life: ",
            "stages": {"won": "customer"},
            "custom_fields": {"contact.budget": "contact.budget"},
            "tasks": [{"title": "Welcome {first_name}"}],
        },
        {
            "name": "there to here",
            "source": "leadconnector",
            "account": THERE,
            "location": HERE,
            "tags": ["from there"],
            "tasks": [{"title": "Welcome back {first_name}"}],
        },
    ]
}


class Ledger(FakeLedger):
    """The ledger in memory, for several threads at once."""

    lock = threading.RLock()

    def claim(self, *arguments: Any, **options: Any) -> Any:
        with self.lock:
            return super().claim(*arguments, **options)

    def pair(self, *arguments: Any, **options: Any) -> None:
        with self.lock:
            super().pair(*arguments, **options)


class Tokens:
    def current(self) -> list[str]:
        return [TOKEN]

    reread = current


class World:
    """Both locations in one CRM, and a LeadRelay that hears of both."""

    def __init__(self, routes: RouteTable) -> None:
        self.crm = ContactsSandbox(
            {"pit-here": HERE, "pit-there": THERE, "pit-third": THIRD}, webhook_retry_delay=0.02, burst=100_000
        ).start()
        self.ledger = Ledger(time.time)  # type: ignore[arg-type]
        self.queue = FakeQueue()
        self.outcomes: list[Outcome] = []
        tokens = {HERE: "pit-here", THERE: "pit-there", THIRD: "pit-third"}
        locations = FakeSecret({"locations": {location: {"token": token} for location, token in tokens.items()}})
        client = Client(HttpClient("contacts_api", now=time.time), locations, self.crm.url, now=time.time)
        secret = FakeSecret({"locations": [HERE, THERE], "public_keys": [self.crm.webhooks.public_key]})
        crm = crm_over(client, "field_value", time.time)
        source = LeadConnector(secret, OwnSeal(Tokens()), Records(client, crm.custom_fields), now=time.time)
        sources = {"leadconnector": source}
        self.source = source
        self.routes = routes.routes
        deliver = Deliver(
            sources=sources,
            ledger=self.ledger,
            steps=Steps(crm),
            admission=OpenDoor(),
            routes=lambda: routes,
            now=time.time,
        )
        self._accept = Accept(deliver=deliver, queue=self.queue, waits=(1, 1, 1), chance=lambda: 0.5)
        self.receive = Receive(
            sources=sources,
            tokens=Tokens(),
            accept=self._accept,
            budget=10,
            now=time.time,
            iso_time=lambda _: "2025-01-15T08:00:00.000+00:00",
        )
        self.retry = Retry(
            sources=sources,
            deliver=deliver,
            queue=self.queue,
            waits=(1,) * 20,
            now=time.time,
            sleep=time.sleep,
            chance=lambda: 0.5,
        )
        self.door = LoopbackServer(0, self._answer, "front door")
        self.door.start()
        self.crm.webhooks.register({"url": f"{self.door.url}/webhooks/leadconnector/{TOKEN}"})

    def close(self) -> None:
        self.door.stop()
        self.crm.stop()

    def settle(self) -> None:
        """Waits until no webhook is on its way and no lead waits; fails when that does not end."""
        for _ in range(40):
            assert self.crm.webhooks.idle(20)
            waiting, self.queue.sent = self.queue.sent, []
            if not waiting and self.crm.webhooks.waiting == 0:
                return
            messages = [
                Message(message_id=f"m{number}", receipt_handle="r", body=body_of(parking.envelope), receives=1)
                for number, parking in enumerate(waiting)
            ]
            self.outcomes += self.retry(messages, remaining=60) if messages else []
            time.sleep(0.05)
        raise AssertionError("the two locations never come to rest")

    def news(self, kind: str, location: str, record_id: str, contact_id: str = "") -> Envelope:
        """An event as it waits in the queue."""
        payload = {"type": kind, "locationId": location, "id": record_id, "contactId": contact_id}
        event = event_of(payload)
        assert event is not None
        return self.source.envelope(event, payload, received_at="2025-01-15T08:00:00.000+00:00")

    def accept(self, envelope: Envelope) -> Outcome:
        """What becomes of one event."""
        [outcome] = self._accept([envelope], deadline=time.time() + 10, alive_until=time.time() + 12)
        return outcome

    def contact(self, location: str) -> dict[str, Any]:
        """The only contact of a location."""
        [contact] = [it for it in self.crm.contacts() if it["locationId"] == location]
        return contact

    def _answer(self, call: Call) -> Answer:
        request = Request(source="leadconnector", token=TOKEN, body=call.raw, headers=call.headers)
        receipt = self.receive(request, remaining=math.inf)
        self.outcomes += receipt.outcomes
        assert isinstance(receipt.answer.body, dict)
        return Answer(receipt.answer.status, receipt.answer.body)


@pytest.fixture
def world() -> Iterator[World]:
    world = World(parse_routes(ROUTES))
    yield world
    world.close()


def bodies(contact: dict[str, Any], shelf: str) -> list[str]:
    return [item["body"] for item in contact[shelf]]


def ada(world: World, **fields: Any) -> dict[str, Any]:
    """A contact that somebody makes in the app, carried over."""
    person = {"firstName": "Ada", "lastName": "Lovelace", "email": "ada@example.com", "phone": "+12128675309"}
    made = world.crm.staff.create_contact(HERE, **(person | fields))
    world.settle()
    return made


def test_a_contact_is_carried_over_once_and_its_echo_changes_nothing(world: World) -> None:
    """The other location has it with note, task, tags and stage; the first one is as it was."""
    ada(world, tags=["vip"])
    there = world.contact(THERE)
    assert (there["email"], there["phone"]) == ("ada@example.com", "+12128675309")
    assert set(there["tags"]) == {"from here", "vip", "stage: new"}
    assert [task["title"] for task in there["tasks"]] == ["Welcome Ada"]
    assert len(there["notes"]) == 1
    here = world.contact(HERE)
    assert (here["tags"], here["tasks"], here["notes"]) == (["vip"], [], [])


def test_a_change_on_either_side_arrives_on_the_other(world: World) -> None:
    """Also of the e-mail address, by which the contact is known; nobody is doubled."""
    made = ada(world)
    world.crm.staff.change_contact(made["id"], email="ada.king@example.com", city="London")
    world.settle()
    there = world.contact(THERE)
    assert (there["email"], there["city"]) == ("ada.king@example.com", "London")
    world.crm.staff.change_contact(there["id"], phone="+12128675310")
    world.settle()
    here = world.contact(HERE)
    assert (here["phone"], here["email"]) == ("+12128675310", "ada.king@example.com")
    assert (here["tasks"], here["notes"]) == ([], [])
    assert len(world.contact(THERE)["tasks"]) == 1


def test_a_value_that_comes_back_arrives_again(world: World) -> None:
    """The state is one that was delivered before, and the other side has another one by now."""
    made = ada(world, city="London")
    for city in ("Paris", "London"):
        world.crm.staff.change_contact(made["id"], city=city)
        world.settle()
        assert world.contact(THERE)["city"] == city


def test_notes_and_tasks_are_copied_once_and_their_removal_follows(world: World) -> None:
    """Each ends in the reference of its original, by which its own news is known as an echo."""
    made = ada(world)
    note = world.crm.staff.add_note(made["id"], "Called, wants a quote")
    task = world.crm.staff.add_task(made["id"], "Send the quote", body="By mail")
    world.settle()
    there = world.contact(THERE)
    assert f"Called, wants a quote\n\nlead ref: leadconnector/note-{note['id']}" in bodies(there, "notes")
    assert f"By mail\n\nlead ref: leadconnector/task-{task['id']}" in bodies(there, "tasks")
    assert (len(there["notes"]), len(there["tasks"])) == (2, 2)
    here = world.contact(HERE)
    assert (len(here["notes"]), len(here["tasks"])) == (1, 1)
    world.crm.staff.delete_note(made["id"], note["id"])
    world.crm.staff.delete_task(made["id"], task["id"])
    world.settle()
    there = world.contact(THERE)
    assert (len(there["notes"]), len(there["tasks"])) == (1, 1)


def test_a_contact_that_is_deleted_stays_in_the_other_location(world: World) -> None:
    """What the other location knows of a person is not ours to throw away."""
    made = ada(world)
    world.crm.staff.delete_contact(made["id"])
    world.settle()
    assert world.contact(THERE)["email"] == "ada@example.com"


def test_a_stage_at_the_source_becomes_the_stage_over_there(world: World) -> None:
    """A later change of something else does not set it back."""
    made = ada(world)
    world.crm.staff.tag_contact(made["id"], "life: won")
    world.settle()
    assert "stage: customer" in world.contact(THERE)["tags"]
    assert "stage: new" not in world.contact(THERE)["tags"]
    world.crm.staff.untag_contact(made["id"], "life: won")
    world.crm.staff.change_contact(made["id"], city="Paris")
    world.settle()
    there = world.contact(THERE)
    assert "stage: customer" in there["tags"]
    assert there["city"] == "Paris"


def test_custom_fields_go_by_their_key(world: World) -> None:
    """Ids differ between locations."""
    ada(world, customFields=[{"id": "sandboxFieldBudget01", "field_value": "10k"}])
    assert world.contact(THERE)["customFields"] == [{"id": "sandboxFieldBudget01", "value": "10k"}]


def test_two_locations_with_the_same_person_from_the_start_come_to_rest(world: World) -> None:
    """Both tell of her at the same moment; each has one contact of her in the end."""
    world.crm.staff.create_contact(HERE, firstName="Ada", email="ada@example.com", city="London")
    world.crm.staff.create_contact(THERE, firstName="Ada", email="ada@example.com", phone="+12128675309")
    world.settle()
    assert world.contact(HERE)["phone"] == world.contact(THERE)["phone"] == "+12128675309"
    assert world.contact(THERE)["city"] == "London"


def test_a_hundred_contacts_on_both_sides_come_to_rest(world: World) -> None:
    """Everybody is there once on each side, with one note and one task over there and none at home."""
    for number in range(25):
        world.crm.staff.create_contact(HERE, firstName="A", email=f"a{number}@example.com")
        world.crm.staff.create_contact(THERE, firstName="B", email=f"b{number}@example.com")
    world.settle()
    for location, home in ((HERE, "a"), (THERE, "b")):
        contacts = [it for it in world.crm.contacts() if it["locationId"] == location]
        assert len({it["email"] for it in contacts}) == len(contacts) == 50
        for contact in contacts:
            expected = 0 if contact["email"].startswith(home) else 1
            assert (len(contact["notes"]), len(contact["tasks"])) == (expected, expected), contact["email"]


def test_a_first_delivery_that_is_interrupted_keeps_its_note_and_tasks(world: World) -> None:
    """News of the other side that comes in between does not turn it into an update."""
    world.crm.webhooks.clear()
    here = world.crm.staff.create_contact(HERE, firstName="Ada", email="ada@example.com")
    there = world.crm.staff.create_contact(THERE, firstName="Ada", email="ada@example.com", source="trade fair")
    world.crm.add_fault(match={"method": "POST", "path": f"/contacts/{there['id']}/notes"}, status=503, times=1)
    news_here = world.news("ContactCreate", HERE, here["id"])
    told = [world.accept(news) for news in (news_here, world.news("ContactTagUpdate", THERE, there["id"]), news_here)]
    assert [(outcome.status, outcome.reason) for outcome in told] == [
        ("parked", "contacts_api_5xx"), ("ignored", "nothing_new"), ("delivered", ""),
    ]  # fmt: skip
    assert (len(world.contact(THERE)["notes"]), len(world.contact(THERE)["tasks"])) == (1, 1)
    assert (world.contact(HERE)["notes"], world.contact(HERE)["tasks"]) == ([], [])


def test_a_state_that_was_delivered_does_not_undo_what_staff_corrected(world: World) -> None:
    """A webhook that is repeated, and a reconciliation, tell of a state that is done with."""
    made = ada(world)
    world.crm.webhooks.clear()
    world.crm.staff.change_contact(world.contact(THERE)["id"], city="Paris")
    assert world.accept(world.news("ContactCreate", HERE, made["id"])).status == "duplicate"
    assert world.contact(THERE)["city"] == "Paris"


def test_a_note_deleted_while_it_is_being_read_is_not_copied(world: World) -> None:
    """Its removal comes first, finds no copy, and sees to it that there will be none."""
    made = ada(world)
    world.crm.webhooks.clear()
    note = world.crm.staff.add_note(made["id"], "Called, wants a quote")
    copy, removal = (world.news(kind, HERE, note["id"], made["id"]) for kind in ("NoteCreate", "NoteDelete"))
    opened = world.source.open(copy, deadline=math.inf)
    assert world.accept(removal).reason == "never_copied"
    claimed = world.ledger.claim(opened, until=time.time() + 30, message_id="")
    assert (claimed.status, claimed.reason) == ("ignored", "deleted_at_source")


def test_a_company_that_changes_arrives_and_does_not_go_round_for_ever(world: World) -> None:
    """A change by id does not take it, so the contact is written by its e-mail."""
    made = ada(world, companyName="Analytical Ltd")
    world.crm.staff.change_contact(made["id"], companyName="Engines Ltd")
    world.settle()
    assert world.contact(THERE)["companyName"] == "Engines Ltd"


def test_a_contact_goes_on_to_a_third_location_as_a_new_one(world: World) -> None:
    """What is an update for one location is a first delivery for another: with note, task and tags."""
    world.routes.append(
        parse_routes({"routes": [{**ROUTES["routes"][1], "location": THIRD, "tasks": [{"title": "Greet"}]}]}).routes[0]
    )
    world.routes.pop(1)
    made = ada(world)
    third = world.contact(THIRD)
    assert (third["email"], third["tags"]) == ("ada@example.com", ["from there"])
    assert ([task["title"] for task in third["tasks"]], len(third["notes"])) == (["Greet"], 1)
    world.crm.staff.change_contact(made["id"], email="ada.king@example.com")
    world.settle()
    assert world.contact(THIRD)["email"] == world.contact(THERE)["email"] == "ada.king@example.com"


def test_a_note_that_is_deleted_while_its_copy_is_in_doubt_is_gone_over_there(world: World) -> None:
    """The copy was written and nobody heard of it; it is found by its reference."""
    made = ada(world)
    there = world.contact(THERE)["id"]
    match = {"method": "POST", "path": f"/contacts/{there}/notes"}
    world.crm.add_fault(match=match, drop_connection=True, after=True, times=1)
    note = world.crm.staff.add_note(made["id"], "Called, wants a quote")
    assert world.crm.webhooks.idle(20)
    assert len(world.contact(THERE)["notes"]) == 2
    world.crm.staff.delete_note(made["id"], note["id"])
    world.settle()
    assert len(world.contact(THERE)["notes"]) == 1
