"""The ledger in DynamoDB and the one in memory keep the same promises."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import boto3
import msgspec
import pytest
from botocore.exceptions import ClientError

from leads.adapters.ledger_table import LedgerTable
from leads.core.errors import TryAgain
from leads.core.lead import Envelope, Lead
from leads.core.ledger import UNKNOWN, Claim, Progress, Standing, State, Status
from tests.fakes import Clock, FakeLedger
from tests.integration.conftest import AwsAccount

WRITTEN = Progress(contact_id="c1", location_id="l1", steps={"contact": "c1"}, remarks=("The phone was refused.",))
ENVELOPE = Envelope(source="pinterest", account="1", lead_id="9", raw={}, received_at="", seal="a" * 64)


def lead(lead_id: str = "9", seal: str = "a" * 64) -> Lead:
    return Lead(
        source="pinterest",
        account="1",
        form="2",
        lead_id=lead_id,
        ledger_key=f"pinterest#1#{lead_id}",
        seal=seal,
        is_test=False,
        created_at=None,
        answers={},
    )


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["DynamoDB", "memory"])
def ledger(request: pytest.FixtureRequest, clock: Clock) -> Any:
    if request.param == "memory":
        return FakeLedger(clock)
    account: AwsAccount = request.getfixturevalue("aws")
    return LedgerTable(account.dynamodb, account.table, now=clock)


def claim(ledger: Any, clock: Clock, **changes: Any) -> Claim:
    claimed = ledger.claim(lead(**changes), until=clock() + 30, message_id="")
    assert isinstance(claimed, Claim)
    return claimed


def refused(ledger: Any, clock: Clock, message_id: str = "", **changes: Any) -> Standing:
    standing = ledger.claim(lead(**changes), until=clock() + 30, message_id=message_id)
    assert isinstance(standing, Standing)
    return standing


def test_a_new_lead_can_be_claimed_once(ledger: Any, clock: Clock) -> None:
    """The second asker learns until when it is taken."""
    claim(ledger, clock)
    standing = refused(ledger, clock)
    assert (standing.status, standing.claimed_until) == (Status.CLAIMED, clock() + 30)


def test_a_claim_ends_with_its_time(ledger: Any, clock: Clock) -> None:
    """Its owner is dead by then."""
    claim(ledger, clock)
    clock.time += 31
    claim(ledger, clock)


def test_a_delivered_lead_is_never_claimed_again(ledger: Any, clock: Clock) -> None:
    """And the asker learns which contact it became."""
    ledger.finish(claim(ledger, clock), progress=WRITTEN)
    standing = refused(ledger, clock)
    assert (standing.status, standing.contact_id, standing.replayed) == (Status.DELIVERED, "c1", False)


def test_a_parked_lead_is_free(ledger: Any, clock: Clock) -> None:
    """Parking lets go of the claim."""
    ledger.park(ENVELOPE, reason="contacts_api_5xx", claim=claim(ledger, clock))
    claim(ledger, clock)


def test_a_parked_lead_keeps_how_far_it_came(ledger: Any, clock: Clock) -> None:
    """The next attempt does only what is missing, and looks before it repeats what may have happened."""
    progress = Progress(contact_id="c1", location_id="l1", steps={"contact": "c1", "note": UNKNOWN}, remarks=("Hm.",))
    first = claim(ledger, clock)
    assert (first.progress, first.doubtful) == (Progress(), False)
    ledger.park(ENVELOPE, reason="contacts_api_timeout", claim=first, progress=progress)
    clock.time += 60
    second = claim(ledger, clock)
    assert (second.progress, second.doubtful, second.first_seen_at) == (progress, False, clock() - 60)
    ledger.give_up(ENVELOPE, reason="rejected", message_id="m1", claim=second)
    assert claim(ledger, clock).progress == progress


def test_a_claim_left_behind_by_the_dead_is_doubtful(ledger: Any, clock: Clock) -> None:
    """Nobody wrote down what the dead one did; parking ends the doubt, for it writes that down."""
    claim(ledger, clock)
    clock.time += 31
    heir = claim(ledger, clock)
    assert heir.doubtful
    ledger.park(ENVELOPE, reason="x", claim=heir, progress=Progress())
    assert not claim(ledger, clock).doubtful


def test_of_two_heirs_one_claims_the_lead(aws: AwsAccount, clock: Clock) -> None:
    """Both have read the same parked item; the second one's claim is for an item that is no more."""
    ledger = LedgerTable(aws.dynamodb, aws.table, now=clock)
    ledger.park(ENVELOPE, reason="x", claim=claim(ledger, clock))
    others: list[Any] = []

    def overtake(**_: Any) -> None:
        if not others:
            others.append(None)
            others.append(LedgerTable(boto3.client("dynamodb", "us-east-1"), aws.table, now=clock))
            others.append(claim(others[1], clock))

    calls: list[str] = []
    aws.dynamodb.meta.events.register("before-call.dynamodb", lambda model, **_: calls.append(model.name))
    aws.dynamodb.meta.events.register("before-call.dynamodb", lambda **_: overtake() if len(calls) == 2 else None)
    assert refused(ledger, clock).status is Status.CLAIMED


