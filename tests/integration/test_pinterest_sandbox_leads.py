"""Accounts, forms, subscriptions and delivered leads of the Pinterest sandbox, over real sockets and ciphers."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from infra.local.pinterest_sandbox import EXAMPLE_AD, PinterestSandbox
from infra.local.sandbox.deliveries import Deliveries
from infra.local.sandbox.web import Answer, Call, LoopbackServer
from leads.core.lead import Lead
from leads.core.request import Request
from leads.sources.pinterest import Pinterest
from tests.contract.pinterest_traffic import SPEC, specification
from tests.fakes import FakeSecret
from tests.integration.test_pinterest_sandbox import Client

TOKEN = "pina_test"
ACCOUNT, AD, FORM = EXAMPLE_AD["account"], EXAMPLE_AD["id"], EXAMPLE_AD["lead_form_id"]
OTHER = "111764359002"
FORMS = f"/ad_accounts/{ACCOUNT}/lead_forms"
SUBSCRIPTIONS = f"/ad_accounts/{ACCOUNT}/leads/subscriptions"
TEST = f"{FORMS}/{FORM}/test"
URL = "https://hooks.example.com/pinterest/secret"
ANSWERS = [
    "Ada Lovelace", "ada@example.com", "2125550100", "12 Engine Street", "New York", "New York", "10001", "US",
    "1990-12-10", "1000",
]  # fmt: skip
KEYS = [
    "FULL_NAME", "EMAIL", "PHONE_NUMBER", "ADDRESS", "CITY", "STATE_PROVINCE", "ZIP_CODE", "COUNTRY", "DATE_OF_BIRTH",
    "What is your budget?",
]  # fmt: skip
ADA = {"FULL_NAME": "Ada Lovelace", "EMAIL": "ada@example.com"}
RETRIES = (0.01, 0.01, 0.01)


class Receiver:
    """Somebody's webhook: answers each POST with the next of `statuses`, then 200; None answers nothing."""

    def __init__(self, *statuses: int | None) -> None:
        self.statuses = list(statuses)
        self.calls: list[Call] = []
        self.server = LoopbackServer(0, self.answer, "receiver")
        self.server.start()

    @property
    def url(self) -> str:
        return f"{self.server.url}/pinterest/secret-of-the-hook"

    @property
    def leads(self) -> list[dict[str, Any]]:
        return [lead for call in self.calls for lead in json.loads(call.raw)]

    def answer(self, call: Call) -> Answer:
        self.calls.append(call)
        status = self.statuses.pop(0) if self.statuses else 200
        headers = {"Location": "/elsewhere"} if status == 302 else {}
        return Answer(status or 500, {}, headers, drop=status is None)


@pytest.fixture
def sandbox() -> Iterator[PinterestSandbox]:
    with PinterestSandbox([TOKEN], retry_seconds=RETRIES) as sandbox:
        yield sandbox


@pytest.fixture
def call(sandbox: PinterestSandbox) -> Client:
    return Client(sandbox)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.server.stop()


def subscribed(call: Client, url: str, form: str | None = None) -> dict[str, Any]:
    answer = call("POST", SUBSCRIPTIONS, {"webhook_url": url} | ({"lead_form_id": form} if form else {}))
    assert answer.status == 200
    return dict(answer.json())


def opened(posted: Call, *subscriptions: dict[str, Any]) -> list[Lead]:
    """What our own source makes of a delivery, with those subscriptions' keys alone."""
    source = Pinterest(FakeSecret({"subscriptions": list(subscriptions)}))
    request = Request(source="pinterest", token="", body=posted.raw, headers=posted.headers)
    reading = source.read(request, received_at="2026-01-01T00:00:00Z")
    return [source.open(envelope, deadline=time.time() + 5) for envelope in reading.envelopes]


def schema(name: str) -> set[str]:
    return set(specification()["components"]["schemas"][name]["properties"])


