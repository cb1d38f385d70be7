"""Pinterest's seal, AES-256-GCM without associated data, and the ring of keys that opens it.

Pinterest makes one key per subscription and names none in a delivery (LeadSubscription schema, "cryptographic_key").
"""

from __future__ import annotations

import binascii
import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from leads.core import lenient_json
from leads.core.errors import TryAgain
from leads.core.lead import plain_id

_TAG_BYTES = 16
_KEY_BYTES = 32
_BASE64 = bytes.maketrans(b"-_", b"+/")


class Key(msgspec.Struct, frozen=True):
    """A subscription's key. form is "" for a subscription to the whole ad account."""

    account: str
    form: str
    retired: bool
    cipher: AESGCM


class KeyRing(msgspec.Struct, frozen=True):
    """The usable keys of a secret, and what is wrong with the others."""

    keys: tuple[Key, ...] = ()
    faults: tuple[str, ...] = ()

    def unseal(self, seal: Seal, account: str, form: str) -> tuple[Key, bytes] | None:
        """The first key that fits, and what it opened; the likeliest keys are tried first."""
        for key in sorted(self.keys, key=lambda key: _rank(key, account, form)):
            try:
                return key, key.cipher.decrypt(seal.nonce, seal.text, None)
            except InvalidTag:
                continue
        return None


class Seal(msgspec.Struct, frozen=True):
    """The encrypted answers; `text` is the ciphertext followed by its tag."""

    nonce: bytes
    text: bytes


def ring_of(secret: Mapping[str, Any]) -> KeyRing:
    """The keys in the secret; a damaged entry is named and must not disable the others."""
    keys: list[Key] = []
    faults: list[str] = []
    subscriptions = secret.get("subscriptions")
    if not isinstance(subscriptions, list):
        faults.append("the secret has no list of subscriptions")
        subscriptions = []
    for number, entry in enumerate(subscriptions, start=1):
        fields = entry if isinstance(entry, dict) else {}
        key = _base64(fields.get("cryptographic_key"))
        if key is None:
            faults.append(f"subscription {number} in the secret has no base64 cryptographic_key")
        elif len(key) != _KEY_BYTES:
            faults.append(f"the key of subscription {number} has {len(key)} bytes instead of {_KEY_BYTES}")
        else:
            account, form = plain_id(fields.get("ad_account_id")), plain_id(fields.get("lead_form_id"))
            keys.append(Key(account, form, fields.get("retired_at") is not None, AESGCM(key)))
    return KeyRing(tuple(keys), tuple(faults))


def seal_of(answers: Any) -> Seal:
    """The encrypted answers, checked for the sizes that AES-256-GCM as Pinterest uses it must have.

    The tag is 16 bytes, never less: a shortened one would be guessable. The nonce is used as sent;
    Pinterest's sample has 16 bytes, and the library takes 8 to 128.
    """
    parts = answers if isinstance(answers, Mapping) else {}
    nonce, tag, text = (_part(parts, name) for name in ("nonce", "tag", "cipher_msg"))
    if not 8 <= len(nonce) <= 128:
        raise TryAgain("cannot_decrypt", f"answers.nonce has {len(nonce)} bytes, 8 to 128 are possible")
    if len(tag) != _TAG_BYTES:
        raise TryAgain("cannot_decrypt", f"answers.tag has {len(tag)} bytes instead of {_TAG_BYTES}")
    return Seal(nonce, text + tag)


def _part(answers: Mapping[str, Any], name: str) -> bytes:
    value = _base64(answers.get(name))
    if value is None:
        raise TryAgain("cannot_decrypt", f"answers.{name} is missing or not base64")
    return value


def fingerprint(answers: Any) -> str:
    """A hash of nonce and tag, equal for every spelling of the same base64."""
    parts = answers if isinstance(answers, Mapping) else {}
    digest = hashlib.sha256()
    for name in ("nonce", "tag"):
        value = parts.get(name)
        digest.update(_base64(value) or lenient_json.encode_ascii(value).encode())
        digest.update(b"|")
    return digest.hexdigest()


def _base64(value: Any) -> bytes | None:
    """Decodes standard and url-safe base64, padded or not, with or without line breaks; None when it is not."""
    if not isinstance(value, str):
        return None
    try:
        data = b"".join(value.encode("ascii").translate(_BASE64).split()).rstrip(b"=")
        return binascii.a2b_base64(data + b"=" * (-len(data) % 4), strict_mode=True)
    except (UnicodeEncodeError, binascii.Error):
        return None


def _rank(key: Key, account: str, form: str) -> int:
    """The order in which keys are tried: own form, own account, every other live one, retired ones."""
    own_account = key.account == account
    own = 0 if own_account and key.form == form and form else 1 if own_account and not key.form else 2
    return own + 3 * key.retired