def test_an_unwanted_lead_is_remembered(ledger: Any, clock: Clock) -> None:
    """The user's routes filtered it out: done with, and a resend meets that."""
    ledger.ignore(claim(ledger, clock), reason="filtered_out")
    standing = refused(ledger, clock)
    assert (standing.status, standing.reason) == (Status.IGNORED, "filtered_out")


def test_a_verdict_binds_its_own_message_only(ledger: Any, clock: Clock) -> None:
    """The same message is refused with the reason, another one may try."""
    assert ledger.give_up(ENVELOPE, reason="rejected", message_id="m1", claim=claim(ledger, clock)) is None
    standing = refused(ledger, clock, "m1")
    assert (standing.status, standing.reason) == (Status.UNDELIVERABLE, "rejected")
    assert isinstance(ledger.claim(lead(), until=clock() + 30, message_id="m2"), Claim)


def test_giving_up_twice_on_one_message_is_news_once(ledger: Any, clock: Clock) -> None:
    """So that a lead is counted once however often its message comes by."""
    assert ledger.give_up(ENVELOPE, reason="cannot_decrypt", message_id="m1", claim=None) is None
    met = ledger.give_up(ENVELOPE, reason="cannot_decrypt", message_id="m1", claim=None)
    assert met is not None
    assert (met.status, met.is_final) == (Status.UNDELIVERABLE, False)
    assert ledger.give_up(ENVELOPE, reason="cannot_decrypt", message_id="m2", claim=None) is None


def test_parking_without_a_claim_never_overwrites_an_owner_or_a_delivery(ledger: Any, clock: Clock) -> None:
    """Junk under a known id changes nothing."""
    mine = claim(ledger, clock)
    ledger.park(ENVELOPE, reason="cannot_decrypt", claim=None)
    assert refused(ledger, clock).status is Status.CLAIMED
    ledger.finish(mine, progress=WRITTEN)
    ledger.park(ENVELOPE, reason="cannot_decrypt", claim=None)
    assert refused(ledger, clock).status is Status.DELIVERED


def test_an_owner_whose_claim_passed_on_changes_nothing_any_more(ledger: Any, clock: Clock) -> None:
    """It wakes up late; the lead is in other hands."""
    late = claim(ledger, clock)
    clock.time += 31
    claim(ledger, clock)
    ledger.finish(late, progress=WRITTEN)
    ledger.park(ENVELOPE, reason="x", claim=late)
    assert refused(ledger, clock).status is Status.CLAIMED


def test_one_ciphertext_belongs_to_one_lead(ledger: Any, clock: Clock) -> None:
    """Under another id it is a replay; under its own it may be claimed again."""
    ledger.park(ENVELOPE, reason="x", claim=claim(ledger, clock))
    assert refused(ledger, clock, lead_id="10").replayed
    claim(ledger, clock)


def test_a_lead_without_a_seal_is_claimed_by_its_id_alone(ledger: Any, clock: Clock) -> None:
    """Sources that send ids only have nothing to replay."""
    claim(ledger, clock, seal="")
    assert refused(ledger, clock, seal="").status is Status.CLAIMED


def test_a_table_that_does_not_answer_is_a_reason_to_try_again(aws: AwsAccount, clock: Clock) -> None:
    """Whatever call it is."""
    client = boto3.client("dynamodb", "us-east-1")
    ledger = LedgerTable(client, "no-such-table", now=clock)
    for call in (
        lambda: ledger.claim(lead(), until=clock() + 1, message_id=""),
        lambda: ledger.finish(Claim(key="k", owner="o"), progress=WRITTEN),
        lambda: ledger.park(ENVELOPE, reason="x", claim=None),
    ):
        with pytest.raises(TryAgain) as caught:
            call()
        assert caught.value.reason == "ledger_unavailable"


