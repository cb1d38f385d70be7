"""The marker line under a note or task: whether LeadRelay wrote it, and for what; and rich text as plain lines."""

from __future__ import annotations

import re
from typing import Any

from leads.core.note import MARKER

# The CRM's editor keeps texts as HTML once somebody has touched them.
_LINE_ENDS = re.compile(r"<(?:br|/?p|/?div|/?li)\b[^>]*>", re.IGNORECASE)
_OTHER_TAGS = re.compile(r"</?[a-z][^>]*>", re.IGNORECASE)
_BLANK_LINES = re.compile(r"\n{3,}")
_OURS = re.compile(re.escape(MARKER) + r"[^\s/]+/\S+")


def is_marked(body: Any) -> bool:
    """Whether a line of a note's or task's text is a marker and nothing more, whatever it refers to."""
    return any(_OURS.fullmatch(line) for line in _lines(body))


def is_of(reference: str, body: Any) -> bool:
    """Whether a line of a note's or task's text is the marker of `reference`: all of it and nothing more."""
    marker = " ".join(f"{MARKER}{reference}".split())
    return marker in _lines(body)


def plain(body: Any) -> str:
    """The text of a note or task as a person reads it: HTML as lines, anything else as it is; "" for no text."""
    if not isinstance(body, str):
        return ""
    if not _LINE_ENDS.search(body):
        return body.strip()
    lines = (line.strip() for line in _without_tags(body).split("\n"))
    return _BLANK_LINES.sub("\n\n", "\n".join(lines)).strip()


def _lines(body: Any) -> list[str]:
    """The lines of a text as a person reads it. All of them: people write below what we have written.

    A text with a marker as we write it is no HTML yet, so that what looks like a tag in it was typed.
    """
    if not isinstance(body, str):
        return []
    lines = _clean(body)
    return lines if any(map(_OURS.fullmatch, lines)) else _clean(_without_tags(body))


def _clean(text: str) -> list[str]:
    return [" ".join(line.split()) for line in text.splitlines()]


def _without_tags(written: str) -> str:
    text = _OTHER_TAGS.sub("", _LINE_ENDS.sub("\n", written))
    if "&" in text:
        # Late: its table of two thousand names is needed by edited texts only.
        import html

        text = html.unescape(text).replace("\xa0", " ")
    return text
