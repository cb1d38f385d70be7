"""The step that tells Pinterest of a delivery: once known, never lost, and at no cost to who tells nobody."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import Any

import pytest

from leads.core.conversion import Event, event_id_of
from leads.core.errors import TryAgain
from leads.core.ledger import UNKNOWN
from leads.core.match import Match
from leads.core.routes import Route, RouteTable
from leads.flow.deliver import Deliver
from leads.flow.steps import Steps
from tests import leads_made
from tests.crm_wire import crm_over
from tests.fakes import LOCATION
from tests.unit.flow.test_deliver import World

BOTH = {"delivered": "lead", "stage:qualified": "qualified_lead", "tag:hot": "hot_lead"}
UNAVAILABLE = {"remember": "ledger_unavailable", "tell": "conversions_queue_unavailable"}


@dataclass
class Told:
    """Keeps what it is told, in order; `failures` are raised first, one a call, by the method's name."""

    matches: list[Match] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    failures: dict[str, list[BaseException]] = field(default_factory=dict)

    def remember(self, match: Match) -> None:
        self._meet("remember")
        self.matches.append(match)

    def tell(self, event: Event) -> None:
        self._meet("tell")
        self.events.append(event)

    def _meet(self, method: str) -> None:
        self.calls.append(method)
        if self.failures.get(method):
            raise self.failures[method].pop(0)


class Telling(World):
    """A deliverer that has somebody to tell; `told` None has nobody."""

    def __init__(self, told: Told | None, **route: Any) -> None:
        route = {"conversions": BOTH} | route
        super().__init__(RouteTable(routes=[Route(name="Spring", location=LOCATION, **route)]))
        self.deliver = Deliver(
            sources={"pinterest": self.source},
            ledger=self.ledger,
            steps=Steps(crm_over(self.wire, now=self.clock), told),
            admission=self.door,
            routes=lambda: self.routes,
            now=self.clock,
        )

    def steps(self, lead: dict[str, Any]) -> dict[str, str]:
        """The steps as the ledger has them."""
        steps: dict[str, str] = self.item(lead["lead_id"])["progress"].steps
        return steps


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def world(told: Told) -> Telling:
    return Telling(told)


def test_a_delivered_lead_is_remembered_and_then_told(world: Telling, told: Told) -> None:
    """The ledger's state of the step is the event's id, and the contact is the one that was written."""
    lead = leads_made.lead()
    outcome = world.attempt(lead)
    assert outcome.status == "delivered"
    assert told.calls == ["remember", "tell"]
    [match], [event] = told.matches, told.events
    assert (match.location_id, match.contact_id) == (LOCATION, outcome.contact_id)
    key = f"pinterest#{leads_made.ACCOUNT}#{lead['lead_id']}"
    assert match.lead_key == event.lead_key == key
    assert match.left_at == event.at == 1_799_999_990
    assert match.user_data == event.user_data
    assert world.steps(lead)["conversion"] == event.event_id == event_id_of(leads_made.ACCOUNT, key, "delivered")


def test_a_route_tells_or_remembers_as_it_says() -> None:
    """Only what it has conversions for; without any there is no such step."""
    for conversions, calls, state in (
        ({"delivered": "lead"}, ["tell"], None),
        ({"won": "checkout"}, ["remember"], "done"),
        ({}, [], ""),
    ):
        told = Told()
        world = Telling(told, conversions=conversions)
        lead = leads_made.lead()
        assert world.attempt(lead).status == "delivered"
        assert told.calls == calls
        known = told.events[0].event_id if state is None else state
        assert world.steps(lead).get("conversion", "") == known


