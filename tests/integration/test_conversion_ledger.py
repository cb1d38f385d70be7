"""What AWS keeps of events and contacts and what memory keeps of them keep the same promises; and their queue."""

from __future__ import annotations

import dataclasses
import re
import threading
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import msgspec
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ReadTimeoutError
from moto import mock_aws
from moto.core.models import botocore_stubber

from leads.adapters.conversion_ledger import ConversionLedger
from leads.adapters.conversions_queue import ConversionsQueue
from leads.adapters.match_ledger import MatchLedger
from leads.core.conversion import Event
from leads.core.errors import TryAgain
from leads.core.event_claim import FAILED, IGNORED, IN_DOUBT, SENDING, SENT, EventClaim, EventStanding
from leads.core.match import CONTACT_RECORD, Match
from tests.fakes import Clock
from tests.fakes_conversions import FakeConversionLedger, FakeConversionsQueue, FakeMatchLedger
from tests.integration.conftest import REGION, AwsAccount

DAY = 86_400
EVENT = Event(
    account="549755885175",
    name="qualified_lead",
    event_id="e" * 64,
    at=1_799_999_000,
    action_source="offline",
    user_data={"em": ["a" * 64]},
    lead_key="pinterest#1#9",
    outcome="stage:qualified",
)
MATCH = Match(
    location_id="l1",
    contact_id="c1",
    lead_key="pinterest#1#9",
    account="549755885175",
    route="all",
    left_at=1_799_990_000.25,
    user_data={"em": ["a" * 64, "b" * 64], "ph": ["c" * 64]},
)


@pytest.fixture(scope="module")
def account() -> Iterator[AwsAccount]:
    """One account for all tests here, as its clients take longer to make than most tests to run."""
    with pytest.MonkeyPatch.context() as patch, mock_aws():
        patch.setenv("AWS_ACCESS_KEY_ID", "testing")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        patch.delenv("AWS_ENDPOINT_URL", raising=False)
        yield AwsAccount(boto3.client("dynamodb", REGION), boto3.client("sqs", REGION), secrets=None)


@pytest.fixture
def aws(account: AwsAccount, request: pytest.FixtureRequest) -> AwsAccount:
    """The account with a ledger of the test's own."""
    table = re.sub(r"\W", "_", request.node.name)
    account.dynamodb.create_table(
        TableName=table,
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    return dataclasses.replace(account, table=table)


@pytest.fixture
def calls(account: AwsAccount) -> Iterator[list[str]]:
    """The names of the table's operations, as they are asked for."""
    names: list[str] = []

    def note(model: Any, **_: Any) -> None:
        names.append(model.name)

    account.dynamodb.meta.events.register("before-call.dynamodb", note)
    yield names
    account.dynamodb.meta.events.unregister("before-call.dynamodb", note)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["DynamoDB", "memory"])
def ledger(request: pytest.FixtureRequest, clock: Clock) -> Any:
    if request.param == "memory":
        return FakeConversionLedger(clock)
    account: AwsAccount = request.getfixturevalue("aws")
    return ConversionLedger(account.dynamodb, account.table, now=clock)


@pytest.fixture(params=["DynamoDB", "memory"])
def matches(request: pytest.FixtureRequest, clock: Clock) -> Any:
    if request.param == "memory":
        return FakeMatchLedger()
    account: AwsAccount = request.getfixturevalue("aws")
    return MatchLedger(account.dynamodb, account.table, now=clock)


def asked(ledger: Any, clock: Clock, message_id: str = "m1", event: Event = EVENT) -> EventClaim | EventStanding:
    answer: EventClaim | EventStanding = ledger.claim(event, until=clock() + 120, message_id=message_id)
    return answer


def claim(ledger: Any, clock: Clock, message_id: str = "m1", event: Event = EVENT) -> EventClaim:
    claimed = asked(ledger, clock, message_id, event)
    assert isinstance(claimed, EventClaim)
    return claimed


