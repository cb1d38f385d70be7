"""What everybody who needs a secret asks of where it is kept."""

from __future__ import annotations

from typing import Any, Protocol


class StoredSecret(Protocol):
    """A secret that is a JSON object; what is in it, its reader says.

    Both raise Misconfigured when the secret cannot be used; reread asks for the newest value.
    """

    def current(self) -> dict[str, Any]: ...

    def reread(self) -> dict[str, Any]: ...
