"""A lead whose person was erased ends as ignored before anything is written; what is left later is delivered."""

from __future__ import annotations

from typing import Any

import pytest

from leads.core.erasure import Erased, hash_of, lead_name
from leads.core.errors import TryAgain
from leads.core.lead import CopiedNote, Envelope, Lead
from leads.core.ledger import Progress, Status
from leads.core.outcome import Outcome
from leads.core.routes import Condition, Route, RouteTable
from leads.flow.deliver import Deliver
from leads.flow.steps import Steps
from tests.crm_wire import Wire, crm_over
from tests.fakes import LOCATION, ROUTES, Clock, FakeLedger, OpenDoor

SALT = "5a" * 16
EMAIL = "ada@example.com"
PHONE = "phone:+12128675309"
ORIGIN = "srcLocation0000000001"
CONTACT_KEY = f"leadconnector#{ORIGIN}#c1"


class Given:
    """A source whose leads lie open."""

    label = "A source"
    leads_change = True

    def __init__(self) -> None:
        self.lead: Lead | None = None

    def open(self, envelope: Envelope, *, deadline: float) -> Lead:
        assert self.lead is not None
        return self.lead


class List:
    """The list of erased people; `error` is raised instead when there is one."""

    def __init__(self) -> None:
        self.erased: Erased | None = None
        self.error: Exception | None = None

    def current(self) -> Erased | None:
        if self.error:
            raise self.error
        return self.erased


class World:
    def __init__(self) -> None:
        self.clock = Clock()
        self.ledger = FakeLedger(self.clock)
        self.wire = Wire()
        self.source = Given()
        self.list = List()
        self.routes = ROUTES
        self.deliver = Deliver(
            sources={"leadconnector": self.source, "facebook": self.source},
            ledger=self.ledger,
            steps=Steps(crm_over(self.wire, now=self.clock)),
            admission=OpenDoor(),
            routes=lambda: self.routes,
            now=self.clock,
            erasures=self.list,
        )

    def erase(self, *names: str, ago: float = 100.0) -> None:
        self.list.erased = Erased(SALT, {hash_of(name, SALT): self.clock() - ago for name in names})

    def erase_leads(self, *keys: str, ago: float = 100.0) -> None:
        self.list.erased = Erased(SALT, leads={hash_of(lead_name(key), SALT): self.clock() - ago for key in keys})

    def attempt(
        self, *, ago: float | None = 200.0, source: str = "facebook", message_id: str = "", **changes: Any
    ) -> Outcome:
        """One attempt at a lead that was left so many seconds ago."""
        lead_id = changes.get("lead_id", "1")
        account = ORIGIN if source == "leadconnector" else "page"
        values: dict[str, Any] = {
            "source": source,
            "account": account,
            "form": "form",
            "lead_id": lead_id,
            "ledger_key": f"{source}#{account}#{lead_id}",
            "seal": "",
            "is_test": False,
            "created_at": None if ago is None else self.clock() - ago,
            "answers": {"FULL_NAME": "Ada Lovelace", "EMAIL": "Ada@Example.com", "PHONE_NUMBER": "+12128675309"},
        }
        self.source.lead = Lead(**values | changes)
        envelope = Envelope(
            source=source, account=account, lead_id=lead_id, raw={}, received_at="2027-01-15T08:00:00.000+00:00"
        )
        return self.deliver.attempt(
            envelope, deadline=self.clock() + 4, alive_until=self.clock() + 30, message_id=message_id
        )

    def note(self, *, ago: float = 50.0, **changes: Any) -> Outcome:
        """A note that somebody wrote to the contact, by default after the erasure."""
        note = {"lead_id": "note-1", "form": "notes", "copied": CopiedNote(text="Call her"), "contact_key": CONTACT_KEY}
        return self.attempt(ago=ago, source="leadconnector", **note | changes)


@pytest.fixture
def world() -> World:
    return World()


@pytest.mark.parametrize("name", ["email:ada@example.com", "phone:+12128675309"])
@pytest.mark.parametrize("ago", [200.0, None])
def test_a_lead_of_somebody_erased_is_ignored(world: World, name: str, ago: float | None) -> None:
    """The CRM hears nothing of it, and the ledger knows why; also where nobody knows how old the lead is."""
    world.erase(name)
    outcome = world.attempt(ago=ago)
    assert (outcome.status, outcome.reason, outcome.contact_id) == ("ignored", "erased", None)
    assert world.wire.calls == []
    item = world.ledger.items["facebook#page#1"]
    assert (item["status"], item["reason"]) == (Status.IGNORED, "erased")
    assert item["progress"] == Progress()


def test_a_lead_that_was_erased_is_ignored_whatever_names_it_has(world: World) -> None:
    """Somebody has corrected the address in the CRM, so nobody ever asked for the one in the lead."""
    world.erase_leads("facebook#page#1")
    assert world.attempt().reason == "erased"
    assert world.attempt(lead_id="2").status == "delivered"
    world.erase_leads("facebook#page#3")
    assert world.attempt(ago=99.0, lead_id="3").status == "delivered"


