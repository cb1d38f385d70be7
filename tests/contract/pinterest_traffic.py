"""The Ads API's OpenAPI file, and what it holds against a recorded request for conversion events and its answer."""

from __future__ import annotations

import functools
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

# Every test run reads this module, and few need the file: what reads it is imported where it is needed.
if TYPE_CHECKING:
    import jsonschema

SPEC = Path(__file__).resolve().parents[2].parent / "shared" / "specs" / "pinterest" / "openapi.yaml"
MISSING = "the vendor's OpenAPI file is not beside this checkout (../shared/specs)"
VERSION = "/v5"
JSON = "application/json"
_ERROR = {"$ref": "#/components/schemas/Error"}
# The file leaves user data open to other names; one that it does not declare would match nobody.
_CLOSED = ("ConversionEventsUserDataProperties",)
_FLAGS = {"true": True, "false": False}
_INDEX = re.compile(r"\[\d+\]")
_DIGEST = re.compile(r'"[0-9a-f]{64}"')


@functools.cache
def specification() -> dict[str, Any]:
    """The vendor's OpenAPI file as JSON Schema knows it; empty where it is not beside this checkout."""
    if not SPEC.exists():
        return {}
    import yaml

    return dict(as_json_schema(yaml.load(SPEC.read_text(), Loader=yaml.CSafeLoader)))


def as_json_schema(node: Any) -> Any:
    """A part of the OpenAPI file as JSON Schema knows it: what may be null says so by its type."""
    if isinstance(node, list):
        return [as_json_schema(one) for one in node]
    if not isinstance(node, dict):
        return node
    schema = {name: as_json_schema(value) for name, value in node.items()}
    if schema.pop("nullable", False) is True and isinstance(schema.get("type"), str):
        schema["type"] = [schema["type"], "null"]
    return schema


@functools.cache
def _pattern(template: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"{(\w+)}", r"(?P<\1>[^/]+)", template))


def _declared(method: str, path: str) -> tuple[str, dict[str, Any]] | None:
    for template, operations in specification().get("paths", {}).items():
        if method.lower() in operations and _pattern(template).fullmatch(path):
            return template, operations[method.lower()]
    return None


def declared(method: str, path: str) -> dict[str, Any] | None:
    """The operation at a path below /v5; None when the vendor has none there."""
    found = _declared(method, path)
    return found[1] if found else None


def schema_of_answer(operation: Mapping[str, Any] | None, status: int) -> Mapping[str, Any] | None:
    """What an answer's body must be, None where there is none; LookupError for a status that is not declared.

    An answer from no operation is an error as all are.
    """
    if operation is None:
        return _ERROR
    answers = operation["responses"]
    answer = answers.get(str(status), answers.get("default"))
    if answer is None:
        raise LookupError(f"{status} is not declared")
    return answer["content"][JSON]["schema"] if "content" in answer else None


def violations(schema: Mapping[str, Any], value: Any) -> Iterator[str]:
    """What is wrong with a value, by the names of its members; what stands in them is not told."""
    for error in _validator(json.dumps(schema)).iter_errors(value):
        # Each choice of an anyOf lacks what another one has: what all of them forbid comes first.
        inner = [one for one in error.context or () if one.validator != "required"]
        for one in inner or [error]:
            yield f"{_INDEX.sub('[]', one.json_path)} {_stated(one)}"


def _stated(error: jsonschema.ValidationError) -> str:
    if error.validator == "additionalProperties":
        known = error.schema.get("properties", {})
        return "has what is not declared: " + ", ".join(sorted(name for name in error.instance if name not in known))
    wanted = error.validator_value
    if error.validator == "anyOf":
        wanted = " or ".join("+".join(choice.get("required", ["…"])) for choice in wanted)
    return f"is against {error.validator}: {wanted}"


@functools.cache
def _validator(schema: str) -> jsonschema.Draft202012Validator:
    import jsonschema

    components = dict(specification()["components"]["schemas"])
    components |= {name: {**components[name], "additionalProperties": False} for name in _CLOSED}
    return jsonschema.Draft202012Validator({**json.loads(schema), "components": {"schemas": components}})


