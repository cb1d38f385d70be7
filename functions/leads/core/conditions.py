"""Whether a condition of routes.toml holds for a lead's answers."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping

from leads.core.answers import Answers, folded
from leads.core.routes import Comparison, Condition


def holds(condition: Condition, answers: Answers, converted: Mapping[str, str]) -> bool:
    """Whether every comparison in `condition` agrees with the answer that it names.

    converted: answer key → what a standard question's answer was read as (COUNTRY "United States" → "US"); it
    counts as well as the answer itself. A list answer agrees when any of its items does. Neither case nor blanks
    make a difference, except in `matches`, which searches the text as it is.
    """
    key = answers.find(condition.answer)
    texts = () if key is None else (*answers.values(key), answers.text(key), converted.get(key, ""))
    candidates = tuple(dict.fromkeys(text for text in texts if text))
    agrees = _agrees(condition, candidates)
    match condition.not_:
        case None | False:
            return agrees
        case True:
            return not agrees
        case Comparison() as unwanted:
            return agrees and not _agrees(unwanted, candidates)
        case str() as unwanted:
            return agrees and not _is_one_of([unwanted], candidates)
        case list() as unwanted:
            return agrees and not _is_one_of(unwanted, candidates)


@functools.cache
def pattern(expression: str) -> re.Pattern[str]:
    """The compiled expression, compiled once per container. Raises re.error, OverflowError or RecursionError."""
    return re.compile(expression)


def _agrees(comparison: Comparison, candidates: tuple[str, ...]) -> bool:
    if comparison.is_empty is not None and comparison.is_empty == bool(candidates):
        return False
    if comparison.equals is not None and not _is_one_of([comparison.equals], candidates):
        return False
    if comparison.is_in is not None and not _is_one_of(comparison.is_in, candidates):
        return False
    return comparison.matches is None or any(pattern(comparison.matches).search(text) for text in candidates)


def _is_one_of(wanted: list[str], candidates: tuple[str, ...]) -> bool:
    known = {folded(text) for text in wanted}
    return any(folded(text) in known for text in candidates)
