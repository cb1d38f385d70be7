"""One attempt at one lead, whatever the CRM, the ledger and the secret do."""

from __future__ import annotations

from typing import Any

import pytest

from leads.core.errors import Misconfigured, TryAgain, Undeliverable
from leads.core.ledger import Progress
from leads.core.outcome import Outcome
from leads.core.routes import Condition, Route, RouteTable
from leads.flow.deliver import Deliver
from leads.flow.steps import Steps
from leads.sources.pinterest import Pinterest
from tests import leads_made
from tests.crm_wire import Wire, crm_over
from tests.fakes import LOCATION, ROUTES, Clock, FakeLedger, FakeSecret, OpenDoor


class World:
    """A deliverer and everything around it; the CRM is the sandbox."""

    def __init__(self, routes: RouteTable = ROUTES) -> None:
        self.clock = Clock()
        self.ledger = FakeLedger(self.clock)
        self.wire = Wire()
        self.door = OpenDoor()
        self.secret = FakeSecret(leads_made.keys_secret())
        self.source = Pinterest(self.secret)
        self.routes = routes
        self.deliver = Deliver(
            sources={"pinterest": self.source},
            ledger=self.ledger,
            steps=Steps(crm_over(self.wire, now=self.clock)),
            admission=self.door,
            routes=lambda: self.routes,
            now=self.clock,
        )

    def attempt(self, item: dict[str, Any], **options: Any) -> Outcome:
        envelope = self.source.wrap(item, received_at="2027-01-15T08:00:00.000+00:00")
        options = {"deadline": self.clock() + 4, "alive_until": self.clock() + 30} | options
        return self.deliver.attempt(envelope, **options)

    def item(self, lead_id: str) -> dict[str, Any]:
        return self.ledger.items[f"pinterest#{leads_made.ACCOUNT}#{lead_id}"]

    def contact(self) -> dict[str, Any]:
        """The only contact there is."""
        [contact] = self.wire.contacts()
        return contact

    def add_contact(self, **values: Any) -> str:
        """A contact that was there before; gives its id."""
        return self.wire.sandbox.api.directory.create(LOCATION, values).id

    def refuse(self, **fault: Any) -> None:
        """Orders a 422 of the CRM."""
        self.wire.sandbox.add_fault(status=422, **fault)


@pytest.fixture
def world() -> World:
    return World()


def test_a_lead_becomes_a_contact_and_the_ledger_says_so(world: World) -> None:
    """Delivered: the contact exists, names its source, has its note, and the ledger knows all ids."""
    lead = leads_made.lead("Ada Lovelace")
    outcome = world.attempt(lead)
    assert outcome.status == "delivered"
    assert (outcome.location_id, outcome.route, outcome.latency) == (LOCATION, "all", 10.0)
    contact = world.contact()
    assert contact["source"] == "Pinterest Lead Ads"
    [note] = contact["notes"]
    assert note["body"].splitlines()[-1] == f"lead ref: pinterest/{lead['lead_id']}"
    item = world.item(lead["lead_id"])
    assert item["status"] == "delivered"
    assert item["progress"] == Progress(
        contact_id=contact["id"], location_id=LOCATION, steps={"contact": contact["id"], "note": note["id"]}
    )


def test_a_known_contact_keeps_its_source_its_owner_and_its_tags(world: World) -> None:
    """Whoever is in the CRM already came from somewhere and belongs to somebody, and that stays."""
    world.routes = RouteTable(routes=[Route(name="all", location=LOCATION, tags=["New"], assign=["user-b"])])
    world.add_contact(email="ada@example.com", source="Trade fair", assignedTo="user-a", tags=["vip"])
    world.attempt(leads_made.lead(answers={"EMAIL": "ada@example.com"}))
    contact = world.contact()
    assert (contact["source"], contact["assignedTo"], contact["tags"]) == ("Trade fair", "user-a", ["vip", "new"])


def test_a_known_contact_without_source_and_owner_gets_them(world: World) -> None:
    """Nothing is overwritten by that."""
    world.routes = RouteTable(routes=[Route(name="all", location=LOCATION, assign=["user-b"])])
    world.add_contact(email="ada@example.com")
    world.attempt(leads_made.lead(answers={"EMAIL": "ada@example.com"}))
    assert (world.contact()["source"], world.contact()["assignedTo"]) == ("Pinterest Lead Ads", "user-b")


