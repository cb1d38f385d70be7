"""The Graph sandbox's webhooks over real sockets: both levels of subscription, tokens looked at, signed deliveries."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import pytest
import urllib3

from infra.local.graph.examples import example_form, form_of
from infra.local.graph_sandbox import APP_ID, GraphSandbox
from infra.local.pinterest.server import PinterestServer
from infra.local.sandbox.web import Answer, Call
from leads.sources.facebook_signature import HEADER, is_signed
from tests.integration.test_graph_sandbox import refusal

PAGE, OTHER = "104857600000001", "104857600000002"
TOKEN, OTHER_TOKEN = "EAAG-one", "EAAG-two"
SECRET, VERIFY = "app-secret", "verify-me"
APP_TOKEN = f"{APP_ID}|{SECRET}"
FORM = form_of(PAGE)


@dataclass
class Hook:
    """A webhook that answers as it is told, and keeps what it got."""

    statuses: list[int] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    confirm: Callable[[dict[str, str]], Answer] = lambda query: (
        Answer(200, query["hub.challenge"].encode()) if query.get("hub.verify_token") == VERIFY else Answer(403, b"no")
    )

    def __post_init__(self) -> None:
        self.server = PinterestServer(0, self._answer, "webhook")
        self.server.start()

    def _answer(self, call: Call) -> Answer:
        if call.method == "GET":
            return self.confirm(call.query)
        self.calls.append(call)
        return Answer(self.statuses.pop(0) if self.statuses else 200, b"{}")

    @property
    def url(self) -> str:
        return f"{self.server.url}/webhooks/facebook/token"

    def told(self) -> list[dict[str, Any]]:
        return [json.loads(call.raw) for call in self.calls]


@dataclass
class Client:
    """Calls to the sandbox; with the app's token unless a page's is given."""

    graph: GraphSandbox

    def __call__(self, method: str, path: str, token: str = APP_TOKEN, **sent: str) -> urllib3.BaseHTTPResponse:
        if "|" not in token:
            sent["appsecret_proof"] = hmac.new(SECRET.encode(), token.encode(), hashlib.sha256).hexdigest()
        headers = {"Authorization": f"Bearer {token}"}
        url = self.graph.url + path
        if method == "POST":
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            return urllib3.request(method, url, body=urlencode(sent), headers=headers, retries=False)
        return urllib3.request(method, url, fields=sent, headers=headers, retries=False)

    def order(self, method: str, what: str, body: Any = None) -> Any:
        raw = None if body is None else json.dumps(body).encode()
        return urllib3.request(method, f"{self.graph.admin_url}/{what}", body=raw, retries=False)

    def subscribe(self, url: str, **given: str) -> urllib3.BaseHTTPResponse:
        sent = {
            "object": "page",
            "callback_url": url,
            "fields": "leadgen",
            "verify_token": VERIFY,
            "include_values": "true",
            **given,
        }
        return self("POST", f"/{APP_ID}/subscriptions", **{name: text for name, text in sent.items() if text})

    def subscribed(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self("GET", f"/{APP_ID}/subscriptions").json()["data"]
        return found


@pytest.fixture(scope="module")
def hook_server() -> Iterator[Hook]:
    hook = Hook()
    yield hook
    hook.server.stop()


@pytest.fixture
def hook(hook_server: Hook) -> Hook:
    hook_server.statuses.clear()
    hook_server.calls.clear()
    hook_server.confirm = Hook.__dataclass_fields__["confirm"].default
    return hook_server


@pytest.fixture
def graph() -> Iterator[GraphSandbox]:
    pages = {PAGE: TOKEN, OTHER: OTHER_TOKEN}
    forms = [example_form(page) for page in pages]
    with GraphSandbox(pages, app_secret=SECRET, forms=forms, retry_seconds=(0, 0.02)) as sandbox:
        yield sandbox


@pytest.fixture
def call(graph: GraphSandbox) -> Client:
    return Client(graph)


class TestTheAppsSubscription:
    def test_it_is_taken_once_the_webhook_has_proved_itself(self, call: Client, hook: Hook) -> None:
        """And listed without the verify token, and without a word on values."""
        assert call.subscribed() == []
        assert call.subscribe(hook.url).json() == {"success": True}
        fields = [{"name": "leadgen", "version": "v26.0"}]
        assert call.subscribed() == [{"object": "page", "callback_url": hook.url, "active": True, "fields": fields}]
        assert call.subscribe(hook.url, fields="messages").status == 200
        assert [it["name"] for it in call.subscribed()[0]["fields"]] == ["leadgen", "messages"]

    @pytest.mark.parametrize(
        ("answer", "code"),
        [
            (Answer(403, b"no"), 2200),
            (Answer(503, b""), 2200),
            (Answer(200, b"OK"), 2201),
            (Answer(200, b""), 2201),
            (Answer(0, b"", drop=True), 2200),
        ],
    )
    def test_without_the_challenge_it_is_refused(self, call: Client, hook: Hook, answer: Answer, code: int) -> None:
        """400, whatever the webhook answers instead; what was there before stays."""
        call.order("POST", "app_subscription", {"callback_url": "https://example.com/x"})
        hook.confirm = lambda query: answer
        assert refusal(call.subscribe(hook.url)) == (400, code, None)
        assert call.subscribed()[0]["callback_url"] == "https://example.com/x"

    def test_the_challenge_must_come_back_verbatim(self, call: Client, hook: Hook) -> None:
        """As JSON it has quotation marks; a blank more is another text as well."""
        for wrong in ('"{}"', "{} ", "0{}"):
            hook.confirm = lambda query, wrong=wrong: Answer(200, wrong.format(query["hub.challenge"]).encode())
            assert refusal(call.subscribe(hook.url)) == (400, 2201, None)

    def test_the_webhook_is_asked_as_meta_asks(self, call: Client, hook: Hook) -> None:
        """Beside whatever the address has in its own query."""
        asked: list[dict[str, str]] = []
        hook.confirm = lambda query: asked.append(query) or Answer(200, query["hub.challenge"].encode())
        assert call.subscribe(f"{hook.url}?a=b").status == 200
        [query] = asked
        assert query.pop("hub.challenge").isdigit()
        assert query == {"a": "b", "hub.mode": "subscribe", "hub.verify_token": VERIFY}

    @pytest.mark.parametrize(
        "given",
        [
            {"object": ""},
            {"object": "user"},
            {"fields": "leadgem"},
            {"fields": ""},
            {"verify_token": ""},
            {"include_values": "maybe"},
            {"page": "1"},
        ],
    )
    def test_what_makes_no_sense_is_refused(self, call: Client, hook: Hook, given: dict[str, str]) -> None:
        """Code 100, and nothing is subscribed."""
        assert refusal(call.subscribe(hook.url, **given)) == (400, 100, None)
        assert call.subscribed() == []

    @pytest.mark.parametrize("url", ["http://example.com/x", "ftp://127.0.0.1/x", "https://127.0.0.1:1/x"])
    def test_an_address_that_is_not_safe_or_not_there_is_refused(self, call: Client, url: str) -> None:
        """Plain HTTP is for this machine only."""
        assert refusal(call.subscribe(url)) == (400, 2200, None)

    def test_only_the_app_may(self, call: Client, hook: Hook) -> None:
        """A page's token is another kind of token, a wrong secret none, a wrong proof a lie."""
        assert refusal(call("GET", f"/{APP_ID}/subscriptions", TOKEN)) == (400, 15, None)
        assert refusal(call("GET", f"/{APP_ID}/subscriptions", f"{APP_ID}|wrong")) == (400, 190, None)
        assert refusal(call("GET", f"/{APP_ID}/subscriptions", f"1|{SECRET}")) == (400, 190, None)
        assert refusal(call("GET", f"/{APP_ID}/subscriptions", appsecret_proof="00")) == (400, 100, None)
        assert refusal(call("GET", f"/{PAGE}/subscribed_apps")) == (403, 210, None)
        assert refusal(call("GET", f"/{APP_ID}/roles")) == (400, 100, None)

    def test_it_can_be_ended(self, call: Client, hook: Hook) -> None:
        """A field of it, or all."""
        call.subscribe(hook.url, fields="leadgen,feed")
        assert call("DELETE", f"/{APP_ID}/subscriptions", object="page", fields="feed").json() == {"success": True}
        assert [it["name"] for it in call.subscribed()[0]["fields"]] == ["leadgen"]
        assert call("DELETE", f"/{APP_ID}/subscriptions", object="page").status == 200
        assert call.subscribed() == []

    def test_the_app_itself_can_be_read(self, call: Client) -> None:
        """Its name and id."""
        assert call("GET", f"/{APP_ID}", fields="name").json() == {"id": APP_ID, "name": "LeadRelay"}
        assert refusal(call("GET", f"/{APP_ID}", fields="secret")) == (400, 100, None)


