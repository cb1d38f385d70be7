"""The calls of the Ads API that leads and conversions need, as strict as its OpenAPI file."""

import itertools
import secrets
import threading
from collections.abc import Callable, Iterable

from infra.local.pinterest import calls_accounts, calls_ads, calls_conversions, calls_forms, calls_subscriptions
from infra.local.pinterest.accounts import Accounts
from infra.local.pinterest.ads import Ads
from infra.local.pinterest.asked import Asked
from infra.local.pinterest.conversions import Conversions
from infra.local.pinterest.exports import Export
from infra.local.pinterest.forms import Forms
from infra.local.pinterest.refusals import Refused
from infra.local.pinterest.subscriptions import Subscriptions
from infra.local.pinterest.tokens import CONVERSIONS, READ, USER_READ, WRITE, Tokens
from infra.local.sandbox.deliveries import Deliveries
from infra.local.sandbox.web import Answer, Call

VERSION = "v5"
_FORM = "ad_accounts/{}/lead_forms"
_SUBSCRIPTION = "ad_accounts/{}/leads/subscriptions"

# Method, path with {} for each id, the scope that the token needs, and who answers, given the call and the ids.
OPERATIONS: tuple[tuple[str, str, str, Callable[..., Answer]], ...] = (
    ("GET", "user_account", USER_READ, calls_accounts.user),
    ("GET", "ad_accounts", READ, calls_accounts.accounts),
    ("GET", "ad_accounts/{}", READ, calls_accounts.account),
    ("GET", "ad_accounts/{}/ads", READ, calls_ads.ads),
    ("GET", "ad_accounts/{}/ads/{}", READ, calls_ads.ad),
    ("POST", "ad_accounts/{}/leads_export", WRITE, calls_ads.export_leads),
    ("GET", "ad_accounts/{}/leads_export/{}", READ, calls_ads.export),
    ("POST", "ad_accounts/{}/events", CONVERSIONS, calls_conversions.send),
    ("GET", "ad_accounts/{}/conversion_eqs", READ, calls_conversions.scores),
    ("GET", "ad_accounts/{}/advertiser_defined_events", READ, calls_conversions.defined_events),
    ("POST", "oauth/conversion_token", WRITE, calls_conversions.conversion_token),
    ("GET", _FORM, READ, calls_forms.forms),
    ("POST", _FORM, WRITE, calls_forms.create),
    ("GET", f"{_FORM}/{{}}", READ, calls_forms.form),
    ("POST", f"{_FORM}/{{}}/test", WRITE, calls_forms.send_test),
    ("GET", _SUBSCRIPTION, READ, calls_subscriptions.subscriptions),
    ("POST", _SUBSCRIPTION, WRITE, calls_subscriptions.subscribe),
    ("GET", f"{_SUBSCRIPTION}/{{}}", READ, calls_subscriptions.subscription),
    ("DELETE", f"{_SUBSCRIPTION}/{{}}", WRITE, calls_subscriptions.unsubscribe),
)


class PinterestApi:
    """Answers calls. `polls`: how often an export is in progress; `failures`: how many exports fail from now on."""

    def __init__(self, tokens: Iterable[str], deliveries: Deliveries, conversion_tokens: Iterable[str] = ()) -> None:
        self.lock = threading.RLock()
        self.tokens = Tokens.holding(tokens, conversion_tokens)
        self.accounts = Accounts()
        self.ads = Ads()
        self.forms = Forms()
        self.subscriptions = Subscriptions()
        self.exports: dict[str, Export] = {}
        self.conversions = Conversions()
        self.deliveries = deliveries
        self.polls = 1
        self.failures = 0
        self.base_url = ""
        self._numbers = itertools.count(123_755_885_175)

    def answer(self, call: Call) -> Answer:
        """The API's own answer."""
        with self.lock:
            try:
                return self._dressed(self._routed(call))
            except Refused as refused:
                return self._dressed(refused.answer)

    def keep_export(self, account: str, file: bytes) -> str:
        """A new export's id."""
        number = str(next(self._numbers))
        self.exports[number] = Export(account, file, self.polls, self.failures > 0)
        self.failures = max(0, self.failures - 1)
        return number

    def forget(self) -> None:
        """Nothing any more of what was made, ordered or connected; what is on its way is lost."""
        for kept in (
            *(self.accounts.accounts, self.ads.ads, self.ads.leads, self.forms.forms),
            *(self.subscriptions.subscriptions, self.exports),
        ):
            kept.clear()
        self.conversions.forget()
        self.tokens.forget()
        self.deliveries.clear()
        self.polls, self.failures = 1, 0

    def _routed(self, call: Call) -> Answer:
        match call.method, *call.parts:
            case "GET", "files", name:
                return calls_ads.file(self, call, name)
            case "POST", "v5", "oauth", "token":
                return self.tokens.answer(call)
        if "access_token" in call.query:
            raise Refused(400, 1, "A token belongs into the Authorization header.")
        grant = self.tokens.grant(call.token)
        if grant is None:
            raise Refused(401, 2, "Authentication failed.")
        scope, answer, ids = _operation(call)
        if not grant.allows(scope):
            # 401 and not 403, as real answers have it.
            raise Refused(401, 3, "Your token does not have the scopes that this operation needs.")
        return answer(Asked(self, call, grant), *ids)

    def _dressed(self, answer: Answer) -> Answer:
        limits = {
            "x-ratelimit-limit": '100, 100;w=1;name="safety_net_app_id_user_id", 1000;w=60;name="ads_read"',
            "x-ratelimit-remaining": "98",
            "x-ratelimit-reset": "1",
            "x-pinterest-rid": secrets.token_hex(8),
        }
        return Answer(answer.status, answer.body, {**limits, **answer.headers}, answer.drop)


def _operation(call: Call) -> tuple[str, Callable[..., Answer], tuple[str, ...]]:
    for method, path, scope, answer in OPERATIONS:
        wanted = (VERSION, *path.split("/"))
        if method != call.method or len(wanted) != len(call.parts):
            continue
        pairs = list(zip(wanted, call.parts, strict=True))
        if all(want in ("{}", part) for want, part in pairs):
            return scope, answer, tuple(part for want, part in pairs if want == "{}")
    raise Refused(404, 0, "The sandbox has no such operation.")
