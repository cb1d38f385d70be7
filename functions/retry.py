"""Failed-leads queue → each lead is delivered, held until its next attempt, or left for SQS to dead-letter."""

from __future__ import annotations

from functools import cache
from typing import Any

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

from leads import wiring
from leads.core.errors import fault_of
from leads.flow.retry import Message, Retry


class StillParked(Exception):
    """Tells SQS to keep the message: it was held until its next attempt, or is on its way to the dead letters."""


@cache
def application() -> Retry:
    """This container's retrier."""
    return wiring.parts().retry()


def handler(event: dict[str, Any], context: Any, app: Retry | None = None) -> Any:
    """Lambda entry: an SQS batch in, the ids of the messages that stay in the queue out."""
    retry = app or application()
    telemetry = wiring.telemetry("retry")

    def deliver(record: SQSRecord) -> None:
        try:
            outcome = retry(_message(record.raw_event), remaining=context.get_remaining_time_in_millis() / 1000)
        except Exception as error:
            facts = {"message_id": record.message_id, "fault": fault_of(error)}
            telemetry.problem("retry failed", "unknown", "UnexpectedErrors", **facts)
            raise StillParked from None
        telemetry.leads([outcome], received=False)
        if not outcome.leaves_queue:
            raise StillParked

    processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)
    return process_partial_response(event=event, record_handler=deliver, processor=processor, context=context)


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
