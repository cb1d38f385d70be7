"""Waiting for what others are doing at the moment: functions that deliver, operators that look at dead letters."""

from collections.abc import Callable, Collection
from typing import Any

from infra.cli.erase import traces as erasure_traces
from infra.cli.erase.contacts import Tell
from infra.cli.story.ledger import LedgerLead, by_keys


class Waiting:
    """now: gives seconds since the epoch; sleep: waits so many seconds."""

    def __init__(self, tell: Tell, now: Callable[[], float], sleep: Callable[[float], None]) -> None:
        self._tell = tell
        self._now = now
        self._sleep = sleep

    def until(self, end: float, what: str, *, unless: Callable[[], bool] = lambda: False) -> None:
        """Until then (epoch seconds), unless it is over before."""
        seconds = end - self._now()
        while (left := end - self._now()) > 0 and not unless():
            self._tell(what, int(seconds - left), int(seconds))
            self._sleep(min(left, 1.0))

    def for_deliveries(self, client: Any, table: str, leads: Collection[LedgerLead]) -> list[LedgerLead]:
        """Until none of these leads is being delivered any more; how they stand then.

        Each comes to an end: what a dead function holds is free when the function would have been stopped.
        """

        def stand() -> list[LedgerLead]:
            return [*by_keys(client, table, [lead.key for lead in leads]).values()]

        def is_over() -> bool:
            return not any(erasure_traces.is_held(lead, self._now()) for lead in stand())

        end = max((lead.claimed_until for lead in leads), default=0.0)
        self.until(end, "Waiting for deliveries under way", unless=is_over)
        return stand()
