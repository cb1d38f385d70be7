"""A conversion event: what Pinterest is told of a person who did something, and what became of telling it.

Source: the Ads API's OpenAPI file, schemas ConversionEvents and ConversionEventsUserData.
"""

from __future__ import annotations

import hashlib
import re
from typing import Any

import msgspec

from leads.core.lead import plain_id

# An ad account's id has up to 18 digits (the OpenAPI file's parameter path_ad_account_id).
_ACCOUNT = re.compile(r"[0-9]{1,18}")
# One of these sets of user data must be there, else nobody could be matched (ConversionEventsUserData).
_IDENTIFIERS = (("em",), ("hashed_maids",), ("client_ip_address", "client_user_agent"))

OFFLINE, WEB = "offline", "web"
ACTION_SOURCES = (WEB, OFFLINE, "app_ios", "app_android")
# Events in one call, of one ad account.
LARGEST_CALL = 1000


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One event, ready to be sent.

    account: the ad account's id. name: a standard one, or one that the advertiser has defined. at: epoch seconds.
    user_data: as the API takes it, hashed; click_id, partner_id, client_ip_address and client_user_agent are in the
    clear there. custom_data: value, currency and the like. more: other members of the event (`opt_out` …).
    is_test: to be sent as a test, which Pinterest answers and forgets.
    lead_key, outcome: the lead that it is about, by its ledger key, and what became of it; "" for others' events.
    """

    account: str
    name: str
    event_id: str
    at: int
    action_source: str
    user_data: dict[str, Any]
    custom_data: dict[str, Any] = {}
    more: dict[str, Any] = {}
    is_test: bool = False
    lead_key: str = ""
    outcome: str = ""

    @property
    def known_as(self) -> str:
        """The event's id where it may be read: other systems have been seen to use an e-mail address for one."""
        return plain_id(self.event_id)

    @property
    def key(self) -> str:
        """What the ledger knows it by; a test is another event than the one it stands for."""
        return f"event#{self.account}#{self.known_as}" + ("#test" if self.is_test else "")

    @property
    def is_identified(self) -> bool:
        """Whether Pinterest can tell whose event it is: by e-mail, by advertising ids, or by address and browser."""
        return any(all(self.user_data.get(name) for name in names) for names in _IDENTIFIERS)

    def member(self) -> dict[str, Any]:
        """The event as a member of the call's `data`."""
        return {
            **self.more,
            "event_name": self.name,
            "action_source": self.action_source,
            "event_time": self.at,
            "event_id": self.event_id,
            "user_data": self.user_data,
            **({"custom_data": self.custom_data} if self.custom_data else {}),
        }


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What Pinterest said of one event.

    is_taken: it was taken as an event. detail: a sentence about what is wrong with it; warnings: what is wrong with
    fields of one that was taken. Both name fields, never what is in them.
    """

    is_taken: bool
    detail: str = ""
    warnings: tuple[str, ...] = ()


class EventOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of an event in one attempt: ids and codes only, so that it may be logged as it is.

    status: `sent`, `duplicate` (sent before), `ignored` (not to be sent), `queued` (found in a change of the CRM, and
        now a message of its own), `held` (hidden until its next attempt) or `failed` (on its way to the dead letters).
    reason, detail: why, as a code and a sentence. repeated: a verdict that was known before.
    message_id: the queue message that brought it. outcome, lead_key, event: see Event; event_id: Event.known_as.
    warnings: what Pinterest has to say of fields. is_test: it was sent as a test.
    wait: seconds until the next attempt; attempt: which one this was; retry_after: seconds the other side asked for.
    age: seconds since the event happened.
    trace_id: Pinterest's own id of the call.
    """

    status: str
    message_id: str = ""
    account: str = ""
    event: str = ""
    event_id: str = ""
    lead_key: str = ""
    outcome: str = ""
    reason: str = ""
    detail: str = ""
    warnings: tuple[str, ...] = ()
    is_test: bool = False
    attempt: int = 0
    wait: int | None = None
    retry_after: float | None = None
    age: int | None = None
    trace_id: str | None = None
    misconfigured: bool = False
    repeated: bool = False

    @property
    def is_final(self) -> bool:
        """Whether the message that brought the event has served its purpose."""
        return self.status in ("sent", "duplicate", "ignored", "queued")


def is_account(text: Any) -> bool:
    """Whether this is an ad account's id: one to eighteen digits."""
    return isinstance(text, str) and _ACCOUNT.fullmatch(text) is not None


def event_id_of(account: str, lead_key: str, outcome: str) -> str:
    """The same for an outcome of a lead whenever it is told, so that Pinterest can see a repetition; 64 hex digits."""
    # No part can hold the separator, so that two outcomes never share an id.
    name = "\x1f".join((account, lead_key, outcome))
    return hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()
