"""Brings dead-lettered leads back into the failed-leads queue, where each gets a new chance.

The destination is always named: "back to the source" is refused for messages that someone else has sent.
"""

import json
import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

ROOT = Path(__file__).resolve().parents[1]
# How an endpoint says that it has no such operation; the local emulator has none to move messages.
UNKNOWN_OPERATION = {
    "InvalidAction",
    "UnknownOperation",
    "UnknownOperationException",
    "AWS.SimpleQueueService.InvalidAction",
}
POLL_SECONDS = 2.0


class MoveFailed(Exception):
    """SQS did not move the messages; the text is for the operator."""


def main(environment: Mapping[str, str] = os.environ) -> int:
    try:
        place, sqs, outputs = _target(environment)
        source, destination = outputs["DeadLetterQueueUrl"], outputs["FailedLeadsQueueUrl"]
        moved = redrive(sqs, source, destination)
    except (BotoCoreError, ClientError) as error:
        print(f"Redriving failed: {error} Check the region and credentials AWS is asked with.", file=sys.stderr)
        return 1
    except MoveFailed as error:
        print(f"{error} What was not moved still waits in the dead-letter queue.", file=sys.stderr)
        return 1
    except KeyError as error:
        print(f"The stack has no output {error}: deploy it anew with `make deploy`.", file=sys.stderr)
        return 1
    print(
        f"{moved} lead(s) brought back in {place}." if moved else f"No lead waits in the dead-letter queue in {place}."
    )
    return 0


def redrive(sqs: Any, source_url: str, destination_url: str) -> int:
    """Move every message of one queue to another; returns how many were moved. Raises ClientError."""
    source, destination = (_arn(sqs, url) for url in (source_url, destination_url))
    try:
        sqs.start_message_move_task(SourceArn=source, DestinationArn=destination)
    except ClientError as error:
        if error.response["Error"]["Code"] not in UNKNOWN_OPERATION:
            raise
        return _move_one_by_one(sqs, source_url, destination_url)
    while True:
        [task] = sqs.list_message_move_tasks(SourceArn=source, MaxResults=1)["Results"]
        if task["Status"] in ("FAILED", "CANCELLED"):
            raise MoveFailed(f"SQS ended the move as {task['Status']}: {task.get('FailureReason', 'no reason given')}.")
        if task["Status"] == "COMPLETED":
            return int(task.get("ApproximateNumberOfMessagesMoved", 0))
        time.sleep(POLL_SECONDS)


def _move_one_by_one(sqs: Any, source_url: str, destination_url: str) -> int:
    """What the console does by itself: a new message with the same body and attributes, then the old one goes."""
    moved = 0
    while True:
        answer = sqs.receive_message(
            QueueUrl=source_url,
            MaxNumberOfMessages=10,
            WaitTimeSeconds=1,
            MessageAttributeNames=["All"],
            MessageSystemAttributeNames=["MessageGroupId"],
        )
        messages = answer.get("Messages", [])
        for message in messages:
            attributes = {
                name: {
                    field: value
                    for field, value in attribute.items()
                    if field in ("DataType", "StringValue", "BinaryValue")
                }
                for name, attribute in message.get("MessageAttributes", {}).items()
            }
            # Whose lead it is, so that SQS serves it in its group's turn.
            group = {k: v for k, v in message.get("Attributes", {}).items() if k == "MessageGroupId"}
            sqs.send_message(
                QueueUrl=destination_url, MessageBody=message["Body"], MessageAttributes=attributes, **group
            )
            sqs.delete_message(QueueUrl=source_url, ReceiptHandle=message["ReceiptHandle"])
            moved += 1
        if not messages:
            return moved


def _target(environment: Mapping[str, str]) -> tuple[str, Any, dict[str, str]]:
    """Where to redrive: the local stack if one is running (LOCAL=0: never), else the one deployed to AWS."""
    stack_file = ROOT / environment.get("STATE_DIR", ".local") / "stack.json"
    if environment.get("LOCAL") != "0" and stack_file.exists():
        stack = json.loads(stack_file.read_text())
        sqs = boto3.client(
            "sqs",
            endpoint_url=stack["aws_endpoint_url"],
            region_name=stack["region"],
            aws_access_key_id=stack["aws_access_key_id"],
            aws_secret_access_key=stack["aws_secret_access_key"],
        )
        return "the local stack", sqs, stack["outputs"]
    name = environment.get("STACK_NAME", "leadrelay")
    [stack] = boto3.client("cloudformation").describe_stacks(StackName=name)["Stacks"]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}
    return f"the stack {name}", boto3.client("sqs"), outputs


def _arn(sqs: Any, url: str) -> str:
    return str(sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"])


if __name__ == "__main__":
    sys.exit(main())
