"""The dashboard and the saved queries name what the functions really write, and nothing else."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from leads.adapters.telemetry import ALARMED, ALL, BY_ENDING, NAMESPACE, Telemetry
from leads.core import endings
from leads.core.conversion import EventOutcome
from leads.core.outcome import Outcome
from leads.core.reconcile_report import row_of
from leads.core.reconciling import COMPLETE, Scope, ScopeProgress
from leads.sources import REGISTRY
from tests.infra.template import properties, resources, template, watched

# What AWS counts by itself: namespace → its dimension, the resource that gives that its value, and the metrics.
AWS_METRICS = {
    "AWS/SQS": (
        "QueueName",
        "AWS::SQS::Queue",
        {
            *("ApproximateNumberOfMessagesVisible", "ApproximateNumberOfMessagesNotVisible"),
            *("ApproximateNumberOfMessagesDelayed", "ApproximateAgeOfOldestMessage", "NumberOfMessagesSent"),
        },
    ),
    "AWS/Lambda": (
        "FunctionName",
        "AWS::Serverless::Function",
        {"Invocations", "Errors", "Throttles", "Duration", "ConcurrentExecutions"},
    ),
    "AWS/ApiGateway": ("ApiId", "AWS::ApiGatewayV2::Api", {"5xx", "4xx", "Count"}),
    "AWS/DynamoDB": (
        "TableName",
        "AWS::DynamoDB::Table",
        {"ConsumedWriteCapacityUnits", "ConsumedReadCapacityUnits"},
    ),
}
STATUSES = ("delivered", "duplicate", "ignored", "parked", "held", "requeued", "undeliverable", "refused")
REASONS = ("cannot_decrypt", "rate_limited", "contacts_api_5xx", "contacts_api_unauthorized", "graph_token_refused")
FORBIDDEN = "contacts_api_unauthorized_scope"
EVENT_STATUSES = ("sent", "duplicate", "ignored", "held", "failed")
EVENT_REASONS = (("ignored", "no_identifier"), ("ignored", "too_old"), ("held", "conversion_token_refused"))
# Words of the query language; what stands after `as` is the query's own.
WORDS = {
    *("fields", "filter", "stats", "sort", "limit", "by", "as", "asc", "desc", "in", "like", "and", "or"),
    "ispresent",
    "count",
    "count_distinct",
    "latest",
    "earliest",
    "avg",
    "sum",
    "min",
    "max",
    "pct",
    "bin",
}


def body(silences: bool = True) -> dict[str, Any]:
    """The dashboard as CloudWatch gets it, its references left as they are."""
    [dashboard] = properties("AWS::CloudWatch::Dashboard").values()
    text, values = dashboard["DashboardBody"]["Sub"]
    for name, value in values.items():
        _, there, absent = value["If"]
        text = text.replace(f"${{{name}}}", there["Sub"] if silences else absent)
    found = json.loads(text)
    assert isinstance(found, dict)
    return found


def metrics() -> Iterator[tuple[str, str, str, str]]:
    """Namespace, name, dimension and its value of every line in the dashboard."""
    for widget in body()["widgets"]:
        for line in widget["properties"].get("metrics", ()):
            if isinstance(line[0], str):
                namespace, name, dimension, value = line[:4]
                yield namespace, name, dimension, value


def written(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Every kind of line that the functions write."""
    monkeypatch.setenv("_X_AMZN_TRACE_ID", "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1")
    telemetry = Telemetry(f"written-{uuid.uuid4()}", "INFO")  # a logger of that name keeps the stream it began with
    for source in REGISTRY:
        lead = Outcome(
            source=source, account="1", lead_id="2", status="", detail="d", contact_id="3", location_id="4", route="r",
            remarks=("x",), is_new_contact=True, is_test=True, trace_id="t", retry_after=1.0, attempt=1, wait=0,
            latency=2.0, misconfigured=True, duration=0.0, age=5,
        )  # fmt: skip
        shapes = [(status, REASONS[0]) for status in STATUSES] + [("parked", why) for why in (*REASONS, FORBIDDEN)]
        outcomes = [_with(lead, status=status, reason=reason) for status, reason in shapes]
        telemetry.leads(outcomes, received=True, rejected={source: 1})
        scope = Scope(source=source, account="1", form="2", since=0.0, until=1.0)
        telemetry.reconciled([row_of(scope, ScopeProgress(run="r", scope=scope, status=COMPLETE))])
        for metric in sorted(ALARMED):
            telemetry.problem("failed", source, metric, fault="f", status=503, reason="r", detail="d", about="a")
        telemetry.events(_events())
        telemetry.notice("request answered", source=source, status=404, reason="wrong_address", detail="d")
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def _events() -> Iterator[EventOutcome]:
    for status, reason in [*((status, "") for status in EVENT_STATUSES), *EVENT_REASONS]:
        yield EventOutcome(
            status=status, reason=reason, message_id="m", account="1", event="lead", event_id="2", lead_key="3",
            outcome="won", detail="d", warnings=("em: unhashed",), is_test=True, attempt=1, wait=0, retry_after=1.0,
            age=5, trace_id="t",
        )  # fmt: skip


