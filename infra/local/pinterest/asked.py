"""One authenticated call: who asks, what for, and what the API refuses before it looks."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from infra.local.pinterest.accounts import DIGITS, Account, is_account_id
from infra.local.pinterest.refusals import Refused, not_permitted
from infra.local.pinterest.tokens import Grant
from infra.local.sandbox.web import Answer, Call

if TYPE_CHECKING:
    from infra.local.pinterest.api import PinterestApi

LARGEST_PAGE = 250
ORDERS = ("ASCENDING", "DESCENDING")
PAGED = ("page_size", "bookmark")


@dataclass(frozen=True)
class Asked:
    """A call whose token is valid and has the operation's scope."""

    api: "PinterestApi"
    call: Call
    grant: Grant

    def role(self, account: Account) -> str | None:
        """The caller's role there; None: none."""
        return self.grant.role or account.role

    def account(self, number: str, roles: Collection[str] = ()) -> Account:
        """The ad account, if the caller has a role in it, one of `roles` where only those may ask."""
        if not is_account_id(number):
            raise Refused(400, 1, "Advertiser ID must be numeric.")
        account = self.api.accounts.accounts.get(number)
        role = self.role(account) if account else None
        if account is None or role is None or (roles and role not in roles):
            raise not_permitted()
        return account

    def only(self, *parameters: str) -> None:
        """Refuse what the operation does not take, so that a misspelt parameter is not passed over in silence."""
        if unknown := sorted(set(self.call.query) - set(parameters)):
            raise Refused(400, 1, f"Unknown parameter {unknown[0]}.")

    def page(self, rows: Sequence[dict[str, Any]]) -> Answer:
        """As many of the rows as were asked for, by page_size, bookmark and order; the last page's bookmark is null."""
        size = self.call.query.get("page_size", "25")
        if not (DIGITS.fullmatch(size) and 1 <= int(size) <= LARGEST_PAGE):
            raise Refused(400, 1, f"page_size is a number from 1 to {LARGEST_PAGE}.")
        first = self.call.query.get("bookmark", "after-0").removeprefix("after-")
        if not DIGITS.fullmatch(first):
            raise Refused(400, 1, "That bookmark is none of ours.")
        order = self.call.query.get("order")
        if order not in (None, *ORDERS):
            raise Refused(400, 1, "order is ASCENDING or DESCENDING.")
        found = sorted(rows, key=lambda row: int(row["id"]), reverse=order == ORDERS[1]) if order else rows
        end = int(first) + int(size)
        items = list(found[int(first) : end])
        return Answer(200, {"items": items, "bookmark": f"after-{end}" if end < len(found) else None})

    def json(self, code: int = 1) -> Any:
        """The body, sent as JSON; None for one that is none. code: of what is refused as not sent so."""
        if "json" not in self.call.headers.get("content-type", ""):
            raise Refused(400, code, "Send JSON.")
        try:
            return self.call.json()
        except ValueError:
            return None
