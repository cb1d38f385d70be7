"""Whether a text names a person: by an e-mail address or a phone number, however it is written there."""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Any
from urllib.parse import unquote_plus

import phonenumbers

from leads.core.lead import plain_id

# What may stand between the digits of a phone number.
_GAP = r"[\W_]{0,3}"
# A number without its country code is one only if it is this long: what is shorter may be a price or a count.
_SHORTEST_AT_HOME = 7
_ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})")


class Mentions:
    """Looks for e-mail addresses, phone numbers (E.164), and digests (hex) of either."""

    def __init__(self, emails: Iterable[str], phones: Iterable[str], digests: Iterable[str] = ()) -> None:
        self._emails = tuple(emails)
        self._phones = tuple(phones)
        self._digests = tuple(digests)

    def are_in(self, texts: Iterable[str]) -> bool:
        """Whether one of these texts has one of them."""
        return self._one is not None and any(self._one.search(spelling) for text in texts for spelling in _read(text))

    @cached_property
    def _one(self) -> re.Pattern[str] | None:
        found = [
            *map(_email, self._emails),
            *map(_phone, self._phones),
            *(re.escape(it.lower()) for it in self._digests),
        ]
        return re.compile("|".join(found)) if found else None


def ids_of(emails: Iterable[str], phones: Iterable[str]) -> frozenset[str]:
    """How the ledger calls an event that others have given an e-mail address or a phone number for an id.

    It has a hash of it, which tells nothing of how it was written, so the usual ways are tried.
    """
    written = {way(email) for email in emails for way in (str.lower, str.upper, str.capitalize, str.title)}
    for phone in phones:
        written |= {phone, *_ways(phone)}
    return frozenset(map(plain_id, written))


def texts_in(value: Any) -> Iterator[str]:
    """Every text and number of a JSON value, at any depth, names included."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield name
            yield from texts_in(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from texts_in(inner)
    elif isinstance(value, float) and value.is_integer():
        yield str(int(value))
    elif isinstance(value, str | int | float) and not isinstance(value, bool):
        yield str(value)


def _email(address: str) -> str:
    """As a whole: `ann@example.com` is not in `joann@example.com`, nor in `ann@example.com.br`."""
    return rf"(?<![\w.+-]){re.escape(_folded(address))}(?![\w-]|\.\w)"


def _phone(number: str) -> str:
    """With its country code, or as at home: `+44 20 7946 0958`, `0044 (0)20 7946 0958`, `020 7946 0958`."""
    try:
        read = phonenumbers.parse(number)
    except phonenumbers.NumberParseException:
        # The CRM has let somebody write this; it is looked for as it stands there.
        return rf"(?<!\w){re.escape(_folded(number))}(?!\w)"
    home, country = phonenumbers.national_significant_number(read), str(read.country_code)
    trunk = phonenumbers.ndd_prefix_for_region(phonenumbers.region_code_for_number(read) or "", True) or ""
    before = [rf"(?:00|011)?{_GAP}{_GAP.join(country)}{_GAP}0?{_GAP}"]
    if len(home) >= _SHORTEST_AT_HOME:
        before += [f"{_GAP.join(one)}{_GAP}" for one in {trunk, "0"} - {""}] + [""]
    return rf"(?<!\d)(?:{'|'.join(before)}){_GAP.join(home)}(?!\d)"


def _ways(phone: str) -> Iterator[str]:
    formats = phonenumbers.PhoneNumberFormat
    try:
        read = phonenumbers.parse(phone)
    except phonenumbers.NumberParseException:
        return
    for one in (formats.INTERNATIONAL, formats.NATIONAL, formats.RFC3966):
        yield phonenumbers.format_number(read, one)


def _read(text: str) -> Iterator[str]:
    """A text as it is, and as what it may be escaped from: a part of an address on the web, or of JSON in JSON."""
    plain = _folded(_ESCAPE.sub(lambda found: chr(int(found[1], 16)), text))
    yield plain
    if "%" in plain or "+" in plain:
        yield _folded(unquote_plus(plain))


def _folded(text: str) -> str:
    """Without case, without signs that nobody sees, each letter and digit in one form."""
    if text.isascii():
        return text.lower()
    shown = (letter for letter in unicodedata.normalize("NFKC", text) if unicodedata.category(letter) != "Cf")
    return "".join(str(unicodedata.decimal(letter, letter)) for letter in shown).casefold()
