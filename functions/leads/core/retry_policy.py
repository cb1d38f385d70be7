"""How long to wait before a lead's next attempt: one pure function of numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence

# A message can stay hidden for 12 h counted from its receipt (SQS quota); the margin is the time the
# receiving function has already spent on it.
LONGEST_HOLD = 43_200 - 200
# A message can be hidden for 15 minutes at the most when it is sent (SQS quota).
LONGEST_DELAY = 900
JITTER = 0.2


def wait_before_next(
    attempt: int, waits: Sequence[float], *, retry_after: float | None = None, chance: float = 0.5
) -> int | None:
    """Seconds to wait after attempt number `attempt` (1 = the first) failed; None when it was the last.

    waits: seconds before each next attempt, so there are len(waits) + 1 attempts.
    retry_after: what the server asked for; it beats the table, and we are never earlier than it said.
    chance: a random number in [0, 1) that spreads leads by ± 20 % so that they do not return all at once.
    """
    if attempt > len(waits):
        return None
    if retry_after is not None:
        wait = max(retry_after, 0.0) * (1 + JITTER * chance)
    else:
        wait = waits[max(attempt, 1) - 1] * (1 - JITTER + 2 * JITTER * chance)
    return clamp(wait)


def clamp(seconds: float) -> int:
    """Whole seconds that SQS accepts as a visibility timeout, rounded up; NaN and negatives become 0."""
    if not seconds > 0:
        return 0
    return math.ceil(min(seconds, LONGEST_HOLD))


def parse_waits(text: str) -> tuple[float, ...]:
    """`"60,300,1800"` as numbers.

    Raises ValueError with a sentence that names the setting and what it takes.
    """
    try:
        waits = tuple(float(part) for part in text.split(",") if part.strip())
    except ValueError:
        waits = ()
    if not waits or any(not 0 <= wait < float("inf") for wait in waits):
        raise ValueError("RetryWaits takes seconds separated by commas, such as 60,300,1800")
    return waits
