"""Puts events on the conversions queue, ten a call, and remembers which rows SQS did not take."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from infra.cli.aws_refusals import refusal
from infra.cli.conversions.checked_rows import CheckedRow
from infra.cli.dead.interruption import INTERRUPTED, Interruption
from leads.core.conversion_message import event_message

# What one call takes: SQS's quotas, with room for what goes around the messages.
MOST, LARGEST = 10, 250 * 1024


@dataclass
class Enqueued:
    """refused: rows that SQS did not take, and why; stopped: why the rest was not tried, "" when all of it was.

    next_row: the first row that is not in the queue, None when every row is.
    """

    sent: int = 0
    refused: dict[int, str] = field(default_factory=dict)
    stopped: str = ""
    next_row: int | None = None


def enqueue(
    sqs: Any,
    url: str,
    rows: Sequence[CheckedRow],
    *,
    told: Callable[[int], None] = lambda _: None,
    interruption: Interruption | None = None,
) -> Enqueued:
    """Send the rows in their order. Ctrl-C is heard between two calls, so that nobody has to guess about a row."""
    done, heard = Enqueued(), interruption or Interruption()
    with heard.listen():
        for batch in _batches(rows):
            if heard.wanted:
                done.stopped = INTERRUPTED
            else:
                _send(sqs, url, batch, done)
            if done.stopped:
                done.next_row = min((*done.refused, batch[0][0]))
                return done
            told(done.sent + len(done.refused))
    done.next_row = min(done.refused, default=None)
    return done


def _send(sqs: Any, url: str, batch: Sequence[tuple[int, str]], done: Enqueued) -> None:
    waiting = {str(number): body for number, body in batch}
    # A message that SQS itself had no time for is given once more.
    for is_last in (False, True):
        entries = [{"Id": number, "MessageBody": body} for number, body in waiting.items()]
        try:
            answer = sqs.send_message_batch(QueueUrl=url, Entries=entries)
        except (ClientError, BotoCoreError) as error:
            done.stopped = str(refusal(error)).rstrip(".")
            return
        done.sent += len(answer.get("Successful", ()))
        failed = {entry["Id"]: entry for entry in answer.get("Failed", ())}
        final = {number: entry for number, entry in failed.items() if is_last or entry.get("SenderFault")}
        done.refused |= {int(number): str(entry.get("Code") or "unknown") for number, entry in final.items()}
        waiting = {number: waiting[number] for number in failed if number not in final}
        if not waiting:
            return


def _batches(rows: Sequence[CheckedRow]) -> Iterator[list[tuple[int, str]]]:
    """Row numbers and messages, as many as one call takes."""
    batch: list[tuple[int, str]] = []
    size = 0
    for row in rows:
        body = event_message(row.event)
        length = len(body) + 200
        if batch and (len(batch) == MOST or size + length > LARGEST):
            yield batch
            batch, size = [], 0
        batch.append((row.number, body))
        size += length
    if batch:
        yield batch