def refused(ledger: Any, clock: Clock, message_id: str = "m1") -> EventStanding:
    standing = asked(ledger, clock, message_id)
    assert isinstance(standing, EventStanding)
    return standing


def left_behind(ledger: Any, clock: Clock, message_id: str = "m1") -> EventClaim:
    """A claim whose owner died."""
    claimed = claim(ledger, clock, message_id)
    clock.time += 121
    return claimed


def test_an_event_is_one_sender_s_at_a_time(ledger: Any, clock: Clock) -> None:
    """The second learns until when it is taken, whichever message brings it; a test is another event."""
    first = claim(ledger, clock)
    assert (first.key, first.sends) == (EVENT.key, 1)
    for message_id in ("m1", "m2"):
        assert refused(ledger, clock, message_id) == EventStanding(state=SENDING, sending_until=clock() + 120)
    claim(ledger, clock, event=msgspec.structs.replace(EVENT, is_test=True))


def test_an_event_that_was_sent_is_never_sent_again(ledger: Any, clock: Clock) -> None:
    """Not for a redriven message either, nor when its sender goes on to say something else of it."""
    mine = claim(ledger, clock)
    ledger.sent(mine, warnings=["external_id: unhashed"])
    ledger.put_back(mine, reason="ledger_unavailable")
    assert not ledger.fail(EVENT, claim=mine, message_id="m1", reason="unexpected_error")
    assert not ledger.fail(EVENT, claim=None, message_id="m1", reason="unexpected_error")
    ledger.ignore(EVENT, reason="too_old")
    clock.time += 1_000
    for message_id in ("m1", "m2"):
        assert refused(ledger, clock, message_id) == EventStanding(state=SENT)


def test_an_event_that_waits_is_free(ledger: Any, clock: Clock) -> None:
    """Each sending is counted; whoever has put it back has let go of it."""
    first = claim(ledger, clock)
    ledger.put_back(first, reason="pinterest_5xx")
    ledger.sent(first)
    assert claim(ledger, clock).sends == 2


def test_a_claim_that_begins_too_late_is_one_claim(ledger: Any, clock: Clock) -> None:
    """Whoever makes it is not taken for dead at once."""
    late = ledger.claim(EVENT, until=clock() - 1, message_id="m1")
    assert isinstance(late, EventClaim)
    assert (late.sends, claim(ledger, clock).sends) == (1, 2)


def test_what_a_dead_owner_left_behind_is_sent_once_more_and_then_given_up(ledger: Any, clock: Clock) -> None:
    """The second doubt is a verdict; it is news to the message that met it, and known to it from then on."""
    left_behind(ledger, clock)
    assert left_behind(ledger, clock).sends == 2
    assert refused(ledger, clock) == EventStanding(state=FAILED, reason=IN_DOUBT)
    assert refused(ledger, clock) == EventStanding(state=FAILED, reason=IN_DOUBT, is_known=True)


def test_a_redriven_message_may_risk_it_again(ledger: Any, clock: Clock) -> None:
    """A person has looked; the doubts begin anew."""
    left_behind(ledger, clock)
    left_behind(ledger, clock)
    refused(ledger, clock)
    left_behind(ledger, clock, "m2")
    assert left_behind(ledger, clock, "m2").sends == 4
    assert refused(ledger, clock, "m2").reason == IN_DOUBT
    left_behind(ledger, clock, "m3")
    ledger.fail(EVENT, claim=claim(ledger, clock, "m3"), message_id="m3", reason="event_refused")
    left_behind(ledger, clock, "m4")
    claim(ledger, clock, "m4")


def test_an_event_that_waits_keeps_its_doubts(ledger: Any, clock: Clock) -> None:
    """Pinterest may have it of the first sending, whatever became of the second."""
    left_behind(ledger, clock)
    ledger.put_back(claim(ledger, clock), reason="pinterest_throttled")
    left_behind(ledger, clock)
    assert refused(ledger, clock).reason == IN_DOUBT


