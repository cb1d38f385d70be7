"""Which location a LeadConnector delivery is about, and whether it is one that LeadRelay has to do with."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any


def place_of(payload: Mapping[str, Any], asked: str, sources: Sequence[str], wanted: Collection[str]) -> str:
    """The location that a workflow's webhook is about, "" for one that nobody knows.

    asked: what its address names. sources: locations whose contacts are leads; wanted: those whose outcomes are wanted.
    """
    told = _told(payload)
    # Whoever names one means it: under any other, a person would end up with somebody else's contacts.
    candidates = [asked]
    if not asked:
        # What leads are delivered to is no source: a contact of it must not become a lead of the only one there is.
        candidates = [name for name in told if name in wanted and name not in sources]
        candidates += sources if len(sources) == 1 else ()
        candidates += told
        candidates += wanted if not sources and len(wanted) == 1 else ()
    return next((name for name in candidates if name and (name in sources or name in wanted)), "")


def names_one_of(payload: Mapping[str, Any], locations: Collection[str]) -> bool:
    """Whether a workflow's webhook says itself that it comes from one of these."""
    return any(name in locations for name in _told(payload))


def _told(payload: Mapping[str, Any]) -> list[str]:
    place = payload.get("location")
    named = [payload.get("locationId"), place.get("id") if isinstance(place, dict) else None]
    return [name for name in named if isinstance(name, str)]


def not_ours(location_id: str, app_id: str, secret: Mapping[str, Any], *, is_wanted: bool) -> str:
    """Why an event is not for us, as a sentence for the operator; "" when it is.

    is_wanted: leads are delivered to the location, and what becomes of them is wanted.
    """
    if not is_wanted and location_id not in texts(secret.get("locations")):
        return (
            f"an event came for location {location_id or 'unknown'}, which the LeadConnector secret does not list; "
            "add it to its locations, and reconcile fetches what was missed"
        )
    apps = texts(secret.get("app_ids"))
    if app_id and apps and app_id not in apps:
        return (
            f"an event of app {app_id} came for location {location_id}, and the LeadConnector secret does not list "
            "the app; add it to its app_ids, and reconcile fetches what was missed"
        )
    return ""


def texts(value: Any) -> tuple[str, ...]:
    """The texts in a list; () for anything that is no list."""
    return tuple(item for item in value if isinstance(item, str) and item) if isinstance(value, list) else ()
