"""Pass on outcomes: a change in the CRM becomes messages of the events that it leads to, and is remembered."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

from leads.core.conversion import Event, EventOutcome
from leads.core.conversion_message import event_message
from leads.core.errors import TryAgain, Undeliverable
from leads.core.match import CrmChange
from leads.flow.match_outcomes import Found, MatchOutcomes
from leads.flow.side_by_side import side_by_side
from leads.flow.tell_events import Message, about, outcome_of

# Calls to the ledger at the same time.
POOL = 10


class Queue(Protocol):
    """The conversions queue. Raises TryAgain when it has not taken all of them; it may be given them again."""

    def send(self, bodies: Sequence[str]) -> None: ...


class PassOnOutcomes:
    """`outcomes`: matches changes to leads, built when the first one comes. `attempts`: how often a message is tried.

    What a change means is decided once: whoever looked again when Pinterest is back, or somebody has redriven a dead
    letter, would find the contact changed, or another lead of its person. So its events go into the queue as messages
    of their own, and only then is the change remembered as heard. A function that dies in between finds the same events
    again, which are known by their ids.
    """

    def __init__(self, *, outcomes: Callable[[], MatchOutcomes], queue: Queue, attempts: int) -> None:
        self._outcomes = outcomes
        self._queue = queue
        self._attempts = attempts

    def __call__(
        self, changes: Sequence[tuple[Message, CrmChange]], *, deadline: float
    ) -> list[tuple[EventOutcome, ...]]:
        """What became of each message, in their order; never raises. deadline: epoch seconds."""
        if not changes:
            return []
        matching = self._outcomes()
        found = matching.find([change for _, change in changes], deadline=deadline)
        unqueued = self._queued(found)

        def settle(place: int) -> tuple[EventOutcome, ...]:
            (message, change), what = changes[place], found[place]
            if isinstance(what, Exception):
                return (self.unread(message, what),)
            if what.events and unqueued:
                return (self.unread(message, unqueued),)
            try:
                matching.settle(change, what)
            except Exception as failure:
                return (self.unread(message, failure),)
            told = tuple(outcome_of(event, message, status="queued") for event in what.events)
            return told or (self._untold(message, what),)

        return side_by_side(settle, range(len(changes)), at_once=POOL)

    def unread(self, message: Message, failure: Exception) -> EventOutcome:
        """What becomes of a message of which nobody knows the events: held, or given up on after its last attempt."""
        attempts = 1 if isinstance(failure, Undeliverable) else self._attempts
        status = "failed" if message.receives >= attempts else "held"
        outcome = EventOutcome(status=status, message_id=message.message_id, attempt=message.receives)
        return msgspec.structs.replace(outcome, repeated=message.receives > attempts, **about(failure))

    def _queued(self, found: Sequence[Found | Exception]) -> TryAgain | None:
        """Puts every event that was found into the queue, each once; why that failed, if it did."""
        events: dict[str, Event] = {}
        for what in found:
            if isinstance(what, Found):
                events |= {event.key: event for event in what.events if event.key not in events}
        try:
            if events:
                self._queue.send([event_message(event) for event in events.values()])
        except TryAgain as failure:
            return failure
        return None

    def _untold(self, message: Message, found: Found) -> EventOutcome:
        base = EventOutcome(status="ignored", message_id=message.message_id, attempt=message.receives)
        lead_key = found.match.lead_key if found.match else ""
        return msgspec.structs.replace(base, reason=found.reason, detail=found.detail, lead_key=lead_key)
