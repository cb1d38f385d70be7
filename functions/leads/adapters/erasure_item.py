"""The list of erased people as DynamoDB holds it: a salt, and maps of hash → seconds since the epoch."""

from __future__ import annotations

from leads.adapters.item_values import Item, text
from leads.core.erasure import Erased

# The maps, by the names that `Erased` has for them.
MAPS = ("people", "known_with", "leads")


def erased(item: Item) -> Erased:
    """The list in its item; a map that the item lacks is empty."""
    maps = {name: {one: float(at["N"]) for one, at in item.get(name, {}).get("M", {}).items()} for name in MAPS}
    return Erased(text(item, "salt"), **maps)
