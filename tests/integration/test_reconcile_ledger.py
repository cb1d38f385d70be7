"""What DynamoDB keeps of runs and what memory keeps of them keep the same promises; and the queue that wakes them."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from botocore.exceptions import ClientError

from leads.adapters.ledger_table import LedgerTable
from leads.adapters.reconcile_ledger import ReconcileLedger
from leads.adapters.reconcile_queue import ReconcileQueue
from leads.core.errors import TryAgain
from leads.core.lead import Envelope, Lead
from leads.core.ledger import Claim, Progress, Status
from leads.core.reconciling import COMPLETE, FAILED, SKIPPED, Counts, Known, Run, Scope, ScopeProgress, Unlisted
from tests.fakes import Clock
from tests.integration.conftest import AwsAccount
from tests.reconcile_world import FakeRuns, TimedLedger

SCOPE = Scope(source="facebook", account="1", form="2", since=1_799_900_000.5, until=1_800_000_000.0)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["DynamoDB", "memory"])
def stores(request: pytest.FixtureRequest, clock: Clock) -> tuple[Any, Any]:
    """The runs, and the ledger of leads they look into."""
    if request.param == "memory":
        leads = TimedLedger(clock)
        return FakeRuns(clock, leads), leads
    account: AwsAccount = request.getfixturevalue("aws")
    leads_table = LedgerTable(account.dynamodb, account.table, now=clock)
    return ReconcileLedger(account.dynamodb, account.table, now=clock), leads_table


@pytest.fixture
def runs(stores: tuple[Any, Any]) -> Any:
    return stores[0]


def lead(lead_id: str) -> Lead:
    return Lead(
        source="facebook",
        account="1",
        form="2",
        lead_id=lead_id,
        ledger_key=f"facebook#1#{lead_id}",
        seal="",
        is_test=False,
        created_at=None,
        answers={},
    )


def envelope(lead_id: str) -> Envelope:
    return Envelope(source="facebook", account="1", lead_id=lead_id, raw={}, received_at="")


def test_how_leads_stand_is_read_for_many_at_once(stores: tuple[Any, Any], clock: Clock) -> None:
    """More than fit one call; those that nobody knows are left out."""
    runs, leads = stores
    claimed = leads.claim(lead("claimed"), until=clock() + 30, message_id="")
    done = leads.claim(lead("done"), until=clock() + 30, message_id="")
    assert isinstance(claimed, Claim)
    clock.time += 5
    leads.finish(done, progress=Progress(contact_id="c"))
    leads.park(envelope("parked"), reason="x", claim=None)
    leads.give_up(envelope("hopeless"), reason="x", message_id="m", claim=None)
    keys = [f"facebook#1#{name}" for name in ("claimed", "done", "parked", "hopeless", *map(str, range(240)))]
    at = clock()
    assert runs.known(keys) == {
        keys[0]: Known(status=Status.CLAIMED, updated_at=at - 5, claimed_until=at + 25),
        keys[1]: Known(status=Status.DELIVERED, updated_at=at),
        keys[2]: Known(status=Status.PARKED, updated_at=at),
        keys[3]: Known(status=Status.UNDELIVERABLE, updated_at=at),
    }
    assert runs.known([]) == {}


def test_an_order_is_remembered_whole(runs: Any) -> None:
    """With as many forms as there may be."""
    scopes = tuple(msgspec.structs.replace(SCOPE, form=str(number)) for number in range(2_500))
    unset = Unlisted(source="pinterest", account="", status=SKIPPED, reason="misconfigured", detail="Store a key.")
    run = Run(id="r1", scopes=scopes, unlisted=(unset,))
    runs.keep(run)
    runs.keep(Run(id="r2"))
    assert (runs.run("r1"), runs.run("r2"), runs.run("r3")) == (run, Run(id="r2"), None)


def test_a_scope_is_one_owner_s_at_a_time(runs: Any, clock: Clock) -> None:
    """The next has to wait until its time is over; another run's scope is another scope."""
    begun = runs.take("r", SCOPE, owner="a", until=clock() + 300)
    assert begun == ScopeProgress(run="r", scope=SCOPE, owner="a", free_at=clock() + 300, started_at=clock())
    met = runs.take("r", SCOPE, owner="b", until=clock() + 300)
    assert (met.owner, met.free_at) == ("a", clock() + 300)
    assert runs.take("r2", SCOPE, owner="b", until=clock() + 300).owner == "b"
    clock.time += 300
    taken = runs.take("r", SCOPE, owner="b", until=clock() + 300)
    assert (taken.owner, taken.started_at) == ("b", clock() - 300)


