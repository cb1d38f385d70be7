"""Send conversions: a batch of messages becomes events that Pinterest hears of, each of them once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol, TypeVar

import msgspec

from leads.core import retry_policy
from leads.core.conversion import Event, EventOutcome
from leads.core.conversion_message import NO_ACCOUNT, parse
from leads.core.errors import Misconfigured, Undeliverable
from leads.core.match import CrmChange
from leads.core.routes import RouteTable
from leads.flow.pass_on_outcomes import PassOnOutcomes
from leads.flow.tell_events import Message, TellEvents

Setting = TypeVar("Setting")

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


class SendConversions:
    """`waits`: seconds before each next attempt.

    accounts: ad accounts that have a conversion token of their own; raises Misconfigured.
    """

    def __init__(
        self,
        *,
        tell: TellEvents,
        pass_on: PassOnOutcomes,
        accounts: Callable[[], Sequence[str]],
        queue: Queue,
        routes: Callable[[], RouteTable],
        waits: Sequence[float],
        now: Callable[[], float],
        chance: Callable[[], float],
    ) -> None:
        self._tell = tell
        self._pass_on = pass_on
        self._accounts = accounts
        self._queue = queue
        self._routes = routes
        self._waits = waits
        self._now = now
        self._chance = chance

    def __call__(self, messages: Sequence[Message], *, remaining: float) -> Batch:
        """What became of the events in the messages; never raises. remaining: seconds this function may still run.

        A message stays in the queue, held, until its event has come to an end; one that nothing can help is shown again
        at once, until SQS has moved it to the dead letters.
        """
        end = self._now() + remaining
        events, changes, unread, faults = self._opened(messages)
        passed_on = self._pass_on(changes, deadline=end - RESERVE)
        told = self._tell(events, deadline=end - RESERVE, alive_until=end)
        ended: dict[str, tuple[EventOutcome, ...]] = {
            **{message.message_id: each for (message, _), each in zip(changes, passed_on, strict=True)},
            **{message_id: (outcome,) for (message_id, _), outcome in told.items()},
            **unread,
        }
        outcomes = [outcome for message in messages for outcome in ended[message.message_id]]
        staying = [message for message in messages if not all(it.is_final for it in ended[message.message_id])]
        return Batch(
            outcomes=tuple(self._held(staying, outcomes)),
            staying=tuple(message.message_id for message in staying),
            faults=faults,
        )

    def _opened(
        self, messages: Sequence[Message]
    ) -> tuple[
        list[tuple[Message, Event]],
        list[tuple[Message, CrmChange]],
        dict[str, tuple[EventOutcome, ...]],
        tuple[str, ...],
    ]:
        """The messages' events, their changes of the CRM, what becomes of those that cannot be read, and faults."""
        faults: list[Misconfigured] = []
        region = self._read(lambda: self._routes().defaults.phone_region, "", faults)
        nobody: Sequence[str] = ()
        accounts = self._read(self._accounts, nobody, faults)
        now = self._now()
        events: list[tuple[Message, Event]] = []
        changes: list[tuple[Message, CrmChange]] = []
        unread: dict[str, tuple[EventOutcome, ...]] = {}
        for message in messages:
            try:
                read = parse(message.body, accounts=accounts, phone_region=region, now=now)
            except Exception as failure:
                is_ours = faults and isinstance(failure, Undeliverable) and failure.reason == NO_ACCOUNT
                # Which account is meant nobody can say until the secret is mended.
                unread[message.message_id] = (self._pass_on.unread(message, faults[-1] if is_ours else failure),)
                continue
            if isinstance(read, CrmChange):
                changes.append((message, read))
            else:
                events.append((message, read))
        return events, changes, unread, tuple(str(fault) for fault in faults)

    @staticmethod
    def _read(read: Callable[[], Setting], otherwise: Setting, faults: list[Misconfigured]) -> Setting:
        try:
            return read()
        except Misconfigured as fault:
            faults.append(fault)
            return otherwise

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
