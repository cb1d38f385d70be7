"""The failed-leads queue in SQS."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from leads.adapters.aws import AwsError
from leads.core.parked_lead import Parking, body_of

# SQS's quota for one batch call was 256 KiB for years and regions differ in when it grew.
_LARGEST_BATCH = 250 * 1024


class FailedLeadsQueue:
    """Parks and holds; `client` gives an SQS client, built when it is first needed."""

    def __init__(self, client: Any, url: str) -> None:
        self._client = client
        self._url = url

    def send(self, parkings: Sequence[Parking]) -> list[Parking]:
        """Parks up to ten leads; gives back those that SQS did not take. Never raises."""
        refused: list[Parking] = []
        batch: list[tuple[Parking, dict[str, Any]]] = []
        size = 0
        for parking in parkings:
            entry = _entry(parking, str(len(batch)))
            length = len(entry["MessageBody"]) + 200
            if batch and size + length > _LARGEST_BATCH:
                refused += self._send(batch)
                batch, size = [], 0
                entry["Id"] = "0"
            batch.append((parking, entry))
            size += length
        return refused + self._send(batch) if batch else refused

    def hold(self, receipt_handle: str, seconds: int) -> bool:
        """Hides a received message for `seconds` from now; False when SQS did not do it."""
        try:
            self._client().change_message_visibility(
                QueueUrl=self._url, ReceiptHandle=receipt_handle, VisibilityTimeout=seconds
            )
        except AwsError:
            return False
        return True

    def _send(self, batch: list[tuple[Parking, dict[str, Any]]]) -> list[Parking]:
        try:
            answer = self._client().send_message_batch(QueueUrl=self._url, Entries=[entry for _, entry in batch])
        except AwsError:
            return [parking for parking, _ in batch]
        taken = {success["Id"] for success in answer.get("Successful", ())}
        return [parking for parking, entry in batch if entry["Id"] not in taken]


def _entry(parking: Parking, number: str) -> dict[str, Any]:
    return {
        "Id": number,
        "MessageBody": body_of(parking.envelope),
        "DelaySeconds": parking.delay,
        "MessageGroupId": parking.group_id,
        "MessageAttributes": {
            "reason": {"DataType": "String", "StringValue": parking.reason},
            "attempt": {"DataType": "Number", "StringValue": str(parking.attempt)},
        },
    }
