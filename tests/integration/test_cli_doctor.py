"""`leadrelay doctor` on a stack that is well, and on stacks with one thing wrong."""

from __future__ import annotations

import base64
import dataclasses
import datetime as dt
import json
import signal
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from infra.cli.checks import aws, facebook, leadconnector
from infra.cli.checks.examine import examine
from infra.cli.checks.finding import SYSTEMS, Check, Finding, State
from infra.cli.checks.patient import Patient
from infra.cli.faults import CommandFailed
from infra.cli.vendors.web import call
from infra.local.sandbox.web import Answer, LoopbackServer
from tests.integration.doctor_world import (
    ACCOUNT,
    APP_ID,
    APP_SECRET,
    AWAY,
    AWAY_TOKEN,
    FORM,
    HOME,
    HOME_TOKEN,
    PAGE,
    PAGE_TOKEN,
    PINTEREST_TOKEN,
    REGION,
    ROUTES,
    UNSPEAKABLE,
    VERIFY_TOKEN,
    WORKFLOW_SECRET,
    World,
    fill,
    rotate,
    world,
)

# What is asked in vain here is not what the app asks.
pytestmark = pytest.mark.unrecorded
NO_SCOPE = {"statusCode": 401, "message": "The token is not authorized for this scope.", "error": "Unauthorized"}
LONG_AGO = "2020-01-01T00:00:00Z"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(tmp_path_factory.mktemp("stack")) as made:
        yield made


@pytest.fixture
def well(stack: World) -> World:
    """The stack with everything as it should be."""
    fill(stack)
    rotate(int(time.time()))
    stack.crm.reset()
    stack.graph.reset()
    subscribed(stack)
    stack.routes.write_text(ROUTES)
    return stack


def subscribed(stack: World) -> None:
    """As `leadrelay facebook subscribe` does it; Facebook asks the webhook whose it is."""
    answer = call(
        "POST",
        f"{stack.graph.url}/{APP_ID}/subscriptions",
        who="Graph",
        headers={"Authorization": f"Bearer {APP_ID}|{APP_SECRET}"},
        form={
            "object": "page",
            "callback_url": stack.place.webhook_url("facebook"),
            "verify_token": VERIFY_TOKEN,
            "fields": "leadgen",
            "include_values": "true",
        },
    )
    assert answer.status == 200, answer.body


def found(stack: World, only: str, code: int = 1) -> list[dict[str, Any]]:
    """What doctor finds about one system, without what is as it should be or was not looked at."""
    arguments = ("doctor", "--only", only) if only else ("doctor",)
    findings: list[dict[str, Any]] = stack.json(*arguments, code=code)["findings"]
    return [finding for finding in findings if finding["state"] in ("warning", "fault")]


def test_a_stack_that_is_well_has_no_fault_and_no_warning(well: World) -> None:
    """Also nothing was changed by looking."""
    before = {name: well.place.secret(name) for name in aws.SECRETS}
    report = well.json("doctor")
    assert report["healthy"], report
    assert [it for it in report["findings"] if it["state"] in ("warning", "fault")] == []
    assert {it["system"] for it in report["findings"]} == {*SYSTEMS, "sources"}
    assert {name: well.place.secret(name) for name in aws.SECRETS} == before
    assert well.crm.contacts() == []


def test_what_a_person_sees_has_a_mark_a_sentence_and_the_fix(well: World) -> None:
    """Faults end with 1."""
    well.put("ContactsSecretArn", locations={})
    said = well.run("doctor", "--only", "crm", code=1).stdout
    assert f"✗ {HOME}: A route delivers here, and the Contacts secret has no token for it" in said
    assert f"→ leadrelay --stack leadrelay --region {REGION} init --location {HOME}" in said
    assert "the test stack: 1 fault, 0 warnings" in said


def test_an_unknown_system_is_named_with_those_there_are(well: World) -> None:
    """Wrong usage ends with 2."""
    result = well.run("doctor", "--only", "crm,weather", code=2)
    assert "'weather'" in str(result.exception)
    assert "leadconnector" in str(result.exception)


def _waits_in(output: str) -> Callable[[World], None]:
    return lambda stack: stack.client("sqs").send_message(QueueUrl=stack.place.outputs[output], MessageBody="{}")


