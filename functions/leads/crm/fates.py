"""Which answer of the Contacts API has which fate: the only place that decides."""

from __future__ import annotations

import email.utils
import re
import time
from collections.abc import Mapping
from typing import Any

from leads.core import lenient_json
from leads.core.errors import TryAgain, Undeliverable

# How long to wait after a 429 that does not say: the documented interval of the burst limit.
# https://marketplace.gohighlevel.com/docs/Authorization (rate limits: 100 requests per 10 s)
_INTERVAL_SECONDS = 10.0
# How often to look whether a used-up daily quota is back, when the answer does not say when.
_DAILY_SECONDS = 3600.0

# 401 and 403 are about our token or its rights, never about the lead. What the API says tells which.
_REFUSALS = (
    ("version header", "contacts_api_unauthorized_version"),
    ("authclass", "contacts_api_unauthorized_token_class"),
    ("user type", "contacts_api_unauthorized_token_class"),
    ("scope", "contacts_api_unauthorized_scope"),
    ("access to this location", "contacts_api_unauthorized_location"),
)


class AlreadyExists(Undeliverable):
    """The location allows no second contact with this e-mail or phone; `contact_id` is the first."""

    def __init__(self, contact_id: str, *, trace_id: str | None) -> None:
        super().__init__("contact_exists", "the location does not allow duplicates", trace_id=trace_id)
        self.contact_id = contact_id


_TRACE_ID = re.compile(r"[\w.:-]{1,100}")
_PROPERTY = re.compile(r"\b[a-z][A-Za-z0-9]{1,30}\b")


def decoded(body: bytes) -> dict[str, Any]:
    """The answer's JSON object; {} for anything else, as error pages come in every format."""
    try:
        value = lenient_json.decode(body)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def trace_id(answer: Mapping[str, Any]) -> str | None:
    """The API's id of the call, which its support asks for; None when absent or not an id."""
    value = answer.get("traceId")
    return value if isinstance(value, str) and _TRACE_ID.fullmatch(value) else None


def message(answer: Mapping[str, Any]) -> str:
    """The error's text; `message` may be a string or a list. It may quote a person: never log it."""
    value = answer.get("message")
    return " ".join(str(part) for part in value) if isinstance(value, list) else str(value or "")


def failure(
    status: int, headers: Mapping[str, str], answer: Mapping[str, Any], *, known_fields: frozenset[str]
) -> TryAgain | Undeliverable:
    """The fate of a call that was answered with anything but success.

    headers: names in lower case. known_fields: contact fields that may be named in `detail`.
    """
    trace = trace_id(answer)
    said = message(answer)
    if status == 429:
        reason, wait = _throttled(headers)
        return TryAgain(reason, retry_after=wait, counts=False, trace_id=trace)
    if status in (401, 403):
        lowered = said.lower()
        reason = next((code for phrase, code in _REFUSALS if phrase in lowered), "contacts_api_unauthorized")
        return TryAgain(reason, f"the Contacts API answered {status}", trace_id=trace)
    if status == 400 and (existing := _existing_contact(answer)):
        return AlreadyExists(existing, trace_id=trace)
    if status in (400, 404, 409, 422):
        named = sorted(known_fields.intersection(_PROPERTY.findall(said)))
        detail = f"the Contacts API answered {status}" + (f", naming {', '.join(named)}" if named else "")
        reason = "contacts_api_not_found" if status == 404 else "rejected_by_contacts_api"
        return Undeliverable(reason, detail, trace_id=trace)
    detail = f"the Contacts API answered {status}"
    if status >= 500:
        return TryAgain("contacts_api_5xx", detail, retry_after=retry_after(headers), trace_id=trace)
    return TryAgain("contacts_api_unexpected", detail, retry_after=retry_after(headers), trace_id=trace)


def _existing_contact(answer: Mapping[str, Any]) -> str | None:
    meta = answer.get("meta")
    found = meta.get("contactId") if isinstance(meta, dict) else None
    return found if isinstance(found, str) and found else None


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds in a Retry-After header (a number, or an HTTP date); None when absent or unreadable."""
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdecimal():
        return float(text[:9])
    try:
        return max(email.utils.parsedate_to_datetime(text).timestamp() - time.time(), 0.0)
    except (ValueError, OverflowError):
        return None


def _throttled(headers: Mapping[str, str]) -> tuple[str, float]:
    """Why a 429 was given and how many seconds to wait; the body of a 429 is not documented."""
    wait = retry_after(headers)
    if _number(headers, "x-ratelimit-daily-remaining") == 0:
        reset = _number(headers, "x-ratelimit-daily-reset")
        return "daily_limit", wait or (reset if reset and reset < 90_000 else _DAILY_SECONDS)
    if wait is None:
        interval = _number(headers, "x-ratelimit-interval-milliseconds")
        wait = interval / 1000 if interval else _INTERVAL_SECONDS
    return "rate_limited", wait


def _number(headers: Mapping[str, str], name: str) -> float | None:
    text = headers.get(name, "").strip()
    return float(text[:15]) if text.isascii() and text.isdecimal() else None
