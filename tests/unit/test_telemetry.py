"""What an outcome is told as, and which metrics it counts in."""

import itertools
import json
from typing import Any

import pytest

from leads.adapters.telemetry import Telemetry
from leads.core.conversion import EventOutcome
from leads.core.outcome import Outcome

numbers = itertools.count()


def lines_of(capsys: pytest.CaptureFixture[str], *outcomes: Outcome) -> list[dict[str, Any]]:
    """What is written of leads."""
    # A logger keeps the output stream it was made with, and capsys gives each test another.
    Telemetry(f"test-{next(numbers)}", "INFO").leads(outcomes, received=False)
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def counted(capsys: pytest.CaptureFixture[str], reason: str) -> dict[str, set[str]]:
    """Source → the metrics of one lead that was parked for this reason."""
    outcome = Outcome(source="facebook", account="1", lead_id="2", status="parked", reason=reason)
    lines = [line for line in lines_of(capsys, outcome) if "_aws" in line]
    return {
        line["source"]: {metric["Name"] for metric in line["_aws"]["CloudWatchMetrics"][0]["Metrics"]} for line in lines
    }


@pytest.mark.parametrize("reason", ["graph_token_refused", "graph_proof_refused", "graph_permission_missing"])
def test_what_facebook_refuses_is_an_alarm(capsys: pytest.CaptureFixture[str], reason: str) -> None:
    """Somebody has to make a token."""
    expected = {"facebook": {"LeadsParked", "GraphApiErrors", "GraphTokenRefused"}, "all": {"GraphTokenRefused"}}
    assert counted(capsys, reason) == expected


def test_a_page_without_a_token_is_a_fault_of_the_configuration(capsys: pytest.CaptureFixture[str]) -> None:
    """Facebook has refused nothing, and was not even asked."""
    assert counted(capsys, "graph_token_missing") == {
        "facebook": {"LeadsParked", "GraphApiErrors", "ConfigurationFaults"}, "all": {"ConfigurationFaults"},
    }  # fmt: skip


def test_a_lead_that_no_key_opens_is_an_alarm(capsys: pytest.CaptureFixture[str]) -> None:
    """Somebody has to store the key."""
    assert counted(capsys, "cannot_decrypt")["all"] == {"DecryptFailures"}


def waiting(status: str, age: int | None, source: str = "facebook", *, repeated: bool = False) -> Outcome:
    return Outcome(source=source, account="1", lead_id="2", status=status, reason="x", age=age, repeated=repeated)


def test_the_oldest_lead_that_waits_in_vain_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """In seconds, by source and for all of them; what has ended, or never waited, is none of these."""
    ended = [waiting(status, 9000) for status in ("delivered", "duplicate")]
    ended += [waiting("undeliverable", 9000, repeated=True), waiting("undeliverable", None)]
    others = [waiting("parked", None), waiting("requeued", 20, "pinterest")]
    lines = lines_of(capsys, waiting("held", 70), waiting("requeued", 4000), waiting("held", 0), *ended, *others)
    ages = [(line["source"], line["ParkedLeadAge"]) for line in lines if "ParkedLeadAge" in line]
    assert sorted(ages) == [("all", [20.0]), ("all", [4000.0]), ("facebook", [4000.0]), ("pinterest", [20.0])]
    units = {
        metric["Unit"]
        for line in lines
        for embedded in line.get("_aws", {}).get("CloudWatchMetrics", ())
        for metric in embedded["Metrics"]
        if metric["Name"] == "ParkedLeadAge"
    }
    assert units == {"Seconds"}


def test_the_last_attempt_tells_how_long_its_lead_has_waited(capsys: pytest.CaptureFixture[str]) -> None:
    """It is the only one that comes more than a day after the first."""
    lines = lines_of(capsys, waiting("undeliverable", 120_000))
    assert [line["ParkedLeadAge"] for line in lines if "ParkedLeadAge" in line] == [[120_000.0], [120_000.0]]


def test_a_line_says_what_is_known_and_a_zero_is(capsys: pytest.CaptureFixture[str]) -> None:
    """What is empty is left out."""
    outcome = Outcome(
        source="facebook", account="1", lead_id="2", status="held", reason="x", attempt=2, duration=0.0, wait=0, age=0,
    )  # fmt: skip
    [line] = [line for line in lines_of(capsys, outcome) if "lead_id" in line]
    assert (line["attempt"], line["duration"], line["wait"], line["age"]) == (2, 0.0, 0, 0)
    assert not {"contact_id", "detail", "remarks", "is_test", "misconfigured", "latency", "counts"} & set(line)


