"""Receive one webhook request: every lead in it is delivered or parked before we say so."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import msgspec

from leads.core.errors import Misconfigured, RejectedRequest, TryAgain
from leads.core.lead import Envelope
from leads.core.match import CrmChange
from leads.core.outcome import Outcome
from leads.core.parked_lead import body_of
from leads.core.request import Answer, Reading, Request

LARGEST_BODY = 5 * 1024 * 1024
LARGEST_LEAD = 200 * 1024


class Source(Protocol):
    """A platform: takes a request apart."""

    def read(self, request: Request, *, received_at: str) -> Reading: ...


class Tokens(Protocol):
    """The secret part of our address. `current` raises Misconfigured when the secret cannot be used."""

    def current(self) -> Sequence[str]: ...

    def reread(self) -> Sequence[str]: ...


class Accept(Protocol):
    """Delivers leads or parks them; what could not even be parked comes back as `refused`."""

    def __call__(self, envelopes: Sequence[Envelope], *, deadline: float, alive_until: float) -> Sequence[Outcome]: ...


class Changes(Protocol):
    """The queue of what Pinterest may hear of: keeps messages, or raises TryAgain when it has not kept all of them."""

    def send(self, bodies: Sequence[str]) -> None: ...


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """What we answer, and what became of each lead. `rejected` counts what could not be a lead.

    faults: what is wrong with how the platform is set up, in sentences.
    """

    answer: Answer
    source: str
    outcomes: tuple[Outcome, ...] = ()
    rejected: int = 0
    reason: str = ""
    detail: str = ""
    faults: tuple[str, ...] = ()


class Receive:
    """Verify, take apart, deliver side by side within a budget, park the rest.

    changes: where what a CRM tells of outcomes goes; None for a receiver whose sources tell of none.
    """

    def __init__(
        self,
        *,
        sources: Mapping[str, Source],
        tokens: Tokens,
        accept: Accept,
        budget: float,
        now: Callable[[], float],
        iso_time: Callable[[float], str],
        changes: Changes | None = None,
    ) -> None:
        self._sources = sources
        self._tokens = tokens
        self._accept = accept
        self._budget = budget
        self._now = now
        self._iso_time = iso_time
        self._changes = changes

    def __call__(self, request: Request, *, remaining: float) -> Receipt:
        """The receipt for a request; never raises.

        remaining: seconds this function may still run.
        """
        # A name nobody registered is not ours to repeat in metrics.
        name = request.source if request.source in self._sources else "unknown"
        started = self._now()
        try:
            source = self._admit(request)
            if request.method == "GET":
                return Receipt(answer=_confirmed(source, request), source=name)
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
        is_source = request.source in self._sources
        known = _is_one_of(request.token, self._tokens.current())
        if not known and is_source:
            known = _is_one_of(request.token, self._tokens.reread())
        if not is_source or not known:
            raise _not_found()
        if len(request.body) > LARGEST_BODY:
            raise RejectedRequest(413, "body_too_large", "The body is larger than 5 MiB; send fewer leads at once.")
        return self._sources[request.source]

    def _store(self, reading: Reading, name: str, started: float, remaining: float) -> Receipt:
        leads = [envelope for envelope in reading.envelopes if not _is_too_large(envelope, reading)]
        too_large = len(reading.envelopes) - len(leads)
        deadline = started + min(self._budget, remaining * 0.8)
        outcomes = self._accept(leads, deadline=deadline, alive_until=started + remaining)
        refused = sum(outcome.status == "refused" for outcome in outcomes)
        unkept = self._keep(reading.changes)
        if refused:
            sentence = f"{refused} of {len(reading.envelopes)} leads could not be stored; please send again."
            answer = Answer(503, {"error": sentence})
        elif unkept:
            # What has been delivered is known when it comes again, and told once.
            answer = Answer(503, {"error": "The delivery could not be stored; please send it again."})
        elif too_large:
            sentence = f"{too_large} of {len(reading.envelopes)} leads are larger than 200 KiB and were not accepted."
            answer = Answer(413, {"error": sentence})
        else:
            answer = Answer(200, {"accepted": len(leads)})
        receipt = Receipt(
            answer=answer,
            source=name,
            outcomes=tuple(outcomes),
            rejected=reading.rejected + too_large,
            reason="lead_too_large" if too_large else "not_a_lead" if reading.rejected else "",
            faults=reading.faults,
        )
        return msgspec.structs.replace(receipt, reason=unkept.reason, detail=unkept.detail) if unkept else receipt

    def _keep(self, changes: Sequence[CrmChange]) -> TryAgain | None:
        """Why the changes could not be kept, None when they were."""
        if not changes or self._changes is None:
            return None
        # Late: most deliveries tell of none.
        from leads.core.conversion_message import change_message

        try:
            self._changes.send([change_message(change) for change in changes])
        except TryAgain as failure:
            return failure
        return None


def _not_found() -> RejectedRequest:
    """An address is a secret shared with the platform; whoever guesses must not learn how near they came."""
    return RejectedRequest(404, "wrong_address", "There is no webhook at this address.")


def _confirmed(source: Source, request: Request) -> Answer:
    """The answer to a platform that asks whether the address is ours; most of them never ask."""
    confirm: Callable[[Request], Answer] | None = getattr(source, "confirm", None)
    if confirm is None:
        raise _not_found()
    return confirm(request)


def _is_too_large(envelope: Envelope, reading: Reading) -> bool:
    # Escaped for the queue a character takes six bytes at the most, so a small body needs no closer look.
    return reading.size * 6 > LARGEST_LEAD and len(body_of(envelope)) > LARGEST_LEAD


def _is_one_of(token: str, known: Sequence[str]) -> bool:
    """Whether the token is known, in a time that does not depend on where it differs."""
    given = token.encode("utf-8", "surrogatepass")
    matches = [hmac.compare_digest(given, one.encode()) for one in known]
    return any(matches)
