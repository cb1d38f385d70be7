"""POST /webhooks/{source}/{token} → every lead in the request is delivered, or parked."""

from __future__ import annotations

import base64
import json
from functools import cache
from typing import Any

from leads import wiring
from leads.core.errors import fault_of
from leads.core.request import Request
from leads.flow.receive import Receipt, Receive


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
        receipt = (app or application())(_request(event), remaining=context.get_remaining_time_in_millis() / 1000)
    except Exception as error:
        telemetry.problem("webhook failed", "unknown", "WebhooksFailed", fault=fault_of(error))
        return _response(503, {"error": "The delivery could not be stored; please send it again."})
    _report(receipt)
    return _response(receipt.answer.status, receipt.answer.body)


def _request(event: dict[str, Any]) -> Request:
    path = event.get("pathParameters") or {}
    body = event.get("body") or ""
    raw = base64.b64decode(body) if event.get("isBase64Encoded") else body.encode("utf-8", "surrogatepass")
    headers = event.get("headers") or {}
    return Request(source=path.get("source", ""), token=path.get("token", ""), body=raw, headers=headers)


def _report(receipt: Receipt) -> None:
    telemetry = wiring.telemetry("webhook")
    telemetry.leads(receipt.outcomes, received=True, rejected={receipt.source: receipt.rejected})
    facts = {"status": receipt.answer.status, "reason": receipt.reason, "detail": receipt.detail}
    if receipt.answer.status >= 500:
        telemetry.problem("request failed", receipt.source, "WebhooksFailed", **facts)
    elif receipt.reason:
        telemetry.notice("request answered", **facts)


def _response(status: int, body: dict[str, Any]) -> dict[str, Any]:
    return {"statusCode": status, "headers": {"content-type": "application/json"}, "body": json.dumps(body)}


wiring.warm_up(application, lambda: wiring.telemetry("webhook"))
