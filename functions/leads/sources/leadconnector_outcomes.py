"""What a LeadConnector webhook tells of outcomes: changes of contacts and opportunities that a route wants to hear of.

Sources: the API's documents of webhook events (contact and opportunity events) and of the Custom Webhook action.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

import msgspec

from leads.core.answers import folded, text_of
from leads.core.lead import plain_id
from leads.core.match import CONTACT_RECORD, CrmChange
from leads.core.outcome_events import WORKFLOW_RECORD, decimal_of, is_of_opportunity
from leads.core.outcome_names import STATUSES, has_stage_field, tag_named, wanted_at
from leads.core.routes import RouteTable
from leads.core.tagging import tag_of
from leads.sources.leadconnector_answers import OPPORTUNITY_IN_WORKFLOW, moment, tags_in
from leads.sources.leadconnector_events import Event

_LONGEST_STAGE = 200
_STATUS_IN_WORKFLOW = OPPORTUNITY_IN_WORKFLOW["OPPORTUNITY_STATUS"]
_STAGE_IN_WORKFLOW = OPPORTUNITY_IN_WORKFLOW["OPPORTUNITY_STAGE"]
_VALUE_IN_WORKFLOW = ("monetary_value", "lead_value")
# An event of these types says that its opportunity has become that just now; any other only that it is so.
_STATUS_TRANSITIONS = ("OpportunityCreate", "OpportunityStatusUpdate")
_STAGE_TRANSITIONS = ("OpportunityCreate", "OpportunityStageUpdate")
# A workflow's payload has these only where it is about an opportunity, and then `id` is that one's.
_ABOUT_OPPORTUNITY = ("pipeline_id", "pipeline_name", "opportunity_name", *_STAGE_IN_WORKFLOW)


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What routes want to hear of from a location that they deliver to.

    names: the outcomes. tags: those that stand for one of them, as the CRM keeps them.
    of_contacts, of_opportunities: whether a contact's tags or fields, or an opportunity, may be one.
    has_fields: one of them is kept in a custom field, which is not looked for in a webhook.
    """

    names: frozenset[str]
    tags: frozenset[str]
    of_contacts: bool
    of_opportunities: bool
    has_fields: bool


class Outcomes:
    """The outcomes that a route table wants, by location. routes: gives the table; it is read when first needed."""

    def __init__(self, routes: Callable[[], RouteTable]) -> None:
        self._routes = routes
        self._known: tuple[RouteTable, dict[str, Wanted]] | None = None

    def wanted(self) -> Mapping[str, Wanted]:
        """Location → what is wanted of it; no location of which nothing is. Raises Misconfigured."""
        table = self._routes()
        if self._known is None or self._known[0] is not table:
            places = {route.location for route in table.routes if route.conversions}
            found = {place: _wanted_at(table, place) for place in places}
            self._known = table, {place: wanted for place, wanted in found.items() if wanted.names}
        return self._known[1]


def change_of(event: Event, payload: Mapping[str, Any], wanted: Wanted, *, received: float | None) -> CrmChange | None:
    """What an event tells, None when nothing that is wanted. received: epoch seconds.

    Nothing of the person is in it: ids, and of the tags those that stand for an outcome.
    """
    if not event.contact_id:
        return None
    at = _at(payload, received)
    if event.kind.name == "contact" and wanted.of_contacts:
        return CrmChange(
            location_id=event.location_id, contact_id=event.contact_id, at=at, tags=_tags(payload.get("tags"), wanted)
        )
    if event.kind.name == "opportunity" and wanted.of_opportunities:
        return CrmChange(
            location_id=event.location_id, contact_id=event.contact_id, record=event.record_id, at=at,
            is_opportunity=True, status=_status(payload, ("status",)), stage=plain_id(payload.get("pipelineStageId")),
            is_status_transition=event.type in _STATUS_TRANSITIONS,
            is_stage_transition=event.type in _STAGE_TRANSITIONS,
            monetary_value=decimal_of(payload.get("monetaryValue")),
        )  # fmt: skip
    return None