def _with(outcome: Outcome, **changes: Any) -> Outcome:
    return msgspec.structs.replace(outcome, **changes)


def test_the_dashboard_is_json_with_and_without_alarms_on_silence() -> None:
    """Its references stand where texts do."""
    assert len(body(silences=True)["widgets"]) == len(body(silences=False)["widgets"])


def test_every_metric_of_ours_in_it_is_emitted_by_this_source(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that nobody counts would be an empty graph for ever."""
    emitted = {
        (metric["Name"], line["source"])
        for line in written(capsys, monkeypatch)
        for embedded in line.get("_aws", {}).get("CloudWatchMetrics", ())
        for metric in embedded["Metrics"]
    }
    shown = {(name, value) for namespace, name, dimension, value in metrics() if namespace == NAMESPACE}
    assert shown <= emitted
    assert {dimension for namespace, _, dimension, _ in metrics() if namespace == NAMESPACE} == {"source"}
    assert {source for _, source in shown} == {*REGISTRY, ALL}


def test_every_metric_of_awss_in_it_exists_and_is_of_a_resource_of_ours() -> None:
    """By the dimension that AWS counts it under."""
    for namespace, name, dimension, value in metrics():
        if namespace != NAMESPACE:
            expected, kind, names = AWS_METRICS[namespace]
            assert (dimension, name in names) == (expected, True), name
            [resource] = re.findall(r"^\$\{(\w+)(?:\.QueueName)?\}$", value)
            assert resource in resources(kind)


def test_an_alarm_looks_at_what_exists() -> None:
    """The same names as the dashboard's."""
    for alarm in properties("AWS::CloudWatch::Alarm").values():
        for metric in watched(alarm):
            if metric["Namespace"] != NAMESPACE:
                expected, _, names = AWS_METRICS[metric["Namespace"]]
                assert metric["MetricName"] in names
                assert [dimension["Name"] for dimension in metric["Dimensions"]] == [expected]


def test_the_dashboard_shows_all_leads_that_are_parked() -> None:
    """What waits for a limit, a token or a route is neither visible nor held."""
    [widget] = [widget for widget in body()["widgets"] if widget["properties"]["title"] == "Parked leads"]
    assert {line[1].removeprefix("ApproximateNumberOfMessages") for line in widget["properties"]["metrics"]} == {
        *("Visible", "Delayed", "NotVisible")
    }


def test_the_dashboard_shows_what_came_of_events_and_which_wait() -> None:
    """Not those sent before and those that only wait, which have their queue."""
    shown = {name for namespace, name, *_ in metrics() if namespace == NAMESPACE and name.startswith("Conversion")}
    assert shown == {f"Conversions{what}" for what in ("Sent", "Failed", "Ignored", "TooOld", "WithoutIdentifier")}
    [waiting] = [widget for widget in body()["widgets"] if widget["properties"]["title"] == "Events that wait"]
    assert {
        (line[1].removeprefix("ApproximateNumberOfMessages"), line[3]) for line in waiting["properties"]["metrics"]
    } == {
        ("Visible", "${ConversionsQueue.QueueName}"),
        ("NotVisible", "${ConversionsQueue.QueueName}"),
        ("Visible", "${ConversionsDeadLetterQueue.QueueName}"),
    }


def test_the_dashboard_shows_what_the_api_turns_away() -> None:
    """No function hears of it."""
    assert {"4xx", "5xx"} <= {name for namespace, name, *_ in metrics() if namespace == "AWS/ApiGateway"}


def test_the_dashboard_shows_the_state_of_every_alarm() -> None:
    """Those on silence where they are asked for."""
    conditional = {name for name, alarm in resources("AWS::CloudWatch::Alarm").items() if "Condition" in alarm}
    for silences, expected in ((True, set()), (False, conditional)):
        [widget] = [widget for widget in body(silences)["widgets"] if widget["type"] == "alarm"]
        shown = {re.sub(r"\W", "", alarm.removesuffix(".Arn}")) for alarm in widget["properties"]["alarms"]}
        assert shown == set(resources("AWS::CloudWatch::Alarm")) - expected


def test_the_dashboard_is_free() -> None:
    """CloudWatch gives away three of up to fifty metrics each."""
    assert len(set(metrics())) <= 50


def test_no_part_of_the_dashboard_covers_another() -> None:
    """Twenty-four columns."""
    taken: set[tuple[int, int]] = set()
    for widget in body()["widgets"]:
        assert widget["x"] + widget["width"] <= 24
        cells = {
            (x, y)
            for x in range(widget["x"], widget["x"] + widget["width"])
            for y in range(widget["y"], widget["y"] + widget["height"])
        }
        assert not cells & taken
        taken |= cells


def test_gigabyte_seconds_are_counted_with_the_memory_of_the_functions() -> None:
    """As Lambda bills them."""
    functions = properties("AWS::Serverless::Function")
    [sums] = [
        line[0]["expression"]
        for widget in body()["widgets"]
        for line in widget["properties"].get("metrics", ())
        if isinstance(line[0], dict) and "1024000" in line[0]["expression"]
    ]
    # A sum has a value only where all its parts have, and reconcile runs once a day.
    counted = {name: int(memory) for name, memory in re.findall(r"FILL\((\w+), 0\) \* (\d+)", sums)}
    assert counted == {
        name: functions[f"{name.title()}Function"]["MemorySize"]
        for name in ("webhook", "retry", "reconcile", "conversions")
    }


def test_the_address_of_the_dashboard_is_an_output() -> None:
    """It names the dashboard by the name that the template gives it."""
    address = template()["Outputs"]["DashboardUrl"]["Value"]["Sub"]
    assert address.endswith("#dashboards/dashboard/${Dashboard}")
    [dashboard] = properties("AWS::CloudWatch::Dashboard").values()
    # One list for all regions of an account.
    assert dashboard["DashboardName"]["Sub"] == "${AWS::StackName}-${AWS::Region}"


@pytest.mark.parametrize("name", resources("AWS::Logs::QueryDefinition"))
def test_a_saved_query_asks_for_fields_that_the_log_lines_have(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In logs of our functions, below a folder of the stack's name."""
    query = properties("AWS::Logs::QueryDefinition")[name]
    assert query["Name"]["Sub"].startswith("${AWS::StackName}/")
    assert {group["Ref"] for group in query["LogGroupNames"]} <= set(resources("AWS::Logs::LogGroup"))
    groups = {group["Ref"] for group in query["LogGroupNames"]}
    assert groups == {"ApiLogGroup"} or "ApiLogGroup" not in groups
    text = re.sub(r"'[^']*'|/[^/]*/", " ", query["QueryString"])
    own = set(re.findall(r"\bas (\w+)", text))
    asked = set(re.findall(r"@?[a-z_]+", text)) - WORDS - own
    if groups == {"ApiLogGroup"}:
        [stage] = properties("AWS::ApiGatewayV2::Stage").values()
        fields = set(json.loads(stage["AccessLogSettings"]["Format"]))
    else:
        fields = {key for line in written(capsys, monkeypatch) for key in line if "_aws" not in line}
    assert asked - {"@timestamp", "@message"} <= fields
    assert asked


def test_failures_are_asked_for_by_everything_that_is_none() -> None:
    """Also what waits without using up an attempt: with a dead token it is all there is."""
    query = properties("AWS::Logs::QueryDefinition")["FailuresQuery"]["QueryString"]
    asked = set(re.findall(r"'(\w+)'", query))
    assert asked == set(STATUSES) - {"delivered", "duplicate", "ignored"}


def test_every_line_of_a_lead_says_all_that_a_query_may_need(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both trace ids among it, the CRM's and X-Ray's, under names of their own."""
    for line in written(capsys, monkeypatch):
        if "lead_id" in line:
            assert {"source", "lead_id", "route", "contact_id", "attempt", "reason", "duration", "status"} <= set(line)
            assert line["trace_id"] == "t"
            assert line["xray_trace_id"] == "1-5759e988-bd862e3fe1be46a994272793"


def test_every_line_of_an_event_says_all_that_a_query_may_need(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lead's key among it, so that the story of a lead has what Pinterest was told."""
    lines = [line for line in written(capsys, monkeypatch) if str(line.get("message")).startswith("event ")]
    assert {line["message"] for line in lines} == {f"event {status}" for status in EVENT_STATUSES}
    for line in lines:
        assert {"account", "event", "event_id", "outcome", "status", "attempt", "lead_key"} <= set(line)


def test_everything_that_ends_soon_has_its_metric() -> None:
    """By the reason that the rotation gives."""
    assert set(BY_ENDING) == {endings.TOKEN_ENDS, endings.REFRESH_TOKEN_ENDS, endings.GRAPH_VERSION_ENDS}
    assert set(BY_ENDING.values()) <= ALARMED
