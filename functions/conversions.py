"""Conversions queue → Pinterest hears of what became of its leads; what it does not hear yet is held in the queue."""

from __future__ import annotations

from functools import cache
from typing import Any

from leads import wiring
from leads.core.errors import fault_of
from leads.flow.send_conversions import SendConversions
from leads.flow.tell_events import Message


@cache
def application() -> SendConversions:
    """This container's sender."""
    return wiring.conversions()


def handler(event: dict[str, Any], context: Any, app: SendConversions | None = None) -> dict[str, Any]:
    """Lambda entry: an SQS batch in, the ids of the messages that stay in the queue out (ReportBatchItemFailures).

    A message stays that is held until its next attempt, or is on its way to the dead letters.
    """
    telemetry = wiring.telemetry("conversions")
    messages = [_message(record) for record in event["Records"]]
    try:
        batch = (app or application())(messages, remaining=context.get_remaining_time_in_millis() / 1000)
    except Exception as error:
        telemetry.problem("conversions failed", "pinterest", "UnexpectedErrors", fault=fault_of(error))
        return _staying([message.message_id for message in messages])
    for fault in batch.faults:
        telemetry.problem("conversions misconfigured", "pinterest", "ConfigurationFaults", fault=fault)
    telemetry.events(batch.outcomes)
    return _staying(batch.staying)


def _staying(message_ids: Any) -> dict[str, Any]:
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in message_ids]}


def _message(record: dict[str, Any]) -> Message:
    return Message(
        message_id=record["messageId"],
        receipt_handle=record["receiptHandle"],
        body=record["body"],
        receives=int(record["attributes"]["ApproximateReceiveCount"]),
    )


wiring.warm_up(application, lambda: wiring.telemetry("conversions"))
