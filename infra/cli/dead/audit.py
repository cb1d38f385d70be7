"""Who redrove what, when, and what became of it: a line of JSON for each dead letter."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from infra.cli.faults import CommandFailed
from infra.cli.place import Place

NOBODY = "unknown"


class Audit:
    """Lines with ids and codes only. `file` None keeps them in memory only."""

    def __init__(self, file: Path | None) -> None:
        self.file = file
        self.lines: list[dict[str, Any]] = []
        self._stream = None if file is None else file.open("a", encoding="utf-8")

    def write(self, line: dict[str, Any]) -> None:
        """Keep a line; it is on disk when this returns to whoever sends the next letter."""
        self.lines.append(line)
        if self._stream:
            self._stream.write(json.dumps(line) + "\n")
            self._stream.flush()

    def close(self) -> None:
        if self._stream:
            self._stream.close()


@contextmanager
def audit(file: Path | None) -> Iterator[Audit]:
    """An audit that is written to `file`, behind what is there. Raises CommandFailed when that is not possible."""
    try:
        opened = Audit(file)
    except OSError as error:
        raise CommandFailed(
            f"The audit cannot be written to {file} ({error.strerror}): give another file with --audit."
        ) from None
    try:
        yield opened
    finally:
        opened.close()


def default_file() -> Path:
    """`redrive-<time>.jsonl` in the current folder."""
    return Path(time.strftime("redrive-%Y%m%dT%H%M%SZ.jsonl", time.gmtime()))


def caller(place: Place) -> str:
    """The ARN of whoever runs this command, NOBODY where AWS does not say."""
    try:
        return str(place.client("sts").get_caller_identity()["Arn"])
    except (BotoCoreError, ClientError, KeyError):
        return NOBODY
