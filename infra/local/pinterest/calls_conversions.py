"""Conversion events: taken, told of one by one, and looked back at."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from infra.local.pinterest.asked import Asked
from infra.local.pinterest.conversions import OFFLINE, CallRefusal
from infra.local.pinterest.event_rules import HASHED, fault_of
from infra.local.pinterest.event_scores import INGESTION_SOURCES, LOOKBACKS, SOURCE_PLATFORMS, scores_of
from infra.local.pinterest.refusals import Refused
from infra.local.sandbox.web import Answer

# Business Access: Owner, Admin, Analyst, Audience, Campaign (events/create).
ROLES = ("OWNER", "ADMIN", "ANALYST", "AUDIENCE_MANAGER", "CAMPAIGN_MANAGER")
ACTION_SOURCES = ("app_android", "app_ios", "web", OFFLINE)
_IDENTIFIERS = (("em",), ("hashed_maids",), ("client_ip_address", "client_user_agent"))
_DIGEST = re.compile(r"[0-9a-fA-F]{64}")
_INVALID = 4196
_FLAGS = {"true": True, "false": False}


def send(asked: Asked, number: str) -> Answer:
    """events/create: an answer for each event, in the call's order.

    A call that is against the schema is refused as a whole. What a single event fails for is documented nowhere; here,
    for a value that the schema's descriptions rule out and for user data of nobody, so that it costs only itself.
    """
    account = asked.account(number, ROLES)
    asked.only("test")
    is_test = _FLAGS.get(asked.call.query.get("test", "false"))
    if is_test is None:
        raise Refused(400, _INVALID, "The request was invalid. test is true or false.")
    body = asked.json(_INVALID)
    if fault := fault_of(body):
        raise Refused(400, _INVALID, f"The request was invalid. {fault}")
    events: list[dict[str, Any]] = body["data"]
    refusal = asked.api.conversions.refusal(events)
    told = {}
    if refusal is None or refusal.takes_others:
        told = _taken(asked, account.id, events, refusal, is_test=is_test)
    if refusal is None:
        return Answer(200, told)
    message = "Not all events were successfully processed."
    return Answer(422, {"code": 0, "message": message, "details": told if refusal.details == "statuses" else {}})


def conversion_token(asked: Asked) -> Answer:
    """oauth/conversion_token: a token of the same user that never expires."""
    asked.only()
    return Answer(200, {"access_token": asked.api.tokens.for_conversions(asked.grant), "token_type": "conversion"})


def scores(asked: Asked, number: str) -> Answer:
    """conversion_eqs/list: a score for each source that has sent events in time."""
    account = asked.account(number)
    asked.only("lookback_period", "source_platform", "ingestion_source")
    query = asked.call.query
    for name, allowed in (
        ("lookback_period", LOOKBACKS),
        ("source_platform", (None, *SOURCE_PLATFORMS)),
        ("ingestion_source", (None, *INGESTION_SOURCES)),
    ):
        if query.get(name) not in allowed:
            raise Refused(400, 1, f"{name} is one of {', '.join(filter(None, allowed))}.")
    lookback = query["lookback_period"]
    since = asked.api.conversions.clock() - LOOKBACKS[lookback]
    sent = [sent for sent in asked.api.conversions.sent if (sent.account, sent.test) == (account.id, False)]
    found = scores_of([one.event for one in sent if one.at >= since], lookback)
    wanted = {name: query[name] for name in ("source_platform", "ingestion_source") if name in query}
    return Answer(200, [score for score in found if all(score[name] == value for name, value in wanted.items())])


def defined_events(asked: Asked, number: str) -> Answer:
    """advertiser_defined_events/get."""
    account = asked.account(number)
    asked.only()
    defined = asked.api.conversions.defined.items()
    items = [{"name": name, "mapped_conversion_type": kind} for (of, name), kind in defined if of == account.id]
    return Answer(200, {"items": items})


def _taken(
    asked: Asked, account: str, events: Sequence[dict[str, Any]], refusal: CallRefusal | None, *, is_test: bool
) -> dict[str, Any]:
    """Keep those that are right; what is told of each (schema ConversionApiResponse)."""
    verdicts = [_verdict(asked, event, refusal) for event in events]
    right = [event for event, verdict in zip(events, verdicts, strict=True) if verdict["status"] == "processed"]
    for event in right:
        asked.api.conversions.keep(account, event, is_test=is_test)
    return {"num_events_received": len(events), "num_events_processed": len(right), "events": verdicts}


def _verdict(asked: Asked, event: Mapping[str, Any], refusal: CallRefusal | None) -> dict[str, str]:
    """Messages are empty texts where there is nothing to say, as in real answers."""
    conversions = asked.api.conversions
    ordered = conversions.fault(event)
    error = (ordered.error_message if ordered else "") or _error(event, conversions.clock())
    if refusal and refusal.chooses(event):
        error = error or "The event could not be processed."
    warnings = [ordered.warning_message] if ordered and ordered.warning_message else []
    warnings += [
        f"'{name}' is not in sha256 hashed format" for name in HASHED if _is_unhashed(event["user_data"], name)
    ]
    return {
        "status": "failed" if error else "processed",
        "error_message": error,
        "warning_message": "" if error else ", ".join(warnings),
    }


def _error(event: Mapping[str, Any], now: float) -> str:
    if not event["event_id"]:
        return "event_id is empty"
    if not event["event_name"]:
        return "event_name is empty"
    if event["action_source"] not in ACTION_SOURCES:
        return "action_source is not one of " + ", ".join(ACTION_SOURCES)
    # Milliseconds are a moment in a far future.
    if not 0 < event["event_time"] <= now:
        return "event_time is not a time in seconds that has been"
    if not any(all(event["user_data"].get(name) for name in names) for names in _IDENTIFIERS):
        return "user_data has none of em, hashed_maids, or client_ip_address with client_user_agent"
    return ""


def _is_unhashed(user_data: Mapping[str, Any], name: str) -> bool:
    return any(_DIGEST.fullmatch(value) is None for value in user_data.get(name, ()))
