"""Which values a custom field keeps; what does not fit its type vanishes without a word, as on the vendor's side."""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

_NUMBER = re.compile(r"-?\d+(\.\d+)?")


def kept(definition: Mapping[str, Any], value: Any) -> Any:
    """The value as stored in a field of that definition, or None when nothing of it is."""
    keep = _KEEPERS.get(definition.get("dataType", "TEXT"), _text)
    return keep(value, definition.get("picklistOptions") or ())


def _text(value: Any, _: Sequence[str]) -> Any:
    return value if isinstance(value, str) else None


def _number(value: Any, _: Sequence[str]) -> Any:
    good = isinstance(value, int | float) or (isinstance(value, str) and _NUMBER.fullmatch(value))
    return value if good else None


def _date(value: Any, _: Sequence[str]) -> Any:
    try:
        return value if datetime.fromisoformat(value) else None
    except (TypeError, ValueError):
        return None


def _option(value: Any, options: Sequence[str]) -> Any:
    return value if isinstance(value, str) and (not options or value in options) else None


def _options(value: Any, options: Sequence[str]) -> Any:
    if not isinstance(value, list):
        return None
    return [item for item in value if _option(item, options)] or None


def _file(value: Any, _: Sequence[str]) -> Any:
    return value if isinstance(value, dict) else None


# Types that are missing here keep texts.
_KEEPERS: Mapping[str, Callable[[Any, Sequence[str]], Any]] = {
    **dict.fromkeys(("NUMERICAL", "FLOAT", "MONETORY"), _number),
    **dict.fromkeys(("SINGLE_OPTIONS", "RADIO"), _option),
    **dict.fromkeys(("MULTIPLE_OPTIONS", "CHECKBOX"), _options),
    **dict.fromkeys(("FILE_UPLOAD", "SIGNATURE"), _file),
    "DATE": _date,
}
