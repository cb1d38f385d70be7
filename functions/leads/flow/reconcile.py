"""Order a reconciliation: list what there is to compare, hand it out as messages, report what came of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol

import msgspec

from leads.core.errors import LeadError, Misconfigured, RejectedRequest, TryAgain, place_of
from leads.core.reconcile_message import body_of
from leads.core.reconcile_order import Order, parse_order, run_id
from leads.core.reconcile_report import report_of, unlisted_row
from leads.core.reconciling import FAILED, SKIPPED, Puller, Run, Scope, ScopeProgress, Unlisted

# Kept free at the end of a planning function to hand out the messages, and of a waiting one to answer.
RESERVE = 20.0
ANSWER_SECONDS = 5.0
# Between two looks at how far a run has come; longer for a run of many forms, all of which are looked at.
LOOK_SECONDS = 1.0
FORMS_PER_SECOND = 200

_NOBODY = "no source that is set up has anything of the kind to reconcile; check source, account and form"


class Ledger(Protocol):
    """Remembers runs. Every method raises TryAgain when the table does not answer."""

    def keep(self, run: Run) -> None: ...

    def run(self, run: str) -> Run | None: ...

    def progress(self, run: str, scopes: Sequence[Scope]) -> Mapping[Scope, ScopeProgress]: ...


class Queue(Protocol):
    """Wakes whoever works on scopes: sends (body, seconds until it shows up). Raises TryAgain."""

    def send(self, messages: Sequence[tuple[str, int]]) -> None: ...


class Answered(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to an order, and those lines of its report that no message will lead to: what could not be asked."""

    answer: dict[str, Any]
    unlisted: tuple[dict[str, Any], ...] = ()


class Reconcile:
    """Takes orders. `days`: how far back one looks that does not say; `new_id` gives what nobody else has."""

    def __init__(
        self,
        *,
        pullers: Mapping[str, Puller],
        ledger: Ledger,
        queue: Queue,
        days: float,
        now: Callable[[], float],
        sleep: Callable[[float], None],
        new_id: Callable[[], str],
    ) -> None:
        self._pullers = pullers
        self._ledger = ledger
        self._queue = queue
        self._days = days
        self._now = now
        self._sleep = sleep
        self._new_id = new_id

    def __call__(self, event: Any, *, remaining: float) -> Answered:
        """The report on an order (see `parse_order`), or `{"error": sentence}` for one that cannot be followed.

        A report is `{"run", "complete", "forms": [{source, account, form, from, to, platform, delivered, ignored,
        parked, undeliverable, fetched, missing, missing_ids, status, reason?, detail?}], "totals": {…}}`; status is
        `waiting`, `running`, `complete`, `failed`, or `skipped` for a source that is not set up.

        remaining: seconds this function may still run. Raises TryAgain when ledger or queue do not answer; the same
        scheduled event again is the same run.
        """
        end = self._now() + remaining
        try:
            order = parse_order(event, now=self._now(), days=self._days, sources=self._pullers)
        except RejectedRequest as rejected:
            return _error(rejected.detail)
        known = self._ledger.run(order.run) if order.run else None
        if known is None and order.is_report:
            return _error(f"there is no run {order.run!r}; runs are remembered for 90 days")
        run = known or self._planned(order, deadline=end - RESERVE)
        if not (run.scopes or run.unlisted or order.is_scheduled):
            return _error(_NOBODY)
        if known is None:
            self._ledger.keep(run)
        if not order.is_report:
            self._queue.send([(body_of(run.id, scope), 0) for scope in run.scopes])
        report = self._report(run, until=end - ANSWER_SECONDS if order.waits else 0.0)
        unlisted = () if known else tuple(unlisted_row(one) for one in run.unlisted)
        return Answered(answer=report, unlisted=unlisted)

    def _planned(self, order: Order, *, deadline: float) -> Run:
        scopes: dict[Scope, None] = {}
        unlisted: list[Unlisted] = []
        for name in [order.source] if order.source else sorted(self._pullers):
            try:
                for account, form in self._forms(name, order, deadline):
                    scope = Scope(source=name, account=account, form=form, since=order.since, until=order.until)
                    scopes[scope] = None
            except Exception as error:
                unlisted.append(_unlisted(name, order, error))
        run = order.run or run_id(self._now(), self._new_id())
        return Run(id=run, scopes=tuple(scopes), unlisted=tuple(unlisted))

    def _forms(self, name: str, order: Order, deadline: float) -> Iterator[tuple[str, str]]:
        if order.source and order.account and order.form:
            # Whoever names all three may mean a form that the platform no longer lists.
            yield order.account, order.form
            return
        for account, form in self._pullers[name].forms(order.account, deadline=deadline):
            # An account that could not be asked comes without a form: it may have the one that is looked for.
            if (not order.form or form in ("", order.form)) and order.account in ("", account):
                yield account, order.form or form

    def _report(self, run: Run, *, until: float) -> dict[str, Any]:
        """The report as it stands, or once everything has ended if that is before `until` (epoch seconds)."""
        known: dict[Scope, ScopeProgress] = {}
        pause = max(LOOK_SECONDS, len(run.scopes) / FORMS_PER_SECOND)
        while True:
            unfinished = [scope for scope in run.scopes if scope not in known or not known[scope].has_ended]
            try:
                known |= self._ledger.progress(run.id, unfinished)
            except TryAgain:
                # A report without the newest is better than none, for a run that goes on.
                pass
            if all(scope in known and known[scope].has_ended for scope in unfinished):
                break
            if self._now() + pause >= until:
                break
            self._sleep(pause)
        return report_of(run, known)


def _error(sentence: str) -> Answered:
    return Answered(answer={"error": sentence})


def _unlisted(source: str, order: Order, error: Exception) -> Unlisted:
    """Why a source could not be asked for its forms."""
    unlisted = Unlisted(source=source, account=order.account, status=FAILED, reason="unexpected_error")
    if isinstance(error, LeadError):
        return msgspec.structs.replace(unlisted, reason=error.reason, detail=error.detail)
    if isinstance(error, Misconfigured):
        # Who asks for everything need not use every source.
        status = FAILED if order.source else SKIPPED
        return msgspec.structs.replace(unlisted, status=status, reason="misconfigured", detail=str(error))
    return msgspec.structs.replace(unlisted, detail=place_of(error))
