"""What a page's token may do and until when, and what Graph tells about a token."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from infra.local.graph.refusals import Refused

# What Meta's guide "Retrieving leads" asks for, webhooks included.
SCOPES = (
    *("ads_management", "leads_retrieval", "pages_manage_ads", "pages_manage_metadata"),
    *("pages_read_engagement", "pages_show_list"),
)
APP_NAME = "LeadRelay"
_DATA_ACCESS_SECONDS = 90 * 86_400
_USER = "10200000000000001"

# Method (any where it is ""), kind of node and edge → the permission that the call needs.
_NEEDED: Mapping[tuple[str, str, str], str] = {
    ("", "lead", ""): "leads_retrieval",
    ("", "form", "leads"): "leads_retrieval",
    ("GET", "form", "test_leads"): "leads_retrieval",
    ("POST", "form", "test_leads"): "pages_manage_ads",
    ("", "form", ""): "pages_manage_ads",
    ("", "page", "leadgen_forms"): "pages_manage_ads",
    ("", "page", "subscribed_apps"): "pages_manage_metadata",
    ("", "page", ""): "pages_read_engagement",
}


@dataclass(frozen=True)
class Grant:
    """What its person let the app do with a token; times are epoch seconds, 0 = never."""

    scopes: tuple[str, ...] = SCOPES
    expires_at: int = 0
    issued_at: int = field(default_factory=lambda: int(time.time()))
    data_access_expires_at: int = field(default_factory=lambda: int(time.time()) + _DATA_ACCESS_SECONDS)

    @property
    def has_expired(self) -> bool:
        return 0 < self.expires_at <= time.time()

    def check(self, method: str, kind: str, edge: str) -> None:
        """Refused (10 or 200) for a call that it was not granted for."""
        needed = _NEEDED.get((method, kind, edge)) or _NEEDED.get(("", kind, edge))
        if needed is None or needed in self.scopes:
            return
        if needed == "pages_read_engagement":
            words = (
                f"(#10) This endpoint requires the '{needed}' permission or the 'Page Public Content Access' feature."
            )
            raise Refused(10, words)
        raise Refused(200, f"(#200) Requires {needed} permission to manage the object")


def grant_of(scopes: Sequence[str] | None, expires_at: Any, data_access_expires_at: Any) -> Grant:
    """The grant that an order describes; ValueError, in one sentence, for one that makes no sense."""
    given: dict[str, Any] = {}
    if scopes is not None:
        if isinstance(scopes, str) or not all(isinstance(scope, str) for scope in scopes):
            raise ValueError("A token's 'scopes' are a list of permissions.")
        given["scopes"] = tuple(scopes)
    for name, value in (("expires_at", expires_at), ("data_access_expires_at", data_access_expires_at)):
        if value is not None:
            if not isinstance(value, int) or isinstance(value, bool) or value < 0:
                raise ValueError(f"A token's {name!r} is epoch seconds, 0 for never.")
            given[name] = value
    return Grant(**given)


def page_token_described(app_id: str, page: str, grant: Grant) -> dict[str, Any]:
    """`data` of debug_token for a page's token.

    Source: developers.facebook.com/docs/facebook-login/guides/access-tokens/debugging
    """
    of_app = {"app_id": app_id, "type": "PAGE", "application": APP_NAME}
    times = {
        "data_access_expires_at": grant.data_access_expires_at,
        "expires_at": grant.expires_at,
        "issued_at": grant.issued_at,
    }
    of_pages = [{"scope": scope, "target_ids": [page]} for scope in grant.scopes if scope != "ads_management"]
    ads = [{"scope": scope} for scope in grant.scopes if scope == "ads_management"]
    data = {
        **of_app,
        **times,
        "is_valid": not grant.has_expired,
        "profile_id": page,
        "scopes": list(grant.scopes),
        "granular_scopes": [*ads, *of_pages],
        "user_id": _USER,
    }
    return data | ({"error": _error(463)} if grant.has_expired else {})


def dead_token_described(app_id: str, subcode: int | None) -> dict[str, Any]:
    """`data` of debug_token for a token that was replaced (subcode 460), or that nobody knows (None)."""
    known = {"app_id": app_id, "type": "PAGE", "application": APP_NAME} if subcode else {}
    return {**known, "error": _error(subcode), "is_valid": False, "scopes": []}


def app_token_described(app_id: str) -> dict[str, Any]:
    """`data` of debug_token for the app's own token."""
    return {"app_id": app_id, "type": "APP", "application": APP_NAME, "is_valid": True, "scopes": []}


def _error(subcode: int | None) -> dict[str, Any]:
    error = Refused(190, subcode=subcode).body()["error"]
    return {"code": 190, "message": error["message"], **({"subcode": subcode} if subcode else {})}
