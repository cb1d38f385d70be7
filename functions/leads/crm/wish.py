"""What a contact shall hold, as far as the API takes it."""

from __future__ import annotations

from collections.abc import Container

import msgspec

from leads.core.contact_fields import CONTACT_FIELDS

# Where the contact came from and whose it is. Either would replace what a contact has, so the caller looks first.
OWNED = frozenset({"source", "assignedTo"})
# The API answers 422 to any property it does not know, and each operation knows others.
UPSERT_FIELDS = frozenset(CONTACT_FIELDS) | OWNED
UPDATE_FIELDS = UPSERT_FIELDS - {"gender", "companyName"}
# Who it is and how to reach them: what a lead is worth when the API takes nothing else of it.
_LEAST = frozenset({"name", "firstName", "lastName", "email", "phone"})

CUSTOM_FIELDS = "customFields"

CustomValue = str | int | float | list[str]


class Wish(msgspec.Struct, frozen=True):
    """What a contact shall hold: contact field → text, and custom field id → value in order."""

    fields: dict[str, str]
    custom: tuple[tuple[str, CustomValue], ...]

    def names(self) -> tuple[str, ...]:
        """Everything in it: contact fields by name, custom ones as `customFields:<id>`."""
        return (*self.fields, *(f"{CUSTOM_FIELDS}:{field_id}" for field_id, _ in self.custom))

    def only(self, allowed: Container[str]) -> Wish:
        """The contact fields that are allowed, and every custom one."""
        return Wish({name: value for name, value in self.fields.items() if name in allowed}, self.custom)

    def without(self, named: Container[str]) -> Wish:
        """All but what is named: a contact field, `customFields`, or `customFields.N` for one of them."""
        fields = {name: value for name, value in self.fields.items() if name not in named}
        if CUSTOM_FIELDS in named:
            return Wish(fields, ())
        kept = (item for at, item in enumerate(self.custom) if f"{CUSTOM_FIELDS}.{at}" not in named)
        return Wish(fields, tuple(kept))

    def least(self) -> Wish:
        """Name, e-mail and phone, as far as they are there."""
        return Wish({name: value for name, value in self.fields.items() if name in _LEAST}, ())

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
