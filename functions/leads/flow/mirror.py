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

    key: the ledger's key of the lead. is_echo: the lead turned out to be news of our own writing.
    """

    def __init__(
        self,
        ledger: Ledger,
        lead: Lead,
        key: str,
        plan: Plan,
        update_of: Callable[[str], Plan],
        *,
        now: Callable[[], float],
    ) -> None:
        self._ledger = ledger
        self._lead = lead
        self._own_key = key
        self._plan = plan
        self._update_of = update_of
        self._now = now
        self.is_echo = False

    def on_found(self, contact_id: str) -> Plan:
        """The plan, now that the contact has turned out to be there: an update, if our contact came from that one.

        The counterpart may not be remembered yet, as its news can be faster than its delivery ends.
        Raises TryAgain while the contact that was found is itself on its way here.
        """
        plan = self._plan
        if plan.is_copy:
            return plan
        key, known = standing_at(self._ledger, self._key(contact_id), self._lead.account)
        if known is None:
            return plan
        # Of two updates that meet, one goes first; a first delivery always learns what the other one was.
        if known.status is Status.CLAIMED and (not plan.is_update or key < self._own_key):
            raise self._wait_for(known)
        if not plan.is_update and self._came_from(known):
            self.is_echo = True
            return self._update_of(contact_id)
        return plan

    def on_written(self, contact_id: str) -> None:
        """Remembers the written contact as the counterpart of ours. Raises TryAgain, ambiguous: it was written."""
        if contact_id == self._plan.contact_id or self.is_echo:
            return
        original = self._lead.contact_key.rpartition("#")[2] if self._plan.is_copy else self._lead.lead_id
        try:
            key, _ = standing_at(self._ledger, self._key(contact_id), self._lead.account)
            self._ledger.pair(key, contact_id=original, location_id=self._lead.account)
        except TryAgain as failure:
            failure.ambiguous = True
            raise

    def _wait_for(self, known: Standing) -> TryAgain:
        if known.is_held(self._now()):
            detail = "the contact found is itself being delivered"
            return TryAgain("claimed_elsewhere", detail, retry_after=_SOON, counts=False)
        # Whoever delivers it anew settles which of the two came first; until then it is hours rather than seconds.
        return TryAgain("claimed_elsewhere", "the delivery of the contact found was cut off")

    def _came_from(self, known: Standing) -> bool:
        """Whether our contact is what the delivery of the contact found has made, and not the other way round."""
        written = known.steps.get(CONTACT)
        if known.is_counterpart or known.location_id != self._lead.account or not written:
            return False
        # A contact whose writing is in doubt was written, as it is there.
        return written == UNKNOWN or known.contact_id == self._lead.lead_id

    def _key(self, contact_id: str) -> str:
        return f"{self._lead.source}#{self._plan.location_id}#{contact_id}"


def standing_at(ledger: Ledger, key: str, location_id: str) -> tuple[str, Standing | None]:
    """How a record stands as to one CRM location, and the key by which the ledger knows it there.

    A record that goes to a second location besides has a key of its own for it.
    """
    known = ledger.look(key)
    if known is None or known.location_id in ("", location_id):
        return key, known
    elsewhere = f"{key}>{location_id}"
    return elsewhere, ledger.look(elsewhere)
