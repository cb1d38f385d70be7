"""What the CRM made of a contact: its own words compared with what was sent, in sentences for people."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from leads.core.answers import folded, text_of
from leads.core.contact_fields import snake
from leads.core.custom_field import Definition, Value, number_of

# What a person calls a contact field.
_CALLED: Mapping[str, str] = {
    "email": "e-mail address",
    "phone": "phone number",
    "address1": "address",
    "dateOfBirth": "date of birth",
    "assignedTo": "owner",
    "companyName": "company",
    "dndSettings": "do-not-disturb settings",
}
# Never shown by the API: the schemas of its answers have no such property.
_NEVER_ECHOED = frozenset({"gender"})
# A contact that exists keeps what it has of these (https://github.com/GoHighLevel/highlevel-api-docs/issues/313).
_KEPT = frozenset({"gender"})
# Replacing one of these forgets how the person could be reached before.
REACH = ("email", "phone")
# With fewer digits a phone number is an extension or a piece of one.
_WHOLE_NUMBER = 7


class Remark(msgspec.Struct, frozen=True):
    """Something the CRM did not take as it was sent.

    text: a plain sentence that names fields and ids, never a person's data: it may be logged.
    value: what may follow it in the CRM's own note.
    """

    field: str
    text: str
    value: str = ""


def remarks_of(
    sent: Mapping[str, str], echo: Mapping[str, Any], *, existed: bool, before: Mapping[str, Any] | None
) -> tuple[Remark, ...]:
    """Where the contact in the CRM's answer differs from what was sent.

    sent: contact field → text. echo: the answer's contact object. existed: the contact was there before this lead.
    before: the contact object as it was then, None when there was none.
    """
    remarks = [
        Remark(name, f"The CRM keeps the {called(name)} of a contact that it knows.", sent[name])
        for name in sorted(_KEPT & sent.keys())
        if existed and not _same(name, sent[name], echo)
    ]
    shown = {name: value for name, value in sent.items() if name not in _NEVER_ECHOED}
    # An answer that shows nothing of what was sent says nothing about it either.
    if any(echo.get(name) for name in shown):
        for name, value in shown.items():
            if not _same(name, value, echo):
                what = "keeps another value for" if echo.get(name) else "did not store"
                remarks.append(Remark(name, f"The CRM {what} the {called(name)}.", value))
    for name in REACH:
        old, new = text_of((before or {}).get(name)), text_of(echo.get(name))
        if old and new and not _same(name, old, echo):
            # https://github.com/GoHighLevel/highlevel-api-docs/issues/337: the old one is kept nowhere.
            remarks.append(Remark(name, f"The contact had another {called(name)} before, which was replaced.", old))
    return tuple(remarks)


def custom_remarks(sent: Sequence[tuple[Definition, Value]], echo: Mapping[str, Any]) -> tuple[Remark, ...]:
    """The custom fields that the contact in the CRM's answer lacks, or has with another value than was sent."""
    if not echo:
        return ()
    entries = echo.get("customFields")
    stored = {
        str(entry.get("id")): entry.get("value", entry.get("fieldValue", entry.get("field_value")))
        for entry in (entries if isinstance(entries, list) else ())
        if isinstance(entry, dict)
    }
    return tuple(
        Remark(definition.id, f"The CRM did not store the custom field {_label(definition)}.", text_of(value))
        for definition, value in sent
        if not _same_value(value, stored.get(definition.id))
    )


def has_all(
    fields: Mapping[str, str],
    custom: Sequence[tuple[Definition, Value]],
    dnd: Sequence[str],
    contact: Mapping[str, Any],
) -> bool:
    """Whether a contact, in the CRM's words, shows all of these values; those that it never shows are not asked for.

    dnd: channels on which the person is not to be disturbed.
    """
    if not all(_same(name, value, contact) for name, value in fields.items() if name not in _NEVER_ECHOED):
        return False
    return set(dnd) <= set(quiet_channels(contact)) and not custom_remarks(custom, contact)


def quiet_channels(contact: Mapping[str, Any]) -> tuple[str, ...]:
    """The channels on which a contact, in the CRM's words, is not to be disturbed."""
    settings = contact.get("dndSettings")
    entries = settings.items() if isinstance(settings, dict) else ()
    return tuple(name for name, entry in entries if isinstance(entry, dict) and entry.get("status") == "active")


