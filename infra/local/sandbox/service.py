"""What every sandbox does: it serves on loopback, remembers requests, goes wrong on order, and can be administered."""

import random
import signal
import sys
import threading
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar, Generic, Protocol, Self, TypeVar

from infra.local.sandbox.faults import Fault
from infra.local.sandbox.moments import now
from infra.local.sandbox.orders import Order, administer
from infra.local.sandbox.web import Answer, Call, LoopbackServer

MASK = "***"


class Api(Protocol):
    """What a vendor's API answers; `lock` guards all that a sandbox holds."""

    @property
    def lock(self) -> threading.RLock: ...
    def answer(self, call: Call) -> Answer: ...


F = TypeVar("F", bound=Fault)
A = TypeVar("A", bound=Api)


class SandboxService(ABC, Generic[A, F]):
    """A vendor's API on a port of its own, with another side below /_sandbox (`orders`).

    `seed` makes faults that strike at random strike alike.
    """

    label: ClassVar[str]
    orders: ClassVar[tuple[Order, ...]]
    server: ClassVar[type[LoopbackServer]] = LoopbackServer
    remembered: ClassVar[int] = 1000

    def __init__(self, api: A, *, port: int, seed: int) -> None:
        self.api = api
        self._chance = random.Random(seed)  # noqa: S311  (nobody's secret depends on it)
        self._faults: list[F] = []
        self._requests: deque[dict[str, Any]] = deque(maxlen=self.remembered)
        self._server = self.server(port, self._answer, self.label)

    @property
    def url(self) -> str:
        return self._server.url

    @property
    def admin_url(self) -> str:
        return f"{self._server.url}/_sandbox"

    def start(self) -> Self:
        self._server.start()
        return self

    def stop(self) -> None:
        self._server.stop()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def requests(self) -> list[dict[str, Any]]:
        """The last requests to the API, without tokens; `status` is None for one that has got no answer (yet)."""
        with self.api.lock:
            return [dict(request) for request in self._requests]

    def clear_requests(self) -> None:
        with self.api.lock:
            self._requests.clear()

    def add_fault(self, **order: Any) -> F:
        """Order a fault, in the words of POST /_sandbox/faults; ValueError for one that makes no sense."""
        fault = self._fault_from(order)
        with self.api.lock:
            self._faults.append(fault)
        return fault

    def faults(self) -> list[dict[str, Any]]:
        with self.api.lock:
            return [fault.shown() for fault in self._faults]

    def clear_faults(self) -> None:
        with self.api.lock:
            self._faults.clear()

    def reset(self) -> None:
        """Back to the start; what else there is to forget, each sandbox adds."""
        self.clear_faults()
        self.clear_requests()

    @abstractmethod
    def _fault_from(self, order: Mapping[str, Any]) -> F:
        """The fault that an order describes; ValueError for one that makes no sense."""

    @abstractmethod
    def _fits(self, fault: F, call: Call) -> bool:
        """Whether a fault, chance aside, is meant for the call."""

    @abstractmethod
    def _failure(self, fault: F, call: Call) -> Answer:
        """What a struck call gets instead of the real answer."""

    @abstractmethod
    def _shown(self, call: Call) -> dict[str, Any]:
        """The call as it is remembered, with nothing in it that opens an account."""

    def _answered(self, call: Call, answer: Answer, *, is_fault: bool) -> None:
        """Told of every answer of the API's side; is_fault: it is not the API's own."""

    def _answer(self, call: Call) -> Answer:
        if call.parts[0] == "_sandbox":
            return administer(self, self.orders, call)
        with self.api.lock:
            entry = {**self._shown(call), "status": None, "at": now()}
            self._requests.append(entry)
            fault = next((fault for fault in self._faults if self._strikes(fault, call)), None)
            if fault:
                fault.hits += 1
        answer = self.api.answer(call) if fault is None else self._go_wrong(fault, call)
        entry["status"] = None if answer.drop else answer.status
        self._answered(call, answer, is_fault=fault is not None and not fault.delays_only)
        return answer

    def _strikes(self, fault: F, call: Call) -> bool:
        return self._fits(fault, call) and (fault.probability == 1 or self._chance.random() < fault.probability)

    def _go_wrong(self, fault: F, call: Call) -> Answer:
        real = self.api.answer(call) if fault.after else None
        time.sleep(fault.delay_seconds)
        if fault.delays_only:
            return real or self.api.answer(call)
        return self._failure(fault, call)


def serve(make: Callable[[], SandboxService[Any, Any]], label: str, port: int) -> int:
    """Serve until SIGTERM or Ctrl-C; 2, with a sentence, when the arguments (ValueError) or the port will not do."""
    try:
        sandbox = make()
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    except (OSError, OverflowError) as error:
        print(f"The {label} cannot listen on port {port} ({error}): give another.", file=sys.stderr)
        return 2
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    with sandbox:
        print(f"listening on {sandbox.url}", flush=True)
        stopped.wait()
    return 0


def without(secrets: Iterable[str], text: str) -> str:
    """The text with none of the secrets in it."""
    for secret in secrets:
        text = text.replace(secret, MASK)
    return text


def headers_shown(call: Call) -> dict[str, str]:
    """A call's headers without its token."""
    return {**call.headers, **({"authorization": MASK} if "authorization" in call.headers else {})}
