"""What Pinterest would be told of a lead, or why nothing; of its person the names of the identifiers only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console

from leads.core.lead import Lead
from leads.core.note import moment
from leads.core.plan import Plan
from leads.core.routes import Defaults, Route

# A code → why nobody is told, after "Pinterest would be told nothing: ".
_WHY = {
    "other_source": "only Pinterest hears what became of its leads, and this one is another's.",
    "test_lead": 'this is a test lead, and `defaults.test_conversions` is not "test".',
    "bad_account": "the lead's account is no ad account, whose id is digits.",
    "no_identifier": (
        "there is no e-mail address by which it could find the person; the event would be recorded as ignored."
    ),
    "only_later": "the route has no `delivered` among its conversions.",
}


def told_of(lead: Lead, route: Route, defaults: Defaults, plan: Plan) -> dict[str, Any]:
    """`{"why_not", "event", "later"}`.

    why_not: "" when Pinterest is told of the delivery, else a code of the table above. event: what it is told, its
    identifiers by name, or None. later: the outcomes of which it would be told when they come to pass.
    """
    from leads.core.conversion_plan import why_untold

    planned = plan.conversion
    if planned is None:
        return {"why_not": why_untold(lead, route, defaults), "event": None, "later": []}
    later = list(planned.wanted)
    event = planned.event
    if event is None:
        return {"why_not": "only_later", "event": None, "later": later}
    shown = {
        "name": event.name,
        "action_source": event.action_source,
        "at": moment(event.at),
        **event.custom_data,
        "identifiers": list(event.user_data),
        "is_test": event.is_test,
        "event_id": event.event_id,
    }
    return {"why_not": "" if event.is_identified else "no_identifier", "event": shown, "later": later}


def show_told(console: Console, told: Mapping[str, Any]) -> None:
    """Prints what `told_of` has found."""
    if told["why_not"]:
        console.print(f"\nPinterest would be told nothing: {_WHY[told['why_not']]}", style="bold")
    else:
        event = told["event"]
        is_test = ", as a test" if event["is_test"] else ""
        console.print(f"\nPinterest would be told{is_test}: {event['name']} ({event['action_source']})", style="bold")
        rows = {
            "at": event["at"],
            "value": " ".join(filter(None, (event.get("value", ""), event.get("currency", "")))),
            "order_id": event.get("order_id", ""),
            "identifiers": ", ".join(event["identifiers"]),
        }
        for name, text in rows.items():
            if text:
                console.print(f"  {name}: {text}")
    if told["later"]:
        console.print(f"  It would hear later of: {', '.join(told['later'])}")
