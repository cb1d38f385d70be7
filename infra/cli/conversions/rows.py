"""A file of events, row by row: CSV with a header, or one JSON object a line."""

import csv
import io
import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.cli.faults import CommandFailed
from leads.core.conversion_fields import MEMBERS
from leads.core.conversion_values import unknown

STDIN = "-"
CSV, JSONL = "csv", "jsonl"
# A file's ending → its format.
FORMATS: Mapping[str, str] = {".csv": CSV, ".tsv": CSV, ".jsonl": JSONL, ".ndjson": JSONL}
_DELIMITERS = ",;\t"
_BEHIND_QUOTES = "something follows a closing quotation mark, and one within a cell has to be doubled"
# 12125550123.0, and 1.21256E+10.
_FLOAT = re.compile(r"\+?[0-9]+\.0+")
_SCIENTIFIC = re.compile(r"\+?[0-9]\.[0-9]+[eE]\+[0-9]{1,2}")
# The message's version, which `v` gives, is no member of an event.
_VERSION = "v"


@dataclass(frozen=True)
class Row:
    """number: as a spreadsheet (the header is row 1) or an editor shows it. values: the plain interface's members.

    fault: why it cannot be read, "" when it can; it names columns, never what is in them.
    """

    number: int
    values: Mapping[str, Any]
    fault: str = ""


class _Rounded(ValueError):
    """Digits are missing."""


def read(file: str, form: str) -> list[Row]:
    """The rows of a file; `-` is stdin. form: `csv`, `jsonl`, or "" for what the file's name says.

    Raises CommandFailed for what is no such file.
    """
    known = form or FORMATS.get(Path(file).suffix.lower(), "")
    if known not in (CSV, JSONL):
        named = f"--format {form} is none of csv, jsonl." if form else "Say with --format what it is: csv or jsonl."
        raise CommandFailed(named, exit_code=2)
    text = _text(file)
    return list(_csv_rows(text) if known == CSV else _json_rows(text))


def beginning_with(number: int, found: Sequence[Row], file: str) -> list[Row]:
    """The rows from this number on. file: what to call it. Raises CommandFailed where there is none."""
    if not found:
        raise CommandFailed(f"{file} has no row to send.", exit_code=2)
    chosen = [row for row in found if row.number >= number]
    if not chosen:
        sentence = f"--from-row {number} is behind the last row of {file}, which is row {found[-1].number}."
        raise CommandFailed(sentence, exit_code=2)
    return chosen


def _text(file: str) -> str:
    try:
        data = sys.stdin.buffer.read() if file == STDIN else Path(file).expanduser().read_bytes()
    except OSError as error:
        raise CommandFailed(f"{file} cannot be read: {error.strerror}.", exit_code=2) from None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        name = "What came from stdin" if file == STDIN else file
        raise CommandFailed(f"{name} is no UTF-8 text: save it as UTF-8 and repeat the command.", exit_code=2) from None


def _csv_rows(text: str) -> Iterator[Row]:
    first = text.partition("\n")[0]
    delimiter = max(_DELIMITERS, key=first.count)
    # A cell that is too long for a message is a bad row, and no reason to read nothing.
    csv.field_size_limit(max(csv.field_size_limit(), len(text)))
    lines = enumerate(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True), 1)
    header: list[str] | None = None
    number = 0
    try:
        for number, cells in lines:
            if not any(cell.strip() for cell in cells):
                continue
            if header is None:
                header = _header(cells)
            else:
                yield _csv_row(number, header, cells)
    except csv.Error as error:
        why = _BEHIND_QUOTES if "expected after" in str(error) else "a quotation mark does not end"
        raise CommandFailed(f"The CSV cannot be read after row {number}: {why}.", exit_code=2) from None


def _header(cells: Sequence[str]) -> list[str]:
    """The columns' names; of a file without a header these are somebody's data, and so only known ones are shown."""
    names = ["_".join(cell.strip().lower().split()) for cell in cells]
    for position, name in enumerate(names, 1):
        if name and name != _VERSION and name not in MEMBERS:
            raise CommandFailed(f"The first row has to name the columns, and {_misnamed(position, name)}", exit_code=2)
        if name and names.count(name) > 1:
            raise CommandFailed(f"The CSV has the column {name} twice.", exit_code=2)
    return names


def _misnamed(position: int, name: str) -> str:
    told = unknown(name, MEMBERS).detail
    # It begins with the name, unless that may be somebody's.
    if told.startswith("`"):
        return f"in column {position} {told}"
    return (
        f"what column {position} begins with is no member of a conversion message (it is not shown, as it may be "
        "somebody's): name the column, or leave it out."
    )


def _csv_row(number: int, header: Sequence[str], cells: Sequence[str]) -> Row:
    values: dict[str, Any] = {}
    for position, cell in enumerate(cells):
        text, name = cell.strip(), header[position] if position < len(header) else ""
        if not text:
            continue
        if not name:
            return Row(number, {}, f"column {position + 1} has no name in the header")
        reading: Callable[[str], Any] = _CELLS.get(name, _plain)
        try:
            values[name] = reading(text)
        except _Rounded:
            return Row(number, {}, f"{name} was rounded by a spreadsheet: make its column text there, and save it anew")
        except ValueError:
            return Row(number, {}, f"{name} cannot be read")
    return Row(number, values)


def _json_rows(text: str) -> Iterator[Row]:
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            value = None
        yield Row(number, value) if isinstance(value, dict) else Row(number, {}, "the line is no JSON object")


def _plain(text: str) -> str | list[Any]:
    """A cell as it is; several values of one person stand in it as a JSON list."""
    if text.startswith("[") and text.endswith("]"):
        try:
            return list(json.loads(text))
        except (ValueError, TypeError):
            pass
    return text


def _digits(text: str) -> str | list[Any]:
    """Digits that somebody wants to have as they were, of what a spreadsheet or a table of floats makes of them."""
    if _SCIENTIFIC.fullmatch(text):
        raise _Rounded
    return text.partition(".")[0] if _FLOAT.fullmatch(text) else _plain(text)


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError from None


def _ids(text: str) -> list[Any]:
    """Several ids: a JSON list, or with commas, bars or blanks between them."""
    if text.startswith("["):
        return list(_json(text))
    return text.replace(",", " ").replace("|", " ").split()


# Column → how its cell is read; any other is a text, of which the parser makes what it takes.
_CELLS: Mapping[str, Callable[[str], Any]] = {
    **dict.fromkeys(("contents", "app_info", "device_info"), _json),
    "content_ids": _ids,
    **dict.fromkeys(("phone", "zip", "date_of_birth"), _digits),
    **dict.fromkeys(("external_id", "order_id", "event_id", "ad_account_id"), _digits),
    _VERSION: int,
}
