"""Seals leads the way Pinterest does, and stands in for the secret with the keys."""

import base64
import hashlib
import itertools
import json
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from leads.core.errors import Misconfigured
from leads.core.lead import Envelope
from leads.core.request import Request
from leads.sources.pinterest import Pinterest

ACCOUNT = "111764359001"
FORM = "65300871001"
NOW = "2026-03-01T00:00:00.000+00:00"
DEADLINE = 1_800_000_000.0
ADA = {"FULL_NAME": "Ada Lovelace", "EMAIL": "ada@example.com"}

_numbers = itertools.count(1)


def key_of(name: str) -> bytes:
    """A key of the right size, always the same for one name."""
    return hashlib.sha256(name.encode()).digest()


KEY = key_of("ours")
OTHER_KEY = key_of("somebody else's")


def base64_of(data: bytes) -> str:
    return base64.b64encode(data).decode()


def sealed_answers(plaintext: Any, key: bytes = KEY, *, nonce_bytes: int = 16) -> dict[str, str]:
    """`answers` as Pinterest sends them; bytes are sealed as they are, anything else as JSON."""
    data = plaintext if isinstance(plaintext, bytes) else json.dumps(plaintext).encode()
    nonce = next(_numbers).to_bytes(nonce_bytes)
    text = AESGCM(key).encrypt(nonce, data, None)
    return {"cipher_msg": base64_of(text[:-16]), "nonce": base64_of(nonce), "tag": base64_of(text[-16:])}


def lead_item(plaintext: Any = ADA, key: bytes = KEY, **changes: Any) -> dict[str, Any]:
    """One item of a delivery."""
    return {
        "advertiser_id": ACCOUNT, "lead_form_id": FORM, "ad_id": "222254831001", "lead_id": "687195905986",
        "created_at": "1700000000000", "version": "v5", "answers": sealed_answers(plaintext, key),
    } | changes  # fmt: skip


def subscription(
    key: bytes | str = KEY, account: str | None = ACCOUNT, form: str | None = None, **more: Any
) -> dict[str, Any]:
    """One entry of the keys secret."""
    return {
        "ad_account_id": account, "lead_form_id": form, "retired_at": None,
        "cryptographic_key": key if isinstance(key, str) else base64_of(key),
    } | more  # fmt: skip


class Keys:
    """The keys secret: what it holds now, what a re-read finds, and how often each was asked for."""

    def __init__(self, *now: dict[str, Any], later: list[dict[str, Any]] | None = None) -> None:
        self._now: dict[str, Any] | None = {"subscriptions": list(now)}
        self._later = self._now if later is None else {"subscriptions": later}
        self.reads: list[str] = []

    @classmethod
    def holding(cls, secret: dict[str, Any] | None) -> "Keys":
        """A secret of any shape; None for one that cannot be read."""
        keys = cls()
        keys._now = keys._later = secret
        return keys

    def current(self) -> dict[str, Any]:
        self.reads.append("current")
        return self._give()

    def reread(self) -> dict[str, Any]:
        self.reads.append("reread")
        self._now = self._later
        return self._give()

    def _give(self) -> dict[str, Any]:
        if self._now is None:
            raise Misconfigured("the secret arn:keys has no value yet; store one as the README shows")
        return self._now


def source(*entries: dict[str, Any]) -> Pinterest:
    return Pinterest(Keys(*(entries or (subscription(),))))


def request(body: bytes | str | Any) -> Request:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Request(source="pinterest", token="t", body=data)


def wrapped(item: Any) -> Envelope:
    return source().wrap(item, received_at=NOW)
