"""The reconcile queue's message: one scope of a run."""

from __future__ import annotations

import msgspec

from leads.core import lenient_json
from leads.core.errors import Undeliverable
from leads.core.reconciling import Scope

VERSION = 1


class ScopeMessage(msgspec.Struct, frozen=True, kw_only=True):
    """Body of a message: `{"v", "run", "scope": {source, account, form, since, until}}`; ids and times only."""

    v: int
    run: str
    scope: Scope


def body_of(run: str, scope: Scope) -> str:
    """The message body for a scope: ASCII JSON."""
    return lenient_json.encode_ascii({"v": VERSION, "run": run, "scope": msgspec.structs.asdict(scope)})


def parse(body: str) -> ScopeMessage:
    """The scope in a message body.

    Raises Undeliverable(unreadable_message) when it was not written by this app or by a version it understands.
    """
    try:
        message = msgspec.convert(lenient_json.decode(body), ScopeMessage)
    except ValueError:
        raise Undeliverable("unreadable_message", "the message body is not a scope to reconcile") from None
    if message.v != VERSION:
        raise Undeliverable("unreadable_message", f"the message has version {message.v}, this app reads {VERSION}")
    return message
