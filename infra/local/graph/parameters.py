"""What a call to Graph says, in its query and its body alike."""

import json
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from urllib.parse import parse_qsl

from infra.local.graph.refusals import Refused
from infra.local.sandbox.web import Call


def parameters_of(call: Call) -> dict[str, str]:
    """Query and body, which Graph does not tell apart: a JSON object or a form, its values as texts."""
    parameters = dict(call.query)
    if call.raw and "json" in call.headers.get("content-type", ""):
        try:
            body = call.json()
        except ValueError:
            body = None
        if not isinstance(body, dict):
            raise Refused(100, "(#100) The body is no JSON object.")
        texts = {name: value if isinstance(value, str) else json.dumps(value) for name, value in body.items()}
        return parameters | texts
    return parameters | dict(parse_qsl(call.text, keep_blank_values=True))


def only(allowed: AbstractSet[str], query: Mapping[str, str]) -> None:
    """Graph would pass over a misspelt parameter; here it must not go unseen."""
    if unknown := sorted(set(query) - allowed):
        raise Refused(100, f"(#100) Unknown parameter {unknown[0]!r}: it takes {', '.join(sorted(allowed)) or 'none'}.")
