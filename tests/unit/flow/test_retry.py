"""One parked lead: delivered, held, requeued, or left for SQS to dead-letter."""

from __future__ import annotations

import threading
from typing import Any

import msgspec
import pytest

from leads.core.errors import TryAgain, Undeliverable
from leads.core.iso_time import iso_time
from leads.core.outcome import Outcome
from leads.core.parked_lead import body_of
from leads.flow.deliver import Deliver
from leads.flow.retry import Message, Retry
from leads.flow.steps import Steps
from leads.sources.pinterest import Pinterest
from tests import leads_made
from tests.crm_wire import Wire, crm_over
from tests.fakes import LOCATION, ROUTES, Clock, FakeLedger, FakeQueue, FakeSecret, OpenDoor

WAITS = (60, 300, 1800, 7200, 21600, 43200, 43200)
OUTAGE = "contacts_api_5xx"


class World:
    """A retrier and everything around it."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.ledger = FakeLedger(self.clock)
        self.wire = Wire()
        self.door = OpenDoor()
        self.queue = FakeQueue()
        self.secret = FakeSecret(leads_made.keys_secret())
        self.source = Pinterest(self.secret)
        sources = {"pinterest": self.source}
        deliver = Deliver(
            sources=sources,
            ledger=self.ledger,
            steps=Steps(crm_over(self.wire, now=self.clock)),
            admission=self.door,
            routes=lambda: ROUTES,
            now=self.clock,
        )
        self.retry = Retry(
            sources=sources,
            deliver=deliver,
            queue=self.queue,
            waits=WAITS,
            now=self.clock,
            sleep=self.clock.sleep,
            chance=lambda: 0.5,
        )

    def message(self, item: dict[str, Any], *, receives: int = 1, message_id: str = "m1", attempt: int = 0) -> Message:
        body = body_of(self.source.wrap(item, received_at="2027-01-15T08:00:00.000+00:00"))
        return Message(message_id=message_id, receipt_handle="handle", body=body, receives=receives, attempt=attempt)

    def attempt(self, item: dict[str, Any], *, remaining: float = 120, **options: Any) -> Outcome:
        return self.retry([self.message(item, **options)], remaining=remaining)[0]


@pytest.fixture
def world() -> World:
    return World()


def test_a_parked_lead_is_delivered_and_leaves_the_queue(world: World) -> None:
    """The outage is over."""
    outcome = world.attempt(leads_made.lead())
    assert (outcome.status, outcome.leaves_queue) == ("delivered", True)
    assert world.queue.holds == []


def test_a_lead_delivered_meanwhile_leaves_the_queue(world: World) -> None:
    """The platform sent it again and that copy went through."""
    lead = leads_made.lead()
    world.attempt(lead)
    outcome = world.attempt(lead, message_id="m2")
    assert (outcome.status, outcome.leaves_queue) == ("duplicate", True)


@pytest.mark.parametrize(("receives", "wait"), list(enumerate(WAITS[:5], start=1)))
def test_a_failed_attempt_holds_the_lead_as_the_table_says(world: World, receives: int, wait: int) -> None:
    """Each failed attempt waits longer than the one before."""
    world.wire.before["*"] = [TryAgain(OUTAGE)]
    outcome = world.attempt(leads_made.lead(), receives=receives)
    assert (outcome.status, outcome.wait, outcome.leaves_queue) == ("held", wait, False)
    assert world.queue.holds == [("handle", wait)]


def test_the_servers_wish_beats_the_table(world: World) -> None:
    """A 503 with Retry-After: 900 waits 900 s at least, not one minute."""
    world.wire.before["*"] = [TryAgain(OUTAGE, retry_after=900)]
    world.attempt(leads_made.lead())
    [(_, wait)] = world.queue.holds
    assert 900 <= wait <= 1080


def test_no_hold_is_longer_than_sqs_allows(world: World) -> None:
    """A message can stay hidden for 12 h counted from its receipt."""
    world.wire.before["*"] = [TryAgain(OUTAGE, retry_after=10**9)]
    world.attempt(leads_made.lead(), receives=7)
    assert world.queue.holds[0][1] <= 43_200 - 120


def test_the_attempt_after_the_last_wait_is_the_last(world: World) -> None:
    """Seven waits make eight attempts; then the lead goes back at once, for SQS to dead-letter."""
    world.wire.before["*"] = [TryAgain(OUTAGE)] * 3
    lead = leads_made.lead()
    outcome = world.attempt(lead, receives=8)
    assert (outcome.status, outcome.reason, outcome.leaves_queue) == ("undeliverable", OUTAGE, False)
    assert world.queue.holds == [("handle", 0)]
    assert world.attempt(lead, receives=9).repeated
    assert len(world.wire.before["*"]) == 2


def test_a_hopeless_lead_fails_quickly_and_asks_the_crm_once(world: World) -> None:
    """Twelve receipts until SQS moves it, one attempt at the CRM."""
    world.wire.before["upsert"] = [Undeliverable("rejected_by_contacts_api")] * 12
    lead = leads_made.lead()
    outcomes = [world.attempt(lead, receives=receives) for receives in range(1, 13)]
    assert {outcome.status for outcome in outcomes} == {"undeliverable"}
    assert [outcome.repeated for outcome in outcomes] == [False] + [True] * 11
    # Once as it is, and once with nothing but name and address.
    assert len(world.wire.before["upsert"]) == 10
    assert world.queue.holds == [("handle", 0)] * 12


def test_a_redriven_lead_is_delivered_once_its_cause_is_gone(world: World) -> None:
    """A new message with the same body, as the SQS console makes it."""
    world.wire.before["upsert"] = [Undeliverable("rejected_by_contacts_api")] * 2
    lead = leads_made.lead()
    assert world.attempt(lead).status == "undeliverable"
    assert world.attempt(lead, message_id="redriven").status == "delivered"


def test_a_short_wait_for_the_rate_limit_is_slept_through(world: World) -> None:
    """A trip through the queue would take longer."""
    world.wire.before["*"] = [TryAgain("rate_limited", retry_after=1.5, counts=False)]
    assert world.attempt(leads_made.lead()).status == "delivered"
    assert world.clock.slept == [1.5]
    assert (world.queue.holds, world.queue.sent) == ([], [])


@pytest.mark.parametrize(("waits", "slept"), [([1.5, 1.5], [1.5]), ([10], [])])
def test_nobody_behind_waits_long_for_a_throttled_location(
    world: World, waits: list[float], slept: list[float]
) -> None:
    """Neither for a long wait nor for one short wait after the other."""
    world.wire.before["*"] = [TryAgain("rate_limited", retry_after=wait, counts=False) for wait in waits]
    assert world.attempt(leads_made.lead()).status == "requeued"
    assert world.clock.slept == slept


@pytest.mark.parametrize("reason", ["rate_limited", "daily_limit", "location_paused"])
def test_a_lead_of_a_location_that_is_skipped_costs_one_message(world: World, reason: str) -> None:
    """No call to the CRM, nothing in the ledger, no attempt; SQS serves its location apart from others."""
    world.door.error = TryAgain(reason, retry_after=7.2, counts=False)
    for _ in range(20):
        outcome = world.attempt(leads_made.lead(), receives=8)
        assert (outcome.status, outcome.leaves_queue) == ("requeued", True)
    assert {(p.delay, p.attempt, p.reason, p.group_id) for p in world.queue.sent} == {(8, 7, reason, LOCATION)}
    assert (len(world.queue.sent), world.wire.calls, world.ledger.items) == (20, [], {})


def test_a_lead_that_waits_before_its_route_is_known_stands_for_its_account(world: World) -> None:
    """One page's backlog shall not hold up another's."""
    world.attempt(leads_made.lead(), remaining=4)
    assert world.queue.sent[0].group_id == f"pinterest:{leads_made.ACCOUNT}"


@pytest.mark.parametrize("receives", [1, 3, 8])
def test_waiting_for_a_turn_goes_on_as_a_new_message_and_takes_no_attempt(world: World, receives: int) -> None:
    """Throttled for longer than the function lives; SQS would count the receipt."""
    world.wire.before["*"] = [TryAgain("rate_limited", retry_after=110, counts=False)] * 9
    outcome = world.attempt(leads_made.lead(), receives=receives)
    assert (outcome.status, outcome.leaves_queue) == ("requeued", True)
    [again] = world.queue.sent
    assert (again.reason, again.delay, again.attempt) == ("rate_limited", 110, receives - 1)
    assert world.queue.holds == []


def test_a_failure_after_any_number_of_waits_is_the_first_failure(world: World) -> None:
    """Twenty times throttled or out of time, then one 500: held for the table's first wait."""
    lead = leads_made.lead()
    for _ in range(10):
        world.wire.before["*"] = [TryAgain("daily_limit", retry_after=5000, counts=False)]
        world.attempt(lead, attempt=world.queue.sent[-1].attempt if world.queue.sent else 0)
        world.attempt(lead, remaining=4, attempt=world.queue.sent[-1].attempt)
    world.wire.before["*"] = [TryAgain(OUTAGE)]
    outcome = world.attempt(lead, attempt=world.queue.sent[-1].attempt)
    assert (outcome.status, outcome.wait, outcome.attempt) == ("held", 60, 1)


