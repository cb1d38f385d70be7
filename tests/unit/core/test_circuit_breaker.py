"""A location that is down or refuses us is left alone, then tried once."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leads.core.circuit_breaker import CircuitBreaker

NOW = 1_800_000_000.0


def broken(*statuses: int | None, at: float = NOW) -> CircuitBreaker:
    breaker = CircuitBreaker()
    for status in statuses:
        breaker.answered(at, at, status)
    return breaker


@pytest.mark.parametrize("statuses", [(500, 503), (None, None), (500, 200, 500, 500), (404, 422, 429, 400)])
def test_a_location_that_answers_now_and_then_goes_on(statuses: tuple[int | None, ...]) -> None:
    """Two failures are bad luck, and an answer that says no is an answer."""
    breaker = broken(*statuses)
    assert (breaker.wait_to_begin(NOW), breaker.wait_to_send(NOW), breaker.cause) == (0, 0, "")


@pytest.mark.parametrize(
    ("statuses", "wait", "cause"),
    [
        ((500, 502, 503), 10, "contacts_api_5xx"),
        ((500, 500, None), 10, "contacts_api_unreachable"),
        ((200, 401), 60, "contacts_api_unauthorized"),
        ((403,), 60, "contacts_api_unauthorized"),
    ],
)
def test_three_failures_in_a_row_or_one_refusal_open_it(
    statuses: tuple[int | None, ...], wait: float, cause: str
) -> None:
    """A refused token is nobody's bad luck."""
    breaker = broken(*statuses)
    assert (breaker.wait_to_begin(NOW), breaker.cause) == (wait, cause)


@pytest.mark.parametrize(
    ("statuses", "pauses"),
    [((500, 500, 500), [10, 20, 40, 80, 160, 300, 300]), ((401,), [60, 120, 240, 300, 300])],
)
def test_the_pause_doubles_while_trials_fail(statuses: tuple[int, ...], pauses: list[float]) -> None:
    """Up to five minutes; one lead is let through after each."""
    breaker, now = broken(*statuses), NOW
    for pause in pauses:
        assert breaker.wait_to_begin(now) == pytest.approx(pause)
        now += pause
        assert breaker.wait_to_begin(now) == 0
        breaker.begin(now)
        breaker.answered(now, now + 0.5, statuses[-1])
        now += 0.5


def test_after_a_pause_one_lead_goes_and_the_others_wait_for_its_answer() -> None:
    """A thousand leads shall not knock at once; one that brings no answer blocks nobody for long."""
    breaker = broken(500, 500, 500)
    breaker.begin(NOW + 10)
    assert breaker.wait_to_begin(NOW + 10) == 15
    assert breaker.wait_to_send(NOW + 10) == 0
    breaker.sent(NOW + 10)
    assert breaker.wait_to_send(NOW + 10) == 15
    assert breaker.wait_to_begin(NOW + 25) == 0
    breaker.answered(NOW + 10, NOW + 11, 200)
    assert (breaker.wait_to_begin(NOW + 11), breaker.wait_to_send(NOW + 11)) == (0, 0)


def test_requests_that_fail_together_count_as_one_trial() -> None:
    """Tags, note and tasks go side by side."""
    breaker = broken(500, 500, 500)
    for _ in range(4):
        breaker.answered(NOW - 1, NOW + 1, 500)
    assert breaker.wait_to_begin(NOW) == 10


def test_a_refused_token_does_not_stop_the_request_with_its_successor() -> None:
    """Only new leads wait, and no longer once a token is accepted."""
    breaker = broken(401)
    assert breaker.wait_to_send(NOW) == 0
    breaker.sent(NOW)
    breaker.answered(NOW, NOW, 201)
    assert breaker.wait_to_begin(NOW) == 0


@given(st.lists(st.tuples(st.sampled_from([200, 404, 401, 500, None]), st.floats(0, 400)), max_size=60))
def test_it_never_stays_shut_for_longer_than_five_minutes(answers: list[tuple[int | None, float]]) -> None:
    """Whatever happened before."""
    breaker, now = CircuitBreaker(), NOW
    for status, seconds in answers:
        now += seconds
        if not breaker.wait_to_begin(now):
            breaker.begin(now)
        if not breaker.wait_to_send(now):
            breaker.sent(now)
            breaker.answered(now, now, status)
        assert 0 <= breaker.wait_to_begin(now) <= 300
        assert 0 <= breaker.wait_to_send(now) <= 300
