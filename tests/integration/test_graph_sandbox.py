"""The Graph sandbox over real sockets: it must be as strict as Graph, or it proves nothing of its callers."""

import hashlib
import hmac
import json
import select
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import urllib3

from infra.local.facebook_sender import CannotSend, add_leads
from infra.local.graph.examples import example_form, example_lead, form_of
from infra.local.graph_sandbox import GraphSandbox

ROOT = Path(__file__).resolve().parents[2]
PAGE, OTHER_PAGE = "104857600000001", "104857600000002"
TOKEN, OTHER_TOKEN = "EAAG-one", "EAAG-two"
APP_SECRET = "test_app_secret"
FORM, OTHER_FORM = form_of(PAGE), form_of(OTHER_PAGE)
NOON = 1_795_262_400  # 2026-11-21T12:00:00Z


def proof(token: str, secret: str = APP_SECRET) -> str:
    return hmac.new(secret.encode(), token.encode(), hashlib.sha256).hexdigest()


class Client:
    """A keep-alive client of one sandbox, which sends what a good client sends unless told otherwise."""

    def __init__(self, graph: GraphSandbox) -> None:
        self.graph = graph
        self.pool = urllib3.PoolManager(retries=False, timeout=5)

    def __call__(
        self, path: str, *, method: str = "GET", token: str | None = TOKEN, base: str = "", **query: Any
    ) -> urllib3.BaseHTTPResponse:
        sent = {"appsecret_proof": proof(token or ""), **query}
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        fields = {name: value for name, value in sent.items() if value is not None}
        url = (base or self.graph.url) + path
        return self.pool.request_encode_url(method, url, fields=fields, headers=headers)

    def found(self, path: str, **query: Any) -> Any:
        answer = self(path, **query)
        assert answer.status == 200, answer.data
        return answer.json()

    def order(self, method: str, what: str, body: Any = None, **headers: str) -> urllib3.BaseHTTPResponse:
        raw = None if body is None else json.dumps(body).encode()
        return self.pool.request(method, f"{self.graph.admin_url}/{what}", body=raw, headers=headers)


@pytest.fixture
def graph() -> Iterator[GraphSandbox]:
    pages = {PAGE: TOKEN, OTHER_PAGE: OTHER_TOKEN}
    with GraphSandbox(pages, app_secret=APP_SECRET, forms=[example_form(page) for page in pages]) as sandbox:
        yield sandbox


@pytest.fixture
def call(graph: GraphSandbox) -> Client:
    return Client(graph)


@pytest.fixture
def lead(graph: GraphSandbox) -> str:
    """The id of a lead on the first page's form."""
    return str(graph.add_lead(form=FORM, created_time=NOON, **example_lead())["id"])


def refusal(answer: urllib3.BaseHTTPResponse) -> tuple[int, int, int | None]:
    """Status, code and subcode, after a look at the shape of Graph's error object."""
    assert set(answer.json()) == {"error"}
    error = answer.json()["error"]
    assert error["message"]
    assert error["type"] in ("OAuthException", "GraphMethodException")
    assert error["fbtrace_id"]
    assert answer.headers["facebook-api-version"] == "v26.0"
    return answer.status, error["code"], error.get("error_subcode")


