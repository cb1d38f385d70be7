"""What a contact shall hold, as far as the API takes it."""

from __future__ import annotations

from collections.abc import Container
from typing import Any

import msgspec

from leads.core.contact_fields import CONTACT_FIELDS, NOT_IN_CHANGES

# Where the contact came from and whose it is. Either would replace what a contact has, so the caller looks first.
OWNED = frozenset({"source", "assignedTo"})
# The API answers 422 to any property it does not know, and each operation knows others.
UPSERT_FIELDS = frozenset(CONTACT_FIELDS) | OWNED
UPDATE_FIELDS = UPSERT_FIELDS - NOT_IN_CHANGES
# Who it is and how to reach them: what a lead is worth when the API takes nothing else of it.
_LEAST = frozenset({"name", "firstName", "lastName", "email", "phone"})

CUSTOM_FIELDS = "customFields"
# Channels on which the person is not to be disturbed. Both operations take it.
DND_SETTINGS = "dndSettings"

CustomValue = str | int | float | list[str]


class Wish(msgspec.Struct, frozen=True):
    """What a contact shall hold: field → text, custom field id → value in order; dnd: channels to leave it alone on."""

    fields: dict[str, str]
    custom: tuple[tuple[str, CustomValue], ...]
    dnd: tuple[str, ...] = ()

    def names(self) -> tuple[str, ...]:
        """Everything in it: contact fields by name, custom ones as `customFields:<id>`, channels as `dndSettings`."""
        custom = (f"{CUSTOM_FIELDS}:{field_id}" for field_id, _ in self.custom)
        return (*self.fields, *custom, *([DND_SETTINGS] if self.dnd else []))

    def body(self, custom_value_key: str) -> dict[str, Any]:
        """The JSON object of a write, without the location. A channel that is not in the wish stays as it is."""
        values = [{"id": field_id, custom_value_key: value} for field_id, value in self.custom]
        # "active" is what the API calls do-not-disturb that is switched on (OpenAPI, DndSettingSchema).
        channels = {channel: {"status": "active"} for channel in self.dnd}
        parts = {CUSTOM_FIELDS: values, DND_SETTINGS: channels}
        return {**self.fields, **{name: part for name, part in parts.items() if part}}

    def only(self, allowed: Container[str]) -> Wish:
        """The contact fields that are allowed, and all the rest."""
        fields = {name: value for name, value in self.fields.items() if name in allowed}
        return Wish(fields, self.custom, self.dnd)

    def without(self, named: Container[str]) -> Wish:
        """All but what is named: contact fields, `dndSettings`, `customFields`, or `customFields.N` for one of them."""
        fields = {name: value for name, value in self.fields.items() if name not in named}
        dnd = () if DND_SETTINGS in named else self.dnd
        if CUSTOM_FIELDS in named:
            return Wish(fields, (), dnd)
        kept = (item for at, item in enumerate(self.custom) if f"{CUSTOM_FIELDS}.{at}" not in named)
        return Wish(fields, tuple(kept), dnd)

    def least(self) -> Wish:
        """Name, e-mail and phone, as far as they are there; and whoever must not be disturbed there, is not."""
        return Wish({name: value for name, value in self.fields.items() if name in _LEAST}, (), self.dnd)

    def missing_in(self, other: Wish) -> tuple[str, ...]:
        """The names that the other lacks."""
        kept = other.names()
        return tuple(name for name in self.names() if name not in kept)

    def describes_somebody(self) -> bool:
        """Whether it says anything of the person."""
        return bool(self.fields.keys() - OWNED)

    def can_be_found(self) -> bool:
        """Whether the API would meet a contact that is there already."""
        return "email" in self.fields or "phone" in self.fields
