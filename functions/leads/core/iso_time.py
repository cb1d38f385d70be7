"""A moment as text."""

from __future__ import annotations

import datetime as dt


def iso_time(seconds: float, timespec: str = "milliseconds") -> str:
    """Seconds since the epoch as ISO 8601 in UTC; timespec: down to what, in the words of datetime.isoformat."""
    return dt.datetime.fromtimestamp(seconds, dt.UTC).isoformat(timespec=timespec)


def zulu_time(seconds: float, timespec: str = "milliseconds") -> str:
    """As iso_time, with a Z for UTC."""
    return iso_time(seconds, timespec).replace("+00:00", "Z")
