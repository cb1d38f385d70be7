"""What everybody who calls a remote API asks of HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol


class HttpAnswer(Protocol):
    """An HTTP answer; header names in lower case."""

    @property
    def status(self) -> int: ...
    @property
    def headers(self) -> Mapping[str, str]: ...
    @property
    def body(self) -> bytes: ...


class Http(Protocol):
    """Sends one request once. Raises TryAgain when no answer comes by `deadline` (epoch seconds)."""

    def request(
        self, method: str, url: str, *, headers: Mapping[str, str], body: bytes | None, deadline: float
    ) -> HttpAnswer: ...
