"""What the ledger says of a lead: free to claim, or standing where it stands."""

from __future__ import annotations

from enum import StrEnum

import msgspec

# The state of a step that may have happened: whoever goes on must look before doing it again.
UNKNOWN = "unknown"


class Status(StrEnum):
    """A ledger item's `status`."""

    CLAIMED = "claimed"
    DELIVERED = "delivered"
    PARKED = "parked"
    UNDELIVERABLE = "undeliverable"
    IGNORED = "ignored"


class State(msgspec.Struct, frozen=True, kw_only=True):
    """Which state of a record that may change was delivered.

    revision: as in Lead. changed_at: seconds since the epoch, None where the platform does not tell.
    is_counterpart: the record came of our own writing.
    """

    revision: str = ""
    changed_at: float | None = None
    is_counterpart: bool = False


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far a lead's delivery has come, all attempts together.

    steps: step → the id of what it made, `done`, or UNKNOWN; a step that is not named did not happen.
    remarks: sentences about what the CRM did not take as sent; they name fields, never a person's data.
    """

    contact_id: str = ""
    location_id: str = ""
    steps: dict[str, str] = {}
    remarks: tuple[str, ...] = ()


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """Ours to deliver until the claim expires; `owner` is a token nobody else has.

    progress: what earlier attempts have recorded.
    doubtful: an earlier owner died without a word, so any step that is not recorded may have happened.
    first_seen_at: seconds since the epoch at which the ledger first heard of the lead.
    is_update: the record was delivered before, in another state; `progress` tells to which contact.
    """

    key: str
    owner: str
    progress: Progress = Progress()
    doubtful: bool = False
    first_seen_at: float = 0.0
    is_update: bool = False


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """Why a lead could not be claimed.

    claimed_until: seconds since the epoch, when somebody else holds it.
    replayed: the same ciphertext already belongs to another lead id.
    location_id, steps: as in Progress.
    is_counterpart: the record came of our own writing.
    """

    status: Status
    reason: str = ""
    contact_id: str | None = None
    claimed_until: float | None = None
    replayed: bool = False
    location_id: str = ""
    steps: dict[str, str] = {}
    is_counterpart: bool = False

    @property
    def is_final(self) -> bool:
        """Whether nothing more will happen to the lead."""
        return self.status in (Status.DELIVERED, Status.IGNORED)

    def is_held(self, now: float) -> bool:
        """Whether somebody who may still be alive is delivering the lead. now: seconds since the epoch."""
        return self.status is Status.CLAIMED and (self.claimed_until or 0.0) > now
