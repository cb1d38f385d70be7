"""What commands ask of Pinterest's Ads API: the token's accounts, their lead forms and subscriptions, the test call.

Sources: the API's OpenAPI file, and developers.pinterest.com/docs/work-with-ads/lead-ads.
"""

import re
import time
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from infra.cli.faults import CommandFailed
from infra.cli.vendors.pinterest_refusals import PinterestRefused, trace_id
from infra.cli.vendors.web import Reply, call

PAGE_SIZE = "250"
# How long it is worth to wait for a rate limit, seconds.
LONGEST_WAIT = 10.0


@dataclass(frozen=True)
class AdAccount:
    """permissions: the roles of the token's user there, such as OWNER or ADMIN; () where Pinterest does not say."""

    id: str
    name: str = ""
    permissions: tuple[str, ...] = ()


@dataclass(frozen=True)
class Question:
    """type: EMAIL, CUSTOM …; label, field_type and options are a custom question's own."""

    type: str
    label: str = ""
    field_type: str = ""
    options: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """Under which a lead has its answer."""
        return self.label if self.type == "CUSTOM" else self.type


@dataclass(frozen=True)
class Form:
    """questions: in the order in which they were created."""

    id: str
    account: str
    name: str = ""
    status: str = ""
    questions: tuple[Question, ...] = ()


@dataclass(frozen=True)
class Subscription:
    """form: "" for the whole ad account; url and key stay out of every text; created_at: seconds since the epoch."""

    id: str
    account: str
    form: str
    url: str = field(repr=False)
    key: str = field(repr=False)
    algorithm: str = ""
    created_at: float | None = None