def _emptied(output: str) -> Callable[[World], None]:
    def empty(stack: World) -> None:
        url = stack.place.outputs[output]
        [message] = stack.client("sqs").receive_message(QueueUrl=url)["Messages"]
        stack.client("sqs").delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])

    return empty


def _short_memory(stack: World) -> None:
    url = stack.place.outputs["DeadLetterQueueUrl"]
    stack.client("sqs").set_queue_attributes(QueueUrl=url, Attributes={"MessageRetentionPeriod": "60"})


def _long_memory(stack: World) -> None:
    url = stack.place.outputs["DeadLetterQueueUrl"]
    stack.client("sqs").set_queue_attributes(QueueUrl=url, Attributes={"MessageRetentionPeriod": "1209600"})


def _event_source(stack: World, *, enabled: bool) -> None:
    for mapping in stack.client("lambda").list_event_source_mappings()["EventSourceMappings"]:
        stack.client("lambda").update_event_source_mapping(UUID=mapping["UUID"], Enabled=enabled)


def _alarm(stack: World, state: str) -> None:
    stack.client("cloudwatch").set_alarm_state(
        AlarmName="leadrelay-DeadLetterQueueAlarm", StateValue=state, StateReason="test"
    )


def _status(stack: World, status: str) -> None:
    stack.client("cloudformation").status = status


AWS_FAULTS: dict[str, tuple[Callable[[World], None], Callable[[World], None] | None, str, str, str]] = {
    "a dead letter": (
        _waits_in("DeadLetterQueueUrl"),
        _emptied("DeadLetterQueueUrl"),
        "dead letters",
        "warning",
        "dead redrive --dry-run",
    ),
    "a parked lead": (
        _waits_in("FailedLeadsQueueUrl"),
        _emptied("FailedLeadsQueueUrl"),
        "parked leads",
        "warning",
        "leads recent --status parked",
    ),
    "a queue that forgets": (_short_memory, _long_memory, "DeadLetterQueue", "fault", "make deploy"),
    "an event source that is off": (
        lambda stack: _event_source(stack, enabled=False),
        lambda stack: _event_source(stack, enabled=True),
        "RetryFunction's queue",
        "fault",
        "aws lambda update-event-source-mapping --uuid ",
    ),
    "an alarm": (
        lambda stack: _alarm(stack, "ALARM"),
        lambda stack: _alarm(stack, "OK"),
        "DeadLetterQueueAlarm",
        "warning",
        "RUNBOOK.md#deadletterqueuealarm",
    ),
    "a deployment taken back": (
        lambda stack: _status(stack, "UPDATE_ROLLBACK_COMPLETE"),
        lambda stack: _status(stack, "UPDATE_COMPLETE"),
        "stack",
        "warning",
        "make deploy",
    ),
    "no rotation": (lambda _: rotate(None), None, "rotation of ContactsSecret", "fault", "make deploy"),
    "a late rotation": (
        lambda _: rotate(int(time.time()) - 200_000),
        None,
        "rotation of ContactsSecret",
        "warning",
        "aws logs tail",
    ),
    "a webhook without token": (
        lambda stack: stack.forget("WebhookTokenSecretArn"),
        None,
        "WebhookTokenSecret",
        "fault",
        "aws secretsmanager put-secret-value",
    ),
    "no schedule": (
        lambda stack: stack.client("events").disable_rule(Name="reconcile-schedule"),
        lambda stack: stack.client("events").enable_rule(Name="reconcile-schedule"),
        "reconcile",
        "warning",
        "ReconcileSchedule",
    ),
    "logs for ever": (
        lambda stack: stack.client("logs").delete_retention_policy(logGroupName="webhook-log"),
        lambda stack: stack.client("logs").put_retention_policy(logGroupName="webhook-log", retentionInDays=30),
        "logs",
        "warning",
        "aws logs put-retention-policy --log-group-name webhook-log",
    ),
}