class TestAccounts:
    def test_an_account_says_which_role_the_user_has(self, call: Client) -> None:
        """The list, one of them, and the user."""
        call.sandbox.set_account(id=OTHER, role="ANALYST", name="Other Kitchens")
        listed = call("GET", "/ad_accounts").json()["items"]
        assert {found["id"]: found["permissions"] for found in listed} == {ACCOUNT: ["OWNER"], OTHER: ["ANALYST"]}
        assert call("GET", f"/ad_accounts/{OTHER}").json() == listed[1]
        own = call("GET", "/ad_accounts?include_shared_accounts=false").json()["items"]
        assert [found["id"] for found in own] == [ACCOUNT]
        user = call("GET", "/user_account").json()
        assert (user["id"], user["username"]) == tuple(listed[0]["owner"].values())
        assert call("GET", f"/user_account?ad_account_id={OTHER}").json()["username"] != user["username"]

    def test_an_account_without_a_role_is_not_there(self, call: Client) -> None:
        """Neither in the list nor by its id."""
        call.sandbox.set_account(id=ACCOUNT, role=None)
        assert call("GET", "/ad_accounts").json() == {"items": [], "bookmark": None}
        assert call.refused("GET", f"/ad_accounts/{ACCOUNT}") == (403, 29)
        assert call.refused("GET", f"/ad_accounts/{'1' * 19}") == (400, 1)
        assert call.refused("GET", "/ad_accounts?include_shared_accounts=yes") == (400, 1)
        assert call.refused("GET", "/user_account?fields=id") == (400, 1)

    @pytest.mark.parametrize(
        ("scopes", "method", "path", "expected"),
        [
            (["ads:read"], "GET", "/ad_accounts", 200),
            (["ads:read"], "POST", SUBSCRIPTIONS, 401),
            (["ads:read"], "POST", TEST, 401),
            (["ads:read"], "DELETE", f"{SUBSCRIPTIONS}/1", 401),
            (["ads:read", "ads:write"], "GET", "/user_account", 401),
            (["ads:write"], "GET", SUBSCRIPTIONS, 401),
            ([], "GET", f"/ad_accounts/{ACCOUNT}/ads", 401),
        ],
    )
    def test_a_token_needs_the_operations_scope(
        self, call: Client, scopes: list[str], method: str, path: str, expected: int
    ) -> None:
        """Code 3 says that one is missing; such a token is not taken for an unknown one."""
        status, made = call.admin("POST", "tokens", {"token": "pina_less", "scopes": scopes})
        assert (status, made) == (201, {"token": "pina_less", "scopes": scopes, "role": None})
        answer = call(method, path, {} if method == "POST" else None, token="pina_less")
        assert answer.status == expected
        assert expected == 200 or answer.json()["code"] == 3

    def test_a_token_may_be_of_somebody_with_another_role(self, call: Client) -> None:
        """In every account; the first token's user keeps theirs."""
        token = call.sandbox.add_token(role="CAMPAIGN_MANAGER")["token"]
        assert call("GET", f"/ad_accounts/{ACCOUNT}", token=token).json()["permissions"] == ["CAMPAIGN_MANAGER"]
        assert call.refused("GET", SUBSCRIPTIONS, token=token) == (403, 29)
        assert call("GET", SUBSCRIPTIONS).status == 200

    def test_a_connected_app_has_the_scopes_that_were_granted(self, call: Client) -> None:
        """Those that the README asks for, unless told."""
        token = call.sandbox.connect_app(app_id="15", app_secret="hush")["access_token"]
        assert call("GET", SUBSCRIPTIONS, token=token).status == 200
        assert call.refused("GET", "/user_account", token=token) == (401, 3)
        granted = call.sandbox.connect_app(app_id="15", app_secret="hush", scope="ads:read")
        assert granted["scope"] == "ads:read"
        assert call.refused("POST", SUBSCRIPTIONS, {}, token=granted["access_token"]) == (401, 3)


