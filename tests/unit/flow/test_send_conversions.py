"""A batch of queue messages: which of them stay in the queue, for how long, and what is told of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from leads.core.conversion import Event, Verdict
from leads.core.conversion_message import change_message, parse
from leads.core.errors import Misconfigured, TryAgain
from leads.core.event_claim import EventClaim
from leads.core.match import CrmChange, Match
from leads.core.routes import Route, RouteTable
from leads.flow.event_calls import EventCalls
from leads.flow.match_outcomes import MatchOutcomes
from leads.flow.pass_on_outcomes import PassOnOutcomes
from leads.flow.send_conversions import Batch, SendConversions
from leads.flow.tell_events import Message, TellEvents
from tests.fakes import LOCATION, Clock
from tests.fakes_conversions import FakeConversionLedger, FakeConversionsQueue, FakeMatchLedger

ACCOUNT, CONTACT = "111764359001", "nmFmQEsNgz6AVpgLVUJ0"
WAITS = (60, 300)
HASH = "a" * 64
LEFT = 1_799_990_000.0
MATCH = Match(
    location_id=LOCATION, contact_id=CONTACT, lead_key=f"pinterest#{ACCOUNT}#268", account=ACCOUNT, route="told",
    left_at=LEFT, user_data={"em": [HASH]},
)  # fmt: skip
ROUTE = Route(
    name="told", location=LOCATION, conversions={"stage:qualified": "qualified_lead", "tag:vip": "signup"}
)  # fmt: skip


@dataclass
class Answer:
    verdicts: list[Verdict]
    trace_id: str | None = "rid-1"


@dataclass
class FakePinterest:
    """Takes events, but none with a name in `refused`; `failure` is raised in place of an answer."""

    refused: set[str] = field(default_factory=set)
    failure: Exception | None = None
    taken: list[str] = field(default_factory=list)

    def send(self, account: str, events: Sequence[Event], *, is_test: bool, deadline: float) -> Answer:
        if self.failure:
            raise self.failure
        self.taken += [event.name for event in events if event.name not in self.refused]
        return Answer([Verdict(is_taken=event.name not in self.refused, detail="event_name") for event in events])


class Nobody:
    """No erased people, and a CRM that is never asked: every change here tells its tags."""

    def current(self) -> None:
        return None


class World:
    """The verb over fakes; messages are m0, m1 … with the receipt handles r0, r1 …"""

    def __init__(self) -> None:
        self.now = Clock()
        self.pinterest = FakePinterest()
        self.ledger = FakeConversionLedger(self.now)
        self.matches = FakeMatchLedger({MATCH.key: MATCH})
        self.queue = FakeConversionsQueue()
        self.accounts: Sequence[str] | Exception = (ACCOUNT,)
        self.routes: RouteTable | Exception = RouteTable([ROUTE])
        self.built = 0
        crm: Any = Nobody()
        self.outcomes = MatchOutcomes(
            matches=self.matches, records=crm, pipelines=crm, routes=self._routes, erasures=crm, now=self.now
        )
        self.tell = TellEvents(
            calls=EventCalls(self.pinterest), ledger=self.ledger, erasures=crm, attempts=len(WAITS) + 1, days=7,
            now=self.now, sleep=self.now.sleep,
        )  # fmt: skip

    def run(self, *bodies: str, receives: int = 1) -> Batch:
        messages = [
            Message(message_id=f"m{number}", receipt_handle=f"r{number}", body=body, receives=receives)
            for number, body in enumerate(bodies)
        ]
        self.queue.holds.clear()
        verb = SendConversions(
            tell=self.tell, pass_on=PassOnOutcomes(outcomes=self._built, queue=self.queue, attempts=len(WAITS) + 1),
            accounts=lambda: _given(self.accounts), queue=self.queue, routes=self._routes, waits=WAITS, now=self.now,
            chance=lambda: 0.5,
        )  # fmt: skip
        return verb(messages, remaining=120)

    def _routes(self) -> RouteTable:
        return _given(self.routes)

    def _built(self) -> MatchOutcomes:
        self.built += 1
        return self.outcomes


def _given(thing: Any) -> Any:
    if isinstance(thing, Exception):
        raise thing
    return thing


def event(name: str = "lead", **more: Any) -> str:
    plain = {"v": 1, "ad_account_id": ACCOUNT, "event_name": name, "event_time": 1_799_999_000, "event_id": name}
    return json.dumps({**plain, "hashed_email": HASH, **more})


def change(*tags: str, contact: str = CONTACT, at: float = LEFT + 100) -> str:
    return change_message(CrmChange(location_id=LOCATION, contact_id=contact, tags=tags, at=at))


BOTH = change("stage: qualified", "vip")
HOLDING = {"contact": ("stage:qualified", "tag:vip")}


def said(batch: Batch) -> list[tuple[str, str, int | None]]:
    return [(outcome.status, outcome.reason, outcome.wait) for outcome in batch.outcomes]


def test_what_has_ended_leaves_the_queue() -> None:
    """Sent, sent before, or not to be sent; nothing is hidden, and nobody looks into the CRM for it."""
    world = World()
    batch = world.run(event(), event(), event("signup", hashed_email=None))
    assert said(batch) == [("sent", "", None), ("duplicate", "", None), ("ignored", "no_identifier", None)]
    assert (batch.staying, batch.faults, world.queue.holds, world.built) == ((), (), [], 0)


@pytest.mark.parametrize(
    ("asked", "receives", "wait"),
    [(None, 1, 60), (None, 2, 300), (17, 1, 60), (900, 1, 900), (900, 2, 900), (10**6, 1, 43_000)],
)
def test_an_event_waits_for_the_longer_of_two(asked: float | None, receives: int, wait: int) -> None:
    """The table's next wait or what Pinterest asks for, and never longer than SQS can hide a message."""
    world = World()
    world.pinterest.failure = TryAgain("pinterest_throttled", retry_after=asked)
    batch = world.run(event(), receives=receives)
    assert said(batch) == [("held", "pinterest_throttled", wait)]
    assert (batch.staying, world.queue.holds) == (("m0",), [("r0", wait)])


