"""What may become of a lead, by the names that a route's conversions have for it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from leads.core.answers import folded
from leads.core.routes import Defaults, RouteTable
from leads.core.tagging import stage_field, stage_of, tag_of

DELIVERED = "delivered"
# An opportunity's status, as the API spells it (schema SearchOpportunitiesResponseSchema).
STATUSES = ("open", "won", "lost", "abandoned")
# Outcomes with a name of the user's behind the colon: a lifecycle stage as the routes keep it, a tag, and the stage of
# an opportunity's pipeline by its id or name.
STAGE, TAG, OPPORTUNITY_STAGE = "stage:", "tag:", "opportunity_stage:"
BEGINNINGS = (STAGE, TAG, OPPORTUNITY_STAGE)


def is_outcome(name: str) -> bool:
    """Whether a route's conversions may have it."""
    beginning, rest = split(name)
    return name in (DELIVERED, *STATUSES) or (beginning in BEGINNINGS and bool(rest.strip()))


def split(name: str) -> tuple[str, str]:
    """`stage:qualified` as `stage:` and `qualified`; what has no colon is its name alone."""
    beginning, colon, rest = name.partition(":")
    return beginning + colon, rest


def wanted_at(table: RouteTable, location_id: str) -> frozenset[str]:
    """The outcomes that routes want to hear of from a CRM location that they deliver to."""
    routes = (route for route in table.routes if route.location == location_id)
    return frozenset(name for route in routes for name in route.conversions if name != DELIVERED)


def tag_named(name: str, defaults: Defaults) -> str:
    """The tag, as the CRM keeps it, that stands for an outcome; "" when none does."""
    beginning, rest = split(name)
    if beginning == TAG:
        return tag_of(rest)
    stage = stage_of(rest, defaults) if beginning == STAGE else None
    return stage.tag if stage else ""


def has_stage_field(wanted: Iterable[str], defaults: Defaults) -> bool:
    """Whether a wanted stage is kept in a custom field, which has to be read."""
    return any(split(name)[0] == STAGE and stage_field(split(name)[1], defaults) for name in wanted)


def of_tags(tags: Iterable[str], wanted: Iterable[str], defaults: Defaults) -> frozenset[str]:
    """The wanted outcomes that a contact's tags stand for."""
    has = {tag_of(tag) for tag in tags}
    return frozenset(name for name in wanted if tag_named(name, defaults) in has - {""})


def of_custom_fields(fields: Mapping[str, str], wanted: Iterable[str], defaults: Defaults) -> frozenset[str]:
    """The wanted outcomes that a contact's custom fields (id, and key, → text) stand for."""
    found = set()
    for name in wanted:
        beginning, rest = split(name)
        field = stage_field(rest, defaults) if beginning == STAGE else ""
        text = next((fields[key] for key in (field, f"contact.{field}") if key in fields), "") if field else ""
        if text and folded(text) == folded(rest):
            found.add(name)
    return frozenset(found)


def of_opportunity(status: str, stages: Collection[str], wanted: Iterable[str]) -> frozenset[str]:
    """The wanted outcomes that an opportunity stands for. stages: its pipeline stage, by id and name."""
    known = {folded(stage) for stage in stages if stage}
    found = set()
    for name in wanted:
        beginning, rest = split(name)
        if (beginning == OPPORTUNITY_STAGE and folded(rest) in known) or (name in STATUSES and name == folded(status)):
            found.add(name)
    return frozenset(found)
