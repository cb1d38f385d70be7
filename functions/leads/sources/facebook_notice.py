"""What Facebook sends when somebody left a lead: ids only, each lead a change of its page.

Source: developers.facebook.com/docs/marketing-api/guides/lead-ads/retrieving, "Webhooks".
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping
from typing import Any

import msgspec

from leads.core.lead import plain_id

FIELD = "leadgen"

_ID_KEYS = ("leadgen_id", "page_id", "form_id", "ad_id", "adgroup_id")

_VALUES_OFF = (
    "Include Values is off for page {page}: Facebook says that there is a lead and not which; switch it on for the "
    "Page object in the app's webhook settings, then run the reconcile function for what was missed meanwhile"
)


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """The ids in a notice, "" for what is missing. created_at: seconds since the epoch, None when not told."""

    page: str
    lead_id: str
    form: str = ""
    ad: str = ""
    created_at: float | None = None


class Notification(msgspec.Struct, frozen=True, kw_only=True):
    """A delivery taken apart: one raw notice for each lead, how many items could not be one, what is set up wrong."""

    notices: tuple[dict[str, Any], ...] = ()
    rejected: int = 0
    faults: tuple[str, ...] = ()


def taken_apart(body: Mapping[str, Any]) -> Notification:
    """Every lead in every change of every entry, up to 1,000 and of several pages in one delivery.

    Other objects and other fields than a page's leads are nothing of ours, and nothing wrong.
    """
    if body.get("object") != "page":
        return Notification()
    notices: list[dict[str, Any]] = []
    faults: dict[str, None] = {}
    rejected = 0
    for entry in _items(body.get("entry")):
        if not isinstance(entry, dict):
            rejected += 1
            continue
        if FIELD in _items(entry.get("changed_fields")):
            faults[_VALUES_OFF.format(page=plain_id(entry.get("id")) or "unknown")] = None
        for change in _items(entry.get("changes")):
            if isinstance(change, dict) and change.get("field") != FIELD:
                continue
            value = change.get("value") if isinstance(change, dict) else None
            if isinstance(value, dict) and plain_id(value.get("leadgen_id")):
                notices.append(raw_notice(value, page=entry.get("id"), time=entry.get("time")))
            else:
                rejected += 1
    return Notification(notices=tuple(notices), rejected=rejected, faults=tuple(faults))


def raw_notice(value: Mapping[str, Any], *, page: Any, time: Any = None) -> dict[str, Any]:
    """One lead's notice in the shape of Facebook's own, with its ids and times and nothing else.

    What else a change may hold one day could be the person's, and this waits in a queue in the clear.
    """
    kept = {key: _as_sent(value[key]) for key in _ID_KEYS if key in value}
    if seconds_of(value.get("created_time")) is not None:
        kept["created_time"] = value["created_time"]
    entry: dict[str, Any] = {"id": _as_sent(page), "changes": [{"field": FIELD, "value": kept}]}
    return entry if seconds_of(time) is None else entry | {"time": time}


def notice_of(raw: Any) -> Notice:
    """What a raw notice says. Nothing in it is trusted; what does not fit is missing."""
    entry = raw if isinstance(raw, dict) else {}
    change = next(iter(_items(entry.get("changes"))), None)
    value = change.get("value") if isinstance(change, dict) else None
    ids = value if isinstance(value, dict) else {}
    return Notice(
        page=plain_id(ids.get("page_id")) or plain_id(entry.get("id")),
        lead_id=plain_id(ids.get("leadgen_id")),
        form=plain_id(ids.get("form_id")),
        ad=plain_id(ids.get("ad_id")),
        created_at=seconds_of(ids.get("created_time")),
    )


def seconds_of(value: Any) -> float | None:
    """Seconds since the epoch, None for what is no time.

    A notice has seconds, Graph `2015-02-28T08:49:14+0000`; a time without a zone is taken as UTC.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        if not isinstance(value, str):
            seconds = float(value)
        elif value.isascii() and value.isdecimal():
            seconds = float(value[:20])
        else:
            moment = dt.datetime.fromisoformat(value)
            seconds = (moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)).timestamp()
    except (ValueError, OverflowError):
        return None
    return seconds if math.isfinite(seconds) and 0 < seconds < 1e11 else None


def _as_sent(value: Any) -> Any:
    """An id as it came, number or text; what is none goes by its hash."""
    plain = plain_id(value)
    return value if plain == str(value) else plain


def _items(value: Any) -> list[Any]:
    """A list's items; something else in the place of a list is one item, nothing is none."""
    return value if isinstance(value, list) else [] if value is None else [value]