class TestWhoMayCall:
    def test_a_token_in_the_url_is_refused_even_beside_the_header(self, call: Client, lead: str) -> None:
        """Graph would take it; here it is a leak that must not go unseen."""
        answer = call(f"/{lead}", access_token=TOKEN)
        assert refusal(answer) == (400, 100, None)
        assert "access_token in the URL" in answer.json()["error"]["message"]

    def test_without_a_token_nothing_is_told(self, call: Client, lead: str) -> None:
        """An anonymous call is refused with 104."""
        assert refusal(call(f"/{lead}", token=None)) == (400, 104, None)

    def test_a_token_of_nobody_is_dead(self, call: Client, lead: str) -> None:
        """A token that never was is refused with 190 and no subcode."""
        answer = call(f"/{lead}", token="EAAG-three")
        assert refusal(answer) == (400, 190, None)
        assert "invalid_token" in answer.headers["WWW-Authenticate"]

    @pytest.mark.parametrize("given", [None, "", "00", proof(TOKEN, "another secret"), proof(OTHER_TOKEN), "é"])
    def test_the_proof_must_be_the_right_one(self, call: Client, lead: str, given: str | None) -> None:
        """HMAC-SHA256 of the token, keyed with the app secret: missing or wrong is refused with 100."""
        answer = call(f"/{lead}", appsecret_proof=given)
        assert refusal(answer) == (400, 100, None)
        assert "appsecret_proof" in answer.json()["error"]["message"]

    @pytest.mark.parametrize("path", [f"/{FORM}", f"/{FORM}/leads", f"/{PAGE}/leadgen_forms", f"/{PAGE}"])
    def test_a_token_sees_its_own_page_only(self, call: Client, path: str, lead: str) -> None:
        """Another page's objects look like none at all: 100 with subcode 33."""
        for hidden in (path, f"/{lead}"):
            assert refusal(call(hidden, token=OTHER_TOKEN)) == (400, 100, 33)
            assert call(hidden).status == 200

    def test_a_replaced_token_is_dead_at_once(self, graph: GraphSandbox, call: Client, lead: str) -> None:
        """The former token is answered 190/460, the present one works; other pages notice nothing."""
        assert call.order("POST", "tokens", {"page": PAGE, "token": "EAAG-fresh"}).status == 200
        assert refusal(call(f"/{lead}")) == (400, 190, 460)
        assert call(f"/{lead}", token="EAAG-fresh").status == 200
        assert call(f"/{OTHER_FORM}", token=OTHER_TOKEN).status == 200
        graph.reset()
        assert call(f"/{FORM}").status == 200

    def test_the_app_secret_can_be_replaced(self, graph: GraphSandbox, call: Client, lead: str) -> None:
        """Proofs of the former one hold no more; a reset brings it back."""
        assert call.order("POST", "app_secret", {"app_secret": "another"}).status == 200
        assert refusal(call(f"/{lead}")) == (400, 100, None)
        assert call(f"/{lead}", appsecret_proof=proof(TOKEN, "another")).status == 200
        graph.reset()
        assert call(f"/{FORM}").status == 200


class TestWhatThereIs:
    @pytest.mark.parametrize("version", ["v1.0", "v25.0", "v99.0", ""])
    def test_another_version_or_none_is_refused(self, call: Client, lead: str, version: str) -> None:
        """Without a version Graph takes the oldest one alive, which no caller may rely on: 2500."""
        base = call.graph.url.removesuffix("/v26.0") + (f"/{version}" if version else "")
        assert refusal(call(f"/{lead}", base=base)) == (400, 2500, None)

    @pytest.mark.parametrize("path", ["", "/", f"/{FORM}/leads/1"])
    def test_a_path_that_leads_nowhere_is_refused(self, call: Client, path: str) -> None:
        """2500: unknown path components."""
        assert refusal(call(path)) == (400, 2500, None)

    @pytest.mark.parametrize("path", [f"/{FORM}/insights", f"/{PAGE}/feed", f"/{PAGE}/leads"])
    def test_an_edge_that_is_not_there_is_refused(self, call: Client, path: str) -> None:
        """A known object without such an edge: 100."""
        assert refusal(call(path)) == (400, 100, None)

    @pytest.mark.parametrize("path", ["/999", "/act_1", "/leads"])
    def test_an_unknown_object_is_not_visible(self, call: Client, path: str) -> None:
        """100 with subcode 33, as for one that the token may not see."""
        assert refusal(call(path)) == (400, 100, 33)

    @pytest.mark.parametrize(
        ("method", "path"), [("POST", f"/{FORM}"), ("PUT", f"/{PAGE}"), ("POST", f"/{FORM}/leads")]
    )
    def test_nothing_is_written(self, call: Client, method: str, path: str) -> None:
        """Test leads are all that can be made."""
        assert refusal(call(path, method=method)) == (400, 100, 33)

    def test_a_misspelt_parameter_is_refused(self, call: Client, lead: str) -> None:
        """Graph would pass over it, and the caller would never know."""
        assert refusal(call(f"/{lead}", field="id")) == (400, 100, None)
        assert refusal(call(f"/{FORM}/leads", filter="[]")) == (400, 100, None)


