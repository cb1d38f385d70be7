"""Reconcile one form: take it for as long as this function runs, and go on by another message."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import msgspec

from leads.core import reconcile_message, retry_policy
from leads.core.errors import TryAgain, Undeliverable
from leads.core.outcome import Outcome
from leads.core.reconciling import Puller, Scope, ScopeProgress
from leads.flow.reconcile_shift import Accept, Shift, Taken
from leads.flow.reconcile_shift import Ledger as ShiftLedger


class Ledger(ShiftLedger, Protocol):
    """Remembers leads and runs. Every method raises TryAgain when the table does not answer.

    take: the scope for `owner` alone until `until`, begun if nobody has; or as it stands, when it has ended or is not
        free yet (its owner tells).
    """

    def take(self, run: str, scope: Scope, *, owner: str, until: float) -> ScopeProgress: ...


class Queue(Protocol):
    """Wakes us up: sends (body, seconds until it shows up, 900 at the most). Raises TryAgain."""

    def send(self, messages: Sequence[tuple[str, int]]) -> None: ...


class Worked(msgspec.Struct, frozen=True, kw_only=True):
    """What one message came to: how its scope stands now, if it was free, and what became of leads.

    reason, detail: why the scope was not worked on to its end; stays: neither ledger nor queue could keep what is to
        be done, so the message must.
    """

    progress: ScopeProgress | None = None
    outcomes: tuple[Outcome, ...] = ()
    stays: bool = False
    reason: str = ""
    detail: str = ""


class ReconcileScope:
    """Works on the scope of a message, and sends the message again when time or the platform asks for it.

    new_id gives what nobody else has.
    """

    def __init__(
        self,
        *,
        pullers: Mapping[str, Puller],
        accept: Accept,
        ledger: Ledger,
        queue: Queue,
        now: Callable[[], float],
        new_id: Callable[[], str],
    ) -> None:
        self._pullers = pullers
        self._accept = accept
        self._ledger = ledger
        self._queue = queue
        self._now = now
        self._new_id = new_id

    def __call__(self, body: str, *, remaining: float) -> Worked:
        """What the message came to; never raises for what the message or the other sides do.

        remaining: seconds this function may still run.
        """
        try:
            message = reconcile_message.parse(body)
        except Undeliverable as error:
            return Worked(reason=error.reason, detail=error.detail)
        end = self._now() + remaining
        owner = self._new_id()
        outcomes: list[Outcome] = []
        try:
            progress = self._ledger.take(message.run, message.scope, owner=owner, until=end)
            if progress.has_ended:
                return Worked()
            if progress.owner != owner:
                self._wake(progress)
                return Worked()
            shift = Shift(
                progress,
                end,
                pullers=self._pullers,
                accept=self._accept,
                ledger=self._ledger,
                now=self._now,
                outcomes=outcomes,
            )
            progress = shift.work()
            if not progress.has_ended:
                self._wake(progress)
            return Worked(progress=progress, outcomes=tuple(outcomes))
        except Taken:
            return Worked(outcomes=tuple(outcomes))
        except TryAgain as error:
            return Worked(outcomes=tuple(outcomes), stays=True, reason=error.reason, detail=error.detail)

    def _wake(self, progress: ScopeProgress) -> None:
        """Sends the message for when the scope is free; what is further away than SQS can delay, in hops."""
        wait = retry_policy.clamp(progress.free_at - self._now())
        body = reconcile_message.body_of(progress.run, progress.scope)
        self._queue.send([(body, min(wait, retry_policy.LONGEST_DELAY))])
