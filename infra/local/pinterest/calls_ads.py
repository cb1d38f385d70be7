"""Ads, and exports of the leads they have collected."""

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from infra.local.pinterest.accounts import DIGITS
from infra.local.pinterest.ads import STATUSES
from infra.local.pinterest.asked import PAGED, Asked
from infra.local.pinterest.exports import Export, file_of
from infra.local.pinterest.refusals import Refused
from infra.local.sandbox.web import Answer, Call

if TYPE_CHECKING:
    from infra.local.pinterest.api import PinterestApi

_DAY_SECONDS = 86_400
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_PATTERNS = {"start_date": _DAY, "end_date": _DAY, "ad_id": DIGITS}


def ads(asked: Asked, number: str) -> Answer:
    """ads/list."""
    account = asked.account(number)
    asked.only("entity_statuses", "order", *PAGED)
    statuses = asked.call.query.get("entity_statuses", "ACTIVE,PAUSED").split(",")
    if wrong := [status for status in statuses if status not in STATUSES]:
        raise Refused(400, 1, f"{wrong[0]} is no entity status.")
    found = [ad for ad in asked.api.ads.ads.values() if ad.account == account.id and ad.status in statuses]
    return asked.page([ad.shown() for ad in found])


def ad(asked: Asked, number: str, ad_id: str) -> Answer:
    """ads/get."""
    account = asked.account(number)
    found = asked.api.ads.ads.get(ad_id)
    if found is None or found.account != account.id:
        raise Refused(404, 2, "Ad not found.")
    return Answer(200, found.shown())


def export_leads(asked: Asked, number: str) -> Answer:
    """leads_export/create."""
    account = asked.account(number)
    body = _export_body(asked)
    found = asked.api.ads.ads.get(body["ad_id"])
    if found is None or found.account != account.id or not found.lead_form_id:
        raise Refused(400, 1, "The ad collects no leads in this ad account.")
    first, last = (_midnight(body[name]) for name in ("start_date", "end_date"))
    if first > last:
        raise Refused(400, 1, "start_date is after end_date.")
    leads = asked.api.ads.left(found.id, first, last + _DAY_SECONDS)
    return Answer(200, {"leads_export_id": asked.api.keep_export(account.id, file_of(found, leads))})


def export(asked: Asked, number: str, export_id: str) -> Answer:
    """leads_export/get."""
    account = asked.account(number)
    found = asked.api.exports.get(export_id)
    if found is None or found.account != account.id:
        raise Refused(404, 404, "Invalid leads export id parameter.")
    status = found.look()
    url = f"{asked.api.base_url}/files/{found.name}" if status == "FINISHED" else None
    return Answer(200, {"export_status": status, "download_url": url})


def file(api: "PinterestApi", call: Call, name: str) -> Answer:
    """An export's file, for whoever knows its address."""
    if "authorization" in call.headers:
        # The real files lie with somebody else, who must never see a token.
        raise Refused(400, 1, "No token belongs here.")
    found: Export | None = next((export for export in api.exports.values() if export.name == name), None)
    if found is None:
        return Answer(403, b"<Error><Code>AccessDenied</Code></Error>", {"Content-Type": "application/xml"})
    return Answer(200, found.file, {"Content-Type": "text/csv; charset=utf-8"})


def _export_body(asked: Asked) -> dict[str, str]:
    body = asked.json()
    if not isinstance(body, dict) or set(body) != set(_PATTERNS):
        raise Refused(400, 1, f"The body is an object of {', '.join(_PATTERNS)}.")
    for name, pattern in _PATTERNS.items():
        if not (isinstance(body[name], str) and pattern.fullmatch(body[name])):
            raise Refused(400, 1, f"{name} must be a text like {pattern.pattern}.")
    return body


def _midnight(day: str) -> float:
    try:
        return datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=UTC).timestamp()
    except ValueError:
        raise Refused(400, 1, f"{day} is no day.") from None
