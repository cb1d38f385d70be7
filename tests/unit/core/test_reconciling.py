"""What an order means, how a lead stands, and what is reported of it all: pure arithmetic."""

from __future__ import annotations

import datetime as dt
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leads.core import reconcile_message
from leads.core.errors import RejectedRequest, Undeliverable
from leads.core.lead import Envelope
from leads.core.ledger import Status
from leads.core.outcome import Outcome
from leads.core.reconcile_order import DAY, Order, parse_order, run_id
from leads.core.reconcile_report import report_of
from leads.core.reconciling import (
    COMPLETE,
    FAILED,
    MOST_MISSING_IDS,
    PARKED_LONG,
    SKIPPED,
    Counts,
    Known,
    Run,
    Scope,
    ScopeProgress,
    Unlisted,
    became,
    counted,
    stands_as,
)

NOW = dt.datetime(2026, 11, 21, 9, tzinfo=dt.UTC).timestamp()
SCOPE = Scope(source="facebook", account="1", form="2", since=NOW - DAY, until=NOW)
BEGUN = ScopeProgress(run="r", scope=SCOPE)
LEAD = Envelope(source="facebook", account="1", lead_id="9", raw={}, received_at="")


def order(event: Any, days: float = 2) -> Order:
    return parse_order(event, now=NOW, days=days, sources=("facebook", "pinterest"))


def day(number: int, hour: int = 0) -> float:
    return dt.datetime(2026, 11, number, hour, tzinfo=dt.UTC).timestamp()


def test_an_order_without_a_time_means_the_last_days() -> None:
    """Until now, and a little further: a platform's clock may be ahead."""
    assert (order({}).since, order({}, days=7).since) == (NOW - 2 * DAY, NOW - 7 * DAY)
    assert NOW < order({}).until < NOW + 300
    assert (order({}).waits, order({"wait": True}).waits, order({"form": "1"}).waits) == (False, True, True)
    assert order({"form": "1", "wait": False}).waits is False


@pytest.mark.parametrize(
    ("value", "as_from", "as_to"),
    [
        ("2026-11-19", day(19), day(20)),
        ("20261119", day(19), day(20)),
        ("2026-11-19T12:00:00Z", day(19, 12), day(19, 12)),
        ("2026-11-19T12:00:00", day(19, 12), day(19, 12)),
        ("2026-11-19T14:00:00+02:00", day(19, 12), day(19, 12)),
        (day(19, 12), day(19, 12), day(19, 12)),
        (int(day(19, 12)), day(19, 12), day(19, 12)),
        (str(int(day(19, 12))), day(19, 12), day(19, 12)),
    ],
)
def test_times_are_dates_iso_times_or_epoch_seconds(value: Any, as_from: float, as_to: float) -> None:
    """A date as an end includes that day; without a zone it is UTC."""
    assert order({"from": value}).since == as_from
    assert order({"from": day(1), "to": value}).until == as_to


def test_a_day_can_be_asked_for_by_itself() -> None:
    """The same date twice; only an end means the days before it."""
    single = order({"from": "2026-11-19", "to": "2026-11-19"})
    assert (single.since, single.until) == (day(19), day(20))
    assert order({"to": "2026-11-19"}).since == day(18)


@pytest.mark.parametrize("source", [{}, {"source": "facebook"}, {"source": "pinterest"}])
def test_what_the_ledger_may_have_forgotten_is_not_asked_for(source: dict[str, str]) -> None:
    """It would be delivered once more, as if it had never come."""
    assert order({**source, "from": NOW - 88 * DAY}).since == NOW - 88 * DAY
    for old in ({"from": NOW - 90 * DAY}, {"from": 0, "to": "2026-11-19"}, {"to": NOW - 89 * DAY}):
        with pytest.raises(RejectedRequest) as rejected:
            order({**source, **old})
        assert "89 days" in rejected.value.detail
    assert order({**source, "run": "r1", "from": 0}).is_report


def test_a_crm_location_may_be_asked_for_all_its_records() -> None:
    """They are remembered for years."""
    event = {"source": "leadconnector", "from": "2020-01-01"}
    assert parse_order(event, now=NOW, days=2, sources=("leadconnector",)).since < NOW - 2000 * DAY


def test_ids_may_be_numbers() -> None:
    """JSON written by hand."""
    given_ids = order({"source": "facebook", "account": 1, "form": "2", "run": None})
    assert (given_ids.source, given_ids.account, given_ids.form, given_ids.run) == ("facebook", "1", "2", "")


