"""A deployed stack for `init` and `doctor`: AWS by moto, every vendor by its sandbox, the real webhook at its door."""

from __future__ import annotations

import io
import json
import time
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws
from moto.core import DEFAULT_ACCOUNT_ID as ACCOUNT_ID
from moto.secretsmanager.models import FakeSecret, secretsmanager_backends
from typer.testing import CliRunner, Result

from infra.cli.app import app
from infra.cli.place import Place
from infra.local.contacts_sandbox import ContactsSandbox
from infra.local.graph_sandbox import APP_ID, GraphSandbox
from infra.local.pinterest_sandbox import PinterestSandbox
from infra.local.sandbox.web import Answer, Call, LoopbackServer
from leads import wiring
from leads.adapters.environment import Settings
from leads.core.request import Request

REGION, STACK = "us-east-1", "leadrelay"
TOKEN = "t" * 48
HOME, AWAY = "ve9EPM428h8vShlRW1KT", "Qx7LeadSourceLocat10"
HOME_TOKEN, AWAY_TOKEN = "pit-secret-of-home", "pit-secret-of-away"
ACCOUNT, FORM, PAGE = "111764359001", "65300871001", "102290129340398"
PINTEREST_TOKEN, PAGE_TOKEN, APP_SECRET = "pina_secret", "EAAsecret", "facebook-app-secret"
CONVERSION_TOKEN = "pinc_secret"
VERIFY_TOKEN, WORKFLOW_SECRET = "facebook-verify-secret", "workflow-secret"
# What no command may ever print.
UNSPEAKABLE = (
    *(TOKEN, HOME_TOKEN, AWAY_TOKEN, PINTEREST_TOKEN, CONVERSION_TOKEN, PAGE_TOKEN, APP_SECRET),
    *(VERIFY_TOKEN, WORKFLOW_SECRET),
)

ROUTES = f"""
[[routes]]
name = "From the franchise"
source = "leadconnector"
account = "{AWAY}"
location = "{HOME}"

[[routes]]
name = "All leads"
location = "{HOME}"
[routes.custom_fields]
"contact.budget" = "What is your budget?"
"""
_SECRETS = ("WebhookToken", "Contacts", "PinterestKeys", "PinterestApp", "Facebook", "LeadConnector")
_FUNCTIONS = ("Webhook", "Retry", "Rotation", "Reconcile", "Conversions")
_TAKE_ROUTES = [("conversions", verb) for verb in ("send", "status", "redrive")]
_SAFE = {"MessageRetentionPeriod": "1209600", "SqsManagedSseEnabled": "true"}


@dataclass
class World:
    """place: what commands work on; crm, pinterest and graph: the vendors; routes: the routes file."""

    place: Place
    crm: ContactsSandbox
    pinterest: PinterestSandbox
    graph: GraphSandbox
    routes: Path
    parts: wiring.Parts

    def client(self, service: str) -> Any:
        return self.place.client(service)

    def run(self, *arguments: str, code: int = 0, given: str | bytes | None = None) -> Result:
        """A command, which must end with that exit code and print no secret. given: what stands on stdin."""
        takes_routes = arguments[0] in ("init", "doctor") or arguments[:2] in _TAKE_ROUTES
        named = ("--routes", str(self.routes)) if takes_routes else ()
        result = CliRunner().invoke(app, [*arguments, *named], obj=self.place, input=given)
        ended = getattr(result.exception, "exit_code", result.exit_code)
        said = result.output + str(result.exception)
        assert ended == code, (said, result.exc_info)
        assert not [secret for secret in UNSPEAKABLE if secret in said], said
        return result

    def json(self, *arguments: str, code: int = 0, given: str | bytes | None = None) -> Any:
        return json.loads(self.run(*arguments, "--json", code=code, given=given).stdout)

    def put(self, output: str, **values: Any) -> None:
        """Put values into a secret, beside what is there."""
        self.store(output, {**self.place.secret(output), **values})

    def store(self, output: str, value: dict[str, Any]) -> None:
        """Make `value` all that a secret holds."""
        self.client("secretsmanager").put_secret_value(
            SecretId=self.place.output(output), SecretString=json.dumps(value)
        )

    def forget(self, output: str) -> None:
        self.store(output, {})

    def answer(self, call: Call) -> Answer:
        """The webhook behind its address; without the function's handler, which logs to where results are printed."""
        _, source, token = (*call.parts, "", "")[:3]
        request = Request(
            source=source, token=token, body=call.raw, headers=call.headers, method=call.method, query=call.query
        )
        answer = self.parts.receive()(request, remaining=30).answer
        body = answer.body
        # A challenge is a number; the server writes JSON, in which a text would have quotes.
        return Answer(answer.status, int(body) if isinstance(body, str) and body.isdecimal() else body)