def workflow_changes(
    event: Event, payload: Mapping[str, Any], wanted: Wanted, *, received: float | None
) -> tuple[tuple[CrmChange, ...], str]:
    """What a workflow's Custom Webhook tells, and what is wrong with it, "" when nothing is. received: epoch seconds.

    Its `customData` may name outcomes itself, as `outcome`, several by commas, with `monetary_value` and `currency`.
    """
    if not event.contact_id:
        return (), ""
    custom = payload.get("customData")
    custom = custom if isinstance(custom, dict) else {}
    told = {**payload, **custom}
    texts = tags_in(custom.get("outcome"))
    outcomes = _named(texts, wanted.names)
    change = CrmChange(
        location_id=event.location_id,
        contact_id=event.contact_id,
        at=_at(payload, received),
        monetary_value=next((text for name in _VALUE_IN_WORKFLOW if (text := decimal_of(told.get(name)))), ""),
        currency=_currency(custom.get("currency")),
    )
    opportunity_id = _opportunity_id(payload, custom, event.contact_id)
    status, stage = _status(told, _STATUS_IN_WORKFLOW), _stage(told)
    of_opportunity = of_contact = None
    if (status or stage or opportunity_id) and (wanted.of_opportunities or outcomes):
        # Somebody has it sent when something happens, and not whenever the opportunity is touched.
        of_opportunity = msgspec.structs.replace(
            change, record=opportunity_id or WORKFLOW_RECORD, is_opportunity=True, status=status, stage=stage,
            is_status_transition=bool(status), is_stage_transition=bool(stage), outcomes=outcomes,
        )  # fmt: skip
    if wanted.of_contacts or (outcomes and not of_opportunity):
        named = () if of_opportunity else outcomes
        tags = _tags(payload.get("tags"), wanted)
        of_contact = msgspec.structs.replace(change, record=CONTACT_RECORD, tags=tags, outcomes=named)
    changes = tuple(each for each in (of_contact, of_opportunity) if each)
    return changes, "" if len(outcomes) == len(texts) else _unknown_outcome(event.location_id, wanted)


def _wanted_at(table: RouteTable, location_id: str) -> Wanted:
    names = wanted_at(table, location_id)
    return Wanted(
        names=names,
        tags=frozenset(tag for name in names if (tag := tag_named(name, table.defaults))),
        of_contacts=not all(map(is_of_opportunity, names)),
        of_opportunities=any(map(is_of_opportunity, names)),
        has_fields=has_stage_field(names, table.defaults),
    )


def _at(payload: Mapping[str, Any], received: float | None) -> float | None:
    """When it happened, epoch seconds; not in the future, and when it came where that is not told."""
    told = moment(payload.get("timestamp"))
    if told is None or received is None:
        return received if told is None else told
    return min(told, received)


def _tags(value: Any, wanted: Wanted) -> tuple[str, ...] | None:
    """Those that a route names; None where they have to be read: what is empty is left out of a webhook."""
    if wanted.has_fields or not isinstance(value, list | str):
        return None
    return tuple(dict.fromkeys(tag for text in tags_in(value) if (tag := tag_of(text)) in wanted.tags))


def _named(texts: Iterable[str], names: Collection[str]) -> tuple[str, ...]:
    """The outcomes that a sender has named, each as the routes spell it; what they do not know is left out."""
    known = {folded(name): name for name in names}
    return tuple(known[key] for text in texts if (key := folded(text)) in known)


def _unknown_outcome(location_id: str, wanted: Wanted) -> str:
    # What was sent is not repeated: anything may stand there, also a person's name.
    return (
        f"a workflow's webhook for location {location_id} names an outcome in its customData that no route's "
        f"conversions have there; those are {', '.join(sorted(wanted.names))}"
    )


def _status(told: Mapping[str, Any], names: Iterable[str]) -> str:
    texts = (folded(text) for name in names if isinstance(text := told.get(name), str))
    return next((text for text in texts if text in STATUSES), "")


def _stage(told: Mapping[str, Any]) -> str:
    texts = (text_of(value) for name in _STAGE_IN_WORKFLOW if isinstance(value := told.get(name), str))
    return next((text[:_LONGEST_STAGE] for text in texts if text), "")


def _opportunity_id(payload: Mapping[str, Any], custom: Mapping[str, Any], contact_id: str) -> str:
    if told := plain_id(custom.get("opportunity_id")):
        return told
    own = plain_id(payload.get("id")) if any(payload.get(name) for name in _ABOUT_OPPORTUNITY) else ""
    return own if own != contact_id else ""


def _currency(value: Any) -> str:
    text = value.strip().upper() if isinstance(value, str) else ""
    return text if len(text) == 3 and text.isascii() and text.isalpha() else ""
