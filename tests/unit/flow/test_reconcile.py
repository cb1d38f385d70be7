"""A reconciliation: everything a platform has is delivered or parked once, and the report is true."""

from __future__ import annotations

import itertools
from typing import Any

import msgspec
import pytest

from leads.core.errors import Misconfigured, TryAgain, Undeliverable
from leads.core.ledger import Status
from leads.flow.reconcile_shift import LONGEST_RUN, MOST_FAILURES
from tests import leads_made
from tests.reconcile_world import ACCOUNT, FORM, TIMEOUT, FakePuller, World, scope_of

COUNTS = ("platform", "delivered", "ignored", "parked", "undeliverable", "fetched", "missing")


@pytest.fixture
def world() -> World:
    return World()


def counts(row: dict[str, Any]) -> dict[str, int]:
    """A line's counts that are not 0."""
    return {name: row[name] for name in COUNTS if row[name]}


def only(report: dict[str, Any]) -> dict[str, Any]:
    """The line of a report of one form."""
    [row] = report["forms"]
    return dict(row)


def test_what_the_webhook_missed_is_fetched_once(world: World) -> None:
    """Over three pages; a second run finds everything delivered."""
    world.puller.pages = [world.leads(3), world.leads(3), world.leads(1)]
    report = world.reconcile()
    assert (only(report)["status"], report["complete"]) == ("complete", True)
    assert counts(only(report)) == counts(report["totals"]) == {"platform": 7, "fetched": 7}
    assert counts(only(world.reconcile())) == {"platform": 7, "delivered": 7}
    assert len(world.wire.contacts()) == world.wire.count("upsert") == 7


def test_what_stands_in_the_ledger_is_counted_and_left_alone(world: World) -> None:
    """Its queue, its webhook or an operator sees to it."""
    stands = {
        Status.DELIVERED: "delivered",
        Status.IGNORED: "ignored",
        Status.PARKED: "parked",
        Status.UNDELIVERABLE: "undeliverable",
        Status.CLAIMED: "parked",
    }
    world.puller.pages = [world.leads(len(stands))]
    for lead, status in zip(world.puller.pages[0], stands, strict=True):
        world.ledger.items[lead.ledger_key] = {
            "status": status,
            "updated_at": world.clock(),
            "claimed_until": world.clock() + 20,
        }
    expected = {"platform": 5, "delivered": 1, "ignored": 1, "parked": 2, "undeliverable": 1}
    assert counts(only(world.reconcile())) == expected
    assert world.wire.calls == []
    assert world.queue.sent == []


def test_a_lead_whose_deliverer_died_is_fetched(world: World) -> None:
    """Its claim is over, and nobody else knows of it."""
    world.puller.pages = [world.leads(1)]
    opened = world.source.open(world.puller.pages[0][0], deadline=world.clock() + 9)
    world.ledger.claim(opened, until=world.clock() - 1, message_id="")
    assert counts(only(world.reconcile())) == {"platform": 1, "fetched": 1}


def test_a_lead_parked_in_the_ledger_and_in_no_queue_is_fetched(world: World) -> None:
    """Nothing was heard of it for longer than any parked lead waits."""
    world.puller.pages = [world.leads(1)]
    world.ledger.park(world.puller.pages[0][0], reason="contacts_api_5xx", claim=None)
    assert counts(only(world.reconcile())) == {"platform": 1, "parked": 1}
    world.clock.time += 15 * 3600
    assert counts(only(world.reconcile())) == {"platform": 1, "fetched": 1}
    assert len(world.wire.contacts()) == 1


def test_what_cannot_be_delivered_now_is_parked_and_fetched_all_the_same(world: World) -> None:
    """From there it goes the way of every parked lead."""
    world.puller.pages = [[world.lead(), world.lead(key=b"?" * 32)]]
    assert counts(only(world.reconcile())) == {"platform": 2, "fetched": 2}
    assert [parked.reason for parked in world.queue.sent] == ["cannot_decrypt"]


def test_a_lead_that_a_page_repeats_counts_once(world: World) -> None:
    """Platforms repeat leads within a page when new ones come in between."""
    [lead] = world.leads(1)
    world.puller.pages = [[lead, lead]]
    assert counts(only(world.reconcile())) == {"platform": 1, "fetched": 1}


def _mixed() -> World:
    """Two pages: one lead delivered before, one missing; then, by another message, one missing and one poisoned."""
    world = World()
    known, new, second = world.leads(3)
    poison = world.lead(key=b"p" * 32)
    world.puller.pages = [[known, new], [second, poison]]
    world.puller.waits = {0: 30.0}
    world.work._accept([known], deadline=world.clock() + 9, alive_until=world.clock() + 9)  # type: ignore[attr-defined]
    return world


