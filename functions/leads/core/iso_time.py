"""A moment as text."""

from __future__ import annotations

import datetime as dt
from typing import Any


def iso_time(seconds: float, timespec: str = "milliseconds") -> str:
    """Seconds since the epoch as ISO 8601 in UTC; timespec: down to what, in the words of datetime.isoformat."""
    return dt.datetime.fromtimestamp(seconds, dt.UTC).isoformat(timespec=timespec)


def zulu_time(seconds: float, timespec: str = "milliseconds") -> str:
    """As iso_time, with a Z for UTC."""
    return iso_time(seconds, timespec).replace("+00:00", "Z")


def epoch_of(value: Any) -> float:
    """A moment that a person wrote down, in seconds since the epoch; 0 for what is none.

    ISO 8601 (UTC unless it says otherwise), or seconds since the epoch.
    """
    if isinstance(value, bool):
        return 0.0
    if isinstance(value, int | float):
        return float(value)
    text = str(value).strip()
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        return float(text) if text.isascii() and text.isdecimal() else 0.0
    return (moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)).timestamp()
