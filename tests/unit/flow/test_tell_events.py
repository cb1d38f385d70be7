"""Events on their way to Pinterest: in few calls, each of them once, and one that is refused costs only itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest

from leads.core.conversion import LARGEST_CALL, Event, EventOutcome, Verdict
from leads.core.erasure import Erased, hash_of, lead_name, name_of
from leads.core.errors import Misconfigured, TryAgain, Undeliverable
from leads.flow.event_calls import MOST_CALLS, EventCalls
from leads.flow.tell_events import Message, TellEvents
from tests.fakes import Clock
from tests.fakes_conversions import FakeConversionLedger

HASH = "a" * 64
SALT = "0f"
DAY = 86_400


@dataclass
class Answered:
    verdicts: Sequence[Verdict]
    trace_id: str | None = "rid-1"


@dataclass
class FakePinterest:
    """Takes events; refuses a call as a whole for those in `poison`, an event alone for those in `refused`."""

    poison: set[str] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)
    failures: list[Exception] = field(default_factory=list)
    takes_before_failing: bool = False
    calls: list[tuple[str, list[str], bool]] = field(default_factory=list)
    taken: list[str] = field(default_factory=list)

    def send(self, account: str, events: Sequence[Event], *, is_test: bool, deadline: float) -> Answered:
        ids = [event.event_id for event in events]
        self.calls.append((account, ids, is_test))
        if self.failures:
            if self.takes_before_failing:
                self.taken += ids
            raise self.failures.pop(0)
        if self.poison & set(ids):
            raise Undeliverable("event_refused", "the call was refused (status 400)")
        self.taken += [one for one in ids if one not in self.refused]
        return Answered([Verdict(is_taken=one not in self.refused, detail="event_time") for one in ids])


@dataclass
class Erasures:
    erased: Erased | None = None
    failure: Exception | None = None

    def current(self) -> Erased | None:
        if self.failure:
            raise self.failure
        return self.erased


class World:
    """Everything around TellEvents. `attempts`: how often a message is tried."""

    def __init__(self, *, attempts: int = 3, days: float = 7) -> None:
        self.now = Clock()
        self.ledger = FakeConversionLedger(self.now)
        self.pinterest = FakePinterest()
        self.erasures = Erasures()
        self.tell = TellEvents(
            calls=EventCalls(self.pinterest),
            ledger=self.ledger,
            erasures=self.erasures,
            attempts=attempts,
            days=days,
            now=self.now,
            sleep=self.now.sleep,
        )

    def event(self, number: int | str, **changes: Any) -> Event:
        event = Event(
            account="1117",
            name="lead",
            event_id=f"e{number}",
            at=int(self.now()) - 60,
            action_source="offline",
            user_data={"em": [HASH]},
            lead_key=f"pinterest#1117#{number}",
            outcome="delivered",
        )
        return msgspec.structs.replace(event, **changes)

    def run(self, *events: Event, receives: int = 1, message: str = "m") -> list[EventOutcome]:
        """Each event from a message of its own, m0, m1 …"""
        brought = [(_message(f"{message}{number}", receives), event) for number, event in enumerate(events)]
        end = self.now() + 120
        outcomes = self.tell(brought, deadline=end - 20, alive_until=end)
        return [outcomes[message.message_id, event.key] for message, event in brought]


def _message(name: str, receives: int) -> Message:
    return Message(message_id=name, receipt_handle=f"r-{name}", body="", receives=receives)


def statuses(outcomes: list[EventOutcome]) -> list[tuple[str, str]]:
    return [(outcome.status, outcome.reason) for outcome in outcomes]


def test_2500_events_are_three_calls() -> None:
    """None is larger than Pinterest takes, and every event is accounted for."""
    world = World()
    outcomes = world.run(*(world.event(number) for number in range(2500)))
    assert [len(ids) for _, ids, _ in world.pinterest.calls] == [LARGEST_CALL, LARGEST_CALL, 500]
    assert {outcome.status for outcome in outcomes} == {"sent"}
    assert sorted(world.pinterest.taken) == sorted(f"e{number}" for number in range(2500))
    assert {item["state"] for item in world.ledger.items.values()} == {"sent"}


def test_each_ad_account_and_the_tests_have_calls_of_their_own() -> None:
    """A test is asked for by the address, so it shares no call with what is meant."""
    world = World()
    world.run(world.event(1), world.event(2, account="2228"), world.event(3, is_test=True), world.event(4))
    assert sorted(world.pinterest.calls) == [
        ("1117", ["e1", "e4"], False),
        ("1117", ["e3"], True),
        ("2228", ["e2"], False),
    ]


def test_large_events_are_split_by_their_size() -> None:
    """A call stays below two megabytes."""
    world = World()
    contents = [{"id": "x" * 1000}] * 200
    world.run(*(world.event(number, custom_data={"contents": contents}) for number in range(25)))
    assert [len(ids) for _, ids, _ in world.pinterest.calls] == [9, 9, 7]


def test_one_bad_event_in_a_thousand_costs_only_itself() -> None:
    """Whether Pinterest names it, or refuses the whole call and leaves the search to us."""
    for way in ("refused", "poison"):
        world = World()
        getattr(world.pinterest, way).add("e700")
        outcomes = world.run(*(world.event(number) for number in range(1000)))
        assert statuses(outcomes).count(("sent", "")) == 999
        assert (outcomes[700].status, outcomes[700].reason) == ("failed", "event_refused")
        assert world.ledger.items[world.event(700).key]["state"] == "failed"
        assert len(set(world.pinterest.taken)) == len(world.pinterest.taken) == 999
        assert len(world.pinterest.calls) <= 22


def test_a_refusal_of_everything_is_given_up_for_now() -> None:
    """It does not end in a call for each event; what was not found out is tried again."""
    world = World()
    world.pinterest.poison = {f"e{number}" for number in range(1000)}
    outcomes = world.run(*(world.event(number) for number in range(1000)))
    assert len(world.pinterest.calls) == MOST_CALLS
    assert set(statuses(outcomes)) == {("held", "event_refused_in_part")}


def test_many_bad_events_do_not_cost_the_good_ones() -> None:
    """A call is refused whole for each of them; within the attempts of a message every good one is told."""
    world = World()
    events = [world.event(number) for number in range(1000)]
    world.pinterest.poison = {f"e{number}" for number in range(0, 1000, 20)}
    for attempt in (1, 2, 3):
        world.run(*events, receives=attempt)
        assert len(world.pinterest.calls) <= MOST_CALLS * attempt
    assert sorted(world.pinterest.taken) == sorted({event.event_id for event in events} - world.pinterest.poison)
    assert len(world.pinterest.taken) == len(set(world.pinterest.taken))


def test_what_cannot_be_put_back_is_tried_again_at_once() -> None:
    """Else a refused call would look like a dead sender, and end in doubt."""
    world = World()
    world.pinterest.failures = [TryAgain("pinterest_throttled", retry_after=1)]
    put_back, fails = world.ledger.put_back, [True]

    def once(*given: Any, **more: Any) -> None:
        if fails and fails.pop():
            raise TryAgain("ledger_unavailable")
        put_back(*given, **more)

    world.ledger.put_back = once  # type: ignore[method-assign]
    assert statuses(world.run(world.event(1))) == [("held", "pinterest_throttled")]
    assert world.ledger.items[world.event(1).key]["state"] == "held"


def test_the_same_event_is_sent_once() -> None:
    """Twice in one batch, again in a later one, and while somebody else is at it."""
    world = World()
    assert statuses(world.run(world.event(1), world.event(1))) == [("sent", ""), ("duplicate", "")]
    assert statuses(world.run(world.event(1))) == [("duplicate", "")]
    world.ledger.claim(world.event(2), until=world.now() + 100, message_id="other")
    assert statuses(world.run(world.event(2))) == [("held", "claimed_elsewhere")]
    assert world.pinterest.taken == ["e1"]


def test_a_repetition_waits_for_what_becomes_of_the_first() -> None:
    """It is no duplicate of an event that was not sent."""
    world = World()
    world.pinterest.failures = [TryAgain("pinterest_5xx")]
    outcomes = world.run(world.event(1), world.event(1))
    assert statuses(outcomes) == [("held", "pinterest_5xx"), ("held", "claimed_elsewhere")]


def test_a_crash_between_sending_and_recording_costs_one_repetition() -> None:
    """The second time it is left to a person: with the same event_id, and the reason recorded."""
    world = World()

    class Killed(BaseException):
        """What no handler of ours catches."""

    for expected in (["e1"], ["e1", "e1"]):
        world.ledger.sent = _dies(Killed)  # type: ignore[method-assign]
        with pytest.raises(Killed):
            world.run(world.event(1))
        assert world.pinterest.taken == expected
        world.now.time += 700
    [outcome] = world.run(world.event(1))
    assert (outcome.status, outcome.reason) == ("failed", "sent_in_doubt")
    assert world.pinterest.taken == ["e1", "e1"]
    del world.ledger.sent  # type: ignore[method-assign]
    assert statuses(world.run(world.event(1), message="redriven")) == [("sent", "")]


def _dies(death: type[BaseException]) -> Any:
    def sent(*_: Any, **__: Any) -> None:
        raise death

    return sent


def test_what_cannot_be_recorded_is_not_sent_again() -> None:
    """Its message goes, and the log says why the ledger does not know."""
    world = World()
    world.ledger.broken = {"sent"}
    [outcome] = world.run(world.event(1))
    assert (outcome.status, outcome.reason, outcome.is_final) == ("sent", "not_recorded", True)
    assert world.now.slept == [0.2, 1.0]


@pytest.mark.parametrize(
    "failure",
    [
        TryAgain("pinterest_timeout", ambiguous=True),
        TryAgain("conversion_token_refused", "the token of ad account 1117", retry_after=900),
        TryAgain("pinterest_throttled", retry_after=17),
        Misconfigured("the secret is no object"),
        ValueError("ada@example.com"),
    ],
)
def test_a_failed_call_holds_its_events(failure: Exception) -> None:
    """They are tried as often as their message is, then given up on as dead letters; the others are not asked for."""
    world = World()
    # More than one call, which costs a second, for one of them only.
    events = [world.event(number) for number in range(LARGEST_CALL + 1 if "timeout" in str(failure) else 3)]
    world.pinterest.failures = [failure]
    outcomes = world.run(*events)
    assert {outcome.status for outcome in outcomes} == {"held"}
    assert len(world.pinterest.calls) == 1
    assert {outcome.retry_after for outcome in outcomes} == {getattr(failure, "retry_after", None)}
    assert "ada@example.com" not in str(outcomes)
    assert {item["state"] for item in world.ledger.items.values()} == {"held"}
    world.pinterest.failures = [failure]
    outcomes = world.run(*events, receives=3)
    assert {outcome.status for outcome in outcomes} == {"failed"}
    # SQS shows them until it has moved them away; Pinterest is not asked again.
    outcomes = world.run(*events, receives=4)
    assert {(outcome.status, outcome.repeated) for outcome in outcomes} == {("failed", True)}
    assert len(world.pinterest.calls) == 2
    assert {outcome.status for outcome in world.run(*events, message="redriven")} == {"sent"}


def test_a_ledger_that_does_not_answer_sends_nothing() -> None:
    """What is not known to be ours alone might be sent twice."""
    world = World()
    world.ledger.broken = {"all"}
    assert statuses(world.run(world.event(1))) == [("held", "ledger_unavailable")]
    assert world.pinterest.calls == []


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"user_data": {"ph": [HASH], "fn": [HASH]}}, "no_identifier"),
        ({"user_data": {"client_ip_address": "192.0.2.1"}}, "no_identifier"),
        ({"user_data": {"em": []}}, "no_identifier"),
        ({"at": 1_800_000_000 - 7 * DAY - 1}, "too_old"),
    ],
)
def test_an_event_that_is_not_to_be_sent_is_ignored(changes: dict[str, Any], reason: str) -> None:
    """It is recorded with its reason, and leaves the queue."""
    world = World()
    [outcome] = world.run(world.event(1, **changes))
    assert (outcome.status, outcome.reason, outcome.is_final) == ("ignored", reason, True)
    assert world.pinterest.calls == []
    assert world.ledger.items[world.event(1).key]["reason"] == reason


@pytest.mark.parametrize(
    "user_data",
    [
        {"em": [HASH]},
        {"hashed_maids": [HASH]},
        {"client_ip_address": "192.0.2.1", "client_user_agent": "Mozilla/5.0"},
    ],
)
def test_any_of_three_identifiers_is_enough(user_data: dict[str, Any]) -> None:
    """As the API says."""
    world = World()
    assert statuses(world.run(world.event(1, user_data=user_data))) == [("sent", "")]


def test_how_old_an_event_may_be_is_a_setting() -> None:
    """What was held back is sent once the setting allows it."""
    world = World(days=1)
    assert statuses(world.run(world.event(1, at=int(world.now()) - 2 * DAY))) == [("ignored", "too_old")]
    world.tell._days = 7
    assert statuses(world.run(world.event(1, at=int(world.now()) - 2 * DAY))) == [("sent", "")]


def test_nobody_hears_of_an_erased_person() -> None:
    """While nobody can say who was erased, events wait."""
    world = World()
    world.erasures.failure = TryAgain("ledger_unavailable")
    plain = world.event(2, lead_key="", outcome="")
    assert {status for status, _ in statuses(world.run(world.event(1), plain))} == {"held"}
    world.erasures = Erasures(Erased(salt=SALT, leads={hash_of(lead_name("pinterest#1117#1"), SALT): world.now()}))
    world.tell._erasures = world.erasures
    assert statuses(world.run(world.event(1), world.event(3))) == [("ignored", "erased"), ("sent", "")]


def test_an_erased_person_is_known_by_their_hashes_too() -> None:
    """Whoever sent the event, and however: what happened before they were erased is dropped, what came later is not."""
    world = World()
    people = {hash_of(name_of("em", HASH), SALT): world.now() - 30}
    world.tell._erasures = Erasures(Erased(salt=SALT, people=people))
    before, after = (world.event(name, lead_key="", at=int(world.now()) - age) for name, age in (("b", 60), ("a", 10)))
    other = world.event("o", lead_key="", user_data={"em": ["b" * 64]})
    assert statuses(world.run(before, after, other)) == [("ignored", "erased"), ("sent", ""), ("sent", "")]
