"""All that the app has asked the Contacts sandboxes in this run, against the vendor's own files; runs last."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.local.contacts_sandbox import DEFAULT_LOCATION, ContactsSandbox
from tests.contract import traffic
from tests.contract.traffic import request

pytestmark = pytest.mark.skipif(not (traffic.SPECS / "contacts.json").exists(), reason=traffic.MISSING)


def test_every_recorded_request_and_answer_follows_the_spec(recorded_traffic: Path) -> None:
    """Operation, Version, query, every property sent; status and every property answered."""
    found = traffic.record_violations(recorded_traffic)
    assert not found, found


@pytest.mark.parametrize(
    ("method", "path", "body", "headers", "said"),
    [
        (
            "POST",
            "/contacts/upsert",
            {"locationId": DEFAULT_LOCATION, "nickname": "A"},
            {},
            ".nickname is not declared",
        ),
        ("POST", "/contacts/upsert", {"email": "a@example.com"}, {}, ".locationId is missing"),
        ("POST", "/contacts/upsert", {"locationId": 7}, {}, ".locationId is a int, not string"),
        ("POST", "/contacts/upsert", {"locationId": "x"}, {"Version": "2021-04-15"}, "Version is '2021-04-15'"),
        ("POST", "/contacts/upsert", {"locationId": "x"}, {"Content-Type": "text/plain"}, "the body is text/plain"),
        ("POST", "/contacts/one/notes", {}, {}, ".body is missing"),
        ("POST", "/contacts/one/stickers", {}, {}, "is not in the vendor's files"),
        ("GET", "/contacts/search/duplicate?mail=x", None, {}, "query mail is not declared"),
        ("GET", "/contacts/search/duplicate?email=x", None, {}, "query locationId is missing"),
        ("GET", "/locations/x/customFields?model=person", None, {}, "query model is 'person'"),
    ],
)
def test_a_wrong_request_would_be_noticed(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    method: str,
    path: str,
    body: Any,
    headers: dict[str, str],
    said: str,
) -> None:
    """Recorded by a real sandbox, and found in the record."""
    record = tmp_path / "wrong.jsonl"
    monkeypatch.setenv("CONTACTS_SANDBOX_RECORD", str(record))
    with ContactsSandbox(tokens={"pit": DEFAULT_LOCATION}) as crm:
        request(crm.url, method, path, body, **headers)
    [line] = lines(record)
    assert any(said in text for text in traffic.request_violations(line)), list(traffic.request_violations(line))


def test_the_record_holds_no_token_and_says_what_a_fault_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault's answer is the test's, not the vendor's; a dropped connection has none."""
    record = tmp_path / "faults.jsonl"
    monkeypatch.setenv("CONTACTS_SANDBOX_RECORD", str(record))
    with ContactsSandbox(tokens={"pit-secret": DEFAULT_LOCATION}) as crm:
        crm.add_fault(status=500, times=1)
        crm.add_fault(delay_seconds=0.01, times=1)
        path = f"/locations/{DEFAULT_LOCATION}/customFields"
        for _ in range(3):
            request(crm.url, "GET", path, None, Authorization="Bearer pit-secret")
    assert "pit-secret" not in record.read_text()
    assert [(line["status"], line["is_fault"]) for line in lines(record)] == [(500, True), (200, False), (200, False)]


def lines(record: Path) -> Iterator[dict[str, Any]]:
    for text in record.read_text("utf-8").splitlines():
        yield json.loads(text)
