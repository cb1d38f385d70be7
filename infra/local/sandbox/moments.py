"""Moments as the CRM writes and reads them."""

from datetime import UTC, datetime


def now() -> str:
    """The present, in UTC and milliseconds: 2021-11-26T12:41:02.193Z."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def milliseconds(text: str) -> int:
    """A moment in milliseconds since the epoch, UTC unless it says otherwise; ValueError when it is none."""
    moment = datetime.fromisoformat(text)
    return round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
