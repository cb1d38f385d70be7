"""Asks Pinterest what it would say of events: sent as a test, which it answers and forgets."""

import hashlib
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from infra.cli.faults import CommandFailed
from leads.core.conversion import LARGEST_CALL, OFFLINE, Event, Verdict
from leads.core.errors import LeadError, Misconfigured, TryAgain, Undeliverable
from leads.sources.pinterest_events import PinterestEvents

ANSWER_SECONDS = 60.0
# How long a rate limit is waited for, and how often, before it is told.
LONGEST_WAIT, WAITS = 30.0, 5


@dataclass
class Trial:
    """Sends events as tests. told: called with how many have a verdict."""

    api: PinterestEvents
    told: Callable[[int], None] = lambda _: None
    sleep: Callable[[float], None] = time.sleep
    _done: int = field(default=0, init=False)

    def verdicts(self, events: Sequence[Event]) -> list[Verdict]:
        """What Pinterest says of each, in their order. Raises CommandFailed when it says nothing of them."""
        found: dict[int, Verdict] = {}
        ordered = sorted(range(len(events)), key=lambda number: events[number].account)
        for account, numbers in groupby(ordered, key=lambda number: events[number].account):
            chosen = list(numbers)
            for start in range(0, len(chosen), LARGEST_CALL):
                part = chosen[start : start + LARGEST_CALL]
                said = self._ask(account, [events[number] for number in part])
                found |= dict(zip(part, said, strict=True))
        return [found[number] for number in range(len(events))]

    def _ask(self, account: str, events: Sequence[Event]) -> Iterator[Verdict]:
        try:
            verdicts = self._patiently(account, events)
        except Undeliverable as refused:
            if len(events) == 1:
                verdicts = (Verdict(is_taken=False, detail=refused.detail or refused.reason),)
            else:
                # One of them spoils the whole call.
                middle = len(events) // 2
                yield from self._ask(account, events[:middle])
                yield from self._ask(account, events[middle:])
                return
        self._done += len(events)
        self.told(self._done)
        yield from verdicts

    def _patiently(self, account: str, events: Sequence[Event]) -> tuple[Verdict, ...]:
        waited = 0
        while True:
            try:
                return self.api.send(account, events, is_test=True, deadline=time.time() + ANSWER_SECONDS).verdicts
            except TryAgain as later:
                wait = later.retry_after or 0.0
                if waited == WAITS or later.reason != "pinterest_throttled" or wait > LONGEST_WAIT:
                    raise CommandFailed(_sentence(later)) from None
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


def _sentence(failed: LeadError) -> str:
    text = failed.detail or failed.reason
    return f"{text[:1].upper()}{text[1:]} ({failed.reason})."
