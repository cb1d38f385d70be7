"""What the API's answers hold, read tolerantly: texts, objects and moments."""

from __future__ import annotations

import datetime as dt
from typing import Any

from leads.core.errors import TryAgain
from leads.crm.client import Answer


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
