"""The user, and the ad accounts that the user has a role in."""

from infra.local.pinterest.accounts import USER
from infra.local.pinterest.asked import PAGED, Asked
from infra.local.pinterest.refusals import Refused
from infra.local.sandbox.web import Answer

_FLAGS = {"true": True, "false": False}


def user(asked: Asked) -> Answer:
    """user_account/get: the token's user, or with ad_account_id that account's owner."""
    asked.only("ad_account_id")
    shown = dict(USER)
    if number := asked.call.query.get("ad_account_id"):
        account = asked.account(number)
        shown = dict(account.owner(str(asked.role(account))))
    return Answer(200, {**shown, "account_type": "BUSINESS", "business_name": "Spring Kitchens"})


def accounts(asked: Asked) -> Answer:
    """ad_accounts/list: also those of others who have given the user a role, unless told."""
    asked.only("include_shared_accounts", *PAGED)
    shared = _FLAGS.get(asked.call.query.get("include_shared_accounts", "true"))
    if shared is None:
        raise Refused(400, 1, "include_shared_accounts is true or false.")
    seen = [(account, asked.role(account)) for account in asked.api.accounts.accounts.values()]
    return asked.page([account.shown(role) for account, role in seen if role and (shared or role == "OWNER")])


def account(asked: Asked, number: str) -> Answer:
    """ad_accounts/get."""
    found = asked.account(number)
    return Answer(200, found.shown(str(asked.role(found))))
