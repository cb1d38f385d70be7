"""Ad accounts, and which role the user of the tokens has in each."""

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

# Schema BusinessAccessRole.
ROLES = (
    "OWNER", "ADMIN", "ANALYST", "SOS_READER", "FINANCE_MANAGER", "FINANCE_VIEW", "FINANCE_EDIT", "AUDIENCE_MANAGER",
    "CAMPAIGN_MANAGER", "CATALOGS_MANAGER", "RESTRICTED_OWNER", "PROFILE_MANAGER", "PROFILE_PUBLISHER",
    "RESOURCE_PINNER_LIST_OWNER", "RESOURCE_PINNER_LIST_READER", "BIZ_PINNER_LIST_SHARER",
    "RESOURCE_CONVERSION_TAGS_READER",
)  # fmt: skip
DIGITS = re.compile(r"[0-9]+")
_LONGEST_ID = 18
_ORDERED = ("id", "name", "role", "in_beta")
USER = {"id": "2783136121146311751", "username": "springkitchens"}
_ELSE = {"id": "2783136121146311752", "username": "otherkitchens"}


def is_id(value: Any) -> bool:
    """Whether it is an id as Pinterest writes them: a text of digits."""
    return isinstance(value, str) and DIGITS.fullmatch(value) is not None


def is_account_id(value: Any) -> bool:
    return is_id(value) and len(value) <= _LONGEST_ID


@dataclass(frozen=True)
class Account:
    """An ad account. role: the user's, None where the user has none; in_beta: whether it may have lead ads."""

    id: str
    name: str = "Spring Kitchens"
    role: str | None = "OWNER"
    in_beta: bool = True
    country: str = "US"
    currency: str = "USD"
    created_at: float = field(default_factory=time.time)

    def shown(self, role: str) -> dict[str, Any]:
        """Schema AdAccount, for somebody with that role; times in seconds."""
        return {
            "id": self.id,
            "name": self.name,
            "owner": dict(self.owner(role)),
            "country": self.country,
            "currency": self.currency,
            "permissions": [role],
            "created_time": int(self.created_at),
            "updated_time": int(self.created_at),
        }

    def owner(self, role: str) -> Mapping[str, str]:
        return USER if role == "OWNER" else _ELSE


@dataclass
class Accounts:
    """All of them. Not thread-safe."""

    accounts: dict[str, Account] = field(default_factory=dict)

    def change(self, order: Mapping[str, Any]) -> Account:
        """An account by the names of Account, made or changed in what is named; ValueError when it makes no sense."""
        if unknown := sorted(set(order) - set(Account.__dataclass_fields__)):
            raise ValueError(
                f"An ad account has no {unknown[0]!r}; it takes {', '.join(Account.__dataclass_fields__)}."
            )
        number = order.get("id")
        if not is_account_id(number):
            raise ValueError(f"An ad account's id is a text of at most {_LONGEST_ID} digits.")
        if order.get("role") not in (None, *ROLES):
            raise ValueError("A role is null or one of " + ", ".join(ROLES))
        if not (isinstance(order.get("name", ""), str) and isinstance(order.get("in_beta", True), bool)):
            raise ValueError("An ad account's name is a text, its in_beta true or false.")
        account = replace(self.accounts.get(str(number), Account(str(number))), **order)
        self.accounts[account.id] = account
        return account

    def known(self, number: str) -> Account:
        """The account, made when nobody has made it."""
        return self.accounts.get(number) or self.change({"id": number})
