"""The Pinterest sandbox as the Conversions API: strict, telling of each event, and counting as Pinterest counts."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
import urllib3

from infra.local.pinterest import event_rules
from infra.local.pinterest.accounts import ROLES
from infra.local.pinterest.conversions import CONVERSION_TYPES
from infra.local.pinterest.event_scores import INGESTION_SOURCES, SOURCE_PLATFORMS
from infra.local.pinterest_sandbox import PinterestSandbox
from infra.local.vendor_accounts import AD_ACCOUNT, VendorAccounts
from tests.contract.pinterest_traffic import MISSING, SPEC, declared, specification
from tests.integration.test_pinterest_sandbox import ACCOUNT, TOKEN, Client

# What is asked here is not what the app asks.
pytestmark = pytest.mark.unrecorded
CONVERSION_TOKEN = "pinc_test"
EVENTS = f"/ad_accounts/{ACCOUNT}/events"
SCORES = f"/ad_accounts/{ACCOUNT}/conversion_eqs"
DEFINED = f"/ad_accounts/{ACCOUNT}/advertiser_defined_events"
DIGEST = "ab" * 32
RIGHT = {"status": "processed", "error_message": "", "warning_message": ""}


@pytest.fixture(scope="module")
def caller() -> Iterator[Client]:
    with PinterestSandbox([TOKEN], conversion_tokens=[CONVERSION_TOKEN]) as sandbox:
        yield Client(sandbox)


@pytest.fixture
def call(caller: Client) -> Client:
    """A client of a sandbox as at its start."""
    caller.sandbox.reset()
    return caller


def event(event_id: str = "one", **changes: Any) -> dict[str, Any]:
    """A right event with some members changed; `...` leaves one out."""
    made = {
        "event_name": "lead",
        "action_source": "web",
        "event_time": int(time.time()) - 60,
        "event_id": event_id,
        "user_data": {"em": [DIGEST]},
        **changes,
    }
    return {name: value for name, value in made.items() if value is not ...}


def send(call: Client, *events: Any, query: str = "", token: str = CONVERSION_TOKEN) -> urllib3.BaseHTTPResponse:
    return call("POST", EVENTS + query, {"data": list(events)}, token=token)


def told(call: Client, *events: Any, query: str = "") -> list[dict[str, str]]:
    """What the API says of each event."""
    answer = send(call, *events, query=query)
    assert answer.status == 200, answer.data
    return list(answer.json()["events"])


def counted(call: Client) -> list[int]:
    return [sent["counted"] for sent in call.sandbox.events()]


class TestStrictness:
    @pytest.mark.parametrize(
        "body",
        [
            b"no json", b"{", [], "data", {}, {"data": {}}, {"data": []}, {"data": [event()] * 1001}, {"data": [5]},
            {"data": [event()], "more": 1}, b'{"data": NaN}',
        ],
    )  # fmt: skip
    def test_a_body_is_an_object_of_1_to_1000_events(self, call: Client, body: Any) -> None:
        """And of nothing else."""
        assert call.refused("POST", EVENTS, body, token=CONVERSION_TOKEN) == (400, 4196)

    @pytest.mark.parametrize(
        "changes",
        [
            *({name: ...} for name in ("event_name", "action_source", "event_time", "user_data", "event_id")),
            {"lead_id": "5"}, {"event_time": "1763700000"}, {"event_time": 1763700000.5}, {"event_time": True},
            {"event_time": 2**63}, {"event_time": None}, {"event_id": None}, {"event_id": 5}, {"event_name": None},
            {"opt_out": "true"}, {"opt_out": None}, {"wifi": 1}, {"app_id": 5}, {"language": ["en"]},
            {"user_data": None}, {"user_data": []}, {"user_data": {"em": DIGEST}}, {"user_data": {"em": None}},
            {"user_data": {"em": [None]}}, {"user_data": {"em": [DIGEST], "phone": [DIGEST]}},
            {"user_data": {"em": [DIGEST], "client_ip_address": None}},
            {"user_data": {"em": [DIGEST], "click_id": ["x"]}},
            {"custom_data": None}, {"custom_data": {"value": 72.39}}, {"custom_data": {"amount": "5"}},
            {"custom_data": {"num_items": "5"}}, {"custom_data": {"num_items": None}},
            {"custom_data": {"content_ids": "one"}}, {"custom_data": {"content_ids": None}},
            {"custom_data": {"contents": [{"item_price": 5}]}}, {"custom_data": {"contents": [{"price": "5"}]}},
            {"custom_data": {"contents": [{"id": None}]}},
            {"app_info": {"app_id": "x" * 201}}, {"app_info": {"id": "5"}}, {"app_info": {"install_time": -1}},
            {"device_info": {"os_family": "dos"}}, {"device_info": {"battery_level": 101}}, {"device_info": {"x": 1}},
            {"device_info": {"languages": ["en"] * 101}}, {"device_info": {"locale": None}},
        ],
    )  # fmt: skip
    def test_an_event_against_the_schema_refuses_the_call(self, call: Client, changes: dict[str, Any]) -> None:
        """Whatever else is in it; and the message names a member, never what stands in it."""
        answer = send(call, event("right"), event(**changes))
        assert (answer.status, answer.json()["code"]) == (400, 4196)
        assert DIGEST not in answer.json()["message"]
        assert call.sandbox.events() == []

    def test_all_that_is_declared_is_taken(self, call: Client) -> None:
        """Null where it may be."""
        whole = event(
            user_data={name: [DIGEST] for name in event_rules.HASHED}
            | {"client_ip_address": "203.0.113.5", "client_user_agent": "Browser", "click_id": None, "partner_id": "p"},
            custom_data={
                "currency": "USD", "value": "72.39", "order_id": None, "num_items": 2, "content_ids": ["a"],
                "contents": [{"id": "a", "item_price": "5.00", "quantity": 2}], "opt_out_type": "LDP",
            },
            opt_out=False, wifi=True, language="en", partner_name=None, app_info={"app_name": "App"},
            device_info={"os_family": "ios", "languages": ["en"], "screen_width": 100},
        )  # fmt: skip
        assert told(call, whole) == [RIGHT]
        [sent] = call.sandbox.events()
        assert sent["event"] == whole
        assert (sent["account"], sent["test"], sent["counted"]) == (ACCOUNT, False, 1)
        assert abs(sent["at"] - time.time()) < 5

    def test_only_the_parameter_test_is_known(self, call: Client) -> None:
        """With true or false, sent as JSON."""
        assert send(call, event(), query="?test=yes").json()["code"] == 4196
        assert send(call, event(), query="?tests=true").json()["code"] == 1
        headers = {"Content-Type": "text/plain"}
        assert call.refused("POST", EVENTS, {"data": [event()]}, **headers) == (400, 4196)
        assert call.refused("GET", EVENTS) == (404, 0)

    @pytest.mark.skipif(not SPEC.exists(), reason=MISSING)
    def test_the_rules_are_the_vendors(self) -> None:
        """Every member of every object, with its type, null, bounds and choices."""
        schemas = specification()["components"]["schemas"]
        theirs = schemas["ConversionEvents"]

        def compare(rule: event_rules.Rule, schema: dict[str, Any], where: str) -> None:
            schema = schemas[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
            # User data is left open there.
            is_closed = schema.get("additionalProperties") is False or "anyOf" in schema
            if "anyOf" in schema:
                schema = schemas["ConversionEventsUserDataProperties"]
            assert is_closed == (rule.kind is dict), where
            names = {str: "string", int: "integer", bool: "boolean", list: "array", dict: "object"}
            kind = [names[rule.kind], "null"] if rule.nullable else names[rule.kind]
            assert schema["type"] == kind, where
            assert set(schema.get("properties", {})) == set(rule.members), where
            assert set(schema.get("required", ())) == set(rule.required), where
            assert tuple(schema.get("enum", ())) == rule.choices, where
            bounds = {"string": "Length", "integer": "imum", "array": "Items"}.get(names[rule.kind], "")
            large = schema.get("format") == "int64"
            least, most = (-(2**63), 2**63 - 1) if large else (schema.get(f"min{bounds}"), schema.get(f"max{bounds}"))
            assert (rule.least, rule.most) == (least, most), where
            for name, member in rule.members.items():
                compare(member, schema["properties"][name], f"{where}.{name}")
            if rule.each:
                compare(rule.each, schema["items"], f"{where}[]")

        compare(event_rules.BODY, theirs, "")

    @pytest.mark.skipif(not SPEC.exists(), reason=MISSING)
    def test_the_choices_are_the_vendors(self) -> None:
        """Of scores, and of what an own event name stands for."""
        schemas = specification()["components"]["schemas"]
        assert list(SOURCE_PLATFORMS) == schemas["SourcePlatformOptions"]["enum"]
        assert list(INGESTION_SOURCES) == schemas["IngestionSourceOptions"]["enum"]
        assert schemas["LookbackPeriodOptions"]["enum"] == ["1d", "14d"]
        operation = declared("GET", DEFINED) or {}
        items = operation["responses"]["200"]["content"]["application/json"]["schema"]["properties"]["items"]
        kind = items["items"]["properties"]["mapped_conversion_type"]
        assert list(CONVERSION_TYPES) == kind["anyOf"][0]["enum"]


class TestWhoMaySend:
    @pytest.mark.parametrize("role", [None, *ROLES])
    def test_five_roles_may(self, call: Client, role: str | None) -> None:
        """Owner, admin, analyst, audience and campaign managers."""
        call.sandbox.set_account(id=ACCOUNT, role=role)
        may = role in ("OWNER", "ADMIN", "ANALYST", "AUDIENCE_MANAGER", "CAMPAIGN_MANAGER")
        for token in (CONVERSION_TOKEN, TOKEN):
            answer = send(call, event(), token=token)
            assert (answer.status, answer.json().get("code")) == ((200, None) if may else (403, 29))

    def test_a_wrong_token_is_refused(self, call: Client) -> None:
        """Also an access token without ads:write, and one that has expired."""
        assert send(call, event(), token="pinc_wrong").json()["code"] == 2
        call.sandbox.add_token(token="reader", scopes=["ads:read"])
        refused = send(call, event(), token="reader")
        assert (refused.status, refused.json()["code"]) == (401, 3)
        call.sandbox.add_token(token="writer", scopes=["ads:write"])
        assert send(call, event(), token="writer").status == 200
        assert call.refused("POST", EVENTS, {"data": [event()]}, token=None) == (401, 2)

    def test_an_account_is_a_number_and_the_users(self, call: Client) -> None:
        """One that the token's user knows nothing of is not told from one that is not there."""
        body = {"data": [event()]}
        assert call.refused("POST", "/ad_accounts/five/events", body, token=CONVERSION_TOKEN) == (400, 1)
        assert call.refused("POST", "/ad_accounts/5/events", body, token=CONVERSION_TOKEN) == (403, 29)

    def test_a_conversion_token_is_made_of_an_access_token(self, call: Client) -> None:
        """With ads:write, for every account of its user, in its user's role; and it is shown nowhere."""
        call.sandbox.add_token(token="reader", scopes=["ads:read"])
        assert call.refused("POST", "/oauth/conversion_token", token="reader") == (401, 3)
        made = call("POST", "/oauth/conversion_token").json()
        assert made["token_type"] == "conversion"
        assert made["access_token"].startswith("pinc_")
        call.sandbox.set_account(id="5")
        assert send(call, event(), token=made["access_token"]).status == 200
        assert call("POST", "/ad_accounts/5/events", {"data": [event()]}, token=made["access_token"]).status == 200
        call.sandbox.add_token(token="limited", scopes=["ads:write"], role="FINANCE_VIEW")
        limited = call("POST", "/oauth/conversion_token", token="limited").json()["access_token"]
        assert send(call, event(), token=limited).status == 403
        assert not any(token in json.dumps(call.sandbox.requests()) for token in (made["access_token"], limited))

    @pytest.mark.parametrize("token", [CONVERSION_TOKEN, "minted", "ordered"])
    def test_a_conversion_token_is_for_events_only(self, call: Client, token: str) -> None:
        """Not even for reading scores, or for making another."""
        if token == "minted":
            token = call("POST", "/oauth/conversion_token").json()["access_token"]
        if token == "ordered":
            call.sandbox.add_token(token=token, scopes=["conversions"])
        assert send(call, event(), token=token).status == 200
        for method, path in (
            ("GET", "/user_account"), ("GET", "/ad_accounts"), ("GET", f"{SCORES}?lookback_period=1d"),
            ("GET", DEFINED), ("GET", f"/ad_accounts/{ACCOUNT}/ads"), ("POST", "/oauth/conversion_token"),
        ):  # fmt: skip
            assert call.refused(method, path, token=token) == (401, 3)

    def test_the_local_stack_has_one(self) -> None:
        """For its ad account; a token of its own, made anew."""
        accounts = VendorAccounts({})
        stored = accounts.secrets()["PinterestAppSecretArn"]["conversion_tokens"]
        assert stored == {AD_ACCOUNT: accounts.conversion_token}
        assert accounts.conversion_token not in (accounts.pinterest_token, VendorAccounts({}).conversion_token)


