"""What the ledger says of an event: ours to send, or standing where it stands."""

from __future__ import annotations

import msgspec

# An event item's `state`.
SENDING, SENT, FAILED, IGNORED, HELD = "sending", "sent", "failed", "ignored", "held"
# Nobody knows, for the second time, whether Pinterest has the event: whoever sent it died before it was recorded.
IN_DOUBT = "sent_in_doubt"


class EventClaim(msgspec.Struct, frozen=True, kw_only=True):
    """Ours to send until the claim ends; `owner` is a token nobody else has.

    sends: how often a sending was begun, this time included.
    """

    key: str
    owner: str
    sends: int = 1


class EventStanding(msgspec.Struct, frozen=True, kw_only=True):
    """Why an event could not be claimed.

    sending_until: epoch seconds, when somebody else holds it. is_known: the verdict is an earlier one of this message.
    """

    state: str
    reason: str = ""
    sending_until: float | None = None
    is_known: bool = False
