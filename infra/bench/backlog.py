"""A backlog to drain: an emulated AWS with the ledger, the secrets, and a queue of really sealed leads."""

from __future__ import annotations

import base64
import json
import os
import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from infra.local.children import Children, claim_port, wait_for_port
from infra.local.settings import ACCESS_KEY, REGION, ROOT

LOCATION, TOKEN, ACCOUNT = "ve9EPM428h8vShlRW1KT", "pit-bench", "111764359001"
KEY = secrets.token_bytes(32)
EMULATOR = ROOT / ".tools" / "ministack" / "bin" / "ministack"


@contextmanager
def emulated_aws(children: Children, state: Path) -> Iterator[str]:
    """An emulated AWS of its own, ended afterwards together with whatever else `children` has started."""
    port = claim_port(0, "AWS_PORT")
    environment = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(state),
        "TMPDIR": str(state),
        "STATE_DIR": str(state / "aws"),
        "PERSIST_STATE": "0",
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "MINISTACK_REGION": REGION,
    }
    try:
        child = children.start("ministack", [str(EMULATOR)], environment)
        if not wait_for_port(port, child, 60):
            raise SystemExit(f"The emulated AWS did not start: {children.tail('ministack')}")
        yield f"http://127.0.0.1:{port}"
    finally:
        children.stop()


def client(service: str, endpoint: str) -> Any:
    keys = {"aws_access_key_id": ACCESS_KEY, "aws_secret_access_key": ACCESS_KEY}
    return boto3.client(service, endpoint_url=endpoint, region_name=REGION, **keys)


def furnish(aws: Mapping[str, Any]) -> str:
    """The template's table, secrets and queue, as far as the retry function needs them; the queue's URL."""
    aws["dynamodb"].create_table(
        TableName="ledger",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    key = {"ad_account_id": ACCOUNT, "lead_form_id": None, "cryptographic_key": base64.b64encode(KEY).decode()}
    for name, value in {
        "pinterest-keys": {"subscriptions": [key | {"retired_at": None}]},
        "contacts": {"locations": {LOCATION: {"token": TOKEN}}},
    }.items():
        aws["secretsmanager"].create_secret(Name=name, SecretString=json.dumps(value))
    queue = aws["sqs"].create_queue(QueueName="failed-leads", Attributes={"VisibilityTimeout": "720"})
    return str(queue["QueueUrl"])


def park(sqs: Any, queue: str, leads: int) -> None:
    """That many really sealed leads, each of another person, as the webhook parks them."""
    for start in range(0, leads, 10):
        entries = [
            {
                "Id": str(number),
                "MessageBody": json.dumps(parked(number)),
                "MessageAttributes": {"attempt": {"DataType": "Number", "StringValue": "1"}},
            }
            for number in range(start, min(start + 10, leads))
        ]
        sqs.send_message_batch(QueueUrl=queue, Entries=entries)


def parked(number: int) -> dict[str, Any]:
    answers = {"FULL_NAME": "Ada Lovelace", "EMAIL": f"ada{number}@example.com", "What is your budget?": "1000"}
    nonce = secrets.token_bytes(16)
    text = AESGCM(KEY).encrypt(nonce, json.dumps(answers).encode(), None)
    parts = {"cipher_msg": text[:-16], "nonce": nonce, "tag": text[-16:]}
    lead = {
        "advertiser_id": ACCOUNT,
        "lead_form_id": "65300871001",
        "campaign_id": "626735565838",
        "campaign_name": "Spring campaign",
        "lead_id": str(7_000_000 + number),
        "created_at": str(int(time.time() * 1000)),
        "version": "v5",
        "answers": {name: base64.b64encode(value).decode() for name, value in parts.items()},
    }
    received_at = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime())
    return {
        "v": 1, "source": "pinterest", "lead_id": lead["lead_id"], "received_at": received_at, "envelope": lead,
    }  # fmt: skip


def backlog_left(sqs: Any, queue: str) -> int:
    names = ["", "Delayed", "NotVisible"]
    attributes = [f"ApproximateNumberOfMessages{name}" for name in names]
    answer = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=attributes)["Attributes"]
    return sum(int(answer[name]) for name in attributes)
