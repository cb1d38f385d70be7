"""Whose turn it is at the Contacts API: each location's rate limit and health, shared by everything in a container."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping

from leads.core.circuit_breaker import CircuitBreaker
from leads.core.errors import TryAgain
from leads.core.rate_budget import RateBudget

# What a lead costs until some were delivered: two requests for its contact, its tags and its note.
_REQUESTS = 4.0
# How much the latest lead weighs in the average.
_WEIGHT = 0.1
# Leads come back twice as fast as the limit lets them in, so that there is always one at hand when it does.
_EAGER = 0.5
# For the same reason the first come a moment before the limit's next window: a queue counts in whole seconds.
_AHEAD = 1.0
# A message can be hidden for 15 minutes at the most when it is sent (SQS quota); the last five of them are kept
# for spreading, so that leads that wait longer than that do not all look again at the same moment.
_LONGEST = 900.0
_SPREAD = 300.0
# Stands for any answer of a location that is well.
_OK = 200


class _Location:
    def __init__(self, in_line: bool) -> None:
        self.budget = RateBudget(in_line=in_line)
        self.breaker = CircuitBreaker()
        self.skipped = 0
        self.requests = 0
        self.cost: float | None = None  # requests a lead costs on average, None until one has begun


class Admission:
    """Lets leads begin and requests go, one location apart from the other. Thread-safe.

    patience: seconds that a request may wait for the limit's next window; a longer wait is the queue's, as the leads
        of other locations wait behind. 0: nothing ever sleeps here.
    """

    def __init__(self, *, now: Callable[[], float], sleep: Callable[[float], None], patience: float) -> None:
        self._now = now
        self._sleep = sleep
        self._patience = patience
        self._lock = threading.Lock()
        self._locations: dict[str, _Location] = {}

    def check(self, location_id: str) -> None:
        """Lets a lead of this location begin.

        Raises TryAgain, which uses up no attempt, when the location is throttled (`rate_limited`, `daily_limit`) or
        down (`location_paused`). Each lead that is turned away gets a later time than the one before, as the limit
        will let them in one after the other.
        """
        with self._lock:
            now = self._now()
            location = self._location(location_id)
            wait = location.breaker.wait_to_begin(now)
            if wait:
                raise _paused(location, self._turn(location, wait))
            wait = location.budget.wait(now)
            if wait > self._patience:
                raise _throttled(location, self._turn(location, max(wait - _AHEAD, 0.0)))
            location.breaker.begin(now)
            location.skipped = 0
            if location.cost is None:
                location.cost = _REQUESTS
            else:
                location.cost += (location.requests - location.cost) * _WEIGHT
            location.requests = 0

    def enter(self, location_id: str, *, deadline: float) -> None:
        """Lets a request go, perhaps after a short sleep; `leave` must follow. deadline: epoch seconds.

        Raises TryAgain as `check` does; a lead under way comes back as soon as there is room again.
        """
        until = min(self._now() + self._patience, deadline)
        while True:
            with self._lock:
                now = self._now()
                location = self._location(location_id)
                wait = location.breaker.wait_to_send(now)
                if wait:
                    raise _paused(location, wait)
                wait = location.budget.wait(now)
                if not wait:
                    location.budget.sent(now)
                    location.breaker.sent(now)
                    location.requests += 1
                    return
            if now + wait > until:
                raise _throttled(location, max(wait - _AHEAD, 0.0))
            self._sleep(wait)

    def leave(
        self,
        location_id: str,
        *,
        sent_at: float,
        status: int | None,
        headers: Mapping[str, str],
        is_well: bool = False,
    ) -> None:
        """Learns from a request's answer. status: None when none came; headers: names in lower case.

        is_well: whatever the status, the location answers and takes our token.
        """
        with self._lock:
            location = self._location(location_id)
            now = self._now()
            location.budget.answered(sent_at, now, status, headers)
            location.breaker.answered(sent_at, now, _OK if is_well else status)

    def _location(self, location_id: str) -> _Location:
        location = self._locations.get(location_id)
        if location is None:
            location = self._locations[location_id] = _Location(in_line=self._patience > 0)
        return location

    def _turn(self, location: _Location, wait: float) -> float:
        """Seconds after which the lead now turned away may come again."""
        earliest = min(wait, _LONGEST - _SPREAD)
        pace = max(location.cost or _REQUESTS, 1.0) * location.budget.interval / location.budget.limit * _EAGER
        turn = earliest + location.skipped * pace % (_LONGEST - earliest)
        location.skipped += 1
        return turn


def _throttled(location: _Location, wait: float) -> TryAgain:
    detail = "the location's requests are used up for now"
    return TryAgain(location.budget.reason, detail, retry_after=wait, counts=False)


def _paused(location: _Location, wait: float) -> TryAgain:
    detail = f"the location is left alone for a while after {location.breaker.cause}"
    return TryAgain("location_paused", detail, retry_after=wait, counts=False)
