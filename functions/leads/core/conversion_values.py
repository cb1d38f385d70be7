"""What the values of a conversion message may be, one reader per kind, and how a mistake is named."""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from leads.core.conversion import is_account
from leads.core.errors import Undeliverable
from leads.core.lenient_json import plain_text
from leads.core.outcome_names import is_outcome
from leads.core.user_data import NAMES, is_hash, is_hash_of_nothing
from leads.core.wording import clip, did_you_mean

# Takes a member's name and value and gives what is sent; None is the same as not there. Raises Undeliverable, whose
# sentence names the member and never the value, which may be a person's.
Reader = Callable[[str, Any], Any]

# From here on a moment is in milliseconds: in seconds it would be in the year 5138.
_MILLISECONDS = 10**11
# Eight digits or fewer are a date written without dashes.
_EARLIEST = 10**8
_MOMENT = re.compile(r"[0-9]{1,20}(?:\.[0-9]*)?")
_INTEGER = re.compile(r"-?[0-9]{1,18}(?:\.0*)?")
_PLAIN_DECIMAL = re.compile(r"-?(?:0|[1-9][0-9]{0,19})(?:\.[0-9]{1,20})?")
_DECIMAL = re.compile(r"[+-]?(?:[0-9]{1,40}\.?[0-9]{0,40}|\.[0-9]{1,40})(?:[eE][+-]?[0-9]{1,3})?")
# A decimal beyond this is no sum of money, and would be a long row of zeros.
_MOST_DIGITS = 20
_CURRENCY = re.compile(r"[A-Za-z]{3}")
_LEAD_KEY = re.compile(r"[a-z]{1,20}(?:#[A-Za-z0-9_.:>-]{1,260}){1,2}")
_FLAGS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
# What may be shown of a name that is none of ours: one that a program gives, near to one of ours. Of a file without a
# heading the first row's values arrive as names.
_SHOWN_NAME = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:[_-][A-Za-z0-9]+)*")


def fault(name: str, remedy: str, *, reason: str = "bad_value") -> Undeliverable:
    """The refusal of a message because of one member."""
    return Undeliverable(reason, f"`{name}` {remedy}", fields=(name,))


def unknown(name: str, known: Mapping[str, Any], *, within: str = "a conversion message") -> Undeliverable:
    """The refusal of a message because of a name that nothing is known by."""
    short = next((f"hashed_{long}" for long, key in NAMES.items() if key == name and long != name), "")
    meant = f"; did you mean `{short}`?" if short in known else did_you_mean(clip(name), known)
    is_shown = meant and _SHOWN_NAME.fullmatch(name)
    shown = f"`{clip(name)}`" if is_shown else "one of its names (which is not shown)"
    return Undeliverable("unknown_field", f"{shown} is no member of {within}{meant or ': leave it out'}")


def text(name: str, value: Any) -> str | None:
    """A trimmed text; a number becomes one."""
    return (text_as_given(name, value) or "").strip() or None


def text_as_given(name: str, value: Any) -> str | None:
    """A text, blanks at its ends and all; None when there are only blanks."""
    if isinstance(value, float) and value.is_integer():
        # Tables know no integers: an order's number or a phone number comes as 12125550123.0.
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise fault(name, "must be one text")
    shown = plain_text(str(value))
    return shown if shown.strip() else None


def texts(name: str, value: Any) -> list[str] | None:
    """A list of texts; one text is a list of one."""
    items = value if isinstance(value, list) else [value]
    try:
        return [found for item in items if item is not None and (found := text(name, item))] or None
    except Undeliverable:
        raise fault(name, "must be a text or a list of texts") from None


def hashes(name: str, value: Any) -> list[str] | None:
    """A list of SHA-256 hashes, as they came."""
    found = texts(name, value) or ()
    if not all(map(is_hash, found)):
        bare = name.removeprefix("hashed_")
        instead = f", or send what is not hashed as `{bare}`" if bare in NAMES else ""
        raise fault(name, f"must be SHA-256 in 64 hex digits{instead}", reason="not_hashed")
    return [one for one in dict.fromkeys(found) if not is_hash_of_nothing(one)] or None


def decimal(name: str, value: Any) -> str | None:
    """The text of a plain decimal: "1000" of 1e3."""
    written = text(name, value)
    if written is None or _PLAIN_DECIMAL.fullmatch(written):
        return written
    if _DECIMAL.fullmatch(written):
        # Late: nearly every number is written plainly.
        from decimal import Decimal

        number = Decimal(written)
        if abs(number.adjusted()) <= _MOST_DIGITS and len(number.as_tuple().digits) <= 2 * _MOST_DIGITS:
            return format(number if number else number.copy_abs(), "f")
    raise fault(name, "must be a number such as 1234.50, without currency and thousands separators")


