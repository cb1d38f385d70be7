"""Numbers by which a state knows a person: they go to the CRM, and are masked wherever else an answer is shown."""

from __future__ import annotations

import re

# Facebook's question types for them (Lead Ads, `questions[].type`); a type it adds later has the same form.
_NATIONAL_ID = re.compile(r"id_(?:[a-z]{2}_)?[a-z]{2,5}")
# What they are called where a form gives no type.
_BARE = frozenset(("cpf", "dni", "rut", "rfc", "curp", "national_id", "tax_id"))
# A second question of one kind is told from the first by a number.
_SECOND = re.compile(r"\s*\(\d+\)$")

_STAYS = 2


def is_national_id(key: str) -> bool:
    """Whether the answer under this question key is a national id number, such as Brazil's CPF (`ID_CPF`)."""
    name = _SECOND.sub("", key.strip()).casefold()
    return name in _BARE or _NATIONAL_ID.fullmatch(name) is not None


def masked(text: str) -> str:
    """`text` with all but its last two characters hidden; one of two characters or fewer is hidden whole."""
    shown = text[-_STAYS:] if len(text) > _STAYS else ""
    return "*" * (len(text) - len(shown)) + shown
