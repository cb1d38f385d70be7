"""What a conversion message becomes, held against the vendor's own OpenAPI file: one undeclared name spoils a call."""

from __future__ import annotations

import functools
import hashlib
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from leads.core.conversion import ACTION_SOURCES, Event
from leads.core.conversion_fields import CUSTOM, HASHED, MEMBERS, MORE, PERSON
from leads.core.conversion_message import event_message, parse
from leads.core.errors import Undeliverable
from leads.core.user_data import NAMES
from tests.contract.pinterest_traffic import as_json_schema

SPEC = Path(__file__).resolve().parents[2].parent / "shared" / "specs" / "pinterest" / "openapi.yaml"
SCHEMAS = "#/components/schemas/"
pytestmark = pytest.mark.skipif(not SPEC.exists(), reason="the vendor's OpenAPI file is not beside this checkout")

# Declared, and "only use when instructed" or "for Pinterest internal use only".
NOT_OFFERED = {"np", "external_measurement_id", "external_measurement_vendor_id"}
ADA = hashlib.sha256(b"ada@example.com").hexdigest()
APP = {
    "app_id": 429047995,
    "app_name": "Engine",
    "app_package_name": "com.example.engine",
    "app_store": "Other",
    "app_version": 7.9,
    "install_time": "1739222269",
    "user_agent": "Mozilla/5.0",
    "window_height": 910.0,
    "window_width": 1678,
}
DEVICE = {
    **dict.fromkeys(("brand", "carrier", "kernel_version", "model", "type"), "x"),
    **dict.fromkeys(("os_name", "os_release_name", "os_version", "locale", "timezone"), 18.3),
    **dict.fromkeys(("battery_level", "cpu_cores", "screen_density", "screen_height", "screen_width"), "8"),
    **dict.fromkeys(("storage_free_space", "storage_size"), 184),
    **dict.fromkeys(("external_storage_free_space", "external_storage_size"), 126),
    "form_factor": "Cellphone",
    "languages": ["en", "de"],
    "network_type": "cellular_5g",
    "os_family": "iOS",
    "timezone_abbr": "PDT",
}
CONTENT = {
    "id": 1,
    "item_name": "shirt",
    "item_category": "shirts",
    "item_brand": "own",
    "item_price": 14.99,
    "quantity": "3",
}
# Every member, as different senders write them.
FULLEST: dict[str, Any] = {
    "v": 1,
    "ad_account_id": "111764359001",
    "event_name": "checkout",
    "event_time": "2025-11-20T00:53:20Z",
    "event_id": 7,
    "action_source": "web",
    "test": "true",
    "lead": "pinterest#1",
    "outcome": "won",
    "email": "Ada@example.com",
    "phone": "(212) 555-0123",
    "first_name": "Ada",
    "last_name": "Lovelace",
    "city": "New York",
    "state": "New York",
    "zip": 10001,
    "country": "USA",
    "gender": "female",
    "date_of_birth": "10 December 1990",
    "external_id": 42,
    **{name: ADA for name, member in MEMBERS.items() if member.place == HASHED},
    **dict.fromkeys(("click_id", "partner_id", "client_user_agent"), "x"),
    "client_ip_address": "192.0.2.1",
    "value": 72.39,
    "predicted_ltv": "2.5e3",
    "currency": "usd",
    "order_id": 1001,
    "content_ids": [1, "b"],
    "contents": [CONTENT],
    "num_items": 3.0,
    "content_name": "x",
    "content_category": "x",
    "content_brand": "x",
    "search_string": "x",
    "opt_out_type": "LDP",
    "opt_out": 0,
    "wifi": True,
    "event_source_url": "https://shop.example/",
    "partner_name": "ss-leadrelay",
    "language": "en",
    "app_id": 429047995,
    "app_name": "Engine",
    "app_version": 7.9,
    "device_brand": "x",
    "device_carrier": "x",
    "device_model": "x",
    "device_type": "x",
    "os_version": 12,
    "app_info": APP,
    "device_info": DEVICE,
}