def test_a_happy_lead_costs_two_writes_and_leaves_a_readable_item(aws: AwsAccount, clock: Clock) -> None:
    """Claim and finish; ids, times and outcome are there for whoever looks."""
    calls: list[str] = []
    aws.dynamodb.meta.events.register("before-call.dynamodb", lambda model, **_: calls.append(model.name))
    ledger = LedgerTable(aws.dynamodb, aws.table, now=clock)
    ledger.finish(claim(ledger, clock), progress=WRITTEN)
    assert calls == ["TransactWriteItems", "UpdateItem"]
    item = aws.ledger()["pinterest#1#9"]
    assert {name: next(iter(value.values())) for name, value in item.items() if name != "claim_owner"} == {
        "pk": "pinterest#1#9",
        "status": "delivered",
        "contact_id": "c1",
        "location_id": "l1",
        "steps": {"contact": {"S": "c1"}},
        "remarks": [{"S": "The phone was refused."}],
        "attempts": "1",
        "first_seen_at": "2027-01-15T08:00:00.000+00:00",
        "updated_at": "2027-01-15T08:00:00.000+00:00",
        "expires_at": str(int(clock()) + 90 * 86_400),
    }


def test_a_finished_lead_stays_finished_when_its_owner_did_not_hear_of_it(ledger: Any, clock: Clock) -> None:
    """The finish was applied and its answer lost; putting the lead back must not undo it."""
    mine = claim(ledger, clock)
    ledger.finish(mine, progress=WRITTEN)
    ledger.park(ENVELOPE, reason="ledger_unavailable", claim=mine)
    assert refused(ledger, clock).status is Status.DELIVERED


class Conflicting:
    """DynamoDB while a transaction on the same item is under way: refuses the first `times` plain updates."""

    def __init__(self, client: Any, times: int) -> None:
        self.client = client
        self.times = times

    def update_item(self, **options: Any) -> Any:
        if self.times:
            self.times -= 1
            raise ClientError({"Error": {"Code": "TransactionConflictException"}}, "UpdateItem")
        return self.client.update_item(**options)


@pytest.mark.parametrize(("conflicts", "finished"), [(0, True), (3, True), (9, False)])
def test_a_finish_outlasts_the_transaction_of_a_second_delivery(
    aws: AwsAccount, clock: Clock, conflicts: int, finished: bool
) -> None:
    """The same lead, twice at once: the loser's claim is a transaction, and refuses our update for a moment."""
    mine = claim(LedgerTable(aws.dynamodb, aws.table, now=clock), clock)
    ledger = LedgerTable(Conflicting(aws.dynamodb, conflicts), aws.table, now=clock)
    with nullcontext() if finished else pytest.raises(TryAgain, match="ledger_unavailable"):
        ledger.finish(mine, progress=WRITTEN)
    assert (aws.ledger()["pinterest#1#9"]["status"]["S"] == "delivered") is finished


def test_a_lead_can_be_looked_up_by_its_key(ledger: Any, clock: Clock) -> None:
    """With the contact and the steps of its delivery; one that nobody knows is not there."""
    assert ledger.look("pinterest#1#9") is None
    ledger.finish(claim(ledger, clock), progress=WRITTEN)
    known = ledger.look("pinterest#1#9")
    assert (known.status, known.contact_id, known.location_id, known.steps) == (
        Status.DELIVERED, "c1", "l1", {"contact": "c1"},
    )  # fmt: skip


def test_a_counterpart_is_known_as_delivered_unless_it_was_known_before(ledger: Any, clock: Clock) -> None:
    """It has no steps, as nothing was delivered; what is known of a record is not overwritten."""
    ledger.pair("leadconnector#b#c2", contact_id="c1", location_id="a")
    known = ledger.look("leadconnector#b#c2")
    assert (known.status, known.contact_id, known.location_id, known.steps) == (Status.DELIVERED, "c1", "a", {})
    ledger.finish(claim(ledger, clock), progress=WRITTEN)
    ledger.pair("pinterest#1#9", contact_id="c3", location_id="a")
    assert ledger.look("pinterest#1#9").contact_id == "c1"


def test_whoever_cannot_park_a_lead_learns_how_it_stands(ledger: Any, clock: Clock) -> None:
    """One that cannot be opened any more may have been delivered long ago."""
    ledger.finish(claim(ledger, clock), progress=WRITTEN)
    met = ledger.park(ENVELOPE, reason="cannot_decrypt", claim=None)
    assert (met.status, met.contact_id, met.is_final) == (Status.DELIVERED, "c1", True)