@pytest.mark.parametrize(
    ("event", "said"),
    [
        (None, "JSON object"),
        ([], "JSON object"),
        ({"sorce": "facebook"}, "no 'sorce'"),
        ({"source": "myspace"}, "facebook, pinterest"),
        ({"source": "ada@example.com"}, '"source" takes'),
        ({"account": ["1"]}, '"account" takes'),
        ({"form": True}, '"form" takes'),
        ({"form": "x" * 200}, '"form" takes'),
        ({"from": "yesterday"}, '"from" takes a date'),
        ({"to": True}, '"to" takes a date'),
        ({"to": float("nan")}, '"to" takes a date'),
        ({"from": 1e300}, '"from" takes a date'),
        ({"from": -1e300}, '"from" takes a date'),
        ({"from": {}}, '"from" takes a date'),
        ({"from": "2026-11-20", "to": "2026-11-19"}, "earlier than"),
        ({"from": "2030-01-01"}, "in the past"),
        ({"wait": "yes"}, "true or false"),
    ],
)
def test_a_wrong_order_says_what_is_wrong(event: Any, said: str) -> None:
    """In a sentence, for whoever gave it."""
    with pytest.raises(RejectedRequest) as rejected:
        order(event)
    assert said in rejected.value.detail
    assert "ada" not in rejected.value.detail


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(), inner, max_size=2),
    max_leaves=4,
)
KEYS = st.sampled_from(["source", "account", "form", "from", "to", "wait", "run", "detail-type", "id", "time"])


@settings(max_examples=50)
@given(st.dictionaries(KEYS, JSON, max_size=4))
def test_whatever_is_ordered_is_an_order_or_a_sentence(event: dict[str, Any]) -> None:
    """Nothing else is raised."""
    try:
        parsed = order(event)
    except RejectedRequest:
        return
    assert parsed.since < parsed.until


def test_a_schedule_s_event_names_its_run_and_time() -> None:
    """The same event is the same run whenever it comes, and filters nothing by its own source and account."""
    event = {"detail-type": "Scheduled Event", "id": "e-1", "source": "aws.events", "account": "123", "time": day(20)}
    scheduled = order(event)
    assert (scheduled.run, scheduled.since, scheduled.waits) == ("20261120T000000Z-e-1", day(18), False)
    assert (scheduled.source, scheduled.account, scheduled.is_scheduled) == ("", "", True)
    assert order(event | {"id": {}}).run == ""
    assert order(event | {"time": "?"}).run == run_id(NOW, "e-1")


def known(status: Status, **changes: float) -> Known:
    return Known(status=status, **({"updated_at": NOW} | changes))


TRIED = msgspec.structs.replace(BEGUN, trying=(LEAD.ledger_key,), trying_since=NOW - 60)


@pytest.mark.parametrize(
    ("progress", "standing", "count"),
    [
        (BEGUN, None, ""),
        (BEGUN, known(Status.DELIVERED), "delivered"),
        (BEGUN, known(Status.IGNORED), "ignored"),
        (BEGUN, known(Status.UNDELIVERABLE), "undeliverable"),
        (BEGUN, known(Status.PARKED), "parked"),
        (BEGUN, known(Status.PARKED, updated_at=NOW - PARKED_LONG - 1), ""),
        (BEGUN, known(Status.CLAIMED, claimed_until=NOW + 1), "parked"),
        (BEGUN, known(Status.CLAIMED, claimed_until=NOW), ""),
        (TRIED, None, ""),
        (TRIED, known(Status.DELIVERED), "fetched"),
        (TRIED, known(Status.DELIVERED, updated_at=NOW - 61), "delivered"),
        (TRIED, known(Status.PARKED), ""),
        (TRIED, known(Status.CLAIMED, claimed_until=NOW + 1), ""),
        (TRIED, known(Status.IGNORED), "ignored"),
        (TRIED, known(Status.UNDELIVERABLE), "undeliverable"),
    ],
)
def test_how_a_lead_stands(progress: ScopeProgress, standing: Known | None, count: str) -> None:
    """What an attempt cut off may have parked in the ledger only is tried again; what it delivered was fetched."""
    assert stands_as(LEAD, standing, progress, now=NOW) == count


def test_a_contact_that_may_have_changed_is_always_tried() -> None:
    """Only delivering knows which state of it was delivered, or not wanted; its notes never change."""
    contacts = msgspec.structs.replace(BEGUN, scope=msgspec.structs.replace(SCOPE, form="contacts"))
    lead = msgspec.structs.replace(LEAD, source="leadconnector")
    for status in (Status.DELIVERED, Status.IGNORED):
        assert stands_as(lead, known(status), contacts, now=NOW) == ""
        assert stands_as(lead, known(status), BEGUN, now=NOW) == status
    assert stands_as(lead, known(Status.PARKED), contacts, now=NOW) == "parked"


