"""Which metrics an outcome counts in."""

import json

import pytest

from leads.adapters.telemetry import Telemetry
from leads.core.outcome import Outcome


def counted(capsys: pytest.CaptureFixture[str], reason: str) -> dict[str, set[str]]:
    """Source → the metrics of one lead that was parked for this reason."""
    outcome = Outcome(source="facebook", account="1", lead_id="2", status="parked", reason=reason)
    Telemetry(f"test-{reason}", "INFO").leads([outcome], received=False)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"_aws"' in line]
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