def test_a_route_without_conversions_pays_nothing(world: Telling, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even the import, which every cold start would feel."""
    monkeypatch.setitem(sys.modules, "leads.flow.conversion_step", None)
    world.routes = RouteTable(routes=[Route(name="Spring", location=LOCATION)])
    assert world.attempt(leads_made.lead()).status == "delivered"


def test_nobody_to_tell_costs_the_lead_nothing() -> None:
    """Where the deployment has nobody, the step is there and has nothing to do."""
    world = Telling(None)
    lead = leads_made.lead()
    assert world.attempt(lead).status == "delivered"
    assert world.steps(lead)["conversion"] == "none"


@pytest.mark.parametrize("method", UNAVAILABLE)
def test_a_word_that_did_not_get_through_parks_the_lead_and_is_all_that_is_repeated(
    world: Telling, told: Told, method: str
) -> None:
    """Contact and note are there; the next attempt reads the contact and does what is missing."""
    told.failures[method] = [TryAgain(UNAVAILABLE[method])]
    lead = leads_made.lead()
    outcome = world.attempt(lead)
    assert (outcome.status, outcome.reason) == ("parked", UNAVAILABLE[method])
    assert "conversion" not in world.steps(lead)
    assert len(world.contact()["notes"]) == 1
    world.wire.calls.clear()
    assert world.attempt(lead, message_id="m1").status == "delivered"
    assert world.wire.calls == ["read"]
    assert (len(told.events), {match.contact_id for match in told.matches}) == (1, {world.contact()["id"]})


def test_a_step_that_is_done_is_not_repeated_for_the_sake_of_another(world: Telling, told: Told) -> None:
    """The note failed; Pinterest was told."""
    world.wire.before["note"] = [TryAgain("contacts_api_5xx")]
    lead = leads_made.lead()
    assert world.attempt(lead).reason == "contacts_api_5xx"
    assert world.attempt(lead, message_id="m1").status == "delivered"
    assert told.calls == ["remember", "tell"]


def test_a_step_in_doubt_is_done_again_with_the_same_event(world: Telling, told: Told) -> None:
    """Whoever sends events knows this one by its id; nothing is looked up."""
    told.failures["tell"] = [ZeroDivisionError()]
    lead = leads_made.lead()
    assert world.attempt(lead).reason == "unexpected_error"
    assert world.steps(lead)["conversion"] == UNKNOWN
    assert world.attempt(lead, message_id="m1").status == "delivered"
    first, second = told.matches
    assert (first, len(told.events)) == (second, 1)


def test_dying_in_the_step_loses_nothing(world: Telling, told: Told) -> None:
    """Whoever takes over tells it, perhaps once more, under the same id."""
    told.failures["tell"] = [Died()]
    lead = leads_made.lead()
    world.routes = RouteTable(routes=[Route(name="Spring", location=LOCATION, note="", conversions=BOTH)])
    with pytest.raises(Died):
        world.attempt(lead)
    world.clock.time += 31
    assert world.attempt(lead).status == "delivered"
    assert world.steps(lead)["conversion"] == told.events[-1].event_id
    assert len({event.event_id for event in told.events}) == 1


def test_a_contact_written_anew_is_the_one_remembered(world: Telling, told: Told) -> None:
    """The first one was deleted between two attempts."""
    world.wire.before["note"] = [TryAgain("contacts_api_5xx")]
    lead = leads_made.lead()
    world.attempt(lead)
    directory = world.wire.sandbox.api.directory
    directory.remove(next(iter(directory.contacts.values())))
    assert world.attempt(lead, message_id="m1").status == "delivered"
    assert told.matches[-1].contact_id == world.contact()["id"] != told.matches[0].contact_id
    assert len({event.event_id for event in told.events}) == 1


def test_what_the_contact_was_before_the_lead_is_remembered_with_it(told: Told) -> None:
    """Its old stage ends with the lead's own; its other tags are no news."""
    world = Telling(told, stage="lead")
    created = world.add_contact(email="ada@example.com", tags=["stage: qualified", "hot"])
    world.wire.sandbox.api.directory.contacts[created].added_at = "2026-01-01T00:00:00.000Z"
    answers = {"FULL_NAME": "Ada Lovelace", "EMAIL": "ada@example.com"}
    assert world.attempt(leads_made.lead(answers=answers)).status == "delivered"
    assert told.matches[0].standing == {"contact": ("tag:hot",)}


def test_a_lead_that_was_delivered_already_is_not_told_again(world: Telling, told: Told) -> None:
    """A repeated webhook is a duplicate before any step."""
    lead = leads_made.lead()
    world.attempt(lead)
    assert world.attempt(lead).status == "duplicate"
    assert len(told.events) == 1


def test_a_test_lead_is_told_to_nobody(world: Telling, told: Told) -> None:
    """It becomes a contact, and that is all."""
    assert world.attempt(leads_made.lead(lead_id="TEST_API")).status == "delivered"
    assert told.calls == []


class Died(BaseException):
    """The process ends here: nothing catches it, nothing is tidied up."""
