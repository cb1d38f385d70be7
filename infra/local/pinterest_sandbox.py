"""A local server that behaves like the Pinterest calls that leads need, strictly, and misbehaves on order."""

import argparse
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from infra.local.pinterest.admin import ORDERS
from infra.local.pinterest.api import VERSION, PinterestApi
from infra.local.pinterest.server import PinterestServer
from infra.local.sandbox.faults import Fault, fault_from
from infra.local.sandbox.oauth import form
from infra.local.sandbox.service import SandboxService, headers_shown, serve, without
from infra.local.sandbox.web import Answer, Call

# The Pinterest sender's own ad.
EXAMPLE_AD = {"account": "111764359001", "id": "687195905986", "lead_form_id": "65300871001"}


class PinterestSandbox(SandboxService[PinterestApi, Fault]):
    """The sandbox as an object: `with PinterestSandbox(["pina_1"]) as pinterest: … pinterest.url`.

    `tokens` never expire and see every ad account; `ads` are orders as add_ad takes them, there from the start and
    after a reset; `seed` makes faults that strike at random strike alike. `url` ends in the version, `admin_url` is
    the other side.
    """

    label = "Pinterest sandbox"
    orders = ORDERS
    server = PinterestServer

    def __init__(
        self, tokens: Iterable[str], *, port: int = 0, ads: Iterable[Mapping[str, Any]] = (EXAMPLE_AD,), seed: int = 0
    ) -> None:
        super().__init__(PinterestApi(tokens), port=port, seed=seed)
        self.api.base_url = super().url
        self._ads = [dict(ad) for ad in ads]
        for ad in self._ads:
            self.add_ad(**ad)

    @property
    def url(self) -> str:
        return f"{super().url}/{VERSION}"

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

    def reset(self) -> None:
        """Back to the ads and tokens of the start: no leads, exports, apps, faults and requests."""
        with self.api.lock:
            super().reset()
            self.api.forget()
            for ad in self._ads:
                self.add_ad(**ad)

    def _fault_from(self, order: Mapping[str, Any]) -> Fault:
        return fault_from(order)

    def _fits(self, fault: Fault, call: Call) -> bool:
        return fault.fits(call, None)

    def _failure(self, fault: Fault, call: Call) -> Answer:
        body = {"code": 0, "message": "Fault ordered by a test"} if fault.body is None else fault.body
        return Answer(fault.status or 500, body, fault.headers, fault.drop_connection)

    def _shown(self, call: Call) -> dict[str, Any]:
        tokens = self.api.tokens.known()
        return {
            "method": call.method,
            "path": call.path,
            "query": {name: without(tokens, value) for name, value in call.query.items()},
            "headers": headers_shown(call),
            "body": without(tokens, str(form(call)) if form(call) else call.text),
        }


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM or Ctrl-C; 2 when the arguments or the port will not do."""
    options = _parser().parse_args(arguments)
    return serve(lambda: _sandbox(options), PinterestSandbox.label, options.port)


def _sandbox(options: argparse.Namespace) -> PinterestSandbox:
    sandbox = PinterestSandbox(options.token, port=options.port, seed=options.seed)
    sandbox.set_exports(polls=options.polls)
    return sandbox


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m infra.local.pinterest_sandbox", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 (the default) takes a free one")
    parser.add_argument("--token", action="append", required=True, help="an access token; may be repeated")
    parser.add_argument("--polls", type=int, default=1, help="how often an export is still in progress")
    parser.add_argument("--seed", type=int, default=0, help="of the faults that strike at random")
    return parser


if __name__ == "__main__":
    sys.exit(main())
