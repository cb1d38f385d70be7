"""What the verbs about Pinterest's subscriptions work with, and what they answer."""

import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from infra.cli.faults import CommandFailed
from infra.cli.pinterest.keys import KeyStore
from infra.cli.place import Place
from infra.cli.place import is_ours as has_token
from infra.cli.vendors.pinterest_api import PinterestApi, Subscription, checked_id, of_form
from leads.core.iso_time import iso_time

APP, WEBHOOK_TOKEN = "PinterestAppSecretArn", "WebhookTokenSecretArn"


@dataclass(frozen=True)
class Desk:
    """Pinterest, the stored keys, and the addresses of this stack's webhook.

    former_url: the one with the previous token, which still works; "" when there is none.
    """

    api: PinterestApi
    keys: KeyStore
    url: str = field(repr=False)
    former_url: str = field(default="", repr=False)
    now: Callable[[], float] = time.time

    @property
    def moment(self) -> str:
        return iso_time(self.now())

    def is_present(self, address: str) -> bool:
        """Whether it has this stack's present token, whatever host stands before it."""
        return has_token(address, "pinterest", (_token(self.url),))

    def is_former(self, address: str) -> bool:
        """Whether it has the previous token."""
        return has_token(address, "pinterest", (_token(self.former_url),))


@dataclass(frozen=True)
class Done:
    """What a verb did. what: created, stored, unchanged, rotated, completed or retired; notes: sentences about it."""

    what: str
    subscription_id: str
    ad_account_id: str
    lead_form_id: str = ""
    notes: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "lead_form_id": self.lead_form_id or None}


def desk_of(place: Place) -> Desk:
    """Everything for one place. Raises CommandFailed when there is no access token, or no webhook."""
    url = place.webhook_url("pinterest")
    former = place.secret(WEBHOOK_TOKEN).get("previous")
    return Desk(
        api=api_of(place),
        keys=KeyStore(place),
        url=url,
        former_url=f"{url.rpartition('/')[0]}/{former}" if former else "",
    )


def api_of(place: Place) -> PinterestApi:
    """Pinterest as the app of this place sees it."""
    token = place.secret(APP).get("access_token")
    if not (isinstance(token, str) and token):
        raise CommandFailed('The Pinterest app secret has no usable "access_token": `leadrelay init` stores one.')
    return PinterestApi(place.pinterest_api_url, token)


def accounts_of(api: PinterestApi, given: str = "") -> list[str]:
    """The ad account that was given, else every one that the token sees. Raises CommandFailed when that is none."""
    if given:
        return [checked_id(given, "ad account")]
    accounts = [account.id for account in api.ad_accounts()]
    if not accounts:
        raise CommandFailed(
            "The access token sees no ad account: have its user given a role on one in Pinterest's Business Manager."
        )
    return accounts


def account_of(api: PinterestApi, given: str) -> str:
    """The ad account that was given, else the only one that the token sees. Raises CommandFailed when it sees more."""
    accounts = accounts_of(api, given)
    if len(accounts) > 1:
        raise CommandFailed(
            f"The access token sees {len(accounts)} ad accounts: choose one with --account, of {', '.join(accounts)}.",
            exit_code=2,
        )
    return accounts[0]


def is_ours(desk: Desk, subscription: Subscription) -> bool:
    """Whether it sends to this stack, by its present or its previous token."""
    return desk.is_present(subscription.url) or desk.is_former(subscription.url)


def find(subscriptions: Iterable[Subscription], form: str) -> Subscription | None:
    """The one of that form, or, form "", of the whole ad account."""
    return next((each for each in subscriptions if each.form == form), None)


def elsewhere(desk: Desk, old: Subscription) -> str:
    """That a subscription does not send to this stack's address, and where it does."""
    whose = (
        "to this stack by its previous token"
        if desk.is_former(old.url)
        else f"to {shown_address(old.url)}, which is not this stack"
    )
    return f"Subscription {old.id} sends the leads of {of_form(old.form)} of ad account {old.account} {whose}."


def chosen(account: str, form: str) -> str:
    """The options that name an ad account, or a form."""
    return f"--account {account}" + (f" --form {form}" if form else "")


def by_same_host(old: str, new: str) -> str:
    """The new address at the host of an old one, which may be one of our own before the stack's; AWS's own is not."""
    before, after = urlsplit(old), urlsplit(new)
    if (before.hostname or "").endswith(".amazonaws.com"):
        return new
    return urlunsplit(before._replace(path=f"{before.path.rpartition('/')[0]}/{after.path.rpartition('/')[2]}"))


def _token(address: str) -> str:
    return address.rpartition("/")[2]


def shown_address(url: str) -> str:
    """An address as far as it may be shown: its last part is a secret, as in ours, and so is what follows a "?"."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path.rpartition('/')[0]}/…"
