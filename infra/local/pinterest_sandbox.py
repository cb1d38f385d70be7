"""A local server that behaves like the Pinterest calls that leads need, strictly, and misbehaves on order."""

import argparse
import random
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from infra.local.pinterest.admin import administer
from infra.local.pinterest.api import VERSION, PinterestApi
from infra.local.pinterest.server import PinterestServer
from infra.local.sandbox.faults import Fault, fault_from
from infra.local.sandbox.oauth import form
from infra.local.sandbox.web import Answer, Call

# The Pinterest sender's own ad.
EXAMPLE_AD = {"account": "111764359001", "id": "687195905986", "lead_form_id": "65300871001"}
_REMEMBERED_REQUESTS = 1000
_MASK = "***"


class PinterestSandbox:
    """The sandbox as an object: `with PinterestSandbox(["pina_1"]) as pinterest: … pinterest.url`.

    `tokens` never expire and see every ad account; `ads` are orders as add_ad takes them, there from the start and
    after a reset; `seed` makes faults that strike at random strike alike. `url` ends in the version, `admin_url` is
    the other side.
    """

    def __init__(
        self, tokens: Iterable[str], *, port: int = 0, ads: Iterable[Mapping[str, Any]] = (EXAMPLE_AD,), seed: int = 0
    ) -> None:
        self.api = PinterestApi(tokens)
        self._ads = [dict(ad) for ad in ads]
        self._chance = random.Random(seed)  # noqa: S311  (nobody's secret depends on it)
        self._faults: list[Fault] = []
        self._requests: deque[dict[str, Any]] = deque(maxlen=_REMEMBERED_REQUESTS)
        for ad in self._ads:
            self.add_ad(**ad)
        self._server = PinterestServer(port, self._answer)
        self.api.base_url = self._server.url

    @property
    def url(self) -> str:
        return f"{self._server.url}/{VERSION}"

    @property
    def admin_url(self) -> str:
        return f"{self._server.url}/_sandbox"

    def start(self) -> "PinterestSandbox":
        self._server.start()
        return self

    def stop(self) -> None:
        self._server.stop()

    def __enter__(self) -> "PinterestSandbox":
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def add_ad(self, **order: Any) -> dict[str, Any]:
        """An ad: account, id, lead_form_id, name, status, campaign_id, …; ValueError when it makes no sense."""
        with self.api.lock:
            return asdict(self.api.ads.add(order))

    def add_lead(self, **order: Any) -> dict[str, Any]:
        """A lead of `ad`: answers, lead_id, created_at (epoch seconds); ValueError when it makes no sense."""
        with self.api.lock:
            return asdict(self.api.ads.add_lead(order))

    def leads(self) -> list[dict[str, Any]]:
        with self.api.lock:
            return [asdict(lead) for lead in self.api.ads.leads]

    def connect_app(self, **order: Any) -> dict[str, Any]:
        """Connect an app (app_id, app_secret, expires_in) → the token endpoint's answer."""
        with self.api.lock:
            return self.api.tokens.connect(order)

    def set_exports(self, *, polls: int | None = None, failures: int | None = None) -> dict[str, Any]:
        """How often each export from now on is in progress, and how many of them fail; None leaves it as it is."""
        with self.api.lock:
            self.api.polls = self.api.polls if polls is None else int(polls)
            self.api.failures = self.api.failures if failures is None else int(failures)
            return {"polls": self.api.polls, "failures": self.api.failures}

    def requests(self) -> list[dict[str, Any]]:
        """The last 1000 calls, without tokens; `status` is None for one that has got no answer (yet)."""
        with self.api.lock:
            return [dict(request) for request in self._requests]

    def faults(self) -> list[dict[str, Any]]:
        with self.api.lock:
            return [fault.shown() for fault in self._faults]

    def add_fault(self, **order: Any) -> dict[str, Any]:
        """Order a fault, in the words of POST /_sandbox/faults; ValueError for one that makes no sense."""
        fault = fault_from(order)
        with self.api.lock:
            self._faults.append(fault)
            return fault.shown()

    def clear_faults(self) -> None:
        with self.api.lock:
            self._faults.clear()

    def clear_requests(self) -> None:
        with self.api.lock:
            self._requests.clear()

    def reset(self) -> None:
        """Back to the ads and tokens of the start: no leads, exports, apps, faults and requests."""
        with self.api.lock:
            self.clear_faults()
            self.clear_requests()
            self.api.forget()
            for ad in self._ads:
                self.add_ad(**ad)

    def _answer(self, call: Call) -> Answer:
        if call.parts[0] == "_sandbox":
            return administer(self, call)
        with self.api.lock:
            entry = self._remember(call)
            fault = next((fault for fault in self._faults if self._strikes(fault, call)), None)
            if fault:
                fault.hits += 1
        answer = self.api.answer(call) if fault is None else self._go_wrong(fault, call)
        entry["status"] = None if answer.drop else answer.status
        return answer

    def _strikes(self, fault: Fault, call: Call) -> bool:
        return fault.fits(call, None) and (fault.probability == 1 or self._chance.random() < fault.probability)

    def _go_wrong(self, fault: Fault, call: Call) -> Answer:
        real = self.api.answer(call) if fault.after else None
        time.sleep(fault.delay_seconds)
        if fault.status is None and not fault.drop_connection:
            return real or self.api.answer(call)
        body = {"code": 0, "message": "Fault ordered by a test"} if fault.body is None else fault.body
        return Answer(fault.status or 500, body, fault.headers, fault.drop_connection)

    def _remember(self, call: Call) -> dict[str, Any]:
        hidden = {"authorization": _MASK} if "authorization" in call.headers else {}
        entry = {
            "method": call.method,
            "path": call.path,
            "query": {name: self._masked(value) for name, value in call.query.items()},
            "headers": {**call.headers, **hidden},
            "body": self._masked(str(form(call)) if form(call) else call.text),
            "status": None,
            "at": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        }
        self._requests.append(entry)
        return entry

    def _masked(self, text: str) -> str:
        for token in self.api.tokens.known():
            text = text.replace(token, _MASK)
        return text


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM or Ctrl-C; 2 when the arguments or the port will not do."""
    options = _parser().parse_args(arguments)
    try:
        sandbox = PinterestSandbox(options.token, port=options.port, seed=options.seed)
    except (OSError, OverflowError) as error:
        print(f"The Pinterest sandbox cannot listen on port {options.port} ({error}): give another.", file=sys.stderr)
        return 2
    sandbox.set_exports(polls=options.polls)
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    with sandbox:
        print(f"listening on {sandbox.url}", flush=True)
        stopped.wait()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m infra.local.pinterest_sandbox", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 (the default) takes a free one")
    parser.add_argument("--token", action="append", required=True, help="an access token; may be repeated")
    parser.add_argument("--polls", type=int, default=1, help="how often an export is still in progress")
    parser.add_argument("--seed", type=int, default=0, help="of the faults that strike at random")
    return parser


if __name__ == "__main__":
    sys.exit(main())