@pytest.mark.parametrize(
    ("status", "standing", "count"),
    [
        ("delivered", None, "fetched"),
        ("delivered", known(Status.DELIVERED), "fetched"),
        ("parked", None, "fetched"),
        ("duplicate", None, "delivered"),
        ("ignored", None, "ignored"),
        ("ignored", known(Status.DELIVERED), "delivered"),
        ("ignored", known(Status.IGNORED), "ignored"),
        ("duplicate", known(Status.DELIVERED), "delivered"),
        ("undeliverable", None, "undeliverable"),
        ("refused", None, "missing"),
    ],
)
def test_what_became_of_a_lead(status: str, standing: Known | None, count: str) -> None:
    """A contact that was delivered and brought nothing new is delivered."""
    assert became(Outcome(source="f", account="1", lead_id="9", status=status), standing) == count


@settings(max_examples=50)
@given(st.lists(st.lists(st.sampled_from(Counts.__struct_fields__[1:]), max_size=30), max_size=8))
def test_every_lead_of_the_platform_is_in_exactly_one_other_count(pages: list[list[str]]) -> None:
    """However many pages there were; missing ones are named as long as they are few."""
    progress = BEGUN
    for page in pages:
        progress = counted(progress, [("9", count) for count in page], cursor="next")
    sums = msgspec.structs.asdict(progress.counts)
    assert sums.pop("platform") == sum(sums.values()) == sum(map(len, pages))
    assert len(progress.missing_ids) == min(sums["missing"], MOST_MISSING_IDS)


def test_a_page_ends_what_was_tried_and_failed_before_it() -> None:
    """And the last page ends the scope."""
    troubled = msgspec.structs.replace(TRIED, failures=3, reason="graph_5xx", detail="HTTP 500")
    after = counted(troubled, [], cursor="next")
    assert after == msgspec.structs.replace(BEGUN, cursor="next")
    assert (counted(after, [], cursor="").status, after.has_ended) == (COMPLETE, False)


def test_a_report_has_a_line_per_form_and_totals() -> None:
    """A form that nobody has begun waits; one that failed, or could not be asked, says why."""
    other = msgspec.structs.replace(SCOPE, form="3")
    failed = msgspec.structs.replace(
        BEGUN, status=FAILED, reason="graph_5xx", counts=Counts(platform=3, fetched=2, missing=1), missing_ids=("7",)
    )
    unset = Unlisted(source="pinterest", account="", status=SKIPPED, reason="misconfigured", detail="Store a key.")
    report = report_of(Run(id="r", scopes=(SCOPE, other), unlisted=(unset,)), {SCOPE: failed})
    assert (report["run"], report["complete"]) == ("r", False)
    assert report["forms"][0] == {
        "source": "facebook", "account": "1", "form": "2", "from": "2026-11-20T09:00:00+00:00",
        "to": "2026-11-21T09:00:00+00:00", "platform": 3, "delivered": 0, "ignored": 0, "parked": 0,
        "undeliverable": 0, "fetched": 2, "missing": 1, "missing_ids": ["7"], "status": "failed", "reason": "graph_5xx",
    }  # fmt: skip
    assert [row["status"] for row in report["forms"]] == ["failed", "waiting", "skipped"]
    assert report["totals"] == {**msgspec.structs.asdict(Counts()), "platform": 3, "fetched": 2, "missing": 1}


def test_a_report_is_complete_when_nothing_is_left_to_do() -> None:
    """What is not set up does not count."""
    done = msgspec.structs.replace(BEGUN, status=COMPLETE)
    unset = Unlisted(source="pinterest", account="", status=SKIPPED, reason="misconfigured")
    assert report_of(Run(id="r", scopes=(SCOPE,), unlisted=(unset,)), {SCOPE: done})["complete"]
    assert not report_of(Run(id="r", scopes=(SCOPE,)), {})["complete"]


def test_a_message_holds_its_scope_and_nothing_else() -> None:
    """And is read again as it was written."""
    body = reconcile_message.body_of("r", SCOPE)
    assert msgspec.json.decode(body).keys() == {"v", "run", "scope"}
    message = reconcile_message.parse(body)
    assert (message.run, message.scope) == ("r", SCOPE)
    with pytest.raises(Undeliverable, match="version 2"):
        reconcile_message.parse(body.replace('"v":1', '"v":2'))
