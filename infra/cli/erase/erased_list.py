"""The ledger's list of erased people, as the command writes it: salted hashes, and when each was erased."""

import secrets
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from infra.cli.faults import CommandFailed
from leads.adapters.item_values import Item, text
from leads.core.erasure import KEY, Erased, hash_of, outlived

_KEY = {"pk": {"S": KEY}}
_SALT_BYTES = 16
# DynamoDB takes items up to 400 KB, and the functions read the list as one. A hash takes 32 bytes, its time and what
# is kept around the two less than 12.
LARGEST = 390 * 1024
_BYTES_EACH = 44
# An update's expression may have 4 KB.
_AT_ONCE = 40


def read(client: Any, table: str) -> Erased | None:
    """The list as it is now; None when nobody was ever erased."""
    item = client.get_item(TableName=table, Key=_KEY, ConsistentRead=True).get("Item")
    return _erased(item) if item else None


def add(client: Any, table: str, names: Iterable[str], *, at: float, kept_seconds: float) -> list[str]:
    """Put names (`leads.core.erasure.name_of`) on the list, and take off it whom it need not remember; their hashes.

    at: epoch seconds of the erasure. Raises CommandFailed when the list is full; nothing was written then.
    """
    erased = read(client, table) or _new(client, table)
    hashes = sorted({hash_of(name, erased.salt) for name in names})
    old = outlived(erased.people, now=at, kept_seconds=kept_seconds)
    if len(({*erased.people} - {*old}) | {*hashes}) * _BYTES_EACH > LARGEST:
        raise CommandFailed(
            f"The list of erased people is full ({len(erased.people)} hashes), and nothing was erased: an item of the "
            "ledger holds no more. The oldest entries are taken off after a while; then repeat the command."
        )
    for some in _batches(old):
        _update(client, table, "REMOVE", [f"people.#p{number}" for number in range(len(some))], some, {})
    for some in _batches(hashes):
        sets = [f"people.#p{number} = :at" for number in range(len(some))]
        # Rounded up, as platforms tell times in whole seconds.
        _update(client, table, "SET", sets, some, {":at": {"N": str(int(at) + 1)}})
    return hashes


def _new(client: Any, table: str) -> Erased:
    """The list, begun by us or by somebody else at the same moment. The salt is made once and stays."""
    item = {**_KEY, "salt": {"S": secrets.token_hex(_SALT_BYTES)}, "people": {"M": {}}}
    try:
        client.put_item(TableName=table, Item=item, ConditionExpression="attribute_not_exists(pk)")
    except client.exceptions.ConditionalCheckFailedException:
        item = client.get_item(TableName=table, Key=_KEY, ConsistentRead=True)["Item"]
    return _erased(item)


def _update(
    client: Any, table: str, verb: str, parts: Sequence[str], hashes: Sequence[str], values: dict[str, Any]
) -> None:
    client.update_item(
        TableName=table,
        Key=_KEY,
        UpdateExpression=f"{verb} {', '.join(parts)}",
        ExpressionAttributeNames={f"#p{number}": one for number, one in enumerate(hashes)},
        **({"ExpressionAttributeValues": values} if values else {}),
    )


def _batches(hashes: Sequence[str]) -> Iterator[Sequence[str]]:
    return (hashes[start : start + _AT_ONCE] for start in range(0, len(hashes), _AT_ONCE))


def _erased(item: Item) -> Erased:
    people = {person: float(at["N"]) for person, at in item.get("people", {}).get("M", {}).items()}
    return Erased(text(item, "salt"), people)
