"""What the Contacts client sends, call by call, against the vendor's own OpenAPI files."""

import json
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from leads.core.contact import DEFAULT_MAPPING
from leads.core.errors import LeadError
from leads.crm.client import Client
from leads.crm.contacts import UPDATE_FIELDS, UPSERT_FIELDS, Contacts
from leads.crm.custom_fields import CustomFields
from leads.crm.notes import Notes
from leads.crm.pipelines import Pipelines
from leads.crm.tags import Tags
from leads.crm.tasks import Tasks
from tests.unit.crm.canned_http import DEADLINE, LOCATION, NOW, Asked, Canned, CannedHttp, client

SPECS = Path(__file__).resolve().parents[2].parent / "shared" / "specs" / "contacts-api"
pytestmark = pytest.mark.skipif(not SPECS.exists(), reason="the vendor's OpenAPI files are not beside this checkout")

EVERYTHING = dict.fromkeys(UPSERT_FIELDS, "x")
CUSTOM = [("f1", "text"), ("f2", 5.0), ("f3", ["a", "b"])]
EXISTS = Canned(400, {"meta": {"contactId": "c1", "matchingField": "email"}})
SHOWN = Canned(200, {"contact": {"id": "c1"}})
AT: dict[str, Any] = {"deadline": DEADLINE}
TASK: dict[str, Any] = {"title": "Call", "body": "x", "due_at": NOW}

# What is called, the answers on the way to the operation that is meant, and that operation.
CALLS: dict[str, tuple[Callable[[Client], Any], list[Canned], tuple[str, str, str]]] = {
    "find": (
        lambda c: Contacts(c).find(LOCATION, email="a@b.cd", phone="+12125550123", **AT),
        [], ("contacts", "get", "/contacts/search/duplicate"),
    ),
    "read": (lambda c: Contacts(c).read(LOCATION, "c1", **AT), [], ("contacts", "get", "/contacts/{contactId}")),
    "upsert": (
        lambda c: Contacts(c).upsert(LOCATION, EVERYTHING, CUSTOM, **AT),
        [], ("contacts", "post", "/contacts/upsert"),
    ),
    "update": (
        lambda c: Contacts(c).upsert(LOCATION, EVERYTHING, CUSTOM, **AT),
        [EXISTS, SHOWN], ("contacts", "put", "/contacts/{contactId}"),
    ),
    "tags added": (
        lambda c: Tags(c).add(LOCATION, "c1", ["hot"], **AT),
        [], ("contacts", "post", "/contacts/{contactId}/tags"),
    ),
    "tags removed": (
        lambda c: Tags(c).remove(LOCATION, "c1", ["hot"], **AT),
        [], ("contacts", "delete", "/contacts/{contactId}/tags"),
    ),
    "note": (
        lambda c: Notes(c).create(LOCATION, "c1", "x", **AT), [], ("contacts", "post", "/contacts/{contactId}/notes")
    ),
    "notes": (
        lambda c: Notes(c).find(LOCATION, "c1", "x", **AT), [], ("contacts", "get", "/contacts/{contactId}/notes")
    ),
    "task": (
        lambda c: Tasks(c).create(LOCATION, "c1", assigned_to="user-a", **TASK, **AT),
        [], ("contacts", "post", "/contacts/{contactId}/tasks"),
    ),
    "task of nobody": (
        lambda c: Tasks(c).create(LOCATION, "c1", assigned_to="", **TASK, **AT),
        [], ("contacts", "post", "/contacts/{contactId}/tasks"),
    ),
    "tasks": (
        lambda c: Tasks(c).find(LOCATION, "c1", "x", **AT), [], ("contacts", "get", "/contacts/{contactId}/tasks")
    ),
    "custom fields": (
        lambda c: CustomFields(c, now=lambda: NOW).definitions(LOCATION, **AT),
        [], ("locations", "get", "/locations/{locationId}/customFields"),
    ),
    "pipelines": (
        lambda c: Pipelines(c, now=lambda: NOW).stage_names(LOCATION, **AT),
        [], ("opportunities", "get", "/opportunities/pipelines"),
    ),
}  # fmt: skip


