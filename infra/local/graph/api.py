"""Graph's own answers: who may call, what of lead ads it offers, and the shape of what it says."""

import hashlib
import hmac
import json
import threading
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl

from infra.local.graph import paging
from infra.local.graph.directory import Directory, Form, Lead, Page
from infra.local.graph.fields import shown
from infra.local.graph.refusals import Refused, not_visible
from infra.local.graph.usage import Usage
from infra.local.sandbox.web import Answer, Call

_LIST_KEYS = frozenset({"fields", "limit", "after"})
_TEST_LEAD_KEYS = frozenset({"field_data", "custom_disclaimer_responses"})
_DUMMY_EMAIL = "test@example.com"


class GraphApi:
    """One version of Graph for one app. Callers hold `lock` while they touch `directory` or `usage`."""

    def __init__(self, tokens: Mapping[str, str], app_secret: str, app_id: str, version: str) -> None:
        self.directory = Directory(tokens)
        self.usage = Usage()
        self.lock = threading.RLock()
        self.version = version
        self.base_url = ""
        self._tokens = dict(tokens)
        self._first_app_secret = app_secret
        self.app_secret = app_secret
        self._app_id = app_id
        self._edges: dict[tuple[str, str, str], Callable[[Call, Page, str, dict[str, str]], Any]] = {
            ("GET", "lead", ""): self._read_lead,
            ("DELETE", "lead", ""): self._delete_lead,
            ("GET", "form", ""): self._read_form,
            ("GET", "page", ""): self._read_page,
            ("GET", "page", "leadgen_forms"): self._list_forms,
            ("GET", "page", "subscribed_apps"): self._subscribed_apps,
            ("GET", "form", "leads"): self._list_leads,
            ("GET", "form", "test_leads"): self._list_test_leads,
            ("POST", "form", "test_leads"): self._make_test_lead,
        }

    def answer(self, call: Call) -> Answer:
        with self.lock:
            try:
                answer = Answer(200, self._result(call))
            except Refused as refused:
                answer = Answer(refused.status, refused.body())
            return self.dressed(answer, self.page_of(call))

    def dressed(self, answer: Answer, page: str | None, regain_minutes: float | None = None) -> Answer:
        """The answer with the headers that every one of them has; what an ordered fault says itself stands."""
        headers = {"facebook-api-version": self.version}
        if page is not None:
            headers |= self.usage.headers(page, regain_minutes)
        if isinstance(answer.body, dict) and isinstance(error := answer.body.get("error"), dict):
            headers["x-fb-trace-id"] = str(error.get("fbtrace_id", ""))
            if error.get("code") == 190:
                headers["WWW-Authenticate"] = 'OAuth "Facebook Platform" "invalid_token"'
        return Answer(answer.status, answer.body, {**headers, **answer.headers}, answer.drop)

    def forget(self) -> None:
        """Back to the pages, tokens and app secret of the beginning, with no form, no lead and no usage."""
        self.app_secret = self._first_app_secret
        self.directory = Directory(self._tokens)
        self.usage = Usage()

    def page_of(self, call: Call) -> str | None:
        """The page whose token the call carries."""
        page = self.directory.page_of_token(call.token)
        return page.id if page else None

    def operation(self, call: Call) -> str:
        """The edge's name, or the kind of the node; "" for what is not there."""
        _, node, edge = [*call.parts, "", "", ""][:3]
        return edge or self._kind(node)

    def _result(self, call: Call) -> Any:
        parameters = _parameters(call)
        if "access_token" in parameters:
            raise Refused(100, "access_token in the URL or body: send it in the Authorization header only.")
        if call.parts[0] != self.version or not 2 <= len(call.parts) <= 3:
            raise Refused(2500, f"Unknown path components: {call.path}")
        page = self._caller(call, parameters)
        if code := self.usage.throttles(page.id):
            raise Refused(code)
        node, edge = [*call.parts[1:], ""][:2]
        kind = self._kind(node)
        if not kind or self._owner(kind, node) != page.id:
            raise not_visible(node, call.method)
        answer = self._edges.get((call.method, kind, edge))
        if answer is None and call.method == "GET":
            raise Refused(100, f"(#100) Tried accessing nonexisting field ({edge}) on node type ({kind})")
        if answer is None:
            raise not_visible(node, call.method)
        return answer(call, page, node, {name: text for name, text in parameters.items() if name != "appsecret_proof"})

    def _caller(self, call: Call, parameters: Mapping[str, str]) -> Page:
        token = call.token
        if not token:
            raise Refused(104)
        if token in self.directory.dead_tokens:
            raise Refused(190, subcode=460)
        page = self.directory.page_of_token(token)
        if page is None:
            raise Refused(190)
        proof = parameters.get("appsecret_proof")
        if proof is None:
            raise Refused(100, "API calls from the server require an appsecret_proof argument")
        expected = hmac.new(self.app_secret.encode(), token.encode(), hashlib.sha256).hexdigest()
        if not hmac.compare_digest(proof.encode(), expected.encode()):
            raise Refused(100, "Invalid appsecret_proof provided in the API argument")
        return page

    def _kind(self, node: str) -> str:
        if node in self.directory.pages:
            return "page"
        if node in self.directory.forms:
            return "form"
        return "lead" if self.directory.form_of_lead(node) else ""

    def _owner(self, kind: str, node: str) -> str:
        if kind == "page":
            return node
        form = self.directory.forms.get(node) or self.directory.form_of_lead(node)
        return form.page if form else ""

    def _lead(self, node: str) -> Lead:
        form = self.directory.form_of_lead(node)
        assert form is not None
        return form.leads[node]

    def _read_lead(self, _call: Call, _page: Page, node: str, query: dict[str, str]) -> Any:
        _only({"fields"}, query)
        return shown("lead", self._lead(node).node, query.get("fields"))

    def _delete_lead(self, _call: Call, _page: Page, node: str, query: dict[str, str]) -> Any:
        _only(set(), query)
        if not self._lead(node).is_test:
            raise Refused(100, "(#100) Only test leads can be deleted.")
        self.directory.remove_lead(node)
        return {"success": True}

    def _read_form(self, _call: Call, _page: Page, node: str, query: dict[str, str]) -> Any:
        _only({"fields"}, query)
        return shown("form", self.directory.forms[node].whole(), query.get("fields"))

    def _read_page(self, _call: Call, page: Page, _node: str, query: dict[str, str]) -> Any:
        _only({"fields"}, query)
        node = {"id": page.id, "name": f"Page {page.id}", "leadgen_tos_accepted": True}
        return shown("page", node, query.get("fields"))

    def _subscribed_apps(self, _call: Call, page: Page, _node: str, query: dict[str, str]) -> Any:
        _only({"fields"}, query)
        if not page.subscribed_fields:
            return {"data": []}
        return {"data": [{"id": self._app_id, "name": "LeadRelay", "subscribed_fields": page.subscribed_fields}]}

    def _list_forms(self, call: Call, page: Page, _node: str, query: dict[str, str]) -> Any:
        _only(_LIST_KEYS, query)
        forms = [form for form in self.directory.forms.values() if form.page == page.id]
        found, paged = paging.page_of(forms, query)
        return self._listed(call, query, [shown("form", form.whole(), query.get("fields")) for form in found], paged)

    def _list_leads(self, call: Call, _page: Page, node: str, query: dict[str, str]) -> Any:
        # Whether Graph lists test leads here is documented nowhere; they have an edge of their own, so: no.
        return self._leads_page(call, self.directory.forms[node], query, is_test=False)

    def _list_test_leads(self, call: Call, _page: Page, node: str, query: dict[str, str]) -> Any:
        return self._leads_page(call, self.directory.forms[node], query, is_test=True)

    def _leads_page(self, call: Call, form: Form, query: dict[str, str], *, is_test: bool) -> Any:
        _only(_LIST_KEYS | {"filtering"}, query)
        wanted = paging.time_filter(query.get("filtering"))
        leads = [lead for lead in form.leads.values() if lead.is_test == is_test and wanted(lead.at)]
        found, paged = paging.page_of(leads, query)
        return self._listed(call, query, [shown("lead", lead.node, query.get("fields")) for lead in found], paged)

    def _listed(self, call: Call, query: dict[str, str], data: list[Any], paged: dict[str, Any] | None) -> Any:
        if paged is None:
            return {"data": data}
        if paged.get("next"):
            url = self.base_url + call.path
            paged["next"] = paging.next_address(url, query, paged["cursors"]["after"], call.token)
        return {"data": data, "paging": paged}

    def _make_test_lead(self, _call: Call, _page: Page, node: str, query: dict[str, str]) -> Any:
        _only(_TEST_LEAD_KEYS, query)
        form = self.directory.forms[node]
        if any(lead.is_test for lead in form.leads.values()):
            raise Refused(100, "(#100) The form has a test lead already: delete it first.")
        try:
            given = {name: json.loads(text) for name, text in query.items()}
        except ValueError:
            raise Refused(100, "(#100) field_data and custom_disclaimer_responses must be JSON arrays.") from None
        dummy = {"field_data": [_dummy(question) for question in form.node["questions"]]}
        lead = self.directory.add_lead({**dummy, **given, "form": node}, is_test=True)
        return {"id": lead.node["id"]}


def _dummy(question: Mapping[str, Any]) -> dict[str, Any]:
    """What Meta's testing tool answers to a question."""
    text = f"<test lead: dummy data for {question['key']}>"
    return {"name": question["key"], "values": [_DUMMY_EMAIL if question.get("type") == "EMAIL" else text]}


def _parameters(call: Call) -> dict[str, str]:
    """Query and body, which Graph does not tell apart: a JSON object or a form, its values as texts."""
    parameters = dict(call.query)
    if call.raw and "json" in call.headers.get("content-type", ""):
        try:
            body = call.json()
        except ValueError:
            body = None
        if not isinstance(body, dict):
            raise Refused(100, "(#100) The body is no JSON object.")
        texts = {name: value if isinstance(value, str) else json.dumps(value) for name, value in body.items()}
        return parameters | texts
    return parameters | dict(parse_qsl(call.text, keep_blank_values=True))


def _only(allowed: frozenset[str] | set[str], query: Mapping[str, str]) -> None:
    """Graph would pass over a misspelt parameter; here it must not go unseen."""
    if unknown := sorted(set(query) - allowed):
        raise Refused(100, f"(#100) Unknown parameter {unknown[0]!r}: it takes {', '.join(sorted(allowed)) or 'none'}.")
