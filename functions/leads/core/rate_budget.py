"""How many requests a location of the Contacts API still takes, learned from the headers of its answers.

Documented are 100 requests in 10 s and 200,000 a day for each location, told in the X-RateLimit headers
(highlevel-api-docs, docs/oauth/Authorization.md). Other containers and other apps use the same budget unseen.
"""

from __future__ import annotations

from collections.abc import Mapping

LIMIT = 100
INTERVAL = 10.0
# With this few requests left, and others about, each waits for the answer to the one before.
_LAST_ONES = 15
# What is left to those others at the end: they may be sending at this moment.
_MARGIN = 1
# How far a guess at what they used since the last answer is trusted: trusted fully it leaves more unused than it saves
# refusals, not at all it costs every container a refusal a window.
_TRUST = 0.25
# How long to wait for the answer that tells about a new window, and how often to look for it.
_PROBE_SECONDS = 1.0
_STEP = 0.01
# A window begins as its first request arrives, between our sending and its answer; no way there takes longer.
_LONGEST_WAY = 0.15
# How soon, and how often, to look again when a window that should be new turns out to be the old one.
_EARLY_SECONDS = 0.5
_EARLY_TIMES = 3
# A request without an answer for this long is not waited for; no call of ours takes so long.
_FORGOTTEN = 30.0
# How often to look whether a used-up day is over when no answer says when; midnight in UTC is the latest guess.
DAY_LOOK = 3600.0
_DAY = 86_400.0


