"""Values of a DynamoDB item, read tolerantly: what an item lacks is empty."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

Item = Mapping[str, Mapping[str, Any]]


def text(item: Item, name: str) -> str:
    """A text attribute, "" when there is none."""
    return str(item.get(name, {}).get("S", ""))


def number(item: Item, name: str) -> int:
    """A whole number, 0 when there is none."""
    return int(item.get(name, {}).get("N", 0))


def texts(item: Item, name: str) -> tuple[str, ...]:
    """A list of texts, () when there is none."""
    return tuple(str(one.get("S", "")) for one in item.get(name, {}).get("L", ()))


def seconds(item: Item, name: str) -> float:
    """An ISO 8601 time as seconds since the epoch, 0 when there is none."""
    try:
        return dt.datetime.fromisoformat(text(item, name)).timestamp()
    except ValueError:
        return 0.0