def test_a_run_cut_off_anywhere_ends_with_the_same_report() -> None:
    """Whatever call the container dies in: nobody twice, nobody lost, and the counts as if nothing had happened."""
    expected = only(_mixed().reconcile())
    assert counts(expected) == {"platform": 4, "delivered": 1, "fetched": 3}
    for at in itertools.count(1):
        world = _mixed()
        run = world.ask()["run"]
        world.cut.count, world.cut.at = 0, at
        world.drain()
        if world.cut.at:
            break
        row = only(world.report(run))
        assert {**row, "from": "", "to": ""} == {**expected, "from": "", "to": ""}, at
        contacts = world.wire.contacts()
        assert (len(contacts), [len(contact["notes"]) for contact in contacts]) == (3, [1, 1, 1]), at
        assert {parked.envelope.ledger_key for parked in world.queue.sent} == {world.puller.pages[1][1].ledger_key}, at
    assert at > 45


def test_two_instances_at_once_count_once(world: World) -> None:
    """SQS hands out a message twice at times: the second asks the platform nothing, and looks again later."""
    world.puller.pages = [world.leads(2), world.leads(2)]
    run = world.ask()["run"]
    [(_, body)] = world.mailbox.messages
    world.puller.on_page = lambda: world.worked.append(world.work(body, remaining=TIMEOUT))
    world.step()
    assert [delay for _, delay in world.mailbox.sent] == [0, int(TIMEOUT), int(TIMEOUT)]
    assert [cursor for _, cursor in world.puller.asked] == ["", "1"]
    world.drain()
    assert counts(only(world.report(run))) == {"platform": 4, "fetched": 4}
    assert world.wire.count("upsert") == 4


def test_an_instance_whose_time_was_over_changes_nothing_more(world: World) -> None:
    """Another has taken the scope and finished it; the late one's page is not counted a second time."""
    world.puller.pages = [world.leads(2)]
    run = world.ask()["run"]
    [(_, body)] = world.mailbox.messages

    def outlive() -> None:
        world.puller.on_page = lambda: None
        world.clock.time += TIMEOUT + 1
        world.worked.append(world.work(body, remaining=TIMEOUT))

    world.puller.on_page = outlive
    world.drain()
    assert counts(only(world.report(run))) == {"platform": 2, "fetched": 2}
    assert [worked.progress is not None for worked in world.worked] == [True, False]
    assert world.wire.count("upsert") == 2


def test_a_long_form_goes_on_by_message(world: World) -> None:
    """No page is begun that the function would not live to note."""
    world.puller.pages = [world.leads(1) for _ in range(12)]
    world.puller.on_page = lambda: world.clock.sleep(60)
    report = world.reconcile()
    assert counts(only(report)) == {"platform": 12, "fetched": 12}
    assert len(world.worked) == 3
    assert [cursor for _, cursor in world.puller.asked] == ["", *map(str, range(1, 12))]


def test_a_wait_that_the_platform_asks_for_is_slept_through_by_nobody(world: World) -> None:
    """The message comes back when it is over."""
    world.puller.pages = [world.leads(1), world.leads(1)]
    world.puller.waits = {0: 120.0}
    assert counts(only(world.reconcile())) == {"platform": 2, "fetched": 2}
    assert [delay for _, delay in world.mailbox.sent] == [0, 120]
    assert world.clock.slept == []


def test_a_wait_longer_than_a_message_can_be_delayed_takes_hops(world: World) -> None:
    """Nobody asks the platform before its time is over."""
    world.puller.pages = [world.leads(1)]
    began = world.clock()
    world.puller.errors = [TryAgain("graph_throttled", retry_after=2000, counts=False)]
    asked_at: list[float] = []
    world.puller.on_page = lambda: asked_at.append(world.clock())
    assert counts(only(world.reconcile())) == {"platform": 1, "fetched": 1}
    assert [delay for _, delay in world.mailbox.sent] == [0, 900, 900, 200]
    assert asked_at == [began, began + 2000]


def test_a_platform_that_fails_is_asked_eight_times(world: World) -> None:
    """With growing waits; then the form has failed, for a reason, and the next run tries anew."""
    world.puller.pages = [world.leads(1)]
    world.puller.errors = [TryAgain("graph_5xx", "HTTP 500") for _ in range(MOST_FAILURES)]
    report = world.reconcile()
    row = only(report)
    assert (row["status"], row["reason"], row["detail"]) == ("failed", "graph_5xx", "HTTP 500")
    assert not report["complete"]
    waits = [delay for _, delay in world.mailbox.sent][1:]
    assert len(world.puller.asked) == MOST_FAILURES
    assert waits == sorted(waits)
    assert counts(only(world.reconcile())) == {"platform": 1, "fetched": 1}