def test_what_nothing_can_help_is_shown_again_at_once() -> None:
    """So that SQS soon moves it to the dead letters: refused, unreadable, or after its last attempt."""
    world = World()
    world.pinterest.refused = {"bad"}
    batch = world.run(event("bad"), "no JSON", event("good"))
    assert said(batch) == [
        ("failed", "event_refused", None),
        ("failed", "unreadable_message", None),
        ("sent", "", None),
    ]
    assert (batch.staying, world.queue.holds) == (("m0", "m1"), [("r0", 0), ("r1", 0)])
    world.pinterest.failure = TryAgain("pinterest_5xx", retry_after=900)
    batch = world.run(event("last"), receives=3)
    assert (said(batch), world.queue.holds) == ([("failed", "pinterest_5xx", None)], [("r0", 0)])


def test_a_message_that_cannot_be_hidden_stays_all_the_same() -> None:
    """Nobody says then when it is shown again."""
    world = World()
    world.pinterest.failure = TryAgain("pinterest_5xx")
    world.queue.gone = {"r0"}
    batch = world.run(event("one"), event("two"))
    assert said(batch) == [("held", "pinterest_5xx", None), ("held", "pinterest_5xx", 60)]
    assert batch.staying == ("m0", "m1")


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("", "unreadable_message"), ("[]", "unreadable_message"), ('{"v": 2}', "unreadable_message"),
        (event(emial="x"), "unknown_field"), (event(hashed_email="x"), "not_hashed"),
        (event(ad_account_id="act_1"), "bad_account"), (event(event_time=2_000_000_000), "bad_time"),
        ('{"crm_change": {"location_id": 1}}', "unreadable_message"),
    ],
)  # fmt: skip
def test_an_unreadable_message_is_hopeless_from_the_first(body: str, reason: str) -> None:
    """It fails once; each time that SQS shows it until it has moved it away, the verdict is a known one."""
    world = World()
    for receives in (1, 2, 12):
        batch = world.run(body, receives=receives)
        [outcome] = batch.outcomes
        assert (outcome.status, outcome.reason, outcome.repeated) == ("failed", reason, receives > 1)
        assert (outcome.attempt, outcome.message_id, batch.staying) == (receives, "m0", ("m0",))
        assert world.queue.holds == [("r0", 0)]
    assert world.ledger.items == {}


