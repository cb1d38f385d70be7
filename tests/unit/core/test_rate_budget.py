"""What the headers of answers teach about a location's rate limit, and how well a backlog uses it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leads.core.rate_budget import RateBudget
from tests.unit.core.draining import drain

NOW = 1_800_000_000.0


def told(left: int, **more: str) -> dict[str, str]:
    documented = {
        "x-ratelimit-max": "100",
        "x-ratelimit-interval-milliseconds": "10000",
        "x-ratelimit-limit-daily": "200000",
        "x-ratelimit-daily-remaining": "150000",
    }
    return documented | {"x-ratelimit-remaining": str(left)} | {name.replace("_", "-"): v for name, v in more.items()}


def ask(budget: RateBudget, at: float, left: int, status: int = 200, *, took: float = 0.1, **more: str) -> None:
    """One request that is sent, and answered before the next."""
    budget.sent(at)
    budget.answered(at, at + took, status, told(left, **more))


# ---- how well it is used -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("latency", "lanes"), [(0.005, 1), (0.05, 1), (0.3, 4)])
@pytest.mark.parametrize("containers", [1, 2, 4])
@pytest.mark.parametrize("seed", [1, 2])
def test_a_backlog_uses_the_whole_limit_and_hardly_ever_oversteps_it(
    containers: int, latency: float, lanes: int, seed: int
) -> None:
    """95 % used and 2 % refused hold for two containers that do not know of each other; four may overstep a little."""
    used, refused = drain(containers, latency=latency, lanes=lanes, seed=seed, apart=0.5, windows=10)
    assert used >= 0.95
    assert refused < (0.02 if containers <= 2 else 0.04)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_container_that_joins_in_the_middle_of_a_window_does_no_harm(seed: int) -> None:
    """It cannot know when the window ends, only when it ends at the latest."""
    used, refused = drain(2, latency=0.05, lanes=1, seed=seed, apart=6, windows=10)
    assert used >= 0.95
    assert refused < 0.02


@pytest.mark.parametrize("containers", [1, 2])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_leads_that_come_back_one_by_one_use_the_limit_as_well(containers: int, seed: int) -> None:
    """What was told about the limit is old then, and must not be taken for used up."""
    used, refused = drain(
        containers, latency=0.03, lanes=2, seed=seed, apart=0.5, windows=10, rest=containers * 2 * 0.5 / 3
    )
    assert used >= 0.95
    assert refused < 0.02


# ---- what it learns ----------------------------------------------------------------------------------------


def test_before_any_answer_the_documented_limit_holds() -> None:
    """100 in ten seconds, nobody asked."""
    budget = RateBudget(in_line=False)
    for _ in range(100):
        assert budget.wait(NOW) == 0
        budget.sent(NOW)
    assert budget.wait(NOW + 1) == 9
    assert budget.wait(NOW + 10) == 0


def test_without_headers_the_documented_limit_goes_on_holding() -> None:
    """Answered or not, they were sent."""
    budget = RateBudget(in_line=True)
    for _ in range(100):
        assert budget.wait(NOW) == 0
        budget.sent(NOW)
        budget.answered(NOW, NOW, None, {})
    assert budget.wait(NOW) == 10


def test_a_window_begins_with_one_request_that_learns() -> None:
    """Others may be using it; a request without an answer blocks nobody for more than a second."""
    budget = RateBudget(in_line=True)
    budget.sent(NOW)
    assert 0 < budget.wait(NOW + 0.1) <= 0.01
    assert budget.wait(NOW + 1) == 0
    budget.answered(NOW, NOW + 0.2, 200, told(99))
    assert budget.wait(NOW + 0.2) == 0


def test_a_function_without_time_lets_nobody_wait_for_an_answer() -> None:
    """The webhook has eight leads at once, and no backlog."""
    budget = RateBudget(in_line=False)
    for _ in range(8):
        assert budget.wait(NOW) == 0
        budget.sent(NOW)


def test_used_up_is_used_up_until_the_window_ends() -> None:
    """Ten seconds after its first request has surely arrived."""
    budget = RateBudget(in_line=True)
    ask(budget, NOW, 99)
    ask(budget, NOW + 4, 0)
    assert budget.wait(NOW + 4.1) == pytest.approx(6)
    assert budget.wait(NOW + 10.1) == 0


def test_requests_under_way_are_taken_as_counted() -> None:
    """Three left and three in flight is nothing left."""
    budget = RateBudget(in_line=False)
    ask(budget, NOW, 3, x_ratelimit_max="4")
    for _ in range(3):
        assert budget.wait(NOW + 1) == 0
        budget.sent(NOW + 1)
    assert budget.wait(NOW + 1) == pytest.approx(9, abs=0.2)


def test_the_last_requests_go_one_by_one_while_others_use_the_limit_too() -> None:
    """And the very last is theirs."""
    budget = RateBudget(in_line=True)
    ask(budget, NOW, 60)
    ask(budget, NOW + 1, 12)
    budget.sent(NOW + 1.1)
    assert budget.wait(NOW + 1.1) == 0.01
    budget.answered(NOW + 1.1, NOW + 1.2, 200, told(1))
    assert budget.wait(NOW + 1.2) == pytest.approx(8.9)


def test_what_others_use_meanwhile_is_guessed_from_what_they_used() -> None:
    """Twenty a second were theirs: what was left seconds ago may be gone."""
    budget = RateBudget(in_line=False)
    ask(budget, NOW, 90)
    ask(budget, NOW + 3, 20)
    assert budget.wait(NOW + 5) == 0
    assert budget.wait(NOW + 8) == pytest.approx(2, abs=0.2)


def test_an_answer_that_was_overtaken_brings_nothing_back() -> None:
    """Answers to requests sent side by side come in any order."""
    budget = RateBudget(in_line=False)
    for left in (1, 0, 2):
        budget.sent(NOW)
        budget.answered(NOW, NOW + 0.1, 200, told(left))
    assert budget.wait(NOW + 0.2) > 9


def test_a_rise_of_what_is_left_is_a_new_window() -> None:
    """Begun by somebody else, earlier than we could know."""
    budget = RateBudget(in_line=True)
    ask(budget, NOW, 20)
    ask(budget, NOW + 5, 98)
    assert budget.wait(NOW + 10) == 0
    ask(budget, NOW + 10, 0)
    assert budget.wait(NOW + 11) == pytest.approx(4.1)


def test_a_smaller_limit_told_by_headers_is_kept() -> None:
    """The vendor's sandbox allows 25 in ten seconds."""
    budget = RateBudget(in_line=False)
    ask(budget, NOW, 24, x_ratelimit_max="25", x_ratelimit_interval_milliseconds="4000")
    for _ in range(24):
        assert budget.wait(NOW + 1) == 0
        budget.sent(NOW + 1)
    assert budget.wait(NOW + 1) == pytest.approx(3.1)


