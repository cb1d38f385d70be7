"""Subscriptions to leads, which only an ad account's owner and administrators see."""

from typing import Any

from infra.local.pinterest.accounts import Account, is_id
from infra.local.pinterest.asked import PAGED, Asked
from infra.local.pinterest.refusals import Refused
from infra.local.pinterest.subscriptions import Subscription, may_be_posted_to
from infra.local.sandbox.web import Answer

_ROLES = ("OWNER", "ADMIN")
_TEXTS = ("webhook_url", "lead_form_id", "partner_access_token", "partner_refresh_token")
# Schema LeadSubscriptionPostParamsCreate. It allows other properties as well; a call that sends one, "form_id" say,
# has misspelt one of these, and would get the leads of the whole account.
_PROPERTIES = {*_TEXTS, "partner_metadata"}


def subscriptions(asked: Asked, number: str) -> Answer:
    """ad_accounts_subscriptions/get_list, with the keys."""
    account = asked.account(number, _ROLES)
    asked.only(*PAGED)
    return asked.page([subscription.shown() for subscription in asked.api.subscriptions.of(account.id)])


def subscription(asked: Asked, number: str, subscription_id: str) -> Answer:
    """ad_accounts_subscriptions/get_by_id, with the key."""
    return Answer(200, _found(asked, asked.account(number, _ROLES), subscription_id).shown())


def subscribe(asked: Asked, number: str) -> Answer:
    """ad_accounts_subscriptions/post: nothing is posted to the webhook before the first lead.

    What a second subscription to the same leads is answered with, a form that is none of the account's, and an
    account outside the beta, is documented nowhere. Here: 400, 400, and 403 with the code that creating a form gives.
    """
    account = asked.account(number, _ROLES)
    url, form = _body(asked)
    if not account.in_beta:
        raise Refused(403, 3078, "Advertiser not in beta")
    if form is not None and (account.id, form) not in asked.api.forms.forms:
        raise Refused(400, 1, "The ad account has no such lead form.")
    if asked.api.subscriptions.at(account.id, form):
        raise Refused(400, 1, "There is a subscription to these leads already.")
    return Answer(200, asked.api.subscriptions.add(account.id, url, form).shown("v5"))


def unsubscribe(asked: Asked, number: str, subscription_id: str) -> Answer:
    """ad_accounts_subscriptions/del_by_id; what is on its way to the webhook still comes."""
    found = _found(asked, asked.account(number, _ROLES), subscription_id)
    del asked.api.subscriptions.subscriptions[found.id]
    return Answer(204, b"")


def _found(asked: Asked, account: Account, subscription_id: str) -> Subscription:
    if not is_id(subscription_id):
        raise Refused(400, 1, "Subscription ID must be numeric.")
    found = asked.api.subscriptions.subscriptions.get(subscription_id)
    if found is None or found.account != account.id:
        raise Refused(404, 2, "Subscription not found.")
    return found


def _body(asked: Asked) -> tuple[str, str | None]:
    """Where to post, and the leads of which form, None for all of them."""
    body = asked.json()
    if not isinstance(body, dict) or "webhook_url" not in body or set(body) - _PROPERTIES:
        raise Refused(400, 1, f"The body is an object of webhook_url and perhaps {', '.join(sorted(_PROPERTIES))}.")
    if wrong := [name for name in _TEXTS if not isinstance(body.get(name, ""), str)]:
        raise Refused(400, 1, f"{wrong[0]} is a text.")
    if not _is_metadata(body.get("partner_metadata", {})):
        raise Refused(400, 1, "partner_metadata is an object of subscriber_key, a text.")
    if not may_be_posted_to(body["webhook_url"]):
        raise Refused(400, 1, "webhook_url is a standard HTTPS URL.")
    form = body.get("lead_form_id")
    if form is not None and not is_id(form):
        raise Refused(400, 1, "Lead form ID must be numeric.")
    return body["webhook_url"], form


def _is_metadata(value: Any) -> bool:
    return (
        isinstance(value, dict) and set(value) <= {"subscriber_key"} and all(isinstance(v, str) for v in value.values())
    )
