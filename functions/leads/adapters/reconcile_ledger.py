"""Runs of the reconciliation in the ledger's table, and how its leads stand, read a hundred at a time."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from leads.adapters import batch_read, reconcile_item
from leads.adapters.aws import AwsError, error_code
from leads.adapters.item_values import Item, number, text
from leads.core.errors import TryAgain
from leads.core.iso_time import iso_time
from leads.core.reconciling import RUNNING, Known, Run, Scope, ScopeProgress, Unlisted

KEPT_SECONDS = 90 * 86_400

# Scopes of one item, which holds 400 KB.
_SCOPES = 1_000

_FREE = "attribute_not_exists(pk) OR (#status = :status AND #free_at <= :now_ms)"
_OURS = "#owner = :owner"


class ReconcileLedger:
    """Items by key `pk`: `reconcile#<run>` for an order, `reconcile#<run>#<source>#<account>#<form>` for a scope.

    `client` is a DynamoDB client, `now` gives seconds since the epoch. Every method raises TryAgain(ledger_unavailable)
    when the table does not answer.
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

    def known(self, keys: Sequence[str]) -> dict[str, Known]:
        """How the leads with these ledger keys stand; those that the ledger does not know are left out."""
        items = self._read(keys, "pk, #status, claimed_until, updated_at")
        return {key: reconcile_item.known(item) for key, item in items.items()}

    def keep(self, run: Run) -> None:
        """Remembers an order."""
        parts = [run.scopes[start : start + _SCOPES] for start in range(0, len(run.scopes), _SCOPES)] or [()]
        # The first part last: it says how many there are, so a run that was cut off here does not exist.
        for place in reversed(range(len(parts))):
            item = {
                "pk": {"S": _part_key(run.id, place)},
                "parts": {"N": str(len(parts))},
                "scopes": {"S": msgspec.json.encode(parts[place]).decode()},
                "unlisted": {"S": msgspec.json.encode(run.unlisted if place == 0 else ()).decode()},
                "updated_at": {"S": iso_time(self._now())},
                "expires_at": {"N": str(int(self._now()) + KEPT_SECONDS)},
            }
            try:
                self._client.put_item(TableName=self._table, Item=item)
            except AwsError as error:
                raise _unavailable(error_code(error)) from None

    def run(self, run: str) -> Run | None:
        """The order of this id, None when there is none."""
        first = self._read([_part_key(run, 0)]).get(_part_key(run, 0))
        if first is None:
            return None
        keys = [_part_key(run, place) for place in range(1, number(first, "parts"))]
        items = self._read(keys)
        scopes = [
            scope
            for item in (first, *(items[key] for key in keys if key in items))
            for scope in msgspec.json.decode(text(item, "scopes"), type=list[Scope])
        ]
        unlisted = msgspec.json.decode(text(first, "unlisted"), type=tuple[Unlisted, ...])
        return Run(id=run, scopes=tuple(scopes), unlisted=unlisted)

    def progress(self, run: str, scopes: Sequence[Scope]) -> dict[Scope, ScopeProgress]:
        """How far a run has come with these scopes; those that nobody has begun are left out."""
        keys = {_key(run, scope): scope for scope in scopes}
        return {
            keys[key]: reconcile_item.progress(run, keys[key], item) for key, item in self._read(tuple(keys)).items()
        }

    def take(self, run: str, scope: Scope, *, owner: str, until: float) -> ScopeProgress:
        """The scope for `owner` alone until `until` (epoch seconds), begun if nobody has.

        One that has ended, or is not free yet, comes as it stands: its owner is somebody else.
        """
        now = self._now()
        values = {
            "status": {"S": RUNNING},
            "owner": {"S": owner},
            "free_at": {"N": reconcile_item.milliseconds(until)},
            "updated_at": {"S": iso_time(now)},
            "expires_at": {"N": str(int(now) + KEPT_SECONDS)},
        }
        started = {
            "started_at": {"N": reconcile_item.milliseconds(now)},
            "source": {"S": scope.source},
            "account": {"S": scope.account},
            "form": {"S": scope.form},
        }
        conditions = {":now_ms": {"N": reconcile_item.milliseconds(now)}}
        item = self._update(_key(run, scope), values, _FREE, conditions, once=started)
        return reconcile_item.progress(run, scope, item)

    def save(self, progress: ScopeProgress) -> bool:
        """Keeps how far its owner has come; False when the scope has passed to somebody else."""
        values = reconcile_item.values(progress) | {"updated_at": {"S": iso_time(self._now())}}
        item = self._update(_key(progress.run, progress.scope), values, _OURS, {}, once={})
        return text(item, "owner") == progress.owner

    def _update(
        self, key: str, values: dict[str, Any], condition: str, more: dict[str, Any], *, once: dict[str, Any]
    ) -> Item:
        """The item once it is written, or as it stands where the condition does not hold. once: set if not there."""
        sets = [f"#{name} = :{name}" for name in values]
        sets += [f"#{name} = if_not_exists(#{name}, :{name})" for name in once]
        every = values | once
        try:
            answer = self._client.update_item(
                TableName=self._table,
                Key={"pk": {"S": key}},
                UpdateExpression="SET " + ", ".join(sets),
                ConditionExpression=condition,
                ExpressionAttributeNames={f"#{name}": name for name in every},
                ExpressionAttributeValues={f":{name}": value for name, value in every.items()} | more,
                ReturnValues="ALL_NEW",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except AwsError as error:
            if error_code(error) != "ConditionalCheckFailedException":
                raise _unavailable(error_code(error)) from None
            response: dict[str, Any] = getattr(error, "response", {})
            item: Item = response.get("Item") or {}
            return item
        written: Item = answer["Attributes"]
        return written

    def _read(self, keys: Sequence[str], projection: str = "") -> dict[str, Item]:
        asked: dict[str, Any] = {}
        if projection:
            asked = {"ProjectionExpression": projection, "ExpressionAttributeNames": {"#status": "status"}}
        return batch_read.read(self._client, self._table, keys, sleep=self._sleep, **asked)


def _key(run: str, scope: Scope) -> str:
    return f"reconcile#{run}#{scope.source}#{scope.account}#{scope.form}"


def _part_key(run: str, place: int) -> str:
    return f"reconcile#{run}" + (f"#{place}" if place else "")


def _unavailable(code: str) -> TryAgain:
    return TryAgain("ledger_unavailable", f"DynamoDB answered {code}")
