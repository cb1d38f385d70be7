"""Contacts in the ledger's table whose outcomes Pinterest hears of: the lead each came of, and what holds of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from typing import Any

from leads.adapters import batch_read
from leads.adapters.aws import AwsError, error_code
from leads.adapters.item_values import Item, number, text, texts
from leads.core.errors import TryAgain
from leads.core.iso_time import iso_time
from leads.core.match import Match

KEPT_SECONDS = 365 * 86_400
# What is heard again is written down again only when what is known of the hearing is older than this, in seconds.
HEARD_OFTEN_ENOUGH = 3600.0

_REMEMBER = (
    "SET #location_id = :location_id, #contact_id = :contact_id, #lead_key = :lead_key, #account = :account,"
    " #route = :route, #left_at = :left_at, #user_data = :user_data, #is_test = :is_test, #updated_at = :updated_at,"
    " #expires_at = :expires_at, #standing = :standing, #heard_at = :heard_at"
)
_NAMES = (
    "location_id", "contact_id", "lead_key", "account", "route", "left_at", "user_data", "is_test", "updated_at",
    "expires_at", "standing", "heard_at", "wanted",
)  # fmt: skip
# Of two leads of one moment always the same one counts, in whichever order they come.
_IS_ANOTHER = "#lead_key <> :lead_key AND (#left_at < :left_at OR (#left_at = :left_at AND #lead_key < :lead_key))"
_IS_LATEST = f"attribute_not_exists(pk) OR ({_IS_ANOTHER})"
_HEARD = "SET #heard_at.#record = :at, #updated_at = :updated_at, #expires_at = :expires_at"
_WANTED, _WANTED_UNKNOWN = ", #wanted = :wanted", " REMOVE #wanted"
_HOLDS = ", #standing.#record = :holding"
_HOLDS_NO_MORE = " REMOVE #standing.#record"
# A contact that was erased in between stays erased, and what was heard of one lead's is not written over another's.
_IS_NEWS = "#lead_key = :lead_key AND (attribute_not_exists(#heard_at.#record) OR #heard_at.#record <= :at)"


class MatchLedger:
    """Items by key `pk` (see Match.key), each kept a year from its last change.

    `client` is a DynamoDB client, `now` gives seconds since the epoch. Every method raises
    TryAgain(ledger_unavailable) when the table does not answer.
    """

    def __init__(
        self,
        client: Any,
        table: str,
        *,
        now: Callable[[], float],
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client = client
        self._table = table
        self._now = now
        self._sleep = sleep

    def remember(self, match: Match) -> None:
        """The contact's lead from now on, unless one that was left later is known; repeating it changes nothing.

        Of an earlier lead nothing stays: what stood before this one the match says itself.
        """
        values = {
            ":location_id": {"S": match.location_id},
            ":contact_id": {"S": match.contact_id},
            ":lead_key": {"S": match.lead_key},
            ":account": {"S": match.account},
            ":route": {"S": match.route},
            ":left_at": _moment(match.left_at),
            ":user_data": {"M": {name: _texts(hashes) for name, hashes in match.user_data.items()}},
            ":is_test": {"BOOL": match.is_test},
            ":standing": {"M": {record: _texts(holding) for record, holding in match.standing.items()}},
            ":heard_at": {"M": {record: _moment(at) for record, at in match.heard_at.items()}},
        }
        if match.wanted is not None:
            values[":wanted"] = _texts(match.wanted)
        expression = _REMEMBER + (_WANTED_UNKNOWN if match.wanted is None else _WANTED)
        self._update(match.key, expression, _IS_LATEST, _aliases(_NAMES), values)

    def find(self, keys: Sequence[str]) -> dict[str, Match]:
        """The contacts with these keys; those that nobody knows are left out."""
        items = batch_read.read(self._client, self._table, keys, sleep=self._sleep)
        return {key: _match(item) for key, item in items.items()}

    def stand(
        self,
        match: Match,
        record: str,
        holding: Collection[str],
        at: float,
        *,
        wanted: Collection[str] | None = None,
    ) -> None:
        """What holds of a record from now on, unless something later was heard of it, or its lead is another by now.

        match: as it is known, with what was put down since it was read: what it says already is not written again.
        at: epoch seconds. wanted: as in Match, None where it stays as it is.
        """
        heard = match.heard_at.get(record)
        is_same = set(match.standing.get(record, ())) == set(holding) and _is_same(match.wanted, wanted)
        if heard is not None and (heard > at or (is_same and at - heard < HEARD_OFTEN_ENOUGH)):
            return
        values: dict[str, Any] = {":at": _moment(at), ":lead_key": {"S": match.lead_key}}
        used = ["lead_key", "heard_at", "standing", "updated_at", "expires_at"]
        expression = _HEARD
        if wanted is not None:
            values[":wanted"] = _texts(sorted(wanted))
            used.append("wanted")
            expression += _WANTED
        if holding:
            values[":holding"] = _texts(sorted(holding))
        expression += _HOLDS if holding else _HOLDS_NO_MORE
        self._update(match.key, expression, _IS_NEWS, _aliases(used) | {"#record": record}, values)

    def _update(self, key: str, expression: str, condition: str, names: dict[str, str], values: dict[str, Any]) -> None:
        """Changes the item where the condition holds; where it does not, what is there knows better."""
        now = self._now()
        dated = {
            ":updated_at": {"S": iso_time(now)},
            ":expires_at": {"N": str(int(now) + KEPT_SECONDS)},
        }
        try:
            self._client.update_item(
                TableName=self._table,
                Key={"pk": {"S": key}},
                UpdateExpression=expression,
                ConditionExpression=condition,
                ExpressionAttributeNames=names,
                ExpressionAttributeValues=values | dated,
            )
        except AwsError as error:
            if error_code(error) != "ConditionalCheckFailedException":
                raise _unavailable(error_code(error)) from None


def _match(item: Item) -> Match:
    user_data, standing, heard_at = (item.get(name, {}).get("M", {}) for name in ("user_data", "standing", "heard_at"))
    return Match(
        location_id=text(item, "location_id"),
        contact_id=text(item, "contact_id"),
        lead_key=text(item, "lead_key"),
        account=text(item, "account"),
        route=text(item, "route"),
        left_at=number(item, "left_at") / 1000,
        user_data={name: list(texts(user_data, name)) for name in user_data},
        is_test=bool(item.get("is_test", {}).get("BOOL", False)),
        standing={record: texts(standing, record) for record in standing},
        heard_at={record: number(heard_at, record) / 1000 for record in heard_at},
        wanted=texts(item, "wanted") if "wanted" in item else None,
    )


def _is_same(known: Collection[str] | None, wanted: Collection[str] | None) -> bool:
    return wanted is None or (known is not None and set(known) == set(wanted))


def _aliases(names: Collection[str]) -> dict[str, str]:
    return {f"#{name}": name for name in names}


def _moment(seconds: float) -> dict[str, str]:
    """Seconds as whole milliseconds: numbers of more digits than these are refused or rounded."""
    return {"N": str(round(seconds * 1000))}


def _texts(values: Collection[str]) -> dict[str, Any]:
    return {"L": [{"S": value} for value in values]}


def _unavailable(code: str) -> TryAgain:
    return TryAgain("ledger_unavailable", f"DynamoDB answered {code}")
