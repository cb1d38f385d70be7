"""Sends the CRM's webhooks: signed, in order for each contact, and again while nobody takes them."""

import json
import threading
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import count
from typing import TYPE_CHECKING, Any

import urllib3

from infra.local.sandbox import signing
from infra.local.sandbox.events import FIELDS, event

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

RETRIES = 12
LONGEST_DELAY = 2.0
# The vendor states none. A function that starts cold in the emulator needs a while.
TIMEOUT = 30.0
_WORKERS = 4
_REMEMBERED = 5000
_Lane = tuple[int, str]


@dataclass(frozen=True)
class Receiver:
    """Who is told; `events` and `locations` are all when they are empty."""

    id: int
    url: str
    events: tuple[str, ...] = ()
    locations: tuple[str, ...] = ()

    def wants(self, kind: str, location: str) -> bool:
        return kind in (self.events or (kind,)) and location in (self.locations or (location,))

    def shown(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "url": self.url,
            "events": list(self.events or FIELDS),
            "locations": list(self.locations) or None,
        }


@dataclass
class _Delivery:
    """One event on its way to one receiver; `status` is the last answer's, None while there was none."""

    receiver: Receiver
    payload: Mapping[str, Any]
    body: bytes
    headers: dict[str, str]
    status: int | None = None
    tries: int = 0

    def shown(self) -> dict[str, Any]:
        return {
            "event": self.payload["type"],
            "location": self.payload["locationId"],
            "id": self.payload["id"],
            "webhookId": self.payload["webhookId"],
            "url": self.receiver.url,
            "status": self.status,
            "tries": self.tries,
        }