def test_a_change_that_cannot_be_matched_now_is_tried_as_often_as_an_event() -> None:
    """Held, held, failed, and from then on known to be."""
    world = World()
    world.matches.broken = True
    seen = []
    for receives in (1, 2, 3, 4):
        batch = world.run(BOTH, receives=receives)
        [outcome] = batch.outcomes
        assert (outcome.reason, batch.staying) == ("ledger_unavailable", ("m0",))
        seen.append((outcome.status, world.queue.holds[0][1], outcome.repeated))
    assert seen == [("held", 60, False), ("held", 300, False), ("failed", 0, False), ("failed", 0, True)]


def test_a_change_becomes_messages_of_its_events_once() -> None:
    """They are sent as those of other systems are; nothing comes of it when the CRM tells it again."""
    world = World()
    batch = world.run(BOTH)
    assert [(outcome.status, outcome.outcome) for outcome in batch.outcomes] == [
        ("queued", "stage:qualified"), ("queued", "tag:vip"),
    ]  # fmt: skip
    assert (batch.staying, world.pinterest.taken, len(world.queue.sent)) == ((), [], 2)
    assert world.matches.items[MATCH.key].standing == HOLDING
    batch = world.run(*world.queue.sent)
    assert [(outcome.status, outcome.outcome, outcome.lead_key) for outcome in batch.outcomes] == [
        ("sent", "stage:qualified", MATCH.lead_key), ("sent", "tag:vip", MATCH.lead_key),
    ]  # fmt: skip
    batch = world.run(change("stage: qualified", "vip", at=LEFT + 200))
    assert (said(batch), batch.staying, len(world.queue.sent)) == ([("ignored", "nothing_new", None)], (), 2)
    assert batch.outcomes[0].lead_key == MATCH.lead_key
    assert world.pinterest.taken == ["qualified_lead", "signup"]


def test_changes_that_mean_the_same_event_queue_it_once() -> None:
    """The CRM tells of one deed in several webhooks."""
    world = World()
    batch = world.run(change("vip"), change("vip", at=LEFT + 101))
    assert ({status for status, *_ in said(batch)} <= {"queued", "ignored"}, batch.staying) == (True, ())
    assert len(world.queue.sent) == 1


def test_a_change_of_nobodys_contact_leaves_nothing_behind() -> None:
    """Most of a CRM's contacts came of no lead: no event, nothing remembered, and the message goes."""
    world = World()
    batch = world.run(change("vip", contact="somebodyElse00000001"), event(), change("vip", at=LEFT - 1))
    assert said(batch) == [("ignored", "not_a_lead", None), ("sent", "", None), ("ignored", "older_than_lead", None)]
    assert (batch.staying, world.matches.writes, world.queue.sent) == ((), 0, [])
    assert batch.outcomes[0].lead_key == ""


def test_of_two_outcomes_one_may_fail_and_the_other_wait() -> None:
    """Each event has a message of its own, so that neither fate is the other's."""
    world = World()
    world.run(BOTH)
    both, world.pinterest.refused = [*world.queue.sent], {"signup"}
    qualified = _event_of(both[0])
    somebody = world.ledger.claim(qualified, until=world.now() + 100, message_id="other")
    assert isinstance(somebody, EventClaim)
    batch = world.run(*both)
    assert said(batch) == [("held", "claimed_elsewhere", 60), ("failed", "event_refused", None)]
    assert (batch.staying, world.queue.holds) == (("m0", "m1"), [("r0", 60), ("r1", 0)])
    world.ledger.put_back(somebody, reason="pinterest_5xx")
    batch = world.run(*both, receives=2)
    assert said(batch) == [("sent", "", None), ("failed", "event_refused", None)]
    assert [outcome.repeated for outcome in batch.outcomes] == [False, True]
    assert (batch.staying, world.queue.holds) == (("m1",), [("r1", 0)])


def _event_of(body: str) -> Event:
    read = parse(body, accounts=(), phone_region="US", now=Clock()())
    assert isinstance(read, Event)
    return read


