"""Asks Pinterest what it would say of events: sent as a test, which it answers and forgets."""

import hashlib
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from infra.cli.faults import CommandFailed
from leads.core.conversion import LARGEST_CALL, OFFLINE, Event
from leads.core.errors import Misconfigured, TryAgain, Undeliverable
from leads.sources.pinterest_event_answers import EVENT_REFUSED, NOT_PERMITTED, TOKEN_MISSING, TOKEN_REFUSED
from leads.sources.pinterest_events import PinterestEvents

ANSWER_SECONDS = 60.0
# How long a rate limit is waited for, and how often, before it is told.
LONGEST_WAIT, WAITS = 30.0, 5
# What is wrong with an ad account, and so with each of its events; those of others it does not concern.
OF_ACCOUNT = (TOKEN_MISSING, TOKEN_REFUSED, NOT_PERMITTED)


@dataclass(frozen=True)
class Said:
    """What Pinterest says of an event. reason: a code, "" for one that it would take."""

    is_taken: bool
    reason: str = ""
    detail: str = ""
    warnings: tuple[str, ...] = ()


@dataclass
class Trial:
    """Sends events as tests. told: called with how many have a verdict."""

    api: PinterestEvents
    told: Callable[[int], None] = lambda _: None
    sleep: Callable[[float], None] = time.sleep
    _done: int = field(default=0, init=False)

    def verdicts(self, events: Sequence[Event]) -> list[Said]:
        """What Pinterest says of each, in their order. Raises CommandFailed when it says nothing of them."""
        found: dict[int, Said] = {}
        ordered = sorted(range(len(events)), key=lambda number: events[number].account)
        for account, numbers in groupby(ordered, key=lambda number: events[number].account):
            chosen = list(numbers)
            found |= dict(zip(chosen, self._of_account(account, [events[number] for number in chosen]), strict=True))
        return [found[number] for number in range(len(events))]

    def _of_account(self, account: str, events: Sequence[Event]) -> list[Said]:
        found: list[Said] = []
        try:
            for start in range(0, len(events), LARGEST_CALL):
                found += self._ask(account, events[start : start + LARGEST_CALL])
        except TryAgain as refused:
            left = len(events) - len(found)
            found += [Said(is_taken=False, reason=refused.reason, detail=refused.detail)] * left
            self._count(left)
        return found

    def _ask(self, account: str, events: Sequence[Event]) -> Iterator[Said]:
        try:
            said = self._patiently(account, events)
        except Undeliverable as refused:
            if len(events) == 1:
                said = [Said(is_taken=False, reason=refused.reason, detail=refused.detail)]
            else:
                # One of them spoils the whole call.
                middle = len(events) // 2
                yield from self._ask(account, events[:middle])
                yield from self._ask(account, events[middle:])
                return
        self._count(len(events))
        yield from said

    def _count(self, number: int) -> None:
        self._done += number
        self.told(self._done)

    def _patiently(self, account: str, events: Sequence[Event]) -> list[Said]:
        """Raises Undeliverable, and TryAgain for a reason of OF_ACCOUNT only."""
        waited = 0
        while True:
            try:
                answer = self.api.send(account, events, is_test=True, deadline=time.time() + ANSWER_SECONDS)
                return [
                    Said(it.is_taken, "" if it.is_taken else EVENT_REFUSED, it.detail, it.warnings)
                    for it in answer.verdicts
                ]
            except TryAgain as later:
                if later.reason in OF_ACCOUNT:
                    raise
                wait = later.retry_after or 0.0
                if waited == WAITS or later.reason != "pinterest_throttled" or wait > LONGEST_WAIT:
                    raise CommandFailed(sentence(later.reason, later.detail)) from None
                self.sleep(wait)
                waited += 1
            except Misconfigured as fault:
                raise CommandFailed(f"{fault}.") from None


def dummy(account: str) -> Event:
    """An event of nobody, fit to be sent as a test."""
    nobody = hashlib.sha256(f"{secrets.token_hex(8)}@example.com".encode()).hexdigest()
    return Event(
        account=account,
        name="lead",
        event_id=secrets.token_hex(16),
        at=int(time.time()),
        action_source=OFFLINE,
        user_data={"em": [nobody]},
        is_test=True,
    )


def sentence(reason: str, detail: str) -> str:
    """Why Pinterest said nothing, for an operator."""
    text = detail or reason
    return f"{text[:1].upper()}{text[1:]} ({reason})."