class RateBudget:
    """One location's budget in one container. Times are epoch seconds; the caller serialises access.

    in_line: whether requests may be made to wait for answers to others, as in a function that has time. A window
        then begins with one request that learns, and while others use the budget too its last ones go one by one.
    reason: why `wait` says to wait: `rate_limited` or `daily_limit`.
    """

    def __init__(self, *, in_line: bool) -> None:
        self.limit = LIMIT
        self.interval = INTERVAL
        self.reason = "rate_limited"
        self._in_line = in_line
        self._day_ends = 0.0
        self._in_flight: list[float] = []  # when each request without an answer was sent
        self._began = 0.0
        self._end = 0.0  # from here on the window is surely over
        self._left = LIMIT
        self._left_before = 0  # what was left of the window before
        self._told_at = 0.0
        self._is_told = False  # whether an answer has told about this window
        self._follows = False  # whether this window was begun where a known one ended
        self._early = 0  # how often it then was still the old one
        self._own = 0  # our requests answered in this window
        self._others: tuple[float, int] | None = None  # when others' requests were first told, and how many
        self._others_rate = 0.0  # their requests a second
        self._is_shared = self._was_shared = False  # whether others were seen in this window, and in the one before

    def wait(self, now: float) -> float:
        """Seconds until a request may be sent, or until it is worth asking again; 0 when it may be sent now."""
        self._in_flight = [at for at in self._in_flight if now - at < _FORGOTTEN]
        if now < self._day_ends:
            return self._day_ends - now
        if now >= self._end:
            return 0.0
        if self._in_line and not self._is_told and self._in_flight:
            return max(min(_STEP, self._in_flight[-1] + _PROBE_SECONDS - now), 0.0)
        left = self._estimate(now)
        if left < 1:
            # Some of what is in flight may be counted already: the answers will tell.
            return _STEP if self._in_line and left + len(self._in_flight) >= 1 else self._end - now
        goes_alone = self._in_line and self._has_company and left <= _LAST_ONES
        return _STEP if goes_alone and self._in_flight else 0.0

    def sent(self, now: float) -> None:
        """Counts a request that is being sent."""
        if now >= self._end:
            self._begin(now, now + self.interval)
            self._left = self.limit
        self._in_flight.append(now)

    def answered(self, sent_at: float, now: float, status: int | None, headers: Mapping[str, str]) -> None:
        """Learns from the answer to a request. status: None when there was none; headers: names in lower case."""
        if self._in_flight:
            self._in_flight.remove(min(self._in_flight, key=lambda at: abs(at - sent_at)))
        self.limit = int(header_number(headers, "x-ratelimit-max") or self.limit)
        self.interval = (header_number(headers, "x-ratelimit-interval-milliseconds") or 0) / 1000 or self.interval
        self._learn_day(now, headers)
        left = header_number(headers, "x-ratelimit-remaining")
        if sent_at < self._began:
            return  # it tells about the window before
        if status == 429:
            self._refused(now, header_number(headers, "retry-after"))
        elif left is not None:
            self._learn_left(sent_at, now, int(left))
        else:
            self._left, self._told_at, self._is_told = self._left - 1, now, True

    @property
    def _has_company(self) -> bool:
        return self._is_shared or self._was_shared

    def _estimate(self, now: float) -> float:
        """Requests still to be had, taking all that may be on its way as counted."""
        left = float(self._left - len(self._in_flight))
        if self._has_company and self._is_told:
            # Others have as much in flight as we have, for all we know.
            left -= max(self._others_rate * (now - self._told_at) * _TRUST, len(self._in_flight)) + _MARGIN
        return left

    def _begin(self, began: float, end: float) -> None:
        self._follows = self._is_told and began - self._end < _EARLY_SECONDS
        self._began, self._end = began, end
        self._left_before, self._is_told = self._left, False
        self._own, self._others = 0, None
        self._was_shared, self._is_shared = self._is_shared, False
        if not self._was_shared:
            self._others_rate = 0.0

    def _learn_left(self, sent_at: float, now: float, left: int) -> None:
        end = min(now, sent_at + _LONGEST_WAY) + self.interval
        if not self._is_told:
            self._end = end
            if left >= self._left_before:
                self._early = 0
            elif self._is_early():
                self._end = now + _EARLY_SECONDS
        elif left > self._left and sent_at >= self._told_at:
            self._begin(sent_at, end)  # more is left than was: somebody else's request began a new window
        self._own += 1
        if self._is_told and left > self._left:
            return  # overtaken on its way by the answer to a later request
        self._left, self._told_at, self._is_told = left, now, True
        others = max(self.limit - left - self._own - len(self._in_flight), 0)
        self._is_shared = self._is_shared or others > 0
        if self._others is None:
            self._others = (now, others)
        elif now - self._others[0] > 0.2:
            self._others_rate = max(others - self._others[1], 0) / (now - self._others[0])

    def _refused(self, now: float, asked: float | None) -> None:
        if asked is not None:
            self._end = now + asked
        elif not self._is_told:
            if self._is_early():
                self._end = now + _EARLY_SECONDS
            else:
                self._is_shared = True
        self._left, self._told_at, self._is_told = 0, now, True

    def _is_early(self) -> bool:
        """Whether a window that begins used up is the old one still, as nobody else was about to use it up."""
        if not self._follows or self._was_shared or self._early >= _EARLY_TIMES:
            return False
        self._early += 1
        return True

    def _learn_day(self, now: float, headers: Mapping[str, str]) -> None:
        left = header_number(headers, "x-ratelimit-daily-remaining")
        if left is not None:
            self.reason = "rate_limited" if left else "daily_limit"
            self._day_ends = 0.0 if left else now + _until_reset(now, header_number(headers, "x-ratelimit-daily-reset"))


def _until_reset(now: float, told: float | None) -> float:
    """Seconds until the day's budget is new; the header is unpublished, so seconds and epoch times are understood."""
    if told is not None:
        for seconds in (told, told - now, told / 1000 - now):
            if 0 < seconds <= _DAY:
                return seconds
    return min(DAY_LOOK, _DAY - now % _DAY)


def header_number(headers: Mapping[str, str], name: str) -> float | None:
    """The number in a header (names in lower case); None when it is missing or holds none."""
    text = headers.get(name, "").strip()
    return float(text[:15]) if text.isascii() and text.isdecimal() else None
