"""A contact whose outcomes Pinterest hears of: the lead that it last came of, and what is known to hold of it."""

from __future__ import annotations

from typing import Any

import msgspec

# The records that tell of a contact's outcomes: itself, and each of its opportunities by its id.
CONTACT_RECORD = "contact"


class Match(msgspec.Struct, frozen=True, kw_only=True):
    """What the ledger remembers of a delivered lead for the day on which something becomes of it.

    lead_key, account: of the person's last lead; route: the route that took it, by name.
    left_at: epoch seconds at which that was left: nothing that happened before is an outcome of it.
    user_data: as in Event, all of it hashed; what was submitted, whatever the CRM's users change later.
    standing: record (see CONTACT_RECORD) → outcomes that held of it when it was last heard of, of an opportunity also
        its status and stage where nobody wants them, and as `untold:…` what it may have been before the lead. Only what
        was not among them before is news.
    heard_at: record → epoch seconds of what was last heard of it since this lead.
    wanted: the outcomes that the contact's own record was last looked at for; None: those of the route. Whether any
        other held by then nobody knows.
    """

    location_id: str
    contact_id: str
    lead_key: str
    account: str
    route: str
    left_at: float
    user_data: dict[str, Any]
    is_test: bool = False
    standing: dict[str, tuple[str, ...]] = {}
    heard_at: dict[str, float] = {}
    wanted: tuple[str, ...] | None = None

    @property
    def key(self) -> str:
        """What the ledger knows it by."""
        return match_key(self.location_id, self.contact_id)


def match_key(location_id: str, contact_id: str) -> str:
    """The ledger's key of what is remembered for a contact."""
    return f"conversions#{location_id}#{contact_id}"


class CrmChange(msgspec.Struct, frozen=True, kw_only=True):
    """What the CRM told of a contact or one of its opportunities: ids, and of its tags only those that a route names.

    record: CONTACT_RECORD or the opportunity's id. at: epoch seconds, None when it was not told.
    tags: those that a route's outcomes name, None when they were not told and have to be read.
    is_opportunity: the record is one.
    status, stage: the opportunity's status and pipeline stage (id or name), "" when not told.
    is_status_transition, is_stage_transition: it has become that just then; else it only is so.
    monetary_value, currency: "" when not told. outcomes: names of outcomes that the sender itself has put there.
    """

    location_id: str
    contact_id: str
    record: str = CONTACT_RECORD
    at: float | None = None
    tags: tuple[str, ...] | None = None
    is_opportunity: bool = False
    status: str = ""
    stage: str = ""
    is_status_transition: bool = False
    is_stage_transition: bool = False
    monetary_value: str = ""
    currency: str = ""
    outcomes: tuple[str, ...] = ()
