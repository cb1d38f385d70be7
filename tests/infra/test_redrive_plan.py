"""Redriving: who goes first, when it stops, what counts as an outcome, and how SQS moves all."""

from types import SimpleNamespace

import pytest
from botocore.exceptions import ClientError

from infra.cli.dead import move_all
from infra.cli.dead.interruption import Interruption
from infra.cli.dead.parked_message import DeadLetter
from infra.cli.dead.redrive import PATIENT, anew, batches, outcome_of, why_stop
from infra.cli.faults import CommandFailed
from infra.cli.story.ledger import LedgerLead


def letter(number: int, **changes: object) -> DeadLetter:
    facts = {"source": "pinterest", "lead_id": str(number), "key": f"pinterest#1#{number}", **changes}
    return DeadLetter(message_id=f"m{number}", receipt_handle="", body="", attributes={}, **facts)


def sizes(count: int, **how: bool) -> list[int]:
    return [len(batch) for batch in batches([letter(number) for number in range(count)], **how)]


class TestBatches:
    @pytest.mark.parametrize(
        ("count", "expected"), [(0, []), (1, [1]), (4, [1, 3]), (11, [1, 10]), (12, [1, 10, 1]), (500, [1, 10, 489])]
    )
    def test_one_then_ten_then_the_rest(self, count, expected):
        """As far as there are any."""
        assert sizes(count, canary=True) == expected

    def test_without_a_canary_all_go_at_once(self):
        """For whoever knows."""
        assert sizes(500, canary=False) == [500]

    def test_those_go_first_whose_outcome_can_be_seen(self):
        """Neither what is no lead nor a removal has an item in the ledger that would change."""
        blind = [letter(1, key="", source=""), letter(2, source="leadconnector", lead_id="note-2-removed")]
        [[first], _] = batches([*blind, letter(3)], canary=True)
        assert first.lead_id == "3"

    def test_changes_of_what_was_delivered_before_go_behind_leads(self):
        """One that is out of date by now leaves no trace, and would stop everything as a canary."""
        change = letter(1, source="leadconnector", lead=lead("delivered", source="leadconnector"))
        [[first], _] = batches([change, letter(2)], canary=True)
        assert first.lead_id == "2"


class TestStop:
    @pytest.mark.parametrize("outcome", ["parked", "undeliverable"])
    def test_the_first_one_must_succeed(self, outcome):
        """Else the others do not go."""
        assert why_stop(0, [outcome], 1, canary=True) == "the first one failed again"

    def test_no_outcome_is_none_that_would_let_the_others_go(self):
        """And it is not called a failure."""
        assert why_stop(0, ["waiting"], 1, canary=True) == "the first one had no outcome in time"
        assert why_stop(1, ["parked", "waiting", "waiting"], 10, canary=True) == (
            "1 of the first 10 failed again and 2 of the first 10 had no outcome in time"
        )

    @pytest.mark.parametrize("outcome", ["delivered", "ignored", "unknown"])
    def test_what_did_not_fail_lets_the_others_go(self, outcome):
        """Ignored is what the route wants."""
        assert why_stop(0, [outcome], 1, canary=True) == ""

    def test_of_ten_two_may_fail(self):
        """A fifth; and it stops at the third, not at the end."""
        assert why_stop(1, ["delivered"] * 8 + ["parked"] * 2, 10, canary=True) == ""
        assert why_stop(1, ["parked"] * 3, 10, canary=True) == "3 of the first 10 failed again"

    def test_of_the_last_fifty_five_may_fail(self):
        """A tenth; earlier ones are forgotten, and one that only waits for its turn is no failure."""
        assert why_stop(2, ["delivered"] * 45 + ["parked"] * 5, 400, canary=True) == ""
        assert why_stop(2, ["parked"] * 6 + ["delivered"] * 50, 400, canary=True) == ""
        assert why_stop(2, ["waiting"] * 50, 400, canary=True) == ""
        assert why_stop(2, ["delivered"] * 10 + ["undeliverable"] * 6, 400, canary=True) == (
            "6 of the last 16 failed again"
        )

    def test_without_a_canary_the_first_batch_is_the_rest(self):
        """One failure among the first does not stop it."""
        assert why_stop(0, ["parked"], 400, canary=False) == ""


def lead(status: str, at: str = "1", **changes: str) -> LedgerLead:
    return LedgerLead(key="k", status=status, updated_at=at, **changes)


