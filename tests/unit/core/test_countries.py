"""The country table itself: no two countries answer to one name."""

import pytest

from leads.core import countries


def entries() -> list[tuple[str, str, list[str]]]:
    rows = [line.split(" ", 2) for line in countries._TABLE.splitlines()]
    return [(code, alpha_3, names.split("/")) for code, alpha_3, names in rows]


def test_no_name_stands_for_two_countries() -> None:
    """A later row would silently take over an earlier one's name."""
    owners: dict[str, set[str]] = {}
    for code, alpha_3, names in entries():
        for known_as in (code, alpha_3, *names):
            owners.setdefault(countries._folded(known_as), set()).add(code)
    assert {name: codes for name, codes in owners.items() if len(codes) > 1} == {}


def test_every_country_is_found_by_everything_it_is_called() -> None:
    """Codes and names, as written, in lower and in upper case."""
    for code, alpha_3, names in entries():
        assert (len(code), len(alpha_3)) == (2, 3)
        for known_as in (code, alpha_3, *names):
            assert {countries.country_code(text) for text in (known_as, known_as.lower(), known_as.upper())} == {code}


@pytest.mark.parametrize("text", ["", " ", "...", "\x00", "\ud800", "é", "0", "u s a a", "x" * 100_000])
def test_anything_else_is_unknown(text: str) -> None:
    """No text raises, and nothing empty matches."""
    assert countries.country_code(text) is None