def integer(name: str, value: Any) -> int | None:
    """A whole number; a text of digits becomes one."""
    written = text(name, value)
    if written is None:
        return None
    if not _INTEGER.fullmatch(written):
        raise fault(name, "must be a whole number")
    return int(written.partition(".")[0])


def flag(name: str, value: Any) -> bool | None:
    """True or false; as a text also yes and no, 1 and 0."""
    if isinstance(value, bool):
        return value
    written = text(name, value)
    if written is None:
        return None
    if written.lower() not in _FLAGS:
        raise fault(name, "must be true or false")
    return _FLAGS[written.lower()]


def currency(name: str, value: Any) -> str | None:
    """An ISO 4217 code."""
    written = text(name, value)
    if written is not None and not _CURRENCY.fullmatch(written):
        raise fault(name, "must be three letters such as USD (ISO 4217)")
    return written and written.upper()


def moment(name: str, value: Any) -> int:
    """Epoch seconds, of seconds, milliseconds or ISO 8601 with its zone."""
    try:
        written = text(name, value) or ""
        seconds = _epoch(float(written)) if _MOMENT.fullmatch(written) else _iso(written)
    except (ValueError, Undeliverable):
        seconds = math.nan
    if not seconds >= _EARLIEST:
        raise fault(
            name,
            "must be epoch seconds or ISO 8601 with a zone, such as 2026-03-01T12:00:00Z",
            reason="bad_time",
        )
    return int(seconds)


def _epoch(number: float) -> float:
    return number / 1000 if number >= _MILLISECONDS else number


def _iso(written: str) -> float:
    found = dt.datetime.fromisoformat(written)
    if found.tzinfo is None:
        raise ValueError("no zone")
    return found.timestamp()


def event_name(name: str, value: Any) -> str | None:
    """The name of an event, which is told of in logs: no address of a person's."""
    written = text(name, value)
    if written is not None and "@" in written:
        raise fault(name, "is no event's name: write a standard one such as lead, or one of your own")
    return written


def lead_key(name: str, value: Any) -> str | None:
    """The ledger's key of a lead."""
    written = text(name, value)
    if written is not None and not _LEAD_KEY.fullmatch(written):
        raise fault(name, "is no lead's key, such as pinterest#111764359001#7000001: leave it out")
    return written


def outcome(name: str, value: Any) -> str | None:
    """What became of a lead, by the name that routes have for it."""
    written = text_as_given(name, value)
    if written is not None and not is_outcome(written):
        raise fault(name, "is no outcome of a lead, such as delivered: leave it out")
    return written


def account(name: str, value: Any) -> str | None:
    """An ad account's id."""
    written = text(name, value)
    if written is not None and not is_account(written):
        raise fault(name, "must be the ad account's id, which is digits only", reason="bad_account")
    return written


def at_most(longest: int, of_text: Reader = text) -> Reader:
    """A reader of texts that are no longer than so many characters."""

    def read(name: str, value: Any) -> Any:
        written = of_text(name, value)
        if written is not None and len(written) > longest:
            raise fault(name, f"is too long: {longest} characters at most")
        return written

    return read


def one_of(*choices: str) -> Reader:
    """A reader of texts of which only these may be."""

    def read(name: str, value: Any) -> Any:
        written = text(name, value)
        if written is not None and written.lower() not in choices:
            raise fault(name, f"must be one of {', '.join(choices)}")
        return written and written.lower()

    return read


def up_to(largest: int) -> Reader:
    """A reader of whole numbers from 0 on."""

    def read(name: str, value: Any) -> Any:
        number = integer(name, value)
        if number is not None and not 0 <= number <= largest:
            raise fault(name, f"must be a whole number from 0 to {largest}")
        return number

    return read


def record(members: Mapping[str, Reader]) -> Reader:
    """A reader of objects that have these members and no others."""

    def read(name: str, value: Any) -> dict[str, Any] | None:
        if isinstance(value, str) and not value.strip():
            return None
        if not isinstance(value, dict):
            raise fault(name, "must be an object")
        found = {}
        for inner, item in value.items():
            if inner not in members:
                raise unknown(inner, members, within=f"`{name}`")
            if item is not None and (sent := members[inner](f"{name}.{inner}", item)) is not None:
                found[inner] = sent
        return found or None

    return read


def records(members: Mapping[str, Reader]) -> Reader:
    """A reader of lists of such objects."""
    read_one = record(members)

    def read(name: str, value: Any) -> list[dict[str, Any]] | None:
        items = value if isinstance(value, list) else [value]
        return [found for item in items if (found := read_one(name, item))] or None

    return read
