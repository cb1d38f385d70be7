"""Locations that routes want outcomes of: what tells them in HighLevel, and what a token has to read for it."""

from collections.abc import Mapping
from typing import Any

from infra.cli.vendors.contacts_api import DEALS, FIELDS, READ
from leads.core.outcome_events import is_of_opportunity, needs_value
from leads.core.outcome_names import OPPORTUNITY_STAGE, split
from leads.core.routes import RouteTable
from leads.sources.leadconnector_outcomes import Outcomes, Wanted

# Of the events that are taken (leads/sources/leadconnector_events.py), those that tell of outcomes.
OF_CONTACTS = ("ContactCreate", "ContactUpdate", "ContactTagUpdate")
OF_OPPORTUNITIES = ("OpportunityCreate", "OpportunityUpdate", "OpportunityStatusUpdate", "OpportunityStageUpdate")
# Key of a workflow's customData → what it holds, as leads/sources/leadconnector_outcomes.py reads it.
CUSTOM_DATA: Mapping[str, str] = {
    "outcome": "one of the outcomes above, or several by commas",
    "monetary_value": "a plain number, where the outcome has a value",
    "currency": "its three letters",
    "opportunity_id": "the opportunity's id, where the outcome is of one and the workflow does not start with it",
}


def outcome_locations(table: RouteTable) -> Mapping[str, Wanted]:
    """Location → what routes want to hear of it; no location of which nothing is wanted."""
    return Outcomes(lambda: table).wanted()


def leads_nowhere(table: RouteTable, location: str) -> bool:
    """Whether no route takes a location's own contacts to another one."""
    # Late: it brings botocore along.
    from infra.cli.checks.routes import takes_some

    return not any(takes_some(it, "leadconnector", location) and it.location != location for it in table.routes)


def events(wanted: Wanted) -> list[str]:
    """The events to switch on in a marketplace app."""
    return [*(OF_CONTACTS if wanted.of_contacts else ()), *(OF_OPPORTUNITIES if wanted.of_opportunities else ())]


def instructions(
    wanted: Mapping[str, Wanted], url: str, header: Mapping[str, Any], *, sources: list[str], app_ids: list[str]
) -> list[dict[str, Any]]:
    """What to set up in each location. url: the webhook's; header: a workflow's, its name and where its value is.

    sources, app_ids: what the LeadConnector secret lists.
    """
    return [
        {
            "location": location,
            "outcomes": sorted(it.names),
            "webhook_url": url,
            "events": events(it),
            "workflow_url": f"{url}?location={location}",
            "workflow_header": dict(header),
            "custom_data": dict(CUSTOM_DATA),
            "is_source": location in sources,
            "advice": _advice(app_ids, is_source=location in sources),
        }
        for location, it in wanted.items()
    ]


def rights(table: RouteTable, location: str, wanted: Wanted) -> dict[str, str]:
    """Scope that outcomes take of a location's token → what is lost without it."""
    lost = {}
    if wanted.of_contacts:
        lost[READ] = "what a webhook leaves out of a contact cannot be read"
    if wanted.has_fields:
        lost[READ] = "the custom field that keeps the stage cannot be read"
        lost[FIELDS] = "the custom field that keeps the stage is known by its id only, not by its key"
    if wanted.of_opportunities:
        value = ", such as its value" if _wants_value(table, location) else ""
        is_staged = any(split(name)[0] == OPPORTUNITY_STAGE for name in wanted.names)
        stages = "; stages of pipelines are known by their ids only, not by their names" if is_staged else ""
        lost[DEALS] = f"what a webhook leaves out of an opportunity{value} cannot be read{stages}"
    return lost


def _advice(app_ids: list[str], *, is_source: bool) -> list[str]:
    """What to list in the LeadConnector secret, and what not."""
    listed = f"it lists {', '.join(app_ids)}" if app_ids else "while it lists none, every app's events count"
    app = f"app_ids: the app, with --app-id <app id>; {listed}."
    location = "locations: not this one, so no --location for it. Its contacts would be leads."
    return [app] if is_source else [app, location]


def _wants_value(table: RouteTable, location: str) -> bool:
    told = (
        route.conversion(name)
        for route in table.routes
        if route.location == location
        for name in route.conversions
        if is_of_opportunity(name)
    )
    return any(needs_value(conversion) for conversion in told if conversion)
