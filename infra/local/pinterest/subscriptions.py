"""Subscriptions to leads: who is posted the leads of a form or of a whole ad account, and the key they share."""

import base64
import binascii
import ipaddress
import itertools
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from infra.local.pinterest.accounts import USER, is_id

ALGORITHM = "AES-256-GCM"
KEY_BYTES = 32
_ORDERED = ("account", "webhook_url", "lead_form_id", "id", "cryptographic_key")


@dataclass(frozen=True)
class Subscription:
    """One of them; lead_form_id None: the whole account. The key never changes."""

    account: str
    webhook_url: str
    lead_form_id: str | None
    id: str
    cryptographic_key: str = field(repr=False)
    created_at: float = field(default_factory=time.time)

    @property
    def key(self) -> bytes:
        return base64.b64decode(self.cryptographic_key)

    def shown(self, api_version: str = "5.11.1") -> dict[str, Any]:
        """Schema LeadSubscription; created_time in milliseconds. Real answers name two versions: v5 when created."""
        return {
            "id": self.id,
            "ad_account_id": self.account,
            "user_account_id": USER["id"],
            "lead_form_id": self.lead_form_id,
            "webhook_url": self.webhook_url,
            "cryptographic_key": self.cryptographic_key,
            "cryptographic_algorithm": ALGORITHM,
            "created_time": int(self.created_at * 1000),
            "api_version": api_version,
        }


@dataclass
class Subscriptions:
    """All of them, by id. Not thread-safe."""

    subscriptions: dict[str, Subscription] = field(default_factory=dict)
    _numbers: Any = field(default_factory=lambda: itertools.count(8_078_432_025_948_590_686))

    def of(self, account: str) -> list[Subscription]:
        return [one for one in self.subscriptions.values() if one.account == account]

    def at(self, account: str, form: str | None) -> Subscription | None:
        """The one of exactly that form, or with None that of the whole account."""
        return next((one for one in self.of(account) if one.lead_form_id == form), None)

    def add(self, account: str, webhook_url: str, form: str | None) -> Subscription:
        """Another one, with a key of its own."""
        return self.restore({"account": account, "webhook_url": webhook_url, "lead_form_id": form})

    def restore(self, order: Mapping[str, Any]) -> Subscription:
        """A subscription with a given id and key, made up unless given, in the place of one for the same leads.

        ValueError when it makes no sense.
        """
        if set(order) - set(_ORDERED):
            raise ValueError(f"A subscription takes {', '.join(_ORDERED)}.")
        named = {
            "lead_form_id": None,
            "id": str(next(self._numbers)),
            "cryptographic_key": base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode(),
            **order,
        }
        form = named["lead_form_id"]
        if not (is_id(named.get("account")) and is_id(named["id"]) and (form is None or is_id(form))):
            raise ValueError("A subscription's account, id and lead_form_id are texts of digits.")
        if not may_be_posted_to(named.get("webhook_url")):
            raise ValueError("A subscription's webhook_url begins with https://, or names a loopback address.")
        if not _is_key(named["cryptographic_key"]):
            raise ValueError(f"A subscription's cryptographic_key is padded base64 of {KEY_BYTES} bytes.")
        subscription = Subscription(**named)
        if former := self.at(subscription.account, form):
            del self.subscriptions[former.id]
        self.subscriptions[subscription.id] = subscription
        return subscription

    def wanting(self, account: str, form: str, *, both: bool = False) -> list[Subscription]:
        """Who is posted a lead of that form: the form's own subscription, or else the account's.

        Whether Pinterest posts it to both where there are two is documented nowhere; with `both` it does.
        """
        found = [one for one in (self.at(account, form), self.at(account, None)) if one]
        return found if both else found[:1]


def may_be_posted_to(url: Any) -> bool:
    """Whether it is an https address, or, because receivers under test have no certificate, one of loopback."""
    if not isinstance(url, str) or not url.isascii() or any(letter <= " " for letter in url):
        return False
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    return bool(host) and (parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(str(host))))


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _is_key(text: Any) -> bool:
    try:
        return isinstance(text, str) and len(base64.b64decode(text, validate=True)) == KEY_BYTES
    except (binascii.Error, ValueError):
        return False
