"""Who did something, as Pinterest takes it: each value brought into one form, then hashed with SHA-256.

Rules: the Ads API's OpenAPI file, schema ConversionEventsUserDataProperties. Its example hashes do not keep its rules.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence

from leads.core.answers import text_of
from leads.core.birth_date import complete_birth_date
from leads.core.countries import country_code
from leads.core.regions import region_code

# What a value becomes before it is hashed, "" when there is nothing to match by. The second argument: ISO-2 regions
# that a phone number may be from, likeliest first.
Rule = Callable[[str, Sequence[str]], str]

_HASH = re.compile(r"[0-9a-fA-F]{64}")
# What careless senders hash when there is no value: it would make one person of all who have none.
_HASH_OF_NOTHING = hashlib.sha256(b"").hexdigest()
_TIME_OF_DAY = re.compile(r"(?<=\d)[T ]\d\d:\d\d.*$")
_ADDRESS = re.compile(r"[^\s@]+@[^\s@]+")
# What forms and tables have where there is no value.
_NOTHING = frozenset(("n/a", "n.a.", "none", "null", "nil", "undefined", "unknown", "-", "--", "?"))
# Of a number in digits: what is shorter is an extension, what is longer is none (ITU-T E.164).
_SHORTEST_PHONE, _LONGEST_PHONE = 5, 15
# Spelled as folded letters.
_GENDERS = {
    **dict.fromkeys(("f", "female", "woman"), "f"),
    **dict.fromkeys(("m", "male", "man"), "m"),
    **dict.fromkeys(("n", "nb", "nonbinary", "enby"), "n"),
}
# ISO 3166 codes that the CRM's list of countries lacks.
_OTHER_COUNTRIES = frozenset(("bl", "bq", "cw", "ss"))


def _lower(text: str) -> str:
    # An accent can be stored in two ways, which look the same and hash differently. Keyboards write the composed one,
    # so that is what Pinterest has of its people; some systems take it apart when they export.
    return unicodedata.normalize("NFC", text_of(text).lower())


def _digits(text: str) -> str:
    """The digits, those of other scripts as ours."""
    numbers = (unicodedata.decimal(letter, None) for letter in text)
    return "".join(str(number) for number in numbers if number is not None)


def _email(text: str, _: Sequence[str]) -> str:
    address = _lower(text)
    return address if _ADDRESS.fullmatch(address) else ""


def _phone(text: str, regions: Sequence[str]) -> str:
    """Country code and number in digits, however it is written."""
    number = "".join(str(unicodedata.decimal(letter, letter)) for letter in text_of(text)).replace("＋", "+")
    if number.startswith("00"):
        number = f"+{number[2:]}"
    digits = _e164(number, regions) or _digits(number).lstrip("0")
    return digits if _SHORTEST_PHONE <= len(digits) <= _LONGEST_PHONE else ""


def _e164(number: str, regions: Sequence[str]) -> str:
    """The digits of a number that exists, in one of the regions unless it has a country code; "" of any other."""
    # Late: 25 ms of import that hashed numbers need not pay.
    import phonenumbers

    for written, region in _readings(number, regions):
        try:
            found = phonenumbers.parse(written, region)
        except phonenumbers.NumberParseException:
            continue
        if phonenumbers.is_valid_number(found):
            return str(phonenumbers.format_number(found, phonenumbers.PhoneNumberFormat.E164)).removeprefix("+")
    return ""


def _readings(number: str, regions: Sequence[str]) -> Iterator[tuple[str, str | None]]:
    """How a number may be meant, likeliest first: text and region.

    Without a plus it may still begin with its country code, as Pinterest itself wants it. It does where people at home
    would have begun with a zero; elsewhere (in North America, say) ten digits are a number of the region.
    """
    import phonenumbers

    if "+" in number:
        yield number, None
        return
    digits = _digits(number)
    for region in dict.fromkeys(regions):
        is_at_home = phonenumbers.ndd_prefix_for_region(region, True) != "0" or digits.startswith("0")
        both = ((number, region), (f"+{digits}", None))
        yield from both if is_at_home else reversed(both)


def _name(text: str, _: Sequence[str]) -> str:
    # Null and None are people's names, too.
    name = _lower(text)
    return name if any(map(str.isalpha, name)) and name != "n/a" else ""


def _city(text: str, _: Sequence[str]) -> str:
    """Letters, with the marks that some scripts write beside them, and digits."""
    return "".join(letter for letter in _lower(text) if unicodedata.category(letter)[0] in "LMN")


def _state(text: str, _: Sequence[str]) -> str:
    return (region_code(_said(text)) or "").lower()


def _zip(text: str, _: Sequence[str]) -> str:
    return _digits(text)


def _country(text: str, _: Sequence[str]) -> str:
    code = _said(text).lower()
    return code if code in _OTHER_COUNTRIES else (country_code(code) or "").lower()


def _said(text: str) -> str:
    """The text, unless it says that there is none."""
    said = text_of(text)
    return "" if said.casefold() in _NOTHING else said


def _gender(text: str, _: Sequence[str]) -> str:
    return _GENDERS.get("".join(letter for letter in text.casefold() if letter.isalpha()), "")


def _birth_date(text: str, _: Sequence[str]) -> str:
    # There is no clock here: a day to come is nobody's birthday, and does no harm. Of a moment, the day counts.
    day = _TIME_OF_DAY.sub("", text_of(text))
    return (complete_birth_date(day, today=dt.date.max) or "").replace("-", "")


def _as_it_is(text: str, _: Sequence[str]) -> str:
    """The advertiser's own id, in which even a capital or a blank may matter."""
    return "".join(filter(str.isprintable, text)).strip()


