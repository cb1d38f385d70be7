"""How a sentence about the user's file names things: short, on one line, with the name that was probably meant."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def where(number: int, name: Any) -> str:
    """How a sentence names a route: `route 2 (Spring)`."""
    shown = clip(name) if isinstance(name, str) else ""
    return f"route {number} ({shown})" if shown else f"route {number}"


def clip(text: str) -> str:
    """`text` short enough for a sentence, on one line."""
    line = " ".join(text.split())
    return line if len(line) <= 60 else f"{line[:60]}…"


def nearest(text: str, known: Iterable[str]) -> str | None:
    """The known name that `text` was probably meant to be."""
    # Late: needed only when there is a mistake.
    import difflib

    by_lower = {name.lower(): name for name in known}
    found = difflib.get_close_matches(text.lower(), by_lower, n=1)
    return by_lower[found[0]] if found else None


def did_you_mean(text: str, known: Iterable[str]) -> str:
    """`; did you mean …?`, or nothing when no known name is near."""
    name = nearest(text, known)
    return f"; did you mean `{name}`?" if name else ""
