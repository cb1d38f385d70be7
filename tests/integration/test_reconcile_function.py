"""The reconcile function's entry: orders, schedules and messages in; reports, log lines and metrics out."""

from __future__ import annotations

import functools
import itertools
import json
from typing import Any

import pytest

import reconcile
from leads import wiring
from leads.adapters.telemetry import Telemetry
from leads.core.errors import TryAgain
from tests.reconcile_world import FakePuller, World


class Context:
    """What Lambda passes along."""

    def get_remaining_time_in_millis(self) -> int:
        return 300_000


_numbers = itertools.count()


@pytest.fixture(autouse=True)
def telemetry(monkeypatch: pytest.MonkeyPatch) -> None:
    """A logger keeps the output that was there when it was made, so every test has its own."""
    number = next(_numbers)
    made = functools.cache(lambda service: Telemetry(f"{service}-of-test-{number}", "INFO"))
    monkeypatch.setattr(wiring, "telemetry", made)


@pytest.fixture
def world() -> World:
    return World()


def call(world: World, event: Any) -> dict[str, Any]:
    return reconcile.handler(event, Context(), (world.order, world.work))


def batch(world: World) -> dict[str, Any]:
    """An event with the next message."""
    [(_, body)] = world.mailbox.messages
    world.mailbox.messages.clear()
    return {"Records": [{"messageId": "m1", "body": body}]}


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def metrics(written: list[dict[str, Any]], source: str) -> dict[str, float]:
    """The metrics of a source, summed."""
    sums: dict[str, float] = {}
    for line in written:
        if "_aws" in line and line["source"] == source:
            for metric in line["_aws"]["CloudWatchMetrics"][0]["Metrics"]:
                value = line[metric["Name"]]
                sums[metric["Name"]] = sums.get(metric["Name"], 0.0) + sum(
                    value if isinstance(value, list) else [value]
                )
    return sums


def test_an_order_leads_to_messages_and_those_to_a_report(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """And to metrics, once, when the form is done; no person is in any line."""
    world.puller.pages = [[world.lead(), world.lead(key=b"?" * 32)]]
    run = call(world, {})["run"]
    assert call(world, batch(world)) == {"batchItemFailures": []}
    report = call(world, {"run": run})
    assert (report["complete"], report["totals"]["fetched"]) == (True, 2)
    output = capsys.readouterr().out
    assert "Ada" not in output
    assert "example.com" not in output
    written = [json.loads(line) for line in output.splitlines()]
    counted = metrics(written, "pinterest")
    expected = {"LeadsOnPlatform": 2, "LeadsFetched": 2, "LeadsMissing": 0, "ReconcileFailed": 0}
    assert {name: counted[name] for name in expected} == expected
    assert (counted["LeadsDelivered"], counted["LeadsParked"]) == (1, 1)
    [told] = [line for line in written if line.get("message") == "form complete"]
    assert (told["form"], told["platform"], told["fetched"]) == (world.puller.listed[0][1], 2, 2)


def test_a_form_that_failed_is_an_error_and_a_metric(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """With what stopped it."""
    call(world, {})
    event = batch(world)
    assert call(World(pullers={}), event) == {"batchItemFailures": []}
    written = lines(capsys)
    assert metrics(written, "pinterest")["ReconcileFailed"] == 1
    [told] = [line for line in written if line.get("message") == "form failed"]
    assert (told["level"], told["reason"]) == ("ERROR", "unknown_source")


def test_what_could_not_be_listed_is_told_by_the_order(capsys: pytest.CaptureFixture[str]) -> None:
    """No message will lead to it."""
    world = World(FakePuller(fault=TryAgain("graph_5xx", "HTTP 500")))
    call(world, {})
    assert metrics(lines(capsys), "pinterest")["ReconcileFailed"] == 1


def test_a_wrong_order_is_answered(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """And is nobody's failure."""
    assert call(world, {"form": []})["error"].startswith('"form" takes')
    assert call(world, None)["error"].startswith("an order is")
    assert lines(capsys) == []


def test_an_order_that_cannot_be_kept_fails(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """So that Lambda repeats a schedule's."""
    world.runs.broken = True
    with pytest.raises(reconcile.ReconcileFailed):
        call(world, {})
    written = lines(capsys)
    assert "ledger_unavailable" in written[0]["fault"]
    assert metrics(written, "unknown")["ReconcileFailed"] == 1


def test_a_message_stays_while_nothing_can_be_noted(world: World) -> None:
    """It comes back by the queue's own visibility timeout."""
    world.puller.pages = [[]]
    call(world, {})
    event = batch(world)
    world.runs.broken = True
    assert call(world, event) == {"batchItemFailures": [{"itemIdentifier": "m1"}]}
    world.runs.broken = False
    assert call(world, event) == {"batchItemFailures": []}


def test_a_message_of_somebody_else_is_left_behind(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """It would come back forever."""
    assert call(world, {"Records": [{"messageId": "m1", "body": "?"}]}) == {"batchItemFailures": []}
    assert lines(capsys)[0]["reason"] == "unreadable_message"