class TestVerdicts:
    @pytest.mark.parametrize(
        ("changes", "said"),
        [
            ({"event_time": int(time.time() * 1000)}, "event_time"),
            ({"event_time": int(time.time()) + 3600}, "event_time"),
            ({"event_time": 0}, "event_time"),
            ({"event_id": ""}, "event_id"),
            ({"event_name": ""}, "event_name"),
            ({"action_source": "Web"}, "action_source"),
            ({"user_data": {}}, "user_data"),
            ({"user_data": {"ph": [DIGEST]}}, "user_data"),
            ({"user_data": {"em": []}}, "user_data"),
            ({"user_data": {"client_ip_address": "203.0.113.5"}}, "user_data"),
            ({"user_data": {"client_ip_address": "203.0.113.5", "client_user_agent": ""}}, "user_data"),
        ],
    )
    def test_a_wrong_event_costs_only_itself(self, call: Client, changes: dict[str, Any], said: str) -> None:
        """In the order in which they came."""
        answer = send(call, event("first"), event(**changes), event("last"))
        assert answer.status == 200, answer.data
        body = answer.json()
        assert (body["num_events_received"], body["num_events_processed"]) == (3, 2)
        assert [one["status"] for one in body["events"]] == ["processed", "failed", "processed"]
        assert said in body["events"][1]["error_message"]
        assert [sent["event"]["event_id"] for sent in call.sandbox.events()] == ["first", "last"]

    @pytest.mark.parametrize(
        "user_data",
        [{"hashed_maids": [DIGEST]}, {"client_ip_address": "203.0.113.5", "client_user_agent": "Browser"}],
    )
    def test_there_are_three_ways_to_say_whose_it_is(self, call: Client, user_data: dict[str, Any]) -> None:
        """An e-mail address is one."""
        assert told(call, event(user_data=user_data)) == [RIGHT]

    def test_old_events_and_own_names_are_processed(self, call: Client) -> None:
        """Without a warning, as real answers had it; whether they are of use is not told."""
        old = event(event_time=int(time.time()) - 366 * 86_400)
        assert told(call, old, event("two", event_name="qualified_lead")) == [RIGHT, RIGHT]

    @pytest.mark.parametrize("name", event_rules.HASHED)
    def test_what_is_not_hashed_is_warned_of(self, call: Client, name: str) -> None:
        """And taken; the value is not repeated."""
        user_data = {"em": [DIGEST], name: [DIGEST, "ada@example.com"]}
        [verdict] = told(call, event(user_data=user_data))
        assert verdict == {**RIGHT, "warning_message": f"'{name}' is not in sha256 hashed format"}

    def test_a_thousand_events_are_told_of_one_by_one(self, call: Client) -> None:
        """Without taking long."""
        began = time.monotonic()
        verdicts = told(call, *(event(str(number), action_source="offline") for number in range(1000)))
        assert verdicts == [RIGHT] * 1000
        assert time.monotonic() - began < 2

    def test_a_test_is_answered_alike_and_not_recorded(self, call: Client) -> None:
        """It uses up no event_id either."""
        sent = (event(), event("two", action_source="Web"), event(user_data={"em": ["ada@example.com"]}))
        tested = told(call, *sent, query="?test=true")
        assert call.sandbox.events() == []
        assert [(one["test"], one["counted"]) for one in call.sandbox.events(test=True)] == [(True, 0)] * 2
        assert told(call, *sent, query="?test=false") == tested
        assert counted(call) == [1, 0]


