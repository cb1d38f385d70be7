"""The backlog or outage of one location does not hold up the leads of another."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from infra.local.contacts_sandbox import ContactsSandbox
from leads.core.lead import Envelope
from leads.core.parked_lead import Parking, body_of
from leads.core.routes import Defaults, Route, RouteTable
from leads.crm.admission import Admission
from leads.crm.client import Client
from leads.crm.contacts import Contacts
from leads.crm.custom_fields import CustomFields
from leads.crm.notes import Notes
from leads.crm.tags import Tags
from leads.crm.tasks import Tasks
from leads.flow.deliver import Deliver
from leads.flow.retry import Message, Retry
from leads.flow.steps import Crm, Steps
from leads.sources.pinterest import Pinterest
from tests import leads_made
from tests.crm_wire import Wire
from tests.fakes import Clock, FakeLedger, FakeSecret

BUSY, OTHER = "busyLocation00000001", "otherLocation0000001"
BUSY_FORM, OTHER_FORM = "1001", "1002"
ROUTES = RouteTable(
    routes=[
        Route(name="busy", form=BUSY_FORM, location=BUSY),
        Route(name="other", form=OTHER_FORM, location=OTHER),
    ],
    defaults=Defaults(),
)
# What a call to SQS takes, and one to the CRM.
CALL_SECONDS = 0.02
LATENCY = 0.05


@dataclass
class Line:
    """A queue at its worst: strictly in the order in which messages become visible, whoever they belong to."""

    clock: Clock
    waiting: list[tuple[float, int, Parking]] = field(default_factory=list)
    visible: deque[Parking] = field(default_factory=deque)
    received: dict[str, Parking] = field(default_factory=dict)
    holds: int = 0
    _numbers: Any = field(default_factory=itertools.count)

    def send(self, parkings: Sequence[Parking]) -> list[Parking]:
        self.clock.time += CALL_SECONDS
        for parking in parkings:
            self._hide(parking, parking.delay)
        return []

    def hold(self, receipt_handle: str, seconds: int) -> bool:
        self.clock.time += CALL_SECONDS
        self.holds += 1
        self._hide(self.received[receipt_handle], seconds)
        return True

    def receive(self) -> list[Message]:
        self.clock.time += CALL_SECONDS
        self.visible.extend(item[2] for item in sorted(self.waiting) if item[0] <= self.clock())
        self.waiting = [item for item in self.waiting if item[0] > self.clock()]
        messages = []
        while self.visible and len(messages) < 10:
            parking, handle = self.visible.popleft(), str(next(self._numbers))
            self.received[handle] = parking
            message = Message(
                message_id=handle, receipt_handle=handle, body=body_of(parking.envelope), receives=1,
                attempt=parking.attempt,
            )  # fmt: skip
            messages.append(message)
        return messages

    def _hide(self, parking: Parking, seconds: float) -> None:
        self.waiting.append((self.clock() + seconds, next(self._numbers), parking))


class World:
    """One container of the retry function, its queue, and a CRM with two locations."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.ledger = FakeLedger(self.clock)
        self.line = Line(self.clock)
        self.wire = Wire(
            ContactsSandbox(tokens={"pit-busy": BUSY, "pit-other": OTHER}), clock=self.clock, seconds=LATENCY
        )
        self.wire.sandbox.api.limit.clock = self.clock
        secret = FakeSecret({"locations": {BUSY: {"token": "pit-busy"}, OTHER: {"token": "pit-other"}}})
        admission = Admission(now=self.clock, sleep=self.clock.sleep, patience=2.0)
        client = Client(self.wire, secret, "http://crm", now=self.clock, admission=admission)
        crm = Crm(
            contacts=Contacts(client), tags=Tags(client), notes=Notes(client), tasks=Tasks(client),
            custom_fields=CustomFields(client, now=self.clock),
        )  # fmt: skip
        self.source = Pinterest(FakeSecret(leads_made.keys_secret()))
        sources = {"pinterest": self.source}
        deliver = Deliver(
            sources=sources, ledger=self.ledger, steps=Steps(crm), admission=admission, routes=lambda: ROUTES,
            now=self.clock,
        )  # fmt: skip
        self.retry = Retry(
            sources=sources, deliver=deliver, queue=self.line, waits=(60,), now=self.clock, sleep=self.clock.sleep,
            chance=lambda: 0.5, pool=1,
        )  # fmt: skip

    def park(self, form: str) -> Envelope:
        item = leads_made.lead(lead_form_id=form)
        envelope = self.source.wrap(item, received_at="2027-01-15T08:00:00.000+00:00")
        self.line.visible.append(Parking(envelope=envelope, reason="rate_limited", attempt=0))
        return envelope

    def run(self, seconds: float, *, until: Envelope | None = None) -> float:
        """Works through the queue; how long it took until that lead was delivered."""
        began = self.clock()
        while (took := self.clock() - began) < seconds:
            outcomes = self.retry(self.line.receive(), remaining=120)
            if until and any(o.lead_id == until.lead_id and o.status == "delivered" for o in outcomes):
                return self.clock() - began
        return took

    def delivered(self) -> int:
        return sum(item["status"] == "delivered" for item in self.ledger.items.values())


@pytest.mark.parametrize("cause", ["throttled", "down", "refused"])
def test_a_lead_of_another_location_arrives_while_a_thousand_wait(cause: str) -> None:
    """Within seconds, even where the queue hands it out as the very last, after all the others."""
    world = World()
    for _ in range(1000):
        world.park(BUSY_FORM)
    if cause == "throttled":
        world.wire.sandbox.add_fault(match={"token": "pit-busy"}, status=429, headers={"Retry-After": "600"})
    else:
        world.wire.sandbox.add_fault(match={"token": "pit-busy"}, status=503 if cause == "down" else 401)
    lead = world.park(OTHER_FORM)
    assert world.run(120, until=lead) < 10
    assert world.line.holds <= 4
    for _ in range(3):
        lead = world.park(OTHER_FORM)
        assert world.run(120, until=lead) < 3


def test_a_location_that_takes_leads_at_its_pace_holds_up_nobody_for_long() -> None:
    """Whole windows of its limit are used in between."""
    world = World()
    for _ in range(1000):
        world.park(BUSY_FORM)
    world.run(15)
    for _ in range(3):
        lead = world.park(OTHER_FORM)
        assert world.run(120, until=lead) < 8


def test_skipped_leads_all_arrive_at_the_pace_of_the_limit() -> None:
    """None used up an attempt, none was forgotten, and the limit was used."""
    world = World()
    for _ in range(300):
        world.park(BUSY_FORM)
    began = world.clock()
    while world.delivered() < 300 and world.clock() - began < 600:
        world.run(1)
    assert (world.delivered(), world.line.holds) == (300, 0)
    assert len(world.wire.calls) / ((world.clock() - began) * 10) > 0.9