def test_the_webhooks_own_attempt_counts_as_the_first(world: World) -> None:
    """Waits and attempts are those of the lead, not of the message."""
    world.wire.before["*"] = [TryAgain(OUTAGE)] * 2
    assert world.attempt(leads_made.lead(), attempt=1).wait == 300
    assert world.attempt(leads_made.lead(), attempt=1, receives=7).status == "undeliverable"


def test_a_lead_that_cannot_be_requeued_is_held_all_the_same(world: World) -> None:
    """SQS refuses the new message, so the old one must stay."""
    world.wire.before["*"] = [TryAgain("daily_limit", retry_after=5000, counts=False)]
    world.queue.refuses = {"7"}
    outcome = world.attempt(leads_made.lead(lead_id="7"), receives=8)
    assert (outcome.status, outcome.leaves_queue) == ("held", False)


def test_a_lead_somebody_else_delivers_right_now_is_looked_at_again_soon(world: World) -> None:
    """Neither done nor failed."""
    lead = leads_made.lead()
    world.wire.before["*"] = [KeyboardInterrupt()]  # a process killed in the middle
    with pytest.raises(KeyboardInterrupt):
        world.attempt(lead)
    assert world.attempt(lead, message_id="m2").status == "requeued"
    assert world.queue.sent[0].delay == 5