class TestAPagesSubscription:
    def test_it_is_made_and_ended(self, call: Client, graph: GraphSandbox) -> None:
        """With the page's token; the fields named take the place of the others."""
        path = f"/{PAGE}/subscribed_apps"
        assert call("DELETE", path, TOKEN).json() == {"success": True}
        assert call("GET", path, TOKEN).json() == {"data": []}
        assert call("POST", path, TOKEN, subscribed_fields="leadgen,feed").json() == {"success": True}
        [found] = call("GET", path, TOKEN).json()["data"]
        assert (found["id"], found["subscribed_fields"]) == (APP_ID, ["leadgen", "feed"])
        assert refusal(call("POST", path, TOKEN)) == (400, 100, None)
        assert refusal(call("POST", path, OTHER_TOKEN, subscribed_fields="leadgen")) == (400, 100, 33)


class TestTokens:
    def described(self, call: Client, token: str) -> dict[str, Any]:
        found: dict[str, Any] = call("GET", "/debug_token", input_token=token).json()["data"]
        return found

    def test_a_pages_token_is_described(self, call: Client) -> None:
        """Whose it is, what it may, for which page, and that it does not end by itself."""
        found = self.described(call, TOKEN)
        assert (found["is_valid"], found["type"], found["app_id"]) == (True, "PAGE", APP_ID)
        assert (found["profile_id"], found["expires_at"]) == (PAGE, 0)
        assert found["data_access_expires_at"] > time.time()
        assert {"leads_retrieval", "pages_manage_metadata"} < set(found["scopes"])
        assert {"scope": "leads_retrieval", "target_ids": [PAGE]} in found["granular_scopes"]
        assert self.described(call, APP_TOKEN)["type"] == "APP"

    def test_a_dead_token_is_an_answer_and_no_error(self, call: Client) -> None:
        """With the reason in it; of one that nobody knows there is less to say."""
        call.order("POST", "tokens", {"page": PAGE, "token": "EAAG-new"})
        found = self.described(call, TOKEN)
        assert (found["is_valid"], found["error"]["code"], found["error"]["subcode"]) == (False, 190, 460)
        unknown = self.described(call, "EAAG-nobody")
        assert (unknown["is_valid"], "subcode" in unknown["error"], "app_id" in unknown) == (False, False, False)

    def test_an_expired_token_is_told_and_refused(self, call: Client) -> None:
        """190 with subcode 463."""
        past = int(time.time()) - 5
        call.order("POST", "tokens", {"page": PAGE, "token": "EAAG-old", "expires_at": past})
        found = self.described(call, "EAAG-old")
        assert (found["is_valid"], found["expires_at"], found["error"]["subcode"]) == (False, past, 463)
        assert refusal(call("GET", f"/{PAGE}", "EAAG-old")) == (400, 190, 463)

    @pytest.mark.parametrize(
        ("lacking", "method", "path", "status", "code"),
        [
            ("leads_retrieval", "GET", f"/{FORM}/leads", 403, 200),
            ("pages_manage_ads", "GET", f"/{PAGE}/leadgen_forms", 403, 200),
            ("pages_manage_ads", "POST", f"/{FORM}/test_leads", 403, 200),
            ("pages_manage_metadata", "GET", f"/{PAGE}/subscribed_apps", 403, 200),
            ("pages_read_engagement", "GET", f"/{PAGE}", 403, 10),
        ],
    )
    def test_a_call_needs_its_permission(
        self, call: Client, lacking: str, method: str, path: str, status: int, code: int
    ) -> None:
        """And the other calls go on."""
        scopes = [scope for scope in self.described(call, TOKEN)["scopes"] if scope != lacking]
        call.order("POST", "tokens", {"page": PAGE, "token": TOKEN, "scopes": scopes})
        assert refusal(call(method, path, TOKEN)) == (status, code, None)
        assert lacking not in self.described(call, TOKEN)["scopes"]
        open_ = f"/{FORM}" if lacking != "pages_manage_ads" else f"/{PAGE}"
        assert call("GET", open_, TOKEN).status == 200

    def test_only_the_app_looks_at_tokens(self, call: Client) -> None:
        """And has to say at which."""
        assert refusal(call("GET", "/debug_token", TOKEN, input_token=TOKEN)) == (400, 15, None)
        assert refusal(call("GET", "/debug_token")) == (400, 100, None)

    @pytest.mark.parametrize("order", [{"scopes": "leads_retrieval"}, {"expires_at": "soon"}, {"colour": "red"}])
    def test_an_order_that_makes_no_sense_is_refused(self, call: Client, order: dict[str, Any]) -> None:
        """400 in one sentence."""
        assert call.order("POST", "tokens", {"page": PAGE, "token": TOKEN, **order}).status == 400


