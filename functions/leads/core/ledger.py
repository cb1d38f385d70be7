"""What the ledger says of a lead: free to claim, or standing where it stands."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Status(StrEnum):
    """A ledger item's `status`."""

    CLAIMED = "claimed"
    DELIVERED = "delivered"
    PARKED = "parked"
    UNDELIVERABLE = "undeliverable"
    IGNORED = "ignored"


class Claim(msgspec.Struct, frozen=True):
    """Ours to deliver until the claim expires; `owner` is a token nobody else has."""

    key: str
    owner: str


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """Why a lead could not be claimed.

    claimed_until: seconds since the epoch, when somebody else holds it.
    replayed: the same ciphertext already belongs to another lead id.
    """

    status: Status
    reason: str = ""
    contact_id: str | None = None
    claimed_until: float | None = None
    replayed: bool = False
