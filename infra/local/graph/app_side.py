"""What Graph answers to the app itself, whose token is its id and its secret."""

import hmac
from collections.abc import Callable, Mapping
from typing import Any

from infra.local.graph import grants
from infra.local.graph.directory import Directory
from infra.local.graph.parameters import only
from infra.local.graph.refusals import Refused
from infra.local.graph.subscription import Subscription, fields_of, shake_hands, subscription_of

_LINK = "https://www.facebook.com/games/?app_id="


class AppSide:
    """The app's own calls. What must not be done while the caller's lock is held is returned, to be called without it.

    subscription: the one to pages, None while there is none.
    """

    def __init__(self, app_id: str, version: str) -> None:
        self.app_id = app_id
        self.subscription: Subscription | None = None
        self._version = version

    def knows(self, node: str) -> bool:
        """Whether it is a node that only the app's token opens."""
        return node in (self.app_id, "debug_token")

    def is_caller(self, token: str, app_secret: str) -> bool:
        """Whether it is the app's token. Refused (190) for the app's id with another secret behind it."""
        app_id, bar, secret = token.partition("|")
        if not bar:
            return False
        if app_id != self.app_id or not hmac.compare_digest(secret.encode(), app_secret.encode()):
            raise Refused(190, "Invalid OAuth access token signature.")
        return True

    def result(self, method: str, node: str, edge: str, query: Mapping[str, str], directory: Directory) -> Any:
        """The answer's body, or a function that makes it. Refused for what there is not."""
        place = "debug_token" if node == "debug_token" else "app"
        if (method, place, edge) == ("GET", "debug_token", ""):
            return {"data": self._described(query, directory)}
        calls: Mapping[tuple[str, str], Callable[[Mapping[str, str]], Any]] = {
            ("GET", ""): self._read,
            ("GET", "subscriptions"): self._list,
            ("POST", "subscriptions"): self._subscribe,
            ("DELETE", "subscriptions"): self._unsubscribe,
        }
        if place != "app" or (method, edge) not in calls:
            raise Refused(100, f"(#100) Tried accessing nonexisting field ({edge}) on node type (Application)")
        return calls[method, edge](query)

    def _described(self, query: Mapping[str, str], directory: Directory) -> dict[str, Any]:
        only({"input_token"}, query)
        token = query.get("input_token")
        if not token:
            raise Refused(100, "(#100) The parameter input_token is required")
        if token.startswith(f"{self.app_id}|"):
            return grants.app_token_described(self.app_id)
        if page := directory.page_of_token(token):
            return grants.page_token_described(self.app_id, page.id, page.grant)
        return grants.dead_token_described(self.app_id, 460 if token in directory.dead_tokens else None)

    def _read(self, query: Mapping[str, str]) -> dict[str, Any]:
        only({"fields"}, query)
        whole = {"id": self.app_id, "name": grants.APP_NAME, "category": "Business", "link": _LINK + self.app_id}
        asked = [name for name in query.get("fields", "category,link,name").split(",") if name]
        if unknown := [name for name in asked if name not in whole]:
            words = f"(#100) Tried accessing nonexisting field ({unknown[0]}) on node type (Application)"
            raise Refused(100, words)
        return {name: whole[name] for name in (*asked, "id")}

    def _list(self, query: Mapping[str, str]) -> dict[str, Any]:
        only(set(), query)
        return {"data": [self.subscription.shown(self._version)] if self.subscription else []}

    def _subscribe(self, query: Mapping[str, str]) -> Callable[[], Any]:
        wanted = subscription_of(query, self.subscription)

        def verified() -> Any:
            shake_hands(wanted.callback_url, query["verify_token"])
            self.subscription = wanted
            return {"success": True}

        return verified

    def _unsubscribe(self, query: Mapping[str, str]) -> dict[str, Any]:
        """All of the object, or the fields that are named."""
        only({"object", "fields"}, query)
        if query.get("object") != "page":
            raise Refused(100, "(#100) The parameter object is required")
        if self.subscription:
            gone = fields_of(query["fields"]) if "fields" in query else self.subscription.fields
            left = [name for name in self.subscription.fields if name not in gone]
            kept = self.subscription
            self.subscription = Subscription(kept.callback_url, left, kept.include_values) if left else None
        return {"success": True}
