"""One webhook request: each lead delivered or parked, and an answer that is true."""

from __future__ import annotations

import threading
from typing import Any

import msgspec
import pytest

from leads.core.conversion_message import parse
from leads.core.errors import Misconfigured, TryAgain, Undeliverable
from leads.core.match import CrmChange
from leads.core.request import Reading, Request
from leads.flow.accept import Accept
from leads.flow.deliver import Deliver
from leads.flow.receive import Receipt, Receive
from leads.flow.steps import Steps
from leads.sources.pinterest import Pinterest
from tests import leads_made
from tests.crm_wire import Wire, crm_over
from tests.fakes import LOCATION, ROUTES, Clock, FakeLedger, FakeQueue, FakeSecret, OpenDoor
from tests.fakes_conversions import FakeConversionsQueue

TOKEN = "t" * 48


class Tokens:
    """The address's tokens; `newer` is what a re-read brings."""

    def __init__(self) -> None:
        self.valid = [TOKEN, "previous-token"]
        self.newer: list[str] = []
        self.fault = ""

    def current(self) -> list[str]:
        if self.fault:
            raise Misconfigured(self.fault)
        return self.valid

    def reread(self) -> list[str]:
        self.valid = self.newer or self.valid
        return self.valid


CHANGES = tuple(CrmChange(location_id=LOCATION, contact_id=f"c{number}", tags=("vip",)) for number in range(2))


class Telling:
    """A source that reads leads as Pinterest's, and tells of two changes besides."""

    def __init__(self, pinterest: Pinterest) -> None:
        self._pinterest = pinterest

    def read(self, request: Request, *, received_at: str) -> Reading:
        return msgspec.structs.replace(self._pinterest.read(request, received_at=received_at), changes=CHANGES)


class World:
    """A receiver and everything around it."""

    def __init__(self, budget: float = 4.0) -> None:
        self.clock = Clock()
        self.ledger = FakeLedger(self.clock)
        self.wire = Wire()
        self.door = OpenDoor()
        self.queue = FakeQueue()
        self.changes = FakeConversionsQueue()
        self.tokens = Tokens()
        self.pinterest = Pinterest(FakeSecret(leads_made.keys_secret()))
        sources = {"pinterest": self.pinterest, "crm": Telling(self.pinterest)}
        deliver = Deliver(
            sources=sources,
            ledger=self.ledger,
            steps=Steps(crm_over(self.wire, now=self.clock)),
            admission=self.door,
            routes=lambda: ROUTES,
            now=self.clock,
        )
        self.receive = Receive(
            sources=sources,
            tokens=self.tokens,
            accept=Accept(deliver=deliver, queue=self.queue, waits=(60, 300), chance=lambda: 0.5),
            budget=budget,
            now=self.clock,
            iso_time=lambda seconds: "2027-01-15T08:00:00.000+00:00",
            changes=self.changes,
        )

    def post(self, body: bytes, *, source: str = "pinterest", token: str = TOKEN) -> Receipt:
        return self.receive(Request(source=source, token=token, body=body), remaining=30)

    def deliver(self, *leads: Any) -> Receipt:
        return self.post(leads_made.body(*leads))


@pytest.fixture
def world() -> World:
    return World()


def test_every_lead_of_a_delivery_is_accepted(world: World) -> None:
    """Delivered ones count as accepted, and nothing is parked without need."""
    receipt = world.deliver(*(leads_made.lead() for _ in range(20)))
    assert (receipt.answer.status, receipt.answer.body) == (200, {"accepted": 20})
    assert len(world.wire.contacts()) == 20
    assert world.queue.sent == []


def test_an_empty_delivery_is_a_delivery(world: World) -> None:
    """Pinterest may send an array of none."""
    assert world.deliver().answer.body == {"accepted": 0}


def test_one_bad_lead_never_costs_the_others(world: World) -> None:
    """Poison is parked with its reason, the rest is delivered."""
    poison = leads_made.lead(key=b"p" * 32)
    receipt = world.deliver(leads_made.lead(), poison, leads_made.lead())
    assert receipt.answer.body == {"accepted": 3}
    assert len(world.wire.contacts()) == 2
    [parked] = world.queue.sent
    assert (parked.envelope.raw, parked.reason, parked.attempt) == (poison, "cannot_decrypt", 1)


def test_items_that_are_no_leads_cost_the_leads_nothing(world: World) -> None:
    """They are counted, and the leads beside them accepted."""
    receipt = world.deliver(leads_made.lead(), 42, None, "text", {"unrelated": 1})
    assert (receipt.answer.body, receipt.rejected) == ({"accepted": 1}, 4)