@contextmanager
def world(folder: Path, *, is_local: bool = False) -> Iterator[World]:
    """A stack in which everything is as it should be."""
    with ExitStack() as leave:
        patch = leave.enter_context(pytest.MonkeyPatch.context())
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "testing")
        patch.setenv("AWS_DEFAULT_REGION", REGION)
        for name in ("AWS_ENDPOINT_URL", "STACK_NAME", "CONTACTS_TOKEN", "ROUTES"):
            patch.delenv(name, raising=False)
        # Moto's secrets go on giving the value before the last when a label is moved by itself.
        patch.setattr(FakeSecret, "default_version_id", property(_current, lambda secret, value: None), raising=False)
        leave.enter_context(mock_aws())
        crm = leave.enter_context(ContactsSandbox(tokens={HOME_TOKEN: HOME, AWAY_TOKEN: AWAY}))
        form = {"account": ACCOUNT, "id": FORM, "status": "ACTIVE"}
        pinterest = leave.enter_context(
            PinterestSandbox([PINTEREST_TOKEN], forms=[form], conversion_tokens=[CONVERSION_TOKEN])
        )
        graph = leave.enter_context(GraphSandbox({PAGE: PAGE_TOKEN}, app_secret=APP_SECRET))
        routes = folder / "routes.toml"
        routes.write_text(ROUTES)
        session = boto3.Session(region_name=REGION)
        outputs, formation = _deployed(session)
        door = LoopbackServer(0, lambda call: made.answer(call), "front door")
        place = Place(
            name="the test stack",
            region=REGION,
            is_local=is_local,
            outputs=outputs,
            contacts_api_url=crm.url,
            pinterest_api_url=pinterest.url,
            graph_api_url=graph.url,
            stack_name=STACK,
            front_url=door.url,
            session=session,
            _clients={"cloudformation": formation},
        )
        made = World(place, crm, pinterest, graph, routes, _parts(place))
        door.start()
        leave.callback(door.stop)
        rotate(int(time.time()))
        fill(made)
        yield made


def _current(secret: FakeSecret) -> str | None:
    held = (number for number, version in secret.versions.items() if "AWSCURRENT" in version["version_stages"])
    return next(held, None)


def rotate(at: int | None) -> None:
    """Every secret was rotated then (epoch seconds), or never: None. Moto would call a function to switch it on."""
    for secret in secretsmanager_backends[ACCOUNT_ID][REGION].secrets.values():
        secret.rotation_requested = secret.rotation_enabled = at is not None
        secret.last_rotation_date = at


def fill(made: World) -> None:
    """Set every source up, as a user does: subscriptions with the vendors, tokens and keys in the secrets."""
    place = made.place
    made.store("WebhookTokenSecretArn", {"token": TOKEN})
    locations = {HOME: {"token": HOME_TOKEN}, AWAY: {"token": AWAY_TOKEN}}
    made.store("ContactsSecretArn", {"locations": locations})
    made.pinterest.reset()
    found = made.pinterest.add_subscription(account=ACCOUNT, webhook_url=place.webhook_url("pinterest"))
    subscription = {
        "subscription_id": found["id"],
        "ad_account_id": ACCOUNT,
        "lead_form_id": None,
        "cryptographic_key": found["cryptographic_key"],
        "cryptographic_algorithm": "AES-256-GCM",
        "retired_at": None,
    }
    made.store("PinterestKeysSecretArn", {"subscriptions": [subscription]})
    app_of_pinterest = {
        "app_id": "1500000",
        "app_secret": "pinterest-app-secret",
        "refresh_token": "pinr_1",
        "access_token": PINTEREST_TOKEN,
        "expires_at": "2099-01-01T00:00:00Z",
    }
    made.store("PinterestAppSecretArn", app_of_pinterest)
    pages = {PAGE: {"token": PAGE_TOKEN}}
    made.store(
        "FacebookSecretArn",
        {"app_id": APP_ID, "app_secret": APP_SECRET, "verify_token": VERIFY_TOKEN, "pages": pages},
    )
    made.store("LeadConnectorSecretArn", {"locations": [AWAY], "app_ids": [], "workflow_secret": WORKFLOW_SECRET})


def _parts(place: Place) -> wiring.Parts:
    return wiring.Parts(
        Settings(
            ledger_table_name=place.outputs["LedgerTableName"],
            failed_leads_queue_url=place.outputs["FailedLeadsQueueUrl"],
            pinterest_keys_secret=place.outputs["PinterestKeysSecretArn"],
            contacts_secret=place.outputs["ContactsSecretArn"],
            webhook_token_secret=place.outputs["WebhookTokenSecretArn"],
            facebook_secret=place.outputs["FacebookSecretArn"],
            leadconnector_secret=place.outputs["LeadConnectorSecretArn"],
            contacts_api_url=place.contacts_api_url,
            graph_api_url=place.graph_api_url,
        )
    )


