"""What conditions of the right shape may still have wrong."""

from __future__ import annotations

import re
from collections.abc import Iterator

from leads.core.conditions import pattern
from leads.core.lead_values import CONSENT
from leads.core.routes import Comparison, Condition, Texts
from leads.core.wording import clip

# A key of routes.toml and what is wrong with it.
Fault = tuple[str, str]

_COMPARISONS = "write one of equals, is_in, matches, is_empty, not beside `answer`"


def of_when(key: str, when: Condition | list[Condition]) -> Iterator[Fault]:
    """Every mistake in the condition or conditions of a rule that stand under `key`."""
    if when == []:
        yield key, "is an empty list; write at least one condition"
    for place, condition in enumerate(when if isinstance(when, list) else [when], start=1):
        yield from of_condition(f"{key}[{place}]" if isinstance(when, list) else key, condition)


def of_condition(key: str, condition: Condition) -> Iterator[Fault]:
    """Every mistake in a condition that stands under `key`."""
    answer = condition.answer.strip()
    if not answer:
        yield f"{key}.answer", 'is empty; write the key of an answer, such as "COUNTRY"'
    elif answer == CONSENT:
        yield f"{key}.answer", f'names no consent; write its key behind the colon, such as "{CONSENT}sms"'
    elif answer.startswith("{") and answer.endswith("}"):
        yield f"{key}.answer", f"is the key of an answer, without braces: `{clip(answer[1:-1].strip())}`"
    unwanted = condition.not_
    compares = _compares(condition)
    if isinstance(unwanted, bool) and not compares:
        yield f"{key}.not", f"is {str(unwanted).lower()} and there is nothing else to turn round; {_COMPARISONS}"
    elif unwanted is None and not compares:
        yield key, f"compares nothing; {_COMPARISONS}"
    yield from _of_comparison(key, condition)
    if isinstance(unwanted, Comparison):
        if not _compares(unwanted):
            yield f"{key}.not", "compares nothing; write one of equals, is_in, matches, is_empty into it"
        yield from _of_comparison(f"{key}.not", unwanted)
    elif isinstance(unwanted, str | list):
        yield from _of_wanted(f"{key}.not", unwanted)


def _compares(it: Comparison) -> bool:
    return any(value is not None for value in (it.equals, it.is_in, it.matches, it.is_empty))


def _of_comparison(key: str, comparison: Comparison) -> Iterator[Fault]:
    yield from _of_wanted(f"{key}.equals", comparison.equals)
    yield from _of_wanted(f"{key}.is_in", comparison.is_in)
    if comparison.matches is not None:
        try:
            pattern(comparison.matches)
        except re.error as error:
            place = "" if error.pos is None else f" at character {error.pos + 1}"
            yield f"{key}.matches", f"is no regular expression: {error.msg}{place} of `{clip(comparison.matches)}`"
        except (OverflowError, RecursionError):
            yield f"{key}.matches", "is too large for a regular expression"


def _of_wanted(key: str, wanted: Texts | None) -> Iterator[Fault]:
    if wanted == []:
        yield key, "is an empty list; write at least one text"
    elif wanted is not None and not all(text.strip() for text in ([wanted] if isinstance(wanted, str) else wanted)):
        yield key, "holds an empty text, which no answer is; write is_empty = true for a missing answer"