def test_a_page_that_comes_after_failures_forgets_them(world: World) -> None:
    """Eight in a row end a form, not eight in all."""
    world.puller.pages = [world.leads(1) for _ in range(3)]
    errors = [TryAgain("graph_5xx") for _ in range(5)]

    def fail_again() -> None:
        if len(world.puller.asked) in (1, 7):
            world.puller.errors = list(errors)

    world.puller.on_page = fail_again
    row = only(world.reconcile())
    assert (row["status"], row["fetched"], "reason" in row) == ("complete", 3, False)


@pytest.mark.parametrize(
    ("error", "reason", "detail"),
    [
        (Undeliverable("export_has_no_lead_ids", "Map a column."), "export_has_no_lead_ids", "Map a column."),
        (Misconfigured("the secret has no value yet"), "misconfigured", "the secret has no value yet"),
    ],
)
def test_what_no_repetition_cures_fails_at_once(world: World, error: Exception, reason: str, detail: str) -> None:
    """With the sentence that says what to do."""
    world.puller.errors = [error]
    row = only(world.reconcile())
    assert (row["status"], row["reason"], row["detail"]) == ("failed", reason, detail)
    assert len(world.puller.asked) == 1


def test_a_fault_of_ours_says_where_and_never_what(world: World) -> None:
    """Its text may quote a person."""
    world.puller.errors = [ValueError("ada@example.com") for _ in range(MOST_FAILURES)]
    row = only(world.reconcile())
    assert (row["status"], row["reason"]) == ("failed", "unexpected_error")
    assert row["detail"].startswith("ValueError in page (reconcile_world.py:")


def test_waiting_for_a_platform_ends_after_a_day(world: World) -> None:
    """It uses up no attempt, and messages must not go round forever."""
    world.puller.errors = [TryAgain("graph_token_refused", retry_after=900, counts=False) for _ in range(200)]
    began = world.clock()
    row = only(world.reconcile())
    assert (row["status"], row["reason"]) == ("failed", "took_too_long")
    assert "graph_token_refused" in row["detail"]
    assert LONGEST_RUN < world.clock() - began < LONGEST_RUN + 1000


def test_a_platform_whose_next_page_is_the_same_page_is_not_asked_forever(world: World) -> None:
    """A cursor that does not move is a failure like another."""
    world.puller.pages = [world.leads(1), world.leads(1)]
    world.puller.page = lambda scope, cursor, *, deadline: msgspec.structs.replace(  # type: ignore[method-assign]
        FakePuller.page(world.puller, scope, "", deadline=deadline), cursor="1"
    )
    row = only(world.reconcile())
    assert (row["status"], row["reason"], row["platform"]) == ("failed", "page_repeats", 1)


def test_leads_that_no_queue_takes_are_tried_again_and_then_named(world: World) -> None:
    """They are the one thing that is still missing."""
    world.puller.pages = [[world.lead(), world.lead(key=b"?" * 32)]]
    world.queue.broken = True
    row = only(world.reconcile())
    assert counts(row) == {"platform": 2, "fetched": 1, "missing": 1}
    assert row["missing_ids"] == [world.puller.pages[0][1].lead_id]
    assert row["status"] == "complete"
    assert world.wire.count("upsert") == 1


def test_a_queue_that_is_back_in_time_leaves_nothing_missing(world: World) -> None:
    """What was delivered at the first attempt was fetched, whichever attempt ended the page."""
    world.puller.pages = [[world.lead(), world.lead(key=b"?" * 32)]]
    world.queue.broken = True
    run = world.ask()["run"]
    world.step()
    world.queue.broken = False
    world.drain()
    assert counts(only(world.report(run))) == {"platform": 2, "fetched": 2}
    assert len(world.queue.sent) == 1


def test_a_ledger_that_does_not_answer_keeps_the_message(world: World) -> None:
    """There is no other place that knows how far the run is."""
    world.puller.pages = [world.leads(2)]
    run = world.ask()["run"]
    world.runs.broken = True
    world.step()
    assert (world.worked[0].stays, world.worked[0].reason) == (True, "ledger_unavailable")
    world.runs.broken = False
    world.drain()
    assert counts(only(world.report(run))) == {"platform": 2, "fetched": 2}


