"""Receive one webhook request: every lead in it is delivered or parked before we say so."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import msgspec

from leads.core import retry_policy
from leads.core.errors import Misconfigured, RejectedRequest
from leads.core.lead import Envelope
from leads.core.outcome import Outcome
from leads.core.parked_lead import Parking, body_of
from leads.core.request import Answer, Reading, Request
from leads.flow.deliver import Deliver
from leads.flow.side_by_side import side_by_side

LARGEST_BODY = 5 * 1024 * 1024
LARGEST_LEAD = 200 * 1024

# SQS takes ten messages in one call.
BATCH = 10

# Leads of one request delivered side by side; more would only queue for the CRM's rate limit.
POOL = 8

# An address is a secret shared with the platform; whoever guesses must not learn how near they came.
_NOT_FOUND = RejectedRequest(404, "wrong_address", "There is no webhook at this address.")


class Source(Protocol):
    """A platform: takes a request apart."""

    def read(self, request: Request, *, received_at: str) -> Reading: ...


class Tokens(Protocol):
    """The secret part of our address. `current` raises Misconfigured when the secret cannot be used."""

    def current(self) -> Sequence[str]: ...

    def reread(self) -> Sequence[str]: ...


class FailedLeadsQueue(Protocol):
    """Keeps sealed leads. Gives back what it did not take."""

    def send(self, parkings: Sequence[Parking]) -> Sequence[Parking]: ...


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """What we answer, and what became of each lead. `rejected` counts what could not be a lead."""

    answer: Answer
    source: str
    outcomes: tuple[Outcome, ...] = ()
    rejected: int = 0
    reason: str = ""
    detail: str = ""


class Receive:
    """Verify, take apart, deliver side by side within a budget, park the rest."""

    def __init__(
        self,
        *,
        sources: Mapping[str, Source],
        tokens: Tokens,
        deliver: Deliver,
        queue: FailedLeadsQueue,
        budget: float,
        waits: Sequence[float],
        chance: Callable[[], float],
        now: Callable[[], float],
        iso_time: Callable[[float], str],
    ) -> None:
        self._sources = sources
        self._tokens = tokens
        self._deliver = deliver
        self._queue = queue
        self._budget = budget
        self._waits = waits
        self._chance = chance
        self._now = now
        self._iso_time = iso_time

    def __call__(self, request: Request, *, remaining: float) -> Receipt:
        """The receipt for a request; never raises.

        remaining: seconds this function may still run.
        """
        # A name nobody registered is not ours to repeat in metrics.
        name = request.source if request.source in self._sources else "unknown"
        started = self._now()
        try:
            source = self._admit(request)
            reading = source.read(request, received_at=self._iso_time(started))
        except RejectedRequest as rejected:
            answer = Answer(rejected.status, {"error": rejected.detail})
            return Receipt(answer=answer, source=name, rejected=1, reason=rejected.reason, detail=rejected.detail)
        except Misconfigured as error:
            sentence = "This webhook is not set up completely; please send again later."
            return Receipt(
                answer=Answer(503, {"error": sentence}),
                source=name,
                reason="misconfigured",
                detail=str(error),
            )
        return self._store(reading, name, started, remaining)

    def _admit(self, request: Request) -> Source:
        """The source a request is for, once its token and size are right."""
        source = self._sources.get(request.source)
        known = _is_one_of(request.token, self._tokens.current())
        if not known and source is not None:
            known = _is_one_of(request.token, self._tokens.reread())
        if source is None or not known:
            raise _NOT_FOUND
        if len(request.body) > LARGEST_BODY:
            raise RejectedRequest(413, "body_too_large", "The body is larger than 5 MiB; send fewer leads at once.")
        return source

    def _store(self, reading: Reading, name: str, started: float, remaining: float) -> Receipt:
        leads = [envelope for envelope in reading.envelopes if not _is_too_large(envelope, reading)]
        too_large = len(reading.envelopes) - len(leads)
        deadline = started + min(self._budget, remaining * 0.8)

        def attempt(envelope: Envelope) -> Outcome:
            return self._deliver.attempt(envelope, deadline=deadline, alive_until=started + remaining)

        outcomes = side_by_side(attempt, leads, at_once=POOL)
        outcomes = self._park(leads, outcomes)
        refused = sum(outcome.status == "refused" for outcome in outcomes)
        if refused:
            sentence = f"{refused} of {len(reading.envelopes)} leads could not be stored; please send again."
            answer = Answer(503, {"error": sentence})
        elif too_large:
            sentence = f"{too_large} of {len(reading.envelopes)} leads are larger than 200 KiB and were not accepted."
            answer = Answer(413, {"error": sentence})
        else:
            answer = Answer(200, {"accepted": len(leads)})
        return Receipt(
            answer=answer,
            source=name,
            outcomes=tuple(outcomes),
            rejected=reading.rejected + too_large,
            reason="lead_too_large" if too_large else "not_a_lead" if reading.rejected else "",
        )

    def _park(self, leads: Sequence[Envelope], outcomes: Sequence[Outcome]) -> list[Outcome]:
        """Sends what is not finished to the queue; what the queue does not take comes back as `refused`."""
        parkings = [
            Parking(
                envelope=envelope,
                reason=outcome.reason,
                attempt=int(outcome.counts),
                delay=self._delay(outcome),
                group=outcome.location_id or "",
            )
            for envelope, outcome in zip(leads, outcomes, strict=True)
            if not outcome.is_final
        ]
        batches = [parkings[start : start + BATCH] for start in range(0, len(parkings), BATCH)]
        refused = {
            id(parking.envelope) for left in side_by_side(self._queue.send, batches, at_once=POOL) for parking in left
        }
        return [
            msgspec.structs.replace(outcome, status="refused") if id(envelope) in refused else outcome
            for envelope, outcome in zip(leads, outcomes, strict=True)
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


def _is_too_large(envelope: Envelope, reading: Reading) -> bool:
    # Escaped for the queue a character takes six bytes at the most, so a small body needs no closer look.
    return reading.size * 6 > LARGEST_LEAD and len(body_of(envelope)) > LARGEST_LEAD


def _is_one_of(token: str, known: Sequence[str]) -> bool:
    """Whether the token is known, in a time that does not depend on where it differs."""
    given = token.encode("utf-8", "surrogatepass")
    matches = [hmac.compare_digest(given, one.encode()) for one in known]
    return any(matches)
