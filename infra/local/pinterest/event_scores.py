"""Event Quality Scores (schema EventQualityScore), worked out of the events that were sent."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

LOOKBACKS = {"1d": 86_400, "14d": 14 * 86_400}
SOURCE_PLATFORMS = (
    "WEB", "MOBILE", "MOBILE_ANDROID", "MOBILE_IOS", "OFFLINE", "PINTEREST_WEB", "PINTEREST_ANDROID", "PINTEREST_IOS",
    "POINT_OF_SALE",
)  # fmt: skip
INGESTION_SOURCES = ("TAG", "MMP", "FILE_UPLOAD", "CONVERSIONS_API", "NATIVE")
_PLATFORM = {"web": "WEB", "offline": "OFFLINE", "app_ios": "MOBILE_IOS", "app_android": "MOBILE_ANDROID"}

# Component of the score → whether an event has it.
_COMPONENTS: Mapping[str, Callable[[Mapping[str, Any]], Any]] = {
    "hashed_email": lambda event: event["user_data"].get("em"),
    "hashed_maid": lambda event: event["user_data"].get("hashed_maids"),
    "ip_address": lambda event: event["user_data"].get("client_ip_address"),
    "user_agent": lambda event: event["user_data"].get("client_user_agent"),
    "click_id_epik": lambda event: event["user_data"].get("click_id"),
    "advertiser_external_id": lambda event: event["user_data"].get("external_id"),
    "external_event_id": lambda event: event["event_id"],
    "order_id": lambda event: event.get("custom_data", {}).get("order_id"),
    "order_value": lambda event: event.get("custom_data", {}).get("value"),
    "product_id": lambda event: event.get("custom_data", {}).get("content_ids"),
    "source_url": lambda event: event.get("event_source_url"),
}
# Share of events with an e-mail address, in percent, from which on a source is called so. How Pinterest does it is
# documented nowhere.
_GOOD, _FAIR = 80, 40


def scores_of(events: Sequence[Mapping[str, Any]], lookback: str) -> list[dict[str, Any]]:
    """One for each platform that events came from."""
    by_platform: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for event in events:
        by_platform[_PLATFORM[event["action_source"]]].append(event)
    return [_score(platform, by_platform[platform], lookback) for platform in sorted(by_platform)]


def _score(platform: str, events: Sequence[Mapping[str, Any]], lookback: str) -> dict[str, Any]:
    matched = _coverage(events, _COMPONENTS["hashed_email"])
    by_name: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for event in events:
        by_name[str(event["event_name"]).upper()].append(event)
    return {
        "overall_status": "GOOD" if matched >= _GOOD else "FAIR" if matched >= _FAIR else "NEEDS_IMPROVEMENT",
        "quality_components": {
            component: {name: {"coverage": _coverage(some, has), "issues": []} for name, some in by_name.items()}
            for component, has in _COMPONENTS.items()
        },
        "ingestion_source": "CONVERSIONS_API",
        "source_platform": platform,
        "lookback_period": lookback,
    }


def _coverage(events: Sequence[Mapping[str, Any]], has: Callable[[Mapping[str, Any]], Any]) -> float:
    """In percent."""
    return round(100 * sum(bool(has(event)) for event in events) / len(events), 1)
