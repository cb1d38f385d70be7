"""Decide what a lead becomes: by which route, and by which plan, the first time or as news of a record we know."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Protocol

from leads.core.errors import TryAgain, Undeliverable
from leads.core.lead import Envelope, Lead
from leads.core.ledger import Standing
from leads.core.plan import Plan, is_wanted, plan_for
from leads.core.routes import RouteTable


class Ledger(Protocol):
    """Remembers leads. Raises TryAgain when the table does not answer."""

    def look(self, key: str) -> Standing | None: ...


class Admission(Protocol):
    """Who may be called now: raises TryAgain for a location that is throttled or down."""

    def check(self, location_id: str) -> None: ...


class Decision:
    """The route of one lead and what follows from it; `unwanted` is why the lead is ignored, "" when it is not.

    received_at: epoch seconds at which the lead was first seen. Raises TryAgain(no_route) when no route takes it.
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

    def first_plan(self) -> Plan | None:
        """What the lead becomes, None when it is not wanted; the same in every attempt, as its times count from when
        the lead was left.

        Raises TryAgain while its CRM location cannot be called, Undeliverable when nothing of the lead is of use.
        """
        if self.unwanted:
            return None
        contact_id = self._counterpart_of(self._ledger.look(self._lead.contact_key)) if self._lead.copied else ""
        plan = self._plan(contact_id)
        self._admission.check(plan.location_id)
        return plan

    def update(self, known: Standing) -> Plan | None:
        """What the lead becomes as news of a contact that was delivered before; None when it is not wanted."""
        return None if self.unwanted else self._plan(self._counterpart_of(known), is_update=True)

    def update_of(self, contact_id: str) -> Plan:
        """What the lead becomes as news of this contact in the route's location."""
        return self._plan(contact_id, is_update=True)

    def _plan(self, contact_id: str, *, is_update: bool = False) -> Plan:
        plan = plan_for(
            self._lead,
            self.route,
            self._defaults,
            source_label=self._label,
            now=self._received_at,
            is_update=is_update,
            contact_id=contact_id,
        )
        if not plan.fields and not plan.contact_id:
            raise Undeliverable("no_usable_answer", "no answer of this lead fits a contact field")
        return plan

    def _counterpart_of(self, known: Standing | None) -> str:
        """The contact in the route's location, "" when the record was delivered to another one, or not at all."""
        return (known.contact_id or "") if known and known.location_id == self.route.location else ""


def first_seen(envelope: Envelope, *, now: Callable[[], float]) -> float:
    """When the lead reached us, in epoch seconds; now, where the envelope does not tell."""
    try:
        return dt.datetime.fromisoformat(envelope.received_at).timestamp()
    except ValueError:
        return now()
