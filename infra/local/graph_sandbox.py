"""A local server that behaves like Graph's lead ads, strictly, and misbehaves on order."""

import argparse
import random
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from infra.local.graph.admin import administer
from infra.local.graph.api import GraphApi
from infra.local.graph.examples import example_form
from infra.local.graph.faults import GraphFault, graph_fault_from
from infra.local.sandbox.web import Answer, Call, LoopbackServer

VERSION = "v26.0"
APP_ID = "304857600000001"
_REMEMBERED_REQUESTS = 5000
_SECRET_PARAMETERS = ("access_token", "appsecret_proof")
_MASK = "***"


class GraphSandbox:
    """The sandbox as an object: `with GraphSandbox({"<page id>": "token"}, app_secret="…") as graph: … graph.url`.

    `pages` gives each page's token; `forms` are orders as add_form takes them, there from the start and after a reset;
    `seed` makes faults that strike at random strike alike. `url` ends in the version, `admin_url` is the other side.
    """

    def __init__(
        self,
        pages: Mapping[str, str],
        *,
        app_secret: str,
        port: int = 0,
        app_id: str = APP_ID,
        version: str = VERSION,
        forms: Iterable[Mapping[str, Any]] = (),
        seed: int = 0,
    ) -> None:
        self.api = GraphApi(pages, app_secret, app_id, version)
        self._forms = [dict(form) for form in forms]
        self._chance = random.Random(seed)  # noqa: S311  (nobody's secret depends on it)
        self._faults: list[GraphFault] = []
        self._requests: deque[dict[str, Any]] = deque(maxlen=_REMEMBERED_REQUESTS)
        for form in self._forms:
            self.add_form(**form)
        self._server = LoopbackServer(port, self._answer, "Graph sandbox")
        self.api.base_url = self._server.url

    @property
    def url(self) -> str:
        return f"{self._server.url}/{self.api.version}"

    @property
    def admin_url(self) -> str:
        return f"{self._server.url}/_sandbox"

    def start(self) -> "GraphSandbox":
        self._server.start()
        return self

    def stop(self) -> None:
        self._server.stop()

    def __enter__(self) -> "GraphSandbox":
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def forms(self) -> list[dict[str, Any]]:
        """Every form of every page, with all its fields."""
        with self.api.lock:
            return [form.whole() for form in self.api.directory.forms.values()]

    def leads(self) -> list[dict[str, Any]]:
        """Every lead of every form, with all its fields."""
        with self.api.lock:
            return [dict(lead.node) for lead in self.api.directory.leads()]

    def requests(self) -> list[dict[str, Any]]:
        """The last 5000 calls, without tokens and proofs; `status` is None for one that has got no answer (yet)."""
        with self.api.lock:
            return [dict(request) for request in self._requests]

    def faults(self) -> list[dict[str, Any]]:
        with self.api.lock:
            return [fault.shown() for fault in self._faults]

    def add_form(self, **order: Any) -> dict[str, Any]:
        """A form of `page`: id, name, questions, legal_content, status, … as Graph names them → the whole form.

        One with the same id takes the place of the former and keeps its leads. ValueError when it makes no sense.
        """
        with self.api.lock:
            return self.api.directory.add_form(order).whole()

    def add_lead(self, **order: Any) -> dict[str, Any]:
        """A lead of `form`: field_data, created_time (epoch or text), ad_id, … as Graph names them → the whole lead.

        With `page_id` beside what Graph shows, because the webhook names it. ValueError when it makes no sense.
        """
        return self.add_leads([order])[0]

    def add_leads(self, orders: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Several at once, in order."""
        with self.api.lock:
            made = [self.api.directory.add_lead(order) for order in orders]
            pages = self.api.directory.forms
            return [{**lead.node, "page_id": pages[lead.node["form_id"]].page} for lead in made]

    def set_usage(self, **order: Any) -> None:
        """What the usage headers say from now on, see Usage.order; at 100 % calls are refused as throttled."""
        with self.api.lock:
            self.api.usage.order(order)

    def replace_token(self, page: str, token: str) -> None:
        """Only `token` opens the page from now on; its former one is answered 190/460. A new page comes into being."""
        with self.api.lock:
            self.api.directory.replace_token(page, token)

    def replace_app_secret(self, app_secret: str) -> None:
        """Proofs are made with `app_secret` from now on."""
        with self.api.lock:
            self.api.app_secret = app_secret

    def subscribe(self, page: str, fields: Sequence[str]) -> None:
        """What the page's subscribed_apps say; [] = the app is not subscribed. KeyError for a page not known."""
        with self.api.lock:
            self.api.directory.pages[page].subscribed_fields = list(fields)

    def add_fault(self, **order: Any) -> dict[str, Any]:
        """Order a fault, in the words of POST /_sandbox/faults; ValueError for one that makes no sense."""
        fault = graph_fault_from(order)
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
        """Back to the pages, tokens, app secret and forms of the start: no leads, faults, requests or usage."""
        with self.api.lock:
            self.clear_faults()
            self.clear_requests()
            self.api.forget()
            for form in self._forms:
                self.add_form(**form)

    def _answer(self, call: Call) -> Answer:
        if call.parts[0] == "_sandbox":
            return administer(self, call)
        entry, fault = self._note(call)
        answer = self.api.answer(call) if fault is None else self._go_wrong(fault, call)
        entry["status"] = None if answer.drop else answer.status
        return answer

    def _go_wrong(self, fault: GraphFault, call: Call) -> Answer:
        real = self.api.answer(call) if fault.fault.after else None
        time.sleep(fault.fault.delay_seconds)
        if fault.delays_only:
            return real or self.api.answer(call)
        with self.api.lock:
            return self.api.dressed(fault.answer(), self.api.page_of(call), fault.regain())

    def _strikes(self, fault: GraphFault, call: Call, page: str | None, operation: str) -> bool:
        probability = fault.fault.probability
        return fault.fits(call, page, operation) and (probability == 1 or self._chance.random() < probability)

    def _note(self, call: Call) -> tuple[dict[str, Any], GraphFault | None]:
        """Keep the call, without what opens a page, and find the fault that strikes it."""
        with self.api.lock:
            page, operation = self.api.page_of(call), self.api.operation(call)
            fault = next((fault for fault in self._faults if self._strikes(fault, call, page, operation)), None)
            if fault:
                fault.fault.hits += 1
            entry = {
                "method": call.method,
                "path": self._masked(call.path),
                "query": {
                    name: _MASK if name in _SECRET_PARAMETERS else self._masked(text)
                    for name, text in call.query.items()
                },
                "headers": {name: self._masked(text) for name, text in call.headers.items()}
                | ({"authorization": _MASK} if "authorization" in call.headers else {}),
                "body": self._masked(call.text),
                "page": page,
                "operation": operation,
                "status": None,
                "at": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            }
            self._requests.append(entry)
            return entry, fault

    def _masked(self, text: str) -> str:
        for token in self.api.directory.tokens():
            text = text.replace(token, _MASK)
        return text


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM or Ctrl-C; 2 when the arguments or the port will not do."""
    options = _parser().parse_args(arguments)
    pages = dict(options.page)
    try:
        sandbox = GraphSandbox(
            pages,
            app_secret=options.app_secret,
            port=options.port,
            app_id=options.app_id,
            forms=[example_form(page) for page in pages],
            seed=options.seed,
        )
    except (OSError, OverflowError) as error:
        print(f"The Graph sandbox cannot listen on port {options.port} ({error}): give another.", file=sys.stderr)
        return 2
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    with sandbox:
        print(f"listening on {sandbox.url}", flush=True)
        stopped.wait()
    return 0


def _page(text: str) -> tuple[str, str]:
    page, _, token = text.partition("=")
    if not (page.isascii() and page.isdigit() and token):
        raise argparse.ArgumentTypeError("write --page PAGE=TOKEN, the page as a number")
    return page, token


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m infra.local.graph_sandbox", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 (the default) takes a free one")
    parser.add_argument("--page", action="append", type=_page, required=True, metavar="PAGE=TOKEN")
    parser.add_argument("--app-secret", required=True, help="what proofs are made with")
    parser.add_argument("--app-id", default=APP_ID)
    parser.add_argument("--seed", type=int, default=0, help="of the faults that strike at random")
    return parser


if __name__ == "__main__":
    sys.exit(main())
