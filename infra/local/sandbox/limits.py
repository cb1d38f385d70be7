"""The CRM's rate limit: so many requests per interval and per day, for each location."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass
class _Used:
    day: int
    interval_began: float
    today: int = 0
    in_interval: int = 0


@dataclass
class RateLimit:
    """Counts requests per location; the documented limits are 100 per 10 seconds and 200,000 per day.

    Source: highlevel-api-docs, docs/oauth/Authorization.md. The caller serialises access.
    """

    burst: int = 100
    interval_ms: int = 10_000
    daily: int = 200_000
    clock: Callable[[], float] = time.time
    _used: dict[str, _Used] = field(default_factory=dict, init=False)

    def take(self, location_id: str) -> bool:
        """Count one request; False (and nothing counted) when the interval or the day is used up."""
        used = self._current(location_id)
        if used.in_interval >= self.burst or used.today >= self.daily:
            return False
        used.in_interval += 1
        used.today += 1
        return True

    def headers(self, location_id: str | None) -> dict[str, str]:
        """The five documented headers; a caller without a location sees an untouched budget."""
        used = self._current(location_id) if location_id else _Used(0, 0)
        return {
            "X-RateLimit-Limit-Daily": str(self.daily),
            "X-RateLimit-Daily-Remaining": str(self.daily - used.today),
            "X-RateLimit-Interval-Milliseconds": str(self.interval_ms),
            "X-RateLimit-Max": str(self.burst),
            "X-RateLimit-Remaining": str(self.burst - used.in_interval),
        }

    def forget(self) -> None:
        self._used.clear()

    def _current(self, location_id: str) -> _Used:
        at = self.clock()
        used = self._used.setdefault(location_id, _Used(int(at // 86_400), at))
        if used.day != int(at // 86_400):
            used.day, used.today = int(at // 86_400), 0
        if at - used.interval_began >= self.interval_ms / 1000:
            used.interval_began, used.in_interval = at, 0
        return used