def test_a_function_out_of_time_starts_nothing_and_gives_the_message_back(world: World) -> None:
    """The tail of a batch that took long."""
    outcome = world.attempt(leads_made.lead(), remaining=4)
    assert (outcome.status, outcome.reason) == ("requeued", "out_of_time")
    assert world.wire.calls == []


def test_a_lead_without_its_key_waits_and_succeeds_once_the_key_is_there(world: World) -> None:
    """The key of a new subscription is stored after its first lead arrived."""
    lead = leads_made.lead(key=b"n" * 32)
    assert world.attempt(lead).reason == "cannot_decrypt"
    world.secret.next_value = leads_made.keys_secret(b"n" * 32)
    assert world.attempt(lead, receives=2).status == "delivered"


@pytest.mark.parametrize(
    "body",
    ["", "not json", "[]", '{"v": 1}', '{"v":2,"source":"pinterest","lead_id":"1","received_at":"","envelope":{}}'],
)
def test_a_message_that_is_no_parked_lead_goes_to_the_dead_letters(world: World, body: str) -> None:
    """Somebody else wrote it; it must not crash the function nor stay forever."""
    message = Message(message_id="m", receipt_handle="handle", body=body, receives=1)
    [outcome] = world.retry([message], remaining=120)
    assert (outcome.status, outcome.reason, outcome.leaves_queue) == ("undeliverable", "unreadable_message", False)
    assert world.queue.holds == [("handle", 0)]


