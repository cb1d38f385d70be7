"""Whether a location answers at all: one that is down or refuses us is left alone for a while, then tried once."""

from __future__ import annotations

# So many failed answers in a row are an outage.
FAILURES = 3
SHORTEST = 10.0
# A refused token or right is a person's to mend, which takes longer than an outage of seconds.
SHORTEST_REFUSED = 60.0
LONGEST = 300.0
# How long the one lead let through after a pause has to bring an answer before another one is let through.
_TRIAL = 15.0

_REFUSED = "contacts_api_unauthorized"


class CircuitBreaker:
    """One location's health in one container. Times are epoch seconds; the caller serialises access.

    cause: what opened it, "" while nothing did: `contacts_api_5xx`, `contacts_api_unreachable` (no answer at all)
        or `contacts_api_unauthorized` (401, 403).
    """

    def __init__(self) -> None:
        self.cause = ""
        self._failures = 0
        self._pause = 0.0
        self._opened_at = 0.0
        self._until = 0.0
        self._trial_until = 0.0
        self._is_tried = False

    def wait_to_begin(self, now: float) -> float:
        """Seconds until another lead may begin, 0 when it may begin now."""
        return max(self._until - now, self._trial_until - now, 0.0) if self.cause else 0.0

    def begin(self, now: float) -> None:
        """Lets a lead begin: after a pause the only one, until it has brought an answer."""
        if self.cause:
            self._trial_until = now + _TRIAL

    def wait_to_send(self, now: float) -> float:
        """Seconds until a lead under way may send a request, 0 when it may be sent now.

        A refusal stops none: the next request may go with the token's successor.
        """
        if not self.cause or self.cause == _REFUSED:
            return 0.0
        if now < self._until:
            return self._until - now
        return max(self._trial_until - now, 0.0) if self._is_tried else 0.0

    def sent(self, now: float) -> None:
        """Counts a request that is being sent; the first after a pause is the trial."""
        if self.cause and now >= self._until and not self._is_tried:
            self._is_tried, self._trial_until = True, now + _TRIAL

    def answered(self, sent_at: float, now: float, status: int | None) -> None:
        """Learns from the answer to a request; status: None when there was none."""
        cause = _cause(status)
        if not cause:
            self.cause, self._failures, self._pause = "", 0, 0.0
            return
        self._failures += 1
        if self.cause and sent_at < self._opened_at:
            return  # one of several that failed together
        if cause != _REFUSED and not self.cause and self._failures < FAILURES:
            return
        shortest = SHORTEST_REFUSED if cause == _REFUSED else SHORTEST
        self._pause = min(max(self._pause * 2, shortest), LONGEST)
        self.cause, self._opened_at, self._until = cause, now, now + self._pause
        self._trial_until, self._is_tried = 0.0, False


def _cause(status: int | None) -> str:
    if status is None:
        return "contacts_api_unreachable"
    if status >= 500:
        return "contacts_api_5xx"
    return _REFUSED if status in (401, 403) else ""
