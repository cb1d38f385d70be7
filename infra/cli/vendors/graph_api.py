"""What commands ask of Facebook's Graph: tokens, pages, forms, both levels of subscription, and test leads.

Sources: Meta's references of debug_token, /{app}/subscriptions, /{page}/subscribed_apps and /{page}/leadgen_forms, and
its guides on lead ads (retrieving; testing and troubleshooting).
"""

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from infra.cli.faults import CommandFailed
from infra.cli.vendors.graph_refusals import GraphRefused
from infra.cli.vendors.web import Reply, call
from leads.sources.facebook_signature import proof_of

__all__ = ["GraphApi", "GraphRefused"]

FIELD = "leadgen"
FORM_FIELDS = "id,name,status,locale,questions{id,key,label,type,options}"
# A larger page makes Graph answer with a bare error 500.
_LIMIT = "100"
_MOST_PAGES = 100


class GraphApi:
    """Calls below one address (`https://graph.facebook.com/v26.0`) for one app.

    A page's calls carry its token in a header and the proof of it; the app's own carry `<app id>|<app secret>` there.
    Every method raises GraphRefused when Graph says no, CommandFailed when it does not answer, or nonsense. Nothing is
    tried again.
    """

    def __init__(self, base_url: str, app_id: str, app_secret: str, *, timeout: float = 60.0) -> None:
        self._base_url = base_url.rstrip("/")
        self._app_id = app_id
        self._app_secret = app_secret
        # Graph itself calls the webhook while it is asked to subscribe to it, and a function may have to start.
        self._timeout = timeout

    def debug_token(self, token: str) -> dict[str, Any]:
        """What Graph knows of a token of this app: is_valid, scopes, expires_at, app_id, type, profile_id, error …

        A dead token is an answer (`is_valid` false). This is the one call with a token in its address: the reference
        has `input_token` as a parameter of a GET and knows no other way. It goes by TLS, and nobody here logs it.
        """
        found = self._as_app("look at a token", "GET", "debug_token", query={"input_token": token}, unsaid=token)
        data = found.get("data")
        if not isinstance(data, dict):
            raise _nonsense("look at a token")
        return data

    def page(self, page: str, token: str) -> dict[str, Any]:
        """`id`, `name`, and `leadgen_tos_accepted` where Graph tells it."""
        query = {"fields": "id,name,leadgen_tos_accepted"}
        return self._as_page(f"show page {page}", token, "GET", page, query=query)

    def forms(self, page: str, token: str) -> list[dict[str, Any]]:
        """The page's forms, of any status, as FORM_FIELDS has them."""
        doing = f"list the forms of page {page}"
        return list(self._items(doing, token, page, "leadgen_forms", fields=FORM_FIELDS))

    def page_subscriptions(self, page: str, token: str) -> list[dict[str, Any]]:
        """The apps that the page tells something: `id`, `subscribed_fields`."""
        doing = f"list the subscriptions of page {page}"
        return _rows(self._as_page(doing, token, "GET", page, "subscribed_apps"), doing)

    def subscribe_page(self, page: str, token: str, fields: str = FIELD) -> None:
        """Have the page tell the app of `fields` (comma separated), and of no others."""
        doing = f"have page {page} tell the app of its leads"
        self._as_page(doing, token, "POST", page, "subscribed_apps", form={"subscribed_fields": fields})

    def app_subscriptions(self) -> list[dict[str, Any]]:
        """The app's: `object`, `callback_url`, `fields` (each with a `name`), `active`.

        Whether values come along (Include Values), Graph does not tell.
        """
        doing = "list the subscriptions of the app"
        return _rows(self._as_app(doing, "GET", self._app_id, "subscriptions"), doing)

    def subscribe_app(self, callback: str, verify_token: str, fields: str = FIELD) -> None:
        """Have Graph call `callback` for pages' `fields`, with values. It asks the callback first whose it is."""
        form = {
            "object": "page",
            "callback_url": callback,
            "fields": fields,
            "verify_token": verify_token,
            "include_values": "true",
        }
        self._as_app("send the app's leads here", "POST", self._app_id, "subscriptions", form=form, unsaid=verify_token)

    def test_leads(self, form: str, token: str) -> list[str]:
        """The ids of the form's test leads, of which there is one at the most."""
        doing = f"list the test leads of form {form}"
        return [str(it.get("id")) for it in self._items(doing, token, form, "test_leads", fields="id")]

    def test_lead(self, form: str, token: str) -> str:
        """Make a test lead, with Meta's dummy answers, and have it sent; its id. A form takes one at a time."""
        doing = f"make a test lead of form {form}"
        made = self._as_page(doing, token, "POST", form, "test_leads").get("id")
        if not made:
            raise _nonsense(doing)
        return str(made)

    def delete(self, lead: str, token: str) -> None:
        """Delete a test lead."""
        self._as_page(f"delete test lead {lead}", token, "DELETE", lead)

    def _items(self, doing: str, token: str, *path: str, fields: str) -> Iterator[dict[str, Any]]:
        """What a list holds, from its first page to its last. Its `next` has the token in it and is not followed."""
        query = {"fields": fields, "limit": _LIMIT}
        for _ in range(_MOST_PAGES):
            answer = self._as_page(doing, token, "GET", *path, query=query)
            yield from _rows(answer, doing)
            paging = answer.get("paging")
            cursors = paging.get("cursors") if isinstance(paging, dict) and paging.get("next") else None
            after = cursors.get("after") if isinstance(cursors, dict) else None
            if not isinstance(after, str) or after == query.get("after"):
                return
            query["after"] = after

    def _as_page(self, doing: str, token: str, method: str, *path: str, **more: Any) -> dict[str, Any]:
        proof = {"appsecret_proof": proof_of(token, self._app_secret)}
        part = "form" if method == "POST" else "query"
        sent = {**more, part: {**more.get(part, {}), **proof}}
        return self._answered(doing, token, method, path, unsaid=(token, self._app_secret), **sent)

    def _as_app(self, doing: str, method: str, *path: str, unsaid: str = "", **more: Any) -> dict[str, Any]:
        token = f"{self._app_id}|{self._app_secret}"
        return self._answered(doing, token, method, path, is_app=True, unsaid=(unsaid, self._app_secret), **more)

    def _answered(
        self,
        doing: str,
        token: str,
        method: str,
        path: tuple[str, ...],
        *,
        is_app: bool = False,
        unsaid: tuple[str, ...] = (),
        **more: Any,
    ) -> dict[str, Any]:
        if not (token.isascii() and token.isprintable() and token.strip()):
            whose = "app id or app secret" if is_app else "page token"
            raise CommandFailed(f"The stored {whose} is no text that Facebook gives: `leadrelay init` stores another.")
        url = "/".join((self._base_url, *(quote(part, safe="") for part in path)))
        headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
        reply: Reply = call(method, url, who="Facebook", headers=headers, timeout=self._timeout, **more)
        if reply.status >= 300 or (isinstance(reply.body, dict) and "error" in reply.body):
            raise GraphRefused(doing, reply.status, reply.body, reply.headers, is_app=is_app, unsaid=unsaid)
        if not isinstance(reply.body, dict):
            raise _nonsense(doing)
        return reply.body


def _rows(answer: dict[str, Any], doing: str) -> list[dict[str, Any]]:
    data = answer.get("data")
    if not isinstance(data, list):
        raise _nonsense(doing)
    return [row for row in data if isinstance(row, dict)]


def _nonsense(doing: str) -> CommandFailed:
    return CommandFailed(f"Asked to {doing}, Facebook answered something else. Repeat the command later.")