class TestDeliveries:
    @pytest.fixture(autouse=True)
    def subscribed(self, call: Client, hook: Hook) -> None:
        assert call.subscribe(hook.url).status == 200

    def test_a_test_lead_is_told_of_signed_and_by_ids_only(self, call: Client, hook: Hook, graph: GraphSandbox) -> None:
        """The signature is that of the very bytes."""
        made = call("POST", f"/{FORM}/test_leads", TOKEN).json()["id"]
        assert graph.deliveries.idle(5)
        [notice] = hook.told()
        assert notice["object"] == "page"
        [change] = notice["entry"][0]["changes"]
        assert change["field"] == "leadgen"
        assert set(change["value"]) == {"leadgen_id", "page_id", "form_id", "created_time"}
        assert (change["value"]["leadgen_id"], change["value"]["page_id"]) == (made, PAGE)
        [got] = hook.calls
        assert got.headers["content-type"] == "application/json"
        assert is_signed(got.raw, got.headers[HEADER], [SECRET])
        assert not is_signed(got.raw + b" ", got.headers[HEADER], [SECRET])

    def test_a_lead_is_told_of_when_it_is_ordered(self, call: Client, hook: Hook, graph: GraphSandbox) -> None:
        """Many in one webhook, of several pages; without the order nobody hears of it."""
        call.order("POST", "leads", {"form": FORM})
        leads = [{"form": FORM, "deliver": True}, {"form": form_of(OTHER), "deliver": True}, {"form": FORM}]
        made = call.order("POST", "leads", {"leads": leads}).json()["leads"]
        assert [lead.get("told") for lead in made] == [True, True, None]
        assert graph.deliveries.idle(5)
        [notice] = hook.told()
        assert [entry["id"] for entry in notice["entry"]] == [PAGE, OTHER]
        shown = call.order("GET", "deliveries").json()
        assert shown["waiting"] == 0
        [one] = shown["deliveries"]
        assert (one["state"], one["status"], one["leads"]) == ("taken", 200, [lead["id"] for lead in made[:2]])
        assert call.order("GET", "deliveries/idle?seconds=1").json() == {"idle": True}

    def test_it_takes_both_levels(self, call: Client, hook: Hook, graph: GraphSandbox) -> None:
        """A page that tells the app nothing, or an app that subscribes to nothing: silence."""
        call("DELETE", f"/{PAGE}/subscribed_apps", TOKEN)
        assert graph.add_lead(form=FORM, deliver=True)["told"] is False
        call("POST", f"/{PAGE}/subscribed_apps", TOKEN, subscribed_fields="feed")
        assert graph.add_lead(form=FORM, deliver=True)["told"] is False
        call("POST", f"/{PAGE}/subscribed_apps", TOKEN, subscribed_fields="leadgen")
        call("DELETE", f"/{APP_ID}/subscriptions", object="page")
        assert graph.add_lead(form=FORM, deliver=True)["told"] is False
        call.order("POST", "app_subscription", {"callback_url": hook.url, "active": False})
        assert graph.add_lead(form=FORM, deliver=True)["told"] is False
        call.order("DELETE", "app_subscription")
        assert call.order("GET", "app_subscription").json() == {"subscription": None}
        assert hook.calls == []

    def test_without_values_it_is_not_told_which(self, call: Client, hook: Hook, graph: GraphSandbox) -> None:
        """As Meta does with Include Values off."""
        call.subscribe(hook.url, include_values="")
        graph.add_lead(form=FORM, deliver=True)
        assert graph.deliveries.idle(5)
        [entry] = hook.told()[0]["entry"]
        assert entry.pop("time") <= time.time()
        assert entry == {"id": PAGE, "changed_fields": ["leadgen"]}

    @pytest.mark.parametrize("status", [500, 429, 403, 302, 204])
    def test_whatever_is_not_200_is_tried_again(self, hook: Hook, graph: GraphSandbox, status: int) -> None:
        """With the same bytes, a few times."""
        hook.statuses = [status, status]
        graph.add_lead(form=FORM, deliver=True)
        assert graph.deliveries.idle(5)
        assert len({call.raw for call in hook.calls}) == 1
        [shown] = graph.deliveries.shown()
        assert (shown["attempts"], shown["status"], shown["state"]) == (3, 200, "taken")

    def test_in_the_end_it_is_given_up(self, hook: Hook, graph: GraphSandbox) -> None:
        """As Meta drops it after a day and a half."""
        hook.statuses = [503] * 9
        graph.add_lead(form=FORM, deliver=True)
        assert graph.deliveries.idle(5)
        [shown] = graph.deliveries.shown()
        assert (shown["attempts"], shown["status"], shown["state"]) == (3, 503, "given_up")

    def test_one_test_lead_at_a_time(self, call: Client, graph: GraphSandbox) -> None:
        """The next one after the first is deleted."""
        made = call("POST", f"/{FORM}/test_leads", TOKEN).json()["id"]
        assert refusal(call("POST", f"/{FORM}/test_leads", TOKEN)) == (400, 100, None)
        assert call("DELETE", f"/{made}", TOKEN).status == 200
        assert call("POST", f"/{FORM}/test_leads", TOKEN).status == 200
        assert len(graph.deliveries.shown()) == 2

    def test_a_reset_forgets_all_of_it(self, call: Client, graph: GraphSandbox) -> None:
        """The subscription, and what was delivered."""
        graph.add_lead(form=FORM, deliver=True)
        call.order("POST", "reset")
        assert (graph.deliveries.shown(), call.subscribed()) == ([], [])