def test_a_name_that_only_the_erased_contact_had_makes_nobody_else_erased(world: World) -> None:
    """A family's phone, beside an e-mail that nobody asked for."""
    at = world.clock() - 100.0
    world.list.erased = Erased(SALT, {hash_of("email:bob@example.com", SALT): at}, {hash_of(PHONE, SALT): at})
    assert world.attempt().status == "delivered"
    assert world.attempt(lead_id="2", answers={"PHONE_NUMBER": "+12128675309"}).reason == "erased"


def test_whoever_comes_after_the_erasure_is_a_new_lead(world: World) -> None:
    """They left it of their own will."""
    world.erase("email:ada@example.com")
    assert world.attempt(ago=99.0).status == "delivered"


def test_nobody_else_is_ignored(world: World) -> None:
    """Neither with a list nor without."""
    assert world.attempt().status == "delivered"
    world.erase("email:bob@example.com")
    assert world.attempt(lead_id="2").status == "delivered"


def test_a_lead_waits_while_the_list_cannot_be_read(world: World) -> None:
    """It must not be delivered on the off-chance."""
    world.list.error = TryAgain("ledger_unavailable", "DynamoDB answered ThrottlingException")
    outcome = world.attempt()
    assert (outcome.status, outcome.reason) == ("parked", "ledger_unavailable")
    assert world.wire.calls == []


def test_a_lead_that_the_route_does_not_want_says_so_whoever_left_it(world: World) -> None:
    """And the list is not asked."""
    world.routes = RouteTable(
        routes=[Route(name="none", location=LOCATION, only_if=[Condition(answer="EMAIL", is_empty=True)])]
    )
    world.list.error = AssertionError()
    assert world.attempt().reason == "filtered_out"


def test_a_lead_that_was_parked_ends_as_ignored_too(world: World) -> None:
    """However far it had come."""
    world.wire.sandbox.add_fault(status=500)
    assert world.attempt().status == "parked"
    world.wire.sandbox.clear_faults()
    world.erase("email:ada@example.com")
    assert world.attempt(message_id="m1").reason == "erased"
    assert world.wire.contacts() == []


def test_news_of_an_erased_contact_of_another_location_brings_nobody_back(world: World) -> None:
    """The contact there is as old as it was, whatever changes about it."""
    world.erase("email:ada@example.com")
    for revision in ("r1", "r2"):
        outcome = world.attempt(source="leadconnector", form="contacts", lead_id="c1", revision=revision)
        assert (outcome.status, outcome.reason) == ("ignored", "erased")
    assert world.wire.calls == []


def test_a_note_about_somebody_erased_is_ignored_however_new_it_is(world: World) -> None:
    """It tells how old itself is, and not how old its contact is."""
    world.erase("email:ada@example.com")
    outcome = world.note()
    assert (outcome.status, outcome.reason) == ("ignored", "erased")
    assert world.wire.calls == []


def test_a_note_about_somebody_who_has_come_back_is_copied(world: World) -> None:
    """The ledger knows the new contact; the old one was taken out of it."""
    world.erase("email:ada@example.com")
    came = world.attempt(ago=60.0, source="leadconnector", form="contacts", lead_id="c1", revision="r1")
    assert came.status == "delivered"
    assert world.note().status == "delivered"
    [contact] = world.wire.contacts()
    assert "Call her" in " ".join(note["body"] for note in contact["notes"])


def test_a_note_waits_for_the_delivery_of_whoever_may_have_come_back(world: World) -> None:
    """Until then nobody can tell."""
    world.erase("email:ada@example.com")
    world.wire.sandbox.add_fault(status=500)
    world.attempt(ago=60.0, source="leadconnector", form="contacts", lead_id="c1", revision="r1")
    world.wire.sandbox.clear_faults()
    world.clock.time += 60
    outcome = world.note()
    assert (outcome.status, outcome.reason) == ("parked", "contact_not_delivered_yet")


def test_a_note_of_which_nobody_says_whose_it_is_has_no_contact_to_go_to(world: World) -> None:
    """Its location has no token, and the contact's own item is gone: as for any contact that is missing."""
    world.erase("email:ada@example.com")
    outcome = world.note(answers={}, message_id="m1")
    assert (outcome.status, outcome.reason) == ("undeliverable", "no_usable_answer")
    assert world.wire.contacts() == []


def test_a_note_is_ignored_with_the_contact_that_was_erased_by_its_key(world: World) -> None:
    """Also where nobody says who that was; and an old note itself, though its contact has come back."""
    world.erase_leads(CONTACT_KEY)
    assert world.note(answers={}, message_id="m1").reason == "erased"
    world.erase_leads(f"leadconnector#{ORIGIN}#note-2")
    world.attempt(ago=60.0, source="leadconnector", form="contacts", lead_id="c1", revision="r1")
    assert world.note(ago=150.0, lead_id="note-2").reason == "erased"
    assert world.note(ago=50.0, lead_id="note-3").status == "delivered"
