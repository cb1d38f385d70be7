"""A location's custom fields: what each type of field takes of an answer, and what it does not."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec

from leads.core.answers import folded
from leads.core.birth_date import complete_date
from leads.core.contact import is_email

Value = str | float | list[str]

_PREFIX = "contact."
# Beyond this many digits a JSON number is no longer the number that was typed.
_MOST_DIGITS = 15
_PLAIN_NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?")
_GROUPED_NUMBER = re.compile(r"[+-]?\d{1,3}(?:([, '’])\d{3})(?:\1\d{3})*(?:\.\d+)?")
_GROUPED_BY_DOTS = re.compile(r"[+-]?\d{1,3}(?:(?:\.\d{3})+,\d+|(?:\.\d{3}){2,})")
_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d{1,2}")


class Definition(msgspec.Struct, frozen=True, kw_only=True):
    """One custom field as GET /locations/{locationId}/customFields lists it (OpenAPI, CustomFieldSchema).

    field_key: `contact.budget`. data_type: `TEXT`, `SINGLE_OPTIONS` … options: the labels to choose from, if any.
    """

    id: str
    name: str = ""
    field_key: str = ""
    data_type: str = "TEXT"
    options: tuple[str, ...] = ()


class Fitted(msgspec.Struct, frozen=True):
    """value: what is written, None when nothing is. left: the texts that the field's type does not take."""

    value: Value | None
    left: tuple[str, ...] = ()


def find(definitions: Iterable[Definition], wanted: str) -> Definition | None:
    """The field with this id, else with this key, with or without `contact.` and whatever its case."""
    known = tuple(definitions)
    wanted = wanted.strip()
    by_id = next((definition for definition in known if definition.id == wanted), None)
    if by_id or not wanted:
        return by_id
    key = _bare(wanted)
    return next(
        (definition for definition in known if definition.field_key and _bare(definition.field_key) == key), None
    )


def value_for(definition: Definition, values: Sequence[str]) -> Fitted:
    """What an answer's texts become in a field of this type.

    Types and the JSON type of each value: the API's OpenAPI document, TextField, NumericField, SingleSelectField,
    MultiSelectField, CheckboxField … of the contacts. Select fields take the options' labels, not their keys.
    """
    texts = tuple(text for value in values if (text := value.strip()))
    if not texts:
        return Fitted(None)
    return _TYPES.get(definition.data_type.upper(), _as_text)(definition, texts)


def number_of(text: str) -> float | None:
    """The number that `text` is, with thousands separators and a currency sign or without; None when in doubt.

    "1,234" is a thousand and "1,5" one and a half; "$10k", "about 5" and "10-20" are no numbers.
    """
    bare = "".join(" " if letter.isspace() else letter for letter in text if unicodedata.category(letter) != "Sc")
    bare = bare.strip()
    if sum(letter.isdecimal() for letter in bare) > _MOST_DIGITS:
        return None
    if _GROUPED_BY_DOTS.fullmatch(bare):
        bare = bare.replace(".", "").replace(",", ".")
    elif _GROUPED_NUMBER.fullmatch(bare):
        bare = re.sub("[, '’]", "", bare)
    elif _DECIMAL_COMMA.fullmatch(bare):
        bare = bare.replace(",", ".")
    elif not _PLAIN_NUMBER.fullmatch(bare):
        return None
    return float(bare) if "." in bare else int(bare)


def _as_text(_: Definition, texts: tuple[str, ...]) -> Fitted:
    return Fitted(", ".join(texts))


def _as_number(_: Definition, texts: tuple[str, ...]) -> Fitted:
    number = number_of(texts[0]) if len(texts) == 1 else None
    return Fitted(None, texts) if number is None else Fitted(number)


def _as_email(_: Definition, texts: tuple[str, ...]) -> Fitted:
    return Fitted(texts[0]) if len(texts) == 1 and is_email(texts[0]) else Fitted(None, texts)


def _as_date(_: Definition, texts: tuple[str, ...]) -> Fitted:
    date = complete_date(texts[0]) if len(texts) == 1 else None
    return Fitted(None, texts) if date is None else Fitted(date.isoformat())


def _as_one_option(definition: Definition, texts: tuple[str, ...]) -> Fitted:
    chosen, left = _chosen(definition, texts)
    # One choice has one value: whatever else was chosen has no place in it.
    return Fitted(chosen[0], (*chosen[1:], *left)) if chosen else Fitted(None, left)


def _as_options(definition: Definition, texts: tuple[str, ...]) -> Fitted:
    chosen, left = _chosen(definition, texts)
    return Fitted(list(chosen) or None, left)


def _as_nothing(_: Definition, texts: tuple[str, ...]) -> Fitted:
    """Files and signatures are uploads; a list of text boxes wants the ids of its boxes."""
    return Fitted(None, texts)


def _chosen(definition: Definition, texts: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The options' own labels for `texts`, each once, and the texts that name none."""
    if not definition.options:
        return tuple(dict.fromkeys(texts)), ()
    labels = {folded(label): label for label in reversed(definition.options)}
    chosen: dict[str, None] = {}
    left: list[str] = []
    for text in texts:
        # Some platforms send several choices as one text; a label may have a comma of its own.
        for part in [text] if folded(text) in labels else text.split(","):
            label = labels.get(folded(part))
            if label is not None:
                chosen[label] = None
            elif part.strip():
                left.append(part.strip())
    return tuple(chosen), tuple(left)


def _bare(key: str) -> str:
    return key.strip().casefold().removeprefix(_PREFIX)


# The types that the vendor's documents name; any other is written as text, and compared with what came of it.
_TYPES: Mapping[str, Callable[[Definition, tuple[str, ...]], Fitted]] = {
    "TEXT": _as_text,
    "LARGE_TEXT": _as_text,
    "PHONE": _as_text,
    "TIME": _as_text,
    "EMAIL": _as_email,
    "NUMERICAL": _as_number,
    "FLOAT": _as_number,
    "MONETORY": _as_number,
    "DATE": _as_date,
    "SINGLE_OPTIONS": _as_one_option,
    "RADIO": _as_one_option,
    "MULTIPLE_OPTIONS": _as_options,
    "CHECKBOX": _as_options,
    "TEXTBOX_LIST": _as_nothing,
    "FILE_UPLOAD": _as_nothing,
    "SIGNATURE": _as_nothing,
}