class TestFields:
    def test_only_the_default_fields_come_unasked(self, call: Client, lead: str) -> None:
        """No campaign, no consent, no platform unless they are named."""
        found = call.found(f"/{lead}")
        assert set(found) == {"id", "created_time", "ad_id", "form_id", "field_data"}
        assert found["created_time"] == "2026-11-21T12:00:00+0000"
        assert found["field_data"][0] == {"name": "email", "values": ["zoe@example.com"]}
        assert set(call.found(f"/{FORM}")) == {"id", "name", "locale", "status"}

    def test_named_fields_come_with_the_id(self, call: Client, lead: str) -> None:
        """What was asked for, the id, and nothing else."""
        found = call.found(f"/{lead}", fields="campaign_name,platform,is_organic,custom_disclaimer_responses")
        assert found == {
            "id": lead,
            "campaign_name": "Spring campaign",
            "platform": "fb",
            "is_organic": False,
            "custom_disclaimer_responses": [
                {"checkbox_key": "sms_consent", "is_checked": "1"},
                {"checkbox_key": "newsletter", "is_checked": ""},
            ],
        }

    def test_what_a_lead_does_not_have_stays_away(self, graph: GraphSandbox, call: Client) -> None:
        """An organic lead has no ad, and no null in its place."""
        organic = graph.add_lead(form=FORM, field_data=[])
        found = call.found(f"/{organic['id']}", fields="ad_id,ad_name,is_organic")
        assert found == {"id": organic["id"], "is_organic": True}

    def test_a_form_tells_its_questions_and_counts(self, call: Client, lead: str) -> None:
        """Questions with options by key, consents with their texts, and how many leads there are."""
        found = call.found(f"/{FORM}", fields="name,questions,legal_content{custom_disclaimer},leads_count,page{id}")
        assert found["name"] == "Kitchen advice"
        assert [question["type"] for question in found["questions"]].count("CUSTOM") == 2
        assert found["questions"][4]["options"][1] == {"key": "k2", "value": "$10,000 to $25,000"}
        assert set(found["legal_content"]) == {"id", "custom_disclaimer"}
        boxes = found["legal_content"]["custom_disclaimer"]["checkboxes"]
        assert [box["key"] for box in boxes] == ["sms_consent", "newsletter"]
        assert all(box["text"] for box in boxes)
        assert found["leads_count"] == 1
        assert found["page"] == {"id": PAGE}

    def test_braces_choose_within(self, call: Client) -> None:
        """Fields of fields, to any depth there is."""
        found = call.found(
            f"/{FORM}", fields="questions{key,options{value}}, legal_content{custom_disclaimer{checkboxes{key}}}"
        )
        assert found["questions"][0] == {"id": "1201", "key": "email"}
        assert found["questions"][4]["options"][0] == {"value": "Under $10,000"}
        boxes = found["legal_content"]["custom_disclaimer"]["checkboxes"]
        assert boxes[0] == {"id": "1301", "key": "sms_consent"}

    @pytest.mark.parametrize("fields", ["id,answers", "adgroup_id", "field_data{value}", "id{x}", "page_id"])
    def test_an_unknown_field_is_refused(self, call: Client, lead: str, fields: str) -> None:
        """100 names the field."""
        answer = call(f"/{lead}", fields=fields)
        assert refusal(answer) == (400, 100, None)
        assert "nonexisting field" in answer.json()["error"]["message"]

    @pytest.mark.parametrize("fields", ["", "id,", "id,,name", "page{", "page{}", "id}", "leads.limit(5)"])
    def test_a_list_of_fields_that_is_none_is_refused(self, call: Client, fields: str) -> None:
        """2500: a syntax error."""
        assert refusal(call(f"/{FORM}", fields=fields)) == (400, 2500, None)