@dataclass
class Webhooks:
    """Receivers, and what is on its way to them.

    An answer other than 2xx, or none, is tried again 12 times with the same bytes, after `retry_delay` seconds that
    double up to 2; the vendor does so over hours (docs/webhook/WebhookIntegrationGuide). Events of one contact reach
    a receiver in order: a later one waits until an earlier one was taken or given up.
    """

    retry_delay: float = 0.2
    key: "Ed25519PrivateKey | None" = None
    _receivers: list[Receiver] = field(default_factory=list)
    _lanes: dict[_Lane, deque[_Delivery]] = field(default_factory=dict)
    _due: list[tuple[float, int, _Lane]] = field(default_factory=list)  # a heap: when, tie-breaker, whose turn
    _sent: deque[_Delivery] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))
    _turn: threading.Condition = field(default_factory=threading.Condition)
    _threads: list[threading.Thread] = field(default_factory=list)
    _stopped: bool = False

    def __post_init__(self) -> None:
        self._numbers = count(1)
        self._pool = urllib3.PoolManager(retries=False, timeout=TIMEOUT, maxsize=_WORKERS)

    @property
    def public_key(self) -> str:
        """PEM of the key that opens the signatures."""
        return signing.public_pem(self._key())

    def register(self, order: Mapping[str, Any]) -> Receiver:
        """A receiver by {"url", "events": [all], "locations": [all]}; ValueError, in one sentence, for nonsense."""
        if not isinstance(order, Mapping) or set(order) - {"url", "events", "locations"} or "url" not in order:
            raise ValueError("A webhook takes url, and events and locations where not all of them are wanted.")
        events, locations = order.get("events") or [], order.get("locations") or []
        if not isinstance(order["url"], str) or not order["url"].startswith(("http://", "https://")):
            raise ValueError("A webhook's 'url' must begin with http:// or https://.")
        if not all(isinstance(names, list) and all(isinstance(n, str) for n in names) for names in (events, locations)):
            raise ValueError("A webhook's 'events' and 'locations' are lists of texts.")
        if unknown := sorted(set(events) - FIELDS.keys()):
            raise ValueError(f"There is no event {unknown[0]!r}; there are {', '.join(FIELDS)}.")
        with self._turn:
            receiver = Receiver(next(self._numbers), order["url"], tuple(events), tuple(locations))
            self._receivers.append(receiver)
        return receiver

    def receivers(self) -> list[dict[str, Any]]:
        with self._turn:
            return [receiver.shown() for receiver in self._receivers]

    def clear(self) -> None:
        """Forget the receivers, and what was on its way to them."""
        with self._turn:
            self._receivers.clear()
            self.forget()

    def forget(self) -> None:
        """Give up what is on its way, and forget what was sent; the receivers stay."""
        with self._turn:
            for waiting in (self._lanes, self._due, self._sent):
                waiting.clear()
            self._turn.notify_all()

    def publish(self, kind: str, location: str, contact_id: str, record: Mapping[str, Any]) -> None:
        """Send an event about a record of that contact to whoever wants it; returns at once."""
        with self._turn:
            wanting = [receiver for receiver in self._receivers if receiver.wants(kind, location)]
            if not wanting or self._stopped:
                return
            payload = event(kind, location, record)
            body = written(payload)
            headers = signing.signed(body, self._key())
            for receiver in wanting:
                delivery = _Delivery(receiver, payload, body, headers)
                self._sent.append(delivery)
                lane = (receiver.id, contact_id)
                if lane not in self._lanes:
                    self._lanes[lane] = deque()
                    self._schedule(lane)
                self._lanes[lane].append(delivery)
            self._start()

    def deliveries(self) -> list[dict[str, Any]]:
        """The last 5000 deliveries, oldest first."""
        with self._turn:
            return [delivery.shown() for delivery in self._sent]

    @property
    def waiting(self) -> int:
        """How many deliveries are neither taken nor given up."""
        with self._turn:
            return sum(len(lane) for lane in self._lanes.values())

    def idle(self, seconds: float) -> bool:
        """Wait until nothing is on its way, at most so long; whether that is so."""
        with self._turn:
            return self._turn.wait_for(lambda: not self._lanes, seconds)

    def stop(self) -> None:
        with self._turn:
            self._stopped = True
            self._turn.notify_all()

    def _key(self) -> "Ed25519PrivateKey":
        with self._turn:
            self.key = self.key or signing.new_key()
            return self.key

    def _start(self) -> None:
        if not self._threads:
            for _ in range(_WORKERS):
                self._threads.append(threading.Thread(target=self._work, name="CRM webhooks", daemon=True))
                self._threads[-1].start()

    def _schedule(self, lane: _Lane, delay: float = 0.0) -> None:
        heappush(self._due, (time.monotonic() + delay, next(self._numbers), lane))
        self._turn.notify_all()

    def _work(self) -> None:
        while (turn := self._next()) is not None:
            lane, delivery = turn
            status = self._post(delivery)
            with self._turn:
                self._settle(lane, delivery, status)

    def _next(self) -> tuple[_Lane, _Delivery] | None:
        """Whose turn it is, as soon as it is somebody's; None at the end."""
        with self._turn:
            while not self._stopped:
                wait = self._due[0][0] - time.monotonic() if self._due else None
                if wait is not None and wait <= 0:
                    lane = heappop(self._due)[2]
                    return lane, self._lanes[lane][0]
                self._turn.wait(wait)
            return None

    def _post(self, delivery: _Delivery) -> int | None:
        try:
            answer = self._pool.request(
                "POST", delivery.receiver.url, body=delivery.body, headers=delivery.headers, redirect=False
            )
        except urllib3.exceptions.HTTPError:
            return None
        return answer.status

    def _settle(self, lane: _Lane, delivery: _Delivery, status: int | None) -> None:
        delivery.tries += 1
        delivery.status = status
        waiting = self._lanes.get(lane)
        if not waiting or waiting[0] is not delivery:
            return  # forgotten while it was under way
        if (status is not None and 200 <= status < 300) or delivery.tries > RETRIES:
            waiting.popleft()
            if waiting:
                self._schedule(lane)
            else:
                del self._lanes[lane]
                self._turn.notify_all()
        else:
            self._schedule(lane, min(LONGEST_DELAY, self.retry_delay * 2 ** (delivery.tries - 1)))


def written(payload: Mapping[str, Any]) -> bytes:
    """JSON as a JavaScript server writes it: no spaces, letters as they are, half a surrogate pair as an escape."""
    try:
        return json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:
        return json.dumps(payload, separators=(",", ":")).encode()
