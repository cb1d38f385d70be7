"""Retry parked leads: each is delivered, held until its next attempt, or left for SQS to dead-letter."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import msgspec

from leads.core import parked_lead, retry_policy
from leads.core.errors import Undeliverable, place_of
from leads.core.lead import Envelope
from leads.core.ledger import Status
from leads.core.outcome import Outcome
from leads.core.parked_lead import Parking
from leads.flow.decide import first_seen
from leads.flow.deliver import SHORT_DELAY, Deliver
from leads.flow.side_by_side import side_by_side

# Seconds of an attempt's remote calls, and seconds kept free at the end to hold what is not finished.
PATIENCE = 15.0
RESERVE = 5.0
# A wait for the CRM's rate limit is slept through when it is this short, and once: leads of others wait behind.
NAP = 2.0
# Leads of one batch delivered side by side: one by one, a CRM that answers slowly would leave its limit unused.
POOL = 4
# SQS takes ten messages in one call.
BATCH = 10


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


class _Tried(msgspec.Struct, frozen=True):
    """What came of one message, and the new message as which its lead waits on, if it does."""

    outcome: Outcome
    again: Parking | None = None


class Retry:
    """`waits` are the seconds before each next attempt, `pool` the leads of a batch delivered side by side."""

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
        pool: int = POOL,
    ) -> None:
        self._sources = sources
        self._deliver = deliver
        self._queue = queue
        self._waits = waits
        self._now = now
        self._sleep = sleep
        self._chance = chance
        self._pool = pool

    def __call__(self, messages: Sequence[Message], *, remaining: float) -> list[Outcome]:
        """What became of each parked lead, in their order; never raises. A message stays unless `leaves_queue`.

        Leads that only wait for their turn go back into the queue together. remaining: seconds this function may
        still run.
        """
        end = self._now() + remaining

        def attempt(message: Message) -> _Tried:
            try:
                return self._try(message, end)
            except Exception as error:
                # The message comes back by the queue's own visibility timeout.
                outcome = Outcome(
                    source="unknown", account="", lead_id="", status="held", reason="unexpected_error",
                    detail=place_of(error),
                )  # fmt: skip
                return _Tried(outcome)

        return self._settled(messages, side_by_side(attempt, messages, at_once=self._pool))

    def _try(self, message: Message, end: float) -> _Tried:
        try:
            envelope = self._open(message.body)
        except Undeliverable as error:
            self._queue.hold(message.receipt_handle, 0)
            outcome = Outcome(
                source="unknown", account="", lead_id="", status=Status.UNDELIVERABLE,
                reason=error.reason, detail=error.detail, attempt=message.receives, repeated=message.receives > 1,
            )  # fmt: skip
            return _Tried(outcome)
        started = self._now()
        outcome = self._attempt(envelope, message, end)
        ended = self._now()
        outcome = msgspec.structs.replace(
            outcome,
            attempt=message.number,
            duration=round(ended - started, 3),
            age=round(ended - first_seen(envelope, now=self._now)),
        )
        return _Tried(outcome) if outcome.is_final else self._put_back(envelope, message, outcome)

    def _open(self, body: str) -> Envelope:
        parked = parked_lead.parse(body)
        source = self._sources.get(parked.source)
        if source is None:
            raise Undeliverable("unknown_source", "the parked lead comes from a source this app does not have")
        return source.wrap(parked.envelope, received_at=parked.received_at)

    def _attempt(self, envelope: Envelope, message: Message, end: float) -> Outcome:
        """One attempt; a second one when the CRM's rate limit let the first not end and makes room in a moment."""
        outcome = self._deliver_by(envelope, message, end)
        wait = outcome.retry_after
        if outcome.reason != "rate_limited" or wait is None or wait > NAP or self._now() + wait > end - RESERVE:
            return outcome
        self._sleep(wait)
        return self._deliver_by(envelope, message, end)

    def _deliver_by(self, envelope: Envelope, message: Message, end: float) -> Outcome:
        return self._deliver.attempt(
            envelope,
            deadline=min(self._now() + PATIENCE, end - RESERVE),
            alive_until=end,
            message_id=message.message_id,
            is_last=message.number > len(self._waits),
        )

    def _put_back(self, envelope: Envelope, message: Message, outcome: Outcome) -> _Tried:
        """Hides the message until its next attempt; a hopeless one returns at once until SQS dead-letters it."""
        if outcome.status is Status.UNDELIVERABLE:
            self._queue.hold(message.receipt_handle, 0)
            return _Tried(outcome)
        if not outcome.counts:
            return _Tried(outcome, _waiting(envelope, message, outcome))
        wait = retry_policy.wait_before_next(
            message.number, self._waits, retry_after=outcome.retry_after, chance=self._chance()
        )
        # An attempt that counts and was the last is undeliverable, unless the ledger could not say so.
        return _Tried(self._hold(message, outcome, wait or 0))

    def _hold(self, message: Message, outcome: Outcome, wait: int) -> Outcome:
        hidden = self._queue.hold(message.receipt_handle, wait)
        return msgspec.structs.replace(outcome, status="held", wait=wait if hidden else None)

    def _settled(self, messages: Sequence[Message], tried: Sequence[_Tried]) -> list[Outcome]:
        """The outcomes, once what waits on is in the queue; what the queue does not take is held as it is."""
        waiting = [one.again for one in tried if one.again]
        batches = [waiting[start : start + BATCH] for start in range(0, len(waiting), BATCH)]
        refused = {id(parking) for batch in batches for parking in self._queue.send(batch)}
        outcomes = []
        for message, one in zip(messages, tried, strict=True):
            outcome = one.outcome
            if one.again and id(one.again) in refused:
                outcome = self._hold(message, outcome, _turn(outcome))
            elif one.again:
                outcome = msgspec.structs.replace(outcome, status="requeued", wait=one.again.delay)
            outcomes.append(outcome)
        return outcomes


def _waiting(envelope: Envelope, message: Message, outcome: Outcome) -> Parking:
    """The new message as which a lead waits on that used up no attempt.

    SQS counts every receipt, and one that ended in waiting must neither bring a good lead nearer to the dead
    letters nor take an attempt from it. Two messages after a crash in between are one lead to the ledger.
    """
    return Parking(
        envelope=envelope,
        reason=outcome.reason,
        attempt=message.number - 1,
        delay=min(_turn(outcome), retry_policy.LONGEST_DELAY),
        group=outcome.location_id or "",
    )


def _turn(outcome: Outcome) -> int:
    return retry_policy.clamp(outcome.retry_after or SHORT_DELAY)
