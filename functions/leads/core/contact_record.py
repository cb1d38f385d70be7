"""A contact as the CRM keeps it."""

from __future__ import annotations

from typing import Any

import msgspec


class ContactRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A contact as the CRM showed it last.

    is_new: whether this very call has created it. added_at: epoch seconds. echo: the API's contact object as it came,
    {} when the answer had none. refused: what was asked for and left out of the write, because the API would not
    take it: contact fields by name, custom ones as `customFields:<id>`. other_contact_id, other_field: where e-mail
    and phone belong to two contacts, the one that this is not, and by which of `email` and `phone` it was met ("" when
    that was not said).
    """

    contact_id: str
    is_new: bool = False
    email: str = ""
    phone: str = ""
    source: str = ""
    assigned_to: str = ""
    tags: tuple[str, ...] = ()
    added_at: float | None = None
    echo: dict[str, Any] = {}
    refused: tuple[str, ...] = ()
    other_contact_id: str = ""
    other_field: str = ""
    trace_id: str | None = None
