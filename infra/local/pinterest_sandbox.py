"""A local server that behaves like Pinterest's calls for leads and conversions, strictly, and misbehaves on order."""

import argparse
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from infra.local.pinterest.accounts import is_id
from infra.local.pinterest.admin import ORDERS
from infra.local.pinterest.api import VERSION, PinterestApi
from infra.local.pinterest.conversion_orders import ConversionOrders
from infra.local.pinterest.posting import post
from infra.local.pinterest.server import PinterestServer
from infra.local.sandbox.deliveries import WAITS, Deliveries
from infra.local.sandbox.faults import Fault, fault_from
from infra.local.sandbox.oauth import form
from infra.local.sandbox.recording import PINTEREST, Recorder
from infra.local.sandbox.service import SandboxService, headers_shown, serve, without
from infra.local.sandbox.web import Answer, Call

# The Pinterest sender's own ad.
EXAMPLE_AD = {"account": "111764359001", "id": "687195905986", "lead_form_id": "65300871001"}
_PARTNER_TOKENS = ("partner_access_token", "partner_refresh_token")


class PinterestSandbox(ConversionOrders, SandboxService[PinterestApi, Fault]):
    """The sandbox as an object: `with PinterestSandbox(["pina_1"]) as pinterest: … pinterest.url`.

    `tokens` never expire, have every scope and see every ad account as its owner; `conversion_tokens` are of the
    same user, never expire either, and send conversion events but nothing else; `ads` and `forms` are orders as
    add_ad and add_form take them, there from the start and after a reset, and so are the ad accounts and the lead
    forms that they name; `retry_seconds` are the waits before a delivery that was not taken is tried again; `seed`
    makes faults that strike at random strike alike. `url` ends in the version, `admin_url` is the other side.
    `deliveries` is what was posted to webhooks, and what is still on its way.
    """

    label = "Pinterest sandbox"
    orders = ORDERS
    server = PinterestServer

    def __init__(
        self,
        tokens: Iterable[str],
        *,
        port: int = 0,
        ads: Iterable[Mapping[str, Any]] = (EXAMPLE_AD,),
        seed: int = 0,
        forms: Iterable[Mapping[str, Any]] = (),
        retry_seconds: Sequence[float] = WAITS,
        conversion_tokens: Iterable[str] = (),
    ) -> None:
        self.deliveries: Deliveries = Deliveries("Pinterest", retry_seconds)
        super().__init__(PinterestApi(tokens, self.deliveries, conversion_tokens), port=port, seed=seed)
        self.api.base_url = super().url
        self._recorder = Recorder(PINTEREST)
        self._ads = [dict(ad) for ad in ads]
        self._forms = [dict(form) for form in forms]
        self._begin()

    @property
    def url(self) -> str:
        return f"{super().url}/{VERSION}"

    def stop(self) -> None:
        self.deliveries.stop()
        super().stop()

    def set_account(self, **order: Any) -> dict[str, Any]:
        """An ad account, made or changed: id, name, role (the user's, None for none), in_beta; ValueError for nonsense.

        An account that an ad or a form names is there already, with the user as its owner.
        """
        with self.api.lock:
            return asdict(self.api.accounts.change(order))

    def add_ad(self, **order: Any) -> dict[str, Any]:
        """An ad: account, id, lead_form_id, name, status, campaign_id, …; ValueError when it makes no sense."""
        with self.api.lock:
            ad = self.api.ads.add(order)
            self.api.accounts.known(ad.account)
            if is_id(ad.lead_form_id):
                self.api.forms.known(ad.account, str(ad.lead_form_id))
            return asdict(ad)

    def add_form(self, **order: Any) -> dict[str, Any]:
        """A lead form of `account`: id, name, status, questions, …, as Forms.add takes them → the form as the API does.

        ValueError when it makes no sense.
        """
        with self.api.lock:
            form = self.api.forms.add(order)
            self.api.accounts.known(form.account)
            return form.shown()

    def add_subscription(self, **order: Any) -> dict[str, Any]:
        """A subscription as there was before: account, webhook_url, lead_form_id, id, cryptographic_key → with its key.

        It takes the place of one to the same leads; no role, form or beta is asked for. ValueError for nonsense.
        """
        with self.api.lock:
            return self.api.subscriptions.restore(order).shown()

    def add_token(self, **order: Any) -> dict[str, Any]:
        """An access token: token (made unless given), scopes (all), role (in every account; None: each account's own).

        A token that is there already may do that and no more from now on. ValueError when it makes no sense.
        """
        with self.api.lock:
            return self.api.tokens.add(order)

    def add_lead(self, *, deliver: bool = False, both: bool = False, **order: Any) -> dict[str, Any]:
        """A lead of `ad`: answers, lead_id, created_at (epoch seconds); ValueError when it makes no sense.

        With `deliver` it is posted as well: to the form's own subscription, or else to the account's, with `both` to
        each; `subscription_ids` in the answer says to which.
        """
        with self.api.lock:
            lead = self.api.ads.add_lead(order)
            if not deliver:
                return asdict(lead)
            ad = self.api.ads.ads[lead.ad]
            wanting = self.api.subscriptions.wanting(ad.account, str(ad.lead_form_id), both=both)
            post(self.deliveries, wanting, ad, lead.answers, lead_id=lead.lead_id, created_at=lead.created_at)
            return {**asdict(lead), "subscription_ids": [subscription.id for subscription in wanting]}

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
        """Back to the ads, forms and tokens of the start: no leads, events, exports, apps, subscriptions, faults.

        What is on its way to a webhook is lost.
        """
        with self.api.lock:
            super().reset()
            self.api.forget()
            self._begin()

    def _begin(self) -> None:
        for ad in self._ads:
            self.add_ad(**ad)
        for order in self._forms:
            self.add_form(**order)

    def _fault_from(self, order: Mapping[str, Any]) -> Fault:
        return fault_from(order)

    def _fits(self, fault: Fault, call: Call) -> bool:
        return fault.fits(call, None)

    def _failure(self, fault: Fault, call: Call) -> Answer:
        body = {"code": 0, "message": "Fault ordered by a test"} if fault.body is None else fault.body
        return Answer(fault.status or 500, body, fault.headers, fault.drop_connection)

    def _answered(self, call: Call, answer: Answer, *, is_fault: bool) -> None:
        # What these hold is hashed; the other calls are held against the vendor's file where they are tested.
        if call.method == "POST" and call.path.endswith("/events"):
            self._recorder.keep(call, answer, is_fault=is_fault)

    def _shown(self, call: Call) -> dict[str, Any]:
        tokens = [*self.api.tokens.known(), *_partner_tokens(call)]
        return {
            "method": call.method,
            "path": call.path,
            "query": {name: without(tokens, value) for name, value in call.query.items()},
            "headers": headers_shown(call),
            "body": without(tokens, str(form(call)) if form(call) else call.text),
        }


