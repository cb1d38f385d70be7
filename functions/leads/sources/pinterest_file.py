"""The file of a Pinterest leads export as text: taken out of its archive, whatever its encoding."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from leads.core.errors import TryAgain
from leads.sources.pinterest_api import LARGEST_FILE, too_large

if TYPE_CHECKING:
    import zipfile


def tables_in(file: bytes) -> list[str]:
    """The tables in a file, several in a zip archive, else one; gzip or zip or bare, in UTF-8 or UTF-16.

    Raises Undeliverable(export_too_large) for more than 20 MB altogether, TryAgain(pinterest_export_unreadable) for
    an archive that is damaged, and for a page in the place of a file.
    """
    return [_text(table) for table in _unpacked(file)]


def _text(file: bytes) -> str:
    if file[:100].lstrip().startswith(b"<"):
        raise TryAgain("pinterest_export_unreadable", "the export's file is a page, no table")
    if file.startswith((b"\xff\xfe", b"\xfe\xff")):
        return file.decode("utf-16", "replace")
    try:
        return file.decode("utf-8-sig")
    except UnicodeDecodeError:
        return file.decode("cp1252", "replace")


def _unpacked(file: bytes) -> list[bytes]:
    """The tables in a file, several in a zip archive, else one; at most 20 MB of them altogether."""
    import gzip
    import io
    import zipfile
    import zlib

    try:
        if file.startswith(b"\x1f\x8b"):
            # However many parts it has: they are one text.
            tables = [gzip.GzipFile(fileobj=io.BytesIO(file)).read(LARGEST_FILE + 1)]
        elif file.startswith((b"PK\x03\x04", b"PK\x05\x06")):
            with zipfile.ZipFile(io.BytesIO(file)) as files:
                tables = list(_members(files))
        else:
            return [file]
        if not tables:
            raise EOFError
    except (zlib.error, zipfile.BadZipFile, RuntimeError, LookupError, OSError, EOFError):
        raise TryAgain("pinterest_export_unreadable", "the export's archive cannot be opened") from None
    if sum(map(len, tables)) > LARGEST_FILE:
        raise too_large()
    return tables


def _members(archive: zipfile.ZipFile) -> Iterator[bytes]:
    """What is in each file of a zip archive, until that is more than 20 MB."""
    left = LARGEST_FILE + 1
    for member in archive.infolist():
        if left and not member.is_dir():
            with archive.open(member) as file:
                content = file.read(left)
            left -= len(content)
            yield content
