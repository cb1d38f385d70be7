"""The ads of a Pinterest ad account that collect leads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from leads.core.errors import TryAgain
from leads.core.lead import plain_id
from leads.sources.pinterest_api import PinterestApi

# The most that one call gives (developers.pinterest.com/docs/reference/pagination).
_PAGE_SIZE = "250"
# An ad that is archived today may have collected leads yesterday; left out unless asked for.
_STATUSES = ("ACTIVE", "PAUSED", "ARCHIVED")
_IDS = ("lead_form_id", "campaign_id", "ad_group_id")


class CollectingAds:
    """Ads with a lead form, which is what marks an ad that collects leads (schema AdCommon, "lead_form_id")."""

    def __init__(self, api: PinterestApi) -> None:
        self._api = api
        self._met: dict[str, dict[str, str]] = {}

    def of(self, account: str, *, deadline: float) -> list[str]:
        """Their ids. Raises as `PinterestApi.call` does. Source: ads/list."""
        found: list[str] = []
        query: dict[str, str | Sequence[str]] = {"page_size": _PAGE_SIZE, "entity_statuses": _STATUSES}
        while True:
            answer = self._api.call("GET", "ad_accounts", account, "ads", query=query, deadline=deadline)
            items = answer.get("items")
            if not isinstance(items, list):
                raise TryAgain("pinterest_unexpected", "the list of ads has no items")
            for item in items:
                ad = plain_id(item.get("id")) if isinstance(item, dict) else ""
                if ad and item.get("lead_form_id"):
                    self._met[ad] = _facts(item)
                    found.append(ad)
            bookmark = answer.get("bookmark")
            if not isinstance(bookmark, str) or bookmark in ("", query.get("bookmark")):
                return found
            query["bookmark"] = bookmark

    def about(self, account: str, ad: str, *, deadline: float) -> dict[str, str]:
        """An ad's ids, its form's id and its name under the webhook's names. Source: ads/get."""
        if ad not in self._met:
            self._met[ad] = _facts(self._api.call("GET", "ad_accounts", account, "ads", ad, deadline=deadline))
        return {**self._met[ad], "ad_id": ad}


def _facts(ad: Mapping[str, Any]) -> dict[str, str]:
    named = ad.get("name")
    found = {**{name: plain_id(ad.get(name)) for name in _IDS}, "ad_name": named if isinstance(named, str) else ""}
    return {name: value for name, value in found.items() if value}