def _partner_tokens(call: Call) -> list[str]:
    """What a subscription's body would have a receiver be shown."""
    try:
        body = call.json()
    except ValueError:
        return []
    given = [body.get(name) for name in _PARTNER_TOKENS] if isinstance(body, dict) else []
    return [token for token in given if isinstance(token, str) and token]


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM or Ctrl-C; 2 when the arguments or the port will not do."""
    options = _parser().parse_args(arguments)
    return serve(lambda: _sandbox(options), PinterestSandbox.label, options.port)


def _sandbox(options: argparse.Namespace) -> PinterestSandbox:
    sandbox = PinterestSandbox(
        options.token,
        port=options.port,
        seed=options.seed,
        retry_seconds=options.retry_seconds,
        conversion_tokens=options.conversion_token,
    )
    sandbox.set_exports(polls=options.polls)
    return sandbox


def _seconds(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(",") if part)
    except ValueError:
        raise argparse.ArgumentTypeError("write seconds with commas between them, such as 1,2,4") from None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m infra.local.pinterest_sandbox", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 (the default) takes a free one")
    parser.add_argument("--token", action="append", required=True, help="an access token; may be repeated")
    parser.add_argument(
        "--conversion-token", action="append", default=[], metavar="TOKEN", help="a conversion token; may be repeated"
    )
    parser.add_argument("--polls", type=int, default=1, help="how often an export is still in progress")
    parser.add_argument(
        "--retry-seconds",
        type=_seconds,
        default=WAITS,
        metavar="S,S,…",
        help="waits before each further attempt to deliver (default 1,2,4,8,15,30)",
    )
    parser.add_argument("--seed", type=int, default=0, help="of the faults that strike at random")
    return parser


if __name__ == "__main__":
    sys.exit(main())
