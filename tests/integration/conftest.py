"""AWS as moto plays it, in this process: a ledger table, the queues and the secrets."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import boto3
import pytest
from moto import mock_aws

from tests import leads_made
from tests.fakes import LOCATION

REGION = "us-east-1"
TOKEN = "t" * 48


@dataclass
class AwsAccount:
    """Clients, and the names of what the template would have made."""

    dynamodb: Any
    sqs: Any
    secrets: Any
    table: str = "ledger"
    failed_leads_url: str = ""
    dead_letters_url: str = ""
    secret_names: dict[str, str] = field(default_factory=dict)

    def parked(self) -> list[dict[str, Any]]:
        """Messages visible in the failed-leads queue, with everything about them."""
        return self._receive(self.failed_leads_url)

    def dead(self) -> list[dict[str, Any]]:
        """Messages visible in the dead-letter queue."""
        return self._receive(self.dead_letters_url)

    def ledger(self) -> dict[str, dict[str, Any]]:
        """Ledger items by key, without the seals."""
        items = self.dynamodb.scan(TableName=self.table)["Items"]
        return {item["pk"]["S"]: item for item in items if "status" in item}

    def _receive(self, url: str) -> list[dict[str, Any]]:
        messages: list[dict[str, Any]] = []
        while batch := self.sqs.receive_message(
            QueueUrl=url,
            MaxNumberOfMessages=10,
            MessageAttributeNames=["All"],
            MessageSystemAttributeNames=["All"],
        ).get("Messages"):
            messages += batch
        return messages


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[AwsAccount]:
    """An account with the template's table, queues and secrets."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        account = AwsAccount(
            boto3.client("dynamodb", REGION), boto3.client("sqs", REGION), boto3.client("secretsmanager", REGION)
        )
        account.dynamodb.create_table(
            TableName=account.table,
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        account.dead_letters_url = account.sqs.create_queue(QueueName="dead")["QueueUrl"]
        arn = account.sqs.get_queue_attributes(QueueUrl=account.dead_letters_url, AttributeNames=["QueueArn"])
        policy = {"deadLetterTargetArn": arn["Attributes"]["QueueArn"], "maxReceiveCount": 12}
        account.failed_leads_url = account.sqs.create_queue(
            QueueName="failed", Attributes={"RedrivePolicy": json.dumps(policy), "VisibilityTimeout": "720"}
        )["QueueUrl"]
        for name, value in {
            "webhook-token": {"token": TOKEN},
            "pinterest-keys": leads_made.keys_secret(),
            "contacts": {"locations": {LOCATION: {"token": "pit-test"}}},
        }.items():
            account.secrets.create_secret(Name=name, SecretString=json.dumps(value))
        yield account
