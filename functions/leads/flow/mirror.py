"""A contact of one CRM location in another: what we wrote ourselves is never carried back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from leads.core.errors import TryAgain
from leads.core.lead import Lead
from leads.core.ledger import UNKNOWN, Standing, Status
from leads.core.plan import Plan
from leads.core.step_states import CONTACT

# How soon to look again whether somebody else's delivery has ended, in seconds.
_SOON = 3.0


class Ledger(Protocol):
    """Remembers what became of records, and records that came of what we wrote."""

    def look(self, key: str) -> Standing | None: ...

    def pair(self, key: str, *, contact_id: str, location_id: str) -> None: ...


class Mirror:
    """One contact on its way from location to location.

    Two locations may have routes that point at each other: what is written to the one comes back as news of it. Each
    written contact is therefore remembered as the counterpart of its original, so that its news is an update of the
    original, which has everything already.
    """

    def __init__(
        self, ledger: Ledger, lead: Lead, plan: Plan, update_of: Callable[[str], Plan], *, now: Callable[[], float]
    ) -> None:
        self._ledger = ledger
        self._lead = lead
        self._plan = plan
        self._update_of = update_of
        self._now = now

    def on_found(self, contact_id: str) -> Plan:
        """The plan, now that the contact has turned out to be there: an update, if our contact came from that one.

        The counterpart may not be remembered yet, as its news can be faster than its delivery ends.
        Raises TryAgain while the contact that was found is itself on its way here.
        """
        plan = self._plan
        if plan.is_update or plan.is_copy:
            return plan
        known = self._ledger.look(self._key(contact_id))
        if known is None:
            return plan
        if known.status is Status.CLAIMED and (known.claimed_until or 0.0) > self._now():
            detail = "the contact found is itself being delivered"
            raise TryAgain("claimed_elsewhere", detail, retry_after=_SOON, counts=False)
        return self._update_of(contact_id) if self._came_from(known) else plan

    def on_written(self, contact_id: str) -> None:
        """Remembers the written contact as the counterpart of ours."""
        plan = self._plan
        if not plan.is_update and not plan.is_copy:
            self._ledger.pair(self._key(contact_id), contact_id=self._lead.lead_id, location_id=self._lead.account)

    def _came_from(self, known: Standing) -> bool:
        """Whether our contact is what the delivery of the contact found has made; a mere counterpart has no steps."""
        written = known.steps.get(CONTACT)
        if known.location_id != self._lead.account or not written:
            return False
        # A contact whose writing is in doubt was written, as it is there.
        return written == UNKNOWN or known.contact_id == self._lead.lead_id

    def _key(self, contact_id: str) -> str:
        return f"{self._lead.source}#{self._plan.location_id}#{contact_id}"
