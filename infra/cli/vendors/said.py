"""A vendor's own words about an error, fit for a terminal and a log."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

_LONGEST = 200


def said(error: Mapping[str, Any], unsaid: Iterable[str]) -> str:
    """The error's `message` without the secrets `unsaid`, and without addresses, as ours holds a token; "" for none."""
    text = error.get("message")
    if not isinstance(text, str):
        return ""
    for secret in filter(None, unsaid):
        text = text.replace(secret, "…")
    text = re.sub(r"\S+://\S+", "…", text)
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())[:_LONGEST]
