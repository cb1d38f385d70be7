"""Graph's own answers: who may call, what of lead ads it offers, and the shape of what it says."""

import hashlib
import hmac
import json
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from infra.local.graph import paging
from infra.local.graph.app_side import AppSide
from infra.local.graph.directory import Directory, Form, Lead, Page
from infra.local.graph.fields import shown
from infra.local.graph.grants import APP_NAME
from infra.local.graph.notices import RETRY_SECONDS, Notices
from infra.local.graph.parameters import only, parameters_of
from infra.local.graph.refusals import Refused, not_visible
from infra.local.graph.subscription import fields_of
from infra.local.graph.usage import Usage
from infra.local.sandbox.web import Answer, Call

_LIST_KEYS = frozenset({"fields", "limit", "after"})
_TEST_LEAD_KEYS = frozenset({"field_data", "custom_disclaimer_responses"})
_DUMMY_EMAIL = "test@example.com"


class GraphApi:
    """One version of Graph for one app. Callers hold `lock` while they touch `directory`, `usage` or `app`."""

    def __init__(
        self,
        tokens: Mapping[str, str],
        app_secret: str,
        app_id: str,
        version: str,
        retry_seconds: Sequence[float] = RETRY_SECONDS,
    ) -> None:
        self.directory = Directory(tokens)
        self.usage = Usage()
        self.app = AppSide(app_id, version)
        self.notices = Notices(retry_seconds)
        self.lock = threading.RLock()
        self.version = version
        self.base_url = ""
        self._tokens = dict(tokens)
        self._first_app_secret = app_secret
        self.app_secret = app_secret
        self._edges: dict[tuple[str, str, str], Callable[[Call, Page, str, dict[str, str]], Any]] = {
            ("GET", "lead", ""): self._read_lead,
            ("DELETE", "lead", ""): self._delete_lead,
            ("GET", "form", ""): self._read_form,
            ("GET", "page", ""): self._read_page,
            ("GET", "page", "leadgen_forms"): self._list_forms,
            ("GET", "page", "subscribed_apps"): self._subscribed_apps,
            ("POST", "page", "subscribed_apps"): self._subscribe_app,
            ("DELETE", "page", "subscribed_apps"): self._unsubscribe_app,
            ("GET", "form", "leads"): self._list_leads,
            ("GET", "form", "test_leads"): self._list_test_leads,
            ("POST", "form", "test_leads"): self._make_test_lead,
        }

    def answer(self, call: Call) -> Answer:
        try:
            with self.lock:
                result = self._result(call)
            # What calls the app's webhook does so without the lock, as the webhook may have questions of its own.
            answer = Answer(200, result() if callable(result) else result)
        except Refused as refused:
            answer = Answer(refused.status, refused.body())
        with self.lock:
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
        """Back to the pages, tokens and app secret of the beginning: no form, lead, usage or webhook of the app."""
        self.app_secret = self._first_app_secret
        self.directory = Directory(self._tokens)
        self.usage = Usage()
        self.app.subscription = None
        self.notices.deliveries.clear()

    def tell(self, leads: Sequence[Mapping[str, Any]]) -> set[str]:
        """Tell the app's webhook of leads (with `page_id`), those it is subscribed to at both levels; their ids."""
        return self.notices.tell(leads, self.directory, self.app.subscription, self.app_secret)

    def page_of(self, call: Call) -> str | None:
        """The page whose token the call carries."""
        page = self.directory.page_of_token(call.token)
        return page.id if page else None

    def operation(self, call: Call) -> str:
        """The edge's name, or the kind of the node; "" for what is not there."""
        _, node, edge = [*call.parts, "", "", ""][:3]
        return edge or ("app" if node == self.app.app_id else node if self.app.knows(node) else self._kind(node))

    def _result(self, call: Call) -> Any:
        parameters = parameters_of(call)
        if "access_token" in parameters:
            raise Refused(100, "access_token in the URL or body: send it in the Authorization header only.")
        if call.parts[0] != self.version or not 2 <= len(call.parts) <= 3:
            raise Refused(2500, f"Unknown path components: {call.path}")
        node, edge = [*call.parts[1:], ""][:2]
        query = {name: text for name, text in parameters.items() if name != "appsecret_proof"}
        if self.app.is_caller(call.token, self.app_secret):
            self._check_proof(call.token, parameters, is_needed=False)
            if not self.app.knows(node):
                raise Refused(210)
            return self.app.result(call.method, node, edge, query, self.directory)
        page = self._caller(call, parameters)
        if self.app.knows(node):
            raise Refused(15)
        if code := self.usage.throttles(page.id):
            raise Refused(code)
        kind = self._kind(node)
        if not kind or self._owner(kind, node) != page.id:
            raise not_visible(node, call.method)
        answer = self._edges.get((call.method, kind, edge))
        if answer is None and call.method == "GET":
            raise Refused(100, f"(#100) Tried accessing nonexisting field ({edge}) on node type ({kind})")
        if answer is None:
            raise not_visible(node, call.method)
        page.grant.check(call.method, kind, edge)
        return answer(call, page, node, query)

    def _caller(self, call: Call, parameters: Mapping[str, str]) -> Page:
        token = call.token
        if not token:
            raise Refused(104)
        if token in self.directory.dead_tokens:
            raise Refused(190, subcode=460)
        page = self.directory.page_of_token(token)
        if page is None:
            raise Refused(190)
        if page.grant.has_expired:
            raise Refused(190, subcode=463)
        self._check_proof(token, parameters, is_needed=True)
        return page

    def _check_proof(self, token: str, parameters: Mapping[str, str], *, is_needed: bool) -> None:
        """The app's token has the app's secret in it, so it proves itself."""
        proof = parameters.get("appsecret_proof")
        if proof is None:
            if is_needed:
                raise Refused(100, "API calls from the server require an appsecret_proof argument")
            return
        expected = hmac.new(self.app_secret.encode(), token.encode(), hashlib.sha256).hexdigest()
        if not hmac.compare_digest(proof.encode(), expected.encode()):
            raise Refused(100, "Invalid appsecret_proof provided in the API argument")

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
        only({"fields"}, query)
        return shown("lead", self._lead(node).node, query.get("fields"))

    def _delete_lead(self, _call: Call, _page: Page, node: str, query: dict[str, str]) -> Any:
        only(set(), query)
        if not self._lead(node).is_test:
            raise Refused(100, "(#100) Only test leads can be deleted.")
        self.directory.remove_lead(node)
        return {"success": True}

    def _read_form(self, _call: Call, _page: Page, node: str, query: dict[str, str]) -> Any:
        only({"fields"}, query)
        return shown("form", self.directory.forms[node].whole(), query.get("fields"))

    def _read_page(self, _call: Call, page: Page, _node: str, query: dict[str, str]) -> Any:
        only({"fields"}, query)
        node = {"id": page.id, "name": f"Page {page.id}", "leadgen_tos_accepted": True}
        return shown("page", node, query.get("fields"))

    def _subscribed_apps(self, _call: Call, page: Page, _node: str, query: dict[str, str]) -> Any:
        only({"fields"}, query)
        if not page.subscribed_fields:
            return {"data": []}
        return {"data": [{"id": self.app.app_id, "name": APP_NAME, "subscribed_fields": page.subscribed_fields}]}

    def _subscribe_app(self, _call: Call, page: Page, _node: str, query: dict[str, str]) -> Any:
        """The fields named take the place of those that were there."""
        only({"subscribed_fields"}, query)
        page.subscribed_fields = fields_of(query.get("subscribed_fields", ""))
        return {"success": True}

    def _unsubscribe_app(self, _call: Call, page: Page, _node: str, query: dict[str, str]) -> Any:
        only(set(), query)
        page.subscribed_fields = []
        return {"success": True}

    def _list_forms(self, call: Call, page: Page, _node: str, query: dict[str, str]) -> Any:
        only(_LIST_KEYS, query)
        forms = [form for form in self.directory.forms.values() if form.page == page.id]
        found, paged = paging.page_of(forms, query)
        return self._listed(call, query, [shown("form", form.whole(), query.get("fields")) for form in found], paged)

    def _list_leads(self, call: Call, _page: Page, node: str, query: dict[str, str]) -> Any:
        # Whether Graph lists test leads here is documented nowhere; they have an edge of their own, so: no.
        return self._leads_page(call, self.directory.forms[node], query, is_test=False)

    def _list_test_leads(self, call: Call, _page: Page, node: str, query: dict[str, str]) -> Any:
        return self._leads_page(call, self.directory.forms[node], query, is_test=True)

    def _leads_page(self, call: Call, form: Form, query: dict[str, str], *, is_test: bool) -> Any:
        only(_LIST_KEYS | {"filtering"}, query)
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
        only(_TEST_LEAD_KEYS, query)
        form = self.directory.forms[node]
        if any(lead.is_test for lead in form.leads.values()):
            raise Refused(100, "(#100) The form has a test lead already: delete it first.")
        try:
            given = {name: json.loads(text) for name, text in query.items()}
        except ValueError:
            raise Refused(100, "(#100) field_data and custom_disclaimer_responses must be JSON arrays.") from None
        dummy = {"field_data": [_dummy(question) for question in form.node["questions"]]}
        lead = self.directory.add_lead({**dummy, **given, "form": node}, is_test=True)
        self.tell([{**lead.node, "page_id": form.page}])
        return {"id": lead.node["id"]}


def _dummy(question: Mapping[str, Any]) -> dict[str, Any]:
    """What Meta's testing tool answers to a question."""
    text = f"<test lead: dummy data for {question['key']}>"
    return {"name": question["key"], "values": [_DUMMY_EMAIL if question.get("type") == "EMAIL" else text]}
