"""Sends events to Pinterest in as few calls as there can be, and finds the one for which a whole call is refused."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

import msgspec

from leads.core.conversion import LARGEST_CALL, Event, Verdict
from leads.core.errors import TryAgain, Undeliverable
from leads.flow.side_by_side import side_by_side

# Bytes of events in one call. Pinterest names no limit; what others send at most to it is two megabytes.
LARGEST_BODY = 2_000_000
# Calls that a batch may spend on one ad account: one bad event among a thousand takes twenty, and Pinterest allows
# 5,000 a minute.
MOST_CALLS = 400
# Ad accounts that are told side by side.
POOL = 4


class Answered(Protocol):
    """Pinterest's word on each event, in their order; trace_id: its own id of the call."""

    @property
    def verdicts(self) -> Sequence[Verdict]: ...

    @property
    def trace_id(self) -> str | None: ...


class Pinterest(Protocol):
    """One call. Raises TryAgain, or Undeliverable when it is refused as a whole for what is in it."""

    def send(self, account: str, events: Sequence[Event], *, is_test: bool, deadline: float) -> Answered: ...


class Sent(msgspec.Struct, frozen=True):
    """What came of one event of a call that was answered."""

    verdict: Verdict
    trace_id: str | None


# What came of an event, by its key: an answer, or why there is none.
Results = Mapping[str, Sent | Exception]


class EventCalls:
    """Tells Pinterest of events, each ad account's together."""

    def __init__(self, pinterest: Pinterest) -> None:
        self._pinterest = pinterest

    def __call__(self, events: Sequence[Event], *, deadline: float) -> Results:
        """What came of each event; never raises. deadline: epoch seconds after which no call may still be waiting."""
        groups: dict[tuple[str, bool], list[Event]] = {}
        for event in events:
            groups.setdefault((event.account, event.is_test), []).append(event)
        told = side_by_side(lambda group: self._tell(group, deadline), list(groups.values()), at_once=POOL)
        return {key: result for each in told for key, result in each.items()}

    def _tell(self, events: Sequence[Event], deadline: float) -> dict[str, Sent | Exception]:
        results: dict[str, Sent | Exception] = {}
        waiting = deque(_calls_of(events))
        calls = 0
        while waiting:
            part = waiting.popleft()
            if calls == MOST_CALLS:
                detail = "a call is refused for one of many events, not yet found"
                results |= _all(part, TryAgain("event_refused_in_part", detail))
                continue
            calls += 1
            try:
                answer = self._pinterest.send(part[0].account, part, is_test=part[0].is_test, deadline=deadline)
            except Undeliverable as refused:
                if len(part) == 1:
                    results[part[0].key] = Sent(Verdict(is_taken=False, detail=refused.detail), refused.trace_id)
                    continue
                # Nothing says for which of them: the halves tell, after all other calls. An event of the half that is
                # right has the id that it had, so that Pinterest knows it again should it have taken it already.
                half = len(part) // 2
                waiting += [part[:half], part[half:]]
            except Exception as failure:
                # A token, a limit or a server: the other calls would meet the same.
                for left in (part, *waiting):
                    results |= _all(left, _for(failure, is_told=left is part))
                break
            else:
                pairs = zip(part, answer.verdicts, strict=True)
                results |= {event.key: Sent(verdict, answer.trace_id) for event, verdict in pairs}
        return results


def _calls_of(events: Sequence[Event]) -> Iterator[list[Event]]:
    """The events by calls: no call has too many of them, or is too large."""
    part: list[Event] = []
    size = 0
    for event in events:
        length = _length(event)
        if part and (len(part) == LARGEST_CALL or size + length > LARGEST_BODY):
            yield part
            part, size = [], 0
        part.append(event)
        size += length
    if part:
        yield part


def _length(event: Event) -> int:
    """The event's bytes in a call; none for one that cannot be written, as whoever sends it finds out."""
    try:
        return len(msgspec.json.encode(event.member()))
    except (UnicodeEncodeError, OverflowError):
        return 0


def _all(events: Sequence[Event], failure: Exception) -> dict[str, Sent | Exception]:
    return {event.key: failure for event in events}


def _for(failure: Exception, *, is_told: bool) -> Exception:
    """The failure, for an event that was among those told, or for one that nobody was told of after it."""
    if is_told or not isinstance(failure, TryAgain):
        return failure
    return TryAgain(failure.reason, failure.detail, retry_after=failure.retry_after, trace_id=failure.trace_id)