def test_a_second_delivery_of_the_same_lead_touches_nothing(world: World) -> None:
    """A platform that sends again gets the answer of the first time."""
    lead = leads_made.lead()
    world.attempt(lead)
    again = world.attempt(lead)
    assert (again.status, again.contact_id) == ("duplicate", world.contact()["id"])
    assert world.wire.calls == ["search", "upsert", "note"]


def test_the_same_lead_sealed_again_under_another_key_is_still_the_same_lead(world: World) -> None:
    """A form's and an account's subscription may both deliver it, each with its own ciphertext."""
    first = leads_made.lead()
    second = first | {"answers": leads_made.sealed({"EMAIL": "ada@example.com"})}
    assert world.attempt(first).status == "delivered"
    assert world.attempt(second).status == "duplicate"


def test_a_replayed_ciphertext_under_another_id_has_no_effect(world: World) -> None:
    """Only the answers are authenticated; ids are free to invent."""
    lead = leads_made.lead()
    world.attempt(lead)
    outcome = world.attempt(lead | {"lead_id": "999"})
    assert (outcome.status, outcome.reason) == ("duplicate", "replayed")
    assert world.wire.count("upsert") == 1


def test_a_lead_of_another_account_cannot_take_the_place_of_a_genuine_one(world: World) -> None:
    """Whoever knows one account's key and the address labels a lead with another account's id and lead id."""
    other = b"o" * 32
    keys = leads_made.keys_secret() | {}
    keys["subscriptions"] += leads_made.keys_secret(other, account="222")["subscriptions"]
    world.secret.value = keys
    genuine = leads_made.lead(lead_id="900001")
    forged = leads_made.lead(lead_id="900001", key=other)
    assert [world.attempt(lead).status for lead in (forged, genuine)] == ["delivered", "delivered"]
    assert set(world.ledger.items) == {"pinterest#222#900001", f"pinterest#{leads_made.ACCOUNT}#900001"}


def test_two_test_leads_are_two_leads_and_one_sent_twice_is_one(world: World) -> None:
    """All test leads share the id TEST_API."""
    first, second = leads_made.lead(lead_id="TEST_API"), leads_made.lead(lead_id="TEST_API")
    statuses = [world.attempt(lead).status for lead in (first, second, first)]
    assert statuses == ["delivered", "delivered", "duplicate"]
    assert world.attempt(first).is_test


def test_a_lead_in_somebody_elses_hands_is_parked_not_called_done(world: World) -> None:
    """The other one may still die, and then this copy is all there is."""
    lead = leads_made.lead()
    world.wire.before["*"] = [KeyboardInterrupt()]  # a process killed in the middle
    with pytest.raises(KeyboardInterrupt):
        world.attempt(lead, alive_until=world.clock() + 3)
    outcome = world.attempt(lead)
    assert (outcome.status, outcome.reason, outcome.counts) == ("parked", "claimed_elsewhere", False)
    assert outcome.retry_after == 3


def test_a_claim_whose_owner_died_passes_to_the_next(world: World) -> None:
    """The claim ends when its owner's function can no longer run."""
    lead = leads_made.lead()
    world.wire.before["*"] = [KeyboardInterrupt()]  # a process killed in the middle
    with pytest.raises(KeyboardInterrupt):
        world.attempt(lead, alive_until=world.clock() + 3)
    world.clock.time += 4
    assert world.attempt(lead).status == "delivered"