@pytest.mark.parametrize("what", AWS_FAULTS)
def test_what_is_wrong_in_aws_is_found_with_its_fix(well: World, what: str) -> None:
    """One thing wrong at a time; the command is the one to type."""
    break_it, mend_it, name, state, fix = AWS_FAULTS[what]
    break_it(well)
    try:
        findings = found(well, "aws", code=int(state == "fault"))
    finally:
        if mend_it:
            mend_it(well)
    [finding] = [it for it in findings if it["name"] == name]
    assert finding["state"] == state
    assert fix in finding["fix"]


def _crm_fault(stack: World, path: str, method: str = "GET", **order: Any) -> None:
    stack.crm.add_fault(match={"path": path, "method": method, "location": HOME}, **order)


def _entry(**values: Any) -> Callable[[World], None]:
    return lambda stack: stack.put("ContactsSecretArn", locations={HOME: values, AWAY: {"token": AWAY_TOKEN}})


def _oauth(**values: Any) -> dict[str, Any]:
    whole = {"client_id": "app", "client_secret": "s", "refresh_token": "r", "access_token": HOME_TOKEN}
    return {**whole, "expires_at": "2099-01-01T00:00:00Z", **values}


CRM_FAULTS: dict[str, tuple[Callable[[World], None], str, str, str, str]] = {
    "no token": (_entry(), HOME, "fault", "no token for it", f"init --location {HOME}"),
    "a dead token": (_entry(token="pit-dead"), HOME, "fault", "does not know the token", f"init --location {HOME}"),
    "another location's token": (
        _entry(token=AWAY_TOKEN),
        HOME,
        "fault",
        "belongs to another location",
        f"init --location {HOME}",
    ),
    "a token that may not write": (
        lambda stack: _crm_fault(stack, "/contacts/", "PUT", status=401, body=NO_SCOPE),
        HOME,
        "fault",
        "lacks contacts.write",
        "add contacts.write",
    ),
    "a token that may not see custom fields": (
        lambda stack: _crm_fault(stack, "/locations/", status=401, body=NO_SCOPE),
        HOME,
        "warning",
        "lacks locations/customFields.readonly",
        "add locations/customFields.readonly",
    ),
    "a CRM out of order": (
        lambda stack: _crm_fault(stack, "/contacts/", status=503),
        HOME,
        "fault",
        "out of order",
        "leads recent --status parked",
    ),
    "an expired OAuth token": (
        _entry(**_oauth(expires_at=LONG_AGO)),
        f"{HOME} token",
        "fault",
        "was not renewed",
        "aws logs tail rotation-log",
    ),
    "an OAuth token that nobody renews": (
        _entry(**_oauth(refresh_token="")),
        f"{HOME} token",
        "warning",
        "without refresh_token nobody renews it",
        "Store refresh_token",
    ),
    "a custom field that is not there": (
        lambda stack: stack.routes.write_text(ROUTES.replace("contact.budget", "contact.bugdet")),
        f"{HOME} custom fields",
        "warning",
        "`contact.bugdet`, which the location does not have",
        "routes.toml",
    ),
    "duplicates": (
        lambda stack: _crm_fault(
            stack, f"/locations/{HOME}", status=200, body={"location": {"settings": {"allowDuplicateContact": True}}}
        ),
        f"{HOME} duplicates",
        "fault",
        "may become two",
        "Contact Deduplication Preferences",
    ),
}


@pytest.mark.parametrize("what", CRM_FAULTS)
def test_what_is_wrong_with_the_crm_is_found_with_its_fix(well: World, what: str) -> None:
    """By real calls that change nothing."""
    break_it, name, state, words, fix = CRM_FAULTS[what]
    break_it(well)
    [finding] = [it for it in found(well, "crm", code=int(state == "fault")) if it["name"] == name]
    assert (finding["state"], words in finding["sentence"], fix in finding["fix"]) == (state, True, True), finding
    assert well.crm.contacts() == []


def test_a_mistake_in_the_routes_is_told_and_stops_no_other_check(well: World) -> None:
    """Without routes nobody knows which locations to look at."""
    well.routes.write_text('[[routes]]\nname = "No location"\n')
    findings = found(well, "")
    assert [(it["system"], it["fix"]) for it in findings] == [("routes", "make check && make deploy")]