class TestForms:
    def test_the_examples_ad_has_a_form(self, call: Client) -> None:
        """As many questions as a form may have, one of them custom; its times are seconds."""
        form = call("GET", f"{FORMS}/{FORM}").json()
        assert (form["status"], form["ad_account_id"]) == ("ACTIVE", ACCOUNT)
        assert [q["custom_question_label"] or q["question_type"] for q in form["questions"]] == KEYS
        assert form["questions"][-1]["question_type"] == "CUSTOM"
        assert abs(form["created_time"] - time.time()) < 60
        assert call("GET", FORMS).json() == {"items": [form], "bookmark": None}

    def test_lists_come_by_pages_and_in_order(self, call: Client) -> None:
        """By id, up or down; a page says how to get the next."""
        for number in ("5", "700", "60"):
            call.sandbox.add_form(account=ACCOUNT, id=number, questions=["EMAIL"])
        found, bookmark = [], ""
        while bookmark is not None:
            page = call("GET", f"{FORMS}?page_size=3&order=DESCENDING{bookmark and '&bookmark=' + bookmark}").json()
            found += [form["id"] for form in page["items"]]
            bookmark = page["bookmark"]
        assert found == [FORM, "700", "60", "5"]

    @pytest.mark.parametrize("query", ["page_size=0", "page_size=251", "order=UP", "bookmark=x", "entity_statuses=A"])
    def test_lists_take_what_is_documented(self, call: Client, query: str) -> None:
        """Nothing is passed over in silence."""
        assert call.refused("GET", f"{FORMS}?{query}") == (400, 1)

    def test_a_form_of_another_account_is_unknown(self, call: Client) -> None:
        """So is one that nobody made."""
        call.sandbox.add_form(account=OTHER, id="5")
        assert call("GET", f"/ad_accounts/{OTHER}/lead_forms/5").status == 200
        assert call.refused("GET", f"{FORMS}/5") == (404, 4842)
        assert call.refused("GET", f"{FORMS}/five") == (400, 1)

    def test_forms_are_created_several_at_once(self, call: Client) -> None:
        """Each has an answer of its own in the 200; outside the beta, a refusal."""
        body = {
            "name": "Baths",
            "questions": [
                {"question_type": "EMAIL"},
                {
                    "question_type": "CUSTOM",
                    "custom_question_field_type": "RADIO_LIST",
                    "custom_question_label": "Which room?",
                    "custom_question_options": ["Bath", "Kitchen"],
                },
            ],
            "privacy_policy_link": "https://example.com/privacy",
            "has_accepted_terms": True,
            "completion_message": "Thank you.",
        }
        items = call("POST", FORMS, [body, body]).json()["items"]
        assert [item["data"]["status"] for item in items] == ["DRAFT", "DRAFT"]
        assert call("GET", f"{FORMS}/{items[1]['data']['id']}").json() == items[1]["data"]
        call.sandbox.set_account(id=ACCOUNT, in_beta=False)
        refused = call("POST", FORMS, [body])
        assert refused.status == 200
        exception = {"message": "Advertiser not in beta", "error_code": 3078}
        assert refused.json() == {"items": [{"exceptions": [exception]}]}
        assert len(call("GET", FORMS).json()["items"]) == 3
        less = {name: value for name, value in body.items() if name != "name"}
        wrong: list[Any] = [
            body, [], [body] * 31, [less], [body | {"more": 1}], [body | {"status": "LIVE"}], [body | {"name": 1}],
            [body | {"questions": [{"question_type": "SHOE_SIZE"}]}], [body | {"policy_links": [{}] * 4}],
            [body | {"questions": [{"question_type": "CUSTOM"}]}],
            [body | {"questions": [{"question_type": "EMAIL"}] * 11}],
        ]  # fmt: skip
        for one in wrong:
            assert call.refused("POST", FORMS, one) == (400, 1)


