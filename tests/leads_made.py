"""Really encrypted Pinterest deliveries for tests."""

from __future__ import annotations

import base64
import itertools
import os
from typing import Any

import msgspec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

ACCOUNT = "111764359001"
FORM = "65300871001"
KEY = bytes(range(32))

_numbers = itertools.count(1)


def keys_secret(*keys: bytes, account: str = ACCOUNT) -> dict[str, Any]:
    """The Pinterest-keys secret with account-level subscriptions."""
    return {
        "subscriptions": [
            {
                "subscription_id": str(number),
                "ad_account_id": account,
                "lead_form_id": None,
                "cryptographic_key": base64.b64encode(key).decode(),
                "cryptographic_algorithm": "AES-256-GCM",
                "retired_at": None,
            }
            for number, key in enumerate(keys or (KEY,), start=1)
        ]
    }


def sealed(answers: Any, *, key: bytes = KEY) -> dict[str, str]:
    """Answers sealed as Pinterest does: 16-byte nonce, tag apart from the ciphertext."""
    nonce = os.urandom(16)
    plaintext = answers if isinstance(answers, bytes) else msgspec.json.encode(answers)
    text = AESGCM(key).encrypt(nonce, plaintext, None)
    parts = {"cipher_msg": text[:-16], "nonce": nonce, "tag": text[-16:]}
    return {name: base64.b64encode(value).decode() for name, value in parts.items()}


def lead(
    name: str = "Ada Lovelace", *, key: bytes = KEY, answers: dict[str, Any] | None = None, **changes: Any
) -> dict[str, Any]:
    """One item of a delivery; its e-mail is made of its own number, so that every lead is another person."""
    number = next(_numbers)
    person = {"FULL_NAME": name, "EMAIL": f"person{number}@example.com", "COUNTRY": "US"}
    return {
        "advertiser_id": ACCOUNT,
        "lead_form_id": FORM,
        "campaign_id": "626735565838",
        "campaign_name": "Spring campaign",
        "lead_id": str(7_000_000 + number),
        "created_at": "1799999990000",
        "version": "v5",
        "answers": sealed(person if answers is None else answers, key=key),
    } | changes


def body(*leads: Any) -> bytes:
    """A delivery's body."""
    return msgspec.json.encode(list(leads))