def test_an_owner_whose_claim_passed_on_changes_nothing_any_more(ledger: Any, clock: Clock) -> None:
    """It wakes up late; the event is in other hands."""
    late = left_behind(ledger, clock)
    claim(ledger, clock, "m2")
    ledger.sent(late)
    ledger.put_back(late, reason="x")
    assert not ledger.fail(EVENT, claim=late, message_id="m1", reason="x")
    assert refused(ledger, clock).state == SENDING


def test_whoever_did_send_it_knows_better_than_who_is_in_doubt(ledger: Any, clock: Clock) -> None:
    """A slow owner that was taken for dead; the dead letter's redrive is a duplicate then."""
    left_behind(ledger, clock)
    slow = left_behind(ledger, clock)
    assert refused(ledger, clock, "m2").reason == IN_DOUBT
    ledger.sent(slow)
    assert refused(ledger, clock, "m3") == EventStanding(state=SENT)


def test_a_verdict_binds_its_own_message_only(ledger: Any, clock: Clock) -> None:
    """The same message is refused with the reason, and that is news once; another one may try."""
    mine = claim(ledger, clock)
    assert not ledger.fail(EVENT, claim=mine, message_id="m1", reason="event_refused", detail="event_time")
    assert ledger.fail(EVENT, claim=None, message_id="m1", reason="event_refused")
    assert refused(ledger, clock) == EventStanding(state=FAILED, reason="event_refused", is_known=True)
    assert not ledger.fail(EVENT, claim=None, message_id="m2", reason="bad_account")
    claim(ledger, clock, "m3")


def test_failing_without_a_claim_never_overwrites_a_sender(ledger: Any, clock: Clock) -> None:
    """An event that nobody knew yet is recorded, so that a person finds out why."""
    assert not ledger.fail(EVENT, claim=None, message_id="m1", reason="conversion_token_missing")
    assert refused(ledger, clock).reason == "conversion_token_missing"
    claim(ledger, clock, "m2")
    assert not ledger.fail(EVENT, claim=None, message_id="m1", reason="x")
    assert refused(ledger, clock).state == SENDING


def test_an_event_that_is_not_to_be_sent_says_why(ledger: Any, clock: Clock) -> None:
    """Some reasons go with the next change of the settings, an erasure never does; a sender is left alone."""
    for reason in ("too_old", "no_identifier", "test_lead"):
        ledger.ignore(EVENT, reason=reason)
        mine = claim(ledger, clock)
        ledger.ignore(EVENT, reason="erased")
        ledger.put_back(mine, reason="out_of_time")
    ledger.ignore(EVENT, reason="erased")
    assert not ledger.fail(EVENT, claim=None, message_id="m1", reason="x")
    assert refused(ledger, clock) == EventStanding(state=IGNORED, reason="erased")


def test_an_event_costs_two_writes_and_leaves_a_readable_item(aws: AwsAccount, clock: Clock, calls: list[str]) -> None:
    """Claimed and sent; nothing of a person is in it, and nothing makes it count as a lead."""
    ledger = ConversionLedger(aws.dynamodb, aws.table, now=clock)
    ledger.sent(claim(ledger, clock), warnings=["external_id: unhashed"])
    assert calls == ["UpdateItem"] * 2
    assert aws.ledger() == {}
    [item] = aws.dynamodb.scan(TableName=aws.table)["Items"]
    assert {name: next(iter(value.values())) for name, value in item.items() if name != "owner"} == {
        "pk": f"event#549755885175#{'e' * 64}",
        "state": "sent",
        "message_id": "m1",
        "sends": "1",
        "warnings": [{"S": "external_id: unhashed"}],
        "event": "qualified_lead",
        "outcome": "stage:qualified",
        "lead_key": "pinterest#1#9",
        "account": "549755885175",
        "event_at": "1799999000",
        "first_seen_at": "2027-01-15T08:00:00.000+00:00",
        "updated_at": "2027-01-15T08:00:00.000+00:00",
        "expires_at": str(int(clock()) + 400 * DAY),
    }
    others = msgspec.structs.replace(EVENT, lead_key="", event_id="f")
    ledger.ignore(others, reason="no_identifier")
    item = aws.dynamodb.get_item(TableName=aws.table, Key={"pk": {"S": others.key}})["Item"]
    assert item["expires_at"] == {"N": str(int(clock()) + 90 * DAY)}


