"""JSON as senders really write it: fast for the ordinary case, forgiving for what a person may have typed."""

from __future__ import annotations

import codecs
import json
import re
from typing import Any

import msgspec

_decode = msgspec.json.Decoder().decode
# Far below what any supported interpreter follows: what was read must also fit through every encoder.
DEEPEST = 200
_SURROGATE = re.compile("[\ud800-\udfff]")


def decode(data: bytes | str, *, deepest: int = DEEPEST) -> Any:
    """The JSON value in `data`.

    Falls back from the strict decoder for what it refuses but a lead may contain: lone surrogates
    (kept until `plain_text`), numbers of any length (long ones stay text), NaN.

    Raises ValueError when it is not JSON, or nested deeper than `deepest` levels.
    """
    if isinstance(data, bytes):
        data = data.removeprefix(codecs.BOM_UTF8)
    value = _any_value(data)
    # A body without this many brackets needs no closer look.
    brackets = data.count(b"[") + data.count(b"{") if isinstance(data, bytes) else data.count("[") + data.count("{")
    if brackets > deepest and _is_deeper(value, deepest):
        raise ValueError("nested too deeply")
    return value


def decode_object(data: bytes | str) -> dict[str, Any]:
    """The JSON object in `data`; {} for anything else, as error pages come in every format."""
    try:
        value = decode(data)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _is_deeper(value: Any, levels: int) -> bool:
    layer = [value]
    for _ in range(levels + 1):
        layer = [
            inner
            for outer in layer
            if isinstance(outer, list | dict)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if not layer:
            return False
    return True


def _any_value(data: bytes | str) -> Any:
    try:
        return _decode(data)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        pass
    try:
        text = data.decode("utf-8") if isinstance(data, bytes) else data
        return json.loads(text, parse_int=_int, parse_constant=str)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    except ValueError:
        # The decoder's own message quotes the input, which may be a person's answers.
        raise ValueError("not JSON") from None


def encode_ascii(value: Any) -> str:
    """`value` as JSON in ASCII: SQS refuses some characters that JSON allows, escapes pass everywhere."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=True)


def plain_text(text: str) -> str:
    """`text` without lone surrogates, which no UTF-8 body can carry; each becomes the replacement character."""
    return _SURROGATE.sub("\ufffd", text)


def _int(digits: str) -> int | str:
    return int(digits) if len(digits) <= 19 else digits
