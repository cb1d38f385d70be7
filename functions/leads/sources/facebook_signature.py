"""What Facebook signs and what we prove to it, all of it with the app's secret.

Sources: "Validating Payloads" in developers.facebook.com/docs/graph-api/webhooks/getting-started, and
developers.facebook.com/docs/graph-api/securing-requests.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from typing import Any

from leads.core.errors import Misconfigured

HEADER = "x-hub-signature-256"
# While the app's secret is being replaced, Facebook may use either.
_NAMES = ("app_secret", "previous_app_secret")


def app_secrets(secret: Mapping[str, Any]) -> Sequence[str]:
    """The app's secrets, the current one first. Raises Misconfigured when there is none."""
    found = tuple(value for name in _NAMES if isinstance(value := secret.get(name), str) and value)
    if not found:
        raise Misconfigured('the Facebook secret has no "app_secret"; it is in the app\'s settings under Basic')
    return found


def is_signed(body: bytes, signature: str, secrets: Sequence[str]) -> bool:
    """Whether `signature` (`sha256=<lower-case hex>`) is that of the body's very bytes under one of the secrets.

    Facebook signs what it sends, with non-ASCII letters and slashes escaped, so a body that was decoded and written
    again has another signature.
    """
    given = signature.encode("utf-8", "surrogatepass")
    matches = [hmac.compare_digest(given, b"sha256=" + _hmac(secret, body).encode()) for secret in secrets]
    return any(matches)


def is_same(given: str | None, known: Any) -> bool:
    """Whether two texts are equal, in a time that does not depend on where they differ; never when one is empty."""
    if not given or not isinstance(known, str) or not known:
        return False
    return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), known.encode("utf-8", "surrogatepass"))


def proof_of(token: str, app_secret: str) -> str:
    """`appsecret_proof`: shows Graph that the caller has more than the token."""
    return _hmac(app_secret, token.encode())


def _hmac(secret: str, message: bytes) -> str:
    return hmac.new(secret.encode("utf-8", "surrogatepass"), message, hashlib.sha256).hexdigest()
