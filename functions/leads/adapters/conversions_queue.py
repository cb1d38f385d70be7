"""The conversions queue in SQS: what Pinterest is to hear, and changes in the CRM that may be worth telling."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from leads.adapters.aws import AwsError, error_code
from leads.core.errors import TryAgain

# SQS takes ten messages in one call.
_BATCH = 10
# SQS's quota for one batch call was 256 KiB for years and regions differ in when it grew.
_LARGEST_BATCH = 250 * 1024
# A batch of the function is up to 2,500 messages, which are 250 calls to hide them.
_CALLS_AT_ONCE = 8


class ConversionsQueue:
    """Sends and holds; `client` gives an SQS client, built when it is first needed."""

    def __init__(self, client: Callable[[], Any], url: str) -> None:
        self._client = client
        self._url = url

    def send(self, bodies: Sequence[str], *, delay: int = 0) -> None:
        """Puts these messages on the queue, to be seen after so many seconds (0 to 900).

        Raises TryAgain(conversions_queue_unavailable) when SQS does not take all of them; it may have taken some, and
        may be given those again.
        """
        for batch in _batches(bodies):
            entries = [
                {"Id": str(number), "MessageBody": body, "DelaySeconds": delay} for number, body in enumerate(batch)
            ]
            try:
                answer = self._client().send_message_batch(QueueUrl=self._url, Entries=entries)
            except AwsError as error:
                raise _unavailable(error_code(error)) from None
            if len(answer.get("Successful", ())) < len(entries):
                codes = {str(failed.get("Code", "")) for failed in answer.get("Failed", ())}
                raise _unavailable(", ".join(sorted(codes)) or "a part only")

    def hold(self, holds: Sequence[tuple[str, int]]) -> set[str]:
        """Hides received messages: (receipt handle, seconds from now). Gives the handles of those that are hidden.

        Never raises.
        """
        batches = [holds[start : start + _BATCH] for start in range(0, len(holds), _BATCH)]
        if len(batches) <= 1:
            return self._hold(holds) if holds else set()
        # Late: few batches hold more messages than fit one call.
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(min(_CALLS_AT_ONCE, len(batches))) as pool:
            return set().union(*pool.map(self._hold, batches))

    def _hold(self, holds: Sequence[tuple[str, int]]) -> set[str]:
        entries = [
            {"Id": str(number), "ReceiptHandle": handle, "VisibilityTimeout": seconds}
            for number, (handle, seconds) in enumerate(holds)
        ]
        try:
            answer = self._client().change_message_visibility_batch(QueueUrl=self._url, Entries=entries)
        except AwsError:
            return set()
        return {holds[int(success["Id"])][0] for success in answer.get("Successful", ())}


def _batches(bodies: Sequence[str]) -> Iterator[list[str]]:
    batch: list[str] = []
    size = 0
    for body in bodies:
        length = len(body.encode("utf-8", "surrogatepass"))
        if batch and (len(batch) == _BATCH or size + length > _LARGEST_BATCH):
            yield batch
            batch, size = [], 0
        batch.append(body)
        size += length
    if batch:
        yield batch


def _unavailable(code: str) -> TryAgain:
    return TryAgain("conversions_queue_unavailable", f"SQS answered {code}")
