"""A complete date out of what a person typed, or nothing."""

from __future__ import annotations

import datetime as dt
import re

_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "january jan",
            "february feb",
            "march mar",
            "april apr",
            "may",
            "june jun",
            "july jul",
            "august aug",
            "september sept sep",
            "october oct",
            "november nov",
            "december dec",
        ),
        start=1,
    )
    for name in names.split()
}
_SEPARATORS = re.compile(r"[\s,./_\-]+")
_ORDINAL = re.compile(r"(\d+)(?:st|nd|rd|th)")


def complete_birth_date(text: str, *, today: dt.date) -> str | None:
    """`text` as YYYY-MM-DD when it is a complete date on which somebody alive today can be born, else None."""
    born = complete_date(text)
    return born.isoformat() if born and dt.date(1900, 1, 1) <= born <= today else None


def complete_date(text: str) -> dt.date | None:
    """The date in `text` when it names day, month and year without doubt, else None.

    "12 January" has no year, and 03/04/1990 is March or April depending on who wrote it: a wrong date
    is worse than none, so neither is used.
    """
    parts = [_ORDINAL.sub(r"\1", part) for part in _SEPARATORS.split(text.strip().casefold()) if part]
    if len(parts) == 1 and len(parts[0]) == 8 and parts[0].isdecimal():
        parts = [parts[0][:4], parts[0][4:6], parts[0][6:]]
    if len(parts) != 3:
        return None
    day_month_year = _with_month_name(parts) or _in_numbers(parts)
    if day_month_year is None:
        return None
    day, month, year = day_month_year
    try:
        return dt.date(year, month, day)
    except ValueError:
        return None


def _with_month_name(parts: list[str]) -> tuple[int, int, int] | None:
    named = [index for index, part in enumerate(parts) if part in _MONTHS]
    if len(named) != 1:
        return None
    month = _MONTHS[parts[named[0]]]
    rest = [part for index, part in enumerate(parts) if index != named[0]]
    years = [part for part in rest if _is_year(part)]
    days = [part for part in rest if _is_short(part)]
    if len(years) != 1 or len(days) != 1:
        return None
    return int(days[0]), month, int(years[0])


def _in_numbers(parts: list[str]) -> tuple[int, int, int] | None:
    first, second, third = parts
    if _is_year(first) and _is_short(second) and _is_short(third):
        return int(third), int(second), int(first)
    if not (_is_short(first) and _is_short(second) and _is_year(third)):
        return None
    one, other = int(first), int(second)
    if one == other or one > 12:
        return one, other, int(third)
    if other > 12:
        return other, one, int(third)
    return None


def _is_year(part: str) -> bool:
    return len(part) == 4 and part.isascii() and part.isdecimal()


def _is_short(part: str) -> bool:
    return 1 <= len(part) <= 2 and part.isascii() and part.isdecimal()
