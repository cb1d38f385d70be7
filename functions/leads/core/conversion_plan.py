"""What Pinterest is told of a delivered lead, and what is remembered of it for the day something becomes of it."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from decimal import Decimal
from typing import Any

import msgspec

from leads.core.contact_record import ContactRecord
from leads.core.conversion import Event, event_id_of, is_account
from leads.core.lead import Lead
from leads.core.match import CONTACT_RECORD, Match
from leads.core.outcome_names import DELIVERED, has_stage_field, of_tags, split
from leads.core.placeholders import fill
from leads.core.plan import TEST_LEAD, Plan
from leads.core.routes import Conversion, Defaults, Route
from leads.core.ruled_lead import RuledLead
from leads.core.tagging import stage_field, tag_of
from leads.core.user_data import of_contact

# Ad platforms that hear what became of their leads.
SOURCES = frozenset({"pinterest"})

# Why nobody is told of a lead, besides TEST_LEAD.
NO_CONVERSIONS, OTHER_SOURCE, BAD_ACCOUNT = "no_conversions", "other_source", "bad_account"

_DECIMAL = re.compile(r"(0|[1-9][0-9]{0,14})(\.[0-9]{1,9})?")
_CURRENCY = re.compile(r"[A-Za-z]{3}")
# An order's number, and neither an e-mail address nor a sentence: it is sent in the clear.
_ORDER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:/#-]{0,127}")


class PlannedConversion(msgspec.Struct, frozen=True, kw_only=True):
    """What the step `conversion` does for a lead.

    account: the ad account that the lead is from. lead_key: the ledger's key of the lead. left_at: epoch seconds.
    user_data: as in Event, of what was submitted. event: what Pinterest is told when the lead is delivered, None when
    it is not to hear of that. wanted: the later outcomes that it is to hear of. defaults: where stages are kept.
    """

    account: str
    lead_key: str
    left_at: float
    user_data: dict[str, Any]
    is_test: bool = False
    event: Event | None = None
    wanted: tuple[str, ...] = ()
    defaults: Defaults = Defaults()

    @property
    def is_remembered(self) -> bool:
        """Whether something may become of the contact that Pinterest is to hear of."""
        return bool(self.wanted)


def why_untold(lead: Lead, route: Route, defaults: Defaults) -> str:
    """ "" when somebody is to hear what becomes of the lead; else why nobody is, as a code."""
    if not route.conversions:
        return NO_CONVERSIONS
    if lead.source not in SOURCES:
        return OTHER_SOURCE
    if lead.is_test and defaults.test_conversions != "test":
        return TEST_LEAD
    return "" if is_account(lead.account) else BAD_ACCOUNT


def conversion_of(
    lead: Lead, route: Route, defaults: Defaults, read: RuledLead, *, left_at: float
) -> PlannedConversion | None:
    """What is told and remembered of the lead, None when nothing is.

    read: the lead as the route reads it. left_at: epoch seconds. A lead that nobody could be recognised by has its
    event all the same: whoever sends it counts those.
    """
    if why_untold(lead, route, defaults):
        return None
    fields = read.contact.fields
    planned = PlannedConversion(
        account=lead.account,
        lead_key=lead.ledger_key,
        left_at=left_at,
        user_data=of_contact(fields, dict(read.answers.items())),
        is_test=lead.is_test,
        wanted=tuple(name for name in route.conversions if name != DELIVERED),
        defaults=defaults,
    )
    told = route.conversion(DELIVERED)
    if told is None:
        return planned
    custom_data = custom_data_of(told, read.values)
    if custom_data.get("order_id") in fields.values():
        # A template may name anything; what is the person's goes hashed or not at all.
        del custom_data["order_id"]
    event = Event(
        account=lead.account,
        name=told.event.strip(),
        event_id=event_id_of(lead.account, lead.ledger_key, DELIVERED),
        at=int(left_at),
        action_source=told.action_source,
        user_data=planned.user_data,
        custom_data=custom_data,
        is_test=lead.is_test,
        lead_key=lead.ledger_key,
        outcome=DELIVERED,
    )
    return msgspec.structs.replace(planned, event=event)


def custom_data_of(conversion: Conversion, values: Mapping[str, str]) -> dict[str, str]:
    """Value, currency and order id of an event, filled; each is left out where it comes to nothing usable.

    values: placeholder → text. A value is a plain decimal number, a currency three letters.
    """
    found = {
        "value": plain_decimal(conversion.value, values),
        "currency": _matching(_CURRENCY, fill(conversion.currency, values)).upper(),
        "order_id": _matching(_ORDER, fill(conversion.order_id, values)),
    }
    return {name: text for name, text in found.items() if text}


def plain_decimal(value: str | int | float, values: Mapping[str, str]) -> str:
    """The number, or the filled template, as `1234.5`; "" when it is not one."""
    text = fill(value, values) if isinstance(value, str) else format(Decimal(str(value)), "f")
    return _matching(_DECIMAL, text)


def match_of(plan: Plan, planned: PlannedConversion, record: ContactRecord) -> Match:
    """What is remembered of the contact that the lead became, and of what it stood for before."""
    # Whatever became of a contact that came with the lead came after it.
    is_of_lead = record.is_new or (record.added_at is not None and record.added_at >= planned.left_at)
    stood = () if is_of_lead else _stood_before(plan, planned, record)
    return Match(
        location_id=plan.location_id,
        contact_id=record.contact_id,
        lead_key=planned.lead_key,
        account=planned.account,
        route=plan.route,
        left_at=planned.left_at,
        user_data=planned.user_data,
        is_test=planned.is_test,
        standing={CONTACT_RECORD: tuple(sorted(stood))} if stood else {},
        wanted=planned.wanted if is_of_lead else _looked_for(plan, planned),
    )


def _looked_for(plan: Plan, planned: PlannedConversion) -> tuple[str, ...]:
    """The wanted outcomes but for stages in a custom field that the lead leaves alone: what is in it is not known."""
    given = {value.key for value in plan.custom_fields}

    def is_known(name: str) -> bool:
        is_in_field = has_stage_field([name], planned.defaults)
        return not is_in_field or stage_field(split(name)[1], planned.defaults) in given

    return tuple(filter(is_known, planned.wanted))


def _stood_before(plan: Plan, planned: PlannedConversion, record: ContactRecord) -> Collection[str]:
    """The wanted outcomes that the contact's tags stood for before the lead: those are not what became of it."""
    # A stage that the lead sets takes the place of any other.
    ends = (plan.stage.prefix,) if plan.stage else ()
    tags = [tag for tag in map(tag_of, record.tags) if tag not in plan.tags and not tag.startswith(ends)]
    return of_tags(tags, planned.wanted, planned.defaults)


def _matching(pattern: re.Pattern[str], text: str) -> str:
    text = text.strip()
    return text if pattern.fullmatch(text) else ""
