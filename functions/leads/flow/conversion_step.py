"""The step of a delivery that tells Pinterest of it, and remembers its contact for what becomes of it later."""

from __future__ import annotations

from typing import Protocol

from leads.core.contact_record import ContactRecord
from leads.core.conversion import Event
from leads.core.conversion_plan import match_of
from leads.core.match import Match
from leads.core.plan import Plan
from leads.core.step_states import DONE, NOTHING


class Conversions(Protocol):
    """Who passes on what became of leads. Doing either twice changes nothing: the ledger knows events and contacts."""

    def remember(self, match: Match) -> None:
        """Keeps the contact for later outcomes. Raises TryAgain."""

    def tell(self, event: Event) -> None:
        """Puts the event where it is sent from. Raises TryAgain."""


def told(conversions: Conversions, plan: Plan, record: ContactRecord) -> str:
    """The step's state: the id of the event that Pinterest is told, DONE when its contact is only remembered.

    The contact is remembered first, so that nothing that becomes of it is missed. Raises TryAgain.
    """
    planned = plan.conversion
    if planned is None:
        return NOTHING
    if planned.is_remembered:
        conversions.remember(match_of(plan, planned, record))
    if planned.event is None:
        return DONE
    conversions.tell(planned.event)
    return planned.event.event_id