def test_whoever_lost_a_scope_changes_nothing(runs: Any, clock: Clock) -> None:
    """The progress of its next owner stands."""
    first = runs.take("r", SCOPE, owner="a", until=clock() + 300)
    clock.time += 301
    second = runs.take("r", SCOPE, owner="b", until=clock() + 300)
    assert not runs.save(msgspec.structs.replace(first, cursor="old"))
    assert runs.progress("r", [SCOPE]) == {SCOPE: second}
    assert runs.save(msgspec.structs.replace(second, cursor="new"))
    assert runs.progress("r", [SCOPE])[SCOPE].cursor == "new"


def test_progress_is_kept_whole(runs: Any, clock: Clock) -> None:
    """And found again by whoever takes the scope next, and by the report."""
    begun = runs.take("r", SCOPE, owner="a", until=clock() + 300)
    progress = msgspec.structs.replace(
        begun,
        free_at=clock(),
        cursor="c" * 4096,
        counts=Counts(platform=7, delivered=1, ignored=1, parked=1, undeliverable=1, fetched=2, missing=1),
        missing_ids=("9", "10"),
        trying=("facebook#1#9", "facebook#1#10"),
        trying_since=clock() - 0.25,
        failures=3,
        reason="graph_5xx",
        detail="HTTP 500",
    )
    assert runs.save(progress)
    assert runs.progress("r", [SCOPE]) == {SCOPE: progress}
    again = runs.take("r", SCOPE, owner="b", until=clock() + 300)
    assert again == msgspec.structs.replace(progress, owner="b", free_at=clock() + 300)


@pytest.mark.parametrize("status", [COMPLETE, FAILED])
def test_a_scope_that_has_ended_is_never_taken_again(runs: Any, clock: Clock, status: str) -> None:
    """A message that comes late finds that out."""
    begun = runs.take("r", SCOPE, owner="a", until=clock())
    runs.save(msgspec.structs.replace(begun, status=status))
    clock.time += 1000
    late = runs.take("r", SCOPE, owner="b", until=clock() + 300)
    assert (late.owner, late.status, late.has_ended) == ("a", status, True)


def test_scopes_that_nobody_has_begun_are_left_out(runs: Any, clock: Clock) -> None:
    """The report says that they wait."""
    runs.take("r", SCOPE, owner="a", until=clock() + 300)
    other = msgspec.structs.replace(SCOPE, form="3")
    assert list(runs.progress("r", [SCOPE, other])) == [SCOPE]


