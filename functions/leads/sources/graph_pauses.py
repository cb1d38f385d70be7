"""Which page's calls have to wait: shut by a throttled answer, or spaced because its quota is nearly used up."""

from __future__ import annotations

import threading
from collections.abc import Callable

import msgspec

from leads.core.errors import TryAgain
from leads.sources.graph_usage import FULL, Usage, pause_for, rest_for

THROTTLED = "graph_throttled"
# How long a page is left alone when Graph does not say.
UNTOLD = 60.0
# As long as a message can be delayed; whoever comes back then is told anew.
_LONGEST_WAIT = 900.0


class _Page(msgspec.Struct):
    """shut_until, open_at: epoch seconds; gap: seconds between two calls; waiting: how many were turned away.

    rest, rests_until: for how many seconds, and until which epoch second, whoever can wait leaves the page alone.
    """

    shut_until: float = 0.0
    open_at: float = 0.0
    gap: float = 0.0
    waiting: int = 0
    rest: float = 0.0
    rests_until: float = 0.0


class Pauses:
    """What this container has learned of each page, in memory. Thread-safe."""

    def __init__(self, *, now: Callable[[], float]) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._pages: dict[str, _Page] = {}

    def enter(self, page: str, *, is_extra: bool = False) -> None:
        """Before a call. is_extra: it belongs to a lead that has had its turn, so it is not spaced.

        Raises TryAgain(graph_throttled), with the seconds to wait, when it is not the caller's turn. Those turned
        away from a page that is spaced are told times one after the other, so that each finds it free.
        """
        with self._lock:
            now = self._now()
            state = self._pages.setdefault(page, _Page())
            wait = max(state.shut_until - now, 0.0)
            if not wait and not is_extra:
                wait = _take_turn(state, now)
        if wait:
            detail = f"the quota of page {page} is used up, or nearly; its leads wait"
            raise TryAgain(THROTTLED, detail, retry_after=min(wait, _LONGEST_WAIT), counts=False)

    def enter_at_rest(self, page: str) -> None:
        """Before the calls of somebody who can wait; one may look how the page is once its rest is over.

        Raises TryAgain(graph_throttled), with the seconds to wait, for everybody else.
        """
        with self._lock:
            now = self._now()
            state = self._pages.setdefault(page, _Page())
            wait = max(state.rests_until - now, 0.0)
            if not wait:
                state.rests_until = now + state.rest
        if wait:
            detail = f"half of the quota of page {page} is used up; the rest is left to the leads that come in"
            raise TryAgain(THROTTLED, detail, retry_after=wait, counts=False)

    def learn(self, page: str, usage: Usage, *, is_extra: bool = False) -> None:
        """After a successful call."""
        with self._lock:
            now = self._now()
            state = self._pages.setdefault(page, _Page())
            state.gap = pause_for(usage.percent)
            state.rest = rest_for(usage)
            state.rests_until = now + state.rest
            if usage.percent >= FULL:
                state.shut_until = max(state.shut_until, now + (usage.regain() or UNTOLD))
            if not state.gap:
                state.open_at, state.waiting = 0.0, 0
            elif not is_extra:
                state.open_at = max(state.open_at, now + state.gap)

    def shut(self, page: str, seconds: float) -> None:
        """After a call that was refused for want of quota: nobody asks for so long."""
        with self._lock:
            state = self._pages.setdefault(page, _Page())
            state.shut_until = max(state.shut_until, self._now() + seconds)


def _take_turn(state: _Page, now: float) -> float:
    """0 when the page is free, and then it is not for the next; else the seconds to wait."""
    if state.open_at <= now:
        state.open_at = now + state.gap
        state.waiting = max(state.waiting - 1, 0)
        return 0.0
    wait = state.open_at - now + state.waiting * state.gap
    state.waiting += 1
    return wait
