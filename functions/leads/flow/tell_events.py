"""Tell Pinterest of events, each of them once: judge, claim, send, record."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Protocol

import msgspec

from leads.core.conversion import Event, EventOutcome
from leads.core.erasure import ERASED, HASHED_KINDS, Erased, name_of
from leads.core.errors import LeadError, Misconfigured, TryAgain, Undeliverable, place_of
from leads.core.event_claim import FAILED, IGNORED, SENT, EventClaim, EventStanding
from leads.flow.decide import Erasures
from leads.flow.event_calls import EventCalls, Sent
from leads.flow.side_by_side import side_by_side

# Why an event is not to be sent.
NO_IDENTIFIER = "no_identifier"
TOO_OLD = "too_old"
# Calls to the ledger at the same time.
POOL = 10
# Seconds to wait for somebody else who sends the same event.
_SOON = 30
# Seconds between attempts to record what was sent; what cannot be recorded might be sent again.
_PAUSES = (0.2, 1.0)
_DAY = 86_400.0


class Ledger(Protocol):
    """Remembers events. Every method raises TryAgain when the table does not answer."""

    def claim(self, event: Event, *, until: float, message_id: str) -> EventClaim | EventStanding: ...

    def sent(self, claim: EventClaim, *, warnings: Sequence[str] = ()) -> None: ...

    def put_back(self, claim: EventClaim, *, reason: str, detail: str = "") -> None: ...

    def fail(
        self, event: Event, *, claim: EventClaim | None, message_id: str, reason: str, detail: str = ""
    ) -> bool: ...

    def ignore(self, event: Event, *, reason: str) -> None: ...


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """One received queue message. receives: how often SQS has handed it out, this time included."""

    message_id: str
    receipt_handle: str
    body: str
    receives: int


class TellEvents:
    """`attempts`: how often a message is tried; `days`: how old an event may be, in days."""

    def __init__(
        self,
        *,
        calls: EventCalls,
        ledger: Ledger,
        erasures: Erasures,
        attempts: int,
        days: float,
        now: Callable[[], float],
        sleep: Callable[[float], None],
    ) -> None:
        self._calls = calls
        self._ledger = ledger
        self._erasures = erasures
        self._attempts = attempts
        self._days = days
        self._now = now
        self._sleep = sleep

    def __call__(
        self, brought: Sequence[tuple[Message, Event]], *, deadline: float, alive_until: float
    ) -> dict[tuple[str, str], EventOutcome]:
        """What became of each event, by its message's id and its own key; never raises.

        deadline: epoch seconds after which no call to Pinterest may still be waiting.
        alive_until: epoch seconds at which this function is dead for sure; the claims end there.
        """
        outcomes: dict[tuple[str, str], EventOutcome] = {}
        leaders: dict[str, tuple[Message, Event]] = {}
        followers: list[tuple[Message, Event]] = []
        erased: Erased | Exception | None = self._erased()
        for message, event in brought:
            if outcome := self._judged(event, message, erased):
                outcomes[message.message_id, event.key] = outcome
            elif event.key in leaders:
                followers.append((message, event))
            else:
                leaders[event.key] = message, event
        ended = self._told(list(leaders.values()), deadline, alive_until)
        outcomes |= {(message.message_id, event.key): ended[event.key] for message, event in leaders.values()}
        for message, event in followers:
            is_sent = ended[event.key].status in ("sent", "duplicate")
            outcomes[message.message_id, event.key] = (
                outcome_of(event, message, status="duplicate") if is_sent else self._waits_for(event, message)
            )
        return outcomes

    def _told(
        self, leaders: Sequence[tuple[Message, Event]], deadline: float, alive_until: float
    ) -> dict[str, EventOutcome]:
        """What became of each of these events, by its key: claimed, told and recorded."""

        def claim(leader: tuple[Message, Event]) -> EventClaim | EventOutcome:
            message, event = leader
            try:
                standing = self._ledger.claim(event, until=alive_until, message_id=message.message_id)
            except Exception as failure:
                return self._failed(event, message, None, failure)
            return standing if isinstance(standing, EventClaim) else self._met(event, message, standing)

        claims = side_by_side(claim, leaders, at_once=POOL)
        ours = [event for (_, event), claimed in zip(leaders, claims, strict=True) if isinstance(claimed, EventClaim)]
        results = self._calls(ours, deadline=deadline)

        def record(pair: tuple[tuple[Message, Event], EventClaim | EventOutcome]) -> EventOutcome:
            (message, event), claimed = pair
            if isinstance(claimed, EventOutcome):
                return claimed
            result = results[event.key]
            if isinstance(result, Sent):
                return self._answered(event, message, claimed, result)
            return self._failed(event, message, claimed, result)

        pairs = list(zip(leaders, claims, strict=True))
        ended = side_by_side(record, pairs, at_once=POOL)
        return {event.key: outcome for (_, event), outcome in zip(leaders, ended, strict=True)}

    def _erased(self) -> Erased | Exception | None:
        try:
            return self._erasures.current()
        except Exception as failure:
            return failure

    def _judged(self, event: Event, message: Message, erased: Erased | Exception | None) -> EventOutcome | None:
        """Why the event is not to be sent, or not now; None when it is."""
        reason = ""
        if not event.is_identified:
            reason = NO_IDENTIFIER
        elif event.at < self._now() - self._days * _DAY:
            reason = TOO_OLD
        elif isinstance(erased, Exception):
            return self._failed(event, message, None, erased)
        elif erased is not None and _is_of_erased(event, erased):
            reason = ERASED
        if not reason:
            return None
        # The message goes in any case: what the ledger says of the event then is for people only.
        with suppress(Exception):
            self._ledger.ignore(event, reason=reason)
        return outcome_of(event, message, status="ignored", reason=reason, age=self._age(event))

    def _met(self, event: Event, message: Message, standing: EventStanding) -> EventOutcome:
        """The event is not ours to send: it was sent, given up on, or is in somebody else's hands."""
        if standing.state == SENT:
            return outcome_of(event, message, status="duplicate")
        if standing.state == FAILED:
            return outcome_of(event, message, status="failed", reason=standing.reason, repeated=standing.is_known)
        if standing.state == IGNORED:
            return outcome_of(event, message, status="ignored", reason=standing.reason)
        return self._waits_for(event, message)

    def _waits_for(self, event: Event, message: Message) -> EventOutcome:
        return outcome_of(event, message, status="held", reason="claimed_elsewhere", retry_after=_SOON)

    def _answered(self, event: Event, message: Message, claim: EventClaim, result: Sent) -> EventOutcome:
        verdict = result.verdict
        if not verdict.is_taken:
            refused = Undeliverable("event_refused", verdict.detail, trace_id=result.trace_id)
            return self._failed(event, message, claim, refused)
        outcome = outcome_of(
            event, message, status="sent", warnings=verdict.warnings, trace_id=result.trace_id, age=self._age(event)
        )
        if self._insisted(lambda: self._ledger.sent(claim, warnings=verdict.warnings)):
            return outcome
        # It was sent, so its message must go: coming again it would be told a second time.
        return msgspec.structs.replace(outcome, reason="not_recorded")

    def _failed(self, event: Event, message: Message, claim: EventClaim | None, failure: Exception) -> EventOutcome:
        """An event that was not told, or nobody knows: held, or given up on after its last attempt."""
        outcome = outcome_of(event, message, status="held", **about(failure), age=self._age(event))
        is_over = isinstance(failure, Undeliverable) or message.receives >= self._attempts
        with suppress(TryAgain):
            if not is_over:
                if claim:
                    # Else it would look as if its sender had died, and nobody knew whether Pinterest has it.
                    self._insisted(partial(self._ledger.put_back, claim, reason=outcome.reason, detail=outcome.detail))
                return outcome
            is_known = self._ledger.fail(
                event, claim=claim, message_id=message.message_id, reason=outcome.reason, detail=outcome.detail
            )
            return msgspec.structs.replace(outcome, status="failed", repeated=is_known)
        return msgspec.structs.replace(outcome, status="failed") if is_over else outcome

    def _insisted(self, record: Callable[[], None]) -> bool:
        """Whether something could be recorded, tried again while the ledger does not answer."""
        for pause in (*_PAUSES, None):
            with suppress(TryAgain):
                record()
                return True
            if pause is not None:
                self._sleep(pause)
        return False

    def _age(self, event: Event) -> int:
        return max(0, round(self._now() - event.at))


