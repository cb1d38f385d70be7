"""Accepted is what was delivered or parked; the rest is named."""

from __future__ import annotations

import threading
from collections.abc import Callable

import msgspec
import pytest

from leads.core.lead import Envelope
from leads.core.outcome import Outcome
from leads.flow.accept import POOL, Accept
from tests.fakes import FakeQueue

# What becomes of leads, by their id; anything else is delivered.
FATES = {
    "failed": {"status": "parked", "reason": "contacts_api_5xx"},
    "throttled": {"status": "parked", "reason": "rate_limited", "retry_after": 9.2},
    "asked to wait long": {"status": "parked", "reason": "x", "retry_after": 4000.0},
    "hopeless": {"status": "parked", "reason": "rejected_by_contacts_api", "hopeless": True},
    "waits for its turn": {"status": "parked", "reason": "rate_limited", "retry_after": 7.0, "counts": False},
    "not tried": {"status": "parked", "reason": "out_of_time", "counts": False},
    "routed": {"status": "parked", "reason": "contacts_api_5xx", "location_id": "location-1"},
    "duplicate": {"status": "duplicate"},
    "ignored": {"status": "ignored"},
}


class Deliver:
    """Gives each lead the fate its id names."""

    def __init__(self) -> None:
        self.times: list[tuple[float, float]] = []
        self.meet: Callable[[], object] = lambda: None

    def attempt(self, envelope: Envelope, *, deadline: float, alive_until: float) -> Outcome:
        self.times.append((deadline, alive_until))
        self.meet()
        fate = {"status": "delivered"} | FATES.get(envelope.lead_id.partition("/")[0], {})
        return msgspec.convert({"source": "p", "account": "1", "lead_id": envelope.lead_id} | fate, Outcome)


class World:
    """What accepts, and around it."""

    def __init__(self) -> None:
        self.deliver = Deliver()
        self.queue = FakeQueue()
        self.accept = Accept(deliver=self.deliver, queue=self.queue, waits=(60, 300), chance=lambda: 0.5)

    def __call__(self, *lead_ids: str) -> list[Outcome]:
        envelopes = [Envelope(source="p", account="1", lead_id=lead_id, raw={}, received_at="") for lead_id in lead_ids]
        return self.accept(envelopes, deadline=100.0, alive_until=130.0)


@pytest.fixture
def world() -> World:
    return World()


def test_what_is_final_is_not_parked(world: World) -> None:
    """Delivered, delivered before, or not wanted."""
    outcomes = world("new", "duplicate", "ignored")
    assert [outcome.status for outcome in outcomes] == ["delivered", "duplicate", "ignored"]
    assert world.queue.sent == []
    assert set(world.deliver.times) == {(100.0, 130.0)}


def test_nothing_is_accepted_at_once(world: World) -> None:
    """A request may hold no lead."""
    assert world() == []


def test_what_is_not_final_is_parked_with_its_reason(world: World) -> None:
    """An attempt that was one is counted, one that was none is not."""
    outcomes = world("failed", "new", "hopeless", "not tried")
    assert [outcome.status for outcome in outcomes] == ["parked", "delivered", "parked", "parked"]
    assert [(parked.envelope.lead_id, parked.reason, parked.attempt) for parked in world.queue.sent] == [
        ("failed", "contacts_api_5xx", 1),
        ("hopeless", "rejected_by_contacts_api", 1),
        ("not tried", "out_of_time", 0),
    ]


@pytest.mark.parametrize(
    ("lead_id", "delay"),
    [
        ("failed", 60),
        ("throttled", 11),
        ("asked to wait long", 900),
        ("hopeless", 0),
        ("waits for its turn", 7),
        ("not tried", 0),
    ],
)
def test_a_parked_lead_shows_up_when_it_makes_sense(world: World, lead_id: str, delay: int) -> None:
    """As asked for, else as the table says; a verdict and a turn are not waited for; no longer than SQS can delay."""
    world(lead_id)
    assert [parked.delay for parked in world.queue.sent] == [delay]


def test_parked_leads_are_grouped_by_the_location_they_go_to(world: World) -> None:
    """Where that is not known yet, by the account they came from."""
    world("routed", "failed")
    assert [parked.group_id for parked in world.queue.sent] == ["location-1", "p:1"]


def test_what_the_queue_does_not_take_is_refused(world: World) -> None:
    """Of 25 leads in three calls, two; the others are parked."""
    lead_ids = [f"failed/{number}" for number in range(25)]
    world.queue.refuses = {lead_ids[3], lead_ids[17]}
    outcomes = world(*lead_ids)
    assert [outcome.lead_id for outcome in outcomes if outcome.status == "refused"] == [lead_ids[3], lead_ids[17]]
    assert [outcome.lead_id for outcome in outcomes] == lead_ids
    assert len(world.queue.sent) == 23


def test_leads_are_delivered_side_by_side(world: World) -> None:
    """So many wait for each other here; one after the other they would wait forever."""
    world.deliver.meet = threading.Barrier(POOL, timeout=5).wait
    assert [outcome.status for outcome in world(*map(str, range(POOL)))] == ["delivered"] * POOL


def test_each_outcome_says_that_it_was_the_first_attempt_and_how_long_it_took(world: World) -> None:
    """In seconds, down to the millisecond; what is parked or refused, too."""
    moments = iter([10.0, 10.25, 20.0, 21.00049, 30.0, 30.0])
    world.accept = Accept(
        deliver=world.deliver, queue=world.queue, waits=(60,), chance=lambda: 0.5, clock=lambda: next(moments)
    )
    world.queue.refuses = {"not tried"}
    outcomes = [world(lead_id)[0] for lead_id in ("new", "failed", "not tried")]
    assert [outcome.status for outcome in outcomes] == ["delivered", "parked", "refused"]
    assert [(outcome.attempt, outcome.duration) for outcome in outcomes] == [(1, 0.25), (1, 1.0), (1, 0.0)]