@pytest.mark.parametrize("body", [b"", b"[", b"42", b"null", b'"text"', b"[1]", b"{}", b"\xff\xfe", b"[" * 10_000])
def test_what_cannot_be_a_delivery_is_refused(world: World, body: bytes) -> None:
    """400, with a sentence and nothing of the body in it."""
    receipt = world.post(body)
    assert receipt.answer.status == 400
    assert set(receipt.answer.body) == {"error"}


@pytest.mark.parametrize(
    ("source", "token"), [("pinterest", "wrong"), ("pinterest", ""), ("pinterest", "é\ud800"), ("myspace", TOKEN)]
)
def test_a_wrong_address_says_nothing_about_what_was_wrong(world: World, source: str, token: str) -> None:
    """Unknown source and wrong token are answered alike."""
    receipt = world.post(leads_made.body(leads_made.lead()), source=source, token=token)
    assert (receipt.answer.status, receipt.answer.body) == (404, {"error": "There is no webhook at this address."})
    assert world.wire.calls == []


def test_the_previous_token_stays_valid_and_a_new_one_is_found(world: World) -> None:
    """While URLs are being changed both addresses work; a fresh token is read when an unknown one comes."""
    assert world.post(b"[]", token="previous-token").answer.status == 200
    world.tokens.newer = ["brand-new"]
    assert world.post(b"[]", token="brand-new").answer.status == 200


def test_without_a_token_secret_the_platform_is_asked_to_send_again(world: World) -> None:
    """We cannot tell whether the address is right, so nothing may be lost to a 4xx."""
    world.tokens.fault = "the secret arn:x has no value yet"
    receipt = world.deliver(leads_made.lead())
    assert receipt.answer.status == 503
    assert receipt.detail == "the secret arn:x has no value yet"


def test_a_body_over_five_mebibytes_is_refused(world: World) -> None:
    """One byte under is still read."""
    limit = 5 * 1024 * 1024
    assert world.post(b" " * (limit + 1)).answer.status == 413
    assert world.post(b"[]" + b" " * (limit - 2)).answer.status == 200


def test_a_lead_over_200_kib_is_refused_and_costs_the_others_nothing(world: World) -> None:
    """What cannot be stored in the queue cannot be promised; the leads beside it are delivered all the same."""
    receipt = world.deliver(leads_made.lead(), leads_made.lead(ad_name="x" * 200 * 1024), leads_made.lead())
    assert receipt.answer.status == 413
    assert receipt.answer.body["error"].startswith("1 of 3 leads are larger than 200 KiB")
    assert len(world.wire.contacts()) == 2


def test_leads_of_one_delivery_are_delivered_side_by_side(world: World) -> None:
    """Eight wait for each other here; one after the other they would wait forever."""
    meeting = threading.Barrier(8, timeout=5)
    world.wire.meet = lambda operation: meeting.wait() if operation == "upsert" else None
    receipt = world.deliver(*(leads_made.lead() for _ in range(8)))
    assert [outcome.status for outcome in receipt.outcomes] == ["delivered"] * 8


def test_what_does_not_fit_the_budget_is_parked(world: World) -> None:
    """A slow CRM takes the time of a few leads; the others wait in the queue, unopened and whole."""
    world.wire.clock, world.wire.seconds = world.clock, 0.5
    leads = [leads_made.lead() for _ in range(40)]
    receipt = world.deliver(*leads)
    assert receipt.answer.body == {"accepted": 40}
    late = [parked for parked in world.queue.sent if parked.reason == "out_of_time"]
    assert len(late) >= 25
    assert {parked.attempt for parked in late} == {0}


def test_an_outage_of_the_crm_parks_every_lead(world: World) -> None:
    """The platform hears 200 because the leads are stored."""
    world.wire.before["*"] = [TryAgain("contacts_api_5xx")] * 30
    receipt = world.deliver(*(leads_made.lead() for _ in range(30)))
    assert receipt.answer.body == {"accepted": 30}
    assert len(world.queue.sent) == 30


def test_a_hopeless_lead_is_parked_too(world: World) -> None:
    """Only SQS writes the dead-letter queue, so even this goes the way of the others."""
    world.wire.sandbox.add_fault(match={"path": "/contacts/upsert"}, status=422)
    world.deliver(leads_made.lead())
    assert [parked.reason for parked in world.queue.sent] == ["rejected_by_contacts_api"]


