"""An order to reconcile, as the schedule or a person gives it."""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Collection, Mapping
from typing import Any

import msgspec

from leads.core.errors import RejectedRequest
from leads.core.routes import CRM_SOURCES

DAY = 86_400.0
# A platform's clock may be ahead of ours, and a lead left this moment is wanted, too.
AHEAD = 60.0

# The ledger remembers a lead for 90 days from the day it came, and what it has forgotten would be delivered again. Of
# a CRM's own records it remembers for years which were carried over.
OLDEST_DAYS = 89

_KEYS = ("source", "account", "form", "from", "to", "wait", "run")
_ID = re.compile(r"[A-Za-z0-9_.:-]{1,128}")
_DAY = re.compile(r"\d{4}-?\d{2}-?\d{2}")
# Fewer digits are a date without dashes.
_NUMBER = re.compile(r"\d{9,11}(\.\d{1,6})?")
_TIME_FORMS = "a date such as 2026-11-20, an ISO time such as 2026-11-20T09:00:00Z, or seconds since 1970"


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """Reconcile what fits `source`, `account` and `form` ("" = any) between `since` and `until` (epoch seconds).

    run: id of the run; "" = a new one. is_report: `run` exists, and only its report is asked for.
    waits: whoever asked waits for the report.
    """

    since: float
    until: float
    source: str = ""
    account: str = ""
    form: str = ""
    run: str = ""
    is_report: bool = False
    waits: bool = False
    is_scheduled: bool = False


def parse_order(event: Any, *, now: float, days: float, sources: Collection[str]) -> Order:
    """The order in an event: `{}`, an EventBridge schedule event, or `{"source", "account", "form", "from", "to"}`.

    All keys are optional; `{"wait": true}` waits for the report of everything, `{"run": id}` asks for that of an
    earlier run. `from` and `to` take a date (`to` includes that day), an ISO time (UTC unless it says otherwise) or
    epoch seconds; the default is the last `days` days. Nothing older than 89 days can be asked for, except of a
    CRM's own locations, whose records are remembered for years. A schedule's event names its own run and time, so
    that the same event twice is the same run.

    Raises RejectedRequest(400, not_an_order) with a sentence that says what is wrong.
    """
    if not isinstance(event, Mapping):
        raise _wrong('an order is a JSON object such as {"source": "facebook", "from": "2026-11-20"}')
    if "detail-type" in event:
        return _scheduled(event, now, days)
    if unknown := sorted(str(key) for key in event if key not in _KEYS):
        raise _wrong(f"an order has no {unknown[0][:40]!r}; it may have: {', '.join(_KEYS)}")
    texts = {name: _id(event, name) for name in ("source", "account", "form", "run")}
    if texts["source"] and texts["source"] not in sources:
        raise _wrong(f"no source named {texts['source']!r} can be reconciled; there are: {', '.join(sorted(sources))}")
    wait = event.get("wait", any(key != "wait" for key in event))
    if not isinstance(wait, bool):
        raise _wrong('"wait" takes true or false')
    until = _time(event, "to", now + AHEAD)
    since = _time(event, "from", min(until, now) - days * DAY)
    if since >= until:
        raise _wrong('"from" must be earlier than "to"' if "to" in event else '"from" must be in the past')
    if not texts["run"] and since < now - OLDEST_DAYS * DAY and texts["source"] not in CRM_SOURCES:
        raise _wrong(
            f'"from" must be within the last {OLDEST_DAYS} days: older leads are no longer remembered, and would be '
            'delivered again; only of {"source": "leadconnector"} it may be earlier'
        )
    return Order(
        since=since,
        until=until,
        source=texts["source"],
        account=texts["account"],
        form=texts["form"],
        run=texts["run"],
        is_report=bool(texts["run"]),
        waits=wait,
    )


def _scheduled(event: Mapping[str, Any], now: float, days: float) -> Order:
    """https://docs.aws.amazon.com/eventbridge/latest/ref/events-structure.html: "id" is unique to the event."""
    try:
        at = _read_time(event.get("time"), "time")
    except RejectedRequest:
        at = now
    number = event.get("id")
    is_plain = isinstance(number, str) and _ID.fullmatch(number)
    run = run_id(at, str(number)) if is_plain else ""
    return Order(since=at - days * DAY, until=at + AHEAD, run=run, is_scheduled=True)


def run_id(at: float, unique: str) -> str:
    """A run's name: when it was ordered, and something nobody else has."""
    return f"{dt.datetime.fromtimestamp(at, dt.UTC):%Y%m%dT%H%M%SZ}-{unique}"


def _id(event: Mapping[str, Any], name: str) -> str:
    value = event.get(name)
    if value is None:
        return ""
    text = str(value) if type(value) is int else value
    if not isinstance(text, str) or (text and not _ID.fullmatch(text)):
        raise _wrong(f'"{name}" takes a name or an id: up to 128 letters, digits and _ . : -')
    return text


def _time(event: Mapping[str, Any], name: str, default: float) -> float:
    return default if event.get(name) in (None, "") else _read_time(event[name], name)


def _read_time(value: Any, name: str) -> float:
    fault = _wrong(f'"{name}" takes {_TIME_FORMS}')
    try:
        if isinstance(value, str) and _NUMBER.fullmatch(value):
            value = float(value)
        if isinstance(value, str):
            moment = dt.datetime.fromisoformat(value)
            if moment.tzinfo is None:
                moment = moment.replace(tzinfo=dt.UTC)
            # A whole day is meant from its beginning until its end.
            return moment.timestamp() + (DAY if name == "to" and _DAY.fullmatch(value) else 0.0)
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise fault
        dt.datetime.fromtimestamp(value, dt.UTC)
        return float(value)
    except (ValueError, OverflowError, OSError):
        raise fault from None


def _wrong(sentence: str) -> RejectedRequest:
    return RejectedRequest(400, "not_an_order", sentence)
