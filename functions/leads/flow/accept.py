"""Accept leads: each is delivered at once or parked, and whoever brought them hears which could not be kept."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

from leads.core import retry_policy
from leads.core.lead import Envelope
from leads.core.outcome import Outcome
from leads.core.parked_lead import Parking
from leads.flow.side_by_side import side_by_side

# SQS takes ten messages in one call.
BATCH = 10

# Leads delivered side by side; more would only queue for the CRM's rate limit.
POOL = 8


class Deliver(Protocol):
    """One attempt at one lead; never raises."""

    def attempt(self, envelope: Envelope, *, deadline: float, alive_until: float) -> Outcome: ...


class FailedLeadsQueue(Protocol):
    """Keeps sealed leads. Gives back what it did not take."""

    def send(self, parkings: Sequence[Parking]) -> Sequence[Parking]: ...


class Accept:
    """Deliver side by side until the deadline, park the rest. `waits`: seconds before each next attempt.

    clock: seconds of any beginning, to tell how long an attempt took.
    """

    def __init__(
        self,
        *,
        deliver: Deliver,
        queue: FailedLeadsQueue,
        waits: Sequence[float],
        chance: Callable[[], float],
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._deliver = deliver
        self._queue = queue
        self._waits = waits
        self._chance = chance
        self._clock = clock

    def __call__(self, envelopes: Sequence[Envelope], *, deadline: float, alive_until: float) -> list[Outcome]:
        """What became of each lead, in their order; `refused` is one that was neither delivered nor parked.

        deadline: epoch seconds after which no remote call of a delivery may still be waiting.
        alive_until: epoch seconds at which this function is dead for sure.
        """

        def attempt(envelope: Envelope) -> Outcome:
            started = self._clock()
            outcome = self._deliver.attempt(envelope, deadline=deadline, alive_until=alive_until)
            return msgspec.structs.replace(outcome, attempt=1, duration=round(self._clock() - started, 3))

        return self._park(envelopes, side_by_side(attempt, envelopes, at_once=POOL))

    def _park(self, envelopes: Sequence[Envelope], outcomes: Sequence[Outcome]) -> list[Outcome]:
        """Sends what is not finished to the queue; what the queue does not take comes back as `refused`."""
        parkings = [
            Parking(
                envelope=envelope,
                reason=outcome.reason,
                attempt=int(outcome.counts),
                delay=self._delay(outcome),
                group=outcome.location_id or "",
            )
            for envelope, outcome in zip(envelopes, outcomes, strict=True)
            if not outcome.is_final
        ]
        batches = [parkings[start : start + BATCH] for start in range(0, len(parkings), BATCH)]
        refused = {
            id(parking.envelope) for left in side_by_side(self._queue.send, batches, at_once=POOL) for parking in left
        }
        return [
            msgspec.structs.replace(outcome, status="refused") if id(envelope) in refused else outcome
            for envelope, outcome in zip(envelopes, outcomes, strict=True)
        ]

    def _delay(self, outcome: Outcome) -> int:
        """Seconds until a parked lead shows up: as asked for, else as the table says after a first attempt.

        A hopeless lead is not made to wait for its verdict, nor one that was not tried for its turn.
        """
        if outcome.hopeless or not outcome.counts:
            wait: int | None = retry_policy.clamp(outcome.retry_after or 0)
        else:
            wait = retry_policy.wait_before_next(1, self._waits, retry_after=outcome.retry_after, chance=self._chance())
        return min(wait or 0, retry_policy.LONGEST_DELAY)