def test_parked_leads_are_grouped_by_the_location_they_go_to(world: World) -> None:
    """So that SQS serves them fairly; where that is not known yet, by the account they came from."""
    world.wire.before["*"] = [TryAgain("contacts_api_5xx")]
    world.deliver(leads_made.lead())
    world.deliver(leads_made.lead(key=b"?" * 32))
    assert [parked.group_id for parked in world.queue.sent] == [LOCATION, f"pinterest:{leads_made.ACCOUNT}"]


def test_throttling_delays_the_parked_lead_as_asked(world: World) -> None:
    """The server's wish becomes the message's delay, as far as SQS can delay."""
    world.wire.before["*"] = [TryAgain("rate_limited", retry_after=9.2), TryAgain("x", retry_after=4000)]
    world.deliver(leads_made.lead())
    world.deliver(leads_made.lead())
    assert [parked.delay for parked in world.queue.sent] == [11, 900]


def test_a_failed_first_attempt_waits_as_the_table_says(world: World) -> None:
    """A CRM that just answered 500 is not asked again a moment later; a verdict and a turn are not waited for."""
    errors = [TryAgain("contacts_api_5xx"), Undeliverable("x"), TryAgain("rate_limited", retry_after=7, counts=False)]
    world.wire.before["upsert"] = list(errors)
    for _ in errors:
        world.deliver(leads_made.lead())
    assert [(parked.attempt, parked.delay) for parked in world.queue.sent] == [(1, 60), (1, 0), (0, 7)]


def test_neither_delivered_nor_parked_is_answered_503(world: World) -> None:
    """The platform sends all again; what was delivered stays delivered, once."""
    world.queue.broken = True
    world.wire.sandbox.add_fault(match={"path": "/contacts/upsert", "contains": "person-bad"}, status=500, times=1)
    good, bad = leads_made.lead(), leads_made.lead(answers={"EMAIL": "person-bad@example.com"})
    receipt = world.deliver(good, bad)
    assert receipt.answer.status == 503
    assert receipt.answer.body == {"error": "1 of 2 leads could not be stored; please send again."}
    assert [outcome.status for outcome in receipt.outcomes] == ["delivered", "refused"]
    world.queue.broken = False
    assert world.deliver(good, bad).answer.body == {"accepted": 2}
    assert world.wire.count("upsert") == 3
    assert len(world.wire.contacts()) == 2


def test_a_batch_call_that_takes_only_some_leads_is_noticed(world: World) -> None:
    """Of 25 leads in three calls SQS refuses two."""
    world.wire.before["*"] = [TryAgain("contacts_api_5xx")] * 25
    leads = [leads_made.lead() for _ in range(25)]
    world.queue.refuses = {leads[3]["lead_id"], leads[17]["lead_id"]}
    receipt = world.deliver(*leads)
    assert receipt.answer.body == {"error": "2 of 25 leads could not be stored; please send again."}
    assert len(world.queue.sent) == 23


def test_one_lead_twice_in_one_delivery_takes_effect_once(world: World) -> None:
    """Both are accepted; the second is done already or waits for the first."""
    lead = leads_made.lead()
    receipt = world.deliver(lead, lead)
    assert receipt.answer.body == {"accepted": 2}
    assert world.wire.count("upsert") == 1


def test_a_single_object_instead_of_an_array_is_a_delivery(world: World) -> None:
    """One lead, sent bare."""
    assert world.post(leads_made.body(leads_made.lead())[1:-1]).answer.body == {"accepted": 1}


def test_what_a_crm_tells_of_outcomes_is_kept_before_it_is_answered(world: World) -> None:
    """What counts as accepted are leads; a delivery without such news asks the queue for nothing."""
    assert world.post(leads_made.body(leads_made.lead()), source="crm").answer.body == {"accepted": 1}
    kept = [parse(body, accounts=(), phone_region="US", now=world.clock()) for body in world.changes.sent]
    assert kept == list(CHANGES)
    world.changes.broken = True
    assert world.deliver(leads_made.lead()).answer.status == 200


def test_what_cannot_be_kept_is_answered_503(world: World) -> None:
    """The leads beside it are delivered all the same, and known when they come again."""
    world.changes.broken = True
    body = leads_made.body(leads_made.lead())
    receipt = world.post(body, source="crm")
    assert receipt.answer.status == 503
    assert receipt.answer.body == {"error": "The delivery could not be stored; please send it again."}
    assert (receipt.reason, [it.status for it in receipt.outcomes]) == ("conversions_queue_unavailable", ["delivered"])
    world.changes.broken = False
    assert world.post(body, source="crm").answer.body == {"accepted": 1}
    assert len(world.wire.contacts()) == 1
    assert len(world.changes.sent) == 2