class TestLists:
    def all_ids(self, call: Client, **query: str) -> list[list[str]]:
        """The ids of every page, by the cursors."""
        pages, after = [], None
        while True:
            found = call.found(f"/{FORM}/leads", after=after, **query)
            pages.append([lead["id"] for lead in found["data"]])
            if "next" not in found.get("paging", {}):
                return pages
            after = found["paging"]["cursors"]["after"]

    def test_cursors_lead_through_all_leads_newest_first(self, graph: GraphSandbox, call: Client) -> None:
        """25 a page unless asked, each lead once, and no `next` on the last page."""
        made = graph.add_leads([{"form": FORM, "created_time": NOON + number // 3} for number in range(60)])
        newest_first = [lead["id"] for lead in reversed(made)]
        pages = self.all_ids(call)
        assert [len(page) for page in pages] == [25, 25, 10]
        assert [found for page in pages for found in page] == newest_first
        assert self.all_ids(call, limit="60") == [newest_first]

    def test_a_lead_that_comes_in_between_moves_no_other(self, graph: GraphSandbox, call: Client) -> None:
        """Cursors stand between leads, not at numbers."""
        made = graph.add_leads([{"form": FORM, "created_time": NOON} for _ in range(4)])
        first = call.found(f"/{FORM}/leads", limit="2")
        graph.add_lead(form=FORM, created_time=NOON + 1)
        second = call.found(f"/{FORM}/leads", limit="2", after=first["paging"]["cursors"]["after"])
        assert [lead["id"] for lead in first["data"] + second["data"]] == [lead["id"] for lead in reversed(made)]

    def test_an_empty_list_has_no_paging(self, call: Client) -> None:
        """No cursors where there is nothing to point at."""
        assert call.found(f"/{FORM}/leads") == {"data": []}

    def test_following_next_as_an_address_is_caught(self, graph: GraphSandbox, call: Client) -> None:
        """Graph puts the token into it; whoever follows it sends the token in a URL."""
        graph.add_leads([{"form": FORM}] * 2)
        following = call.found(f"/{FORM}/leads", limit="1")["paging"]["next"]
        assert parse_qs(urlsplit(following).query)["access_token"] == [TOKEN]
        answer = call.pool.request("GET", following)
        assert "access_token in the URL" in answer.json()["error"]["message"]

    @pytest.mark.parametrize("edge", [f"{FORM}/leads", f"{PAGE}/leadgen_forms"])
    def test_a_page_too_large_fails_as_graph_fails(self, call: Client, edge: str) -> None:
        """Up to 100; more is HTTP 500 with code 1."""
        assert call(f"/{edge}", limit="100").status == 200
        assert refusal(call(f"/{edge}", limit="101")) == (500, 1, None)

    @pytest.mark.parametrize("query", [{"limit": "0"}, {"limit": "-1"}, {"limit": "x"}, {"after": "x"}, {"after": "é"}])
    def test_a_limit_or_cursor_that_is_none_is_refused(self, call: Client, query: dict[str, str]) -> None:
        """100 for both."""
        assert refusal(call(f"/{FORM}/leads", **query)) == (400, 100, None)

    @pytest.mark.parametrize(
        ("rules", "seconds"),
        [
            ([("GREATER_THAN", 1)], [2, 3]),
            ([("GREATER_THAN_OR_EQUAL", 1)], [1, 2, 3]),
            ([("LESS_THAN", 2)], [0, 1]),
            ([("GREATER_THAN_OR_EQUAL", 1), ("LESS_THAN", 3)], [1, 2]),
            ([], [0, 1, 2, 3]),
        ],
    )
    def test_leads_are_filtered_by_their_time(
        self, graph: GraphSandbox, call: Client, rules: list[tuple[str, int]], seconds: list[int]
    ) -> None:
        """Every rule must hold."""
        made = graph.add_leads([{"form": FORM, "created_time": NOON + second} for second in range(4)])
        filtering = [{"field": "time_created", "operator": name, "value": NOON + at} for name, at in rules]
        [found] = self.all_ids(call, filtering=json.dumps(filtering))
        assert found == [made[second]["id"] for second in reversed(seconds)]

    @pytest.mark.parametrize(
        "filtering",
        [
            "time_created",
            "{}x",
            "[1]",
            '[{"field":"created_time","operator":"LESS_THAN","value":1}]',
            '[{"field":"time_created","operator":"EQUAL","value":1}]',
            '[{"field":"time_created","operator":"LESS_THAN","value":"soon"}]',
            '[{"field":"time_created","operator":"LESS_THAN"}]',
        ],
    )
    def test_a_filter_that_graph_would_not_take_is_refused(self, call: Client, filtering: str) -> None:
        """Only the time can be filtered, in three ways."""
        assert refusal(call(f"/{FORM}/leads", filtering=filtering)) == (400, 100, None)

    def test_a_page_lists_its_own_forms_of_every_status(self, graph: GraphSandbox, call: Client) -> None:
        """Archived forms, too; another page's never."""
        graph.add_form(page=PAGE, id="77", name="Old", status="ARCHIVED")
        found = call.found(f"/{PAGE}/leadgen_forms", fields="id,status")["data"]
        assert found == [{"id": "77", "status": "ARCHIVED"}, {"id": FORM, "status": "ACTIVE"}]
        assert len(call.found(f"/{PAGE}/leadgen_forms", limit="1")["data"]) == 1

    def test_a_page_tells_which_app_is_subscribed(self, graph: GraphSandbox, call: Client) -> None:
        """To leads from the start; an empty list once it is not."""
        [app] = call.found(f"/{PAGE}/subscribed_apps")["data"]
        assert app["subscribed_fields"] == ["leadgen"]
        assert call.order("POST", "subscriptions", {"page": PAGE, "fields": []}).status == 200
        assert call.found(f"/{PAGE}/subscribed_apps") == {"data": []}


class TestTestLeads:
    def test_a_form_has_one_test_lead_at_a_time(self, call: Client) -> None:
        """Made with dummy data, read like any other, not listed among the real ones, made anew once deleted."""
        made = call(f"/{FORM}/test_leads", method="POST").json()["id"]
        values = {one["name"]: one["values"] for one in call.found(f"/{made}")["field_data"]}
        assert values["full_name"] == ["<test lead: dummy data for full_name>"]
        assert call.found(f"/{made}", fields="is_organic,ad_id") == {"id": made, "is_organic": True}
        assert refusal(call(f"/{FORM}/test_leads", method="POST")) == (400, 100, None)
        assert [lead["id"] for lead in call.found(f"/{FORM}/test_leads")["data"]] == [made]
        assert call.found(f"/{FORM}/leads") == {"data": []}
        assert call.found(f"/{FORM}", fields="leads_count")["leads_count"] == 0
        assert call(f"/{made}", method="DELETE").json() == {"success": True}
        answers = json.dumps([{"name": "email", "values": ["zoe@example.com"]}])
        again = call(f"/{FORM}/test_leads", method="POST", field_data=answers).json()["id"]
        assert call.found(f"/{again}")["field_data"][0]["values"] == ["zoe@example.com"]

    def test_answers_may_come_in_a_json_body(self, call: Client) -> None:
        """Graph does not tell parameters in the query from parameters in the body, a token in it included."""
        url = f"{call.graph.url}/{FORM}/test_leads"
        headers = {"Authorization": f"Bearer {TOKEN}"}
        body: dict[str, Any] = {"field_data": [], "appsecret_proof": proof(TOKEN)}
        leak = call.pool.request("POST", url, json={**body, "access_token": TOKEN}, headers=headers)
        assert refusal(leak) == (400, 100, None)
        assert call.pool.request("POST", url, json=body, headers=headers).status == 200

    def test_a_real_lead_cannot_be_deleted(self, call: Client, lead: str) -> None:
        """Only test leads can."""
        assert refusal(call(f"/{lead}", method="DELETE")) == (400, 100, None)


class TestUsage:
    def usage(self, answer: urllib3.BaseHTTPResponse) -> tuple[dict[str, int], dict[str, Any]]:
        """The app's usage, and that of leads."""
        [of_business] = json.loads(answer.headers["X-Business-Use-Case-Usage"]).items()
        assert of_business[0] != PAGE, "the key is a business, not a page"
        return json.loads(answer.headers["X-App-Usage"]), next(it for it in of_business[1] if it["type"] == "leadgen")

    def test_every_answer_tells_the_usage(self, call: Client, lead: str) -> None:
        """As ordered for that page and for the app; 0 where nothing was ordered."""
        assert self.usage(call(f"/{lead}"))[1]["call_count"] == 0
        order = {"page": PAGE, "call_count": 85, "estimated_time_to_regain_access": 0, "app": {"total_time": 12}}
        assert call.order("POST", "usage", order).status == 200
        app, leads = self.usage(call(f"/{lead}"))
        assert app == {"call_count": 0, "total_cputime": 0, "total_time": 12}
        assert leads["call_count"] == 85
        assert self.usage(call(f"/{OTHER_FORM}", token=OTHER_TOKEN))[1]["call_count"] == 0
        assert "X-App-Usage" in call("/1").headers

    def test_a_used_up_page_is_throttled_with_400(self, call: Client, lead: str) -> None:
        """80005 without a Retry-After; how long it lasts stands in the usage header, in minutes."""
        call.order("POST", "usage", {"page": PAGE, "call_count": 100, "estimated_time_to_regain_access": 17})
        answer = call(f"/{lead}")
        assert refusal(answer) == (400, 80005, None)
        assert "Retry-After" not in answer.headers
        assert self.usage(answer)[1]["estimated_time_to_regain_access"] == 17
        assert call(f"/{OTHER_FORM}", token=OTHER_TOKEN).status == 200

    def test_a_used_up_app_is_throttled_on_every_page(self, call: Client) -> None:
        """Code 4."""
        call.order("POST", "usage", {"app": {"call_count": 100}})
        assert refusal(call(f"/{OTHER_FORM}", token=OTHER_TOKEN)) == (400, 4, None)

    @pytest.mark.parametrize(
        "order", [{"call_count": 1}, {"page": PAGE, "calls": 1}, {"page": PAGE, "call_count": "1"}, {"app": 1}, []]
    )
    def test_a_usage_that_makes_no_sense_is_refused(self, call: Client, order: Any) -> None:
        """400 with one sentence."""
        answer = call.order("POST", "usage", order)
        assert answer.status == 400
        assert answer.json()["error"]


class TestFaults:
    def test_a_lead_can_be_throttled_once(self, call: Client, lead: str) -> None:
        """400 with the code, and minutes to wait; then it is read."""
        order = {"lead": lead, "code": 80005, "times": 1, "regain_minutes": 3}
        assert call.order("POST", "faults", order).status == 201
        answer = call(f"/{lead}")
        assert refusal(answer) == (400, 80005, None)
        assert '"estimated_time_to_regain_access": 3' in answer.headers["X-Business-Use-Case-Usage"]
        assert call(f"/{lead}").status == 200
        [fault] = call.order("GET", "faults").json()["faults"]
        assert fault["hits"] == 1
        assert fault["lead"] == lead

    def test_a_lead_can_stay_invisible(self, graph: GraphSandbox, call: Client, lead: str) -> None:
        """Without `times` until it is cleared; the other leads are read."""
        graph.add_fault(lead=lead, code=100, subcode=33)
        other = graph.add_lead(form=FORM)["id"]
        assert [refusal(call(f"/{lead}")) for _ in range(3)] == [(400, 100, 33)] * 3
        assert call(f"/{other}").status == 200
        assert call.order("DELETE", "faults").status == 200
        assert call(f"/{lead}").status == 200

    def test_a_pages_token_can_die(self, graph: GraphSandbox, call: Client, lead: str) -> None:
        """Every call of that page, and no other's."""
        graph.add_fault(page=PAGE, code=190, subcode=460)
        assert refusal(call(f"/{lead}")) == (400, 190, 460)
        assert refusal(call(f"/{PAGE}/leadgen_forms")) == (400, 190, 460)
        assert call(f"/{OTHER_FORM}", token=OTHER_TOKEN).status == 200

    def test_a_form_or_an_operation_can_fail(self, graph: GraphSandbox, call: Client, lead: str) -> None:
        """The form and what hangs on it, or one kind of call on all of them."""
        graph.add_fault(form=FORM, code=2)
        assert refusal(call(f"/{FORM}")) == (500, 2, None)
        assert refusal(call(f"/{FORM}/leads")) == (500, 2, None)
        graph.clear_faults()
        graph.add_fault(operation="leads", status=503, body={"message": "no JSON of Graph's"}, headers={"X-A": "b"})
        answer = call(f"/{FORM}/leads")
        assert (answer.status, answer.json(), answer.headers["X-A"]) == (503, {"message": "no JSON of Graph's"}, "b")
        assert call(f"/{FORM}").status == 200
        assert call(f"/{lead}").status == 200

    def test_a_connection_can_be_dropped_or_an_answer_late(self, graph: GraphSandbox, call: Client, lead: str) -> None:
        """As on every sandbox."""
        graph.add_fault(lead=lead, drop_connection=True, times=1)
        graph.add_fault(match={"path": f"/v26.0/{lead}"}, delay_seconds=0.05, times=1)
        with pytest.raises(urllib3.exceptions.ProtocolError):
            call(f"/{lead}")
        began = time.monotonic()
        assert call(f"/{lead}").status == 200
        assert time.monotonic() - began >= 0.05
        assert [request["status"] for request in graph.requests()] == [None, 200]

    def test_faults_may_strike_at_random_and_come_many_at_once(self, graph: GraphSandbox, call: Client) -> None:
        """Some of the calls, the same ones for the same seed."""
        orders = {"faults": [{"operation": "form", "code": 80005, "probability": 0.5}]}
        assert len(call.order("POST", "faults", orders).json()["faults"]) == 1
        statuses = [call(f"/{FORM}").status for _ in range(40)]
        assert 5 < statuses.count(400) < 35

    @pytest.mark.parametrize(
        "order",
        [
            {"operation": "leeds", "code": 1},
            {"code": "80005"},
            {"subcode": 33},
            {"lead": "1", "regain_minutes": True},
            {"lead": "1", "often": 3},
            {"faults": [1]},
            [],
        ],
    )
    def test_a_fault_that_makes_no_sense_is_refused(self, graph: GraphSandbox, call: Client, order: Any) -> None:
        """400 with one sentence, and nothing is ordered."""
        answer = call.order("POST", "faults", order)
        assert answer.status == 400
        assert answer.json()["error"]
        assert graph.faults() == []


class TestAdministration:
    def test_requests_show_the_way_but_never_the_key(self, graph: GraphSandbox, call: Client, lead: str) -> None:
        """Path, query, page and outcome; tokens and proofs are masked wherever they stand."""
        call(f"/{lead}", fields="id")
        call(f"/{lead}", access_token=TOKEN)
        call(f"/{TOKEN}", note=TOKEN)
        requests = call.order("GET", "requests").json()["requests"]
        assert [(one["method"], one["status"], one["page"]) for one in requests] == [
            ("GET", 200, PAGE),
            ("GET", 400, PAGE),
            ("GET", 400, PAGE),
        ]
        assert requests[0]["path"] == f"/v26.0/{lead}"
        assert requests[0]["operation"] == "lead"
        assert requests[0]["query"] == {"fields": "id", "appsecret_proof": "***"}
        assert requests[0]["headers"]["authorization"] == "***"
        assert requests[1]["query"]["access_token"] == "***"
        assert TOKEN not in json.dumps(requests)
        assert proof(TOKEN) not in json.dumps(requests)
        call.order("DELETE", "requests")
        assert graph.requests() == []

    def test_forms_and_leads_are_made_over_http(self, call: Client) -> None:
        """One by one or many at once; the answer is the object with its id, and the page that a webhook names."""
        assert call.order("POST", "forms", {"page": PAGE, "id": "77", "name": "Small"}).status == 201
        one = call.order("POST", "leads", {"form": "77", "id": 555, "created_time": "2026-11-21T08:49:14+0000"})
        assert one.status == 201
        assert (one.json()["id"], one.json()["page_id"], one.json()["form_id"]) == ("555", PAGE, "77")
        many = call.order("POST", "leads", {"leads": [{"form": "77"}] * 3}).json()["leads"]
        ids = {lead["id"] for lead in many}
        assert len(ids) == 3
        assert all(15 <= len(text) <= 17 and text.isdigit() for text in ids)
        assert call.found("/555")["created_time"] == "2026-11-21T08:49:14+0000"
        assert len(call.order("GET", "leads").json()["leads"]) == 4
        assert {form["id"] for form in call.order("GET", "forms").json()["forms"]} == {FORM, OTHER_FORM, "77"}

    def test_a_form_put_again_keeps_its_leads(self, graph: GraphSandbox, call: Client, lead: str) -> None:
        """So that a form can gain or rename a question while leads wait."""
        graph.add_form(**{**example_form(PAGE), "questions": [], "status": "ARCHIVED"})
        assert call.found(f"/{FORM}", fields="questions,leads_count,status") == {
            "id": FORM,
            "questions": [],
            "leads_count": 1,
            "status": "ARCHIVED",
        }
        assert call.found(f"/{lead}", fields="form_id")["form_id"] == FORM

    @pytest.mark.parametrize(
        ("what", "order"),
        [
            ("forms", {"page": "5"}),
            ("forms", {"page": PAGE, "id": OTHER_FORM}),
            ("forms", {"page": PAGE, "status": "OPEN"}),
            ("forms", {"id": "77"}),
            ("forms", {"page": PAGE, "colour": "red"}),
            ("leads", {"form": "5"}),
            ("leads", {"form": FORM, "id": "abc"}),
            ("leads", {"form": FORM, "id": FORM}),
            ("leads", {"form": FORM, "created_time": "noon"}),
            ("leads", {"form": FORM, "fields": []}),
            ("leads", {"leads": [1]}),
            ("leads", []),
            ("tokens", {"page": PAGE}),
            ("tokens", {"page": PAGE, "token": OTHER_TOKEN}),
            ("subscriptions", {"page": "5", "fields": []}),
        ],
    )
    def test_an_order_that_makes_no_sense_is_refused(self, call: Client, what: str, order: Any) -> None:
        """400 with one sentence."""
        answer = call.order("POST", what, order)
        assert answer.status == 400
        assert answer.json()["error"]

    def test_a_reset_goes_back_to_the_start(self, graph: GraphSandbox, call: Client, lead: str) -> None:
        """The forms of the start are there, nothing else is."""
        graph.add_fault(lead=lead, code=1)
        graph.set_usage(page=PAGE, call_count=100)
        graph.replace_token("5", "EAAG-five")
        assert call.order("POST", "reset").status == 200
        assert (graph.leads(), graph.faults(), graph.requests()) == ([], [], [])
        assert [form["id"] for form in graph.forms()] == [FORM, OTHER_FORM]
        assert refusal(call("/5", token="EAAG-five")) == (400, 190, None)
        assert call(f"/{FORM}").status == 200

    def test_a_foreign_host_name_administers_nothing(self, call: Client) -> None:
        """A web page that pointed its own name at loopback must not read the leads."""
        assert call.order("GET", "leads", Host="evil.example:80").status == 403
        assert call.order("PUT", "leads").status == 404

    def test_it_listens_on_loopback_only(self, graph: GraphSandbox) -> None:
        """Nobody else on the network can reach it."""
        assert urlsplit(graph.url).hostname == "127.0.0.1"
        assert graph._server.server_address[0] == "127.0.0.1"


class TestSenderAndSandbox:
    def test_the_sender_fills_the_sandbox(self, graph: GraphSandbox, call: Client) -> None:
        """Leads on the page's example form, readable with the page's token."""
        made = add_leads(graph.url, [example_lead(1), example_lead(2)], OTHER_PAGE)
        assert [lead["page_id"] for lead in made] == [OTHER_PAGE] * 2
        found = call.found(f"/{made[1]['id']}", token=OTHER_TOKEN)
        assert found["field_data"][0]["values"] == ["zoe+2@example.com"]

    def test_the_sender_makes_the_form_where_it_is_missing(self, graph: GraphSandbox) -> None:
        """And says so when there is no such page."""
        graph.replace_token("5", "EAAG-five")
        assert add_leads(graph.url, [example_lead()], "5")[0]["form_id"] == form_of("5")
        with pytest.raises(CannotSend, match="no page 6"):
            add_leads(graph.url, [example_lead()], "6")


class TestProgram:
    def test_it_says_where_it_listens_and_has_the_example_form(self) -> None:
        """First line: the address with the version. SIGTERM ends it."""
        with _program("--page", f"{PAGE}={TOKEN}", "--app-secret", APP_SECRET) as program:
            assert program.stdout is not None
            ready, _, _ = select.select([program.stdout], [], [], 10)
            line = program.stdout.readline() if ready else ""
            assert line.startswith("listening on http://127.0.0.1:")
            url = line.removeprefix("listening on ").strip()
            assert url.endswith("/v26.0")
            headers: Mapping[str, str] = {"Authorization": f"Bearer {TOKEN}"}
            address = f"{url}/{FORM}?appsecret_proof={proof(TOKEN)}"
            answer = urllib3.request("GET", address, headers=headers, retries=False)
            assert answer.json()["name"] == "Kitchen advice"
            program.terminate()
            assert program.wait(5) == 0

    def test_a_page_without_a_token_is_refused(self) -> None:
        """2, with a word on what to write."""
        with _program("--page", PAGE, "--app-secret", "s") as program:
            _, errors = program.communicate(timeout=10)
            assert program.returncode == 2
            assert "PAGE=TOKEN" in errors


def _program(*arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "infra.local.graph_sandbox", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