# The plain interface's name → the API's, and its rule.
_RULES: Mapping[str, tuple[str, Rule]] = {
    "email": ("em", _email),
    "phone": ("ph", _phone),
    "first_name": ("fn", _name),
    "last_name": ("ln", _name),
    "city": ("ct", _city),
    "state": ("st", _state),
    "zip": ("zp", _zip),
    "country": ("country", _country),
    "gender": ("ge", _gender),
    "date_of_birth": ("db", _birth_date),
    "external_id": ("external_id", _as_it_is),
}
NAMES: Mapping[str, str] = {name: key for name, (key, _) in _RULES.items()}
_OF_CONTACT = {
    "email": "email",
    "phone": "phone",
    "firstName": "first_name",
    "lastName": "last_name",
    "city": "city",
    "state": "state",
    "postalCode": "zip",
    "country": "country",
    "dateOfBirth": "date_of_birth",
    "gender": "gender",
}

_OF_ANSWERS = {"GENDER": "gender", "COUNTRY": "country"}


def hashed(raw: Mapping[str, str | Sequence[str]], *, phone_region: str) -> dict[str, list[str]]:
    """What the plain interface was told of a person, by NAMES (others are left out), as the API takes it.

    phone_region: ISO-2 region of a number without country code; the person's own country comes before it.

    Each hash once, in order. What comes to nothing is left out; what is a hash already, stays as it is.
    """
    homes = (country_code(_said(text)) for text in _texts(raw.get("country", ())))
    return _user_data(raw, (*filter(None, homes), phone_region), takes_hashes=True)


def of_contact(fields: Mapping[str, str], answers: Mapping[str, str] | None = None) -> dict[str, list[str]]:
    """What a lead's contact says of a person, by the CRM API's names of its fields, as the API takes it.

    phone is E.164, country ISO-2, dateOfBirth YYYY-MM-DD. answers: question → what the person answered, for what the
    CRM has no value for (a gender that is neither of its two). Always hashed: what a person types is no hash, whatever
    it looks like.
    """
    raw = {_OF_ANSWERS[key]: text for key, text in (answers or {}).items() if key in _OF_ANSWERS}
    raw |= {_OF_CONTACT[name]: text for name, text in fields.items() if name in _OF_CONTACT}
    if "first_name" not in raw and "last_name" not in raw:
        raw["first_name"], _, raw["last_name"] = text_of(fields.get("name")).partition(" ")
    return _user_data(raw, (), takes_hashes=False)


def is_hash(text: str) -> bool:
    """Whether this is a SHA-256 in hexadecimal digits."""
    return _HASH.fullmatch(text) is not None


def is_hash_of_nothing(text: str) -> bool:
    """Whether a sender has hashed a value that was not there."""
    return text.lower() == _HASH_OF_NOTHING


def _texts(given: str | Sequence[str]) -> Sequence[str]:
    return (given,) if isinstance(given, str) else given


def _user_data(
    raw: Mapping[str, str | Sequence[str]], regions: Sequence[str], *, takes_hashes: bool
) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, (key, rule) in _RULES.items():
        hashes = (_hash(text, name, rule, regions, takes_hashes) for text in _texts(raw.get(name, ())))
        if each := list(dict.fromkeys(filter(None, hashes))):
            found[key] = each
    return found


def _hash(text: str, name: str, rule: Rule, regions: Sequence[str], takes_hashes: bool) -> str:
    if takes_hashes and is_hash(given := text.strip()):
        return "" if is_hash_of_nothing(given) else given
    plain = rule(text, regions)
    return hashlib.sha256(plain.encode()).hexdigest() if plain else ""
