"""Writes every API request and its answer to a file, for a comparison with the vendor's specification."""

import json
import os
from collections.abc import Mapping

from infra.local.sandbox.web import Answer, Call

# For each vendor, the variable that names the file.
CONTACTS, PINTEREST = VARIABLES = ("CONTACTS_SANDBOX_RECORD", "PINTEREST_SANDBOX_RECORD")


class Recorder:
    """Appends to the file that a variable names when a sandbox is made; without one it does nothing.

    Sandboxes in several programs may share a file: each line is one write to a file opened for appending.
    """

    def __init__(self, variable: str, environment: Mapping[str, str] = os.environ) -> None:
        self._path = environment.get(variable, "")

    def keep(self, call: Call, answer: Answer, *, is_fault: bool) -> None:
        """One JSON line: the request without its token, and the answer, None where the connection was dropped."""
        if not self._path:
            return
        line = {
            "method": call.method,
            "path": call.path,
            "query": call.query,
            "headers": {name: value for name, value in call.headers.items() if name != "authorization"},
            "body": call.text,
            "status": None if answer.drop else answer.status,
            "answer": None if answer.drop else answer.body,
            "is_fault": is_fault,
        }
        self._append(json.dumps(line).encode() + b"\n")

    def _append(self, line: bytes) -> None:
        file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(file, line)
        finally:
            os.close(file)