class TestCounting:
    @pytest.mark.parametrize("source", ["web", "app_ios", "app_android"])
    def test_an_event_id_counts_once(self, call: Client, source: str) -> None:
        """In an account, in one call or in several."""
        told(call, event(action_source=source), event(action_source=source))
        told(call, event(action_source=source), event("two", action_source=source))
        call.sandbox.set_account(id="5")
        call("POST", "/ad_accounts/5/events", {"data": [event(action_source=source)]}, token=CONVERSION_TOKEN)
        assert [(one["account"], one["counted"]) for one in call.sandbox.events()] == [
            *((ACCOUNT, number) for number in (1, 0, 0, 1)),
            ("5", 1),
        ]

    def test_an_offline_event_counts_each_time(self, call: Client) -> None:
        """As Pinterest cannot tell that it was sent before."""
        for _ in range(2):
            told(call, event(action_source="offline"))
        assert counted(call) == [1, 1]

    def test_scores_tell_of_what_was_sent(self, call: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        """For each source, within the time looked back at; tests are not among it."""
        nobody = {"client_ip_address": "203.0.113.5", "client_user_agent": "Browser"}
        told(call, event(), event("two", user_data=nobody), event("three", action_source="offline"))
        told(call, event(action_source="app_ios"), query="?test=true")
        found = call("GET", f"{SCORES}?lookback_period=14d").json()
        assert [(one["source_platform"], one["overall_status"]) for one in found] == [
            ("OFFLINE", "GOOD"),
            ("WEB", "FAIR"),
        ]
        assert found[1]["quality_components"]["hashed_email"]["LEAD"]["coverage"] == 50
        chosen = f"{SCORES}?lookback_period=1d&source_platform=WEB&ingestion_source=CONVERSIONS_API"
        assert [one["source_platform"] for one in call("GET", chosen).json()] == ["WEB"]
        assert call("GET", f"{SCORES}?lookback_period=1d&ingestion_source=TAG").json() == []
        monkeypatch.setattr(call.sandbox.api.conversions, "clock", lambda: time.time() + 2 * 86_400)
        assert call("GET", f"{SCORES}?lookback_period=1d").json() == []
        for query in ("", "?lookback_period=7d", "?lookback_period=1d&source_platform=TV", "?lookback_period=1d&x=1"):
            assert call.refused("GET", SCORES + query) == (400, 1)

    def test_own_event_names_are_listed(self, call: Client) -> None:
        """By account, with the standard type that each stands for."""
        assert call("GET", DEFINED).json() == {"items": []}
        call.sandbox.define_event(ACCOUNT, "qualified_lead", "LEAD")
        order = {"account": ACCOUNT, "name": "visited"}
        assert call.admin("POST", "defined_events", order) == (201, {**order, "mapped_conversion_type": None})
        call.sandbox.define_event("5", "elsewhere")
        assert call("GET", DEFINED).json()["items"] == [
            {"name": "qualified_lead", "mapped_conversion_type": "LEAD"},
            {"name": "visited", "mapped_conversion_type": None},
        ]
        assert call.refused("GET", "/ad_accounts/6/advertiser_defined_events") == (403, 29)
        assert call.refused("GET", f"{DEFINED}?page_size=5") == (400, 1)


class TestFaults:
    def test_chosen_events_fail_so_often(self, call: Client) -> None:
        """By id or by name."""
        call.sandbox.add_event_fault(event_id="two", error_message="No.", times=1)
        first = told(call, event(), event("two"))
        assert [one["error_message"] for one in first] == ["", "No."]
        assert told(call, event("two")) == [RIGHT]
        call.sandbox.add_event_fault(event_name="lead", error_message="Never.")
        assert [one["status"] for one in told(call, event("a"), event("b", event_name="search"), event("c"))] == [
            *("failed", "processed", "failed")
        ]
        assert [fault["hits"] for fault in call.sandbox.event_faults()["faults"]] == [1, 2]

    def test_chosen_events_are_warned_of(self, call: Client) -> None:
        """And taken."""
        call.sandbox.add_event_fault(event_id="one", warning_message="'value' is odd")
        unhashed = event(user_data={"em": ["x"]})
        assert told(call, unhashed)[0]["warning_message"] == "'value' is odd, 'em' is not in sha256 hashed format"
        assert counted(call) == [1]

    @pytest.mark.parametrize(("others_taken", "kept"), [(False, []), (True, ["one", "three"])])
    def test_a_call_can_be_refused_without_a_word(self, call: Client, others_taken: bool, kept: list[str]) -> None:
        """As long as a chosen event is among its events."""
        call.sandbox.add_event_refusal(event_id="two", others_taken=others_taken)
        for _ in range(2):
            answer = send(call, event("one"), event("two"), event("three"))
            assert (answer.status, answer.json()["details"]) == (422, {})
            assert [sent["event"]["event_id"] for sent in call.sandbox.events()] == kept
            call.sandbox.forget_events()
        assert told(call, event("one"), event("three")) == [RIGHT, RIGHT]

    def test_a_call_can_be_refused_with_statuses(self, call: Client) -> None:
        """Only the chosen events have failed."""
        call.sandbox.add_event_refusal(event_id="two", details="statuses", times=1)
        answer = send(call, event("one"), event("two"), event("three"))
        details = answer.json()["details"]
        assert (answer.status, details["num_events_received"], details["num_events_processed"]) == (422, 3, 2)
        assert [one["status"] for one in details["events"]] == ["processed", "failed", "processed"]
        assert counted(call) == [1, 1]
        assert told(call, event("two")) == [RIGHT]

    def test_the_common_faults_strike_events_too(self, call: Client) -> None:
        """A limit leaves nothing behind; a connection that was cut off after the call has taken effect."""
        limit = {"status": 429, "body": {"code": 8, "message": "Slow."}, "headers": {"x-ratelimit-reset": "7"}}
        call.sandbox.add_fault(match={"path": f"/v5{EVENTS}"}, times=1, **limit)
        answer = send(call, event())
        assert (answer.status, answer.headers["x-ratelimit-reset"], counted(call)) == (429, "7", [])
        call.sandbox.add_fault(match={"contains": '"one"'}, times=1, drop_connection=True, after=True)
        with pytest.raises(urllib3.exceptions.HTTPError):
            send(call, event())
        assert counted(call) == [1]
        assert told(call, event()) == [RIGHT]
        assert counted(call) == [1, 0]

    def test_all_of_it_can_be_ordered_over_http(self, call: Client) -> None:
        """For a test in another program."""
        order = {"event_id": "two", "error_message": "No.", "times": 1}
        status, made = call.admin("POST", "event_faults", order)
        assert (status, made["error_message"], made["hits"]) == (201, "No.", 0)
        assert call.admin("POST", "event_refusals", {"event_name": "search", "details": "statuses"})[0] == 201
        assert [len(kind) for kind in call.admin("GET", "event_faults")[1].values()] == [1, 1]
        assert call.admin("DELETE", "event_faults") == (200, {"ok": True})
        assert call.admin("GET", "event_faults")[1] == {"faults": [], "refusals": []}
        told(call, event())
        told(call, event(), query="?test=true")
        assert call.admin("GET", "events")[1] == {"events": call.sandbox.events()}
        assert call.admin("GET", "events?test=true")[1] == {"events": call.sandbox.events(test=True)}
        assert call.admin("DELETE", "events") == (200, {"ok": True})
        assert call.admin("GET", "events")[1] == {"events": []}
        told(call, event())
        assert counted(call) == [1]

    @pytest.mark.parametrize(
        ("path", "body"),
        [
            ("event_faults", {"error_message": "No."}), ("event_faults", {"event_id": "one"}),
            ("event_faults", {"event_id": 5, "error_message": "No."}),
            ("event_faults", {"event_id": "one", "error_message": "No.", "times": 0}),
            ("event_faults", {"event_id": "one", "error_message": "No.", "details": "none"}),
            ("event_faults", {"event_id": "one", "error_message": 5}), ("event_refusals", {}),
            ("event_refusals", {"event_id": "one", "details": "some"}),
            ("event_refusals", {"event_id": "one", "others_taken": "no"}), ("defined_events", {"account": ACCOUNT}),
            ("defined_events", {"account": "five", "name": "x"}),
            ("defined_events", {"account": ACCOUNT, "name": "x", "mapped_conversion_type": "lead"}),
            ("apps", {"app_id": "1", "app_secret": "s", "scope": "conversions"}),
            ("tokens", {"scopes": ["conversion"]}),
        ],
    )  # fmt: skip
    def test_an_order_that_makes_no_sense_is_refused(self, call: Client, path: str, body: Any) -> None:
        """In one sentence."""
        status, answer = call.admin("POST", path, body)
        assert (status, set(answer)) == (400, {"error"})
        assert call.admin("GET", "events?test=maybe")[0] == 400

    def test_a_reset_forgets_it_all(self, call: Client) -> None:
        """Only the tokens of the start are left."""
        made = call("POST", "/oauth/conversion_token").json()["access_token"]
        told(call, event())
        told(call, event(), query="?test=true")
        call.sandbox.define_event(ACCOUNT, "qualified_lead")
        call.sandbox.add_event_fault(event_id="one", error_message="No.")
        call.sandbox.add_event_refusal(event_id="one")
        call.sandbox.reset()
        assert call.sandbox.events() + call.sandbox.events(test=True) == []
        assert call("GET", DEFINED).json() == {"items": []}
        assert send(call, event(), token=made).status == 401
        assert told(call, event()) == [RIGHT]
        assert counted(call) == [1]
