"""Retry one parked lead: delivered, held until its next attempt, or left for SQS to dead-letter."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import msgspec

from leads.core import parked_lead, retry_policy
from leads.core.errors import Undeliverable
from leads.core.lead import Envelope
from leads.core.ledger import Status
from leads.core.outcome import Outcome
from leads.core.parked_lead import Parking
from leads.flow.deliver import SHORT_DELAY, Deliver

# Seconds of an attempt's remote calls, and seconds kept free at the end to hold what is not finished.
PATIENCE = 15.0
RESERVE = 5.0


class Source(Protocol):
    """A platform: recognises its own envelope."""

    def wrap(self, raw: object, *, received_at: str) -> Envelope: ...


class FailedLeadsQueue(Protocol):
    """The queue this message came from.

    hold hides a message for so many seconds from now and says whether it could; if not, the queue's own
    visibility timeout does it. send gives back what it did not take.
    """

    def hold(self, receipt_handle: str, seconds: int) -> bool: ...

    def send(self, parkings: Sequence[Parking]) -> Sequence[Parking]: ...


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """One received queue message.

    receives: how often SQS has handed it out, this time included; each is one attempt, as a message that only
    waited continues as a new one. attempt: attempts made before this message was sent.
    """

    message_id: str
    receipt_handle: str
    body: str
    receives: int
    attempt: int = 0

    @property
    def number(self) -> int:
        """Which attempt at the lead this is, the webhook's own counted as the first."""
        return self.attempt + self.receives


class Retry:
    """One message at a time; `waits` are the seconds before each next attempt."""

    def __init__(
        self,
        *,
        sources: Mapping[str, Source],
        deliver: Deliver,
        queue: FailedLeadsQueue,
        waits: Sequence[float],
        now: Callable[[], float],
        sleep: Callable[[float], None],
        chance: Callable[[], float],
    ) -> None:
        self._sources = sources
        self._deliver = deliver
        self._queue = queue
        self._waits = waits
        self._now = now
        self._sleep = sleep
        self._chance = chance

    def __call__(self, message: Message, *, remaining: float) -> Outcome:
        """What became of the parked lead; never raises. The message stays unless `leaves_queue`.

        remaining: seconds this function may still run.
        """
        end = self._now() + remaining
        try:
            envelope = self._open(message.body)
        except Undeliverable as error:
            self._queue.hold(message.receipt_handle, 0)
            return Outcome(
                source="unknown", account="", lead_id="", status=Status.UNDELIVERABLE,
                reason=error.reason, detail=error.detail, attempt=message.receives, repeated=message.receives > 1,
            )  # fmt: skip
        outcome = self._attempt(envelope, message, end)
        outcome = msgspec.structs.replace(outcome, attempt=message.number)
        return outcome if outcome.is_final else self._put_back(envelope, message, outcome)

    def _open(self, body: str) -> Envelope:
        parked = parked_lead.parse(body)
        source = self._sources.get(parked.source)
        if source is None:
            raise Undeliverable("unknown_source", "the parked lead comes from a source this app does not have")
        return source.wrap(parked.envelope, received_at=parked.received_at)

    def _attempt(self, envelope: Envelope, message: Message, end: float) -> Outcome:
        """One attempt; waiting for the CRM's rate limit happens here as long as the function may run."""
        while True:
            outcome = self._deliver.attempt(
                envelope,
                deadline=min(self._now() + PATIENCE, end - RESERVE),
                alive_until=end,
                message_id=message.message_id,
                is_last=message.number > len(self._waits),
            )
            wait = outcome.retry_after or SHORT_DELAY
            if outcome.reason != "rate_limited" or self._now() + wait > end - RESERVE - PATIENCE:
                return outcome
            self._sleep(wait)

    def _put_back(self, envelope: Envelope, message: Message, outcome: Outcome) -> Outcome:
        """Hides the message until its next attempt; a hopeless one returns at once until SQS dead-letters it."""
        if outcome.status is Status.UNDELIVERABLE:
            self._queue.hold(message.receipt_handle, 0)
            return outcome
        if not outcome.counts:
            return self._wait_for_turn(envelope, message, outcome)
        wait = retry_policy.wait_before_next(
            message.number, self._waits, retry_after=outcome.retry_after, chance=self._chance()
        )
        # An attempt that counts and was the last is undeliverable, unless the ledger could not say so.
        return self._hold(message, outcome, wait or 0)

    def _hold(self, message: Message, outcome: Outcome, wait: int) -> Outcome:
        hidden = self._queue.hold(message.receipt_handle, wait)
        return msgspec.structs.replace(outcome, status="held", wait=wait if hidden else None)

    def _wait_for_turn(self, envelope: Envelope, message: Message, outcome: Outcome) -> Outcome:
        """Lets a lead that used up no attempt wait as a new message.

        SQS counts every receipt, and one that ended in waiting must neither bring a good lead nearer to the dead
        letters nor take an attempt from it. Two messages after a crash in between are one lead to the ledger.
        """
        wait = retry_policy.clamp(outcome.retry_after or SHORT_DELAY)
        again = Parking(
            envelope=envelope,
            reason=outcome.reason,
            attempt=message.number - 1,
            delay=min(wait, retry_policy.LONGEST_DELAY),
        )
        if self._queue.send([again]):
            return self._hold(message, outcome, wait)
        return msgspec.structs.replace(outcome, status="requeued", wait=again.delay)
