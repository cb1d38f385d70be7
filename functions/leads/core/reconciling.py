"""Reconciling: which leads a platform has, how they stand here, and how far a comparison has come."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

import msgspec

from leads.core.lead import Envelope
from leads.core.ledger import Status
from leads.core.outcome import Outcome

WAITING, RUNNING, COMPLETE, FAILED, SKIPPED = "waiting", "running", "complete", "failed", "skipped"

# A report names so many of a form's missing leads; it counts all of them.
MOST_MISSING_IDS = 100

# The ledger notes every attempt at a parked lead that counts, and none waits longer than 12 h for the next. A lead of
# which nothing was heard for longer may be in no queue: its parking was cut off between ledger and queue.
PARKED_LONG = 14 * 3600.0


class Scope(msgspec.Struct, frozen=True, kw_only=True):
    """Leads of one form of one account, left from `since` until before `until` (epoch seconds)."""

    source: str
    account: str
    form: str
    since: float
    until: float


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """Some of a scope's leads; `cursor` leads to the next ones, "" when these were the last.

    wait: seconds to leave the platform alone before.
    """

    envelopes: tuple[Envelope, ...] = ()
    cursor: str = ""
    wait: float = 0.0


class Puller(Protocol):
    """A platform: lists what it has. Both raise TryAgain (saying retry_after), Undeliverable or Misconfigured."""

    def forms(self, account: str, *, deadline: float) -> Sequence[tuple[str, str]]:
        """(account, form) of everything there is to reconcile; account "" = all known ones."""

    def page(self, scope: Scope, cursor: str, *, deadline: float) -> Page:
        """The leads at `cursor`, "" being the beginning; the same cursor may be asked for twice."""


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """How the ledger knows a lead; times in seconds since the epoch, claimed_until 0 when nobody holds it."""

    status: Status
    updated_at: float
    claimed_until: float = 0.0


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """Leads on the platform, each of which is in one of the other counts, too.

    delivered, ignored, parked, undeliverable: that was so already; fetched: delivered or parked by this run;
    missing: could be neither delivered nor parked.
    """

    platform: int = 0
    delivered: int = 0
    ignored: int = 0
    parked: int = 0
    undeliverable: int = 0
    fetched: int = 0
    missing: int = 0


class ScopeProgress(msgspec.Struct, frozen=True, kw_only=True):
    """How far a run has come with one scope; what the ledger keeps of it. Times in seconds since the epoch.

    owner: whoever works on it, or did last, and until `free_at` nobody else may; a wait for the platform is kept
        there, too.
    cursor: where the next page begins.
    trying: ledger keys that the run set out to deliver from that page at `trying_since`: after a crash some of them
        stand in the ledger, and were fetched all the same.
    failures: attempts in a row that brought nothing; reason, detail: what stopped the last one.
    """

    run: str
    scope: Scope
    owner: str = ""
    free_at: float = 0.0
    started_at: float = 0.0
    status: str = RUNNING
    cursor: str = ""
    counts: Counts = Counts()
    missing_ids: tuple[str, ...] = ()
    trying: tuple[str, ...] = ()
    trying_since: float = 0.0
    failures: int = 0
    reason: str = ""
    detail: str = ""

    @property
    def has_ended(self) -> bool:
        """Whether nothing more will be done."""
        return self.status in (COMPLETE, FAILED)


class Unlisted(msgspec.Struct, frozen=True, kw_only=True):
    """What a run could not ask for its forms, and why; status: FAILED, or SKIPPED for a source that is not set up."""

    source: str
    account: str
    status: str
    reason: str
    detail: str = ""


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One order: the scopes that it comes to."""

    id: str
    scopes: tuple[Scope, ...] = ()
    unlisted: tuple[Unlisted, ...] = ()


# Ledger status → the count of a lead that is left as it stands.
_STANDS_AS = {
    Status.DELIVERED: "delivered",
    Status.IGNORED: "ignored",
    Status.PARKED: "parked",
    Status.CLAIMED: "parked",
    Status.UNDELIVERABLE: "undeliverable",
}
# Outcome of an attempt → the count of the lead.
_BECAME = {
    "delivered": "fetched",
    "parked": "fetched",
    "duplicate": "delivered",
    "ignored": "ignored",
    "undeliverable": "undeliverable",
    "refused": "missing",
}


def stands_as(envelope: Envelope, known: Known | None, progress: ScopeProgress, *, now: float) -> str:
    """The count a lead belongs to as it stands, "" when it is to be delivered. now: seconds since the epoch."""
    if known is None:
        return ""
    tried = envelope.ledger_key in progress.trying
    match known.status:
        case Status.CLAIMED if tried or known.claimed_until <= now:
            return ""
        case Status.PARKED if tried or known.updated_at < now - PARKED_LONG:
            # An attempt cut off may have noted the parking and not reached the queue.
            return ""
        case Status.DELIVERED if tried and known.updated_at >= progress.trying_since:
            return "fetched"
        case Status.DELIVERED | Status.IGNORED if _may_change(envelope, progress.scope):
            return ""
    return _STANDS_AS[known.status]


def became(outcome: Outcome, known: Known | None) -> str:
    """The count of a lead after an attempt. One that was delivered and has not changed since stays delivered."""
    if known and known.status is Status.DELIVERED and outcome.status in ("duplicate", "ignored"):
        return "delivered"
    return _BECAME[outcome.status]


def _may_change(envelope: Envelope, scope: Scope) -> bool:
    """Whether the verdict may be out of date: only delivering knows which state of the contact it was about."""
    return envelope.source == "leadconnector" and scope.form == "contacts"


def counted(progress: ScopeProgress, verdicts: Iterable[tuple[str, str]], *, cursor: str) -> ScopeProgress:
    """The progress after a page. verdicts: lead id and count of each of its leads; cursor: of the page after it."""
    sums = msgspec.structs.asdict(progress.counts)
    missing = list(progress.missing_ids)
    for lead_id, count in verdicts:
        sums["platform"] += 1
        sums[count] += 1
        if count == "missing":
            missing.append(lead_id)
    return msgspec.structs.replace(
        progress,
        cursor=cursor,
        counts=Counts(**sums),
        missing_ids=tuple(missing[:MOST_MISSING_IDS]),
        status=RUNNING if cursor else COMPLETE,
        trying=(),
        trying_since=0.0,
        failures=0,
        reason="",
        detail="",
    )
