"""The accounts that a local stack has with each vendor: invented ids, and secrets made anew for each start."""

import base64
import secrets
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from leads.core.iso_time import zulu_time

# The Pinterest sender's own ad account and form, and an ad that collects leads there.
AD_ACCOUNT, FORM = "111764359001", "65300871001"
PINTEREST_APP_ID = "1500000"
PAGES = ("102290129340398", "102290129340399", "102290129340400")
PAGE = PAGES[0]
# The CRM location whose contacts are leads elsewhere.
SOURCE_LOCATION = "Qx7LeadSourceLocat10"
KEY_FILE = "leadconnector-key.pem"
ENVIRONMENT_FILE = "accounts.env"
# How long Pinterest's access tokens last; the sandbox's goes on.
TOKEN_SECONDS = 30 * 86_400


@dataclass(frozen=True)
class VendorAccounts:
    """locations: CRM location → its token; pages: Facebook page → its token."""

    locations: dict[str, str]
    pages: dict[str, str] = field(default_factory=lambda: {page: f"EAA{secrets.token_hex(24)}" for page in PAGES})
    app_secret: str = field(default_factory=lambda: secrets.token_hex(16))
    verify_token: str = field(default_factory=lambda: secrets.token_hex(16))
    workflow_secret: str = field(default_factory=lambda: secrets.token_hex(16))
    pinterest_app_secret: str = field(default_factory=lambda: secrets.token_hex(16))
    pinterest_token: str = field(default_factory=lambda: f"pina_{secrets.token_hex(24)}")
    conversion_token: str = field(default_factory=lambda: f"pinc_{secrets.token_hex(24)}")
    webhook_key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    # One to the whole ad account, one to its form.
    subscriptions: list[dict[str, str | None]] = field(
        default_factory=lambda: [_subscription("8078432025948590686", None), _subscription("8078432025948590687", FORM)]
    )

    def write_webhook_key(self, folder: Path) -> Path:
        """The key that signs LeadConnector webhooks, as a PEM file for the senders."""
        file = folder / KEY_FILE
        file.unlink(missing_ok=True)
        file.touch(mode=0o600)
        file.write_bytes(self.webhook_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return file

    def environment_file(self, folder: Path) -> Path:
        """Where `write_environment` writes."""
        return folder / ENVIRONMENT_FILE

    def write_environment(self, folder: Path) -> None:
        """What the vendors would give to somebody who sets LeadRelay up, as variables that `leadrelay init` takes."""
        location = next(iter(self.locations))
        variables = {
            "CONTACTS_TOKEN": self.locations[location],
            "PINTEREST_APP_ID": PINTEREST_APP_ID,
            "PINTEREST_APP_SECRET": self.pinterest_app_secret,
            "PINTEREST_ACCESS_TOKEN": self.pinterest_token,
            "PINTEREST_EXPIRES_AT": zulu_time(int(time.time()) + TOKEN_SECONDS, "seconds"),
        }
        file = self.environment_file(folder)
        file.unlink(missing_ok=True)
        file.touch(mode=0o600)
        file.write_text("".join(f"export {name}={value}\n" for name, value in variables.items()))

    def secrets(self) -> dict[str, Any]:
        """Output that names a secret → what a user would store in it."""
        public = self.webhook_key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        return {
            "PinterestKeysSecretArn": {"subscriptions": self.subscriptions},
            "PinterestAppSecretArn": {
                "app_id": PINTEREST_APP_ID,
                "app_secret": self.pinterest_app_secret,
                "access_token": self.pinterest_token,
                "conversion_tokens": {AD_ACCOUNT: self.conversion_token},
            },
            "ContactsSecretArn": {"locations": {location: {"token": it} for location, it in self.locations.items()}},
            "FacebookSecretArn": {
                "app_id": "770000000000001",
                "app_secret": self.app_secret,
                "verify_token": self.verify_token,
                "pages": {page: {"token": token} for page, token in self.pages.items()},
            },
            "LeadConnectorSecretArn": {
                "locations": [SOURCE_LOCATION],
                "app_ids": [],
                "workflow_secret": self.workflow_secret,
                "public_keys": [public.decode()],
            },
        }


def _subscription(name: str, form: str | None) -> dict[str, str | None]:
    return {
        "subscription_id": name,
        "ad_account_id": AD_ACCOUNT,
        "lead_form_id": form,
        "cryptographic_key": base64.b64encode(secrets.token_bytes(32)).decode(),
        "cryptographic_algorithm": "AES-256-GCM",
        "retired_at": None,
    }
