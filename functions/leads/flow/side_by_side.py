"""The same work for several items, in threads of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def side_by_side(work: Callable[[Item], Result], items: Sequence[Item], *, at_once: int) -> list[Result]:
    """What `work` gives for each item, in their order, at most `at_once` at a time. Raises what `work` raises."""
    if len(items) <= 1 or at_once <= 1:
        return [work(item) for item in items]
    # Late: a single item needs no threads, and most requests are one.
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(min(at_once, len(items))) as pool:
        return list(pool.map(work, items))