def _is_of_erased(event: Event, erased: Erased) -> bool:
    """Whether the event is about a lead that was erased, or about a person before they were, by their hashes."""
    if erased.lead_at(event.lead_key) is not None:
        return True
    names = [name_of(kind, text) for kind in HASHED_KINDS for text in event.user_data.get(kind, ())]
    erased_at = erased.at(names)
    return erased_at is not None and event.at < erased_at


def outcome_of(event: Event, message: Message, **facts: object) -> EventOutcome:
    """An outcome of the event that a message has brought. facts: see EventOutcome."""
    return msgspec.structs.replace(
        EventOutcome(
            status="held",
            message_id=message.message_id,
            account=event.account,
            event=event.name,
            event_id=event.known_as,
            lead_key=event.lead_key,
            outcome=event.outcome,
            is_test=event.is_test,
            attempt=message.receives,
        ),
        **facts,
    )


def about(failure: Exception) -> Mapping[str, object]:
    """What may be told of a failure: of one of ours that nobody foresaw, the type and the place only."""
    if isinstance(failure, Misconfigured):
        return {"reason": "misconfigured", "detail": str(failure), "misconfigured": True}
    if not isinstance(failure, LeadError):
        return {"reason": "unexpected_error", "detail": place_of(failure)}
    retry_after = failure.retry_after if isinstance(failure, TryAgain) else None
    return {
        "reason": failure.reason,
        "detail": failure.detail,
        "retry_after": retry_after,
        "trace_id": failure.trace_id,
    }
