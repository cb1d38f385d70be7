"""Shows which route takes a lead and exactly what would be sent to the CRM for it, without sending anything.

For a route with conversions it shows as well what Pinterest would be told once the lead is delivered.

    python -m infra.preview_lead lead.json [--routes functions/routes.toml] [--keys keys.json] [--json]

The lead is a delivery as Pinterest sends it (its key comes from --keys, in the shape of the Pinterest keys secret,
or from the local stack that is running), a lead as Facebook's Graph shows it (with "page_id" and the "form" beside it,
if you like), a contact as the CRM shows it, or plain JSON: {"account": "…", "form": "…", "answers": {…}}, if you like
with source, lead_id, created_at (milliseconds since the epoch, or ISO 8601, UTC unless it says otherwise),
campaign_name, ad_name and the like, consents ([{"key": "sms", "text": "…", "given": true}]), and copied, for a note
({"text": "…"}) or task ({"title": "…"}) of another CRM location. A list of leads is shown one after the other.
National ids are masked.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from infra.lead_file import ROOT, CannotPreview, leads_in
from infra.preview_conversion import show_told, told_of
from leads import wiring
from leads.core.answers import Answers
from leads.core.errors import LeadError, Misconfigured
from leads.core.lead import Lead
from leads.core.ledger import Claim
from leads.core.national_ids import is_national_id, masked
from leads.core.plan import Plan, is_wanted, plan_for
from leads.core.routes import RouteTable
from leads.crm.client import Client
from leads.flow.steps import Steps
from leads.sources import REGISTRY

_SECONDS_FAR_AWAY = 3600.0
# Shorter texts are no ids, and hiding them would hide half of the rest.
_SHORTEST_ID = 4
# The CRM gives a contact its id; until then a path shows this.
_CONTACT_ID = "CONTACT_ID"
# Sent side by side; shown in this order, tasks as the route has them.
_LAST = ("tags", "notes", "tasks")
_NOTHING_SENT: dict[str, Any] = {"ignored": "", "problem": "", "requests": [], "conversion": None}


class Unsent:
    """Takes the CRM's place: keeps every request, sends none, and answers what makes the next step go on."""

    def __init__(self, plan: Plan) -> None:
        self.requests: list[dict[str, Any]] = []
        self._custom_fields = [
            {"id": custom.key, "name": custom.key, "fieldKey": custom.key, "dataType": "TEXT", "model": "contact"}
            for custom in plan.custom_fields
        ]

    def request(self, method: str, url: str, *, headers: Mapping[str, str], body: bytes | None, deadline: float) -> Any:
        """As leads.crm.client.Http; never raises."""
        sent = json.loads(body) if body else None
        self.requests.append({"method": method, "path": url, "body": sent})
        return _Answer(json.dumps(self._answer(method, url, sent or {})).encode())

    def _answer(self, method: str, url: str, sent: dict[str, Any]) -> dict[str, Any]:
        if url.partition("?")[0].endswith("/customFields"):
            return {"customFields": self._custom_fields}
        if url.endswith("/contacts/upsert"):
            values = [{"id": field["id"], "value": field["field_value"]} for field in sent.get("customFields", ())]
            return {"new": True, "contact": {**sent, "id": _CONTACT_ID, "customFields": values}}
        if method == "GET":
            return {"contact": None}
        return {"note": {"id": "NOTE_ID"}, "task": {"id": "TASK_ID"}, "tags": sent.get("tags", [])}


