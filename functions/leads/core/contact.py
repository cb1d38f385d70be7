"""A lead's answers as the CRM's contact fields: one table, one converter per kind of value."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping

import msgspec

from leads.core.answers import Answers, text_of
from leads.core.birth_date import complete_birth_date
from leads.core.countries import country_code

# Nothing a person answers to one of these questions is longer; what is, would only be refused.
_LONGEST = 500

# What the HTML standard calls a valid e-mail address, narrowed to what mail servers take: a domain of several
# labels that does not end in a number, and no dot beside another or at an end.
# https://html.spec.whatwg.org/multipage/input.html#valid-e-mail-address
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_ATOM = r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+"
_EMAIL = re.compile(rf"(?=.{{1,64}}@){_ATOM}(?:\.{_ATOM})*@(?:{_LABEL}\.)+(?!\d+$){_LABEL}", re.IGNORECASE | re.ASCII)

# A phone number and nothing else; what is written beside one (an extension, "evenings only") is not sent with it.
_ONLY_A_NUMBER = re.compile(r"[\d\s()+./\-‐‑‒–—＋]+")

_GENDERS = {"male": "male", "m": "male", "man": "male", "female": "female", "f": "female", "woman": "female"}


class Contact(msgspec.Struct, frozen=True, kw_only=True):
    """What the CRM is told of a person.

    fields: contact field → text, never empty, each one allowed in an upsert.
    unused: keys of answers that are in no field, or not in full, so that nobody believes they were written.
    converted: answer key → what it was read as (COUNTRY "United States" → "US"), where that is something else.
    """

    fields: dict[str, str]
    unused: tuple[str, ...] = ()
    converted: dict[str, str] = {}


class Given(msgspec.Struct, frozen=True):
    """What a route says a field is made of: the text, and the keys of the answers in it."""

    text: str
    keys: tuple[str, ...]


class Locale(msgspec.Struct, frozen=True):
    """What a bare value is read with: ISO-2 regions for a phone number, likeliest first, and the date of today."""

    regions: tuple[str, ...]
    today: dt.date


Converter = Callable[[str, Locale], str | None]


def _text(value: str, _: Locale) -> str | None:
    return value


def _email(value: str, _: Locale) -> str | None:
    return value if is_email(value) else None


def _phone(value: str, locale: Locale) -> str | None:
    """E.164 of a number that exists in the person's country or the default region.

    One that merely could exist is not sent: the CRM may drop it without a word.
    """
    # Late: 25 ms of import that a lead without a phone number need not pay.
    import phonenumbers

    for region in dict.fromkeys(locale.regions):
        try:
            number = phonenumbers.parse(value, region)
        except phonenumbers.NumberParseException:
            continue
        if phonenumbers.is_valid_number(number):
            return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return None


def _country(value: str, _: Locale) -> str | None:
    return country_code(value)


def _birth_date(value: str, locale: Locale) -> str | None:
    return complete_birth_date(value, today=locale.today)


def _gender(value: str, _: Locale) -> str | None:
    return _GENDERS.get(value.casefold())


# Pinterest's question types (Ads API, LeadFormQuestionType), which every source uses for the same questions, then
# what only others ask for. Of several questions for one field the first whose answer can be used fills it. AGE,
# PREFERRED_CONTACT_METHOD and custom questions have no field of their own in the CRM; they are in the note.
DEFAULT_MAPPING: Mapping[str, tuple[str, Converter]] = {
    "FULL_NAME": ("name", _text),
    "FIRST_NAME": ("firstName", _text),
    "LAST_NAME": ("lastName", _text),
    "EMAIL": ("email", _email),
    "PHONE_NUMBER": ("phone", _phone),
    "ADDRESS": ("address1", _text),
    "CITY": ("city", _text),
    "STATE_PROVINCE": ("state", _text),
    "ZIP_CODE": ("postalCode", _text),
    "COUNTRY": ("country", _country),
    "DATE_OF_BIRTH": ("dateOfBirth", _birth_date),
    "GENDER": ("gender", _gender),
    "COMPANY_NAME": ("companyName", _text),
    "WEBSITE": ("website", _text),
    "TIMEZONE": ("timezone", _text),
    "WORK_EMAIL": ("email", _email),
    "WORK_PHONE_NUMBER": ("phone", _phone),
    "WHATSAPP_NUMBER": ("phone", _phone),
    "USER_PROVIDED_PHONE_NUMBER": ("phone", _phone),
}

_CONVERTERS: Mapping[str, Converter] = dict(DEFAULT_MAPPING.values())
_RANK = {key: rank for rank, key in enumerate(DEFAULT_MAPPING)}
# Fields that keep an answer in other words than the person's, and nothing less.
_REWORDED = frozenset(("country", "dateOfBirth", "gender"))


def contact_from(
    answers: Answers, *, phone_region: str, today: dt.date, given: Mapping[str, Given] | None = None
) -> Contact:
    """The contact that `answers` describe.

    phone_region: ISO-2 region for a number without country code; the person's own country comes before it.
    given: contact field → what the route says of it; where that cannot be used, the standard question's answer is.

    A value that cannot be used is left out and its key listed in `unused`; it never stops the lead.
    """
    given = given or {}
    standard = _standard(answers)
    sources = {
        field: [*([given[field]] if field in given else ()), *standard.get(field, ())]
        for field in {**given, **standard}
    }
    locale = Locale((phone_region,), today)
    homes = (_value("country", source, locale) for source in sources.get("country", ()))
    if home := next(filter(None, homes), None):
        locale = Locale((home, phone_region), today)
    fields: dict[str, str] = {}
    converted: dict[str, str] = {}
    used: set[str] = set()
    for field, source in ((field, source) for field, each in sources.items() for source in each):
        value = _value(field, source, locale)
        if value is None:
            continue
        if len(source.keys) == 1 and value != answers.text(source.keys[0]):
            converted.setdefault(source.keys[0], value)
        if fields.setdefault(field, value) == value:
            used.update(key for key in source.keys if _is_whole(field, value, answers.text(key)))
    if "name" in fields and not ("firstName" in fields or "lastName" in fields):
        first, _, last = fields["name"].partition(" ")
        fields["firstName"] = first
        if last:
            fields["lastName"] = last
    return Contact(
        fields=fields, unused=tuple(key for key, _ in answers.items() if key not in used), converted=converted
    )


def _standard(answers: Answers) -> dict[str, list[Given]]:
    """Contact field → the answers to its standard questions, the one that comes first in the mapping first."""
    found: dict[str, list[Given]] = {}
    for key, text in answers.items():
        if key in DEFAULT_MAPPING:
            found.setdefault(DEFAULT_MAPPING[key][0], []).append(Given(text, (key,)))
    for each in found.values():
        each.sort(key=lambda one: _RANK[one.keys[0]])
    return found


def is_email(text: str) -> bool:
    """Whether mail can be sent to `text`, as far as its form tells."""
    return len(text) <= 254 and _EMAIL.fullmatch(text) is not None


def _value(field: str, source: Given, locale: Locale) -> str | None:
    """The text as the field takes it, None when it cannot be used."""
    text = text_of(source.text)
    if not text or len(text) > _LONGEST:
        return None
    return _CONVERTERS.get(field, _text)(text, locale)


def _is_whole(field: str, value: str, answer: str) -> bool:
    """Whether the field's value says all that the answer says."""
    if field == "phone":
        return _ONLY_A_NUMBER.fullmatch(answer) is not None
    return field in _REWORDED or answer in value
