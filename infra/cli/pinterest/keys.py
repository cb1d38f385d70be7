"""The keys of Pinterest's subscriptions in their secret: changed entry by entry, and none is ever dropped.

The secret is `{"subscriptions": [{"subscription_id", "ad_account_id", "lead_form_id", "cryptographic_key",
"cryptographic_algorithm", "retired_at"}]}`, and `rotating_since` beside it while a subscription is replaced.
"""

from collections.abc import Callable
from typing import Any

from infra.cli.faults import CommandFailed
from infra.cli.place import Place
from infra.cli.setup.secret_edit import edit_secret
from infra.cli.vendors.pinterest_api import Subscription

OUTPUT = "PinterestKeysSecretArn"
_ROTATING = "rotating_since"

Entry = dict[str, Any]
Edit = Callable[[list[Any]], list[Any]]


class KeyStore:
    """The secret of one place. Also raises what boto3 raises."""

    def __init__(self, place: Place) -> None:
        self._place = place

    def entries(self) -> list[Any]:
        """What is stored. Raises CommandFailed when the secret has another shape."""
        return _entries(self._place.secret(OUTPUT))

    def change(self, edit: Edit) -> None:
        """Store what `edit` makes of the entries, whatever somebody else stores at the same time."""

        def edited(value: dict[str, Any]) -> dict[str, Any]:
            kept = {name: held for name, held in value.items() if name != _ROTATING}
            return {**kept, "subscriptions": edit(_entries(value))}

        edit_secret(self._place, OUTPUT, edited)

    def announce(self, moment: str) -> None:
        """Write that a key is about to be replaced, which the next change takes away: proves that one can be stored."""
        edit_secret(self._place, OUTPUT, lambda value: {**value, "subscriptions": _entries(value), _ROTATING: moment})


def stored(entries: list[Any], subscription: Subscription, now: str) -> list[Any]:
    """The entries with a live one for this subscription.

    An account, or a form, has one subscription: others that are live for the same one are none any more, and retired.
    now: ISO 8601 UTC.
    """
    fresh = {
        "subscription_id": subscription.id,
        "ad_account_id": subscription.account,
        "lead_form_id": subscription.form or None,
        "cryptographic_key": subscription.key,
        "cryptographic_algorithm": subscription.algorithm or "AES-256-GCM",
        "retired_at": None,
    }
    changed, is_in = [], False
    for entry in entries:
        is_own = entry_id(entry) == subscription.id
        if is_own and not is_in and has_key(entry, subscription.key):
            entry, is_in = {**entry, **fresh}, True
        elif is_live(entry) and (is_own or concerns(entry, subscription.account, subscription.form)):
            entry = {**entry, "retired_at": now}
        changed.append(entry)
    return changed if is_in else [*changed, fresh]


def retired(entries: list[Any], number: str, now: str) -> list[Any]:
    """The entries with all of that subscription's retired."""
    return [
        {**entry, "retired_at": now} if entry_id(entry) == number and is_live(entry) else entry for entry in entries
    ]


def entry_id(entry: Any) -> str:
    """The id of an entry's subscription; "" where it has none."""
    return str(entry.get("subscription_id") or "") if isinstance(entry, dict) else ""


def is_live(entry: Any) -> bool:
    return isinstance(entry, dict) and not entry.get("retired_at")


def concerns(entry: Any, account: str, form: str) -> bool:
    """Whether an entry is for that form, or, form "", for the whole ad account."""
    if not isinstance(entry, dict):
        return False
    return str(entry.get("ad_account_id") or "") == account and str(entry.get("lead_form_id") or "") == form


def has_key(entry: Any, key: str) -> bool:
    """Whether it is the same key, however its base64 is spelt; never for no key at all."""
    own = entry.get("cryptographic_key") if isinstance(entry, dict) else None
    return bool(key) and isinstance(own, str) and _spelt(own) == _spelt(key)


def _spelt(key: str) -> str:
    return "".join(key.split()).rstrip("=").replace("-", "+").replace("_", "/")


def _entries(value: dict[str, Any]) -> list[Any]:
    entries = value.get("subscriptions", [])
    if not isinstance(entries, list):
        raise CommandFailed(
            'The "subscriptions" in the Pinterest keys secret are no list; nothing was changed. Mend it, see README.md.'
        )
    return entries
