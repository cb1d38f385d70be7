"""How long a lead waits, for every number that could come in."""

import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from leads.core.retry_policy import JITTER, LONGEST_HOLD, clamp, parse_waits, wait_before_next

WAITS = (60, 300, 1800, 7200, 21600, 43200, 43200)
SQS_LONGEST = 43_200

attempts = st.integers(0, 20)
chances = st.floats(0, 1, exclude_max=True)
tables = st.lists(st.floats(0, 1e6), min_size=1, max_size=10)


class TestTable:
    @pytest.mark.parametrize(
        ("attempt", "wait"),
        [(0, 60), (1, 60), (2, 300), (3, 1800), (4, 7200), (5, 21600), (6, LONGEST_HOLD), (7, LONGEST_HOLD)],
    )
    def test_each_attempt_has_its_wait(self, attempt: int, wait: int) -> None:
        """Without luck either way the table itself is the wait, as far as SQS can hold a message."""
        assert wait_before_next(attempt, WAITS, chance=0.5) == wait

    @pytest.mark.parametrize("retry_after", [None, 5.0])
    def test_nothing_follows_the_last_attempt(self, retry_after: float | None) -> None:
        """Seven waits make eight attempts, whatever the server asks for."""
        assert wait_before_next(7, WAITS) is not None
        assert wait_before_next(8, WAITS, retry_after=retry_after) is None
        assert wait_before_next(1, (), retry_after=retry_after) is None

    @given(attempt=attempts, waits=tables, chance=chances)
    def test_a_wait_is_within_a_fifth_of_the_table(self, attempt: int, waits: list[float], chance: float) -> None:
        """± 20 %, rounded up, and never more than SQS takes."""
        wait = wait_before_next(attempt, waits, chance=chance)
        if attempt > len(waits):
            assert wait is None
            return
        planned = waits[max(attempt, 1) - 1]
        low, high = (min(math.ceil(planned * (1 + sign * JITTER)), LONGEST_HOLD) for sign in (-1, 1))
        assert wait is not None
        assert low - 1 <= wait <= high + 1
        assert 0 <= wait < SQS_LONGEST

    def test_chance_spreads_leads_over_the_whole_range(self) -> None:
        """Leads that failed together do not come back together."""
        waits = {wait_before_next(2, WAITS, chance=step / 100) for step in range(100)}
        assert min(waits) == 240  # type: ignore[type-var]
        assert max(waits) >= 358  # type: ignore[operator, type-var]
        assert len(waits) > 90


class TestRetryAfter:
    @given(attempt=attempts, retry_after=st.floats(0, 1e12), chance=chances)
    @example(attempt=1, retry_after=0.0, chance=0.0)
    @example(attempt=7, retry_after=1.0, chance=0.99)
    def test_it_beats_the_table_and_is_never_undercut(self, attempt: int, retry_after: float, chance: float) -> None:
        """The server knows better than our table, in both directions, up to what SQS can hold."""
        wait = wait_before_next(attempt, WAITS, retry_after=retry_after, chance=chance)
        if attempt > len(WAITS):
            assert wait is None
            return
        assert wait is not None
        assert wait >= min(retry_after, LONGEST_HOLD)
        assert wait <= min(math.ceil(retry_after * (1 + JITTER)), LONGEST_HOLD)

    @pytest.mark.parametrize("retry_after", [-1.0, -1e300, float("nan"), float("-inf")])
    def test_nonsense_is_no_wait(self, retry_after: float) -> None:
        """A time that has passed already is now."""
        assert wait_before_next(3, WAITS, retry_after=retry_after, chance=0.9) == 0


class TestClamp:
    @pytest.mark.parametrize(
        ("seconds", "whole"),
        [
            (0, 0), (-0.0, 0), (-5, 0), (float("nan"), 0), (float("-inf"), 0), (1e-9, 1), (0.2, 1), (1, 1),
            (1.0000001, 2), (LONGEST_HOLD - 0.5, LONGEST_HOLD), (LONGEST_HOLD, LONGEST_HOLD), (43_200, LONGEST_HOLD),
            (1e308, LONGEST_HOLD),
        ],
    )  # fmt: skip
    def test_the_result_is_what_sqs_takes(self, seconds: float, whole: int) -> None:
        """Whole seconds, rounded up so that nobody is earlier than asked."""
        assert clamp(seconds) == whole
        assert isinstance(clamp(seconds), int)

    def test_infinity_is_the_longest_hold(self) -> None:
        """The clamp is total: infinity comes out of a large wait times its jitter."""
        assert clamp(float("inf")) == LONGEST_HOLD

    @given(st.floats())
    def test_any_number_is_taken(self, seconds: float) -> None:
        """Never negative, never beyond twelve hours, never an error."""
        assert 0 <= clamp(seconds) <= LONGEST_HOLD < SQS_LONGEST


class TestParseWaits:
    @pytest.mark.parametrize(
        ("text", "waits"),
        [
            ("60,300,1800,7200,21600,43200,43200", WAITS),
            (" 1 , 2.5,3 ", (1, 2.5, 3)),
            ("0", (0,)),
            ("1,1,", (1, 1)),
            ("1e2", (100,)),
        ],
    )
    def test_seconds_separated_by_commas(self, text: str, waits: tuple[float, ...]) -> None:
        """Fractions and blanks are fine, and a comma at the end is forgiven."""
        assert parse_waits(text) == waits

    @pytest.mark.parametrize(
        "text", ["", " ", ",", "abc", "1;2", "60,abc", "-1", "60,-1", "nan", "inf", "1e999", "1 2", "60s", "0x10"]
    )
    def test_anything_else_is_refused_by_name(self, text: str) -> None:
        """The sentence names the setting and shows what it takes."""
        with pytest.raises(ValueError, match=r"^RetryWaits takes seconds separated by commas, such as 60,300,1800$"):
            parse_waits(text)

    @given(st.text(max_size=20))
    def test_any_text_gives_usable_waits_or_the_sentence(self, text: str) -> None:
        """What is accepted can be waited for."""
        said = ""
        try:
            waits = parse_waits(text)
        except ValueError as error:
            waits, said = (), str(error)
        assert bool(waits) == (not said)
        assert said.startswith("RetryWaits") or not said
        for attempt in range(1, len(waits) + 1):
            wait = wait_before_next(attempt, waits, chance=0.99)
            assert wait is not None
            assert 0 <= wait <= LONGEST_HOLD
