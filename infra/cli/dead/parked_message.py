"""One message of the dead-letter queue, read without opening the lead in it."""

import datetime as dt
import importlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from infra.cli.story.ledger import LedgerLead
from leads.core import parked_lead
from leads.core.errors import Undeliverable
from leads.core.lead import Envelope, plain_id
from leads.core.routes import CRM_SOURCES
from leads.sources import REGISTRY
from leads.sources.facebook_notice import notice_of
from leads.sources.leadconnector_events import event_of

DAY = 86_400.0
# How long a platform can be asked for a lead again, in days. LeadConnector keeps its contacts until somebody deletes
# them. Pinterest: developers.pinterest.com/docs/work-with-ads/lead-ads; Facebook: Meta's guide "Retrieving leads".
PLATFORM_KEEPS_DAYS: Mapping[str, int] = {"pinterest": 30, "facebook": 90}
# A platform's class is asked for nothing but `wrap`, which needs neither keys nor a network.
_WITHOUT_KEYS: Mapping[str, Callable[[Callable[..., Any]], Any]] = {
    "pinterest": lambda make: make(None),
    "facebook": lambda make: make(None, None, "", now=time.time),
    "leadconnector": lambda make: make(None, None, None, now=time.time),
}


@dataclass(frozen=True)
class DeadLetter:
    """A dead letter. Times are seconds since the epoch; what the message does not tell is "" or 0.

    attributes: the message's own, as SQS gives them; key: by which the ledger knows the lead; lead: what it says.
    """

    message_id: str
    receipt_handle: str = field(repr=False)
    body: str = field(repr=False)
    attributes: Mapping[str, Mapping[str, Any]]
    group: str = ""
    parked_at: float = 0.0
    receives: int = 0
    source: str = ""
    account: str = ""
    form: str = ""
    lead_id: str = ""
    key: str = ""
    received_at: str = ""
    lead: LedgerLead | None = None

    @property
    def reason(self) -> str:
        """The ledger's, which is the latest; else the one it was parked for."""
        return (self.lead.reason if self.lead else "") or self.parked_for

    @property
    def parked_for(self) -> str:
        return str(self.attributes.get("reason", {}).get("StringValue", ""))

    @property
    def attempts(self) -> int:
        """Attempts at the lead as far as they were noted: one that could not open it claims nothing in the ledger."""
        told = str(self.attributes.get("attempt", {}).get("StringValue", ""))
        return max(self.lead.attempts if self.lead else 0, int(told) if told.isdecimal() else 0)

    def goes_by(self, name: str) -> bool:
        """Whether this is how an operator calls it: lead id, ledger key or its last part, message id."""
        return name in (self.lead_id, self.key, self.key.rpartition("#")[2], self.message_id) and bool(name)

    @property
    def ended_since(self) -> str:
        """`delivered` or `ignored` where the ledger says that the lead needs this letter no more, else "".

        Of a record that changes, it may say so of an earlier change.
        """
        if self.lead is None or self.lead.status not in ("delivered", "ignored"):
            return ""
        is_earlier = (seconds_of(self.lead.updated_at) or 0.0) <= self.parked_at
        return "" if self.source in CRM_SOURCES and is_earlier else self.lead.status

    def platform_days_left(self, now: float) -> float | None:
        """Days until the platform forgets the lead, below 0 when it has; None where it never does, or nobody knows."""
        return platform_days_left(self.source, self.received_at, now)

    def as_json(self, now: float, retention: float) -> dict[str, Any]:
        """What there is to tell. retention: seconds for which the queue keeps a message."""
        platform = self.platform_days_left(now)
        return {
            "message_id": self.message_id,
            "key": self.key,
            "source": self.source,
            "account": self.account,
            "form": self.form,
            "lead_id": self.lead_id,
            "status": self.lead.status if self.lead else "",
            "ended_since": self.ended_since,
            "reason": self.reason,
            "parked_for": self.parked_for,
            "attempts": self.attempts,
            "received_at": self.received_at,
            "parked_at": iso(self.parked_at),
            "age_seconds": round(now - self.parked_at),
            "platform_days_left": None if platform is None else round(platform, 1),
            "queue_days_left": round((self.parked_at + retention - now) / DAY, 1),
        }


def dead_letter(message: Mapping[str, Any]) -> DeadLetter:
    """The dead letter in a message that was received with all its attributes; one that is no lead has no key."""
    system = message.get("Attributes", {})
    letter = DeadLetter(
        message_id=message["MessageId"],
        receipt_handle=message["ReceiptHandle"],
        body=message["Body"],
        attributes=message.get("MessageAttributes", {}),
        group=system.get("MessageGroupId", ""),
        parked_at=int(system.get("SentTimestamp", 0)) / 1000,
        receives=int(system.get("ApproximateReceiveCount", 0)),
    )
    envelope = envelope_of(letter.body)
    if envelope is None:
        return letter
    return replace(
        letter,
        source=envelope.source,
        account=envelope.account,
        form=_FORMS[envelope.source](envelope.raw),
        lead_id=envelope.lead_id,
        key=envelope.ledger_key,
        received_at=envelope.received_at,
    )


def envelope_of(body: str) -> Envelope | None:
    """The sealed lead in a message's body, as its source wraps it; None for what is no lead of a known source."""
    try:
        parked = parked_lead.parse(body)
    except Undeliverable:
        return None
    return envelope(parked.source, parked.envelope, parked.received_at) if parked.source in REGISTRY else None


def envelope(source: str, raw: Any, received_at: str) -> Envelope:
    """What a source makes of one of its items, nothing opened."""
    module, _, kind = REGISTRY[source].partition(":")
    platform = _WITHOUT_KEYS[source](getattr(importlib.import_module(module), kind))
    wrapped: Envelope = platform.wrap(raw, received_at=received_at)
    return wrapped


def platform_days_left(source: str, received_at: str, now: float) -> float | None:
    """Days until a platform forgets a lead that came at an ISO time; None where it never does, or nobody knows."""
    keeps, since = PLATFORM_KEEPS_DAYS.get(source), seconds_of(received_at)
    return None if keeps is None or since is None else keeps - (now - since) / DAY


def seconds_of(text: str) -> float | None:
    """Seconds since the epoch of an ISO 8601 time, taken as UTC where it names no zone; None for no time."""
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)).timestamp()


def iso(seconds: float) -> str:
    """Seconds since the epoch as ISO 8601, to the second."""
    return dt.datetime.fromtimestamp(seconds, dt.UTC).isoformat(timespec="seconds")


def _pinterest_form(raw: Any) -> str:
    return plain_id(raw.get("lead_form_id")) if isinstance(raw, dict) else ""


def _leadconnector_form(raw: Any) -> str:
    event = event_of(raw) if isinstance(raw, dict) else None
    return event.kind.form if event else ""


_FORMS: Mapping[str, Callable[[Any], str]] = {
    "pinterest": _pinterest_form,
    "facebook": lambda raw: notice_of(raw).form,
    "leadconnector": _leadconnector_form,
}
