"""The failed-leads queue's message: a sealed lead, and in the attributes why it waits."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from leads.core import lenient_json
from leads.core.errors import Undeliverable
from leads.core.lead import Envelope

VERSION = 1

_NOT_IN_GROUPS = re.compile(r"[^!-~]")


class ParkedLead(msgspec.Struct, frozen=True, kw_only=True):
    """Body of a queue message: `{"v", "source", "lead_id", "received_at", "envelope"}`."""

    v: int
    source: str
    lead_id: str
    received_at: str
    envelope: Any


class Parking(msgspec.Struct, frozen=True, kw_only=True):
    """One message to send: the sealed lead, the reason, attempts so far, seconds until it shows up.

    group: whose lead it is: the CRM location where that is known, "" for the source's account. SQS serves the groups
        of a queue in turn, so that the backlog of one does not hold up the others.
    """

    envelope: Envelope
    reason: str
    attempt: int
    delay: int = 0
    group: str = ""

    @property
    def group_id(self) -> str:
        """The message's group as SQS takes it: up to 128 letters, digits and punctuation marks.

        https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html
        """
        group = self.group or f"{self.envelope.source}:{self.envelope.account}"
        return _NOT_IN_GROUPS.sub("_", group)[:128]


def body_of(envelope: Envelope) -> str:
    """The message body for a lead: ASCII JSON, with nothing in it beyond what the platform sent sealed."""
    return lenient_json.encode_ascii(
        {
            "v": VERSION,
            "source": envelope.source,
            "lead_id": envelope.lead_id,
            "received_at": envelope.received_at,
            "envelope": envelope.raw,
        }
    )


def parse(body: str) -> ParkedLead:
    """The parked lead in a message body.

    Raises Undeliverable when the message was not written by this app or by a version it understands.
    """
    try:
        # Whatever was read once is read again, one level further in.
        parked = msgspec.convert(lenient_json.decode(body, deepest=lenient_json.DEEPEST + 1), ParkedLead)
    except ValueError:
        raise Undeliverable("unreadable_message", "the message body is not a parked lead") from None
    if parked.v != VERSION:
        raise Undeliverable("unreadable_message", f"the message has version {parked.v}, this app reads {VERSION}")
    return parked