def test_a_queue_that_takes_no_message_keeps_the_one_that_came(world: World) -> None:
    """So that the scope is gone on with."""
    world.puller.pages = [world.leads(1), world.leads(1)]
    world.puller.waits = {0: 30.0}
    run = world.ask()["run"]
    world.mailbox.broken = True
    world.step()
    assert world.worked[0].stays
    world.mailbox.broken = False
    world.drain()
    assert counts(only(world.report(run))) == {"platform": 2, "fetched": 2}


@pytest.mark.parametrize("body", ["", "[]", '{"v":1}', '{"v":2,"run":"r","scope":{}}', "ada@example.com"])
def test_a_message_that_is_none_of_ours_is_left_behind(world: World, body: str) -> None:
    """It says so and quotes nothing."""
    worked = world.work(body, remaining=TIMEOUT)
    assert (worked.stays, worked.reason) == (False, "unreadable_message")
    assert "ada" not in worked.detail


def test_a_source_that_cannot_even_be_built_fails_with_the_sentence() -> None:
    """A fault in routes.toml shows wherever something first needs it."""

    class Pullers(dict[str, Any]):
        def get(self, name: str, default: Any = None) -> Any:
            raise Misconfigured("routes.toml cannot be read")

    world = World(pullers=Pullers(pinterest=FakePuller()))
    row = only(world.reconcile())
    assert (row["status"], row["detail"]) == ("failed", "routes.toml cannot be read")


def test_a_scope_of_a_source_that_is_gone_fails(world: World) -> None:
    """A message may be older than the deployment."""
    world.ask()
    other = World(pullers={})
    other.mailbox.messages = world.mailbox.messages
    other.drain()
    assert [worked.progress.reason for worked in other.worked if worked.progress] == ["unknown_source"]


def test_an_order_that_waits_is_answered_when_everything_is_done(world: World) -> None:
    """Other instances work on it meanwhile."""
    world.puller.listed = [(ACCOUNT, "1"), (ACCOUNT, "2"), ("other", "3")]
    world.puller.pages = [world.leads(2)]
    report = world.ask(account=ACCOUNT, wait=True)
    assert report["complete"]
    assert [(row["form"], row["status"], row["platform"]) for row in report["forms"]] == [
        ("1", "complete", 2),
        ("2", "complete", 2),
    ]
    assert counts(report["totals"]) == {"platform": 4, "fetched": 2, "delivered": 2}


def test_an_order_waits_no_longer_than_its_function_lives(world: World) -> None:
    """It answers how things stand; the run goes on and can be asked for."""
    world.puller.pages = [world.leads(1), world.leads(1)]
    world.puller.waits = {0: 890.0}
    began = world.clock()
    report = world.ask(wait=True)
    assert TIMEOUT - 10 < world.clock() - began < TIMEOUT
    assert (report["complete"], only(report)["status"], only(report)["platform"]) == (False, "running", 1)
    world.drain()
    assert counts(only(world.report(report["run"]))) == {"platform": 2, "fetched": 2}


def test_keys_in_an_order_make_it_wait(world: World) -> None:
    """Whoever names something wants to see what came of it; a plain order is a schedule's."""
    world.puller.pages = [[]]
    assert only(world.order({"source": "pinterest"}, remaining=TIMEOUT).answer)["status"] == "complete"
    assert only(world.order({}, remaining=TIMEOUT).answer)["status"] == "waiting"


def test_a_form_named_in_full_need_not_be_listed(world: World) -> None:
    """Platforms stop listing what is archived."""
    world.puller.listed, world.puller.pages = [], [world.leads(1)]
    report = world.reconcile(source="pinterest", account="7", form="8")
    assert (only(report)["account"], only(report)["form"], only(report)["fetched"]) == ("7", "8", 1)


def test_a_form_named_without_its_account_is_looked_for(world: World) -> None:
    """And nothing else is asked."""
    world.puller.listed, world.puller.pages = [("7", "8"), ("7", "9")], [[]]
    assert only(world.reconcile(form="9"))["form"] == "9"
    assert world.puller.asked == [("9", "")]


def test_an_account_that_could_not_be_asked_may_have_the_form(world: World) -> None:
    """Its puller lists it without a form; asking for the form tells what is wrong."""
    world.puller.listed, world.puller.pages = [("7", ""), ("8", "9"), ("8", "10")], [[]]
    assert [(row["account"], row["form"]) for row in world.reconcile(form="9")["forms"]] == [("7", "9"), ("8", "9")]
    assert [(row["account"], row["form"]) for row in world.reconcile(account="7")["forms"]] == [("7", "")]