class CloudFormation:
    """What CloudFormation tells of the stack; moto's own takes packages that nothing else here needs."""

    def __init__(self, ids: dict[str, tuple[str, str]]) -> None:
        self.status = "CREATE_COMPLETE"
        self._rows = [
            {"LogicalResourceId": name, "PhysicalResourceId": number, "ResourceType": kind}
            for name, (kind, number) in ids.items()
        ]

    def describe_stacks(self, **_: str) -> dict[str, Any]:
        return {"Stacks": [{"StackStatus": self.status}]}

    def describe_stack_resources(self, **_: str) -> dict[str, Any]:
        return {"StackResources": self._rows}

    def get_paginator(self, operation: str) -> CloudFormation:
        assert operation == "list_stack_resources"
        return self

    def paginate(self, **_: str) -> list[dict[str, Any]]:
        return [{"StackResourceSummaries": self._rows}]


def _deployed(session: boto3.Session) -> tuple[dict[str, str], CloudFormation]:
    """What of template.yaml commands ask about, and the outputs that name it."""
    secrets, table = session.client("secretsmanager"), f"{STACK}-LedgerTable"
    dynamodb, sns, alarm = session.client("dynamodb"), session.client("sns"), f"{STACK}-DeadLetterQueueAlarm"
    outputs = {f"{name}SecretArn": secrets.create_secret(Name=name)["ARN"] for name in _SECRETS}
    dynamodb.create_table(
        TableName=table,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
    )
    life = {"Enabled": True, "AttributeName": "expires_at"}
    dynamodb.update_time_to_live(TableName=table, TimeToLiveSpecification=life)
    session.client("cloudwatch").put_metric_alarm(
        AlarmName=alarm,
        Namespace="AWS/SQS",
        MetricName="ApproximateNumberOfMessagesVisible",
        Statistic="Maximum",
        Period=300,
        EvaluationPeriods=1,
        Threshold=0,
        ComparisonOperator="GreaterThanThreshold",
    )
    topic = sns.create_topic(Name="alarms")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="email", Endpoint="ops@example.com")
    for name in ("webhook-log", "rotation-log"):
        session.client("logs").create_log_group(logGroupName=name)
        session.client("logs").put_retention_policy(logGroupName=name, retentionInDays=30)
    session.client("events").put_rule(Name="reconcile-schedule", ScheduleExpression="rate(1 day)", State="ENABLED")
    ids = {
        "AlarmTopic": ("AWS::SNS::Topic", topic),
        "DeadLetterQueueAlarm": ("AWS::CloudWatch::Alarm", alarm),
        "WebhookLogGroup": ("AWS::Logs::LogGroup", "webhook-log"),
        "RotationLogGroup": ("AWS::Logs::LogGroup", "rotation-log"),
        "ReconcileFunctionSchedule": ("AWS::Events::Rule", "reconcile-schedule"),
    }
    outputs |= {"LedgerTableName": table, "WebhookBaseUrl": "https://example.com"} | _functions_and_queues(session)
    return outputs, CloudFormation(ids)


def _functions_and_queues(session: boto3.Session) -> dict[str, str]:
    sqs, functions = session.client("sqs"), session.client("lambda")
    urls = {}
    for output, dead in (("FailedLeads", "DeadLetter"), ("Conversions", "ConversionsDeadLetter"), ("Reconcile", "")):
        policy = {}
        if dead:
            urls[f"{dead}QueueUrl"] = url = sqs.create_queue(QueueName=dead, Attributes=_SAFE)["QueueUrl"]
            arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
            target = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 12})
            policy = {**_SAFE, "RedrivePolicy": target}
        urls[f"{output}QueueUrl"] = sqs.create_queue(QueueName=output, Attributes=policy)["QueueUrl"]
    role = session.client("iam").create_role(RoleName="function", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as code:
        code.writestr("webhook.py", "")
    for name in _FUNCTIONS:
        functions.create_function(
            FunctionName=name,
            Role=role,
            Runtime="python3.13",
            Handler="webhook.handler",
            Code={"ZipFile": archive.getvalue()},
            Publish=True,
        )
        functions.create_alias(FunctionName=name, Name="live", FunctionVersion="1")
    takers = (("Retry", "FailedLeads"), ("Reconcile", "Reconcile"), ("Conversions", "Conversions"))
    for function, queue in ((function, f"{name}QueueUrl") for function, name in takers):
        arn = sqs.get_queue_attributes(QueueUrl=urls[queue], AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        functions.create_event_source_mapping(
            FunctionName=function, EventSourceArn=arn, FunctionResponseTypes=["ReportBatchItemFailures"]
        )
    return {**urls, **{f"{name}FunctionName": name for name in _FUNCTIONS}}
