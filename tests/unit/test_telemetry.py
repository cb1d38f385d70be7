"""What an outcome is told as, and which metrics it counts in."""

import itertools
import json
from typing import Any

import pytest

from leads.adapters.telemetry import Telemetry
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
