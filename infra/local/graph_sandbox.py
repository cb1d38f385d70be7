"""A local server that behaves like Graph's lead ads, strictly, and misbehaves on order."""

import argparse
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from infra.local.graph.admin import ORDERS
from infra.local.graph.api import GraphApi
from infra.local.graph.examples import example_form
from infra.local.graph.faults import GraphFault, graph_fault_from
from infra.local.graph.grants import grant_of
from infra.local.graph.notices import RETRY_SECONDS
from infra.local.graph.subscription import Subscription
from infra.local.sandbox.deliveries import Deliveries
from infra.local.sandbox.service import MASK, SandboxService, headers_shown, serve, without
from infra.local.sandbox.web import Answer, Call

VERSION = "v26.0"
APP_ID = "770000000000001"
_SECRET_PARAMETERS = ("access_token", "appsecret_proof", "input_token", "verify_token")
# A secret parameter in a body, which is a form or JSON.
_SECRET_IN_BODY = re.compile(rf'({"|".join(_SECRET_PARAMETERS)})(=|": *")[^&"]*')


class GraphSandbox(SandboxService[GraphApi, GraphFault]):
    """The sandbox as an object: `with GraphSandbox({"<page id>": "token"}, app_secret="…") as graph: … graph.url`.

    `pages` gives each page's token; `forms` are orders as add_form takes them, there from the start and after a reset;
    `seed` makes faults that strike at random strike alike; `retry_seconds` are waited before each further attempt to
    tell the app's webhook. `url` ends in the version, `admin_url` is the other side.
    """

    label = "Graph sandbox"
    orders = ORDERS
    remembered = 5000

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
        retry_seconds: Sequence[float] = RETRY_SECONDS,
    ) -> None:
        super().__init__(GraphApi(pages, app_secret, app_id, version, retry_seconds), port=port, seed=seed)
        self.api.base_url = super().url
        self._forms = [dict(form) for form in forms]
        for form in self._forms:
            self.add_form(**form)

    @property
    def url(self) -> str:
        return f"{super().url}/{self.api.version}"

    @property
    def deliveries(self) -> Deliveries:
        """What the app's webhook was told, and what is on its way."""
        return self.api.notices.deliveries

    def stop(self) -> None:
        self.deliveries.stop()
        super().stop()

    def forms(self) -> list[dict[str, Any]]:
        """Every form of every page, with all its fields."""
        with self.api.lock:
            return [form.whole() for form in self.api.directory.forms.values()]

    def leads(self) -> list[dict[str, Any]]:
        """Every lead of every form, with all its fields."""
        with self.api.lock:
            return [dict(lead.node) for lead in self.api.directory.leads()]

    def add_form(self, **order: Any) -> dict[str, Any]:
        """A form of `page`: id, name, questions, legal_content, status, … as Graph names them → the whole form.

        One with the same id takes the place of the former and keeps its leads. ValueError when it makes no sense.
        """
        with self.api.lock:
            return self.api.directory.add_form(order).whole()

    def add_lead(self, **order: Any) -> dict[str, Any]:
        """A lead of `form`: field_data, created_time (epoch or text), ad_id, … as Graph names them → the whole lead.

        With `page_id` beside what Graph shows, because the webhook names it. `deliver` tells the app's webhook of it;
        "told" says then whether the app is subscribed at both levels. ValueError when it makes no sense.
        """
        return self.add_leads([order])[0]

    def add_leads(self, orders: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Several at once, in order; one webhook tells of all of them that have `deliver`."""
        with self.api.lock:
            made: list[dict[str, Any]] = []
            due: list[dict[str, Any]] = []
            for order in orders:
                lead = self._added(order)
                made.append(lead)
                if isinstance(order, Mapping) and order.get("deliver"):
                    due.append(lead)
            told = self.api.tell(due)
            for lead in due:
                lead["told"] = lead["id"] in told
            return made

    def set_usage(self, **order: Any) -> None:
        """What the usage headers say from now on, see Usage.order; at 100 % calls are refused as throttled."""
        with self.api.lock:
            self.api.usage.order(order)

    def replace_token(
        self,
        page: str,
        token: str,
        *,
        scopes: Sequence[str] | None = None,
        expires_at: int | None = None,
        data_access_expires_at: int | None = None,
    ) -> None:
        """Only `token` opens the page from now on; its former one is answered 190/460. A new page comes into being.

        Without `scopes` it may do everything; times are epoch seconds, 0 = never. ValueError when it makes no sense.
        """
        grant = grant_of(scopes, expires_at, data_access_expires_at)
        with self.api.lock:
            self.api.directory.replace_token(page, token, grant)

    def replace_app_secret(self, app_secret: str) -> None:
        """Proofs are made with `app_secret` from now on."""
        with self.api.lock:
            self.api.app_secret = app_secret

    def subscribe(self, page: str, fields: Sequence[str]) -> None:
        """What the page's subscribed_apps say; [] = the app is not subscribed. KeyError for a page not known."""
        with self.api.lock:
            self.api.directory.pages[page].subscribed_fields = list(fields)

    def app_subscription(self) -> dict[str, Any] | None:
        """Where the app's webhook is, and what is told there; None while the app has none."""
        with self.api.lock:
            subscription = self.api.app.subscription
            return asdict(subscription) if subscription else None

    def subscribe_app(self, callback_url: str, **given: Any) -> None:
        """The app's webhook, without the handshake; further keys as Subscription has them."""
        with self.api.lock:
            self.api.app.subscription = Subscription(callback_url, **given)

    def unsubscribe_app(self) -> None:
        with self.api.lock:
            self.api.app.subscription = None

    def reset(self) -> None:
        """Back to the pages, tokens, app secret and forms of the start: no leads, faults, requests or usage."""
        with self.api.lock:
            super().reset()
            self.api.forget()
            for form in self._forms:
                self.add_form(**form)

    def _added(self, order: Mapping[str, Any]) -> dict[str, Any]:
        if isinstance(order, Mapping):
            order = {name: value for name, value in order.items() if name != "deliver"}
        lead = self.api.directory.add_lead(order)
        return {**lead.node, "page_id": self.api.directory.forms[lead.node["form_id"]].page}

    def _fault_from(self, order: Mapping[str, Any]) -> GraphFault:
        return graph_fault_from(order)

    def _fits(self, fault: GraphFault, call: Call) -> bool:
        return fault.concerns(call, self.api.page_of(call), self.api.operation(call))

    def _failure(self, fault: GraphFault, call: Call) -> Answer:
        with self.api.lock:
            return self.api.dressed(fault.answer(), self.api.page_of(call), fault.regain())

    def _shown(self, call: Call) -> dict[str, Any]:
        tokens = self.api.directory.tokens() | {self.api.app_secret}
        return {
            "method": call.method,
            "path": without(tokens, call.path),
            "query": {
                name: MASK if name in _SECRET_PARAMETERS else without(tokens, text) for name, text in call.query.items()
            },
            "headers": {name: without(tokens, text) for name, text in headers_shown(call).items()},
            "body": without(tokens, _SECRET_IN_BODY.sub(rf"\1\2{MASK}", call.text)),
            "page": self.api.page_of(call),
            "operation": self.api.operation(call),
        }


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM or Ctrl-C; 2 when the arguments or the port will not do."""
    options = _parser().parse_args(arguments)
    pages = dict(options.page)
    return serve(
        lambda: GraphSandbox(
            pages,
            app_secret=options.app_secret,
            port=options.port,
            app_id=options.app_id,
            forms=[example_form(page) for page in pages],
            seed=options.seed,
        ),
        GraphSandbox.label,
        options.port,
    )


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