class _Answer:
    status = 200
    headers: Mapping[str, str] = {}

    def __init__(self, body: bytes) -> None:
        self.body = body


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when every lead in the file could be shown, else 1 with a sentence."""
    parser = argparse.ArgumentParser(
        prog="python -m infra.preview_lead", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("lead", type=Path, help="a JSON file")
    parser.add_argument("--routes", type=Path, default=ROOT / "functions" / "routes.toml")
    parser.add_argument("--keys", type=Path, help="Pinterest keys, as in the secret; without it the local stack's")
    parser.add_argument("--json", action="store_true", help="one JSON object a lead instead of text")
    options = parser.parse_args(arguments)
    try:
        table = wiring.load_routes(options.routes)
        previews = [preview(lead, table) for lead in leads_in(options.lead, options.keys)]
    except (CannotPreview, Misconfigured, LeadError) as error:
        print(error, file=sys.stderr)
        return 1
    for shown in previews:
        if options.json:
            print(json.dumps(shown, ensure_ascii=False))
        else:
            show(shown)
    return 0


def preview(lead: Lead, table: RouteTable, *, now: float | None = None) -> dict[str, Any]:
    """`{"lead_id", "route", "location", "ignored", "problem", "requests": [{"method", "path", "body"}], "conversion"}`.

    ignored: why the route does not want the lead; problem: why it cannot be delivered; "" is neither. now: epoch
    seconds at which the lead arrives. The requests are those for a person whom the CRM does not know yet, in the
    order of the steps; custom fields are taken to exist, as text. conversion: see told_of; None where the route has
    no conversions.
    """
    route = table.match(lead)
    if route is None:
        return {"lead_id": lead.lead_id, "route": None, "location": None, **_NOTHING_SENT, "problem": "no_route"}
    now = time.time() if now is None else now
    shown = {"lead_id": lead.lead_id, "route": route.name, "location": route.location, **_NOTHING_SENT}
    if ignored := is_wanted(lead, route, table.defaults, now=now):
        return shown | {"ignored": ignored}
    plan = plan_for(lead, route, table.defaults, source_label=_label(lead.source), now=now)
    if not plan.fields:
        return shown | {"problem": "no_usable_answer"}
    wire = Unsent(plan)
    client = Client(wire, _AnyToken(route.location), "", now=time.time)
    steps = Steps(wiring.crm_over(client, "field_value", time.time))
    taken = steps.take(plan, Claim(key="", owner=""), deadline=time.time() + _SECONDS_FAR_AWAY)
    if taken.failure is not None:
        raise CannotPreview(f"The lead {lead.lead_id} could not be shown: {taken.failure}")
    requests = sorted(wire.requests, key=lambda request: _place(request, plan))
    told = told_of(lead, route, table.defaults, plan) if route.conversions else None
    return shown | {"requests": _without(_national_ids(lead), requests), "conversion": told}


def _label(source: str) -> str:
    module, _, kind = REGISTRY[source].partition(":")
    label: str = getattr(importlib.import_module(module), kind).label
    return label


def _national_ids(lead: Lead) -> dict[str, str]:
    """What must not be shown: the text of an answer → the same masked. The longest first, as one may hold another."""
    answers = Answers(lead.answers)
    ids = [key for key, _ in answers.items() if is_national_id(key)]
    texts = {text for key in ids for text in (answers.text(key), *answers.values(key))}
    return {text: masked(text) for text in sorted(texts, key=len, reverse=True) if len(text) >= _SHORTEST_ID}


def _without(secrets: Mapping[str, str], value: Any) -> Any:
    """Any JSON value with every secret in its texts masked."""
    if isinstance(value, str):
        for secret, mask in secrets.items():
            value = value.replace(secret, mask)
    elif isinstance(value, list):
        return [_without(secrets, item) for item in value]
    elif isinstance(value, dict):
        return {key: _without(secrets, item) for key, item in value.items()}
    return value


def _place(request: Mapping[str, Any], plan: Plan) -> tuple[int, int]:
    kind = request["path"].rpartition("/")[2]
    if kind not in _LAST:
        return -1, 0
    titles = [task.title for task in plan.tasks] if kind == "tasks" else []
    return _LAST.index(kind), titles.index(request["body"]["title"]) if titles else 0


class _AnyToken:
    """A secret for a client that never calls anybody."""

    def __init__(self, location_id: str) -> None:
        self._secret = {"locations": {location_id: {"token": "not-sent"}}}

    def current(self) -> dict[str, Any]:
        return self._secret

    reread = current


def show(shown: Mapping[str, Any]) -> None:
    """Prints what `preview` has found."""
    console = Console(highlight=False, markup=False, emoji=False, soft_wrap=True)
    if shown["route"] is None:
        console.print(f"Lead {shown['lead_id']}: no route takes it; it would wait in the queue (no_route).")
        return
    console.print(f"Lead {shown['lead_id']}: route {shown['route']}, location {shown['location']}", style="bold")
    if shown["ignored"]:
        console.print(f"It would be recorded as ignored ({shown['ignored']}); nothing would be sent.")
    if shown["problem"]:
        console.print(f"It could not be delivered ({shown['problem']}) and would become a dead letter.")
    for request in shown["requests"]:
        console.print(f"\n{request['method']} {request['path']}", style="bold")
        for name, value in (request["body"] or {}).items():
            console.print(f"  {name}:{_readable(value)}")
    if shown["conversion"] is not None:
        show_told(console, shown["conversion"])


def _readable(value: Any) -> str:
    """A text as it is, in lines of its own when it has several; anything else as JSON."""
    if not isinstance(value, str):
        return f" {json.dumps(value, ensure_ascii=False)}"
    lines = value.split("\n")
    return f" {value}" if len(lines) == 1 else "".join(f"\n    {line}".rstrip(" ") for line in lines)


if __name__ == "__main__":
    sys.exit(main())
