"""The vendor's OpenAPI files, and what they hold against a request or an answer."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import urllib3

from infra.local.sandbox.api import VERSION

SPECS = Path(__file__).resolve().parents[2].parent / "shared" / "specs" / "contacts-api"
MISSING = "the vendor's OpenAPI files are not beside this checkout (../shared/specs)"
JSON, FORM = "application/json", "application/x-www-form-urlencoded"
JSON_TYPES: dict[str, Any] = {
    "string": str,
    "number": (int, float),
    "boolean": bool,
    "array": list,
    "object": dict,
}


def request(url: str, method: str, path: str, body: Any, **headers: str) -> urllib3.BaseHTTPResponse:
    """Asks a sandbox as a good client would, unless `headers` say otherwise; bytes are sent as they are."""
    sent = {
        "Authorization": "Bearer pit",
        "Version": VERSION,
        "Content-Type": "application/json",
        **headers,
    }
    raw = body if isinstance(body, bytes) or body is None else json.dumps(body)
    return urllib3.request(method, url + path, body=raw, headers=sent, retries=False, timeout=5)


@cache
def spec(name: str) -> Any:
    return json.loads((SPECS / f"{name}.json").read_text())


def file_of(path: str) -> str:
    return path.split("/")[1]


def operation_of(method: str, path: str) -> Any:
    """The vendor's operation at a path template, whatever its parameters are called; LookupError without one."""
    wanted = re.sub(r"{\w+}", "{}", path)
    for declared, operations in _paths(path):
        if re.sub(r"{\w+}", "{}", declared) == wanted and method.lower() in operations:
            return operations[method.lower()]
    raise LookupError(f"{method} {path} is not in the vendor's files")


def template_of(method: str, path: str) -> str:
    """The template that a requested path fits, the one with the most fixed words first; LookupError without one."""
    given = path.split("/")
    fitting = [
        declared
        for declared, operations in _paths(path)
        if method.lower() in operations
        and len(parts := declared.split("/")) == len(given)
        and all(part == want or (want.startswith("{") and part) for want, part in zip(parts, given, strict=True))
    ]
    if not fitting:
        raise LookupError(f"{method} {re.sub(r'/[A-Za-z0-9]{20}(?=/|$)', '/<id>', path)} is not in the vendor's files")
    return min(fitting, key=lambda declared: declared.count("{"))


def _paths(path: str) -> Iterator[tuple[str, Any]]:
    if (SPECS / f"{file_of(path)}.json").exists():
        yield from spec(file_of(path))["paths"].items()


def record_violations(record: Path) -> str:
    """What is wrong in a record of requests and answers, a line each; "" when nothing is, or nothing is known."""
    if not (SPECS / "contacts.json").exists():
        return ""
    found: Counter[str] = Counter()
    for line in map(json.loads, record.read_text("utf-8").splitlines()):
        found.update(request_violations(line))
        if not line["is_fault"] and line["status"] is not None:
            found.update(answer_violations(line))
    return "\n".join(f"{number} × {text}" for text, number in found.most_common(40))