def record_violations(record: Path) -> str:
    """What is wrong in a record of requests and answers, a line each; "" when nothing is, or nothing is known."""
    if not SPEC.exists():
        return ""
    found: Counter[str] = Counter()
    for line in map(json.loads, record.read_text("utf-8").splitlines()):
        found.update(set(request_violations(line)))
        if not line["is_fault"] and line["status"] is not None:
            found.update(set(answer_violations(line)))
    return "\n".join(f"{number} × {text}" for text, number in found.most_common(40))


def request_violations(line: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with a recorded request: operation, path, query, and the body member by member."""
    path = line["path"].removeprefix(VERSION)
    found = _declared(line["method"], path)
    if found is None:
        yield f"{line['method']} {_INDEX.sub('[]', path)} is not in the vendor's file"
        return
    template, operation = found
    where, given = f"{line['method']} {template}", dict(line["query"])
    in_path = _pattern(template).fullmatch(path)
    for parameter in map(_resolved, operation.get("parameters", [])):
        name, place = parameter["name"], parameter["in"]
        text = given.pop(name, None) if place == "query" else in_path and in_path[name]
        if text is None:
            if parameter.get("required"):
                yield f"{where}: {place} {name} is missing"
            continue
        value = _FLAGS.get(text, text) if parameter["schema"].get("type") == "boolean" else text
        yield from (f"{where}: {place} {name} {text}" for text in violations(parameter["schema"], value))
    yield from (f"{where}: query {name} is not declared" for name in given)
    yield from _body_violations(where, operation["requestBody"]["content"][JSON]["schema"], line)


def _body_violations(where: str, schema: Mapping[str, Any], line: Mapping[str, Any]) -> Iterator[str]:
    kind = line["headers"].get("content-type", "").partition(";")[0].strip()
    if kind != JSON:
        yield f"{where}: the body is {kind or 'of no type'}, declared is {JSON}"
        return
    try:
        body = json.loads(line["body"])
    except ValueError:
        yield f"{where}: the body is no JSON"
        return
    if isinstance(body, dict) and isinstance(data := body.get("data"), list):
        most = _resolved(schema)["properties"]["data"]["maxItems"]
        if len(data) > most:
            yield f"{where}: {len(data)} events in a call, which takes {most}"
        body = {**body, "data": _different(data)}
    yield from (f"{where}: {text}" for text in violations(schema, body))


def answer_violations(line: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with a recorded answer: its status, its body, and that it tells of each event."""
    operation = declared(line["method"], line["path"].removeprefix(VERSION))
    where = f"{line['method']} …/{line['path'].rpartition('/')[2]} → {line['status']}"
    try:
        schema = schema_of_answer(operation, line["status"])
    except LookupError as error:
        yield f"{where}: {error}"
        return
    answer = line["answer"]
    if schema is None or not isinstance(answer, dict):
        return
    if line["status"] == 200 and isinstance(told := answer.get("events"), list):
        if len(told) != len(json.loads(line["body"])["data"]):
            yield f"{where}: not every event is told of"
        answer = {**answer, "events": _different(told)}
    yield from (f"{where}: {text}" for text in violations(schema, answer))


def _resolved(node: Mapping[str, Any]) -> Mapping[str, Any]:
    if "$ref" not in node:
        return node
    found: Any = specification()
    for name in node["$ref"].removeprefix("#/").split("/"):
        found = found[name]
    return dict(found)


def _different(members: list[Any]) -> list[Any]:
    """Those that differ in more than ids, times and digests: a look at each of a thousand would take long."""
    return list({_DIGEST.sub('""', json.dumps(_plain(one), sort_keys=True)): one for one in members}.values())


def _plain(event: Any) -> Any:
    if not isinstance(event, dict):
        return event
    return {
        name: type(value).__name__ if name in ("event_id", "event_time") else value for name, value in event.items()
    }
