"""By which keys the ledger may know a lead, as told by the accounts in the secrets: asking for those costs nothing."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from infra.cli.faults import CommandFailed
from infra.cli.place import Place

# Source → the output that names its secret, and the accounts in it.
_ACCOUNTS: Mapping[str, tuple[str, Callable[[Mapping[str, Any]], Iterable[Any]]]] = {
    "pinterest": (
        "PinterestKeysSecretArn",
        lambda secret: [it.get("ad_account_id") for it in secret.get("subscriptions") or ()],
    ),
    "facebook": ("FacebookSecretArn", lambda secret: secret.get("pages") or ()),
    "leadconnector": ("LeadConnectorSecretArn", lambda secret: secret.get("locations") or ()),
}


def likely_keys(place: Place, lead_id: str) -> list[str]:
    """Keys of a lead with this id, one for each account; of a secret that cannot be read, none."""
    return [f"{source}#{account}#{lead_id}" for source in _ACCOUNTS for account in _accounts(place, source)]


def _accounts(place: Place, source: str) -> list[str]:
    output, accounts = _ACCOUNTS[source]
    if output not in place.outputs:
        return []
    try:
        found = accounts(place.secret(output))
        return sorted({account for account in found if isinstance(account, str) and account})
    except (CommandFailed, BotoCoreError, ClientError, AttributeError, TypeError):
        # The ledger is searched then, which finds it as well.
        return []
