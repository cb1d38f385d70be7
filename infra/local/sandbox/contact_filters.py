"""Which contacts a search finds, and in which order.

Source: https://doc.clickup.com/8631005/d/h/87cpx-158396/6e629989abe7fad, the page that the API's own specification
points to for it: filters, operators by field, sort fields, searchAfter.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cmp_to_key
from typing import Any

from infra.local.sandbox.directory import Contact
from infra.local.sandbox.moments import milliseconds

_WHOLE = frozenset({"eq", "not_eq", "exists", "not_exists"})
_PARTS = _WHOLE | {"contains", "not_contains"}
_MOMENT = frozenset({"range", "exists", "not_exists"})
_BOUNDS = frozenset({"gt", "gte", "lt", "lte"})
_LONGEST_VALUE = 75


def _stored(name: str) -> Callable[[Contact], Any]:
    return lambda contact: contact.values.get(name)


def _lowered(name: str) -> Callable[[Contact], Any]:
    return lambda contact: str(contact.values.get(name, "")).lower()


# Field: what it is of a contact, and the operators it takes.
_FIELDS: Mapping[str, tuple[Callable[[Contact], Any], frozenset[str]]] = {
    "id": (lambda contact: contact.id, frozenset({"eq", "not_eq"})),
    "contactName": (lambda contact: contact.name, _WHOLE),
    "firstNameLowerCase": (_lowered("firstName"), _PARTS),
    "lastNameLowerCase": (_lowered("lastName"), _PARTS),
    "address": (_stored("address1"), _PARTS),
    **{name: (_stored(name), _PARTS) for name in ("phone", "city", "postalCode", "companyName")},
    **{name: (_stored(name), _WHOLE) for name in ("email", "state", "country", "source", "assignedTo", "dnd")},
    "tags": (lambda contact: contact.tags, _WHOLE),
    "dateAdded": (lambda contact: contact.added_at, _MOMENT),
    "dateUpdated": (lambda contact: contact.updated_at, _MOMENT),
}
_SORTED_BY = ("email", "dnd", "source", "firstNameLowerCase", "lastNameLowerCase", "dateAdded", "dateUpdated")
# What a place in the order is made of: milliseconds, a flag, or a text for all others.
_RANKED_BY: Mapping[str, type] = {"dateAdded": int, "dateUpdated": int, "dnd": bool}


def filter_complaints(filters: Any) -> Iterator[str]:
    """What is wrong with a list of filters and groups of filters."""
    if not isinstance(filters, list):
        yield "filters must be an array"
        return
    for found in filters:
        if not isinstance(found, dict):
            yield "each value in filters must be an object"
        elif "group" in found:
            if found["group"] not in ("AND", "OR"):
                yield "group must be one of: AND, OR"
            yield from filter_complaints(found.get("filters"))
        elif found.get("field") not in _FIELDS:
            yield f"Invalid field {found.get('field')}"  # as issue 289 shows it
        elif found.get("operator") not in _FIELDS[found["field"]][1]:
            yield f"Invalid operator {found.get('operator')} for field {found['field']}"
        else:
            yield from _value_complaints(found["field"], found["operator"], found.get("value"))


def sort_complaints(sort: Any) -> Iterator[str]:
    if not isinstance(sort, list) or not all(isinstance(found, dict) for found in sort):
        yield "sort must be an array of objects"
        return
    for found in sort:
        if found.get("field") not in _SORTED_BY:
            yield f"Invalid sort field {found.get('field')}"
        if found.get("direction") not in ("asc", "desc"):
            yield "direction must be one of: asc, desc"


def matches(contact: Contact, filters: Iterable[Mapping[str, Any]]) -> bool:
    """Whether the contact passes every filter; a group joins its own filters by AND or by OR."""
    return all(_passes(contact, found) for found in filters)


class Order:
    """The order a search was asked for; the id decides between equals, so that no two contacts share a place."""

    def __init__(self, sort: Sequence[Mapping[str, Any]]) -> None:
        self._sort = [*sort, {"field": "id", "direction": "asc"}]

    def position(self, contact: Contact) -> list[Any]:
        """The contact's `searchAfter`: what it is sorted by, moments in milliseconds, and its id."""
        return [_rank(contact, found["field"]) for found in self._sort]

    def sorted(self, contacts: Iterable[Contact]) -> list[Contact]:
        return sorted(contacts, key=lambda contact: cmp_to_key(self._compare)(self.position(contact)))

    def after(self, cursor: Sequence[Any], contacts: Iterable[Contact]) -> list[Contact]:
        """The contacts that come after a `searchAfter`; ValueError when it belongs to another order."""
        kinds = [_RANKED_BY.get(found["field"], str) for found in self._sort]
        if [type(value) for value in cursor] != kinds:
            raise ValueError("searchAfter does not fit the sort")
        return [contact for contact in contacts if self._compare(self.position(contact), cursor) > 0]

    def _compare(self, one: Sequence[Any], other: Sequence[Any]) -> int:
        for found, left, right in zip(self._sort, one, other, strict=True):
            if left != right:
                return (1 if left > right else -1) * (1 if found["direction"] == "asc" else -1)
        return 0


def _value_complaints(field: str, operator: str, value: Any) -> Iterator[str]:
    if operator == "range":
        if not isinstance(value, dict) or not value or value.keys() - _BOUNDS:
            yield f"value of {field} must be an object of {', '.join(sorted(_BOUNDS))}"
            return
        for bound in value.values():
            try:
                milliseconds(bound)
            except (TypeError, ValueError):
                yield f"value of {field} must hold ISO 8601 dates"
    elif operator not in ("exists", "not_exists") and not isinstance(value, str | int | float):
        yield f"value of {field} must be a string, a number or a boolean"
    elif isinstance(value, str) and len(value) > _LONGEST_VALUE:
        yield f"value of {field} must be shorter than or equal to {_LONGEST_VALUE} characters"


def _passes(contact: Contact, found: Mapping[str, Any]) -> bool:
    if "group" in found:
        passed = (_passes(contact, inner) for inner in found["filters"])
        return any(passed) if found["group"] == "OR" else all(passed)
    value = _FIELDS[found["field"]][0](contact)
    operator: str = found["operator"]
    wanted: Any = found.get("value")
    if operator == "range":
        return _in_range(milliseconds(value), {name: milliseconds(bound) for name, bound in wanted.items()})
    has = {
        "eq": lambda: _folded(wanted) in (map(_folded, value) if isinstance(value, list) else (_folded(value),)),
        "contains": lambda: _folded(wanted) in _folded(value),
        "exists": lambda: value not in (None, "", []),
    }[operator.removeprefix("not_")]()
    return bool(has) is not operator.startswith("not_")


def _in_range(at: int, bounds: Mapping[str, int]) -> bool:
    compared = {"gt": int.__gt__, "gte": int.__ge__, "lt": int.__lt__, "lte": int.__le__}
    return all(compared[name](at, bound) for name, bound in bounds.items())


def _folded(value: Any) -> str:
    return "" if value is None else str(value).casefold()


def _rank(contact: Contact, field: str) -> Any:
    value = _FIELDS[field][0](contact)
    kind = _RANKED_BY.get(field, str)
    return milliseconds(value) if kind is int else kind(value or "")