def _keys(**changes: Any) -> Callable[[World], None]:
    def change(stack: World) -> None:
        [entry] = stack.place.secret("PinterestKeysSecretArn")["subscriptions"]
        stack.put("PinterestKeysSecretArn", subscriptions=[{**entry, **changes}])

    return change


def _app(**values: Any) -> Callable[[World], None]:
    return lambda stack: stack.put("PinterestAppSecretArn", **values)


def _sent_elsewhere(stack: World) -> None:
    stack.pinterest.reset()
    stack.pinterest.add_subscription(account=ACCOUNT, webhook_url="https://example.com/webhooks/pinterest/another")


ANOTHER_KEY = base64.b64encode(bytes(32)).decode()
PINTEREST_FAULTS: dict[str, tuple[Callable[[World], None], str, str, str]] = {
    "a damaged key": (_keys(cryptographic_key="AAAA"), "keys", "fault", "pinterest subscribe"),
    "another key": (
        _keys(cryptographic_key=ANOTHER_KEY),
        f"{ACCOUNT} subscriptions",
        "fault",
        f"pinterest subscribe --account {ACCOUNT}",
    ),
    "no key": (
        lambda stack: stack.forget("PinterestKeysSecretArn"),
        "keys",
        "fault",
        "pinterest subscribe",
    ),
    "a subscription of somebody else's": (
        _sent_elsewhere,
        f"{ACCOUNT} subscriptions",
        "warning",
        f"pinterest rotate --account {ACCOUNT}",
    ),
    "no subscription": (
        lambda stack: stack.pinterest.reset(),
        f"{ACCOUNT} subscriptions",
        "fault",
        f"pinterest subscribe --account {ACCOUNT}",
    ),
    "a dead token": (_app(access_token="pina_dead"), "access token", "fault", "init"),
    "a token with a line break": (_app(access_token="pina_half\nother"), "access token", "fault", "init"),
    "an app secret of another app": (
        lambda stack: stack.pinterest.connect_app(app_id="1500000", app_secret="another"),
        "app",
        "fault",
        "init",
    ),
    "a token that may only read": (
        lambda stack: stack.pinterest.add_token(token=PINTEREST_TOKEN, scopes=["ads:read"]),
        f"{ACCOUNT} scope",
        "fault",
        "ads:write",
    ),
    "no token": (_app(access_token=""), "access token", "warning", "init"),
    "an expired token": (_app(expires_at=LONG_AGO), "expiry", "fault", "init"),
    "a token that nobody renews": (
        lambda stack: _app(refresh_token="", expires_at=(dt.datetime.now(dt.UTC) + dt.timedelta(days=3)).isoformat())(
            stack
        ),
        "expiry",
        "warning",
        "init",
    ),
    "an analyst": (
        lambda stack: stack.pinterest.set_account(id=ACCOUNT, role="ANALYST"),
        ACCOUNT,
        "fault",
        "role Admin",
    ),
    "an account that is not seen": (
        lambda stack: stack.pinterest.set_account(id=ACCOUNT, role=None),
        ACCOUNT,
        "fault",
        "role Admin",
    ),
}


@pytest.mark.parametrize("what", PINTEREST_FAULTS)
def test_what_is_wrong_with_pinterest_is_found_with_its_fix(well: World, what: str) -> None:
    """On both sides: what Pinterest has and what is stored."""
    break_it, name, state, fix = PINTEREST_FAULTS[what]
    break_it(well)
    report = well.run(
        "doctor", "--only", "pinterest", "--json", code=1 if state == "fault" else 0 if what in CALM else 1
    )
    findings = [it for it in json.loads(report.stdout)["findings"] if it["name"] == name and it["state"] == state]
    assert [it for it in findings if fix in it["fix"]], report.stdout
    assert ANOTHER_KEY not in report.stdout


# Warnings that bring no fault along.
CALM = ("no token", "a token that nobody renews")


