"""/webhooks/{source}/{token}: POST → every lead in it is delivered, or parked; GET → a platform asks whose it is."""

from __future__ import annotations

from functools import cache
from typing import Any

from leads import wiring
from leads.adapters.api_gateway import request_of, response_of
from leads.core.errors import fault_of
from leads.core.request import Answer
from leads.flow.receive import Receipt, Receive

_NOT_STORED = Answer(503, {"error": "The delivery could not be stored; please send it again."})


@cache
def application() -> Receive:
    """This container's receiver."""
    return wiring.parts().receive()


def handler(event: dict[str, Any], context: Any, app: Receive | None = None) -> dict[str, Any]:
    """Lambda entry: an HTTP API event (payload format 2.0) in, its response out.

    A lead that could not be stored is answered with 503, so that the platform sends it again.
    """
    telemetry = wiring.telemetry("webhook")
    try:
        receipt = (app or application())(request_of(event), remaining=context.get_remaining_time_in_millis() / 1000)
    except Exception as error:
        telemetry.problem("webhook failed", "unknown", "WebhooksFailed", fault=fault_of(error))
        return response_of(_NOT_STORED)
    _report(receipt)
    return response_of(receipt.answer)


def _report(receipt: Receipt) -> None:
    telemetry = wiring.telemetry("webhook")
    telemetry.leads(receipt.outcomes, received=True, rejected={receipt.source: receipt.rejected})
    for fault in receipt.faults:
        telemetry.problem("source misconfigured", receipt.source, "ConfigurationFaults", fault=fault)
    facts = {"status": receipt.answer.status, "reason": receipt.reason, "detail": receipt.detail}
    if receipt.answer.status >= 500:
        telemetry.problem("request failed", receipt.source, "WebhooksFailed", **facts)
    elif receipt.reason:
        telemetry.notice("request answered", source=receipt.source, **facts)


wiring.warm_up(application, lambda: wiring.telemetry("webhook"))
