"""Whether a page's token is the right one: this app's, this page's, with every permission that leads take."""

from collections.abc import Iterator, Mapping
from typing import Any

# What reading leads, forms and subscriptions takes (Meta's guide "Retrieving leads").
NEEDED = ("leads_retrieval", "pages_show_list", "pages_read_engagement", "pages_manage_ads", "pages_manage_metadata")


def mistaken(facts: Mapping[str, Any], *, page: str, app_id: str) -> Iterator[str]:
    """What speaks against a valid token being the page's for this app, in sentences. facts: of debug_token."""
    if str(facts.get("app_id") or app_id) != app_id:
        yield f"Its token is another app's, {facts.get('app_id')}."
    elif str(facts.get("profile_id") or page) != page:
        yield f"Its token is that of page {facts.get('profile_id')}."


def lacking(facts: Mapping[str, Any]) -> list[str]:
    """The permissions that it has not."""
    scopes = set(map(str, facts.get("scopes") or ()))
    return [scope for scope in NEEDED if scope not in scopes]
