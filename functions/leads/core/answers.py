"""A lead's answers as text: one clean line each, found by a key that need not be typed exactly."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Any

from leads.core.lenient_json import plain_text

_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f]+")
# Marks without width that come along when somebody pastes; the joiners among them belong to some scripts.
_INVISIBLE = re.compile("[\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]")


class Answers:
    """What a person answered, question key → text; null and blank count as not answered.

    Built from a lead's `answers` (question key → any JSON value). Keys come out as clean text, too, each once.
    """

    def __init__(self, answers: Mapping[str, Any]) -> None:
        self._values: dict[str, tuple[str, ...]] = {}
        self._numbers: dict[str, int] = {}
        for key, value in answers.items():
            if values := _values_of(value):
                self._values[self._unused(text_of(key))] = values
        self._by_folded: dict[str, str] | None = None

    def find(self, key: str) -> str | None:
        """The answered question's own key for `key` as somebody typed it: exact, else ignoring case and blanks."""
        if key in self._values:
            return key
        if self._by_folded is None:
            self._by_folded = {folded(own): own for own in reversed(self._values)}
        return self._by_folded.get(folded(key))

    def values(self, key: str) -> tuple[str, ...]:
        """The answer's texts: a list answer's items, else one; () when there is no answer."""
        own = self.find(key)
        return () if own is None else self._values[own]

    def text(self, key: str) -> str:
        """The answer in one line, a list's items joined by commas; "" when there is no answer."""
        return ", ".join(self.values(key))

    def keys(self) -> tuple[str, ...]:
        """The keys of all answered questions, in the order in which they came."""
        return tuple(self._values)

    def items(self) -> tuple[tuple[str, str], ...]:
        """Key and text of all answered questions, in the order in which they came."""
        return tuple((key, ", ".join(values)) for key, values in self._values.items())

    def _unused(self, key: str) -> str:
        """Two keys may differ in nothing that can be seen; neither answer may hide the other."""
        own = key
        while own in self._values:
            # The numbers do not depend on what other answers there are.
            self._numbers[key] = number = self._numbers.get(key, 1) + 1
            own = f"{key} ({number})"
        return own


def text_of(value: Any, *, depth: int = 0) -> str:
    """Any JSON value as one clean line of text; "" for null, blank and empty; "…" below eight levels."""
    if isinstance(value, str) and value.isascii() and value.isprintable():
        # Nearly every text there is, and a tenth of the work.
        return " ".join(value.split())
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | dict) and depth >= 8:
        return "…"
    if isinstance(value, list):
        return ", ".join(text for item in value if (text := text_of(item, depth=depth + 1)))
    if isinstance(value, dict):
        pairs = ((key, text_of(item, depth=depth + 1)) for key, item in value.items())
        return ", ".join(f"{text_of(key)}: {text}" for key, text in pairs if text)
    visible = _INVISIBLE.sub("", plain_text(str(value)))
    return " ".join(_UNPRINTABLE.sub(" ", visible).split())


def folded(text: str) -> str:
    """`text` as it is compared: neither case nor blanks nor the way an accent is stored make a difference."""
    clean = text_of(text)
    if not clean.isascii():
        clean = unicodedata.normalize("NFKC", clean)
    return "".join(clean.casefold().split())


def _values_of(value: Any) -> tuple[str, ...]:
    if isinstance(value, list):
        return tuple(text for item in value if (text := text_of(item, depth=1)))
    text = text_of(value)
    return (text,) if text else ()
