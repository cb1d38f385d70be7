"""Failed-leads queue → each lead is delivered, held until its next attempt, or left for SQS to dead-letter."""

from __future__ import annotations

from functools import cache
from typing import Any

from leads import wiring
from leads.core.errors import fault_of
from leads.flow.retry import Message, Retry


@cache
def application() -> Retry:
    """This container's retrier."""
    return wiring.parts().retry()


def handler(event: dict[str, Any], context: Any, app: Retry | None = None) -> dict[str, Any]:
    """Lambda entry: an SQS batch in, the ids of the messages that stay in the queue out (ReportBatchItemFailures).

    A message stays that was held until its next attempt, or is on its way to the dead letters.
    """
    telemetry = wiring.telemetry("retry")
    messages = [_message(record) for record in event["Records"]]
    try:
        outcomes = (app or application())(messages, remaining=context.get_remaining_time_in_millis() / 1000)
    except Exception as error:
        telemetry.problem("retry failed", "unknown", "UnexpectedErrors", fault=fault_of(error))
        return _staying(messages)
    telemetry.leads(outcomes, received=False)
    pairs = zip(messages, outcomes, strict=True)
    return _staying([message for message, outcome in pairs if not outcome.leaves_queue])


def _staying(messages: list[Message]) -> dict[str, Any]:
    return {"batchItemFailures": [{"itemIdentifier": message.message_id} for message in messages]}


def _message(record: dict[str, Any]) -> Message:
    attempt = record.get("messageAttributes", {}).get("attempt", {}).get("stringValue", "")
    return Message(
        message_id=record["messageId"],
        receipt_handle=record["receiptHandle"],
        body=record["body"],
        receives=int(record["attributes"]["ApproximateReceiveCount"]),
        attempt=int(attempt) if attempt.isascii() and attempt.isdecimal() else 0,
    )


wiring.warm_up(application, lambda: wiring.telemetry("retry"))
