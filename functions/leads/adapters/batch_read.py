"""Many items of a table by their keys, a hundred to a call."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from leads.adapters.aws import AwsError, error_code
from leads.adapters.item_values import Item, text
from leads.core.errors import TryAgain

# DynamoDB's most keys in one batch read.
BATCH = 100
# A batch read may leave keys out, when its answer grows over 16 MB or the table is throttled.
_TRIES = 6
_FIRST_PAUSE = 0.05


def read(
    client: Any,
    table: str,
    keys: Sequence[str],
    *,
    sleep: Callable[[float], None],
    **asked: Any,
) -> dict[str, Item]:
    """The items by their keys (`pk`), as they are now; those that are not there are left out.

    asked: further members of the request, such as ProjectionExpression. Raises TryAgain(ledger_unavailable).
    """
    each = list(dict.fromkeys(keys))
    found: dict[str, Item] = {}
    for start in range(0, len(each), BATCH):
        wanted = [{"pk": {"S": key}} for key in each[start : start + BATCH]]
        for item in _batch(client, table, {"Keys": wanted, "ConsistentRead": True, **asked}, sleep):
            found[text(item, "pk")] = item
    return found


def _batch(client: Any, table: str, request: Mapping[str, Any], sleep: Callable[[float], None]) -> Iterator[Item]:
    left: Mapping[str, Any] = {table: request}
    for attempt in range(_TRIES):
        try:
            answer = client.batch_get_item(RequestItems=left)
        except AwsError as error:
            raise _unavailable(error_code(error)) from None
        yield from answer.get("Responses", {}).get(table, ())
        left = answer.get("UnprocessedKeys") or {}
        if not left:
            return
        sleep(_FIRST_PAUSE * 2**attempt)
    raise _unavailable("with keys left out, again and again")


def _unavailable(code: str) -> TryAgain:
    return TryAgain("ledger_unavailable", f"DynamoDB answered {code}")