class PinterestApi:
    """Calls below one address (`https://api.pinterest.com/v5`) with one access token.

    Every method raises PinterestRefused when Pinterest says no, CommandFailed when it does not answer, or nonsense.
    Nothing is tried again but what a rate limit of seconds held back.
    """

    def __init__(self, base_url: str, token: str, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self._base_url = base_url.rstrip("/")
        self._token = token
        self._sleep = sleep

    def ad_accounts(self) -> list[AdAccount]:
        """Every ad account that the token's user can see."""
        return [_account(item) for item in self._items("list the ad accounts", "ad_accounts")]

    def lead_forms(self, account: str) -> list[Form]:
        doing = f"list the lead forms of ad account {account}"
        return [_form(item, account) for item in self._items(doing, "ad_accounts", account, "lead_forms")]

    def lead_form(self, account: str, form: str) -> Form:
        doing = f"show lead form {form} of ad account {account}"
        return _form(self._ask(doing, "GET", "ad_accounts", account, "lead_forms", form), account)

    def subscriptions(self, account: str) -> list[Subscription]:
        """Those of the ad account and of its forms, with their keys. Owners and admins only."""
        doing = f"list the subscriptions of ad account {account}"
        found = self._items(doing, "ad_accounts", account, "leads", "subscriptions")
        return [_subscription(item, account) for item in found]

    def subscription(self, account: str, number: str) -> Subscription:
        doing = f"show subscription {number} of ad account {account}"
        return _subscription(self._ask(doing, "GET", "ad_accounts", account, "leads", "subscriptions", number), account)

    def subscribe(self, account: str, url: str, form: str | None = None) -> Subscription:
        """A new subscription; an ad account can have one, and each form one. Pinterest does not try the address."""
        body = {"webhook_url": url} | ({"lead_form_id": form} if form else {})
        doing = f"subscribe to {of_form(form)} of ad account {account}"
        return _subscription(
            self._ask(doing, "POST", "ad_accounts", account, "leads", "subscriptions", json=body), account
        )

    def may_subscribe(self, account: str) -> bool | None:
        """Whether the token has the scope that subscribing takes, ads:write; None when the answer does not tell.

        Asked with a body that makes no subscription, as it lacks the webhook's address: a scope is looked at first.
        """
        try:
            self._answered("tell a scope", "POST", "ad_accounts", account, "leads", "subscriptions", json={})
        except PinterestRefused as refused:
            if refused.code == 3:
                return False
            return True if refused.status in (400, 422) else None
        return None

    def unsubscribe(self, account: str, number: str) -> None:
        doing = f"delete subscription {number} of ad account {account}"
        self._answered(doing, "DELETE", "ad_accounts", account, "leads", "subscriptions", number)

    def test_lead(self, account: str, form: str, answers: Sequence[str]) -> str:
        """Have Pinterest send a test lead, answers in the order of the form's questions; the subscription's id."""
        doing = f"send a test lead of form {form}"
        path = ("ad_accounts", account, "lead_forms", form, "test")
        return str(self._ask(doing, "POST", *path, json={"answers": list(answers)}).get("subscription_id") or "")

    def active_ads(self, account: str, form: str) -> list[str]:
        """The ids of the ACTIVE ads that use the form."""
        doing = f"list the ads of ad account {account}"
        ads = self._items(doing, "ad_accounts", account, "ads", entity_statuses="ACTIVE")
        return [str(ad.get("id")) for ad in ads if str(ad.get("lead_form_id") or "") == form]

    def _items(self, doing: str, *path: str, **query: str) -> Iterator[dict[str, Any]]:
        """What a list holds, from its first page to its last."""
        asked = {"page_size": PAGE_SIZE, **query}
        while True:
            answer = self._ask(doing, "GET", *path, query=asked)
            items = answer.get("items")
            if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
                raise _nonsense(doing, "it has no items")
            yield from items
            bookmark = answer.get("bookmark")
            if not isinstance(bookmark, str) or bookmark in ("", asked.get("bookmark")):
                return
            asked["bookmark"] = bookmark

    def _ask(self, doing: str, method: str, *path: str, **more: Any) -> dict[str, Any]:
        """The JSON object of a successful answer."""
        reply = self._answered(doing, method, *path, **more)
        if not isinstance(reply.body, dict):
            raise _nonsense(doing, f"status {reply.status} without a JSON object")
        return reply.body

    def _answered(self, doing: str, method: str, *path: str, **more: Any) -> Reply:
        if not (self._token.isascii() and self._token.isprintable() and self._token.strip()):
            raise CommandFailed(
                "The Pinterest access token is no text that Pinterest gives: `leadrelay init` stores another."
            )
        url = "/".join((self._base_url, *(quote(part, safe="") for part in path)))
        headers = {"Authorization": f"Bearer {self._token}", "Accept": "application/json"}
        reply = call(method, url, who="Pinterest", headers=headers, **more)
        if reply.status == 429 and (wait := _seconds_left(reply.headers)) is not None and wait <= LONGEST_WAIT:
            self._sleep(wait)
            reply = call(method, url, who="Pinterest", headers=headers, **more)
        error = reply.body if reply.status >= 300 else _exception_in(reply.body)
        if error is not None:
            said = error if isinstance(error, dict) else {}
            raise PinterestRefused(doing, reply.status, said, trace_id(reply.headers), unsaid=(self._token,))
        return reply


def is_app(base_url: str, app_id: str, app_secret: str) -> bool | None:
    """Whether an app's id and secret belong together; None when Pinterest does not tell, as to an app that may not ask.

    Asks for a token of the app's own, which is not kept. Source: the OpenAPI file, oauth/token with grant_type
    client_credentials.
    """
    client = b64encode(f"{app_id}:{app_secret}".encode()).decode()
    reply = call(
        "POST",
        f"{base_url.rstrip('/')}/oauth/token",
        who="Pinterest",
        headers={"Authorization": f"Basic {client}", "Accept": "application/json"},
        form={"grant_type": "client_credentials", "scope": "ads:read"},
    )
    return {200: True, 401: False}.get(reply.status)


def of_form(form: str | None) -> str:
    """What a subscription is for, in words."""
    return f"form {form}" if form else "all forms"


def checked_id(text: str, what: str) -> str:
    """An id as Pinterest has them: digits. Raises CommandFailed for anything else."""
    if not (text.isascii() and text.isdigit()):
        raise CommandFailed(f"{text!r} is no {what}: Pinterest's ids are digits.", exit_code=2)
    return text


def _exception_in(body: Any) -> Any:
    """The first error inside an answer that calls itself a success: batch answers have one per item."""
    if not isinstance(body, dict):
        return None
    items = body.get("items")
    for part in (body, *(items if isinstance(items, list) else ())):
        found = part.get("exceptions") if isinstance(part, dict) else None
        if found:
            return found[0] if isinstance(found, list) else found
    return None


def _seconds_left(headers: Mapping[str, str]) -> float | None:
    """Until the rate limit ends. `x-ratelimit-reset` has seconds from now, as one number or several."""
    found = re.findall(r"\d+(?:\.\d+)?", headers.get("x-ratelimit-reset", "").partition(";")[0])
    return max(map(float, found)) if found else None


def _nonsense(doing: str, what: str) -> CommandFailed:
    return CommandFailed(f"Asked to {doing}, Pinterest answered something else: {what}. Try again later.")


def _account(item: Mapping[str, Any]) -> AdAccount:
    permissions = item.get("permissions")
    return AdAccount(
        _id(item, "an ad account"), _text(item, "name"), tuple(map(str, permissions if permissions else ()))
    )


def _form(item: Mapping[str, Any], account: str) -> Form:
    questions = tuple(_question(each) for each in item.get("questions") or () if isinstance(each, dict))
    return Form(_id(item, "a lead form"), account, _text(item, "name"), _text(item, "status"), questions)


def _question(item: Mapping[str, Any]) -> Question:
    options = tuple(map(str, item.get("custom_question_options") or ()))
    kind, label = _text(item, "question_type"), _text(item, "custom_question_label")
    return Question(kind, label, _text(item, "custom_question_field_type"), options)


def _subscription(item: Mapping[str, Any], account: str) -> Subscription:
    created = item.get("created_time")
    return Subscription(
        id=_id(item, "a subscription"),
        account=_text(item, "ad_account_id") or account,
        form=_text(item, "lead_form_id"),
        url=_text(item, "webhook_url"),
        key=_text(item, "cryptographic_key"),
        algorithm=_text(item, "cryptographic_algorithm"),
        # Milliseconds, unlike the times of forms.
        created_at=created / 1000 if isinstance(created, int | float) else None,
    )


def _id(item: Mapping[str, Any], what: str) -> str:
    if not (number := _text(item, "id")):
        raise _nonsense(f"show {what}", "it has no id")
    return number


def _text(item: Mapping[str, Any], name: str) -> str:
    value = item.get(name)
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
