"""Posts what a vendor delivers to its receivers, in the background, and again while nobody takes it."""

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import count
from typing import Any

import urllib3

# A function that starts cold in the emulator needs a while.
TIMEOUT = 30.0
WAITS: tuple[float, ...] = (1, 2, 4, 8, 15, 30)
_WORKERS = 4
_REMEMBERED = 5000
_STOP_SECONDS = 1.0


def unless_refused(status: int) -> bool:
    """Whether an answer is no last word: 429 and 5xx."""
    return status == 429 or status >= 500


@dataclass(eq=False)
class _Delivery:
    """One POST; state: waiting, taken (2xx), refused (the receiver's last word), or given_up after every attempt."""

    url: str
    body: bytes
    headers: Mapping[str, str]
    about: Mapping[str, Any]
    state: str = "waiting"
    status: int | None = None
    attempts: int = 0
    moments: list[float] = field(default_factory=list)

    def shown(self) -> dict[str, Any]:
        """Neither the address, which has the receiver's token in it, nor what was posted."""
        return {
            **self.about,
            "state": self.state,
            "status": self.status,
            "attempts": self.attempts,
            "attempted_at": list(self.moments),
        }


class Deliveries:
    """What is on its way, and what was. `sender`, a vendor's name, names the threads, which start with the first POST.

    No answer within `timeout` seconds, none at all, and one that `again` is true for are followed by another
    attempt with the same bytes after the next of `waits` (seconds); after the last of them it is given up.
    Redirects are not followed. Deliveries do not wait for each other.
    """

    def __init__(
        self,
        sender: str,
        waits: Sequence[float] = WAITS,
        *,
        again: Callable[[int], bool] = unless_refused,
        timeout: float = TIMEOUT,
    ) -> None:
        self.waits = tuple(waits)
        self._sender = sender
        self._again = again
        self._pool = urllib3.PoolManager(retries=False, timeout=timeout, maxsize=_WORKERS)
        self._numbers = count()
        self._turn = threading.Condition()
        self._due: list[tuple[float, int, _Delivery]] = []  # a heap: when, tie-breaker, what
        self._waiting: set[_Delivery] = set()
        self._sent: deque[_Delivery] = deque(maxlen=_REMEMBERED)
        self._threads: list[threading.Thread] = []
        self._stopped = False

    def send(self, url: str, body: bytes, headers: Mapping[str, str], about: Mapping[str, Any]) -> None:
        """Post `body`; returns at once. `about` is what `shown` tells of it: no person, no key, no token."""
        delivery = _Delivery(url, body, dict(headers), dict(about))
        with self._turn:
            if self._stopped:
                return
            self._sent.append(delivery)
            self._waiting.add(delivery)
            self._schedule(delivery, 0)
            self._start()

    def shown(self) -> list[dict[str, Any]]:
        """The last 5000, oldest first: `about`, state, status (None: no answer), attempts and when (epoch seconds)."""
        with self._turn:
            return [delivery.shown() for delivery in self._sent]

    @property
    def waiting(self) -> int:
        """How many are neither taken, refused nor given up."""
        with self._turn:
            return len(self._waiting)

    def idle(self, seconds: float) -> bool:
        """Wait until nothing is on its way, at most so long; whether that is so."""
        with self._turn:
            return self._turn.wait_for(lambda: not self._waiting, seconds)

    def clear(self) -> None:
        """Give up what is on its way, and forget what was sent."""
        with self._turn:
            for kept in (self._due, self._waiting, self._sent):
                kept.clear()
            self._turn.notify_all()

    def stop(self) -> None:
        """End the threads; what is on its way is lost. One that waits for an answer right now is not waited for."""
        with self._turn:
            self._stopped = True
            self._turn.notify_all()
        ends = time.monotonic() + _STOP_SECONDS
        for thread in self._threads:
            thread.join(max(0.0, ends - time.monotonic()))

    def _start(self) -> None:
        if not self._threads:
            for _ in range(_WORKERS):
                thread = threading.Thread(target=self._work, name=f"{self._sender} deliveries", daemon=True)
                self._threads.append(thread)
                thread.start()

    def _schedule(self, delivery: _Delivery, wait: float) -> None:
        heappush(self._due, (time.monotonic() + wait, next(self._numbers), delivery))
        self._turn.notify_all()

    def _work(self) -> None:
        while (delivery := self._next()) is not None:
            status = self._post(delivery)
            with self._turn:
                self._settle(delivery, status)

    def _next(self) -> _Delivery | None:
        """What is due, as soon as something is; None at the end."""
        with self._turn:
            while not self._stopped:
                wait = self._due[0][0] - time.monotonic() if self._due else None
                if wait is not None and wait <= 0:
                    return heappop(self._due)[2]
                self._turn.wait(wait)
            return None

    def _post(self, delivery: _Delivery) -> int | None:
        delivery.moments.append(time.time())
        try:
            answer = self._pool.request(
                "POST", delivery.url, body=delivery.body, headers=delivery.headers, redirect=False
            )
        except urllib3.exceptions.HTTPError:
            return None
        return answer.status

    def _settle(self, delivery: _Delivery, status: int | None) -> None:
        delivery.attempts += 1
        delivery.status = status
        if delivery not in self._waiting:
            return  # forgotten while it was under way
        if (status is None or self._again(status)) and delivery.attempts <= len(self.waits):
            self._schedule(delivery, self.waits[delivery.attempts - 1])
            return
        delivery.state = _end(status, self._again)
        self._waiting.remove(delivery)
        self._turn.notify_all()


def _end(status: int | None, again: Callable[[int], bool]) -> str:
    if status is None or again(status):
        return "given_up"
    return "taken" if 200 <= status < 300 else "refused"