def test_a_stored_key_opens_a_lead_of_its_own_form(well: World) -> None:
    """A key of one form beside that of the account; both are tried."""
    entries = well.place.secret("PinterestKeysSecretArn")["subscriptions"]
    made = well.pinterest.add_subscription(
        account=ACCOUNT, webhook_url=well.place.webhook_url("pinterest"), lead_form_id=FORM
    )
    own = {"subscription_id": made["id"], "ad_account_id": ACCOUNT, "lead_form_id": FORM, "retired_at": None}
    well.put(
        "PinterestKeysSecretArn", subscriptions=[*entries, {**own, "cryptographic_key": made["cryptographic_key"]}]
    )
    report = well.json("doctor", "--only", "pinterest")
    [keys] = [it for it in report["findings"] if it["name"] == "keys"]
    assert keys["sentence"] == "2 keys (2 live) open what was sealed with them."


def _facebook(**values: Any) -> Callable[[World], None]:
    return lambda stack: stack.put("FacebookSecretArn", **values)


FACEBOOK_FAULTS: dict[str, tuple[Callable[[World], None], str, str, str]] = {
    "a dead page token": (
        lambda stack: stack.graph.replace_token(PAGE, "EAAnew"),
        f"page {PAGE}",
        "fault",
        f"init --page {PAGE}",
    ),
    "no page token": (_facebook(pages={PAGE: {}}), f"page {PAGE}", "fault", f"init --page {PAGE}"),
    "a page that tells nothing": (
        lambda stack: stack.graph.subscribe(PAGE, []),
        f"page {PAGE} subscription",
        "fault",
        f"facebook subscribe --page {PAGE}",
    ),
    "another app secret": (
        lambda stack: stack.graph.replace_app_secret("another"),
        "app",
        "fault",
        "init",
    ),
    "an app that subscribes to nothing": (
        lambda stack: stack.graph.reset(),
        "app subscription",
        "fault",
        "facebook subscribe",
    ),
    "no verify token": (_facebook(verify_token=""), "app", "fault", "init"),
}


@pytest.mark.parametrize("what", FACEBOOK_FAULTS)
def test_what_is_wrong_with_facebook_is_found_with_its_fix(well: World, what: str) -> None:
    """At each level: app, page, token."""
    break_it, name, state, fix = FACEBOOK_FAULTS[what]
    break_it(well)
    findings = [it for it in found(well, "facebook") if it["name"] == name]
    assert [it for it in findings if it["state"] == state and fix in it["fix"]], findings


LEADCONNECTOR_FAULTS: dict[str, tuple[Callable[[World], None], str, str, str]] = {
    "no token for a source": (
        lambda stack: stack.put("ContactsSecretArn", locations={HOME: {"token": HOME_TOKEN}}),
        AWAY,
        "warning",
        f"init --location {AWAY}",
    ),
    "a token that sees no tasks": (
        lambda stack: stack.crm.add_fault(match={"path": f"/locations/{AWAY}/tasks"}, status=401, body=NO_SCOPE),
        AWAY,
        "warning",
        "add locations/tasks.readonly",
    ),
    "a key that is none": (
        lambda stack: stack.put("LeadConnectorSecretArn", public_keys=["no PEM"]),
        "public keys",
        "fault",
        "public_keys",
    ),
    "no route": (
        lambda stack: stack.routes.write_text(
            f'[[routes]]\nname = "Ads"\nsource = ["pinterest", "facebook"]\nlocation = "{HOME}"\n'
        ),
        f"{AWAY} route",
        "warning",
        'source = "leadconnector"',
    ),
}


@pytest.mark.parametrize("what", LEADCONNECTOR_FAULTS)
def test_what_is_wrong_with_leadconnector_is_found_with_its_fix(well: World, what: str) -> None:
    """Tokens of source locations, keys, routes."""
    break_it, name, state, fix = LEADCONNECTOR_FAULTS[what]
    break_it(well)
    findings = [it for it in found(well, "leadconnector", code=int(state == "fault")) if it["name"] == name]
    assert [(it["state"], fix in it["fix"]) for it in findings] == [(state, True)], findings


TELLING = f"""
[[routes]]
name = "Pins"
source = "pinterest"
location = "{HOME}"
[routes.conversions]
"stage:qualified" = "qualified_lead"
"won" = {{ event = "checkout", value = "{{monetary_value}}" }}
"opportunity_stage:Offer" = "custom"
"""