@pytest.mark.parametrize(
    ("error", "reason", "misconfigured"),
    [
        (TryAgain("contacts_api_5xx"), "contacts_api_5xx", False),
        (Undeliverable("rejected_by_contacts_api"), "rejected_by_contacts_api", False),
        (Misconfigured("no token for location x"), "misconfigured", True),
        (ZeroDivisionError("ada@example.com"), "unexpected_error", False),
    ],
)
def test_every_failure_of_a_first_delivery_is_parked_with_its_reason(
    world: World, error: Exception, reason: str, misconfigured: bool
) -> None:
    """A first delivery has no queue message yet, so nothing can be given up on."""
    world.wire.before["upsert"] = [error] * (2 if isinstance(error, Undeliverable) else 1)
    lead = leads_made.lead()
    outcome = world.attempt(lead)
    assert (outcome.status, outcome.reason, outcome.misconfigured) == ("parked", reason, misconfigured)
    assert world.item(lead["lead_id"])["status"] == "parked"
    assert "ada" not in repr(outcome)
    assert world.attempt(lead).status == "delivered"


def test_an_unforeseen_error_tells_its_place_and_not_its_text(world: World) -> None:
    """The text of an exception may quote a person."""
    world.wire.before["*"] = [KeyError("ada@example.com")]
    outcome = world.attempt(leads_made.lead())
    assert outcome.detail.startswith("KeyError in _fail (crm_wire.py:")


def test_a_hopeless_message_is_given_up_on_and_not_asked_about_again(world: World) -> None:
    """The CRM said no; the same message comes back a few times on its way to the dead letters."""
    world.refuse(match={"path": "/contacts/upsert"}, times=9)
    lead = leads_made.lead()
    first = world.attempt(lead, message_id="m1")
    again = world.attempt(lead, message_id="m1")
    assert (first.status, first.repeated) == ("undeliverable", False)
    assert (again.status, again.reason, again.repeated) == ("undeliverable", "rejected_by_contacts_api", True)
    assert world.wire.count("upsert") == 2


def test_a_redriven_message_gets_a_new_chance(world: World) -> None:
    """Redriving makes a new message, and the verdict was about the old one."""
    world.refuse(match={"path": "/contacts/upsert"}, times=2)
    lead = leads_made.lead()
    world.attempt(lead, message_id="m1")
    assert world.attempt(lead, message_id="m2").status == "delivered"


def test_a_platform_that_resends_a_hopeless_lead_gets_a_new_chance_too(world: World) -> None:
    """Its dead letter may be gone by then."""
    world.refuse(match={"path": "/contacts/upsert"}, times=2)
    lead = leads_made.lead()
    world.attempt(lead, message_id="m1")
    assert world.attempt(lead).status == "delivered"


def test_the_last_attempt_of_a_message_ends_in_a_verdict(world: World) -> None:
    """Whatever the reason, when no attempt follows a person must look."""
    world.wire.before["*"] = [TryAgain("contacts_api_5xx")]
    lead = leads_made.lead()
    assert world.attempt(lead, message_id="m1", is_last=True).status == "undeliverable"
    assert world.item(lead["lead_id"])["reason"] == "contacts_api_5xx"


def test_waiting_for_a_turn_is_no_last_attempt(world: World) -> None:
    """Being throttled alone never ends a lead."""
    world.wire.before["*"] = [TryAgain("rate_limited", retry_after=10, counts=False)]
    assert world.attempt(leads_made.lead(), message_id="m1", is_last=True).status == "parked"


def test_a_lead_that_cannot_be_opened_waits_for_its_key(world: World) -> None:
    """No key fits yet: parked sealed, the CRM is not asked, and the key's arrival delivers it."""
    lead = leads_made.lead(key=b"x" * 32)
    assert world.attempt(lead).reason == "cannot_decrypt"
    assert world.wire.calls == []
    world.secret.next_value = leads_made.keys_secret(leads_made.KEY, b"x" * 32)
    assert world.attempt(lead).status == "delivered"


def test_junk_cannot_undo_a_delivered_lead(world: World) -> None:
    """Somebody sends an unreadable item under the id of a lead that was delivered."""
    lead = leads_made.lead()
    world.attempt(lead)
    world.attempt(lead | {"answers": leads_made.sealed({"EMAIL": "x@example.com"}, key=b"j" * 32)})
    assert world.item(lead["lead_id"])["status"] == "delivered"


def test_without_a_ledger_the_crm_is_not_asked(world: World) -> None:
    """Delivering unclaimed could double every effect."""
    world.ledger.broken = True
    outcome = world.attempt(leads_made.lead())
    assert (outcome.status, outcome.reason) == ("parked", "ledger_unavailable")
    assert world.wire.calls == []


