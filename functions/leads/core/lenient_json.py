"""JSON as senders really write it: fast for the ordinary case, forgiving for what a person may have typed."""

from __future__ import annotations

import json
import re
from typing import Any

import msgspec

_decode = msgspec.json.Decoder().decode
_SURROGATE = re.compile("[\ud800-\udfff]")


def decode(data: bytes | str) -> Any:
    """The JSON value in `data`.

    Falls back from the strict decoder for what it refuses but a lead may contain: lone surrogates
    (kept until `plain_text`), numbers of any length (long ones stay text), NaN.

    Raises ValueError when it is not JSON, or nested deeper than the interpreter follows.
    """
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