def _outcomes_only(stack: World, routes: str = TELLING) -> None:
    """As `leadrelay leadconnector setup` stores it where nobody's contacts are leads."""
    stack.routes.write_text(routes)
    stack.store("LeadConnectorSecretArn", {"locations": [], "app_ids": [], "workflow_secret": WORKFLOW_SECRET})


def test_outcomes_are_looked_at_without_a_source(well: World) -> None:
    """The location's rights, and what webhooks are checked with; that is no source of leads."""
    _outcomes_only(well)
    report = well.json("doctor", "--only", "leadconnector")
    states = {it["name"]: it["state"] for it in report["findings"]}
    assert states == {f"{HOME} outcomes": "ok", "public keys": "ok", "workflow secret": "ok", "events": "skipped"}
    sentence = report["findings"][0]["sentence"]
    assert sentence == (
        "Routes want opportunity_stage:Offer, stage:qualified, won. "
        "The token has contacts.readonly, opportunities.readonly."
    )
    assert not leadconnector.is_set_up(Patient(well.place, well.routes))


def test_outcomes_without_a_secret_are_a_fault(well: World) -> None:
    """What the CRM tells is refused then."""
    _outcomes_only(well)
    well.forget("LeadConnectorSecretArn")
    [finding] = found(well, "leadconnector")
    assert (finding["name"], finding["state"]) == ("set-up", "fault")
    assert finding["fix"].endswith("leadconnector setup")


@pytest.mark.parametrize(
    ("path", "routes", "scopes"),
    [
        ("/opportunities", TELLING, ["opportunities.readonly"]),
        ("/opportunities", TELLING.partition('"won"')[0], []),
        ("/contacts", TELLING, ["contacts.readonly"]),
        ("/contacts", TELLING.replace('"stage:qualified"', '"lost"'), []),
        (
            f"/locations/{HOME}/customFields",
            f'[defaults]\nstage_as = "custom_field:contact.stage"\n{TELLING}',
            ["locations/customFields.readonly"],
        ),
        (f"/locations/{HOME}/customFields", TELLING, []),
    ],
)
def test_rights_that_outcomes_need_are_looked_at(well: World, path: str, routes: str, scopes: list[str]) -> None:
    """Those of opportunities, of contacts, and of the custom field that keeps the stage; no others."""
    _outcomes_only(well, routes)
    well.crm.add_fault(match={"path": path}, status=401, body=NO_SCOPE)
    findings = found(well, "leadconnector", code=0)
    assert [(it["name"], it["state"]) for it in findings] == [(f"{HOME} outcomes", "warning")] * len(scopes)
    assert all(f"add {scope}." in it["fix"] for it, scope in zip(findings, scopes, strict=True))


def test_what_is_lost_without_a_right_is_what_the_routes_want(well: World) -> None:
    """Values where a route tells them, names where it names pipeline stages."""
    _outcomes_only(well)
    well.crm.add_fault(match={"path": "/opportunities"}, status=401, body=NO_SCOPE)
    [finding] = found(well, "leadconnector", code=0)
    assert "such as its value" in finding["sentence"]
    assert "not by their names" in finding["sentence"]
    well.routes.write_text(TELLING.partition('"won"')[0] + '"lost" = "custom"\n')
    [finding] = found(well, "leadconnector", code=0)
    assert finding["sentence"] == (
        "The token lacks opportunities.readonly: what a webhook leaves out of an opportunity cannot be read."
    )


@pytest.mark.parametrize("locations", [{}, {HOME: {"token": "pit-unknown"}}])
def test_a_token_that_outcomes_are_not_read_with_is_the_finding_of_the_crm(
    well: World, locations: dict[str, Any]
) -> None:
    """Said once, and here what was not looked at."""
    _outcomes_only(well)
    well.put("ContactsSecretArn", locations=locations)
    report = well.json("doctor", "--only", "leadconnector,crm", code=1)
    findings = [it for it in report["findings"] if it["name"].startswith(HOME)]
    assert [(it["system"], it["state"]) for it in findings[:1]] == [("crm", "fault")]
    [skipped] = [it for it in findings if it["name"] == f"{HOME} outcomes"]
    assert (skipped["state"], f"init --location {HOME}" in skipped["fix"]) == ("skipped", True)


