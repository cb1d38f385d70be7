"""What `leadrelay leadconnector setup` does: checks source locations' tokens, stores, and says what to set up there."""

import json
import re
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from infra.cli.faults import CommandFailed
from infra.cli.leadconnector import outcomes
from infra.cli.pinterest.route_proposal import NO_LOCATION
from infra.cli.place import Place
from infra.cli.setup.answers import CONTACTS, with_location_tokens
from infra.cli.setup.secret_edit import edit_secret, merged
from infra.cli.setup.steps import stored_token
from infra.cli.vendors.contacts_api import READ, SOURCE, ContactsApi
from leads.core.routes import RouteTable
from leads.sources.leadconnector_events import KINDS, WORKFLOW
from leads.sources.leadconnector_outcomes import Wanted

SECRET = "LeadConnectorSecretArn"
# What a workflow proves itself with, as leads/sources/leadconnector_signature.py reads it.
HEADER = "X-LeadRelay-Secret"
# What each group of events is for. Every event that is taken stands in one of them.
GROUPS: Mapping[str, str] = {
    "Contact": "contacts, their tags and do-not-disturb",
    "Note": "notes",
    "Task": "tasks",
    "Opportunity": "stages",
}
_LOCATION = re.compile(r"[A-Za-z0-9_-]{6,40}")


@dataclass
class Wishes:
    """What was given. locations: id → token, "" to keep the stored one; workflow_secret: "" to keep it, or make one."""

    locations: dict[str, str] = field(default_factory=dict, repr=False)
    app_ids: Sequence[str] = ()
    workflow_secret: str = field(default="", repr=False)


def locations_given(texts: Iterable[str]) -> dict[str, str]:
    """LOCATION=TOKEN of repeated options, apart; a bare LOCATION has "" for its token. Raises CommandFailed (2)."""
    found = {}
    for text in texts:
        location, _, token = text.partition("=")
        if not _LOCATION.fullmatch(location):
            raise CommandFailed(
                "--location takes <location id>=<token> or <location id>, and an id is letters and digits.", exit_code=2
            )
        found[location] = token.strip()
    return found


def stored_locations(place: Place) -> list[str]:
    """The source locations that the LeadConnector secret names."""
    found = place.secret(SECRET).get("locations")
    return [it for it in found if isinstance(it, str)] if isinstance(found, list) else []


def destinations(place: Place) -> list[str]:
    """The locations with a token that are no source: where leads may go."""
    found, sources = place.secret(CONTACTS).get("locations"), stored_locations(place)
    return [it for it in found if it not in sources] if isinstance(found, dict) else []


def check(place: Place, location: str, given: str) -> list[str]:
    """Ask the CRM what a token may in a source location, the stored one for ""; remarks. None at all is one, too.

    Raises CommandFailed for a token that is good for nothing there.
    """
    token = given or stored_token(place, location)
    if not token:
        return [
            f"Location {location} has no token: its contacts and notes are taken as they were sent, most tasks cannot "
            f"be taken, and reconcile cannot look. Give one with --location {location}=<token>."
        ]
    has = ContactsApi(place.contacts_api_url, location, token).check(*SOURCE)
    lacking = [scope for scope, allowed in has.items() if allowed is False]
    add = f"The token of location {location} lacks {', '.join(lacking)}: add that under Settings → Private Integrations"
    if READ in lacking:
        raise CommandFailed(f"{add}, then repeat the command.")
    return [f"{add}. The token stays the same."] if lacking else []


def idle_sources(place: Place, table: RouteTable, wanted: Iterable[str]) -> list[str]:
    """A remark on each stored source location that routes want outcomes of, and take no contact from."""
    return [
        f"Location {location} is a source location now, and no route takes its contacts anywhere. Its outcomes come "
        f"without that: take it out of `locations` in the secret {place.output(SECRET)}, or write a route for it."
        for location in stored_locations(place)
        if location in wanted and outcomes.leads_nowhere(table, location)
    ]


def store(place: Place, wishes: Wishes) -> dict[str, list[str]]:
    """Secret → the names of what has changed in it. What is there already stays, beside what is added."""
    given = {location: token for location, token in wishes.locations.items() if token}
    changes = {
        CONTACTS: edit_secret(place, CONTACTS, lambda secret: with_location_tokens(secret, given)),
        SECRET: edit_secret(place, SECRET, lambda secret: with_wishes(secret, wishes)),
    }
    return {output.removesuffix("Arn"): names for output, names in changes.items() if names}


def with_wishes(secret: dict[str, Any], wishes: Wishes) -> dict[str, Any]:
    """The LeadConnector secret with what was given, and with a workflow secret.

    A workflow secret that is replaced stays as `previous_workflow_secret`: workflows send it until they are changed.
    """
    more: dict[str, Any] = {
        "locations": _together(secret.get("locations"), wishes.locations),
        "app_ids": _together(secret.get("app_ids"), wishes.app_ids),
    }
    old = secret.get("workflow_secret")
    if not isinstance(old, str) or not old:
        more["workflow_secret"] = wishes.workflow_secret or secrets.token_urlsafe(32)
    elif wishes.workflow_secret not in ("", old):
        more |= {"workflow_secret": wishes.workflow_secret, "previous_workflow_secret": old}
    return merged(secret, more)


def events() -> dict[str, list[str]]:
    """What it is for → the events to switch on in a marketplace app."""
    found: dict[str, list[str]] = {}
    for name in KINDS:
        if name != WORKFLOW:
            group = next(prefix for prefix in GROUPS if name.startswith(prefix))
            found.setdefault(GROUPS[group], []).append(name)
    return found


def instructions(place: Place, wanted: Mapping[str, Wanted], *, with_secret: bool) -> dict[str, Any]:
    """What to set up in HighLevel, and the routes to write; the workflow secret itself only if it is asked for.

    wanted: the locations that routes want outcomes of, and what. There is nothing for sources where there are none.
    """
    url, locations, secret = place.webhook_url("leadconnector"), stored_locations(place), place.secret(SECRET)
    header = {"name": HEADER, "secret": place.output(SECRET), "key": "workflow_secret"}
    shown = {"value": secret.get("workflow_secret")} if with_secret else {}
    app_ids = _together(secret.get("app_ids"), ())
    return {
        "webhook_url": url,
        "events": events() if locations else {},
        "workflow_urls": [f"{url}?location={location}" for location in locations],
        "workflow_header": {**header, **shown},
        "routes": routes(place, locations),
        "outcomes": outcomes.instructions(wanted, url, {**header, **shown}, sources=locations, app_ids=app_ids),
    }


def routes(place: Place, locations: Sequence[str]) -> str:
    """A route for each source location. Where it leads to is known when one other location has a token."""
    others = destinations(place)
    destination = others[0] if len(others) == 1 else NO_LOCATION
    return "\n".join(
        "\n".join(
            (
                "[[routes]]",
                f"name = {json.dumps(f'From {location}')}",
                'source = "leadconnector"',
                f"account = {json.dumps(location)}",
                f"location = {json.dumps(destination)}",
                "",
            )
        )
        for location in locations
    )


def _together(stored: Any, given: Iterable[str]) -> list[str]:
    known = [it for it in stored if isinstance(it, str)] if isinstance(stored, list) else []
    return list(dict.fromkeys((*known, *given)))
