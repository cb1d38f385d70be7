"""Compare one form page by page: deliver what the ledger does not know, and note how far that came."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import msgspec

from leads.core import retry_policy
from leads.core.errors import Misconfigured, TryAgain, Undeliverable, place_of
from leads.core.lead import Envelope
from leads.core.outcome import Outcome
from leads.core.reconciling import FAILED, Known, Page, Puller, ScopeProgress, became, counted, stands_as

# No page is begun with less time left, in seconds; a page's leads are delivered, and asked for, until so long before
# the end: what is open then is still to be parked and noted.
RESERVE = 20.0
PULL_RESERVE = 12.0
STORE_RESERVE = 8.0
# So many attempts in a row that bring nothing end a scope; the waits between them double from the first to SQS's most.
MOST_FAILURES = 8
FIRST_WAIT = 15.0
# Waiting for a platform uses up no attempt. A scope that is not done after a day is left to the next run.
LONGEST_RUN = 86_400.0


class Ledger(Protocol):
    """Remembers leads and runs. Both raise TryAgain when the table does not answer.

    known: how the leads of these keys stand. save: False when the scope belongs to somebody else by now.
    """

    def known(self, keys: Sequence[str]) -> Mapping[str, Known]: ...

    def save(self, progress: ScopeProgress) -> bool: ...


class Accept(Protocol):
    """Delivers leads or parks them; what could not even be parked comes back as `refused`."""

    def __call__(self, envelopes: Sequence[Envelope], *, deadline: float, alive_until: float) -> Sequence[Outcome]: ...


class Taken(Exception):
    """The scope belongs to somebody else by now: our time with it was over."""


class Shift:
    """One message's time with a scope, until `end` (epoch seconds); `outcomes` collects what becomes of its leads."""

    def __init__(
        self,
        progress: ScopeProgress,
        end: float,
        *,
        pullers: Mapping[str, Puller],
        accept: Accept,
        ledger: Ledger,
        now: Callable[[], float],
        outcomes: list[Outcome],
    ) -> None:
        self._progress = progress
        self._end = end
        self._outcomes = outcomes
        self._pullers = pullers
        self._accept = accept
        self._ledger = ledger
        self._now = now

    def work(self) -> ScopeProgress:
        """Page after page until the scope has ended, or is noted as free for whoever goes on.

        Raises Taken, and TryAgain when the ledger does not take what is to be noted.
        """
        while not self._progress.has_ended:
            wait = self._attempt()
            if not self._progress.has_ended and (wait > 0 or self._now() > self._end - RESERVE):
                self._save(free_at=self._now() + wait)
                break
        return self._progress

    def _attempt(self) -> float:
        """One page, or why not; gives the seconds to wait before the next attempt."""
        try:
            return self._take_page()
        except Taken:
            raise
        except TryAgain as error:
            return self._failed(error.reason, error.detail, error.retry_after, counts=error.counts)
        except Undeliverable as error:
            self._save(status=FAILED, reason=error.reason, detail=error.detail)
        except Misconfigured as error:
            self._save(status=FAILED, reason="misconfigured", detail=str(error))
        except Exception as error:
            return self._failed("unexpected_error", place_of(error), None, counts=True)
        return 0.0

    def _take_page(self) -> float:
        """One page, delivered and noted; gives the seconds to wait before the next."""
        before = self._progress
        puller = self._pullers.get(before.scope.source)
        if puller is None:
            raise Undeliverable("unknown_source", "this app has no such source to reconcile")
        if self._now() > before.started_at + LONGEST_RUN:
            said = f"; what it waited for last: {before.reason}" if before.reason else ""
            raise Undeliverable("took_too_long", f"the form was not done within a day{said}")
        page = puller.page(before.scope, before.cursor, deadline=self._end - PULL_RESERVE)
        if page.cursor and page.cursor == before.cursor and not page.wait:
            raise TryAgain("page_repeats", "the platform's next page is the same page")
        verdicts = self._verdicts(page)
        self._keep(counted(self._progress, verdicts, cursor=page.cursor))
        return float(retry_policy.clamp(page.wait))

    def _verdicts(self, page: Page) -> list[tuple[str, str]]:
        """Lead id and count of each lead of a page, once what is missing is delivered or parked."""
        leads = {envelope.ledger_key: envelope for envelope in page.envelopes}
        known = self._ledger.known(tuple(leads)) if leads else {}
        now = self._now()
        counts = {key: stands_as(lead, known.get(key), self._progress, now=now) for key, lead in leads.items()}
        due = [key for key, count in counts.items() if not count]
        if due:
            self._announce(due)
            deadline = self._end - STORE_RESERVE
            outcomes = self._accept([leads[key] for key in due], deadline=deadline, alive_until=self._end)
            self._outcomes += outcomes
            refused = sum(outcome.status == "refused" for outcome in outcomes)
            if refused and self._progress.failures + 1 < MOST_FAILURES:
                raise TryAgain(
                    "failed_leads_queue_unavailable", f"{refused} leads could be neither delivered nor parked"
                )
            counts |= {key: became(outcome, known.get(key)) for key, outcome in zip(due, outcomes, strict=True)}
        return [(leads[key].lead_id, count) for key, count in counts.items()]

    def _announce(self, keys: Sequence[str]) -> None:
        """Notes what is about to be delivered: a run that is cut off must know afterwards what it has fetched."""
        already = self._progress.trying
        if not set(keys) <= set(already):
            since = self._progress.trying_since if already else self._now()
            self._save(trying=tuple(dict.fromkeys((*already, *keys))), trying_since=since)

    def _failed(self, reason: str, detail: str, retry_after: float | None, *, counts: bool) -> float:
        """Notes an attempt that brought nothing; gives the seconds to wait before the next, if there is one."""
        failures = self._progress.failures + int(counts)
        if failures >= MOST_FAILURES:
            self._save(status=FAILED, failures=failures, reason=reason, detail=detail)
            return 0.0
        self._progress = msgspec.structs.replace(self._progress, failures=failures, reason=reason, detail=detail)
        wait = min(FIRST_WAIT * 2**failures, retry_policy.LONGEST_DELAY) if retry_after is None else retry_after
        return float(max(retry_policy.clamp(wait), 1))

    def _save(self, **changes: object) -> None:
        self._keep(msgspec.structs.replace(self._progress, **changes))

    def _keep(self, progress: ScopeProgress) -> None:
        if not self._ledger.save(progress):
            raise Taken
        self._progress = progress
