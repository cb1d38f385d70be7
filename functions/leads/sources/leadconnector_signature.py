"""Who sent a LeadConnector webhook: the platform, by its signature, or a workflow of the user's, by a shared secret.

Source: https://marketplace.gohighlevel.com/docs/webhook/WebhookIntegrationGuide
"""

from __future__ import annotations

import functools
import hmac
from base64 import b64decode
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from leads.core.errors import Misconfigured, RejectedRequest
from leads.core.request import Request
from leads.core.secret import StoredSecret

SIGNATURE = "x-ghl-signature"
LEGACY_SIGNATURE = "x-wh-signature"
WORKFLOW_SECRET = "x-leadrelay-secret"  # noqa: S105  # a header's name

# The platform says so where it has not signed.
_UNSIGNED = "N/A"

# Published in the guide, here without the lines around them. Both sign for the whole platform: they prove who sent an
# event, not that it is meant for us.
ED25519_KEY = "MCowBQYDK2VwAyEAi2HR1srL4o18O8BRa7gVJY7G7bupbN3H9AwJrHCDiOg="
# Its published end was 2026-09-01; it counts only where the secret says `"legacy_signatures": true`.
RSA_KEY = """
MIICIjANBgkqhkiG9w0BAQEFAAOCAg8AMIICCgKCAgEAokvo/r9tVgcfZ5DysOSC
Frm602qYV0MaAiNnX9O8KxMbiyRKWeL9JpCpVpt4XHIcBOK4u3cLSqJGOLaPuXw6
dO0t6Q/ZVdAV5Phz+ZtzPL16iCGeK9po6D6JHBpbi989mmzMryUnQJezlYJ3DVfB
csedpinheNnyYeFXolrJvcsjDtfAeRx5ByHQmTnSdFUzuAnC9/GepgLT9SM4nCpv
uxmZMxrJt5Rw+VUaQ9B8JSvbMPpez4peKaJPZHBbU3OdeCVx5klVXXZQGNHOs8gF
3kvoV5rTnXV0IknLBXlcKKAQLZcY/Q9rG6Ifi9c+5vqlvHPCUJFT5XUGG5RKgOKU
J062fRtN+rLYZUV+BjafxQauvC8wSWeYja63VSUruvmNj8xkx2zE/Juc+yjLjTXp
IocmaiFeAO6fUtNjDeFVkhf5LNb59vECyrHD2SQIrhgXpO4Q3dVNA5rw576PwTzN
h/AMfHKIjE4xQA1SZuYJmNnmVZLIZBlQAF9Ntd03rfadZ+yDiOXCCs9FkHibELhC
HULgCsnuDJHcrGNd5/Ddm5hxGQ0ASitgHeMZ0kcIOwKDOzOU53lDza6/Y09T7sYJ
PQe7z0cvj7aE4B+Ax1ZoZGPzpJlZtGXCsu9aTEGEnKzmsFqwcSsnw3JB31IGKAyk
T1hhTiaCeIY/OwwwNUY2yvcCAwEAAQ==
"""


class Sender(msgspec.Struct, frozen=True):
    """A sender who proved who he is, and the secret's value by which he did."""

    is_platform: bool
    secret: dict[str, Any]


def sender_of(request: Request, secret: StoredSecret) -> Sender:
    """Who sent the request. The signature covers the body's bytes as they came.

    secret: `{"locations": […], "app_ids": […], "workflow_secret": "…", "public_keys": […]}`.
    A request signed by the current header is never taken for anything else, however it turns out. A repeated one is
    recognised by the ledger, and its age is not looked at: the platform's own repetitions keep their time of sending.
    Raises RejectedRequest (401) when no proof holds, also by the newest value of the secret.
    """
    given = {name: request.headers.get(name, "").strip() for name in (SIGNATURE, LEGACY_SIGNATURE, WORKFLOW_SECRET)}
    if given[SIGNATURE].upper() == _UNSIGNED:
        given[SIGNATURE] = ""
    if not any(given.values()):
        detail = "The request is not signed: it has neither X-GHL-Signature nor X-LeadRelay-Secret."
        raise RejectedRequest(401, "bad_signature", detail)
    tried: dict[str, Any] | None = None
    for read in (secret.current, secret.reread):
        value = read()
        if value is tried:
            break
        tried = value
        if found := _proven(request.body, given, value):
            return found
    raise RejectedRequest(401, "bad_signature", "The signature, or the secret in the header, is not the right one.")