class TestSubscriptions:
    def test_a_subscription_is_made_shown_and_deleted(self, call: Client) -> None:
        """Its key comes with every answer; a 204 is empty; its time is milliseconds."""
        made = subscribed(call, URL)
        assert len(made["cryptographic_key"]) == 44
        assert len(base64.b64decode(made["cryptographic_key"], validate=True)) == 32
        assert (made["lead_form_id"], made["cryptographic_algorithm"]) == (None, "AES-256-GCM")
        assert (made["webhook_url"], made["ad_account_id"], made["api_version"]) == (URL, ACCOUNT, "v5")
        assert abs(made["created_time"] / 1000 - time.time()) < 60
        of_form = subscribed(call, URL, FORM)
        assert of_form["cryptographic_key"] != made["cryptographic_key"]
        shown = [{**one, "api_version": "5.11.1"} for one in (made, of_form)]
        assert call("GET", f"{SUBSCRIPTIONS}/{made['id']}").json() == shown[0]
        first = call("GET", f"{SUBSCRIPTIONS}?page_size=1").json()
        second = call("GET", f"{SUBSCRIPTIONS}?page_size=1&bookmark={first['bookmark']}").json()
        assert [first["items"], second["items"], second["bookmark"]] == [shown[:1], shown[1:], None]
        gone = call("DELETE", f"{SUBSCRIPTIONS}/{made['id']}")
        assert (gone.status, gone.data, gone.headers.get("Content-Length")) == (204, b"", None)
        assert call.refused("DELETE", f"{SUBSCRIPTIONS}/{made['id']}") == (404, 2)
        assert call.refused("GET", f"{SUBSCRIPTIONS}/{made['id']}") == (404, 2)
        assert call.refused("GET", f"{SUBSCRIPTIONS}/one") == (400, 1)
        assert call.refused("GET", f"{SUBSCRIPTIONS}?order=ASCENDING") == (400, 1)

    def test_there_is_one_to_the_same_leads(self, call: Client) -> None:
        """One of the account and one of each form; a deleted one makes room, with another key."""
        made = [subscribed(call, URL, form) for form in (None, FORM)]
        for form in (None, FORM):
            again = {"webhook_url": URL + "/other"} | ({"lead_form_id": form} if form else {})
            assert call.refused("POST", SUBSCRIPTIONS, again) == (400, 1)
        call("DELETE", f"{SUBSCRIPTIONS}/{made[0]['id']}")
        assert subscribed(call, URL)["cryptographic_key"] != made[0]["cryptographic_key"]

    @pytest.mark.parametrize(
        ("role", "status"), [("OWNER", 200), ("ADMIN", 200), ("CAMPAIGN_MANAGER", 403), ("ANALYST", 403), (None, 403)]
    )
    def test_owners_and_administrators_subscribe(self, call: Client, role: str | None, status: int) -> None:
        """Nobody else even sees that there are subscriptions."""
        number = subscribed(call, URL, FORM)["id"]
        assert call.admin("POST", "accounts", {"id": ACCOUNT, "role": role})[0] == 201
        answers = [
            call("POST", SUBSCRIPTIONS, {"webhook_url": URL}),
            call("GET", SUBSCRIPTIONS),
            call("GET", f"{SUBSCRIPTIONS}/{number}"),
            call("DELETE", f"{SUBSCRIPTIONS}/{number}"),
        ]
        assert [answer.status for answer in answers[:3]] == [status] * 3
        assert answers[3].status == (204 if status == 200 else 403)
        assert status == 200 or {answer.json()["code"] for answer in answers} == {29}

    def test_an_account_outside_the_beta_cannot_subscribe(self, call: Client) -> None:
        """And is told why."""
        call.sandbox.set_account(id=ACCOUNT, in_beta=False)
        answer = call("POST", SUBSCRIPTIONS, {"webhook_url": URL})
        assert (answer.status, answer.json()) == (403, {"code": 3078, "message": "Advertiser not in beta"})

    @pytest.mark.parametrize(
        "body",
        [
            b"no json", [], {}, {"webhook_url": 1}, {"webhook_url": URL, "lead_form_id": None},
            {"webhook_url": URL, "lead_form_id": 65300871001}, {"webhook_url": URL, "lead_form_id": "x"},
            {"webhook_url": URL, "lead_form_id": "5"}, {"webhook_url": URL, "form_id": FORM},
            {"webhook_url": URL, "partner_metadata": {"key": "x"}}, {"webhook_url": "http://hooks.example.com/x"},
            {"webhook_url": "https://"}, {"webhook_url": "ftp://127.0.0.1/x"}, {"webhook_url": "https://a b/"},
            {"webhook_url": "https://a:b/"}, {"webhook_url": "http://127.0.0.1.example.com/"},
        ],
    )  # fmt: skip
    def test_a_body_is_as_declared(self, call: Client, body: Any) -> None:
        """An address without encryption is taken for loopback only."""
        assert call.refused("POST", SUBSCRIPTIONS, body) == (400, 1)
        assert call("GET", SUBSCRIPTIONS).json()["items"] == []

    @pytest.mark.parametrize("url", ["http://127.0.0.1:9/x", "http://localhost:9/x", "http://[::1]:9/x", URL])
    def test_addresses_that_are_taken(self, call: Client, url: str) -> None:
        """Nothing is sent there to try it."""
        partner = {"partner_access_token": "pat-1", "partner_metadata": {"subscriber_key": "k"}}
        assert call("POST", SUBSCRIPTIONS, {"webhook_url": url, **partner}).status == 200
        assert call.admin("GET", "deliveries")[1] == {"deliveries": [], "waiting": 0}
        assert "pat-1" not in json.dumps(call.admin("GET", "requests")[1])

    @pytest.mark.skipif(not SPEC.exists(), reason="the vendor's OpenAPI file is not beside this checkout")
    def test_answers_have_every_declared_property(self, call: Client) -> None:
        """And no other."""
        assert set(subscribed(call, URL)) == schema("LeadSubscription")
        assert set(call("GET", f"/ad_accounts/{ACCOUNT}").json()) == schema("AdAccount")
        assert set(call("GET", "/user_account").json()) <= schema("Account")
        form = call("GET", f"{FORMS}/{FORM}").json()
        own = specification()["components"]["schemas"]["LeadFormResponse"]["allOf"][1]["properties"]
        assert set(form) == schema("LeadFormCommon") | set(own)
        assert set(form["questions"][0]) == schema("LeadFormQuestion")


