"""The list of erased people in the ledger's table: one item, read at most every ten seconds."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from leads.adapters.aws import AwsError, error_code
from leads.adapters.item_values import Item
from leads.core.errors import TryAgain

if TYPE_CHECKING:
    from leads.core.erasure import Erased

# Whoever erases somebody waits at least this long until every function knows, `infra/cli/erase/erasure.py`.
FRESH_SECONDS = 10.0
# A table that does not answer is not asked by every lead that waits beside.
_FAULT_SECONDS = 1.0
# The list's item in the ledger's table.
KEY = {"pk": {"S": "erased"}}


class ErasureList:
    """Who was erased; `client` is a DynamoDB client, `now` gives seconds since the epoch. Thread-safe.

    Times are by the wall clock: a container restored from a SnapStart snapshot wakes up hours later.
    """

    def __init__(self, client: Any, table: str, *, now: Callable[[], float]) -> None:
        self._client = client
        self._table = table
        self._now = now
        self._lock = threading.Lock()
        self._erased: Erased | None = None
        self._read_at = float("-inf")
        self._fault = ""
        self._failed_at = float("-inf")

    def current(self) -> Erased | None:
        """The list, at most ten seconds old; None when nobody is on it. Raises TryAgain(ledger_unavailable)."""
        with self._lock:
            now = self._now()
            if not 0 <= now - self._read_at < FRESH_SECONDS:
                if 0 <= now - self._failed_at < _FAULT_SECONDS:
                    raise TryAgain("ledger_unavailable", self._fault)
                self._read(now)
            return self._erased

    def _read(self, now: float) -> None:
        try:
            answer = self._client.get_item(TableName=self._table, Key=KEY, ConsistentRead=True)
        except AwsError as error:
            self._failed_at, self._fault = self._now(), f"DynamoDB answered {error_code(error)}"
            raise TryAgain("ledger_unavailable", self._fault) from None
        item = answer.get("Item")
        # Counted from the question: what was written after it may not be in the answer.
        self._read_at = now
        self._erased = _read_out(item) if item else None


def _read_out(item: Item) -> Erased | None:
    # Late: nearly nobody has erased anybody.
    from leads.adapters.erasure_item import erased

    known = erased(item)
    return known if known.people or known.known_with or known.leads else None
