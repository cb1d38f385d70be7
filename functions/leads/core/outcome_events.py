"""The event that an outcome in the CRM is told as."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from leads.core.conversion import Event, event_id_of
from leads.core.match import Match
from leads.core.outcome_names import OPPORTUNITY_STAGE, STATUSES, split
from leads.core.placeholders import names_in
from leads.core.routes import Conversion

MONETARY_VALUE = "monetary_value"
# The record of an opportunity that a workflow told of without its id.
WORKFLOW_RECORD = "workflow"


def is_of_opportunity(outcome: str) -> bool:
    """Whether an opportunity stands for the outcome; a contact does for any other."""
    return outcome in STATUSES or split(outcome)[0] == OPPORTUNITY_STAGE


def decimal_of(value: Any) -> str:
    """A number of the CRM's as plain digits, such as `1234.5`; "" for what is none."""
    # Late, as below: a webhook seldom tells of a number.
    from leads.core.conversion_plan import plain_decimal

    is_number = isinstance(value, str | int | float) and not isinstance(value, bool)
    return plain_decimal(value, {}) if is_number else ""


def needs_value(conversion: Conversion) -> bool:
    """Whether the event is told with the opportunity's value."""
    return MONETARY_VALUE in names_in(str(conversion.value))


def outcome_event(
    match: Match,
    outcome: str,
    conversion: Conversion,
    *,
    at: float,
    monetary_value: str = "",
    currency: str = "",
    opportunity_id: str = "",
) -> Event:
    """The event that an outcome of a matched lead is told as, the same whenever it is told. at: epoch seconds.

    The texts are "" where they are not known. The value that was told goes with the currency that was told, if one was,
    and an order that the route does not name is the opportunity.
    """
    from leads.core.conversion_plan import custom_data_of

    values: Mapping[str, str] = {
        MONETARY_VALUE: monetary_value,
        "currency": currency,
        "opportunity_id": opportunity_id,
        "lead_id": _lead_id(match.lead_key),
    }
    # An amount that was told goes with the currency that was told, whatever the route takes for the usual one.
    is_told = bool(currency) and needs_value(conversion)
    usual = msgspec.structs.replace(
        conversion,
        currency="{currency}" if is_told else conversion.currency or "{currency}",
        order_id=conversion.order_id or "{opportunity_id}",
    )
    custom_data = custom_data_of(usual, values)
    if "value" not in custom_data and not conversion.currency:
        custom_data.pop("currency", None)
    return Event(
        account=match.account,
        name=conversion.event,
        event_id=event_id_of(match.account, match.lead_key, outcome),
        at=int(at),
        action_source=conversion.action_source,
        user_data=match.user_data,
        custom_data=custom_data,
        is_test=match.is_test,
        lead_key=match.lead_key,
        outcome=outcome,
    )


def _lead_id(lead_key: str) -> str:
    """The lead's own id out of `<source>#<account>#<lead id>`, without the place it was delivered to."""
    return lead_key.partition(">")[0].rpartition("#")[2]