def _proven(body: bytes, given: Mapping[str, str], secret: dict[str, Any]) -> Sender | None:
    if given[SIGNATURE]:
        is_right = _is_signed("ed25519", given[SIGNATURE], body, secret)
        return Sender(True, secret) if is_right else None
    if given[LEGACY_SIGNATURE] and secret.get("legacy_signatures") is True:
        is_right = _is_signed("rsa", given[LEGACY_SIGNATURE], body, secret)
        return Sender(True, secret) if is_right else None
    known = [secret.get(name) for name in ("workflow_secret", "previous_workflow_secret")]
    # Each is compared, so that the time taken does not tell which one it was.
    equal = [_equal(given[WORKFLOW_SECRET], own) for own in known if isinstance(own, str) and own]
    return Sender(False, secret) if any(equal) else None


def _equal(given: str, own: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), own.encode("utf-8", "surrogatepass"))


def _is_signed(algorithm: str, signature: str, body: bytes, secret: Mapping[str, Any]) -> bool:
    from cryptography.exceptions import InvalidSignature

    try:
        signed = b64decode(signature, validate=True)
    except ValueError:
        return False
    for key in _keys(algorithm, _own_keys(secret)):
        try:
            _VERIFY[algorithm](key, signed, body)
            return True
        except InvalidSignature:
            continue
    return False


def _verify_ed25519(key: Any, signature: bytes, body: bytes) -> None:
    key.verify(signature, body)


def _verify_rsa(key: Any, signature: bytes, body: bytes) -> None:
    # Late, as all of cryptography here: a container that gets no signed webhook need not load it.
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.hashes import SHA256

    key.verify(signature, body, PKCS1v15(), SHA256())


_VERIFY = {"ed25519": _verify_ed25519, "rsa": _verify_rsa}


def _own_keys(secret: Mapping[str, Any]) -> tuple[str, ...]:
    own = secret.get("public_keys")
    return tuple(str(pem) for pem in own) if isinstance(own, list) else ()


@functools.lru_cache(maxsize=8)
def _keys(algorithm: str, own: tuple[str, ...]) -> tuple[Any, ...]:
    """The keys of one algorithm: the secret's where it has some, else the published one. Parsed once."""
    if own:
        readable = tuple(_parsed(own))
        if not readable:
            raise Misconfigured("none of the public_keys in the LeadConnector secret is a PEM public key; correct them")
        if chosen := tuple(key for key in readable if _is_rsa(key) == (algorithm == "rsa")):
            return chosen
    return (_PUBLISHED[algorithm](),)


def _parsed(pems: Iterable[str]) -> Iterable[Any]:
    """The keys that can be read; a damaged one must not disable the others."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    for pem in pems:
        try:
            key = load_pem_public_key(pem.encode("utf-8", "replace"))
        except (ValueError, UnsupportedAlgorithm):
            continue
        if isinstance(key, Ed25519PublicKey) or _is_rsa(key):
            yield key


def _is_rsa(key: Any) -> bool:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

    return isinstance(key, RSAPublicKey)


def _published_ed25519() -> Any:
    # The reader of PEM files takes 20 ms to import; a key of this kind is the end of its DER form (RFC 8410, 4).
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    return Ed25519PublicKey.from_public_bytes(b64decode(ED25519_KEY)[-32:])


def _published_rsa() -> Any:
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    return load_der_public_key(b64decode(RSA_KEY))


_PUBLISHED = {"ed25519": _published_ed25519, "rsa": _published_rsa}
