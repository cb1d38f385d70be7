"""What the functions have logged about a lead."""

import json
import time
from collections.abc import Iterator, Mapping
from typing import Any

from infra.cli.place import Place

# The outputs that name the functions whose log lines tell of leads.
FUNCTIONS = ("WebhookFunctionName", "RetryFunctionName", "ReconcileFunctionName")
# What every line has and says nothing of the lead.
_NOISE = frozenset(("level", "timestamp", "xray_trace_id", "location", "source", "account", "lead_id"))


def lines_of(place: Place, lead_id: str, *, days: float, now: float | None = None) -> list[dict[str, Any]]:
    """Log lines about the lead with this id, the oldest first, each `{"at": epoch seconds, …what it says}`.

    A test lead of Pinterest is logged under the id that all of them share. Raises ClientError.
    """
    since = (time.time() if now is None else now) - days * 86_400
    found = [line for group in _groups(place) for line in _lines(place, group, lead_id, since)]
    return sorted(found, key=lambda line: float(line["at"]))


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
