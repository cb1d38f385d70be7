"""One container of the retry function, fed from its queue as Lambda feeds it, until it is stopped."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from typing import Any

import boto3

from infra.local.settings import REGION


def work() -> None:
    """Up to ten messages, then the next; what the handler does not keep is deleted."""
    import retry  # type: ignore[import-not-found]  # in the package that PYTHONPATH names

    sqs, queue = boto3.client("sqs"), os.environ["FAILED_LEADS_QUEUE_URL"]
    while True:
        messages = sqs.receive_message(
            QueueUrl=queue,
            MaxNumberOfMessages=10,
            WaitTimeSeconds=1,
            MessageAttributeNames=["All"],
            MessageSystemAttributeNames=["All"],
        ).get("Messages", [])
        if not messages:
            continue
        answer = retry.handler({"Records": [record_of(message) for message in messages]}, Context(120.0))
        kept = {failure["itemIdentifier"] for failure in answer["batchItemFailures"]}
        done = [
            {"Id": str(number), "ReceiptHandle": message["ReceiptHandle"]}
            for number, message in enumerate(messages)
            if message["MessageId"] not in kept
        ]
        if done:
            sqs.delete_message_batch(QueueUrl=queue, Entries=done)


class Context:
    """What the handler asks of Lambda: how long it may still run."""

    def __init__(self, seconds: float) -> None:
        self._until = time.monotonic() + seconds

    def get_remaining_time_in_millis(self) -> int:
        return int((self._until - time.monotonic()) * 1000)


def record_of(message: Mapping[str, Any]) -> dict[str, Any]:
    """A received message as Lambda puts it into an event."""
    attributes = message.get("MessageAttributes", {})
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": message["Attributes"],
        "messageAttributes": {
            name: {"stringValue": value["StringValue"], "dataType": value["DataType"]}
            for name, value in attributes.items()
        },
        "eventSource": "aws:sqs",
        "eventSourceARN": f"arn:aws:sqs:{REGION}:000000000000:failed-leads",
        "awsRegion": REGION,
    }


if __name__ == "__main__":
    work()
