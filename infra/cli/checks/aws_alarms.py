"""Alarms, who hears of them, and how long logs are kept."""

from collections.abc import Iterator
from typing import Any

from infra.cli.checks.finding import Check, Finding, Words, count
from infra.cli.checks.patient import Patient

AWS = Words("aws")
_NAMES_A_CALL = 100


def checks(patient: Patient) -> list[Check]:
    return [
        AWS.check("alarms", _alarms, patient),
        AWS.check("alarm e-mail", _subscription, patient),
        AWS.check("logs", _log_groups, patient),
    ]


def _alarms(patient: Patient) -> Iterator[Finding]:
    logical = {physical: name for name, physical in patient.resources("AWS::CloudWatch::Alarm").items()}
    known = [alarm for alarm in _described(patient, list(logical)) if alarm["AlarmName"] in logical]
    if missing := sorted(set(logical) - {alarm["AlarmName"] for alarm in known}):
        names = ", ".join(sorted(logical[name] for name in missing))
        yield AWS.fault("alarms", f"Somebody has deleted {names}.", "make deploy")
    ringing = [logical[alarm["AlarmName"]] for alarm in known if alarm.get("StateValue") == "ALARM"]
    for name in sorted(ringing):
        yield AWS.warning(name, "It is in alarm.", f"See RUNBOOK.md#{name.lower()}")
    muted = [logical[alarm["AlarmName"]] for alarm in known if alarm.get("ActionsEnabled") is False]
    if muted:
        command = "aws cloudwatch enable-alarm-actions --alarm-names " + " ".join(
            physical for physical, name in sorted(logical.items()) if name in muted
        )
        yield AWS.warning("alarms", f"{', '.join(sorted(muted))} would tell nobody: actions are off.", command)
    if not (ringing or missing or muted):
        yield AWS.ok("alarms", f"None of {len(known)} is in alarm.")


def _described(patient: Patient, names: list[str]) -> Iterator[dict[str, Any]]:
    client = patient.client("cloudwatch")
    for start in range(0, len(names), _NAMES_A_CALL):
        yield from client.describe_alarms(AlarmNames=names[start : start + _NAMES_A_CALL])["MetricAlarms"]


def _subscription(patient: Patient) -> Iterator[Finding]:
    if patient.place.is_local:
        yield AWS.skipped("alarm e-mail", "The local stack sends no e-mail.")
        return
    subscriptions = []
    for topic in patient.resources("AWS::SNS::Topic").values():
        for page in patient.client("sns").get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topic):
            subscriptions += page["Subscriptions"]
    waiting = [it for it in subscriptions if not it["SubscriptionArn"].startswith("arn:")]
    if not subscriptions:
        fix = "Set AlarmEmail in samconfig.local.toml, then: make deploy"
        yield AWS.warning("alarm e-mail", "Alarms tell nobody.", fix)
    elif waiting:
        sentence = "The address has not confirmed that it wants the alarms, so they tell nobody."
        fix = 'Open the mail "AWS Notification - Subscription Confirmation" there, or, after three days: make deploy'
        yield AWS.warning("alarm e-mail", sentence, fix)
    else:
        yield AWS.ok("alarm e-mail", f"{count(len(subscriptions), 'subscription')} confirmed.")


def _log_groups(patient: Patient) -> Iterator[Finding]:
    client, forever = patient.client("logs"), []
    groups = patient.resources("AWS::Logs::LogGroup")
    for name in groups.values():
        found = client.describe_log_groups(logGroupNamePrefix=name)["logGroups"]
        if not any(group["logGroupName"] == name and group.get("retentionInDays") for group in found):
            forever.append(name)
    if forever:
        command = f"aws logs put-retention-policy --log-group-name {forever[0]} --retention-in-days 30"
        yield AWS.warning(
            "logs", f"{len(forever)} log groups are kept for ever, or are gone: {', '.join(forever)}.", command
        )
    else:
        yield AWS.ok("logs", "What is logged is forgotten in its time.")