class TestTestLeads:
    def test_a_test_lead_takes_the_real_road(self, call: Client, receiver: Receiver) -> None:
        """Our own source opens it: answers by question, marked as a test, with the ad's campaign."""
        made = subscribed(call, receiver.url)
        assert call("POST", TEST, {"answers": ANSWERS}).json() == {"subscription_id": made["id"]}
        assert call.sandbox.deliveries.idle(5)
        [posted] = receiver.calls
        assert posted.headers["content-type"] == "application/json"
        [raw] = json.loads(posted.raw)
        assert (raw["lead_id"], raw["ad_id"]) == ("TEST_API", AD)
        assert len(base64.b64decode(raw["answers"]["nonce"])) == 16
        [lead] = opened(posted, made)
        assert lead.answers == dict(zip(KEYS, ANSWERS, strict=True))
        assert (lead.is_test, lead.account, lead.form) == (True, ACCOUNT, FORM)
        assert lead.campaign["campaign_name"] == "Spring campaign"
        assert abs((lead.created_at or 0) - time.time()) < 60
        [shown] = call.admin("GET", "deliveries")[1]["deliveries"]
        assert shown["subscription_id"] == made["id"]
        assert (shown["state"], shown["status"], shown["attempts"]) == ("taken", 200, 1)
        for secret in (made["cryptographic_key"], "ada@example.com", "secret-of-the-hook"):
            assert secret not in json.dumps(shown)

    def test_the_forms_own_subscription_comes_first(self, call: Client, receiver: Receiver) -> None:
        """The account's is for forms that have none."""
        subscribed(call, URL)
        own = subscribed(call, receiver.url, FORM)
        assert call("POST", TEST, {"answers": ANSWERS}).json() == {"subscription_id": own["id"]}
        assert call.sandbox.deliveries.idle(5)
        assert opened(receiver.calls[0], own)[0].is_test

    def test_what_a_test_lead_needs(self, call: Client) -> None:
        """A form, a subscription, an active ad of that form, and an answer to each question."""
        assert call.refused("POST", f"{FORMS}/5/test", {"answers": []}) == (404, 4842)
        assert call.refused("POST", TEST, {"answers": ANSWERS}) == (400, 1)
        subscribed(call, "http://127.0.0.1:9/x")
        wrong: list[Any] = [
            {"answers": ANSWERS[1:]}, {"answers": [*ANSWERS, "x"]}, {"answers": [*ANSWERS[1:], 1]},
            {"answers": ADA}, {}, ANSWERS, {"answers": ANSWERS, "more": 1}, b"{",
        ]  # fmt: skip
        for body in wrong:
            assert call.refused("POST", TEST, body) == (400, 1)
        call.sandbox.add_ad(**EXAMPLE_AD, status="PAUSED")
        assert call.refused("POST", TEST, {"answers": ANSWERS}) == (400, 1)
        call.sandbox.add_ad(**EXAMPLE_AD)
        assert call("POST", TEST, {"answers": ANSWERS}).status == 200


