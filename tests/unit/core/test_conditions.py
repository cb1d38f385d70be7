"""Conditions of routes.toml against a lead's answers."""

import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leads.core.answers import Answers
from leads.core.conditions import holds
from leads.core.routes import Condition, parse_routes
from tests.unit.core.strategies import any_text, json_values

ANSWERS = {
    "COUNTRY": "United States",
    "What is your budget?": "Over $10k",
    "Interests": ["Sofas", "Beds, large"],
    "AGE": 36,
    "newsletter": False,
    "CITY": "",
}
CONVERTED = {"COUNTRY": "US"}


def condition(text: str) -> Condition:
    document = tomllib.loads(f'[[routes]]\nname = "a"\nlocation = "L"\nonly_if = [{{ {text} }}]')
    return parse_routes(document).routes[0].only_if[0]


def outcome(text: str, answers: dict[str, Any] | None = None) -> bool:
    return holds(condition(text), Answers(ANSWERS if answers is None else answers), CONVERTED)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('answer = "COUNTRY", equals = "United States"', True),
        ('answer = "country", equals = "unitedstates "', True),
        ('answer = "COUNTRY", equals = "us"', True),
        ('answer = "COUNTRY", equals = "CA"', False),
        ('answer = "COUNTRY", is_in = ["CA", "US"]', True),
        ('answer = "COUNTRY", is_in = ["CA", "MX"]', False),
        ('answer = "COUNTRY", matches = "^US$"', True),
        ('answer = "What is your budget?", matches = "over"', False),
        ('answer = "What is your budget?", matches = "(?i)over"', True),
        ('answer = "What is your budget?", matches = "10k$"', True),
        ('answer = "Interests", equals = "sofas"', True),
        ('answer = "Interests", equals = "Beds, large"', True),
        ('answer = "Interests", equals = "Beds"', False),
        ('answer = "Interests", equals = "Sofas, Beds, large"', True),
        ('answer = "Interests", is_in = ["Chairs", "Sofas"]', True),
        ('answer = "Interests", matches = "^Beds"', True),
        ('answer = "AGE", equals = "36"', True),
        ('answer = "newsletter", equals = "no"', True),
        ('answer = "CITY", is_empty = true', True),
        ('answer = "CITY", is_empty = false', False),
        ('answer = "never asked", is_empty = true', True),
        ('answer = "AGE", is_empty = true', False),
        ('answer = "AGE", is_empty = false', True),
        ('answer = "never asked", equals = "x"', False),
        ('answer = "never asked", matches = ""', False),
        ('answer = "COUNTRY", not = "CA"', True),
        ('answer = "COUNTRY", not = "US"', False),
        ('answer = "COUNTRY", not = ["CA", "united states"]', False),
        ('answer = "COUNTRY", not = { matches = "^C" }', True),
        ('answer = "COUNTRY", not = { is_in = ["US"] }', False),
        ('answer = "never asked", not = "x"', True),
        ('answer = "CITY", not = { is_empty = true }', False),
        ('answer = "COUNTRY", equals = "US", not = true', False),
        ('answer = "COUNTRY", equals = "CA", not = true', True),
        ('answer = "COUNTRY", equals = "US", not = false', True),
        ('answer = "never asked", equals = "x", not = true', True),
        ('answer = "AGE", matches = "^[0-9]+$", not = ["35", "37"]', True),
        ('answer = "AGE", matches = "^[0-9]+$", not = ["36"]', False),
        ('answer = "AGE", equals = "36", matches = "7"', False),
    ],
)
def test_a_condition_holds_when_all_of_it_agrees(text: str, expected: bool) -> None:
    """Case and blanks do not matter, a list agrees by any item, a country by its code as well as by its name."""
    assert outcome(text) == expected


@given(
    st.dictionaries(any_text | st.just("AGE"), json_values, max_size=4),
    st.sampled_from(['equals = "36"', 'is_in = ["a", "b"]', 'matches = "."', "is_empty = true"]),
)
def test_not_is_the_opposite(answers: dict[str, Any], comparison: str) -> None:
    """`not = true` and `not = {…}` both hold exactly when the comparison does not."""
    plain = outcome(f'answer = "AGE", {comparison}', answers)
    assert outcome(f'answer = "AGE", {comparison}, not = true', answers) == (not plain)
    assert outcome(f'answer = "AGE", not = {{ {comparison} }}', answers) == (not plain)
