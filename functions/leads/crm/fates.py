"""Which answer of the Contacts API has which fate: the only place that decides."""

from __future__ import annotations

import email.utils
import re
import time
from collections.abc import Mapping
from typing import Any

from leads.core.errors import GONE, TryAgain, Undeliverable
from leads.core.rate_budget import DAY_LOOK, INTERVAL, header_number

NO_SCOPE = "contacts_api_unauthorized_scope"

# 401 and 403 are about our token or its rights, never about the lead. What the API says tells which.
_REFUSALS = (
    ("version header", "contacts_api_unauthorized_version"),
    ("authclass", "contacts_api_unauthorized_token_class"),
    ("user type", "contacts_api_unauthorized_token_class"),
    ("scope", NO_SCOPE),
    ("access to this location", "contacts_api_unauthorized_location"),
)


# What the API refuses for what was in it; REJECTED may be cured by leaving something out.
REJECTED = "rejected_by_contacts_api"
CONTACT_EXISTS = "contact_exists"
# The API does not have the address at all, as against a contact, note or task that is gone (GONE).
UNKNOWN_OPERATION = "contacts_api_unknown_operation"


class AlreadyExists(Undeliverable):
    """The location allows no second contact with this e-mail or phone.

    contact_id: the first. matching: by which of `email` and `phone` it was met, "" when that was not said.
    """

    def __init__(self, contact_id: str, matching: str = "", *, trace_id: str | None) -> None:
        super().__init__(CONTACT_EXISTS, "the location does not allow duplicates", trace_id=trace_id)
        self.contact_id = contact_id
        self.matching = matching


_TRACE_ID = re.compile(r"[\w.:-]{1,100}")
_FIELD = r"([A-Za-z][A-Za-z0-9]{1,30})(?:\.(\d{1,3}))?(?![A-Za-z0-9])"
# The validator's own sentences begin with the field: "email must be an email", "property x should not exist",
# "customFields.0.field_value must be a string". What follows may quote a value, so the beginning counts first.
_SUBJECT = re.compile(r"(?:^|[;,\n])\s*(?:property\s+|each value in\s+)?" + _FIELD)
_ANYWHERE = re.compile(r"(?<![A-Za-z0-9])" + _FIELD)
# How other messages call a field.
_ALIASES = {"user": "assignedTo"}
_GONE = re.compile(
    r"\b(?:contact|note|task)\b(?: with)?(?: id)?:?(?: \S{10,40})? (?:was |is |could )?"
    r"(?:not (?:be )?found|does(?: not|n't) exist)",
    re.IGNORECASE,
)


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

    headers: names in lower case. known_fields: the fields that `fields` and `detail` may name; a custom field is
    named by its place in the list, `customFields.0`, or `customFields` when that was not said.

    What may have been done all the same is `ambiguous`: everything but a refusal and a 429.
    """
    trace = trace_id(answer)
    said = message(answer)
    if status == 429:
        reason, wait = _throttled(headers)
        return TryAgain(reason, retry_after=wait, counts=False, trace_id=trace)
    if status in (401, 403):
        return TryAgain(_unauthorized(said), f"the Contacts API answered {status}", trace_id=trace)
    if status == 400 and (existing := _existing_contact(answer)):
        return AlreadyExists(*existing, trace_id=trace)
    detail = f"the Contacts API answered {status}"
    if status in (400, 404, 409, 422):
        named = _named(answer, known_fields)
        detail += f", naming {', '.join(named)}" if named else ""
        return Undeliverable(_refusal(status, said), detail, fields=named, trace_id=trace)
    reason = "contacts_api_5xx" if status >= 500 else "contacts_api_unexpected"
    return TryAgain(reason, detail, retry_after=retry_after(headers), ambiguous=True, trace_id=trace)


def is_gone(error: Undeliverable) -> bool:
    """Whether the API says that there is no such contact, note or task (any more)."""
    return error.reason == GONE


def lacks_scope(status: int, answer: Mapping[str, Any]) -> bool:
    """Whether the token was accepted, and only lacks the right for this operation."""
    return status in (401, 403) and _unauthorized(message(answer)) == NO_SCOPE


def _unauthorized(said: str) -> str:
    lowered = said.lower()
    return next((code for phrase, code in _REFUSALS if phrase in lowered), "contacts_api_unauthorized")


def _refusal(status: int, said: str) -> str:
    if _GONE.search(said) or (status == 404 and said.strip().lower() == "not found"):
        return GONE
    # "Cannot GET /…" is the router's own answer; a 404 that says nothing is no answer of this API.
    if status == 404 and (not said.strip() or said.startswith("Cannot ")):
        return UNKNOWN_OPERATION
    return REJECTED


def _named(answer: Mapping[str, Any], known_fields: frozenset[str]) -> tuple[str, ...]:
    """The fields that the message names, in alphabetical order; out of our own list, as the rest may be a person's."""
    spelled = {name.lower(): name for name in known_fields}
    spelled |= {alias: name for alias, name in _ALIASES.items() if name in known_fields}
    value = answer.get("message")
    named: set[str] = set()
    for part in value if isinstance(value, list) else [value or ""]:
        text = str(part)
        subjects = {(name, at) for name, at in _SUBJECT.findall(text) if name in known_fields}
        for name, at in subjects or {(spelled.get(word.lower(), ""), at) for word, at in _ANYWHERE.findall(text)}:
            if name:
                named.add(f"{name}.{at}" if at and name == "customFields" else name)
    return tuple(sorted(named))


def _existing_contact(answer: Mapping[str, Any]) -> tuple[str, str] | None:
    """The id of the contact that is there, and the field by which it was met."""
    meta = answer.get("meta")
    if not isinstance(meta, dict):
        return None
    found, matching = meta.get("contactId"), meta.get("matchingField")
    if not isinstance(found, str) or not found:
        return None
    return found, matching if matching in ("email", "phone") else ""


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
    if header_number(headers, "x-ratelimit-daily-remaining") == 0:
        reset = header_number(headers, "x-ratelimit-daily-reset")
        return "daily_limit", wait or (reset if reset and reset < 90_000 else DAY_LOOK)
    if wait is None:
        interval = header_number(headers, "x-ratelimit-interval-milliseconds")
        wait = interval / 1000 if interval else INTERVAL
    return "rate_limited", wait
