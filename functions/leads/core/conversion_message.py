"""The conversions queue's message: an event in the plain words that any system can write, or a change in the CRM."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Collection, Mapping
from typing import Any

import msgspec

from leads.core import lenient_json
from leads.core.conversion import WEB, Event
from leads.core.conversion_fields import CUSTOM, HASHED, HASHED_NAMES, MEMBERS, MORE, OWN, PERSON, PLACES, RAW
from leads.core.conversion_values import fault, unknown
from leads.core.errors import Undeliverable
from leads.core.match import CrmChange
from leads.core.user_data import hashed

VERSION = 1

# The message does not say for which ad account it is, and there is not just one.
NO_ACCOUNT = "no_account"

# By how much a sender's clock may be ahead, in seconds.
_CLOCKS_DIFFER = 600
_CHANGE = "crm_change"
_NO_CHANGE = CrmChange(location_id="", contact_id="")


def parse(body: str, *, accounts: Collection[str], phone_region: str, now: float) -> Event | CrmChange:
    """The event, or the change in the CRM, that a message tells of.

    accounts: ad accounts that have a conversion token; where there is one, a message need not name it.
    phone_region: ISO-2 region of a number without country code. now: epoch seconds.

    Raises Undeliverable with a sentence that names the member at fault and the remedy, never the value:
    unreadable_message, unknown_field, not_hashed, bad_account, no_account, bad_time, bad_value.
    """
    message = _object(body)
    if _CHANGE in message:
        return _change(message[_CHANGE])
    parts: dict[str, dict[str, Any]] = {place: {} for place in PLACES}
    for name, value in message.items():
        member = MEMBERS.get(name)
        if member is None:
            raise unknown(name, MEMBERS)
        if value is not None and (sent := member.read(name, value)) is not None:
            parts[member.place][member.key] = sent
    own, custom_data = parts[OWN], parts[CUSTOM]
    for name in ("event_name", "event_time"):
        if name not in own:
            raise fault(name, "is missing", reason="bad_time" if name == "event_time" else "bad_value")
    account = own.get("ad_account_id") or _only(accounts)
    user_data = _user_data(parts, phone_region)
    told = own["event_time"]
    return Event(
        account=account,
        name=own["event_name"],
        # Of the moment as it was told: one that is ahead of the clock would become another with every attempt.
        event_id=own.get("event_id") or _id_of(account, own["event_name"], told, user_data, custom_data),
        at=_until(now, told),
        action_source=own.get("action_source", WEB),
        user_data=user_data,
        custom_data=custom_data,
        more=parts[MORE],
        is_test=own.get("test", False),
        lead_key=own.get("lead", ""),
        outcome=own.get("outcome", ""),
    )


def event_message(event: Event) -> str:
    """The message that `parse` makes this event of again: ASCII JSON, in which the person is hashed."""
    user_data = {HASHED_NAMES.get(key, key): value for key, value in event.user_data.items()}
    told = {
        "v": VERSION,
        "ad_account_id": event.account,
        "event_name": event.name,
        "event_time": event.at,
        "event_id": event.event_id,
        "action_source": event.action_source,
        **user_data,
        **event.custom_data,
        **event.more,
    }
    own = {"test": event.is_test, "lead": event.lead_key, "outcome": event.outcome}
    return lenient_json.encode_ascii(told | {name: value for name, value in own.items() if value})


def change_message(change: CrmChange) -> str:
    """The message that `parse` makes this change of again: ASCII JSON, without what is as usual."""
    told = {name: value for name, value in msgspec.structs.asdict(change).items() if value != getattr(_NO_CHANGE, name)}
    return lenient_json.encode_ascii({"v": VERSION, _CHANGE: told})


def _object(body: str) -> dict[str, Any]:
    """The message without its version."""
    try:
        message = lenient_json.decode(body)
    except ValueError:
        message = None
    if not isinstance(message, dict):
        raise Undeliverable("unreadable_message", "the message is not a JSON object: send each event as one")
    if message.pop("v", VERSION) != VERSION:
        raise fault("v", f"must be {VERSION}, the only version that this app reads", reason="unreadable_message")
    return message


def _change(told: Any) -> CrmChange:
    try:
        change = msgspec.convert(told, CrmChange)
    except ValueError:
        change = _NO_CHANGE
    is_moment = change.at is None or math.isfinite(change.at)
    if not (change.location_id and change.contact_id and is_moment and _is_text(change)):
        raise fault(_CHANGE, "is no change that this app has written", reason="unreadable_message")
    return change


def _is_text(change: CrmChange) -> bool:
    """Whether what becomes a key of the ledger can be one."""
    keys = change.location_id + change.contact_id + change.record
    return lenient_json.plain_text(keys) == keys


def _only(accounts: Collection[str]) -> str:
    if len(accounts) == 1:
        return next(iter(accounts))
    known = "no ad account has a conversion token" if not accounts else "several ad accounts have conversion tokens"
    raise Undeliverable(
        NO_ACCOUNT, f"{known}: say in `ad_account_id` which one the event is for", fields=("ad_account_id",)
    )


def _user_data(parts: Mapping[str, dict[str, Any]], phone_region: str) -> dict[str, Any]:
    """All that identifies the person: hashes as they came, then what we have hashed ourselves, each once."""
    found: dict[str, Any] = dict(parts[HASHED])
    for key, ours in hashed(parts[RAW], phone_region=phone_region).items() if parts[RAW] else ():
        found[key] = list(dict.fromkeys((*found.get(key, ()), *ours)))
    return found | parts[PERSON]


def _until(now: float, told: int) -> int:
    if told > now + _CLOCKS_DIFFER:
        raise fault("event_time", "is in the future: send what has happened, in seconds", reason="bad_time")
    return min(told, int(now))


def _id_of(account: str, name: str, at: int, user_data: Mapping[str, Any], custom_data: Mapping[str, Any]) -> str:
    """The same for the same event however often, and in whatever order, it is written; 64 hex digits."""
    content = msgspec.json.encode([account, name, at, user_data, custom_data], order="sorted")
    return hashlib.sha256(content).hexdigest()
