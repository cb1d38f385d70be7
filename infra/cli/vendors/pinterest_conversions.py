"""What commands ask of Pinterest about conversions: a token for events, own event names, how good the events are.

Source: the API's OpenAPI file, oauth/conversion_token, advertiser_defined_events and conversion_eqs.
"""

from dataclasses import dataclass
from typing import Any

from infra.cli.faults import CommandFailed
from infra.cli.vendors.pinterest_api import PinterestApi

LOOKBACK = "14d"


@dataclass(frozen=True)
class Quality:
    """The Event Quality Score of one kind of events. status: GOOD, FAIR or NEEDS_IMPROVEMENT.

    platform: WEB, OFFLINE …; ingestion: CONVERSIONS_API, TAG …; issues: names of what Pinterest finds wrong.
    """

    platform: str
    ingestion: str
    status: str
    issues: tuple[str, ...] = ()


class PinterestConversions(PinterestApi):
    """Asked with the app's access token, and raising, as in PinterestApi."""

    def conversion_token(self) -> str:
        """Another token for events, which lives long; those made before go on. Takes the scope ads:write."""
        token = self._ask("make a conversion token", "POST", "oauth", "conversion_token").get("access_token")
        if not (isinstance(token, str) and token):
            raise CommandFailed("Pinterest made a conversion token, and did not give it: try again later.")
        return token

    def own_events(self, account: str) -> list[str]:
        """The names of the events that the advertiser has defined."""
        doing = f"list the advertiser's own events of ad account {account}"
        items = self._ask(doing, "GET", "ad_accounts", account, "advertiser_defined_events").get("items")
        named = (item.get("name") for item in items if isinstance(item, dict)) if isinstance(items, list) else ()
        return [name for name in named if isinstance(name, str)]

    def quality(self, account: str) -> list[Quality]:
        """The scores of the last 14 days, for each source of events."""
        doing = f"tell the event quality of ad account {account}"
        query = {"lookback_period": LOOKBACK}
        scores = self._answered(doing, "GET", "ad_accounts", account, "conversion_eqs", query=query).body
        return [_quality(score) for score in scores if isinstance(score, dict)] if isinstance(scores, list) else []


def _quality(score: dict[str, Any]) -> Quality:
    told = (score.get(name) for name in ("source_platform", "ingestion_source", "overall_status"))
    platform, ingestion, status = (text if isinstance(text, str) else "" for text in told)
    return Quality(platform, ingestion, status, tuple(sorted(_issues(score.get("quality_components")))))


def _issues(components: Any) -> set[str]:
    """Component → event type → its issues; of each issue its name."""
    events = (of for of in _objects(components) for of in _objects(of))
    listed = (issues for event in events if isinstance(issues := event.get("issues"), list))
    return {
        name
        for issues in listed
        for issue in issues
        if isinstance(issue, dict) and isinstance(name := issue.get("name"), str) and name
    }


def _objects(value: Any) -> list[dict[str, Any]]:
    return [it for it in value.values() if isinstance(it, dict)] if isinstance(value, dict) else []
