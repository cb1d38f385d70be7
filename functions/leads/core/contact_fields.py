"""The contact fields that an upsert may write, by the CRM's name and by ours."""

from __future__ import annotations

import functools

# The API's OpenAPI document, UpsertContactDto. `tags`, `source`, `assignedTo` and `customFields` are missing on
# purpose: the first would replace every tag the contact has, and each of them has a key of its own in a route.
CONTACT_FIELDS = (
    "name",
    "firstName",
    "lastName",
    "companyName",
    "email",
    "phone",
    "website",
    "timezone",
    "address1",
    "city",
    "state",
    "postalCode",
    "country",
    "dateOfBirth",
    "gender",
)

# What a change of a contact by its id does not take (UpdateContactDto), though an upsert does.
NOT_IN_CHANGES = frozenset({"gender", "companyName"})


@functools.cache
def snake(name: str) -> str:
    """A contact field as routes.toml and placeholders write it: `postalCode` → `postal_code`."""
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)
