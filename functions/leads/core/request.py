"""A webhook request and our answer to it, free of any gateway's shape."""

from __future__ import annotations

from typing import Any

import msgspec

from leads.core.lead import Envelope
from leads.core.match import CrmChange


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What arrived: headers with lower-case names, the decoded query, and the body's bytes exactly as sent."""

    source: str
    token: str
    body: bytes
    headers: dict[str, str] = {}
    method: str = "POST"
    query: dict[str, str] = {}


class Answer(msgspec.Struct, frozen=True):
    """What we answer: an HTTP status and a JSON object, or a text that is sent as it is."""

    status: int
    body: dict[str, Any] | str


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """A request body of `size` bytes taken apart: its leads, and how many items could not be one.

    faults: what is wrong with how the platform is set up, in sentences for the operator that name the remedy.
    changes: what it tells of contacts that leads have become, for whoever hears of their outcomes.
    """

    envelopes: tuple[Envelope, ...]
    size: int = 0
    rejected: int = 0
    faults: tuple[str, ...] = ()
    changes: tuple[CrmChange, ...] = ()