def test_what_is_remembered_of_requests_holds_no_secret(call: Client, hook: Hook, graph: GraphSandbox) -> None:
    """Neither in the query nor in a form or JSON body."""
    call.subscribe(hook.url)
    call("GET", "/debug_token", input_token=TOKEN)
    call("GET", "/debug_token", input_token="EAAG-of-nobody")
    body = {"verify_token": VERIFY, "appsecret_proof": "made-up"}
    headers = {"Authorization": f"Bearer {APP_TOKEN}"}
    urllib3.request("POST", f"{graph.url}/{APP_ID}/subscriptions", json=body, headers=headers, retries=False)
    remembered = json.dumps(call.order("GET", "requests").json())
    operations = [one["operation"] for one in graph.requests()]
    assert operations == ["subscriptions", "debug_token", "debug_token", "subscriptions"]
    for secret in (SECRET, VERIFY, TOKEN, "EAAG-of-nobody", "made-up"):
        assert secret not in remembered


def test_a_fault_can_strike_the_apps_calls(call: Client, graph: GraphSandbox) -> None:
    """By the name of the operation."""
    graph.add_fault(operation="subscriptions", code=4)
    assert refusal(call("GET", f"/{APP_ID}/subscriptions")) == (400, 4, None)
    assert call("GET", f"/{APP_ID}").status == 200
