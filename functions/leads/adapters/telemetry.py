"""Log lines and metrics (EMF) of what happened; ids and codes only, never a person."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec
from aws_lambda_powertools.logging import Logger
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.metrics.provider.cloudwatch_emf.cloudwatch import AmazonCloudWatchEMFProvider

from leads.core.conversion import EventOutcome
from leads.core.outcome import Outcome
from leads.core.reconciling import COMPLETE, FAILED

NAMESPACE = "LeadRelay"

# Outcome status → the metric that counts it.
_BY_STATUS = {
    "delivered": "LeadsDelivered",
    "duplicate": "LeadsDuplicate",
    "parked": "LeadsParked",
    "undeliverable": "LeadsUndeliverable",
    "refused": "LeadsRefused",
}
# An outcome's reason, or how it begins where that ends in _ → the metric that counts it besides.
_BY_REASON = (
    ("cannot_decrypt", "DecryptFailures"),
    ("rate_limited", "ContactsApiThrottled"),
    ("daily_limit", "ContactsApiThrottled"),
    ("contacts_api_", "ContactsApiErrors"),
    ("rejected_by_contacts_api", "ContactsApiErrors"),
    ("contacts_api_unauthorized", "ContactsApiUnauthorized"),
    # A new token alone does not cure these: they take other rights, another location, or a newer version of this app.
    ("contacts_api_unauthorized_", "ContactsApiForbidden"),
    ("graph_", "GraphApiErrors"),
    ("graph_throttled", "GraphApiThrottled"),
    ("graph_token_refused", "GraphTokenRefused"),
    ("graph_token_missing", "ConfigurationFaults"),
    ("graph_permission_missing", "GraphTokenRefused"),
    ("graph_proof_refused", "GraphTokenRefused"),
    ("lead_not_visible_check_leads_access_manager", "GraphApiErrors"),
    ("misconfigured", "Misconfigured"),
    ("ledger_unavailable", "LedgerErrors"),
    ("unexpected_error", "UnexpectedErrors"),
)
# What became of an event → the metric that counts it, and for some reasons another besides.
_BY_EVENT_STATUS = {
    "sent": "ConversionsSent",
    "duplicate": "ConversionsDuplicate",
    "ignored": "ConversionsIgnored",
    "held": "ConversionsHeld",
    "failed": "ConversionsFailed",
}
_BY_EVENT_REASON = {
    "no_identifier": "ConversionsWithoutIdentifier",
    "too_old": "ConversionsTooOld",
    "conversion_token_missing": "ConversionTokenRefused",
    "conversion_token_refused": "ConversionTokenRefused",
    "conversion_not_permitted": "ConversionTokenRefused",
    "pinterest_throttled": "ConversionsThrottled",
    "misconfigured": "Misconfigured",
    "ledger_unavailable": "LedgerErrors",
    "unexpected_error": "UnexpectedErrors",
}
# Most of what changes in a CRM is about nobody whom Pinterest has sent, or changes nothing that it hears of.
_UNTOLD = ("not_a_lead", "nothing_new")
# What a rotation finds to end soon (the reasons of `core.endings`) → its metric.
BY_ENDING = {
    "token_ends_soon": "TokenExpiryNear",
    "refresh_token_ends_soon": "TokenExpiryNear",
    "graph_version_ends_soon": "GraphVersionExpiryNear",
}
# A report line's count → its metric.
_BY_COUNT = (("platform", "LeadsOnPlatform"), ("fetched", "LeadsFetched"), ("missing", "LeadsMissing"))
# What an alarm looks at is counted once more for all sources together: an alarm has one metric.
ALARMED = frozenset(
    {
        "ConfigurationFaults",
        "ContactsApiForbidden",
        "ContactsApiThrottled",
        "ContactsApiUnauthorized",
        "ConversionTokenRefused",
        "ConversionWarnings",
        "DecryptFailures",
        "GraphTokenRefused",
        "GraphVersionExpiryNear",
        "LeadsMissing",
        "ParkedLeadAge",
        "ReconcileFailed",
        "TokenExpiryNear",
        "TokenRefreshFailed",
        "WebhooksFailed",
    }
)
ALL = "all"
_QUIET = ("delivered", "duplicate", "ignored", "requeued")
# Seconds since they came, of leads whose attempt has failed; of those told together, the oldest counts.
PARKED_LEAD_AGE = "ParkedLeadAge"
# The last attempt's among them: with the usual waits, no earlier one is a day away from the first.
_WAITED = ("held", "requeued", "undeliverable")


class Telemetry:
    """One log line per lead, one EMF line per source and route; `service` names the function in the log."""

    def __init__(self, service: str, level: str) -> None:
        # Every line is written here, so saying where is noise.
        self._logger = Logger(service=service, level=level, location=None, json_serializer=_json)
        self._metrics = AmazonCloudWatchEMFProvider(namespace=NAMESPACE)

    def leads(self, outcomes: Iterable[Outcome], *, received: bool, rejected: Mapping[str, int] | None = None) -> None:
        """Records what became of leads. received: they came from a platform just now, not from the queue.

        rejected: source → how many items it sent that could not be a lead.
        """
        sums: dict[tuple[str, str], dict[str, list[float]]] = {}
        for outcome in outcomes:
            self._log(outcome)
            counts = sums.setdefault((outcome.source, outcome.route), {})
            for name, value in _measures(outcome, received):
                counts.setdefault(name, []).append(value)
        for source, count in (rejected or {}).items():
            if count:
                sums.setdefault((source, ""), {})["WebhooksRejected"] = [float(count)]
        for (source, route), counts in sums.items():
            self._emit(source, counts, route)
            self._emit_for_alarms(counts)

    def events(self, outcomes: Iterable[EventOutcome]) -> None:
        """Records what became of conversion events, all of them Pinterest's."""
        sums: dict[str, list[float]] = {}
        for outcome in outcomes:
            if outcome.reason in _UNTOLD:
                continue
            self._write(f"event {outcome.status}", outcome, is_quiet=outcome.is_final and not outcome.warnings)
            for name, value in _event_measures(outcome):
                sums.setdefault(name, []).append(value)
        self._emit("pinterest", sums)
        self._emit_for_alarms(sums)

    def reconciled(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Records lines of a reconciliation's report; those that have ended are counted, once by whoever ended them."""
        sums: dict[str, dict[str, list[float]]] = {}
        for row in rows:
            has_failed = row["status"] == FAILED
            if has_failed or row["missing"]:
                write = self._logger.error
            else:
                write = self._logger.warning if row.get("reason") else self._logger.info
            write("form %s", row["status"], extra=dict(row))
            if has_failed or row["status"] == COMPLETE:
                counts = sums.setdefault(row["source"], {})
                for count, name in _BY_COUNT:
                    counts.setdefault(name, []).append(row[count])
                counts.setdefault("ReconcileFailed", []).append(float(has_failed))
        for source, totals in sums.items():
            self._emit(source, totals)
            self._emit_for_alarms(totals)

    def problem(self, message: str, source: str, metric: str, **facts: Any) -> None:
        """An error line about the app itself, not about one lead, and its metric."""
        self._logger.error(message, extra={"source": source, **facts})
        self._emit(source, {metric: [1.0]})
        self._emit_for_alarms({metric: [1.0]})

    def notice(self, message: str, **facts: Any) -> None:
        """A warning line about a request."""
        self._logger.warning(message, extra=facts)

    def _log(self, outcome: Outcome) -> None:
        self._write(f"lead {outcome.status}", outcome, is_quiet=outcome.status in _QUIET and not outcome.remarks)

    def _write(self, message: str, outcome: Outcome | EventOutcome, *, is_quiet: bool) -> None:
        facts = {
            name: value
            for name in outcome.__struct_fields__
            if _is_said(value := getattr(outcome, name)) and name != "counts"
        }
        if outcome.misconfigured or outcome.reason == "unexpected_error" or outcome.status == "refused":
            write = self._logger.error
        else:
            write = self._logger.info if is_quiet else self._logger.warning
        write("%s", message, extra=facts)

    def _emit_for_alarms(self, counts: Mapping[str, list[float]]) -> None:
        if not ALARMED.isdisjoint(counts):
            self._emit(ALL, {name: values for name, values in counts.items() if name in ALARMED})

    def _emit(self, source: str, counts: Mapping[str, list[float]], route: str = "") -> None:
        if not counts:
            return
        self._metrics.add_dimension("source", source)
        if route:
            # For Logs Insights. As a dimension every route would cost as much as the whole app does in metrics.
            self._metrics.add_metadata("route", route)
        for name, values in counts.items():
            if name == "DeliveryLatency":
                for value in values:
                    self._metrics.add_metric(name, MetricUnit.Milliseconds, value)
            elif name == PARKED_LEAD_AGE:
                self._metrics.add_metric(name, MetricUnit.Seconds, max(values))
            else:
                self._metrics.add_metric(name, MetricUnit.Count, sum(values))
        self._metrics.flush_metrics()


def _is_said(value: object) -> bool:
    """Whether a line is the better for it; a zero is, as it is a measure."""
    return value is not None and value is not False and value != "" and value != ()


def _json(line: dict[str, Any]) -> str:
    return msgspec.json.encode(line).decode()


def _measures(outcome: Outcome, received: bool) -> Iterator[tuple[str, float]]:
    if received:
        yield "LeadsReceived", 1
    if outcome.status in _BY_STATUS and not outcome.repeated:
        yield _BY_STATUS[outcome.status], 1
    if not outcome.repeated:
        for reason, name in _BY_REASON:
            if outcome.reason == reason or (reason.endswith("_") and outcome.reason.startswith(reason)):
                yield name, 1
    if outcome.remarks:
        yield "ContactRemarks", len(outcome.remarks)
    if outcome.latency is not None:
        yield "DeliveryLatency", outcome.latency * 1000
    # What is undeliverable for good comes back until SQS dead-letters it; that is no more waiting.
    if outcome.age is not None and outcome.status in _WAITED and not outcome.repeated:
        yield PARKED_LEAD_AGE, outcome.age


def _event_measures(outcome: EventOutcome) -> Iterator[tuple[str, float]]:
    # What failed for good comes back until SQS dead-letters it.
    if not outcome.repeated:
        if outcome.status in _BY_EVENT_STATUS:
            yield _BY_EVENT_STATUS[outcome.status], 1
        if outcome.reason in _BY_EVENT_REASON:
            yield _BY_EVENT_REASON[outcome.reason], 1
    if outcome.warnings:
        yield "ConversionWarnings", 1