def event_lines(capsys: pytest.CaptureFixture[str], *outcomes: EventOutcome) -> list[dict[str, Any]]:
    """What is written of conversion events."""
    Telemetry(f"test-{next(numbers)}", "INFO").events(outcomes)
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def counts(lines: list[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """Source → its metrics."""
    found: dict[str, dict[str, float]] = {}
    for line in lines:
        for embedded in line.get("_aws", {}).get("CloudWatchMetrics", ()):
            names = [metric["Name"] for metric in embedded["Metrics"]]
            found.setdefault(line["source"], {}).update({name: sum(line[name]) for name in names})
    return found


@pytest.mark.parametrize(
    ("status", "reason", "metrics", "alarmed"),
    [
        ("sent", "", {"ConversionsSent"}, set()),
        ("queued", "", set(), set()),
        ("duplicate", "", {"ConversionsDuplicate"}, set()),
        ("ignored", "erased", {"ConversionsIgnored"}, set()),
        ("ignored", "no_identifier", {"ConversionsIgnored", "ConversionsWithoutIdentifier"}, set()),
        ("ignored", "too_old", {"ConversionsIgnored", "ConversionsTooOld"}, set()),
        ("failed", "event_refused", {"ConversionsFailed"}, set()),
        ("failed", "unknown_field", {"ConversionsFailed"}, set()),
        ("held", "pinterest_5xx", {"ConversionsHeld"}, set()),
        ("held", "pinterest_throttled", {"ConversionsHeld", "ConversionsThrottled"}, set()),
        ("held", "ledger_unavailable", {"ConversionsHeld", "LedgerErrors"}, set()),
        ("held", "unexpected_error", {"ConversionsHeld", "UnexpectedErrors"}, set()),
        ("held", "misconfigured", {"ConversionsHeld", "Misconfigured"}, set()),
        ("held", "conversion_token_refused", {"ConversionsHeld", "ConversionTokenRefused"}, {"ConversionTokenRefused"}),
        ("held", "conversion_token_missing", {"ConversionsHeld", "ConversionTokenRefused"}, {"ConversionTokenRefused"}),
        ("failed", "conversion_not_permitted", {"ConversionsFailed", "ConversionTokenRefused"},
         {"ConversionTokenRefused"}),
    ],
)  # fmt: skip
def test_an_event_counts_by_its_status_and_its_reason(
    capsys: pytest.CaptureFixture[str], status: str, reason: str, metrics: set[str], alarmed: set[str]
) -> None:
    """As Pinterest's, and what an alarm looks at once more for all sources."""
    counted = counts(event_lines(capsys, EventOutcome(status=status, reason=reason)))
    expected = {"pinterest": metrics, "all": alarmed}
    assert {source: set(each) for source, each in counted.items()} == {
        it: some for it, some in expected.items() if some
    }


def test_events_of_a_batch_are_one_line_of_metrics(capsys: pytest.CaptureFixture[str]) -> None:
    """Each number is a sum; of an event with warnings it is the event that counts, however many they are."""
    warned = EventOutcome(status="sent", warnings=("em: unhashed", "ph: unhashed"))
    sent = [EventOutcome(status="sent")] * 8
    lines = event_lines(capsys, *sent, warned, EventOutcome(status="failed", reason="event_refused"))
    assert counts(lines) == {
        "pinterest": {"ConversionsSent": 9, "ConversionsFailed": 1, "ConversionWarnings": 1},
        "all": {"ConversionWarnings": 1},
    }
    assert sum("_aws" in line for line in lines) == 2


@pytest.mark.parametrize("reason", ["not_a_lead", "nothing_new"])
def test_a_change_that_nobody_is_told_of_is_not_worth_a_line(capsys: pytest.CaptureFixture[str], reason: str) -> None:
    """Most of what changes in a CRM is like that."""
    assert event_lines(capsys, EventOutcome(status="ignored", reason=reason)) == []


def test_a_verdict_that_was_known_before_is_told_and_not_counted(capsys: pytest.CaptureFixture[str]) -> None:
    """Until SQS has moved the message away it comes again and again."""
    [line] = event_lines(capsys, EventOutcome(status="failed", reason="event_refused", repeated=True))
    assert (line["message"], line["repeated"], "_aws" in line) == ("event failed", True, False)


def test_the_line_of_an_event_has_what_is_known_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    """Ids, codes and names of fields; what is empty is left out, and a zero is not."""
    outcome = EventOutcome(
        status="held", message_id="m1", account="1117", event="lead", event_id="e1", lead_key="pinterest#1117#2",
        outcome="delivered", reason="pinterest_5xx", attempt=2, wait=0, age=0, trace_id="rid-1",
    )  # fmt: skip
    line = event_lines(capsys, outcome)[0]
    told = {name: value for name, value in line.items() if name in EventOutcome.__struct_fields__}
    assert told == {
        "status": "held", "message_id": "m1", "account": "1117", "event": "lead", "event_id": "e1",
        "lead_key": "pinterest#1117#2", "outcome": "delivered", "reason": "pinterest_5xx", "attempt": 2, "wait": 0,
        "age": 0, "trace_id": "rid-1",
    }  # fmt: skip
    assert (line["message"], line["level"]) == ("event held", "WARNING")


@pytest.mark.parametrize(
    ("outcome", "level"),
    [
        (EventOutcome(status="sent"), "INFO"),
        (EventOutcome(status="duplicate"), "INFO"),
        (EventOutcome(status="ignored", reason="too_old"), "INFO"),
        (EventOutcome(status="sent", warnings=("em: unhashed",)), "WARNING"),
        (EventOutcome(status="failed", reason="event_refused"), "WARNING"),
        (EventOutcome(status="held", reason="unexpected_error"), "ERROR"),
        (EventOutcome(status="held", reason="misconfigured", misconfigured=True), "ERROR"),
    ],
)
def test_the_line_is_as_loud_as_its_event(
    capsys: pytest.CaptureFixture[str], outcome: EventOutcome, level: str
) -> None:
    """What is right is quiet, what a person should see is not."""
    assert event_lines(capsys, outcome)[0]["level"] == level
