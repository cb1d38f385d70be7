"""Secrets Manager, read rarely: cached per container, re-read when somebody has reason to."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from leads.adapters.aws import AwsError, error_code
from leads.core import lenient_json
from leads.core.errors import Misconfigured

# A rotated secret is noticed after this long at the latest, without anybody's doing.
_FRESH_SECONDS = 300.0
# A secret that cannot be used is asked for again after this long, not by every lead that needs it.
_FAULT_SECONDS = 5.0
# Whoever sends junk must not turn every request into a call: one reason to re-read counts per half minute.
_REREAD_SECONDS = 30.0


class Secret:
    """One secret holding a JSON object; `client` gives a Secrets Manager client. Thread-safe.

    Times are by the wall clock: a container restored from a SnapStart snapshot wakes up hours later.
    """

    def __init__(self, client: Any, arn: str, *, now: Callable[[], float]) -> None:
        self._client = client
        self._arn = arn
        self._now = now
        self._lock = threading.Lock()
        self._value: dict[str, Any] | None = None
        self._fault = ""
        self._read_at = float("-inf")
        self._reread_at = float("-inf")

    def current(self) -> dict[str, Any]:
        """The secret's value; the same object until it is read again.

        A value once read is kept while Secrets Manager does not answer.
        Raises Misconfigured when there is none, or when it is not a JSON object.
        """
        with self._lock:
            return self._current()

    def reread(self) -> dict[str, Any]:
        """The value as it is now, for when the known one turned out wrong; read at most once in 30 s."""
        with self._lock:
            now = self._now()
            if now - self._reread_at >= _REREAD_SECONDS and now - self._read_at >= 1.0:
                self._reread_at = now
                self._read()
            return self._current()

    def _current(self) -> dict[str, Any]:
        age = self._now() - self._read_at
        if age > (_FRESH_SECONDS if self._value is not None else _FAULT_SECONDS):
            self._read()
        if self._value is None:
            raise Misconfigured(f"the secret {self._arn} {self._fault}")
        return self._value

    def _read(self) -> None:
        try:
            text = self._client().get_secret_value(SecretId=self._arn)["SecretString"]
            value = lenient_json.decode(text)
        except (*AwsError, KeyError, ValueError) as error:
            self._fault = _fault(error)
            return
        finally:
            # Counted from the end: whoever waited behind a call that hung must not make it again.
            self._read_at = self._now()
        if isinstance(value, dict):
            self._value = value
        else:
            self._fault = "is not a JSON object; the README shows its shape"


def _fault(error: Exception) -> str:
    if isinstance(error, ValueError):
        return "is not JSON; the README shows its shape"
    if isinstance(error, KeyError) or error_code(error) == "ResourceNotFoundException":
        return "has no value yet; store one as the README shows"
    return f"cannot be read ({error_code(error)}); check the function's role and Secrets Manager"
