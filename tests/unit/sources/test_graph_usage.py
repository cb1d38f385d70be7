"""Usage headers, and the pauses they ask for."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leads.sources.graph_usage import Usage, pause_for, usage_of

APP = "x-app-usage"
BUSINESS = "x-business-use-case-usage"


def headers(app: Any = None, business: Any = None) -> dict[str, str]:
    told = {APP: app, BUSINESS: business}
    return {name: value if isinstance(value, str) else json.dumps(value) for name, value in told.items() if value}


def test_the_most_used_up_quota_counts() -> None:
    """Of the app's and of every business use case."""
    assert usage_of({}) == Usage()
    assert usage_of(headers({"call_count": 28, "total_time": 25, "total_cputime": 26})).percent == 28
    business = {"1": [{"type": "pages", "total_cputime": 81}], "2": [{"type": "leadgen", "total_time": 90}]}
    assert usage_of(headers({"call_count": 5}, business)).percent == 90


def test_waits_are_told_in_minutes_for_each_kind() -> None:
    """Seconds here; of the kind that was asked for, else of any."""
    business = {
        "1": [
            {"type": "leadgen", "estimated_time_to_regain_access": 3},
            {"type": "leadgen", "estimated_time_to_regain_access": 2},
        ],
        "2": [{"type": "pages", "estimated_time_to_regain_access": 19}],
    }
    usage = usage_of(headers(business=business))
    assert (usage.regain("leadgen"), usage.regain("pages"), usage.regain()) == (180, 1140, 1140)
    assert Usage().regain("leadgen") == 0


def test_nobody_waits_longer_than_a_day() -> None:
    """Whatever the header says."""
    business = {"1": [{"type": "leadgen", "estimated_time_to_regain_access": 10**9}]}
    assert usage_of(headers(business=business)).regain() == 86_400


@pytest.mark.parametrize(
    "value",
    ["", "x", "[]", "5", '{"call_count": "99"}', '{"call_count": null}', '{"call_count": true}', '{"1": 5}',
     '{"1": [5, null]}', '{"1": [{"type": 5, "call_count": -7}]}', '{"call_count": NaN}', '{"call_count": 1e400}'],
)  # fmt: skip
def test_a_header_that_is_not_as_documented_says_nothing(value: str) -> None:
    """It must not stop a lead."""
    assert usage_of({APP: value, BUSINESS: value}).percent == 0


@given(st.text(max_size=30), st.text(max_size=30))
def test_no_header_raises(app: str, business: str) -> None:
    """Whatever it is."""
    usage_of({APP: app, BUSINESS: business})


def test_the_pause_grows_from_eighty_percent_on() -> None:
    """Half a second at first, half a minute just before the end."""
    assert pause_for(0) == pause_for(79.9) == 0
    assert pause_for(80) == 0.5
    assert pause_for(99) == pause_for(150) == pytest.approx(30)
    pauses = [pause_for(percent) for percent in range(80, 100)]
    assert pauses == sorted(pauses)
