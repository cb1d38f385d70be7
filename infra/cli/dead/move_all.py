"""Moves every dead letter at once, as SQS does it by itself."""

import time
from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

from infra.cli.dead.dead_letters import arn_of
from infra.cli.dead.interruption import Interruption
from infra.cli.faults import CommandFailed

# How an endpoint says that it has no such operation; the local emulator has none to move messages.
UNKNOWN_OPERATION = frozenset(
    ("InvalidAction", "UnknownOperation", "UnknownOperationException", "AWS.SimpleQueueService.InvalidAction")
)
POLL_SECONDS = 2.0
# What SQS moves a second at most.
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_StartMessageMoveTask.html
FASTEST = 500
_STILL = "What was not moved still waits in the dead-letter queue."


def start(sqs: Any, source_url: str, destination_url: str, rate: float) -> bool:
    """Have SQS move every message of a queue to another; False where the endpoint cannot.

    The destination is always named: "back to the source" is refused for messages that somebody else has sent.
    """
    try:
        sqs.start_message_move_task(
            SourceArn=arn_of(sqs, source_url),
            DestinationArn=arn_of(sqs, destination_url),
            MaxNumberOfMessagesPerSecond=max(1, min(FASTEST, round(rate))),
        )
    except ClientError as error:
        if error.response["Error"]["Code"] in UNKNOWN_OPERATION:
            return False
        raise
    return True


def wait(
    sqs: Any,
    source_url: str,
    told: Callable[[int, int], None],
    interruption: Interruption,
    *,
    sleep: Callable[[float], None] = time.sleep,
) -> int:
    """How many messages the move has moved, once it has ended. told: called with that number, and how many there are.

    Raises CommandFailed when SQS gave up, or when it was stopped by Ctrl-C, in which case the move is cancelled.
    """
    source = arn_of(sqs, source_url)
    while True:
        [task] = sqs.list_message_move_tasks(SourceArn=source, MaxResults=1)["Results"]
        moved = int(task.get("ApproximateNumberOfMessagesMoved", 0))
        told(moved, int(task.get("ApproximateNumberOfMessagesToMove", moved)))
        if task["Status"] == "COMPLETED":
            return moved
        if task["Status"] != "RUNNING" and task["Status"] != "CANCELLING":
            why = task.get("FailureReason", "no reason given")
            raise CommandFailed(f"SQS ended the move as {task['Status']} after {moved}: {why}. {_STILL}")
        if interruption.wanted and "TaskHandle" in task:
            sqs.cancel_message_move_task(TaskHandle=task["TaskHandle"])
            raise CommandFailed(f"The move was cancelled after {moved}. {_STILL}", exit_code=130)
        sleep(POLL_SECONDS)