def request_violations(line: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with a recorded request: operation, Version, query and body, property by property."""
    try:
        template = template_of(line["method"], line["path"])
    except LookupError as error:
        yield str(error)
        return
    where, operation = f"{line['method']} {template}", operation_of(line["method"], template)
    declared = {(item["in"], item["name"]): item for item in operation.get("parameters", [])}
    headers, query = line["headers"], line["query"]
    for (place, name), item in declared.items():
        given = (
            headers.get(name.lower()) if place == "header" else query.get(name) if place == "query" else "in its path"
        )
        if given is None:
            if item.get("required"):
                yield f"{where}: {place} {name} is missing"
        elif given not in item.get("schema", {}).get("enum", [given]):
            yield f"{where}: {place} {name} is {given!r}, which is not in the enum"
    yield from (f"{where}: query {name} is not declared" for name in query if ("query", name) not in declared)
    yield from _body_violations(where, operation.get("requestBody", {}).get("content", {}), headers, line["body"])


def _body_violations(where: str, content: Mapping[str, Any], headers: Mapping[str, str], text: str) -> Iterator[str]:
    if not content:
        if text:
            yield f"{where}: has a body, but none is declared"
        return
    kind = headers.get("content-type", "").partition(";")[0].strip()
    if kind not in content:
        yield f"{where}: the body is {kind or 'of no type'}, declared is {' or '.join(content)}"
        return
    body = json.loads(text) if kind == JSON else dict(parse_qsl(text, keep_blank_values=True))
    yield from violations(content[kind]["schema"], body, where, where.split("/")[1])


_CUSTOM_VALUE = re.compile(r"\.customFields\[\d+\]\.value$")
_OBJECT_LISTED = re.compile(
    r"(/tasks/search( → 200)?\.tasks|/opportunities/pipelines( → 200)?\.pipelines\[\d+\]\.stages)\[\d+\]$"
)


def answer_violations(line: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with a recorded answer to a declared operation: its status and its body."""
    try:
        template = template_of(line["method"], line["path"])
        if line["status"] == 429:  # exists, and is in none of the files: docs/oauth/Authorization.md
            return
        declared = declared_answer(line["method"], template, line["status"])
    except (LookupError, AssertionError) as error:
        yield str(error)
        return
    body = line["answer"]
    if "traceId" not in declared.get("properties", {}):
        body = without_trace(body)
    yield from violations(declared, body, f"{line['method']} {template} → {line['status']}", file_of(template))


def without_trace(payload: dict[str, Any]) -> dict[str, Any]:
    """docs/oauth/Overview.md promises a traceId in every answer; most schemas do not declare it."""
    return {name: value for name, value in payload.items() if name != "traceId"}


def declared_answer(method: str, path: str, status: int) -> Any:
    answers = operation_of(method, path)["responses"]
    assert str(status) in answers, f"{method} {path} answered {status}, declared are {sorted(answers)}"
    found = answers[str(status)].get("content", {}).get("application/json", {}).get("schema", {})
    return resolved(found, file_of(path))


def resolved(declared: dict[str, Any], file: str) -> Any:
    if "$ref" not in declared:
        return declared
    where, _, name = declared["$ref"].rpartition("#/components/schemas/")
    return spec("common-schemas" if where else file)["components"]["schemas"][name]


def violations(declared: dict[str, Any], value: Any, where: str, file: str) -> Iterator[str]:
    """What is wrong with `value`: types, values outside an enum, properties that are not declared or missing."""
    declared = resolved(declared, file)
    choices = declared.get("anyOf") or declared.get("oneOf") or declared.get("allOf")
    if choices:
        found = [list(violations(choice, value, where, file)) for choice in choices]
        yield from min(found, key=len)
        return
    kind = declared.get("type")
    if kind is None or (value is None and declared.get("nullable")):
        return  # nothing is declared about it
    if kind == "object" and declared.get("properties") == {}:
        return  # SearchBodyV2DTO: what it takes is on a page outside the files
    if isinstance(value, dict) and _OBJECT_LISTED.search(where):
        # Declared as lists of lists. They are tasks, as issue 332 shows them, and stages, each with an id and a name.
        return
    if kind == "object" and "properties" not in declared and isinstance(value, str | int | float):
        return  # a Date or a Number of the vendor's code, on the wire a text or a number
    if isinstance(value, list) and _CUSTOM_VALUE.search(where):
        # Declared as a text for every type of field; a choice of several is written and shown as a list
        # (schema MultiSelectField; docs/webhook events/ContactCreate: "value" is a string, number or array).
        return
    if not isinstance(value, JSON_TYPES[kind]) or (kind == "number" and isinstance(value, bool)):
        yield f"{where} is a {type(value).__name__}, not {kind}"
    elif kind == "object":
        properties = declared.get("properties", {})
        for name, item in value.items():
            if name in properties:
                yield from violations(properties[name], item, f"{where}.{name}", file)
            else:
                yield f"{where}.{name} is not declared"
        yield from (f"{where}.{name} is missing" for name in declared.get("required", []) if name not in value)
    elif kind == "array":
        for at, item in enumerate(value):
            yield from violations(declared["items"], item, f"{where}[{at}]", file)
    elif value not in declared.get("enum", [value]):
        yield f"{where} is {value!r}, which is not in the enum"