def test_a_delivery_that_cannot_be_recorded_is_tried_again_into_the_same_contact(world: World) -> None:
    """The contact is written, the ledger fails: the next attempt updates the same contact."""
    world.ledger.breaks_on_finish = True
    lead = leads_made.lead()
    assert world.attempt(lead).reason == "ledger_unavailable"
    world.ledger.breaks_on_finish = False
    assert world.attempt(lead).status == "delivered"
    assert len(world.wire.contacts()) == 1


def test_no_route_parks_the_lead(world: World) -> None:
    """A gap in the user's rules must not lose a lead."""
    world.routes = RouteTable(routes=[])
    assert world.attempt(leads_made.lead()).reason == "no_route"


def test_a_lead_without_any_usable_answer_needs_a_person(world: World) -> None:
    """There is nothing to write a contact from."""
    lead = leads_made.lead(answers={"EMAIL": "not an address", "AGE": 30})
    assert world.attempt(lead, message_id="m1").reason == "no_usable_answer"


def test_no_attempt_starts_after_the_deadline(world: World) -> None:
    """What is left of a large delivery goes to the queue unopened."""
    outcome = world.attempt(leads_made.lead(), deadline=world.clock())
    assert (outcome.status, outcome.reason, outcome.counts) == ("parked", "out_of_time", False)
    assert world.ledger.items == {}


def test_a_location_that_is_paused_costs_neither_a_claim_nor_a_call(world: World) -> None:
    """A backlog of thousands must be skipped quickly; a first delivery leaves its reason in the ledger."""
    world.door.error = TryAgain("location_paused", retry_after=30, counts=False)
    lead = leads_made.lead()
    skipped = world.attempt(lead, message_id="m1")
    assert (skipped.status, skipped.reason, skipped.retry_after, skipped.counts) == (
        "parked", "location_paused", 30, False,
    )  # fmt: skip
    assert (skipped.location_id, world.ledger.items, world.wire.calls) == (LOCATION, {}, [])
    assert world.attempt(lead).status == "parked"
    assert world.item(lead["lead_id"])["reason"] == "location_paused"


def test_a_lead_that_a_filter_does_not_want_is_ignored_for_good(world: World) -> None:
    """Recorded, not delivered, and not parked."""
    filters = [Condition(answer="COUNTRY", is_in=["CA"])]
    world.routes = RouteTable(routes=[Route(name="all", location=LOCATION, only_if=filters)])
    lead = leads_made.lead()
    outcome = world.attempt(lead)
    assert (outcome.status, outcome.reason, outcome.is_final) == ("ignored", "filtered_out", True)
    assert world.attempt(lead).status == "duplicate"
    assert world.wire.calls == []


@pytest.mark.parametrize(
    ("tests", "status", "tags"), [("tag", "delivered", ["test lead"]), ("deliver", "delivered", [])]
)
def test_test_leads_go_as_the_route_says(world: World, tests: Any, status: str, tags: list[str]) -> None:
    """They are delivered, with or without a tag."""
    world.routes = RouteTable(routes=[Route(name="all", location=LOCATION, tests=tests)])
    assert world.attempt(leads_made.lead(lead_id="TEST_API")).status == status
    assert world.contact()["tags"] == tags


def test_test_leads_can_be_ignored(world: World) -> None:
    """Nothing of them reaches the CRM."""
    world.routes = RouteTable(routes=[Route(name="all", location=LOCATION, tests="ignore")])
    outcome = world.attempt(leads_made.lead(lead_id="TEST_API"))
    assert (outcome.status, outcome.reason, world.wire.calls) == ("ignored", "test_lead", [])


def test_a_ledger_that_fails_in_an_unforeseen_way_costs_the_lead_no_parking() -> None:
    """What is met is an error of ours; the lead goes to the queue all the same."""
    world = World()

    def fail() -> None:
        raise ZeroDivisionError

    world.ledger._check = fail  # type: ignore[method-assign]
    outcome = world.attempt(leads_made.lead())
    assert (outcome.status, outcome.reason) == ("parked", "unexpected_error")
