"""Pinterest's subscriptions and the stored keys side by side: what fits, what does not, and the fix for it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from infra.cli.pinterest.desk import Desk, chosen, shown_address
from infra.cli.pinterest.keys import Entry, entry_id, has_key, is_live
from infra.cli.vendors.pinterest_api import Subscription
from leads.core.iso_time import iso_time

LIVE, RETIRED = "live", "retired"
_WHOSE = ("ad_account_id", "lead_form_id")

# State → (what it means, the fix). {id}, {retired_at}, {where} and {chosen} (the options for account and form).
_FETCH = "`leadrelay pinterest subscribe {chosen}` fetches the key and stores it"
STATES: Mapping[str, tuple[str, str]] = {
    LIVE: ("sends to this stack, and its key is stored", ""),
    "missing key": ("sends to this stack, and its key is not stored: its leads wait", _FETCH),
    "key differs": ("sends to this stack, and the stored key is another one: its leads wait", _FETCH),
    "marked retired": ("sends to this stack, and its key is marked as retired", _FETCH),
    "former address": (
        "sends to this stack by its previous token, which will not work for ever",
        "`leadrelay pinterest rotate {chosen}`",
    ),
    "other address": (
        "sends to {where}, not to this stack",
        "`leadrelay pinterest rotate {chosen}` has the leads sent here instead; else leave it alone",
    ),
    "unknown to Pinterest": (
        "Its key is stored, but there is no such subscription",
        "`leadrelay pinterest subscribe {chosen}` makes one; `leadrelay pinterest unsubscribe {id}` retires the key",
    ),
    RETIRED: ("Its key is kept for leads that are still under way, since {retired_at}", ""),
    "unreadable": ("An entry of the secret that is no key", "mend the Pinterest keys secret, see README.md"),
}


@dataclass(frozen=True)
class Line:
    """One subscription, or one stored key that has none; never the key itself."""

    state: str
    subscription_id: str
    ad_account_id: str
    lead_form_id: str | None
    meaning: str
    fix: str
    address: str | None = None
    created_at: str | None = None
    retired_at: str | None = None

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def compare(desk: Desk, accounts: Sequence[str], *, is_all: bool) -> list[Line]:
    """Every subscription of these ad accounts, then the keys that belong to none of them.

    is_all: the accounts are all that the token sees, so that keys of any other account are listed as well.
    """
    entries = desk.keys.entries()
    subscriptions = [found for account in accounts for found in desk.api.subscriptions(account)]
    return [*(_known(desk, each, entries) for each in subscriptions), *_left(entries, subscriptions, accounts, is_all)]


def _known(desk: Desk, subscription: Subscription, entries: Sequence[Any]) -> Line:
    own = [entry for entry in entries if entry_id(entry) == subscription.id]
    moment = subscription.created_at
    return _line(
        _state(desk, subscription, own),
        subscription.id,
        subscription.account,
        subscription.form,
        address=shown_address(subscription.url),
        created_at=iso_time(moment, "seconds") if moment is not None else None,
    )


def _state(desk: Desk, subscription: Subscription, own: Sequence[Entry]) -> str:
    if desk.is_former(subscription.url):
        return "former address"
    if not desk.is_present(subscription.url):
        return "other address"
    if not own:
        return "missing key"
    # A list may come without keys; then there is nothing to compare.
    same = [entry for entry in own if not subscription.key or has_key(entry, subscription.key)]
    if not same:
        return "key differs"
    return LIVE if any(map(is_live, same)) else "marked retired"


def _left(
    entries: Sequence[Any], subscriptions: Sequence[Subscription], accounts: Sequence[str], is_all: bool
) -> Iterator[Line]:
    known = {subscription.id for subscription in subscriptions}
    for entry in entries:
        account, form = (str(entry.get(name) or "") if isinstance(entry, dict) else "" for name in _WHOSE)
        if not account or not entry.get("cryptographic_key"):
            yield _line("unreadable", entry_id(entry), account, form)
        elif is_live(entry) and entry_id(entry) not in known and (is_all or account in accounts):
            yield _line("unknown to Pinterest", entry_id(entry), account, form)
        elif not is_live(entry) and entry_id(entry) not in known and (is_all or account in accounts):
            yield _line(RETIRED, entry_id(entry), account, form, retired_at=str(entry["retired_at"]))


def _line(state: str, number: str, account: str, form: str, **more: str | None) -> Line:
    meaning, fix = STATES[state]
    words = {
        "id": number,
        "chosen": chosen(account, form),
        "where": more.get("address"),
        "retired_at": more.get("retired_at"),
    }
    return Line(state, number, account, form or None, meaning.format(**words), fix.format(**words), **more)