def test_of_two_heirs_one_sends_the_event(aws: AwsAccount, clock: Clock) -> None:
    """Both have read what the dead one left; the second one's claim is for an item that is no more."""
    first = ConversionLedger(aws.dynamodb, aws.table, now=clock)
    left_behind(first, clock)
    heirs: list[EventClaim] = []

    class Slow:
        """DynamoDB for somebody who is overtaken before the second call."""

        calls = 0

        def update_item(self, **options: Any) -> Any:
            self.calls += 1
            if self.calls == 2:
                heirs.append(claim(first, clock, "m2"))
            return aws.dynamodb.update_item(**options)

    assert refused(ConversionLedger(Slow(), aws.table, now=clock), clock).state == SENDING
    assert heirs[0].sends == 2


def test_threads_claim_side_by_side(aws: AwsAccount, clock: Clock) -> None:
    """A batch's events, each of them once."""
    ledger = ConversionLedger(aws.dynamodb, aws.table, now=clock)
    claimed: list[EventClaim] = []

    def work(numbers: range) -> None:
        for number in numbers:
            claimed.append(claim(ledger, clock, event=msgspec.structs.replace(EVENT, event_id=str(number))))

    threads = [threading.Thread(target=work, args=(range(start, 12, 3),)) for start in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({one.owner for one in claimed}) == len({one.key for one in claimed}) == 12


@pytest.fixture
def lossy(aws: AwsAccount, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A client that repeats as the functions' do; `lose()` makes it miss the next answer, though AWS has acted."""
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _: None)
    client = boto3.client("dynamodb", REGION, config=Config(retries={"mode": "standard", "total_max_attempts": 2}))
    losses: list[None] = []

    def drop(event_name: str, request: Any, **_: Any) -> None:
        if losses:
            losses.pop()
            botocore_stubber(event_name, request)
            raise ReadTimeoutError(endpoint_url="dynamodb")

    client.meta.events.register_first("before-send.dynamodb", drop)
    client.lose = lambda: losses.append(None)
    yield client
    assert not losses


def test_an_answer_that_was_lost_makes_nobody_else_the_owner(aws: AwsAccount, clock: Clock, lossy: Any) -> None:
    """The repeated call meets what the first one wrote, and knows it by the owner's token."""
    ledger = ConversionLedger(lossy, aws.table, now=clock)
    lossy.lose()
    first = claim(ledger, clock)
    assert first.sends == 1
    lossy.lose()
    ledger.put_back(first, reason="pinterest_5xx")
    lossy.lose()
    second = claim(ledger, clock)
    assert second.sends == 2
    lossy.lose()
    assert not ledger.fail(EVENT, claim=second, message_id="m1", reason="event_refused")
    assert ledger.fail(EVENT, claim=None, message_id="m1", reason="event_refused")
    lossy.lose()
    assert not ledger.fail(EVENT, claim=None, message_id="m2", reason="event_refused")
    lossy.lose()
    ledger.sent(claim(ledger, clock, "m3"))
    assert refused(ledger, clock) == EventStanding(state=SENT)


def test_a_lost_answer_costs_no_heir_its_event(aws: AwsAccount, clock: Clock, lossy: Any) -> None:
    """Neither the second chance nor the news that there is none."""
    ledger = ConversionLedger(lossy, aws.table, now=clock)
    left_behind(ledger, clock)
    writes: list[None] = []

    def lose_the_second(**_: Any) -> None:
        # The first call of a claim is refused here, the second is the one that writes.
        writes.append(None)
        if len(writes) == 2:
            lossy.lose()

    lossy.meta.events.register("before-call.dynamodb", lose_the_second)
    assert claim(ledger, clock).sends == 2
    clock.time += 121
    writes.clear()
    assert refused(ledger, clock) == EventStanding(state=FAILED, reason=IN_DOUBT)


def test_a_table_that_does_not_answer_is_a_reason_to_try_again(aws: AwsAccount, clock: Clock) -> None:
    """Whatever call it is."""
    events = ConversionLedger(aws.dynamodb, "no-such-table", now=clock)
    contacts = MatchLedger(aws.dynamodb, "no-such-table", now=clock)
    mine = EventClaim(key="k", owner="o")
    calls: tuple[Callable[[], Any], ...] = (
        lambda: events.claim(EVENT, until=clock() + 1, message_id=""),
        lambda: events.sent(mine),
        lambda: events.put_back(mine, reason="x"),
        lambda: events.fail(EVENT, claim=mine, message_id="", reason="x"),
        lambda: events.ignore(EVENT, reason="x"),
        lambda: contacts.remember(MATCH),
        lambda: contacts.find(["k"]),
        lambda: contacts.stand(MATCH, CONTACT_RECORD, ["won"], 1.0),
    )
    for call in calls:
        with pytest.raises(TryAgain, match=r"ledger_unavailable: DynamoDB answered \w+$"):
            call()


def known(matches: Any) -> Match:
    found: Match = matches.find([MATCH.key])[MATCH.key]
    return found


def test_contacts_are_found_by_their_keys(matches: Any) -> None:
    """More than fit one call, some asked for twice; those that nobody knows are left out."""
    each = [msgspec.structs.replace(MATCH, contact_id=str(number), is_test=number == 1) for number in range(3)]
    for match in each:
        matches.remember(match)
    keys = [f"conversions#l1#{number}" for number in (0, 0, *range(230), 1)]
    assert matches.find(keys) == {match.key: match for match in each}
    assert matches.find([]) == {}


def test_a_contact_stands_for_the_lead_that_was_left_last(matches: Any) -> None:
    """In whichever order they are delivered; of an earlier one nothing is left, be it that more is known of it."""
    matches.remember(
        msgspec.structs.replace(
            MATCH, standing={"contact": ("won",)}, heard_at={"contact": 5.0}, wanted=("won",), is_test=True
        )
    )
    later = msgspec.structs.replace(
        MATCH, lead_key="pinterest#1#10", left_at=MATCH.left_at + 1, user_data={}, route="r", standing={"o1": ("open",)}
    )
    matches.remember(later)
    matches.remember(MATCH)
    assert known(matches) == later


def test_a_lead_that_is_remembered_again_changes_nothing(matches: Any) -> None:
    """Its delivery was interrupted, and something was heard meanwhile; be it that it seems to be left later now."""
    matches.remember(MATCH)
    matches.stand(known(matches), CONTACT_RECORD, ["won"], 100.0, wanted=["won"])
    heard = known(matches)
    matches.remember(msgspec.structs.replace(MATCH, standing={CONTACT_RECORD: ("tag:x",)}, wanted=("won", "tag:x")))
    matches.remember(msgspec.structs.replace(MATCH, left_at=MATCH.left_at + 60))
    assert known(matches) == heard


def test_what_was_heard_of_one_lead_is_not_written_over_another(matches: Any) -> None:
    """The person left it while somebody was still busy with what had become of the first."""
    matches.remember(MATCH)
    before = known(matches)
    later = msgspec.structs.replace(MATCH, lead_key="pinterest#1#10", left_at=MATCH.left_at + 1)
    matches.remember(later)
    matches.stand(before, CONTACT_RECORD, ["won"], 100.0, wanted=["won"])
    assert known(matches) == later


def test_what_a_contact_was_looked_at_for_is_remembered(matches: Any) -> None:
    """Also that it was for nothing; and it is news even where all else is the same."""
    matches.remember(MATCH)
    wants: list[Any] = [None, ["won", "tag:x"], None, [], ["won"]]
    found = []
    for at, wanted in enumerate(wants):
        matches.stand(known(matches), CONTACT_RECORD, (), 100.0 + at, wanted=wanted)
        found.append(known(matches).wanted)
    assert found == [None, ("tag:x", "won"), ("tag:x", "won"), (), ("won",)]
    matches.stand(known(matches), CONTACT_RECORD, (), 200.0, wanted=["won"])
    assert known(matches).heard_at == {CONTACT_RECORD: 104.0}
    matches.remember(msgspec.structs.replace(MATCH, lead_key="pinterest#1#9a", wanted=("won", "lost")))
    assert known(matches).wanted == ("won", "lost")
    matches.remember(msgspec.structs.replace(MATCH, lead_key="pinterest#1#9b"))
    assert known(matches).wanted is None


def test_of_two_leads_of_one_moment_the_same_one_counts(matches: Any) -> None:
    """So that repeating one of them changes nothing."""
    twin = msgspec.structs.replace(MATCH, lead_key=MATCH.lead_key + "a")
    for match in (MATCH, twin, MATCH):
        matches.remember(match)
    assert known(matches) == twin


def test_what_holds_is_remembered_by_record(matches: Any) -> None:
    """Until something else holds of that record, or nothing does; when it was heard stays."""
    matches.remember(MATCH)
    matches.stand(known(matches), CONTACT_RECORD, {"stage:qualified", "tag:x"}, 100.0)
    matches.stand(known(matches), "o.1#", ["won"], 101.5)
    assert known(matches) == msgspec.structs.replace(
        MATCH,
        standing={CONTACT_RECORD: ("stage:qualified", "tag:x"), "o.1#": ("won",)},
        heard_at={CONTACT_RECORD: 100.0, "o.1#": 101.5},
    )
    matches.stand(known(matches), CONTACT_RECORD, (), 102.0)
    assert (known(matches).standing, known(matches).heard_at) == (
        {"o.1#": ("won",)}, {CONTACT_RECORD: 102.0, "o.1#": 101.5},
    )  # fmt: skip


def test_what_was_heard_earlier_never_follows_what_was_heard_later(matches: Any) -> None:
    """Also when the later one came in between."""
    matches.remember(MATCH)
    before = known(matches)
    matches.stand(before, "o1", ["won"], 200.0)
    matches.stand(before, "o1", ["lost"], 100.0)
    matches.stand(known(matches), "o1", ["lost"], 150.0)
    assert known(matches).standing == {"o1": ("won",)}
    # Of the same moment, the one that comes last.
    matches.stand(known(matches), "o1", ["lost"], 200.0)
    assert known(matches).standing == {"o1": ("lost",)}


def test_a_contact_that_was_erased_stays_erased(matches: Any) -> None:
    """What is heard of it afterwards brings nothing back."""
    matches.stand(MATCH, CONTACT_RECORD, ["won"], 100.0)
    assert matches.find([MATCH.key]) == {}


def test_what_is_heard_again_and_again_is_written_once_an_hour(matches: Any, calls: list[str]) -> None:
    """A busy contact costs reads; what it says of itself is the same."""
    matches.remember(MATCH)
    for at in (100.0, 101.0, 3699.0, 3700.0, 3701.0):
        matches.stand(known(matches), CONTACT_RECORD, ["won"], at)
    matches.stand(known(matches), CONTACT_RECORD, ["lost"], 99.0)
    writes = calls.count("UpdateItem") if calls else matches.writes
    assert (writes, known(matches).heard_at) == (3, {CONTACT_RECORD: 3700.0})


def test_a_contact_is_kept_a_year_from_its_last_change(aws: AwsAccount, clock: Clock) -> None:
    """A readable item that is no lead's."""
    matches = MatchLedger(aws.dynamodb, aws.table, now=clock)
    matches.remember(MATCH)
    clock.time += 10 * DAY
    matches.stand(MATCH, CONTACT_RECORD, ["won"], 100.0, wanted=["won"])
    [item] = aws.dynamodb.scan(TableName=aws.table)["Items"]
    assert aws.ledger() == {}
    assert item == {
        "pk": {"S": "conversions#l1#c1"},
        "location_id": {"S": "l1"},
        "contact_id": {"S": "c1"},
        "lead_key": {"S": "pinterest#1#9"},
        "account": {"S": "549755885175"},
        "route": {"S": "all"},
        "left_at": {"N": "1799990000250"},
        "user_data": {"M": {"em": {"L": [{"S": "a" * 64}, {"S": "b" * 64}]}, "ph": {"L": [{"S": "c" * 64}]}}},
        "is_test": {"BOOL": False},
        "standing": {"M": {"contact": {"L": [{"S": "won"}]}}},
        "heard_at": {"M": {"contact": {"N": "100000"}}},
        "wanted": {"L": [{"S": "won"}]},
        "updated_at": {"S": "2027-01-25T08:00:00.000+00:00"},
        "expires_at": {"N": str(int(clock()) + 365 * DAY)},
    }


class Sparing:
    """DynamoDB short of capacity: leaves out all but one of the keys of a batch read, `times` times."""

    def __init__(self, client: Any, times: int) -> None:
        self.client = client
        self.times = times

    def batch_get_item(self, *, RequestItems: dict[str, Any]) -> Any:  # noqa: N803
        [(table, asked)] = RequestItems.items()
        rest = asked["Keys"][1:] if self.times else []
        self.times -= 1
        keys = asked["Keys"][: len(asked["Keys"]) - len(rest)]
        answer = self.client.batch_get_item(RequestItems={table: asked | {"Keys": keys}})
        return answer | {"UnprocessedKeys": {table: asked | {"Keys": rest}} if rest else {}}


def test_keys_that_a_read_leaves_out_are_asked_for_again(aws: AwsAccount, clock: Clock) -> None:
    """Not for ever."""
    each = [msgspec.structs.replace(MATCH, contact_id=str(number)) for number in range(20)]
    for match in each:
        MatchLedger(aws.dynamodb, aws.table, now=clock).remember(match)
    keys = [match.key for match in each]
    patient = MatchLedger(Sparing(aws.dynamodb, 3), aws.table, now=clock, sleep=clock.sleep)
    assert list(patient.find(keys)) == keys
    assert clock.slept == [0.05, 0.1, 0.2]
    with pytest.raises(TryAgain, match="ledger_unavailable"):
        MatchLedger(Sparing(aws.dynamodb, 9), aws.table, now=clock, sleep=clock.sleep).find(keys)


class Line:
    """The queue, and what is in it for whoever looks now."""

    def __init__(self, account: AwsAccount) -> None:
        self.account = account
        self.url = account.sqs.create_queue(QueueName=account.table, Attributes={"VisibilityTimeout": "900"})[
            "QueueUrl"
        ]
        self.queue: Any = ConversionsQueue(lambda: account.sqs, self.url)

    def received(self) -> dict[str, str]:
        """Bodies by receipt handle."""
        found = {}
        while got := self.account.sqs.receive_message(QueueUrl=self.url, MaxNumberOfMessages=10).get("Messages"):
            found |= {message["ReceiptHandle"]: message["Body"] for message in got}
        return found


class LineInMemory:
    """The same of the fake."""

    def __init__(self) -> None:
        self.queue: Any = FakeConversionsQueue(gone={"gone"})

    def received(self) -> dict[str, str]:
        """Each body is its own handle; once some were hidden, only those are handed out whose time is over."""
        shown = {handle for handle, seconds in self.queue.holds if not seconds}
        return {body: body for body in self.queue.sent if body in shown or not self.queue.holds}


@pytest.fixture(params=["SQS", "memory"])
def line(request: pytest.FixtureRequest) -> Any:
    return LineInMemory() if request.param == "memory" else Line(request.getfixturevalue("aws"))


def test_messages_are_sent_and_hidden_by_the_dozen(line: Any) -> None:
    """More than fit one call; a handle that SQS does not know is not among the hidden ones."""
    line.queue.send([])
    line.queue.send([f'{{"n":{number}}}' for number in range(23)])
    received = line.received()
    assert sorted(received.values()) == sorted(f'{{"n":{number}}}' for number in range(23))
    now, later = list(received)[:12], list(received)[12:]
    holds = [(handle, 0) for handle in now] + [(handle, 60) for handle in later] + [("gone", 60)]
    assert line.queue.hold(holds) == set(received)
    assert sorted(line.received().values()) == sorted(received[handle] for handle in now)
    assert line.queue.hold([]) == set()


def test_large_messages_travel_in_calls_that_sqs_accepts() -> None:
    """Its limit counts bytes, not letters; a body that is too large for it goes alone."""
    sent: list[list[str]] = []

    class Taking:
        def send_message_batch(self, *, QueueUrl: str, Entries: list[dict[str, Any]]) -> Any:  # noqa: N803
            sent.append([entry["MessageBody"] for entry in Entries])
            return {"Successful": [{"Id": entry["Id"]} for entry in Entries]}

    bodies = ["ü" * 60 * 1024] * 5 + ["x" * 300 * 1024, "y"]
    ConversionsQueue(Taking, "url").send(bodies)
    assert [len(batch) for batch in sent] == [2, 2, 1, 1, 1]
    assert [body for batch in sent for body in batch] == bodies


class Sqs:
    """Takes all but the last entry of a batch, or answers with an error."""

    error: Exception | None = None

    def send_message_batch(self, *, QueueUrl: str, Entries: list[dict[str, Any]]) -> Any:  # noqa: N803
        if self.error:
            raise self.error
        taken = [{"Id": entry["Id"]} for entry in Entries[:-1]]
        return {"Successful": taken, "Failed": [{"Id": Entries[-1]["Id"], "Code": "InternalError"}]}

    change_message_visibility_batch = send_message_batch


def test_a_message_that_is_not_taken_is_noticed() -> None:
    """Whether SQS refuses one of them or all; hiding never raises."""
    sqs = Sqs()
    queue = ConversionsQueue(lambda: sqs, "url")
    with pytest.raises(TryAgain, match="conversions_queue_unavailable: SQS answered InternalError"):
        queue.send(["a", "b"])
    assert queue.hold([(str(number), 5) for number in range(14)]) == {str(number) for number in range(14)} - {"9", "13"}
    sqs.error = ClientError({"Error": {"Code": "AWS.SimpleQueueService.NonExistentQueue"}}, "SendMessageBatch")
    with pytest.raises(TryAgain, match="NonExistentQueue"):
        queue.send(["a"])
    assert queue.hold([("1", 5)]) == set()


def test_fakes_fail_when_told_to(clock: Clock) -> None:
    """As the real ones do when AWS does not answer."""
    ledger, matches, queue = (
        FakeConversionLedger(clock),
        FakeMatchLedger(broken=True),
        FakeConversionsQueue(broken=True),
    )
    mine = claim(ledger, clock)
    ledger.broken = {"sent"}
    for call in (lambda: ledger.sent(mine), lambda: matches.find(["k"]), lambda: queue.send(["a"])):
        with pytest.raises(TryAgain, match="_unavailable"):
            call()
    assert queue.hold([("h", 5)]) == set()
    assert refused(ledger, clock).state == SENDING
