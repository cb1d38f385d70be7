"""What the API's answers hold, read tolerantly: texts, moments, and the marker line that is ours."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

from leads.core.errors import TryAgain
from leads.core.note import MARKER
from leads.crm.client import Answer

# The CRM's editor keeps notes as HTML once somebody has touched them.
_LINE_ENDS = re.compile(r"<(?:br|/?p|/?div|/?li)\b[^>]*>", re.IGNORECASE)
_OTHER_TAGS = re.compile(r"</?[a-z][^>]*>", re.IGNORECASE)


def text(value: Any) -> str:
    """The value if it is a text, else ""."""
    return value if isinstance(value, str) else ""


def texts(value: Any) -> tuple[str, ...]:
    """The texts in a list; () for anything that is no list."""
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list) else ()


def objects(value: Any) -> list[dict[str, Any]]:
    """The objects in a list; [] for anything that is no list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def listed(answer: Answer, name: str) -> list[dict[str, Any]]:
    """The objects in the list that a call has asked for; `name` is its key in the answer.

    Raises TryAgain when the answer has no such list: that is not the same as an empty one.
    """
    found = answer.body.get(name)
    if not isinstance(found, list):
        raise TryAgain("contacts_api_unexpected", f"the answer lists no {name}", trace_id=answer.trace_id)
    return objects(found)


def moment(value: Any) -> float | None:
    """Epoch seconds of an ISO 8601 time, UTC where it names no zone; None for anything else."""
    try:
        read = dt.datetime.fromisoformat(text(value))
        return (read if read.tzinfo else read.replace(tzinfo=dt.UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def created_id(answer: Answer, name: str) -> str:
    """The id of the object that a call has created; `name` is its key in the answer.

    Raises TryAgain, ambiguous, when the answer names none: it was a success all the same.
    """
    created = answer.body.get(name)
    found = text(created.get("id")) if isinstance(created, dict) else ""
    if not found:
        detail = f"the answer names no {name}"
        raise TryAgain("contacts_api_unexpected", detail, ambiguous=True, trace_id=answer.trace_id)
    return found


def is_of(reference: str, body: Any) -> bool:
    """Whether the last line of a note's or task's text is the marker of `reference`: all of it and nothing more."""
    marker = " ".join(f"{MARKER}{reference}".split())
    written = text(body)
    return marker in (_last_line(written), _last_line(_plain(written)))


def _last_line(written: str) -> str:
    lines = (" ".join(line.split()) for line in reversed(written.splitlines()))
    return next((line for line in lines if line), "")


def _plain(written: str) -> str:
    plain = _OTHER_TAGS.sub("", _LINE_ENDS.sub("\n", written))
    if "&" in plain:
        # Late: its table of two thousand names is needed by edited notes only.
        import html

        plain = html.unescape(plain)
    return plain