@cache
def spec(name: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((SPECS / f"{name}.json").read_text())
    return document


def operation(name: str, method: str, path: str) -> dict[str, Any]:
    found: dict[str, Any] = spec(name)["paths"][path][method]
    return found


def schema(name: str, method: str, path: str) -> dict[str, Any]:
    """The schema of an operation's body; {} when it has none."""
    body = operation(name, method, path).get("requestBody", {}).get("content", {}).get("application/json", {})
    reference = body.get("schema", {}).get("$ref", "")
    found: dict[str, Any] = spec(name)["components"]["schemas"][reference.rpartition("/")[2]] if reference else {}
    return found


def properties(method: str, path: str) -> set[str]:
    return set(schema("contacts", method, path)["properties"])


@pytest.fixture(params=CALLS)
def sent(request: pytest.FixtureRequest) -> tuple[Asked, tuple[str, str, str]]:
    """The request that a call sends, and the operation it is meant to be."""
    call, answers, meant = CALLS[request.param]
    # An answer that lacks everything ends the call: what was sent is all that matters here.
    http = CannedHttp(*answers, Canned(200, {}))
    try:
        call(client(http))
    except LeadError:
        pass
    return http.asked[-1], meant


def test_every_request_is_an_operation_of_the_spec(sent: tuple[Asked, tuple[str, str, str]]) -> None:
    """Its method and its path."""
    asked, (_, method, template) = sent
    pattern = "".join(
        "[^/]+" if part.startswith("{") else re.escape(part) for part in re.split(r"(\{[^}]+\})", template)
    )
    assert asked.method == method.upper()
    assert re.fullmatch(pattern, urlsplit(asked.url).path)


def test_every_request_has_the_version_of_its_operation(sent: tuple[Asked, tuple[str, str, str]]) -> None:
    """Another is another API."""
    asked, meant = sent
    [versions] = [p["schema"]["enum"] for p in operation(*meant)["parameters"] if p["name"] == "Version"]
    assert [asked.headers["Version"]] == versions


def test_every_query_has_what_it_must_and_only_what_it_may(sent: tuple[Asked, tuple[str, str, str]]) -> None:
    """Spelled as in the spec, which spells them differently elsewhere."""
    asked, meant = sent
    known = {p["name"]: p for p in operation(*meant)["parameters"] if p["in"] == "query"}
    given = parse_qs(urlsplit(asked.url).query, strict_parsing=bool(known))
    assert set(given) <= set(known)
    assert {name for name, parameter in known.items() if parameter.get("required")} <= set(given)
    for name, [value] in given.items():
        assert value in known[name]["schema"].get("enum", [value])


def test_every_body_has_what_it_must_and_only_what_it_may(sent: tuple[Asked, tuple[str, str, str]]) -> None:
    """The API answers 422 to any other property."""
    asked, meant = sent
    allowed = schema(*meant)
    assert (asked.body is not None) == bool(allowed)
    body = asked.json or {}
    assert set(body) <= set(allowed.get("properties", {}))
    assert set(allowed.get("required", [])) <= set(body)


def test_every_value_is_of_the_declared_type(sent: tuple[Asked, tuple[str, str, str]]) -> None:
    """Text, boolean or list; null nowhere."""
    asked, meant = sent
    # The birth date is declared an object, with a text as its example and texts in its description.
    python = {"string": str, "boolean": bool, "array": list, "object": str}
    for name, value in (asked.json or {}).items():
        assert isinstance(value, python[schema(*meant)["properties"][name]["type"]]), name


def test_every_custom_value_fits_a_kind_of_field(sent: tuple[Asked, tuple[str, str, str]]) -> None:
    """Its id, and under `field_value` a text, a number or a list of texts."""
    asked, meant = sent
    kinds = spec(meant[0])["components"]["schemas"]
    for item in (asked.json or {}).get("customFields", []):
        kind = {str: "TextField", float: "NumericField", list: "MultiSelectField"}[type(item["field_value"])]
        assert set(item) <= set(kinds[kind]["properties"])
        assert set(kinds[kind]["required"]) <= set(item)


def test_an_upsert_sends_only_what_it_may() -> None:
    """Also what no call of today sends."""
    assert UPSERT_FIELDS | {"locationId", "customFields"} <= properties("post", "/contacts/upsert")


def test_nothing_is_held_back_from_an_update() -> None:
    """What an upsert sends and an update may carry is in both lists."""
    assert UPSERT_FIELDS & properties("put", "/contacts/{contactId}") == UPDATE_FIELDS


def test_every_mapped_answer_is_sent() -> None:
    """The mapping names no field that the client would drop."""
    assert {field for field, _ in DEFAULT_MAPPING.values()} <= UPSERT_FIELDS