class TestDeliveredLeads:
    def test_a_lead_is_posted_on_order_only(self, call: Client, receiver: Receiver) -> None:
        """Else it waits for an export; with nobody subscribed it is posted nowhere."""
        lead = {"ad": AD, "answers": ADA}
        assert call.admin("POST", "leads", lead | {"deliver": True})[1]["subscription_ids"] == []
        made = subscribed(call, receiver.url)
        assert "subscription_ids" not in call.admin("POST", "leads", lead)[1]
        status, posted = call.admin("POST", "leads", lead | {"deliver": True})
        assert (status, posted["subscription_ids"]) == (201, [made["id"]])
        assert call.admin("GET", "deliveries/idle?seconds=5")[1] == {"idle": True}
        [found] = opened(receiver.calls[0], made)
        assert (found.lead_id, found.answers, found.is_test) == (posted["lead_id"], ADA, False)
        assert len(call.admin("GET", "leads")[1]["leads"]) == 3

    def test_a_lead_may_come_to_both_under_either_key(self, call: Client, receiver: Receiver) -> None:
        """One lead id, two ciphertexts; neither key opens the other's."""
        of_account, of_form = subscribed(call, receiver.url), subscribed(call, receiver.url, FORM)
        call.sandbox.add_lead(ad=AD, answers=ADA, deliver=True)
        assert call.sandbox.deliveries.idle(5)
        assert [lead.answers for lead in opened(receiver.calls.pop(), of_form)] == [ADA]
        sent = call.sandbox.add_lead(ad=AD, answers=ADA, deliver=True, both=True)
        assert sent["subscription_ids"] == [of_form["id"], of_account["id"]]
        assert call.sandbox.deliveries.idle(5)
        assert {lead["lead_id"] for lead in receiver.leads} == {sent["lead_id"]}
        assert len({lead["answers"]["cipher_msg"] for lead in receiver.leads}) == 2
        assert [opened(posted, of_account, of_form)[0].answers for posted in receiver.calls] == [ADA, ADA]

    def test_a_former_subscription_can_be_put_back(self, call: Client, receiver: Receiver) -> None:
        """With the id and the key that a receiver has stored already."""
        key = base64.b64encode(bytes(range(32))).decode()
        order = {"account": ACCOUNT, "webhook_url": receiver.url, "id": "77", "cryptographic_key": key}
        for _ in range(2):
            assert call.admin("POST", "subscriptions", order)[0] == 201
        [shown] = call("GET", SUBSCRIPTIONS).json()["items"]
        assert (shown["id"], shown["cryptographic_key"]) == ("77", key)
        call.sandbox.add_lead(ad=AD, answers=ADA, deliver=True)
        assert call.sandbox.deliveries.idle(5)
        assert opened(receiver.calls[0], shown)[0].answers == ADA

    @pytest.mark.parametrize(
        ("statuses", "attempts", "state", "last"),
        [
            ([429, 503, None], 4, "taken", 200),
            ([500, 500, 500, 502], 4, "given_up", 502),
            ([None] * 4, 4, "given_up", None),
            ([400], 1, "refused", 400),
            ([404], 1, "refused", 404),
            ([302], 1, "refused", 302),
            ([204], 1, "taken", 204),
        ],
    )
    def test_what_is_tried_again(
        self, call: Client, receiver: Receiver, statuses: list[int | None], attempts: int, state: str, last: int | None
    ) -> None:
        """429, 5xx and silence, with the same bytes; any other answer is the last word."""
        receiver.statuses = statuses
        subscribed(call, receiver.url)
        call.sandbox.add_lead(ad=AD, answers=ADA, deliver=True)
        assert call.sandbox.deliveries.idle(5)
        [shown] = call.sandbox.deliveries.shown()
        assert (shown["attempts"], shown["state"], shown["status"]) == (attempts, state, last)
        assert len(shown["attempted_at"]) == len(receiver.calls) == attempts
        assert len({posted.raw for posted in receiver.calls}) == 1

    def test_a_reset_forgets_subscriptions_and_what_is_on_its_way(self, call: Client) -> None:
        """Roles, forms and tokens are as at the start again."""
        call.sandbox.deliveries.waits = (60,)
        subscribed(call, "http://127.0.0.1:9/x")
        call.sandbox.set_account(id=ACCOUNT, role="ADMIN")
        call.sandbox.add_form(account=ACCOUNT, id="5")
        call.sandbox.add_token(token=TOKEN, scopes=["ads:read"])
        call.sandbox.add_lead(ad=AD, answers=ADA, deliver=True)
        assert call.admin("GET", "deliveries/idle?seconds=0.05")[1] == {"idle": False}
        assert call.admin("GET", "deliveries")[1]["waiting"] == 1
        assert call.admin("POST", "reset") == (200, {"ok": True})
        assert call.admin("GET", "deliveries/idle")[1] == {"idle": True}
        assert call("GET", SUBSCRIPTIONS).json()["items"] == []
        assert [form["id"] for form in call("GET", FORMS).json()["items"]] == [FORM]
        assert call("GET", "/ad_accounts").json()["items"][0]["permissions"] == ["OWNER"]
        assert subscribed(call, URL)["id"]

    @pytest.mark.parametrize(
        ("path", "body"),
        [
            ("accounts", {}), ("accounts", {"id": "5", "role": "KING"}), ("accounts", {"id": "5", "in_beta": "no"}),
            ("accounts", {"id": "5", "colour": "red"}), ("accounts", {"id": "5", "name": 1}), ("forms", {}),
            ("forms", {"account": ACCOUNT, "questions": "EMAIL"}), ("forms", {"account": ACCOUNT, "questions": [1]}),
            ("forms", {"account": ACCOUNT, "colour": "red"}), ("forms", {"account": ACCOUNT, "status": "LIVE"}),
            ("subscriptions", {}), ("subscriptions", {"account": ACCOUNT, "webhook_url": "http://example.com/x"}),
            ("subscriptions", {"account": ACCOUNT, "webhook_url": URL, "cryptographic_key": "short"}),
            ("subscriptions", {"account": ACCOUNT, "webhook_url": URL, "colour": "red"}), ("tokens", {"token": ""}),
            ("tokens", {"scopes": ["pins:read"]}), ("tokens", {"scopes": "ads:read"}), ("tokens", {"colour": "red"}),
            ("tokens", {"role": "KING"}), ("apps", {"app_id": "1", "app_secret": "s", "scope": "pins:read"}),
            ("leads", {"ad": AD, "answers": ADA, "deliver": True, "colour": "red"}),
        ],
    )  # fmt: skip
    def test_an_order_that_makes_no_sense_is_refused(self, call: Client, path: str, body: Any) -> None:
        """In one sentence."""
        status, answer = call.admin("POST", path, body)
        assert (status, set(answer)) == (400, {"error"})

    def test_a_form_may_be_ordered_in_short(self, call: Client) -> None:
        """A type or a label for a question; forms of old times ask what no form may ask any more."""
        form = call.sandbox.add_form(account=ACCOUNT, questions=["EMAIL", "PREFERRED_CONTACT_METHOD", "Pets?"])
        asked = [(one["question_type"], one["custom_question_label"]) for one in form["questions"]]
        assert asked == [("EMAIL", None), ("PREFERRED_CONTACT_METHOD", None), ("CUSTOM", "Pets?")]


