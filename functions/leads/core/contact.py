"""A lead's answers as the CRM's contact fields: one table, one converter per kind of value."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from leads.core.birth_date import complete_birth_date
from leads.core.countries import country_code
from leads.core.lenient_json import plain_text

# Nothing a person answers to one of these questions is longer; what is, would only be refused.
_LONGEST = 500

# What the HTML standard calls a valid e-mail address, narrowed to what mail servers take: a domain of several
# labels that does not end in a number, and no dot beside another or at an end.
# https://html.spec.whatwg.org/multipage/input.html#valid-e-mail-address
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_ATOM = r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+"
_EMAIL = re.compile(rf"(?=.{{1,64}}@){_ATOM}(?:\.{_ATOM})*@(?:{_LABEL}\.)+(?!\d+$){_LABEL}", re.IGNORECASE | re.ASCII)
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f]+")
# Marks without width that come along when somebody pastes; the joiners among them belong to some scripts.
_INVISIBLE = re.compile("[\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]")

_GENDERS = {"male": "male", "m": "male", "man": "male", "female": "female", "f": "female", "woman": "female"}


class Contact(msgspec.Struct, frozen=True, kw_only=True):
    """What the CRM is told of a lead.

    fields: contact field → text, never empty, each one allowed in an upsert.
    unused: keys of answers that became no field, so that nobody believes they were written.
    """

    fields: dict[str, str]
    unused: tuple[str, ...] = ()


class Locale(msgspec.Struct, frozen=True):
    """What a bare value is read with: ISO-2 regions for a phone number, likeliest first, and the date of today."""

    regions: tuple[str, ...]
    today: dt.date


Converter = Callable[[str, Locale], str | None]


def _text(value: str, _: Locale) -> str | None:
    return value


def _email(value: str, _: Locale) -> str | None:
    return value if len(value) <= 254 and _EMAIL.fullmatch(value) else None


def _phone(value: str, locale: Locale) -> str | None:
    """E.164: a number that exists in the person's country or the default region, else one that could."""
    # Late: 25 ms of import that a lead without a phone number need not pay.
    import phonenumbers

    possible: list[phonenumbers.PhoneNumber] = []
    for region in dict.fromkeys(locale.regions):
        try:
            number = phonenumbers.parse(value, region)
        except phonenumbers.NumberParseException:
            continue
        if phonenumbers.is_valid_number(number):
            possible = [number]
            break
        reason = phonenumbers.is_possible_number_with_reason(number)
        if reason == phonenumbers.ValidationResult.IS_POSSIBLE:
            possible.append(number)
    if not possible:
        return None
    return phonenumbers.format_number(possible[0], phonenumbers.PhoneNumberFormat.E164)


def _country(value: str, _: Locale) -> str | None:
    return country_code(value)


def _birth_date(value: str, locale: Locale) -> str | None:
    return complete_birth_date(value, today=locale.today)


def _gender(value: str, _: Locale) -> str | None:
    return _GENDERS.get(value.casefold())


# Pinterest's question types (Ads API, LeadFormQuestionType). AGE, PREFERRED_CONTACT_METHOD and custom
# questions have no field of their own in the CRM.
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
}


def contact_from(answers: Mapping[str, Any], *, phone_region: str, today: dt.date) -> Contact:
    """The contact that `answers` describe.

    answers: question key → any JSON value; lists are joined, null and blank count as not answered.
    phone_region: ISO-2 region for a number without country code; the person's own COUNTRY comes before it.

    A value that cannot be used is left out and its key listed in `unused`; it never stops the lead.
    """
    texts = {key: text for key, value in answers.items() if (text := text_of(value))}
    home = country_code(texts.get("COUNTRY", ""))
    locale = Locale((home, phone_region) if home else (phone_region,), today)
    fields: dict[str, str] = {}
    unused: list[str] = []
    for key, text in texts.items():
        field, convert = DEFAULT_MAPPING.get(key, ("", _text))
        value = convert(text, locale) if field and len(text) <= _LONGEST else None
        if value is None:
            unused.append(key)
        else:
            fields[field] = value
    if "name" in fields and not ("firstName" in fields or "lastName" in fields):
        first, _, last = fields["name"].partition(" ")
        fields["firstName"] = first
        if last:
            fields["lastName"] = last
    return Contact(fields=fields, unused=tuple(unused))


def text_of(value: Any, *, depth: int = 0) -> str:
    """Any JSON value as one clean line of text; "" for null, blank and empty; "…" below eight levels."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | dict) and depth >= 8:
        return "…"
    if isinstance(value, list):
        return ", ".join(text for item in value if (text := text_of(item, depth=depth + 1)))
    if isinstance(value, dict):
        pairs = ((key, text_of(item, depth=depth + 1)) for key, item in value.items())
        return ", ".join(f"{text_of(key)}: {text}" for key, text in pairs if text)
    visible = _INVISIBLE.sub("", plain_text(str(value)))
    return " ".join(_UNPRINTABLE.sub(" ", visible).split())
