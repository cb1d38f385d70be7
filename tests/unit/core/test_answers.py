"""Answers as text: cleaned, found by a key typed with care or without."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leads.core.answers import Answers, folded, text_of
from tests.unit.core.strategies import any_text, json_values

ANSWERS = Answers(
    {
        "EMAIL": " ada@example.com ",
        "What is your budget?": ["over 10 k", "", None, "none of your business"],
        "AGE": 36,
        "CITY": None,
        "STATE_PROVINCE": "  ",
        "consent": True,
        "Größe": {"Breite": 2},
    }
)


class TestFinding:
    @pytest.mark.parametrize(
        ("key", "text"),
        [
            ("EMAIL", "ada@example.com"),
            ("email", "ada@example.com"),
            (" E mail", "ada@example.com"),
            ("What is your budget?", "over 10 k, none of your business"),
            ("what is your  BUDGET ?", "over 10 k, none of your business"),
            ("AGE", "36"),
            ("Consent", "yes"),
            ("Gro\u0308ße", "Breite: 2"),
            ("grösse", "Breite: 2"),
            ("CITY", ""),
            ("STATE_PROVINCE", ""),
            ("budget", ""),
            ("", ""),
        ],
    )
    def test_a_key_need_not_be_typed_exactly(self, key: str, text: str) -> None:
        """Case, blanks and the way an accent is stored make no difference; nothing is found by half a key."""
        assert ANSWERS.text(key) == text

    def test_an_exact_key_comes_first(self) -> None:
        """Two questions that differ in case only are told apart when the key is exact; else the first one counts."""
        answers = Answers({"Name": "a", "NAME": "b", "name": "c"})
        assert [answers.text(key) for key in ("Name", "NAME", "name", "nAmE")] == ["a", "b", "c", "a"]

    def test_a_list_keeps_its_items(self) -> None:
        """What was ticked can be told apart; blank items are none."""
        assert ANSWERS.values("What is your budget?") == ("over 10 k", "none of your business")
        assert ANSWERS.values("AGE") == ("36",)
        assert ANSWERS.values("CITY") == ()

    def test_only_what_was_answered_is_listed(self) -> None:
        """Null and blank count as not answered."""
        assert ANSWERS.keys() == ("EMAIL", "What is your budget?", "AGE", "consent", "Größe")
        assert dict(ANSWERS.items())["consent"] == "yes"

    def test_keys_that_look_the_same_both_stay(self) -> None:
        """A mark without width in a key hides no answer."""
        answers = Answers({"City": "Rome", "Ci\u200bty": "Oslo", "City\ud800": "Bern"})
        assert answers.items() == (("City", "Rome"), ("City (2)", "Oslo"), ("City\ufffd", "Bern"))


class TestAnyAnswers:
    @given(st.dictionaries(any_text, json_values, max_size=6))
    def test_no_answer_is_lost(self, answers: dict[str, Any]) -> None:
        """Every answer that is not blank is listed once, in order, as text that fits through UTF-8."""
        read = Answers(answers)
        expected = [text for value in answers.values() if (text := text_of(value))]
        assert [text for _, text in read.items()] == expected
        assert all(read.text(key) == text for key, text in read.items())
        assert all((key + text).encode() and "\n" not in key + text for key, text in read.items())

    @given(any_text)
    def test_folding_twice_changes_nothing_more_for_plain_letters(self, text: str) -> None:
        """Whatever is compared, case and blanks around it play no part."""
        assert folded(f" {text}\t") == folded(text)
