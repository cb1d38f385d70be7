"""The reconcile queue in SQS: one message per form that is being compared with its platform."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from leads.adapters.aws import AwsError, error_code
from leads.core.errors import TryAgain

# SQS takes ten messages in one call.
_BATCH = 10


class ReconcileQueue:
    """Sends; `client` gives an SQS client, built when it is first needed."""

    def __init__(self, client: Any, url: str) -> None:
        self._client = client
        self._url = url

    def send(self, messages: Sequence[tuple[str, int]]) -> None:
        """Sends each body after its delay (0 to 900 seconds).

        Raises TryAgain(reconcile_queue_unavailable) when SQS does not take all of them; it may have taken some.
        """
        for start in range(0, len(messages), _BATCH):
            entries = [
                {"Id": str(number), "MessageBody": body, "DelaySeconds": delay}
                for number, (body, delay) in enumerate(messages[start : start + _BATCH])
            ]
            try:
                answer = self._client().send_message_batch(QueueUrl=self._url, Entries=entries)
            except AwsError as error:
                raise _unavailable(error_code(error)) from None
            if len(answer.get("Successful", ())) < len(entries):
                codes = {str(failed.get("Code", "")) for failed in answer.get("Failed", ())}
                raise _unavailable(", ".join(sorted(codes)) or "a part only")


def _unavailable(code: str) -> TryAgain:
    return TryAgain("reconcile_queue_unavailable", f"SQS answered {code}")