class TestDeliveries:
    def test_a_slow_receiver_holds_nobody_up(self) -> None:
        """What is sent to another one meanwhile arrives; too slow an answer is tried again."""
        freed = threading.Event()
        slow = LoopbackServer(0, lambda _: Answer(200 if freed.wait(5) else 500), "slow receiver")
        slow.start()
        quick = Receiver()
        deliveries = Deliveries("test", (0.01,) * 100, timeout=0.2)
        try:
            deliveries.send(slow.url, b"[]", {}, {"to": "slow"})
            deliveries.send(quick.url, b"[]", {}, {"to": "quick"})
            ends = time.monotonic() + 5
            while (states := {one["to"]: one for one in deliveries.shown()})["slow"]["attempts"] < 1:
                assert time.monotonic() < ends
                time.sleep(0.01)
            assert (states["slow"]["state"], states["quick"]["state"]) == ("waiting", "taken")
            freed.set()
            assert deliveries.idle(5)
        finally:
            deliveries.stop()
            quick.server.stop()
            slow.stop()

    def test_it_ends_when_told(self) -> None:
        """Its threads too, with something still on its way; afterwards nothing is sent."""
        deliveries = Deliveries("ending", (60,))
        deliveries.send("http://127.0.0.1:9/", b"[]", {}, {})
        assert not deliveries.idle(0.05)
        deliveries.stop()
        deliveries.send("http://127.0.0.1:9/", b"[]", {}, {})
        assert len(deliveries.shown()) == 1
        assert not [thread for thread in threading.enumerate() if thread.name == "ending deliveries"]

    def test_a_vendor_may_try_again_after_any_answer(self) -> None:
        """By a rule of its own."""
        receiver = Receiver(404)
        deliveries = Deliveries("test", (0.01,), again=lambda status: status != 200)
        try:
            deliveries.send(receiver.url, b"[]", {}, {})
            assert deliveries.idle(5)
            [shown] = deliveries.shown()
            assert (shown["state"], shown["attempts"]) == ("taken", 2)
        finally:
            deliveries.stop()
            receiver.server.stop()
