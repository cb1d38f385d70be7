"""All conversion events that the app has sent to the Pinterest sandboxes, against the vendor's own file; runs last."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
import urllib3

from infra.local.pinterest_sandbox import EXAMPLE_AD, PinterestSandbox
from tests.contract import pinterest_traffic as traffic

pytestmark = pytest.mark.skipif(not traffic.SPEC.exists(), reason=traffic.MISSING)
EVENTS = f"/ad_accounts/{EXAMPLE_AD['account']}/events"
DIGEST = "0" * 64
TOKEN = "pinc_secret"


def event(**changes: Any) -> dict[str, Any]:
    made = {
        "event_name": "lead",
        "action_source": "offline",
        "event_time": int(time.time()) - 5,
        "event_id": "one",
        "user_data": {"em": [DIGEST]},
        **changes,
    }
    return {name: value for name, value in made.items() if value is not ...}


def send(sandbox: PinterestSandbox, body: Any, path: str = EVENTS, kind: str = "application/json") -> None:
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": kind}
    urllib3.request("POST", sandbox.url + path, body=json.dumps(body).encode(), headers=headers, retries=False)


@pytest.fixture
def record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A record of this test's own."""
    path = tmp_path / "record.jsonl"
    path.touch()
    monkeypatch.setenv("PINTEREST_SANDBOX_RECORD", str(path))
    return path


def test_every_recorded_request_and_answer_follows_the_spec(recorded_conversions: Path) -> None:
    """Every member sent, in every call; status and every member answered."""
    found = traffic.record_violations(recorded_conversions)
    assert not found, found


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"data": [event(lead_id="5")]}, "not declared: lead_id"),
        ({"data": [event()], "more": 1}, "not declared: more"),
        ({"data": []}, "minItems"),
        ({"data": [event()] * 1001}, "1001 events in a call, which takes 1000"),
        ({"data": [event(event_time="1763700000")]}, "event_time is against type"),
        ({"data": [event(event_id=...)]}, "required"),
        ({"data": [event(custom_data={"value": 5})]}, "custom_data.value is against type"),
        ({"data": [event(custom_data={"contents": [{"price": "5"}]})]}, "contents[] has what is not declared: price"),
        ({"data": [event(user_data={"ph": [DIGEST]})]}, "em or hashed_maids or client_ip_address+client_user_agent"),
        ({"data": [event(user_data={"em": [DIGEST], "phone": [DIGEST]})]}, "user_data has what is not declared: phone"),
        ({"data": [event(user_data={"em": DIGEST})]}, "user_data.em is against type"),
        ({"data": [event(user_data={"em": [DIGEST], "ct": None})]}, "user_data.ct is against type"),
        ({"data": [event(device_info={"os_family": "dos"})]}, "device_info.os_family is against enum"),
    ],
)
def test_a_wrong_event_would_be_noticed(record: Path, body: Any, said: str) -> None:
    """Recorded by a real sandbox, and found among right ones."""
    with PinterestSandbox([], conversion_tokens=[TOKEN]) as sandbox:
        send(sandbox, {"data": [event()]})
        send(sandbox, body)
    found = traffic.record_violations(record)
    assert said in found
    assert len(found.splitlines()) == 1, found


@pytest.mark.parametrize(
    ("path", "kind", "said"),
    [
        (EVENTS + "?test=yes", "application/json", "query test"),
        (EVENTS + "?tests=true", "application/json", "query tests is not declared"),
        ("/ad_accounts/five/events", "application/json", "path ad_account_id"),
        (EVENTS, "text/plain", "the body is text/plain"),
        ("/events", "application/json", "is not in the vendor's file"),
    ],
)
def test_a_wrong_call_would_be_noticed(record: Path, path: str, kind: str, said: str) -> None:
    """Path, query and content type."""
    with PinterestSandbox([], conversion_tokens=[TOKEN]) as sandbox:
        send(sandbox, {"data": [event()]}, path, kind)
    assert said in traffic.record_violations(record)


def test_a_right_call_is_recorded_without_its_token(record: Path) -> None:
    """A fault's answer is the test's and not the vendor's; other calls are not recorded."""
    with PinterestSandbox([], conversion_tokens=[TOKEN]) as sandbox:
        sandbox.add_fault(status=299, times=1)
        send(sandbox, {"data": [event()]})
        send(sandbox, {"data": [event()] * 1000}, EVENTS + "?test=true")
        send(sandbox, {}, "/oauth/conversion_token")
    assert TOKEN not in record.read_text()
    lines = [json.loads(line) for line in record.read_text().splitlines()]
    assert [(line["status"], line["is_fault"]) for line in lines] == [(299, True), (200, False)]
    assert traffic.record_violations(record) == ""
    shorter = {**lines[1], "answer": {**lines[1]["answer"], "events": [{"status": "done"}]}}
    assert len(list(traffic.answer_violations(shorter))) == 2