@pytest.mark.parametrize(
    ("more", "is_idle"),
    [
        ("", True),
        (f'[[routes]]\nname = "All"\nlocation = "{HOME}"\n', True),
        (f'[[routes]]\nname = "On"\nsource = "leadconnector"\naccount = "{HOME}"\nlocation = "{AWAY}"\n', False),
    ],
)
def test_a_location_that_is_a_source_only_for_its_outcomes_is_found(well: World, more: str, is_idle: bool) -> None:
    """Its contacts would wait, or be ignored; where a route takes them elsewhere it is a source as well."""
    _outcomes_only(well, TELLING + more)
    well.put("LeadConnectorSecretArn", locations=[HOME])
    findings = found(well, "leadconnector", code=0)
    assert [it["name"] for it in findings] == [f"{HOME} route"] * is_idle
    assert all("Take it out of locations" in it["fix"] for it in findings)


def test_without_any_source_there_is_a_fault_and_each_says_how_to_set_it_up(well: World) -> None:
    """A source that is not used is no fault."""
    for output in ("PinterestKeysSecretArn", "PinterestAppSecretArn", "FacebookSecretArn", "LeadConnectorSecretArn"):
        well.forget(output)
    report = well.json("doctor", code=1)
    assert [it["system"] for it in report["findings"] if it["state"] == "fault"] == ["sources"]
    fixes = {it["system"]: it["fix"] for it in report["findings"] if it["name"] == "set-up"}
    assert set(fixes) == {"pinterest", "facebook", "leadconnector"}
    assert all("leadrelay" in fix for fix in fixes.values())


def test_a_secret_that_is_no_json_object_is_a_finding_and_no_trace(well: World) -> None:
    """Others go on."""
    arn = well.place.outputs["FacebookSecretArn"]
    well.client("secretsmanager").put_secret_value(SecretId=arn, SecretString="[1]")
    report = well.json("doctor", code=1)
    assert {it["system"] for it in report["findings"] if it["state"] == "fault"} >= {"aws", "facebook"}
    assert any(it["name"] == "keys" and it["state"] == "ok" for it in report["findings"])


def _other_secret(stack: World, output: str, **deletion: Any) -> str:
    """Another secret in the place of one, deleted like that."""
    client = stack.client("secretsmanager")
    arn: str = client.create_secret(Name=f"deleted {time.time_ns()}", SecretString="{}")["ARN"]
    client.delete_secret(SecretId=arn, **deletion)
    return arn


@pytest.mark.parametrize(
    ("deletion", "words", "fix"),
    [
        ({"ForceDeleteWithoutRecovery": True}, "is gone", "make deploy"),
        ({"RecoveryWindowInDays": 7}, "about to be deleted", "aws secretsmanager restore-secret --secret-id arn:"),
    ],
)
def test_a_deleted_secret_is_no_empty_one(well: World, deletion: dict[str, Any], words: str, fix: str) -> None:
    """AWS says the same of a secret without a value and of none."""
    output = "ContactsSecretArn"
    outputs = {**well.place.outputs, output: _other_secret(well, output, **deletion)}
    patient = Patient(dataclasses.replace(well.place, outputs=outputs), well.routes)
    [finding] = examine([aws.AWS.check(output, aws._secret, patient, output)])
    assert finding.state is State.FAULT
    assert words in finding.sentence
    assert fix in finding.fix


def test_a_command_names_what_brings_a_secret_back_that_is_about_to_be_deleted(well: World) -> None:
    """Not only doctor."""
    arn = _other_secret(well, "ContactsSecretArn", RecoveryWindowInDays=7)
    place = dataclasses.replace(well.place, outputs={"ContactsSecretArn": arn})
    with pytest.raises(CommandFailed, match="aws secretsmanager restore-secret"):
        place.secret("ContactsSecretArn")


def test_a_webhook_that_refuses_what_is_right_is_told_with_its_log(well: World) -> None:
    """The fix of doctor is never doctor itself."""
    door = LoopbackServer(0, lambda _: Answer(404), "another front door")
    door.start()
    try:
        patient = Patient(dataclasses.replace(well.place, front_url=door.url), well.routes)
        findings = [
            *aws._takes_deliveries(patient),
            *facebook._signature(patient, APP_SECRET),
            *facebook._verification(patient, VERIFY_TOKEN),
            *leadconnector._workflow_secret(patient),
        ]
    finally:
        door.stop()
    command = f"aws logs tail webhook-log --since 1h --region {REGION}"
    assert [(it.state, command in it.fix, "doctor" in it.fix) for it in findings] == [(State.FAULT, True, False)] * 4