def test_a_record_that_was_not_wanted_can_be_claimed_once_it_has_changed(ledger: Any, clock: Clock) -> None:
    """A filter that held it back may let it pass now; a lead that never changes stays ignored."""
    ledger.ignore(claim(ledger, clock), reason="filtered_out")
    assert refused(ledger, clock).status is Status.IGNORED
    changed = msgspec.structs.replace(lead(seal=""), revision="2")
    assert isinstance(ledger.claim(changed, until=clock() + 30, message_id=""), Claim)


def test_a_record_of_a_crm_is_remembered_for_years(aws: AwsAccount, clock: Clock) -> None:
    """It may change long after an ad's lead would have been forgotten."""
    table = LedgerTable(aws.dynamodb, aws.table, now=clock)
    kept = {}
    for name, it in {
        "record": msgspec.structs.replace(lead(seal=""), revision="1"),
        "lead": lead("10", seal=""),
    }.items():
        table.claim(it, until=clock() + 30, message_id="")
        item = aws.dynamodb.get_item(TableName=aws.table, Key={"pk": {"S": it.ledger_key}})["Item"]
        kept[name] = round((int(item["expires_at"]["N"]) - clock()) / 86_400)
    assert kept == {"record": 5 * 365, "lead": 90}


def test_a_parked_lead_that_turned_out_unwanted_waits_no_more(ledger: Any, clock: Clock) -> None:
    """What was delivered stays delivered."""
    ledger.park(ENVELOPE, reason="x", claim=claim(ledger, clock))
    ledger.drop(ENVELOPE, reason="deleted_at_source")
    known = ledger.look("pinterest#1#9")
    assert (known.status, known.reason) == (Status.IGNORED, "deleted_at_source")


def record(revision: str, changed_at: float | None = None) -> Lead:
    return msgspec.structs.replace(lead(seal=""), revision=revision, changed_at=changed_at)


def delivered(ledger: Any, clock: Clock, lead: Lead) -> Claim:
    claimed = ledger.claim(lead, until=clock() + 30, message_id="")
    assert isinstance(claimed, Claim)
    ledger.finish(claimed, progress=WRITTEN, state=State(revision=lead.revision, changed_at=lead.changed_at))
    return claimed


def test_a_record_is_delivered_once_in_each_state(ledger: Any, clock: Clock) -> None:
    """The second time as news of the contact that it became, with none of the first time's steps."""
    assert not delivered(ledger, clock, record("a")).is_update
    assert ledger.claim(record("a"), until=clock() + 30, message_id="").status is Status.DELIVERED
    news = delivered(ledger, clock, record("b"))
    assert (news.is_update, news.progress) == (True, Progress(contact_id="c1", location_id="l1"))
    # A value that comes back is news again.
    assert delivered(ledger, clock, record("a")).is_update


def test_an_older_state_never_follows_a_later_one(ledger: Any, clock: Clock) -> None:
    """Events come in any order."""
    delivered(ledger, clock, record("b", changed_at=200.0))
    assert ledger.claim(record("a", changed_at=100.0), until=clock() + 30, message_id="").status is Status.DELIVERED
    delivered(ledger, clock, record("c", changed_at=300.0))


def test_news_of_a_record_that_waits_is_news_again(ledger: Any, clock: Clock) -> None:
    """Its first delivery is not forgotten, nor the contact."""
    delivered(ledger, clock, record("a"))
    waiting = ledger.claim(record("b"), until=clock() + 30, message_id="")
    ledger.park(ENVELOPE, reason="x", claim=waiting, progress=Progress(contact_id="c1", location_id="l1"))
    again = ledger.claim(record("c"), until=clock() + 30, message_id="m1")
    assert (again.is_update, again.progress.contact_id) == (True, "c1")


def test_a_counterpart_stays_one(ledger: Any, clock: Clock) -> None:
    """Also when it was on its way already, and after it was delivered."""
    on_its_way = ledger.claim(record("a"), until=clock() + 30, message_id="")
    ledger.pair("pinterest#1#9", contact_id="c2", location_id="l2")
    ledger.finish(on_its_way, progress=WRITTEN, state=State(revision="a"))
    assert ledger.look("pinterest#1#9").is_counterpart
    ledger.pair("leadconnector#b#c9", contact_id="c1", location_id="a")
    assert ledger.look("leadconnector#b#c9").is_counterpart
