"""Edges a page at a time: cursors, the largest page, and the filter on the time a lead was left."""

import base64
import json
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeVar
from urllib.parse import urlencode

from infra.local.graph.refusals import Refused

DEFAULT_LIMIT = 25
LARGEST_LIMIT = 100
_OPERATORS: Mapping[str, Callable[[int, int], bool]] = {
    "GREATER_THAN": operator.gt,
    "GREATER_THAN_OR_EQUAL": operator.ge,
    "LESS_THAN": operator.lt,
}


class Listed(Protocol):
    """What an edge lists; `place` orders it and stays the same however many come after."""

    @property
    def place(self) -> tuple[int, int]: ...


Item = TypeVar("Item", bound=Listed)


def page_of(items: Sequence[Item], query: Mapping[str, str]) -> tuple[list[Item], dict[str, Any] | None]:
    """The items of one page, the newest first, and its `paging` without `next`'s address; None for an empty page.

    `paging["next"]` is True where there is more. Refused for a limit that is none (100) or too large (1), and for a
    cursor that is none of ours (100).
    """
    limit = _limit(query.get("limit"))
    ordered = sorted(items, key=lambda item: item.place, reverse=True)
    if after := query.get("after"):
        last = _place(after)
        ordered = [item for item in ordered if item.place < last]
    chosen = ordered[:limit]
    if not chosen:
        return [], None
    paging: dict[str, Any] = {"cursors": {"before": _cursor(chosen[0].place), "after": _cursor(chosen[-1].place)}}
    return chosen, paging | ({"next": True} if len(ordered) > limit else {})


def next_address(url: str, query: Mapping[str, str], after: str, token: str) -> str:
    """`paging.next` as Graph gives it: with the caller's token in it, so nobody may follow or log it."""
    return f"{url}?{urlencode({**query, 'access_token': token, 'after': after})}"


def time_filter(text: str | None) -> Callable[[int], bool]:
    """Whether a lead of that time (epoch seconds) is wanted; Refused (100) for a filter that Graph would not take.

    `text` is JSON: [{"field": "time_created", "operator": "GREATER_THAN", "value": <epoch seconds>}, …].
    Source: Meta's guide "Retrieving leads".
    """
    if text is None:
        return lambda _: True
    try:
        rules = [(_OPERATORS[rule["operator"]], int(rule["value"]), rule["field"]) for rule in json.loads(text)]
    except (ValueError, KeyError, TypeError):
        raise Refused(100, "(#100) param filtering must be an array of field, operator and value.") from None
    if any(field != "time_created" for _, _, field in rules):
        raise Refused(100, "(#100) Filtering field must be time_created.")
    return lambda at: all(holds(at, value) for holds, value, _ in rules)


def _limit(text: str | None) -> int:
    if text is None:
        return DEFAULT_LIMIT
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise Refused(100, "(#100) param limit must be a positive integer.")
    if int(text) > LARGEST_LIMIT:
        raise Refused(1)  # Graph fails on large pages, and says so like this
    return int(text)


def _cursor(place: tuple[int, int]) -> str:
    return base64.urlsafe_b64encode(f"{place[0]}:{place[1]}".encode()).decode()


def _place(cursor: str) -> tuple[int, int]:
    try:
        time, _, number = base64.urlsafe_b64decode(cursor.encode()).decode().partition(":")
        return int(time), int(number)
    except ValueError:
        raise Refused(100, "(#100) Invalid cursor: it was not given by a page of this edge.") from None
