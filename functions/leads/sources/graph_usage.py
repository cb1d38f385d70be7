"""How much of its quota a page has used up, as Graph tells with every answer, and how long to pause for it.

Source: developers.facebook.com/docs/graph-api/overview/rate-limiting, "Headers".
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import msgspec

from leads.core import lenient_json

# From this share (percent) on, the rest of a page's quota is left to the leads that come in right now.
HALF = 50.0
# From this one on, calls are spaced; at 100 Graph refuses them.
SLOW = 80.0
FULL = 100.0
# Seconds between two calls, at 80 and at 99 percent.
_SHORTEST, _LONGEST = 0.5, 30.0
# How long a page rests when Graph does not say when its quota is back.
_REST = 300.0
# A day; whatever a header says.
_LONGEST_REGAIN = 86_400.0

_PERCENTAGES = ("call_count", "total_time", "total_cputime")


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """percent: the most used-up of all quotas that an answer told of; 0 when it told of none.

    regains: kind of quota (`leadgen`, `pages`, …) → seconds until Graph answers again, 0 while it does.
    """

    percent: float = 0.0
    regains: dict[str, float] = {}

    def regain(self, kind: str = "") -> float:
        """Seconds until calls of this kind are answered again; of any when nothing was said of it; 0 if unknown."""
        return self.regains[kind] if kind in self.regains else max(self.regains.values(), default=0.0)


def usage_of(headers: Mapping[str, str]) -> Usage:
    """Reads X-App-Usage and X-Business-Use-Case-Usage (header names in lower case); never raises.

    The first is `{"call_count": 28, …}`, the second `{"<business id>": [{"type": "leadgen", "call_count": …,
    "estimated_time_to_regain_access": <minutes>}]}`.
    """
    entries = [lenient_json.decode_object(headers.get("x-app-usage", ""))]
    for told in lenient_json.decode_object(headers.get("x-business-use-case-usage", "")).values():
        entries += [entry for entry in told if isinstance(entry, dict)] if isinstance(told, list) else []
    regains: dict[str, float] = {}
    for entry in entries:
        if isinstance(kind := entry.get("type"), str):
            seconds = min(_number(entry.get("estimated_time_to_regain_access")) * 60, _LONGEST_REGAIN)
            regains[kind] = max(regains.get(kind, 0.0), seconds)
    percent = max(_number(entry.get(name)) for entry in entries for name in _PERCENTAGES)
    return Usage(percent=percent, regains=regains)


def pause_for(percent: float) -> float:
    """Seconds between two calls: none below 80 percent, then growing from half a second to half a minute at 99."""
    if percent < SLOW:
        return 0.0
    share = min((percent - SLOW) / (99.0 - SLOW), 1.0)
    return float(_SHORTEST * (_LONGEST / _SHORTEST) ** share)


def rest_for(usage: Usage) -> float:
    """Seconds for which what can wait leaves a page alone: none below 50 percent."""
    return (usage.regain("leadgen") or _REST) if usage.percent >= HALF else 0.0


def _number(value: Any) -> float:
    """A number that is not negative; 0 for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return 0.0
    try:
        number = float(value)
    except OverflowError:
        return 0.0
    return number if math.isfinite(number) and number > 0 else 0.0
