"""How the CRM signs a webhook: Ed25519 over the bytes of its body.

Source: https://marketplace.gohighlevel.com/docs/webhook/WebhookIntegrationGuide
"""

import base64
from typing import TYPE_CHECKING

# Imported when the first webhook is signed: the library takes a tenth of a second, and most sandboxes send none.
if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

SIGNATURE = "X-GHL-Signature"


def signed(body: bytes, private_key: "Ed25519PrivateKey") -> dict[str, str]:
    """The headers that a webhook with this body comes with; the signature is in padded base64."""
    signature = base64.b64encode(private_key.sign(body)).decode()
    return {"Content-Type": "application/json", "User-Agent": "axios/1.7.9", SIGNATURE: signature}


def new_key() -> "Ed25519PrivateKey":
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return Ed25519PrivateKey.generate()


def private_key(pem: bytes) -> "Ed25519PrivateKey":
    """The key in a PEM file without a password; ValueError when it holds no Ed25519 private key."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise ValueError("The webhook key must be an Ed25519 private key in PEM, without a password.")
    return key


def public_pem(key: "Ed25519PrivateKey") -> str:
    """The public half, as the vendor publishes its own: PEM of a SubjectPublicKeyInfo."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
