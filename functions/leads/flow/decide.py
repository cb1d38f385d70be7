"""Decide what a lead becomes: by which route, and by which plan, the first time or as news of a record we know."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from leads.core.errors import TryAgain
from leads.core.lead import Envelope, Lead
from leads.core.ledger import Status
from leads.core.plan import Plan, is_wanted, plan_for
from leads.core.routes import RouteTable
from leads.flow.mirror import Ledger, standing_at

if TYPE_CHECKING:
    from leads.core.erasure import Erased

# How soon to look again whether a contact has been delivered, in seconds.
_A_WHILE = 60.0


class Admission(Protocol):
    """Who may be called now: raises TryAgain for a location that is throttled or down."""

    def check(self, location_id: str) -> None: ...


class Erasures(Protocol):
    """Who was erased, None when nobody was. Raises TryAgain when the list cannot be read."""

    def current(self) -> Erased | None: ...


class Decision:
    """The route of one lead and what follows from it; `unwanted` is why the lead is ignored, "" when it is not.

    received_at: epoch seconds at which the lead was first seen. Raises TryAgain(no_route) when no route takes it, and
    while nobody can say whether its person was erased.
    """

    def __init__(
        self,
        lead: Lead,
        table: RouteTable,
        *,
        source_label: str,
        received_at: float,
        ledger: Ledger,
        admission: Admission,
        erasures: Erasures | None,
        now: float,
    ) -> None:
        route = table.match(lead)
        if route is None:
            raise TryAgain("no_route", "no route in routes.toml takes this lead")
        self.route = route
        self.unwanted = is_wanted(lead, route, table.defaults, now=now)
        self._lead = lead
        self._defaults = table.defaults
        self._label = source_label
        self._received_at = received_at
        self._ledger = ledger
        self._admission = admission
        erased = erasures.current() if erasures and not self.unwanted else None
        if erased is not None:
            self.unwanted = self._reason_if_on(erased)

    def first_plan(self) -> Plan | None:
        """What the lead becomes, None when it is not wanted; the same in every attempt, as its times count from when
        the lead was left.

        Raises TryAgain while its CRM location cannot be called, or the contact of a note or task is still on its way.
        """
        if self.unwanted:
            return None
        contact_id = self._copys_contact(waits=not self._lead.answers) if self._lead.copied else ""
        self._admission.check(self.route.location)
        return self._plan(contact_id)

    def update_of(self, contact_id: str) -> Plan:
        """What the lead becomes as news of this contact in the route's location."""
        return self._plan(contact_id, is_update=True)

    def _plan(self, contact_id: str, *, is_update: bool = False) -> Plan:
        return plan_for(
            self._lead,
            self.route,
            self._defaults,
            source_label=self._label,
            now=self._received_at,
            is_update=is_update,
            contact_id=contact_id,
        )

    def _reason_if_on(self, erased: Erased) -> str:
        """Why the lead must not bring back who left it, "" when it does not."""
        from leads.core.erasure import ERASED, names_of, was_left_before
        from leads.core.ruled_lead import ruled_lead

        lead = self._lead
        read = ruled_lead(lead, self.route, self._defaults, now=self._received_at)
        own_at = erased.lead_at(lead.ledger_key)
        if own_at is not None and was_left_before(lead.created_at, own_at):
            return ERASED
        # A note or task is also recognised by its contact's key.
        erased_at = erased.at(names_of(read.ruled, read.contact), lead.contact_key)
        if erased_at is None:
            return ""
        if lead.copied is not None:
            # A note says when it was written, and not how long its contact has been there. One that has signed up
            # since is in the ledger, out of which the erased one was taken.
            return "" if self._copys_contact(waits=True) else ERASED
        return ERASED if was_left_before(lead.created_at, erased_at) else ""

    def _copys_contact(self, *, waits: bool) -> str:
        """The contact in the route's location that the note or task belongs to, "" when it has to be found.

        waits: nobody says who it is but the contact's own delivery, so TryAgain is raised until that has ended.
        """
        _, known = standing_at(self._ledger, self._lead.contact_key, self.route.location)
        if known and known.contact_id:
            return known.contact_id
        if waits and known and known.status in (Status.CLAIMED, Status.PARKED):
            detail = "the contact that it belongs to is not delivered yet"
            raise TryAgain("contact_not_delivered_yet", detail, retry_after=_A_WHILE, counts=False)
        return ""


def first_seen(envelope: Envelope, *, now: Callable[[], float]) -> float:
    """When the lead reached us, in epoch seconds; now, where the envelope does not tell."""
    try:
        return dt.datetime.fromisoformat(envelope.received_at).timestamp()
    except ValueError:
        return now()