def field_refused(name: str) -> Remark:
    """The CRM answered 422 to this field, and the contact was written without it."""
    shown = f"custom field {name.partition(':')[2]}" if name.startswith("customFields:") else called(name)
    return Remark(name, f"The CRM refused the {shown}, and the contact was written without it.")


def belongs_to_another(name: str, contact_id: str) -> Remark:
    """E-mail and phone lead to two contacts, and this lead is on one of them."""
    return Remark(name, f"The {called(name)} belongs to another contact, {contact_id}.")


def lookup_refused() -> Remark:
    """Whether the person was known could not be asked, so nothing that a contact may have of its own was sent."""
    return Remark("source", "The CRM refused to look the person up, so source and owner were left as they are.")


def assignee_refused(user_id: str) -> Remark:
    """The user of a task does not exist in the location."""
    return Remark("assignedTo", f"The CRM does not know the user {user_id}; the task is nobody's.")


def appeared_meanwhile() -> Remark:
    """Nobody was found, and a moment later somebody was there: another lead of the same person."""
    text = "The contact was made by somebody else at the same moment, so its source and owner may have been replaced."
    return Remark("source", text)


def another_than_found(contact_id: str) -> Remark:
    """The CRM found one contact and wrote another."""
    text = f"The CRM found contact {contact_id} for this person and wrote this one"
    return Remark("source", f"{text}, whose source and owner may have been replaced.")


def tags_not_kept(missing: int) -> Remark:
    """Some tags are not among those that the contact has now; which, may tell of the person."""
    return Remark("tags", f"The CRM did not keep {missing} of the tags.")


def unknown_custom_field(key: str) -> Remark:
    """routes.toml names a custom field that the location does not have."""
    return Remark(key, f"The location has no custom field {key}; correct it in routes.toml or create it in the CRM.")


def value_does_not_fit(definition: Definition) -> Remark:
    """The answer is no date, no number or none of the options."""
    kind = definition.data_type.lower().replace("_", " ")
    return Remark(definition.id, f"The answer does not fit the custom field {_label(definition)} ({kind}).")


def custom_fields_unreadable() -> Remark:
    """The list of custom fields may not be read, so none could be written."""
    return Remark(
        "customFields",
        "The custom fields were not written: "
        "the CRM's token may not read them (scope locations/customFields.readonly).",
    )


def called(field: str) -> str:
    """A contact field in plain words."""
    return _CALLED.get(field, snake(field).replace("_", " "))


def _label(definition: Definition) -> str:
    return definition.field_key or definition.id


def _same(name: str, sent: str, echo: Mapping[str, Any]) -> bool:
    if echo.get(name) == sent:
        return True
    same = _ALIKE.get(name, _same_words)
    shown = [echo.get(name)]
    if name == "name":
        # Not every answer shows it, and some make it of the two parts.
        shown.append(f"{text_of(echo.get('firstName'))} {text_of(echo.get('lastName'))}")
    return any(same(sent, text_of(each)) for each in shown)


def _same_words(sent: str, shown: str) -> bool:
    return folded(sent) == folded(shown)


def _same_number(sent: str, shown: str) -> bool:
    """The CRM may show a number as it is dialled at home: without country code, perhaps with a zero instead."""
    short, long = sorted((_digits(sent), _digits(shown)), key=len)
    return short == long or (len(short) >= _WHOLE_NUMBER and long.endswith(short))


def _digits(text: str) -> str:
    return "".join(letter for letter in text if letter.isdigit()).lstrip("0")


def _same_date(sent: str, shown: str) -> bool:
    return _date(sent) == _date(shown)


def _date(text: str) -> str:
    """The date of a date or a moment: POST /contacts/ answers with one, GET with the other."""
    return text[:10]


def _same_address(sent: str, shown: str) -> bool:
    return _address(sent) == _address(shown)


def _address(text: str) -> str:
    return folded(text).removeprefix("https://").removeprefix("http://").rstrip("/")


_ALIKE: Mapping[str, Callable[[str, str], bool]] = {
    "phone": _same_number,
    "dateOfBirth": _same_date,
    "website": _same_address,
}


def _same_value(sent: Value, stored: Any) -> bool:
    shown = text_of(stored)
    if isinstance(sent, list):
        parts = [text_of(item) for item in stored] if isinstance(stored, list) else shown.split(",")
        return {folded(item) for item in sent} == {folded(part) for part in parts} or folded(text_of(sent)) == folded(
            shown
        )
    if isinstance(sent, int | float):
        return number_of(shown) == sent
    # A date may come back as a moment.
    return folded(sent) in (folded(shown), folded(_date(shown)))
