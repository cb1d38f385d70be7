"""The ledger's list of erased people, as the command writes it: salted hashes, and when each was erased."""

import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from infra.cli.faults import CommandFailed
from leads.adapters.erasure_item import MAPS, erased
from leads.adapters.erasure_list import KEY
from leads.core.erasure import Erased, hash_of, outlived

_SALT_BYTES = 16
# DynamoDB takes items up to 400 KB, and the functions read the list as one. A hash takes 32 bytes, its time and what
# is kept around the two less than 12.
LARGEST = 390 * 1024
_BYTES_EACH = 44
# An update's expression may have 4 KB.
_AT_ONCE = 40


def add(
    client: Any, table: str, names: Mapping[str, Iterable[str]], *, at: float, kept_seconds: float
) -> dict[str, list[str]]:
    """Put names on the list, and take off it what it need not remember; the names' hashes.

    names and the answer: by the map of `leads.core.erasure.Erased` in which they are kept. at: epoch seconds of the
    erasure. Raises CommandFailed when the list is full; nothing was written then.
    """
    known = _begun(client, table)
    hashes = {kept: sorted({hash_of(name, known.salt) for name in some}) for kept, some in names.items()}
    maps: dict[str, dict[str, float]] = {kept: getattr(known, kept) for kept in MAPS}
    old = {kept: outlived(have, now=at, kept_seconds=kept_seconds) for kept, have in maps.items()}
    size = sum(len(({*have} - {*old[kept]}) | {*hashes.get(kept, ())}) for kept, have in maps.items())
    if size * _BYTES_EACH > LARGEST:
        raise CommandFailed(
            f"The list of erased people is full ({sum(map(len, maps.values()))} hashes): an item of the ledger holds "
            "no more. The oldest entries are taken off after a while; then repeat the command."
        )
    for kept, some in _batches(old):
        _update(client, table, "REMOVE", [f"{kept}.#p{number}" for number in range(len(some))], some, {})
    for kept, some in _batches(hashes):
        sets = [f"{kept}.#p{number} = :at" for number in range(len(some))]
        # Rounded up, as platforms tell times in whole seconds.
        _update(client, table, "SET", sets, some, {":at": {"N": str(int(at) + 1)}})
    return hashes


def _begun(client: Any, table: str) -> Erased:
    """The list as it is, begun if nobody has. The salt is made once and stays."""
    sets = ["salt = if_not_exists(salt, :salt)", *(f"{kept} = if_not_exists({kept}, :nobody)" for kept in MAPS)]
    answer = client.update_item(
        TableName=table,
        Key=KEY,
        UpdateExpression=f"SET {', '.join(sets)}",
        ExpressionAttributeValues={":salt": {"S": secrets.token_hex(_SALT_BYTES)}, ":nobody": {"M": {}}},
        ReturnValues="ALL_NEW",
    )
    return erased(answer["Attributes"])


def _update(
    client: Any, table: str, verb: str, parts: Sequence[str], hashes: Sequence[str], values: dict[str, Any]
) -> None:
    client.update_item(
        TableName=table,
        Key=KEY,
        UpdateExpression=f"{verb} {', '.join(parts)}",
        ExpressionAttributeNames={f"#p{number}": one for number, one in enumerate(hashes)},
        **({"ExpressionAttributeValues": values} if values else {}),
    )


def _batches(hashes: Mapping[str, Sequence[str]]) -> Iterator[tuple[str, Sequence[str]]]:
    return (
        (kept, every[start : start + _AT_ONCE])
        for kept, every in hashes.items()
        for start in range(0, len(every), _AT_ONCE)
    )