@functools.cache
def schemas() -> dict[str, Any]:
    """The event's schemas as JSON Schema knows them; only their part of the file is read, which has 30,000 lines."""
    text = SPEC.read_text("utf-8")
    found: dict[str, Any] = {}
    waiting = ["ConversionEvents"]
    while waiting:
        name = waiting.pop()
        if name not in found:
            part = text.split(f"\n    {name}:\n", 1)[1]
            lines = part.splitlines()
            end = next(at for at, line in enumerate(lines) if line and not line.startswith("     "))
            found[name] = as_json_schema(yaml.safe_load("\n".join(lines[:end])))
            waiting += _references(found[name])
    return found


def _references(node: Any) -> list[str]:
    inner = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    own = [node["$ref"].removeprefix(SCHEMAS)] if isinstance(node, dict) and isinstance(node.get("$ref"), str) else []
    return own + [name for one in inner for name in _references(one)]


def assert_valid(*events: Event) -> None:
    rooted = {"$ref": f"{SCHEMAS}ConversionEvents", "components": {"schemas": schemas()}}
    body = json.loads(json.dumps({"data": [event.member() for event in events]}))
    jsonschema.Draft202012Validator(rooted).validate(body)


def event(told: dict[str, Any]) -> Event:
    found = parse(json.dumps(told), accounts=(), phone_region="US", now=1_763_700_000)
    assert isinstance(found, Event)
    return found


def properties(*path: str) -> set[str]:
    """The names that the file declares at a place below an event."""
    node = schemas()["ConversionEvents"]["properties"]["data"]["items"]
    for step in path:
        node = node["properties"][step]
        node = node.get("items", node)
    return set(node["properties"])


def sent(place: str) -> set[str]:
    return {member.key for member in MEMBERS.values() if member.place == place}


def test_the_fullest_message() -> None:
    """Every member that there is, and everything that the file declares."""
    assert set(FULLEST) == set(MEMBERS) | {"v"}
    full = event(FULLEST)
    assert_valid(full)
    assert_valid(event(json.loads(event_message(full))))
    assert set(full.member()) == properties()
    assert set(full.user_data) == set(schemas()["ConversionEventsUserDataProperties"]["properties"])
    assert set(full.more["app_info"]) == set(schemas()["ConversionEventAppInfo"]["properties"])
    assert set(full.more["device_info"]) == set(schemas()["ConversionEventDeviceInfo"]["properties"])


def test_the_names_are_the_vendors() -> None:
    """Nothing is declared that cannot be told, and nothing can be told that is not declared."""
    assert sent(CUSTOM) == properties("custom_data") - NOT_OFFERED
    assert sent(MORE) == properties() - {"custom_data", "user_data"} - {
        "event_name",
        "event_time",
        "event_id",
        "action_source",
    }
    assert sent(HASHED) | sent(PERSON) == set(schemas()["ConversionEventsUserDataProperties"]["properties"])
    assert set(CONTENT) == properties("custom_data", "contents")


@pytest.mark.parametrize("source", ACTION_SOURCES)
@pytest.mark.parametrize("name", ["email", "hashed_email", "hashed_maids"])
def test_the_least_messages(source: str, name: str) -> None:
    """One identifier is enough."""
    least = {"ad_account_id": "1", "event_name": "own_name", "event_time": 1_763_600_000, "action_source": source}
    found = event(least | {name: "ada@example.com" if name in NAMES else ADA})
    assert found.is_identified
    assert_valid(found)


def edges(declared: dict[str, Any]) -> tuple[Any, Any]:
    """The last value that the file takes of a property, and the first that it does not."""
    if "enum" in declared:
        return declared["enum"][-1], "none of them"
    if "maxLength" in declared:
        return "x" * declared["maxLength"], "x" * (declared["maxLength"] + 1)
    if "maxItems" in declared:
        return ["x"] * declared["maxItems"], ["x"] * (declared["maxItems"] + 1)
    return declared.get("maximum", 0), declared.get("maximum", -2) + 1


@pytest.mark.parametrize(
    ("part", "schema"), [("app_info", "ConversionEventAppInfo"), ("device_info", "ConversionEventDeviceInfo")]
)
def test_limits_are_the_vendors(part: str, schema: str) -> None:
    """What lies on a limit goes through, what lies beyond is refused here rather than with the whole call."""
    for name, declared in schemas()[schema]["properties"].items():
        last, beyond = edges(declared)
        for taken in declared.get("enum", [last]):
            assert_valid(event(FULLEST | {part: {name: taken}}))
        with pytest.raises(Undeliverable, match=rf"`{part}\.{name}`"):
            event(FULLEST | {part: {name: beyond}})