def test_a_refusal_closes_the_window() -> None:
    """For a container that knows nothing of it: a whole interval."""
    budget = RateBudget(in_line=True)
    ask(budget, NOW, 0, 429)
    assert budget.wait(NOW + 0.1) == pytest.approx(9.9)


def test_a_refusal_that_says_when_is_believed() -> None:
    """Retry-After beats what we know."""
    budget = RateBudget(in_line=True)
    ask(budget, NOW, 0, 429, retry_after="3")
    assert budget.wait(NOW + 0.1) == 3
    ask(budget, NOW + 4, 0, 429, retry_after="30")
    assert budget.wait(NOW + 4.1) == 30


def test_a_moment_too_early_costs_a_moment_and_not_a_window() -> None:
    """Our clock is faster, or the answer that began the window was slow; nobody else could have used it up."""
    budget = RateBudget(in_line=True)
    for number in range(100):
        ask(budget, NOW + number * 0.01, 99 - number, took=0.005)
    ask(budget, NOW + 10.01, 0, 429)
    assert budget.wait(NOW + 10.11) == pytest.approx(0.5)
    ask(budget, NOW + 10.7, 99)
    assert budget.wait(NOW + 10.8) == 0


@pytest.mark.parametrize(
    ("reset", "wait"),
    [("600", 600), (str(int(NOW) + 601), 600), (str(int(NOW + 601) * 1000), 600), ("", 3600), ("junk", 3600)],
)
def test_a_used_up_day_waits_for_its_reset(reset: str, wait: float) -> None:
    """Told in seconds or as a time; else looked at every hour."""
    budget = RateBudget(in_line=True)
    ask(budget, NOW, 50, took=1, x_ratelimit_daily_remaining="0", x_ratelimit_daily_reset=reset)
    assert (budget.wait(NOW + 1), budget.reason) == (pytest.approx(wait), "daily_limit")
    ask(budget, NOW + 4000, 99)
    assert (budget.wait(NOW + 4001), budget.reason) == (0, "rate_limited")


def test_a_day_that_ends_soon_is_not_waited_for_longer() -> None:
    """Midnight in UTC."""
    midnight = NOW - NOW % 86_400 + 86_400
    budget = RateBudget(in_line=True)
    ask(budget, midnight - 61, 50, took=1, x_ratelimit_daily_remaining="0")
    assert budget.wait(midnight - 60) == 60


def test_a_request_whose_answer_never_came_is_forgotten() -> None:
    """A container that was frozen in between."""
    budget = RateBudget(in_line=False)
    for _ in range(100):
        budget.sent(NOW)
    assert budget.wait(NOW + 31) == 0


headers = st.dictionaries(
    st.sampled_from(
        [
            "x-ratelimit-max",
            "x-ratelimit-remaining",
            "x-ratelimit-interval-milliseconds",
            "x-ratelimit-daily-remaining",
            "x-ratelimit-daily-reset",
            "retry-after",
        ]
    ),
    st.one_of(st.integers(-5, 300).map(str), st.sampled_from(["", "junk", "1e9", "99999999999999999999", "٣"])),
)


@given(
    st.booleans(),
    st.lists(st.tuples(st.floats(0, 20), st.sampled_from([200, 429, 500, None]), headers), max_size=40),
)
def test_no_answer_however_odd_makes_it_fail(
    in_line: bool, answers: list[tuple[float, int | None, dict[str, str]]]
) -> None:
    """Waits are numbers that are not negative."""
    budget, now = RateBudget(in_line=in_line), NOW
    for seconds, status, said in answers:
        now += seconds
        assert budget.wait(now) >= 0
        budget.sent(now)
        budget.answered(now, now + 0.1, status, said)
        assert budget.wait(now + 0.1) >= 0