def test_an_order_that_fits_nothing_says_so(world: World) -> None:
    """Instead of an empty report that looks like success."""
    assert "check source, account and form" in world.ask(form="unknown")["error"]
    assert "there is no run 'r1'" in world.ask(run="r1")["error"]
    assert world.mailbox.sent == []


def test_a_wrong_order_is_answered_with_a_sentence(world: World) -> None:
    """And leads to nothing."""
    assert world.order({"form": {}}, remaining=TIMEOUT).answer["error"].startswith('"form" takes')
    assert world.runs.runs == {}


def _schedule(number: str = "53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa") -> dict[str, Any]:
    return {
        "version": "0",
        "id": number,
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": "123456789012",
        "time": "2027-01-15T08:00:00Z",
        "detail": {},
    }


def test_a_schedule_s_event_that_comes_twice_is_one_run(world: World) -> None:
    """Its messages come twice, and their scopes are counted once; its own `source` and `account` filter nothing."""
    world.puller.pages = [world.leads(2)]
    first = world.order(_schedule(), remaining=TIMEOUT)
    world.clock.time += 100
    world.puller.listed = []
    second = world.order(_schedule(), remaining=TIMEOUT)
    assert first.answer["run"] == second.answer["run"] == "20270115T080000Z-53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa"
    assert len(world.mailbox.messages) == 2
    assert world.mailbox.messages[0][1] == world.mailbox.messages[1][1]
    world.drain()
    assert counts(only(world.report(first.answer["run"]))) == {"platform": 2, "fetched": 2}
    assert only(world.report(first.answer["run"]))["from"] == "2027-01-13T08:00:00+00:00"


def test_one_source_that_fails_does_not_stop_the_others() -> None:
    """It is a line of the report, told once."""
    broken = FakePuller(fault=TryAgain("graph_5xx", "HTTP 500"))
    world = World(pullers={"facebook": broken, "pinterest": FakePuller(pages=[[]])})
    answered = world.order(_schedule(), remaining=TIMEOUT)
    world.drain()
    report = world.report(answered.answer["run"])
    assert {row["source"]: row["status"] for row in report["forms"]} == {"pinterest": "complete", "facebook": "failed"}
    assert [row["reason"] for row in answered.unlisted] == ["graph_5xx"]
    assert not report["complete"]
    assert world.order(_schedule(), remaining=TIMEOUT).unlisted == ()


def test_a_source_that_is_not_set_up_is_skipped_unless_it_was_asked_for() -> None:
    """Who uses one platform need not hear of the others every day."""
    fault = Misconfigured("the Facebook secret has no value yet")
    world = World(pullers={"facebook": FakePuller(fault=fault), "pinterest": FakePuller(pages=[[]])})
    report = world.reconcile()
    assert {row["source"]: row["status"] for row in report["forms"]} == {"pinterest": "complete", "facebook": "skipped"}
    assert report["complete"]
    [row] = world.ask(source="facebook")["forms"]
    assert (row["status"], row["detail"]) == ("failed", str(fault))


def test_an_order_is_kept_or_raised(world: World) -> None:
    """Lambda repeats a scheduled one; nothing is planned on a promise."""
    world.runs.broken = True
    with pytest.raises(TryAgain):
        world.order(_schedule(), remaining=TIMEOUT)
    world.runs.broken, world.mailbox.broken = False, True
    with pytest.raises(TryAgain):
        world.order(_schedule(), remaining=TIMEOUT)
    world.mailbox.broken, world.puller.pages = False, [world.leads(1)]
    run = world.order(_schedule(), remaining=TIMEOUT).answer["run"]
    world.drain()
    assert counts(only(world.report(run))) == {"platform": 1, "fetched": 1}


def test_nothing_of_a_person_is_in_messages_items_or_reports() -> None:
    """Wherever a run stands, it holds ids, codes and times."""
    world = _mixed()
    world.queue.broken = True
    world.puller.errors = [ValueError("ada@example.com")]
    report = world.reconcile()
    kept = [*world.runs.items.values(), *world.runs.runs.values()]
    said = msgspec.json.encode([kept, world.mailbox.sent, report, [worked.outcomes for worked in world.worked]])
    for secret in (b"Ada", b"Lovelace", b"example.com", b"answers", b"cipher"):
        assert secret not in said
    assert {scope_of(body).form for body, _ in world.mailbox.sent} == {FORM}
    assert scope_of(world.mailbox.sent[0][0]).account == leads_made.ACCOUNT
