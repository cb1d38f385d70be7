"""What the functions have logged about a lead."""

import json
import time
from collections.abc import Iterator, Mapping
from typing import Any

from infra.cli.dead.parked_message import seconds_of
from infra.cli.place import Place
from infra.cli.story.ledger import LedgerLead

# The outputs that name the functions whose log lines tell of leads.
FUNCTIONS = ("WebhookFunctionName", "RetryFunctionName", "ReconcileFunctionName")
# A lead is claimed a moment before its line is written, and a line a moment after the ledger; in seconds.
_AROUND = 60.0
# What every line has and says nothing of the lead.
_NOISE = frozenset(("level", "timestamp", "xray_trace_id", "location", "source", "account", "lead_id"))


def lines_of(place: Place, lead: LedgerLead, *, days: float, now: float | None = None) -> list[dict[str, Any]]:
    """Log lines about a lead, the oldest first, each `{"at": epoch seconds, …what it says}`.

    Test leads of Pinterest are logged under one id, so those lines are taken that were written while the ledger knew
    of this one and nothing was final; `is_shared` says that some may be another's. Raises ClientError.
    """
    now = time.time() if now is None else now
    since, until = now - days * 86_400, now
    if is_shared(lead):
        since = max(since, (seconds_of(lead.first_seen_at) or 0.0) - _AROUND)
        until = (seconds_of(lead.updated_at) or now) + _AROUND
    found = [line for group in _groups(place) for line in _lines(place, group, lead.log_id, since)]
    return sorted((line for line in found if line["at"] <= until), key=lambda line: float(line["at"]))


def is_shared(lead: LedgerLead) -> bool:
    """Whether other leads are logged under the same id."""
    return lead.log_id != lead.lead_id


def held_until(lines: list[dict[str, Any]]) -> float | None:
    """Epoch seconds of a lead's next attempt as its last line tells, None where it tells none."""
    wait = lines[-1].get("wait") if lines else None
    return lines[-1]["at"] + wait if isinstance(wait, int | float) else None


def _groups(place: Place) -> Iterator[str]:
    client = place.client("lambda")
    for output in FUNCTIONS:
        if output in place.outputs:
            name = place.outputs[output]
            configuration = client.get_function_configuration(FunctionName=name)
            yield configuration.get("LoggingConfig", {}).get("LogGroup") or f"/aws/lambda/{name}"


def _lines(place: Place, group: str, lead_id: str, since: float) -> Iterator[dict[str, Any]]:
    client = place.client("logs")
    pages = client.get_paginator("filter_log_events").paginate(
        logGroupName=group, startTime=int(since * 1000), filterPattern=f'"{lead_id}"'
    )
    try:
        for page in pages:
            for event in page.get("events", ()):
                if said := _said(event["message"], lead_id):
                    yield {"at": event["timestamp"] / 1000, **said}
    except client.exceptions.ResourceNotFoundException:
        return  # a function that was never called has not logged anything


def _said(message: str, lead_id: str) -> Mapping[str, Any] | None:
    """What a line says of the lead; None for lines about something else, which may hold the id as a part."""
    try:
        line = json.loads(message)
    except ValueError:
        return None
    if not isinstance(line, dict) or line.get("lead_id") != lead_id:
        return None
    return {name: value for name, value in line.items() if name not in _NOISE}