def test_a_queue_that_cannot_hide_the_message_costs_nothing(world: World) -> None:
    """SQS then hides it by its own visibility timeout."""
    world.queue.broken = True
    world.wire.before["*"] = [TryAgain(OUTAGE)]
    outcome = world.attempt(leads_made.lead())
    assert (outcome.status, outcome.wait, outcome.leaves_queue) == ("held", None, False)


def test_a_batch_is_delivered_side_by_side_and_told_in_order(world: World) -> None:
    """Four leads are under way at once; one message of the batch is nobody's."""
    together = threading.Barrier(4, timeout=5)
    world.wire.meet = lambda operation: together.wait() and None if operation == "search" else None
    leads = [leads_made.lead() for _ in range(4)]
    messages = [world.message(lead, message_id=lead["lead_id"]) for lead in leads]
    stranger = Message(message_id="m", receipt_handle="handle", body="not json", receives=1)
    outcomes = world.retry([*messages, stranger], remaining=120)
    assert [outcome.lead_id for outcome in outcomes] == [*(lead["lead_id"] for lead in leads), ""]
    assert [outcome.status for outcome in outcomes] == ["delivered"] * 4 + ["undeliverable"]


def test_leads_of_a_batch_that_wait_for_their_turn_go_back_together(world: World) -> None:
    """One call to SQS for ten leads; what it does not take is held."""
    world.door.error = TryAgain("rate_limited", retry_after=7, counts=False)
    calls: list[int] = []
    send = world.queue.send
    world.queue.send = lambda parkings: calls.append(len(parkings)) or send(parkings)  # type: ignore[method-assign, func-returns-value]
    world.queue.refuses = {"9"}
    messages = [world.message(leads_made.lead(lead_id=str(number)), message_id=str(number)) for number in range(10)]
    outcomes = world.retry(messages, remaining=120)
    assert calls == [10]
    assert [outcome.status for outcome in outcomes] == ["requeued"] * 9 + ["held"]
    assert world.queue.holds == [("handle", 7)]


def test_a_fault_in_one_lead_of_a_batch_is_its_own(world: World) -> None:
    """The others are delivered; its message comes back by itself, and the fault's text stays with us."""
    lead = leads_made.lead()
    broken = msgspec.structs.replace(world.message(lead), receives="Ada")  # type: ignore[arg-type]
    outcomes = world.retry([broken, world.message(leads_made.lead(), message_id="m2")], remaining=120)
    assert [outcome.status for outcome in outcomes] == ["held", "delivered"]
    assert (outcomes[0].reason, outcomes[0].leaves_queue) == ("unexpected_error", False)
    assert "Ada" not in repr(outcomes[0])


@pytest.mark.parametrize(
    ("failure", "status"),
    [(None, "delivered"), (TryAgain(OUTAGE), "held"), (TryAgain("rate_limited", counts=False), "requeued")],
)
def test_an_outcome_says_how_long_it_took_and_how_long_the_lead_is_here(
    world: World, failure: TryAgain | None, status: str
) -> None:
    """Counted from when the lead first came, however often it went back into the queue since."""
    world.wire.before["*"] = [failure] if failure else []
    item = leads_made.lead()
    body = body_of(world.source.wrap(item, received_at=iso_time(world.clock() - 7200)))
    message = Message(message_id="m1", receipt_handle="handle", body=body, receives=2, attempt=1)
    attempt = world.retry._deliver.attempt

    def slow(*args: Any, **more: Any) -> Outcome:
        world.clock.sleep(1.5)
        return attempt(*args, **more)

    world.retry._deliver.attempt = slow  # type: ignore[method-assign]
    [outcome] = world.retry([message], remaining=120)
    assert (outcome.status, outcome.attempt) == (status, 3)
    assert (outcome.duration, outcome.age) == (1.5, 7202)
