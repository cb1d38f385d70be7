"""Until when each version of Facebook's Graph can be called."""

from __future__ import annotations

import datetime as dt
import re

# Told so long before a version ends: time for an update, a test and a deployment.
NOTICE_DAYS = 90

# Meta gives a version two years from its successor's release. The newest one here has no successor, so that its day is
# the earliest that it can be: two years from its own release. A deployment that nobody updates hears of it then, and
# not never. Of what came after this table was written no end is known.
# Source: developers.facebook.com/docs/graph-api/changelog, "Available Graph API Versions".
_USABLE_UNTIL = {
    "v26.0": dt.date(2028, 7, 29),  # at the earliest
    "v25.0": dt.date(2028, 7, 29),
    "v24.0": dt.date(2028, 2, 18),
    "v23.0": dt.date(2027, 10, 8),
    "v22.0": dt.date(2027, 5, 20),
    "v21.0": dt.date(2027, 1, 21),
    "v20.0": dt.date(2026, 9, 24),
}

_VERSION = re.compile(r"/v?(\d+\.\d+)/?$")


def usable_until(version: str) -> dt.date | None:
    """The day from which a version (`v25.0`, or `25.0`) is refused, or may be; None when no end of it is known."""
    return _USABLE_UNTIL.get(f"v{version.strip().lower().removeprefix('v')}")


def version_of(url: str) -> str:
    """`v26.0` of `https://graph.facebook.com/v26.0`; "" when the address names no version."""
    found = _VERSION.search(url)
    return f"v{found[1]}" if found else ""


def ends_soon(version: str, now: float) -> dt.date | None:
    """The end of a version if it is less than ninety days away, or over; now: seconds since the epoch."""
    end = usable_until(version)
    today = dt.datetime.fromtimestamp(now, dt.UTC).date()
    return end if end is not None and (end - today).days < NOTICE_DAYS else None