class Client:
    """A DynamoDB client that leaves keys out of a batch, or loses answers."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.leaves_out = 0
        self.loses = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def batch_get_item(self, *, RequestItems: dict[str, Any]) -> Any:  # noqa: N803
        [(table, request)] = RequestItems.items()
        if not self.leaves_out:
            return self._client.batch_get_item(RequestItems=RequestItems)
        self.leaves_out -= 1
        keys = request["Keys"]
        answer = self._client.batch_get_item(RequestItems={table: request | {"Keys": keys[:1]}})
        left = {table: request | {"Keys": keys[1:]}} if keys[1:] else {}
        return {"Responses": answer["Responses"], "UnprocessedKeys": left}

    def update_item(self, **request: Any) -> Any:
        if self.loses:
            # What botocore does when no answer came: it asks once more.
            self.loses -= 1
            self._client.update_item(**request)
        return self._client.update_item(**request)


def test_keys_that_a_batch_leaves_out_are_asked_for_again(aws: AwsAccount, clock: Clock) -> None:
    """Not forever: a table that answers so little is not there."""
    client = Client(aws.dynamodb)
    leads = LedgerTable(aws.dynamodb, aws.table, now=clock)
    runs = ReconcileLedger(client, aws.table, now=clock, sleep=clock.sleep)
    names = [str(number) for number in range(9)]
    for name in names:
        leads.park(envelope(name), reason="x", claim=None)
    client.leaves_out = 3
    keys = [f"facebook#1#{name}" for name in names]
    assert set(runs.known(keys)) == set(keys)
    assert clock.slept == [0.05, 0.1, 0.2]
    client.leaves_out = 99
    with pytest.raises(TryAgain, match="ledger_unavailable"):
        runs.known(keys)


def test_a_scope_is_ours_though_the_answer_got_lost(aws: AwsAccount, clock: Clock) -> None:
    """The repeated call is refused, by our own name."""
    client = Client(aws.dynamodb)
    runs = ReconcileLedger(client, aws.table, now=clock)
    client.loses = 1
    taken = runs.take("r", SCOPE, owner="a", until=clock() + 300)
    assert taken.owner == "a"
    client.loses = 1
    assert runs.save(taken)


def test_items_end_with_the_ledger_s(aws: AwsAccount, clock: Clock) -> None:
    """And hold ids, codes and times under names that read well in the console."""
    runs = ReconcileLedger(aws.dynamodb, aws.table, now=clock)
    runs.keep(Run(id="r", scopes=(SCOPE,)))
    runs.save(runs.take("r", SCOPE, owner="a", until=clock() + 300))
    items = {item["pk"]["S"]: item for item in aws.dynamodb.scan(TableName=aws.table)["Items"]}
    assert items.keys() == {"reconcile#r", "reconcile#r#facebook#1#2"}
    assert {item["expires_at"]["N"] for item in items.values()} == {str(int(clock()) + 90 * 86_400)}
    assert items["reconcile#r#facebook#1#2"].keys() == {
        "pk", "source", "account", "form", "status", "owner", "free_at", "started_at", "updated_at", "expires_at",
        "cursor", "counts", "missing_ids", "trying", "trying_since", "failures", "reason", "detail",
    }  # fmt: skip


def test_a_table_that_does_not_answer_is_a_fate(aws: AwsAccount, clock: Clock) -> None:
    """Every method says so in the same way."""
    runs = ReconcileLedger(aws.dynamodb, "no-such-table", now=clock)
    progress = ScopeProgress(run="r", scope=SCOPE)
    for call in (
        lambda: runs.known(["k"]),
        lambda: runs.keep(Run(id="r")),
        lambda: runs.run("r"),
        lambda: runs.progress("r", [SCOPE]),
        lambda: runs.take("r", SCOPE, owner="a", until=0),
        lambda: runs.save(progress),
    ):
        with pytest.raises(TryAgain, match="ledger_unavailable: DynamoDB answered ResourceNotFoundException"):
            call()


def test_messages_are_sent_ten_at_a_time(aws: AwsAccount) -> None:
    """Each with its delay."""
    url = aws.sqs.create_queue(QueueName="reconcile")["QueueUrl"]
    ReconcileQueue(lambda: aws.sqs, url).send([(f'{{"n":{number}}}', 0) for number in range(23)] + [("late", 900)])
    bodies: list[str] = []
    while batch := aws.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        bodies += [message["Body"] for message in batch]
    assert sorted(bodies) == sorted(f'{{"n":{number}}}' for number in range(23))


class Sqs:
    """Takes all but the last entry of a batch, or answers with an error."""

    error: Exception | None = None

    def send_message_batch(self, *, QueueUrl: str, Entries: list[dict[str, Any]]) -> Any:  # noqa: N803
        if self.error:
            raise self.error
        taken = [{"Id": entry["Id"]} for entry in Entries[:-1]]
        return {"Successful": taken, "Failed": [{"Id": Entries[-1]["Id"], "Code": "InternalError"}]}


def test_a_message_that_is_not_taken_is_noticed() -> None:
    """Whether SQS refuses one of them or all."""
    sqs = Sqs()
    queue = ReconcileQueue(lambda: sqs, "url")
    with pytest.raises(TryAgain, match="reconcile_queue_unavailable: SQS answered InternalError"):
        queue.send([("a", 0), ("b", 0)])
    sqs.error = ClientError({"Error": {"Code": "AWS.SimpleQueueService.NonExistentQueue"}}, "SendMessageBatch")
    with pytest.raises(TryAgain, match="NonExistentQueue"):
        queue.send([("a", 0)])
