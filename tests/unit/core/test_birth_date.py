"""Which texts are a complete birth date, and which only look like one."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leads.core.birth_date import complete_birth_date

TODAY = dt.date(2026, 3, 1)


@pytest.mark.parametrize(
    ("text", "date"),
    [
        ("1990-01-12", "1990-01-12"),
        ("1990/1/2", "1990-01-02"),
        ("1990.12.31", "1990-12-31"),
        ("1990_03_04", "1990-03-04"),
        ("19900112", "1990-01-12"),
        ("12 January 1990", "1990-01-12"),
        ("January 12, 1990", "1990-01-12"),
        ("jan 1st, 1990", "1990-01-01"),
        ("2nd Sept. 1990", "1990-09-02"),
        ("3RD-AUG-1990", "1990-08-03"),
        ("1990 May 4th", "1990-05-04"),
        ("  25/12/1990\n", "1990-12-25"),
        ("12/25/1990", "1990-12-25"),
        ("13-01-1990", "1990-01-13"),
        ("05.05.1990", "1990-05-05"),
        ("29 Feb 2000", "2000-02-29"),
        ("1 Jan 1900", "1900-01-01"),
        ("2026-03-01", "2026-03-01"),
    ],
)
def test_a_date_without_doubt_is_read(text: str, date: str) -> None:
    """Day, month and year in any order that leaves one reading."""
    assert complete_birth_date(text, today=TODAY) == date


@pytest.mark.parametrize(
    "text",
    [
        "12 January",  # Pinterest's own sample
        "January 1990",
        "1990",
        "12/01",
        "03/04/1990",
        "3-4-1990",
        "12/11/1990",
        "12 Jan 90",
        "90-01-12",
        "1/1/90",
        "31 April 1990",
        "29 Feb 1900",
        "29 Feb 2023",
        "0 January 1990",
        "00/00/0000",
        "13/13/1990",
        "1990-13-01",
        "1990-00-10",
        "2 March 2026",
        "2026-03-02",
        "31 Dec 1899",
        "1 Jan 9999",
        "12011990",
        "01121990",
        "1990-01-12T00:00:00Z",
        "January February 1990",
        "12 12 January 1990",
        "12 Januar 1990",
        "Jan 12 1990 1990",
        "1990 1990 Jan",
        "１９９０-01-12",
        "١٩٩٠٠١١٢",
        "²/³/1990",
        "yesterday",
        "-",
        "",
        "1" * 5000,
        "\x00",
    ],
)
def test_a_date_with_a_doubt_is_not(text: str) -> None:
    """No year, two readings, an impossible day or one in the future: none of them is used."""
    assert complete_birth_date(text, today=TODAY) is None


@given(born=st.dates(dt.date(1900, 1, 1), TODAY))
def test_every_day_is_read_back_from_its_unambiguous_spellings(born: dt.date) -> None:
    """ISO, compact, and with the month's name in either place."""
    for shape in ("%Y-%m-%d", "%Y%m%d", "%Y/%m/%d", "%d %B %Y", "%B %d, %Y", "%d-%b-%Y"):
        assert complete_birth_date(born.strftime(shape), today=TODAY) == born.isoformat()


@given(born=st.dates(dt.date(1900, 1, 1), TODAY))
def test_numbers_that_can_be_swapped_are_refused(born: dt.date) -> None:
    """A day up to 12 could be the month, unless both are the same."""
    found = complete_birth_date(born.strftime("%d/%m/%Y"), today=TODAY)
    assert found == (None if born.day <= 12 and born.day != born.month else born.isoformat())


@given(text=st.text(max_size=30) | st.from_regex(r"[0-9a-z ./_-]{0,20}", fullmatch=True))
def test_any_text_gives_a_past_date_or_none(text: str) -> None:
    """Nothing a person types raises, and what comes out is a real day."""
    found = complete_birth_date(text, today=TODAY)
    assert found is None or dt.date(1900, 1, 1) <= dt.date.fromisoformat(found) <= TODAY
