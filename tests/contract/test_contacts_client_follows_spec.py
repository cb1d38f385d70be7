"""What the Contacts client sends, against the vendor's own OpenAPI file."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from leads.core.contact import DEFAULT_MAPPING
from leads.crm.client import CONTACTS_VERSION
from leads.crm.contacts import UPDATE_FIELDS, UPSERT_FIELDS

SPEC = Path(__file__).resolve().parents[2].parent / "shared" / "specs" / "contacts-api" / "contacts.json"
pytestmark = pytest.mark.skipif(not SPEC.exists(), reason="the vendor's OpenAPI files are not beside this checkout")


@cache
def spec() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(SPEC.read_text())
    return document


def properties(method: str, path: str) -> set[str]:
    """The properties that an operation's body may have."""
    body = spec()["paths"][path][method]["requestBody"]["content"]["application/json"]["schema"]
    return set(spec()["components"]["schemas"][body["$ref"].rpartition("/")[2]]["properties"])


def test_an_upsert_sends_only_what_it_may() -> None:
    """The API answers 422 to any other property."""
    assert UPSERT_FIELDS | {"locationId"} <= properties("post", "/contacts/upsert")


def test_an_update_sends_only_what_it_may() -> None:
    """An update knows fewer properties than an upsert, and `source` is among them."""
    assert UPDATE_FIELDS | {"source"} <= properties("put", "/contacts/{contactId}")


def test_nothing_is_held_back_from_an_update() -> None:
    """What an upsert sends and an update may carry is in both lists."""
    assert UPSERT_FIELDS & properties("put", "/contacts/{contactId}") == UPDATE_FIELDS


def test_an_upsert_needs_nothing_that_we_do_not_send() -> None:
    """The location is all that is required."""
    assert spec()["components"]["schemas"]["UpsertContactDto"]["required"] == ["locationId"]


@pytest.mark.parametrize(("method", "path"), [("post", "/contacts/upsert"), ("put", "/contacts/{contactId}")])
def test_the_version_is_the_operation_s(method: str, path: str) -> None:
    """Other resources have another."""
    parameters = spec()["paths"][path][method]["parameters"]
    versions = [parameter["schema"]["enum"] for parameter in parameters if parameter["name"] == "Version"]
    assert versions == [[CONTACTS_VERSION]]


def test_every_mapped_answer_is_sent() -> None:
    """The mapping names no field that the client would drop."""
    assert {field for field, _ in DEFAULT_MAPPING.values()} <= UPSERT_FIELDS