class TestOutcome:
    @pytest.mark.parametrize("status", ["delivered", "ignored"])
    def test_what_is_over_is_over(self, status):
        """Also when it was over before, as a lead may come by another way meanwhile."""
        assert outcome_of(lead(status), lead(status)) == status

    @pytest.mark.parametrize("status", ["parked", "undeliverable"])
    def test_an_old_verdict_is_no_outcome(self, status):
        """Only one that was given since."""
        assert outcome_of(lead(status), lead(status)) == "waiting"
        assert outcome_of(lead(status), lead(status, at="2")) == status
        assert outcome_of(None, lead(status)) == status

    @pytest.mark.parametrize("status", ["delivered", "ignored"])
    def test_an_old_verdict_on_a_record_that_changes_is_no_outcome(self, status):
        """It may be one on an earlier change."""
        before = lead(status, source="leadconnector")
        assert outcome_of(before, before) == "waiting"
        assert outcome_of(before, lead(status, at="2", source="leadconnector")) == status

    @pytest.mark.parametrize("reason", sorted(PATIENT))
    def test_a_lead_that_only_waits_for_its_turn_has_not_failed(self, reason):
        """It uses up no attempt, and comes by itself."""
        assert outcome_of(lead("undeliverable"), lead("parked", at="2", reason=reason)) == "waiting"

    def test_a_lead_in_somebodys_hands_has_none_yet(self):
        """Nor has one that the ledger does not know."""
        assert outcome_of(lead("parked"), lead("claimed", at="2")) == "waiting"
        assert outcome_of(None, None) == "waiting"


@pytest.mark.parametrize(
    ("source", "updated_at", "since"),
    [
        ("pinterest", "1970-01-01T00:00:01Z", "delivered"),
        ("leadconnector", "1970-01-01T00:00:01Z", ""),
        ("leadconnector", "1970-01-01T00:00:03Z", "delivered"),
    ],
)
def test_a_record_that_changes_is_delivered_since_only_if_it_was_after_it_was_parked(source, updated_at, since):
    """Any other lead is delivered once for all."""
    it = letter(1, source=source, parked_at=2.0, lead=lead("delivered", at=updated_at))
    assert it.ended_since == since
    assert letter(1).ended_since == ""


def test_a_test_lead_goes_by_the_last_part_of_its_key():
    """As the id is that of all of them."""
    assert letter(1, lead_id="TEST_API", key="pinterest#1#abc").goes_by("abc")
    assert not letter(1, lead_id="", key="").goes_by("")


def test_a_redriven_lead_has_all_its_attempts():
    """Its other attributes stay as they are, without what SQS adds to them."""
    old = {
        "reason": {"DataType": "String", "StringValue": "x", "BinaryListValues": []},
        "attempt": {"DataType": "Number", "StringValue": "6"},
    }
    assert anew(DeadLetter("m", "r", "b", old)) == {
        "reason": {"DataType": "String", "StringValue": "x"},
        "attempt": {"DataType": "Number", "StringValue": "0"},
    }


class _Queues:
    """Two queues of an endpoint that moves messages, or answers `code`."""

    def __init__(self, code: str = "", *statuses: str) -> None:
        self.code = code
        self.statuses = list(statuses) or ["COMPLETED"]
        self.moved: SimpleNamespace | None = None
        self.cancelled = ""

    def get_queue_attributes(self, **asked):
        return {"Attributes": {"QueueArn": f"arn:{asked['QueueUrl']}"}}

    def start_message_move_task(self, **asked):
        if self.code:
            raise ClientError({"Error": {"Code": self.code}}, "StartMessageMoveTask")
        self.moved = SimpleNamespace(**asked)

    def list_message_move_tasks(self, **_):
        task = {"Status": self.statuses.pop(0), "TaskHandle": "t", "ApproximateNumberOfMessagesToMove": 9}
        return {"Results": [task | {"ApproximateNumberOfMessagesMoved": 7, "FailureReason": "AccessDenied"}]}

    def cancel_message_move_task(self, **asked):
        self.cancelled = asked["TaskHandle"]


def moved(queues: _Queues, *, interrupted: bool = False) -> int:
    return move_all.wait(queues, "dead", lambda *_: None, Interruption(interrupted), sleep=lambda _: None)


class TestMoveAll:
    def test_redriving_names_its_destination(self):
        """Back to the source is refused for messages sent by hand; the rate is one that SQS takes."""
        queues = _Queues()
        assert move_all.start(queues, "dead", "failed", 0.2)
        assert (queues.moved.SourceArn, queues.moved.DestinationArn) == ("arn:dead", "arn:failed")
        assert queues.moved.MaxNumberOfMessagesPerSecond == 1

    def test_an_endpoint_that_cannot_says_so(self):
        """Then they are moved one by one."""
        assert not move_all.start(_Queues("InvalidAction"), "dead", "failed", 10)

    def test_redriving_without_permission_is_told_not_worked_around(self):
        """The error ends the command."""
        with pytest.raises(ClientError):
            move_all.start(_Queues("AccessDenied"), "dead", "failed", 10)

    def test_it_is_waited_for(self):
        """And counted."""
        assert moved(_Queues("", "RUNNING", "RUNNING", "COMPLETED")) == 7

    def test_a_move_that_sqs_gave_up_is_told_with_its_reason(self):
        """And what is left is safe."""
        with pytest.raises(CommandFailed, match=r"FAILED after 7: AccessDenied\. What was not moved still waits"):
            moved(_Queues("", "RUNNING", "FAILED"))

    def test_ctrl_c_cancels_it(self):
        """SQS would go on without us."""
        queues = _Queues("", "RUNNING")
        with pytest.raises(CommandFailed, match="cancelled after 7"):
            moved(queues, interrupted=True)
        assert queues.cancelled == "t"
