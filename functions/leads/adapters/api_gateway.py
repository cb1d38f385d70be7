"""An HTTP API's event (payload format 2.0) as a request, and our answer as its response."""

from __future__ import annotations

import base64
import json
from typing import Any

from leads.core.request import Answer, Request


def request_of(event: dict[str, Any]) -> Request:
    """The request in an event, its body as the bytes that were sent."""
    path = event.get("pathParameters") or {}
    body = event.get("body") or ""
    raw = base64.b64decode(body) if event.get("isBase64Encoded") else body.encode("utf-8", "surrogatepass")
    return Request(
        source=path.get("source", ""),
        token=path.get("token", ""),
        body=raw,
        headers=event.get("headers") or {},
        method=event.get("requestContext", {}).get("http", {}).get("method", "POST"),
        query=event.get("queryStringParameters") or {},
    )


def response_of(answer: Answer) -> dict[str, Any]:
    """The response that carries an answer: a JSON object, or a text as it is."""
    body = answer.body
    kind, text = ("text/plain", body) if isinstance(body, str) else ("application/json", json.dumps(body))
    return {"statusCode": answer.status, "headers": {"content-type": kind}, "body": text}
