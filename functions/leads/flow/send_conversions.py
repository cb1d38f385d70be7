"""Send conversions: a batch of messages becomes events that Pinterest hears of, each of them once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

import msgspec

from leads.core import retry_policy
from leads.core.conversion import Event, EventOutcome
from leads.core.conversion_message import parse
from leads.core.errors import Misconfigured, Undeliverable
from leads.core.match import CrmChange
from leads.core.routes import RouteTable
from leads.flow.match_outcomes import Found, MatchOutcomes
from leads.flow.tell_events import Message, TellEvents, about

# Seconds kept free at the end, to record what was sent and to hold what was not: 2,500 events take about ten.
RESERVE = 30.0


class Queue(Protocol):
    """Hides messages for so many seconds from now, and gives the receipt handles of those that it could hide."""

    def hold(self, holds: Sequence[tuple[str, int]]) -> set[str]: ...


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a batch. staying: ids of the messages that stay in the queue. faults: sentences about secrets."""

    outcomes: tuple[EventOutcome, ...]
    staying: tuple[str, ...]
    faults: tuple[str, ...] = ()


class _Opened(msgspec.Struct, frozen=True, kw_only=True):
    """A message and what is in it: events, or why there are none."""

    message: Message
    events: tuple[Event, ...] = ()
    change: CrmChange | None = None
    found: Found | None = None
    failure: Exception | None = None


class SendConversions:
    """`waits`: seconds before each next attempt.

    accounts: ad accounts that have a conversion token of their own; raises Misconfigured. outcomes: matches changes of
    the CRM to leads, built when the first one comes.
    """

    def __init__(
        self,
        *,
        tell: TellEvents,
        accounts: Callable[[], Sequence[str]],
        queue: Queue,
        outcomes: Callable[[], MatchOutcomes],
        routes: Callable[[], RouteTable],
        waits: Sequence[float],
        now: Callable[[], float],
        chance: Callable[[], float],
    ) -> None:
        self._tell = tell
        self._accounts = accounts
        self._queue = queue
        self._outcomes = outcomes
        self._routes = routes
        self._waits = waits
        self._now = now
        self._chance = chance

    def __call__(self, messages: Sequence[Message], *, remaining: float) -> Batch:
        """What became of the events in the messages; never raises. remaining: seconds this function may still run.

        A message stays in the queue, held, until each of its events has come to an end; one that nothing can help is
        shown again at once, until SQS has moved it to the dead letters.
        """
        end = self._now() + remaining
        faults: list[str] = []
        opened = self._found(self._opened(messages, faults), end - RESERVE)
        brought = [(each.message, event) for each in opened for event in each.events]
        outcomes = self._tell(brought, deadline=end - RESERVE, alive_until=end)
        staying: list[Message] = []
        told: list[EventOutcome] = []
        for each in opened:
            own = [outcomes[each.message.message_id, event.key] for event in each.events] or [self._without(each)]
            if all(outcome.is_final for outcome in own):
                own = self._settled(each, own)
            if not all(outcome.is_final for outcome in own):
                staying.append(each.message)
            told += own
        return Batch(
            outcomes=tuple(self._held(staying, told)),
            staying=tuple(m.message_id for m in staying),
            faults=tuple(faults),
        )

    def _opened(self, messages: Sequence[Message], faults: list[str]) -> list[_Opened]:
        """The messages as events and changes; one that cannot be read has its failure instead."""
        accounts: Sequence[str] = ()
        region = "US"
        try:
            region = self._routes().defaults.phone_region
            accounts = self._accounts()
        except Misconfigured as fault:
            faults.append(str(fault))
        now = self._now()

        def opened(message: Message) -> _Opened:
            try:
                read = parse(message.body, accounts=accounts, phone_region=region, now=now)
            except Exception as failure:
                return _Opened(message=message, failure=failure)
            if isinstance(read, CrmChange):
                return _Opened(message=message, change=read)
            return _Opened(message=message, events=(read,))

        return [opened(message) for message in messages]

    def _found(self, opened: Sequence[_Opened], deadline: float) -> list[_Opened]:
        """The same, and what the changes of the CRM are outcomes of."""
        changes = [each.change for each in opened if each.change]
        if not changes:
            return list(opened)
        found = iter(self._outcomes().find(changes, deadline=deadline))

        def complete(each: _Opened) -> _Opened:
            if not each.change:
                return each
            what = next(found)
            if isinstance(what, Exception):
                return msgspec.structs.replace(each, failure=what)
            return msgspec.structs.replace(each, found=what, events=what.events)

        return [complete(each) for each in opened]

    def _without(self, each: _Opened) -> EventOutcome:
        """What became of a message without events."""
        message = each.message
        base = EventOutcome(status="ignored", message_id=message.message_id, attempt=message.receives)
        if each.failure is None:
            found = each.found
            lead_key = found.match.lead_key if found and found.match else ""
            reason, detail = (found.reason, found.detail) if found else ("", "")
            return msgspec.structs.replace(base, reason=reason, detail=detail, lead_key=lead_key)
        attempts = 1 if isinstance(each.failure, Undeliverable) else len(self._waits) + 1
        status = "failed" if message.receives >= attempts else "held"
        return msgspec.structs.replace(base, status=status, repeated=message.receives > attempts, **about(each.failure))

    def _settled(self, each: _Opened, own: list[EventOutcome]) -> list[EventOutcome]:
        """The outcomes, once it is remembered what holds of the contact; a message that could not be stays."""
        if not each.change or not each.found:
            return own
        try:
            self._outcomes().settle(each.change, each.found)
        except Exception as failure:
            return [*own, msgspec.structs.replace(self._without(each), status="held", **about(failure))]
        return own

    def _held(self, staying: Sequence[Message], outcomes: Sequence[EventOutcome]) -> list[EventOutcome]:
        """The outcomes with what their messages wait for, once those are hidden."""
        unfinished: dict[str, list[EventOutcome]] = {}
        for outcome in outcomes:
            if not outcome.is_final:
                unfinished.setdefault(outcome.message_id, []).append(outcome)
        waits = {message.message_id: self._wait(message, unfinished[message.message_id]) for message in staying}
        handles = {message.receipt_handle: message.message_id for message in staying}
        hidden = self._queue.hold([(handle, waits[name]) for handle, name in handles.items()]) if staying else set()
        known = {handles[handle] for handle in hidden}
        return [
            msgspec.structs.replace(outcome, wait=waits[outcome.message_id])
            if outcome.status == "held" and outcome.message_id in known
            else outcome
            for outcome in outcomes
        ]

    def _wait(self, message: Message, outcomes: Iterable[EventOutcome]) -> int:
        """Seconds until the message is shown again: the longest that an event needs, none for a hopeless one."""
        held = [outcome for outcome in outcomes if outcome.status == "held"]
        if not held:
            return 0
        wait = retry_policy.wait_before_next(message.receives, self._waits, chance=self._chance()) or 0
        # Nobody waits for an event, so a server that asks for less is not asked the sooner: each time is an attempt.
        return max(wait, *(retry_policy.clamp(outcome.retry_after or 0) for outcome in held))
