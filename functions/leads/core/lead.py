"""A lead: sealed as the platform sent it (Envelope), then opened (Lead)."""

from __future__ import annotations

import hashlib
import re
from typing import Any

import msgspec

_PLAIN_ID = re.compile(r"[A-Za-z0-9_.:-]{1,128}")


class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """One lead as it arrived, nothing opened yet.

    raw: the platform's own JSON value, unchanged; what the queue keeps.
    seal: hex hash of the part that cannot be forged (Pinterest: nonce and tag), "" when there is none.
    received_at: ISO 8601 UTC time at which we first saw it.
    content: what came along in the clear, or was fetched already; it stays in memory and is never stored or logged.
    """

    source: str
    account: str
    lead_id: str
    raw: Any
    received_at: str
    seal: str = ""
    is_test: bool = False
    content: Any = None

    @property
    def ledger_key(self) -> str:
        """`<source>#<account>#<lead_id>`; all test leads share one id, so a test goes by its seal."""
        own = self.seal if self.is_test and self.seal else self.lead_id
        return f"{self.source}#{self.account}#{own}"


class Consent(msgspec.Struct, frozen=True, kw_only=True):
    """What a person was asked to agree to, and whether they did; at: seconds since the epoch, None when not told."""

    key: str
    text: str
    given: bool
    at: float | None = None


class CopiedNote(msgspec.Struct, frozen=True, kw_only=True):
    """A note somebody wrote in another CRM location."""

    text: str


class CopiedTask(msgspec.Struct, frozen=True, kw_only=True):
    """A task somebody made in another CRM location; due_at: seconds since the epoch, None when there is no date."""

    title: str
    body: str = ""
    due_at: float | None = None
    completed: bool = False


class Lead(msgspec.Struct, frozen=True, kw_only=True):
    """What a person left: `answers` maps the platform's question key to any JSON value.

    created_at: seconds since the epoch at which the person left it, None when the platform did not say.
    account, form: taken from the key that opened the lead where the platform authenticates nothing else.
    campaign: what the platform told about where the lead came from (campaign, ad group, ad: ids and names).
    revision: which state of a record that may change again this is, "" for what is left once and for all.
    changed_at: seconds since the epoch at which the record took this state, None when the platform did not say.
    copied: a note or task to be copied to the contact, instead of what a route makes of a lead.
    contact_key: ledger key of the contact that `copied` or `removes` belongs to.
    removes: ledger key of the copied note or task that is to be removed again.
    """

    source: str
    account: str
    form: str
    lead_id: str
    ledger_key: str
    seal: str
    is_test: bool
    created_at: float | None
    answers: dict[str, Any]
    campaign: dict[str, str] = {}
    consents: tuple[Consent, ...] = ()
    revision: str = ""
    changed_at: float | None = None
    copied: CopiedNote | CopiedTask | None = None
    contact_key: str = ""
    removes: str = ""

    @property
    def is_record(self) -> bool:
        """Whether this is a record of a CRM, of which there may be news as long as it exists."""
        return bool(self.revision or self.copied)


def plain_id(value: Any) -> str:
    """An identifier that is safe as a key and in a log line.

    Platforms send ids as strings or numbers. Anything else a sender could slip into an unauthenticated
    field (an e-mail address, a megabyte) is replaced by a hash, so it stays distinct and says nothing.
    """
    text = value if isinstance(value, str) else str(value) if type(value) is int else ""
    if not text or _PLAIN_ID.fullmatch(text):
        return text
    return "hashed-" + hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]