def test_a_subscription_that_sends_elsewhere_has_one_fix(well: World) -> None:
    """`pinterest subscribe` would refuse and say rotate."""
    well.pinterest.reset()
    well.pinterest.add_subscription(account=ACCOUNT, webhook_url="https://crm.example.com/hooks/theirs")
    fixes = {it["fix"] for it in found(well, "pinterest") if it["name"] == f"{ACCOUNT} subscriptions"}
    assert fixes >= {f"leadrelay --stack leadrelay --region {REGION} pinterest rotate --account {ACCOUNT}"}
    assert not [fix for fix in fixes if "pinterest subscribe" in fix]


def test_what_is_under_way_when_the_examination_is_stopped_is_not_waited_for() -> None:
    """And what has not begun never begins."""
    began, go_on = [], threading.Event()

    def slow() -> Iterator[Finding]:
        began.append(1)
        if len(began) == 1:
            time.sleep(0.2)  # until the main thread waits
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        go_on.wait(5)
        yield Finding("aws", "slow", State.OK, "Fine.")

    before = time.monotonic()
    try:
        with pytest.raises(KeyboardInterrupt):
            examine([Check("aws", str(number), slow) for number in range(40)])
        assert time.monotonic() - before < 2
        assert len(began) <= 16
    finally:
        go_on.set()
    time.sleep(0.05)
    assert len(began) <= 16


def test_a_check_that_breaks_is_a_fault_that_names_the_kind_and_quotes_nothing() -> None:
    """What it had found before stays, and the order is that of the checks."""

    def breaks() -> Iterator[Finding | Check]:
        yield Finding("crm", "first", State.OK, "Fine.")
        raise KeyError("Ada Lovelace")

    def slow() -> Iterator[Finding | Check]:
        time.sleep(0.05)
        yield Check("aws", "later", lambda: [Finding("aws", "later", State.OK, "Fine.")])

    def refuses() -> Iterator[Finding]:
        raise CommandFailed("The CRM is gone.")
        yield

    findings = examine([Check("aws", "slow", slow), Check("crm", "breaks", breaks), Check("crm", "gone", refuses)])
    assert [it.name for it in findings] == ["later", "first", "breaks", "gone"]
    assert "KeyError" in findings[2].sentence
    assert "Ada" not in str(findings[2])
    assert findings[3].sentence == "The CRM is gone."


@pytest.mark.parametrize(("skew", "state"), [(0, State.OK), (-50, State.OK), (90, State.FAULT), (-90, State.FAULT)])
def test_a_clock_that_is_a_minute_off_is_a_fault(well: World, skew: float, state: State) -> None:
    """Against the date of AWS's own answer."""

    class Queues:
        def get_queue_attributes(self, **_: Any) -> dict[str, Any]:
            date = dt.datetime.fromtimestamp(time.time() + skew, dt.UTC)
            return {"ResponseMetadata": {"HTTPHeaders": {"date": date.strftime("%a, %d %b %Y %H:%M:%S GMT")}}}

    patient = Patient(well.place, well.routes)
    real, well.place._clients["sqs"] = well.client("sqs"), Queues()
    try:
        [finding] = aws._clock(patient)
    finally:
        well.place._clients["sqs"] = real
    assert finding.state is state


def test_no_finding_of_a_broken_stack_holds_a_secret(well: World) -> None:
    """World.run looks at all that is printed; here as many things as possible are wrong."""
    well.put("ContactsSecretArn", locations={HOME: {"token": AWAY_TOKEN}, AWAY: {"token": HOME_TOKEN}})
    well.pinterest.set_account(id=ACCOUNT, role="ANALYST")
    well.graph.replace_token(PAGE, "EAAnew")
    said = well.run("doctor", code=1).stdout
    assert PAGE_TOKEN in UNSPEAKABLE
    assert "init --location" in said
