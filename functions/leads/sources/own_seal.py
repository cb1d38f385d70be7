"""Our own seal: what arrives or is fetched in the clear waits in the queue as unreadable as a sealed lead."""

from __future__ import annotations

import os
from base64 import b64decode, b64encode
from collections.abc import Sequence
from typing import Any, Protocol

from leads.core import lenient_json
from leads.core.errors import TryAgain

# The recommended length for AES-GCM (NIST SP 800-38D, 8.2).
_NONCE_BYTES = 12
_PURPOSE = b"leadrelay parked lead"


class Tokens(Protocol):
    """The webhook's tokens, the current one first; both raise Misconfigured when there is none."""

    def current(self) -> Sequence[str]: ...

    def reread(self) -> Sequence[str]: ...


class OwnSeal:
    """AES-256-GCM under a key derived from the webhook's token, which nobody else has.

    A token that is kept as `previous` still opens what was sealed with it.
    """

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens

    def close(self, content: Any) -> dict[str, str]:
        """`content` (any JSON value) as `{"nonce", "cipher_msg"}`, both base64. Raises Misconfigured."""
        nonce = os.urandom(_NONCE_BYTES)
        text = _cipher(self._tokens.current()[0]).encrypt(nonce, lenient_json.encode_ascii(content).encode(), None)
        return {"nonce": b64encode(nonce).decode(), "cipher_msg": b64encode(text).decode()}

    def open(self, sealed: Any) -> Any:
        """What was sealed. Raises TryAgain(cannot_decrypt) when no token opens it, Misconfigured without any token."""
        from cryptography.exceptions import InvalidTag

        parts = sealed if isinstance(sealed, dict) else {}
        try:
            nonce, text = (b64decode(parts[name], validate=True) for name in ("nonce", "cipher_msg"))
        except (KeyError, TypeError, ValueError):
            raise TryAgain("cannot_decrypt", "the parked lead's content is not sealed as this app does it") from None
        for tokens in (self._tokens.current, self._tokens.reread):
            for token in tokens():
                try:
                    return lenient_json.decode(_cipher(token).decrypt(nonce, text, None))
                except (InvalidTag, ValueError):
                    continue
        detail = 'no webhook token opens it; keep the old token as "previous" in its secret until the queue is empty'
        raise TryAgain("cannot_decrypt", detail)


def _cipher(token: str) -> Any:
    # Late: a tenth of a second of import that sources without our seal need not pay.
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    key = HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=_PURPOSE).derive(token.encode())
    return AESGCM(key)