def test_a_queue_that_takes_nothing_keeps_the_changes() -> None:
    """What holds is remembered only when its events are in the queue; changes without events need none."""
    world = World()
    world.queue.broken = True
    batch = world.run(BOTH, change("vip", contact="somebodyElse00000001"))
    assert said(batch) == [("held", "conversions_queue_unavailable", None), ("ignored", "not_a_lead", None)]
    assert (batch.staying, world.matches.writes) == (("m0",), 0)
    world.queue.broken = False
    batch = world.run(BOTH, receives=2)
    assert ([status for status, *_ in said(batch)], len(world.queue.sent)) == (["queued", "queued"], 2)


def test_what_cannot_be_remembered_keeps_its_message(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next attempt finds the same events again; they have the ids that they had, and are sent once."""
    world = World()

    def fails(*_: Any, **__: Any) -> None:
        raise TryAgain("ledger_unavailable", "DynamoDB answered ThrottlingException")

    with monkeypatch.context() as patch:
        patch.setattr(world.matches, "stand", fails)
        batch = world.run(BOTH)
        assert said(batch) == [("held", "ledger_unavailable", 60)]
        assert (batch.staying, world.queue.holds) == (("m0",), [("r0", 60)])
        batch = world.run(BOTH, receives=3)
        assert (said(batch), batch.staying) == ([("failed", "ledger_unavailable", None)], ("m0",))
    batch = world.run(BOTH, receives=4)
    assert ([status for status, *_ in said(batch)], batch.staying) == (["queued", "queued"], ())
    assert world.matches.items[MATCH.key].standing == HOLDING
    assert len(world.queue.sent) == 6
    batch = world.run(*world.queue.sent)
    assert [status for status, *_ in said(batch)] == ["sent", "sent", *["duplicate"] * 4]
    assert sorted(world.pinterest.taken) == ["qualified_lead", "signup"]


def test_a_fault_of_the_secret_is_told_and_the_rest_goes_on() -> None:
    """Messages that name their account need nothing else of it."""
    world = World()
    world.accounts = Misconfigured('"act_42" is no ad account\'s id')
    batch = world.run(event(), BOTH)
    assert [outcome.status for outcome in batch.outcomes] == ["sent", "queued", "queued"]
    assert (batch.faults, batch.staying) == (('"act_42" is no ad account\'s id',), ())


def test_a_fault_of_the_routes_is_told_and_plain_events_go_on() -> None:
    """Only what needs a route waits for them."""
    world = World()
    world.routes = Misconfigured("routes.toml cannot be read")
    batch = world.run(event(), BOTH)
    assert said(batch) == [("sent", "", None), ("held", "misconfigured", 60)]
    assert (batch.outcomes[1].misconfigured, batch.outcomes[1].detail) == (True, "routes.toml cannot be read")
    assert (batch.faults, batch.staying) == (("routes.toml cannot be read",), ("m1",))


def test_the_only_account_need_not_be_named() -> None:
    """Of several, or none, nobody can say which is meant."""
    body = event(ad_account_id=None)
    for accounts, expected in (((ACCOUNT,), "sent"), ((ACCOUNT, "2"), "failed"), ((), "failed")):
        world = World()
        world.accounts = accounts
        [outcome] = world.run(body).outcomes
        assert outcome.status == expected
        assert outcome.reason == ("" if expected == "sent" else "no_account")


def test_an_error_that_nobody_foresaw_tells_its_place_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its words may be the person's; the message is held like any other."""
    world = World()

    def breaks(*_: Any, **__: Any) -> Any:
        raise ValueError("ada@example.com")

    for place in ("tests.fakes_conversions.FakeConversionLedger.claim", "leads.flow.send_conversions.parse"):
        monkeypatch.setattr(place, breaks)
        batch = world.run(event())
        assert said(batch) == [("held", "unexpected_error", 60)]
        assert batch.outcomes[0].detail.startswith("ValueError in breaks")
        assert "ada@" not in str(batch)


def test_every_outcome_names_its_message() -> None:
    """So that a line of the log leads to the message and the lead."""
    batch = World().run(event(), BOTH, "no JSON")
    assert [outcome.message_id for outcome in batch.outcomes] == ["m0", "m1", "m1", "m2"]
    told = batch.outcomes[1]
    assert (told.account, told.lead_key, told.event) == (ACCOUNT, MATCH.lead_key, "qualified_lead")
