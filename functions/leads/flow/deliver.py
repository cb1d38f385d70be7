"""Deliver one lead: find its route, claim it in the ledger, take its steps, record what happened."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Protocol

import msgspec

from leads.core.errors import Misconfigured, TryAgain, Undeliverable, Unwanted, place_of
from leads.core.lead import Envelope, Lead
from leads.core.ledger import Claim, Progress, Standing, State, Status
from leads.core.outcome import Outcome
from leads.core.routes import RouteTable
from leads.flow.decide import Admission, Decision, Erasures, first_seen
from leads.flow.mirror import Mirror, standing_at
from leads.flow.steps import Steps

# How soon to look again at a lead that somebody else is delivering right now, in seconds.
SHORT_DELAY = 5

REPLAYED = "replayed"
# The contact has everything that was to be written: for one, because it was us who wrote it at the source.
NOTHING_NEW = "nothing_new"


class Source(Protocol):
    """A platform: opens what it sealed, or fetches what it only named.

    leads_change: what it tells of are records that may change after they were delivered.
    """

    label: str
    leads_change: bool

    def open(self, envelope: Envelope, *, deadline: float) -> Lead: ...


class Ledger(Protocol):
    """Remembers leads. Every method raises TryAgain when the table does not answer."""

    def claim(self, lead: Lead, *, until: float, message_id: str) -> Claim | Standing: ...

    def finish(self, claim: Claim, *, progress: Progress, state: State) -> None: ...

    def ignore(self, claim: Claim, *, reason: str) -> None: ...

    def look(self, key: str) -> Standing | None: ...

    def pair(self, key: str, *, contact_id: str, location_id: str) -> None: ...

    def drop(self, envelope: Envelope, *, reason: str) -> None: ...

    def park(
        self, envelope: Envelope, *, reason: str, claim: Claim | None, progress: Progress | None = None
    ) -> Standing | None: ...

    def give_up(
        self,
        envelope: Envelope,
        *,
        reason: str,
        message_id: str,
        claim: Claim | None,
        progress: Progress | None = None,
    ) -> Standing | None: ...


class Deliver:
    """One attempt at one lead, from sealed envelope to recorded outcome. `erasures`: None knows of nobody erased."""

    def __init__(
        self,
        *,
        sources: Mapping[str, Source],
        ledger: Ledger,
        steps: Steps,
        admission: Admission,
        routes: Callable[[], RouteTable],
        now: Callable[[], float],
        erasures: Erasures | None = None,
    ) -> None:
        self._sources = sources
        self._ledger = ledger
        self._steps = steps
        self._admission = admission
        self._routes = routes
        self._now = now
        self._erasures = erasures

    def attempt(
        self,
        envelope: Envelope,
        *,
        deadline: float,
        alive_until: float,
        message_id: str = "",
        is_last: bool = False,
    ) -> Outcome:
        """What became of the lead; never raises, whatever the lead or the other sides do.

        deadline: epoch seconds after which no remote call of this attempt may still be waiting.
        alive_until: epoch seconds at which this function is dead for sure; the claim ends there.
        message_id: the queue message that brought the lead, "" for a first delivery. Only a message can
            turn out undeliverable: a first delivery is parked whatever its fate, for SQS to dead-letter.
        is_last: no attempt follows this one.
        """
        outcome = Outcome(
            source=envelope.source, account=envelope.account, lead_id=envelope.lead_id, status=Status.PARKED,
            is_test=envelope.is_test,
        )  # fmt: skip
        claim: Claim | None = None
        progress: Progress | None = None
        try:
            if self._now() >= deadline:
                return msgspec.structs.replace(outcome, reason="out_of_time", counts=False)
            lead = self._source(envelope.source).open(envelope, deadline=deadline)
            outcome = msgspec.structs.replace(outcome, account=lead.account)
            if lead.removes:
                return self._remove(lead, envelope, outcome, deadline)
            decision = self._decide(lead, envelope)
            outcome = msgspec.structs.replace(outcome, route=decision.route.name, location_id=decision.route.location)
            plan = decision.first_plan()
            if lead.revision:
                key, _ = standing_at(self._ledger, lead.ledger_key, decision.route.location)
                lead = msgspec.structs.replace(lead, ledger_key=key)
            standing = self._ledger.claim(lead, until=alive_until, message_id=message_id)
            if isinstance(standing, Standing):
                return self._met(standing, outcome)
            claim = standing
            if plan is None:
                self._ledger.ignore(claim, reason=decision.unwanted)
                return msgspec.structs.replace(outcome, status=Status.IGNORED, reason=decision.unwanted)
            if claim.is_update:
                plan = decision.update_of(claim.progress.contact_id)
            if not plan.fields and not plan.contact_id:
                raise Undeliverable("no_usable_answer", "no answer of this lead fits a contact field")
            mirror = None
            if plan.mirrors:
                mirror = Mirror(self._ledger, lead, claim.key, plan, decision.update_of, now=self._now)
            taken = self._steps.take(plan, claim, deadline=deadline, mirror=mirror)
            progress = taken.progress
            outcome = msgspec.structs.replace(outcome, contact_id=progress.contact_id or None, trace_id=taken.trace_id)
            if taken.failure is not None:
                raise taken.failure
            at = self._now()
            is_echo = mirror is not None and mirror.is_echo
            state = State(revision=lead.revision, changed_at=lead.changed_at, is_counterpart=is_echo)
            self._ledger.finish(claim, progress=progress, state=state)
            if taken.is_nothing_new:
                return msgspec.structs.replace(outcome, status=Status.IGNORED, reason=NOTHING_NEW)
            return msgspec.structs.replace(
                outcome,
                status=Status.DELIVERED,
                is_new_contact=taken.is_new_contact,
                remarks=progress.remarks,
                latency=None if plan.is_update else _latency(lead, at),
            )
        except Unwanted as error:
            return self._drop(envelope, outcome, error, message_id)
        except Exception as error:
            failed = _failure(outcome, error)
        if claim is None and message_id and not failed.counts:
            # A lead that is only waiting for its turn leaves no trace; there may be thousands of them.
            return failed
        is_over = failed.hopeless or (is_last and failed.counts)
        status = Status.UNDELIVERABLE if is_over and message_id else Status.PARKED
        remarks = progress.remarks if progress and status is Status.UNDELIVERABLE else ()
        failed = msgspec.structs.replace(failed, status=status, remarks=remarks)
        return self._record(envelope, failed, claim, message_id, progress)

    def _source(self, name: str) -> Source:
        source = self._sources.get(name)
        if source is None:
            raise Undeliverable("unknown_source", f"this app has no source named {name!r}")
        return source

    def _decide(self, lead: Lead, envelope: Envelope) -> Decision:
        return Decision(
            lead,
            self._routes(),
            source_label=self._sources[lead.source].label,
            received_at=first_seen(envelope, now=self._now),
            ledger=self._ledger,
            admission=self._admission,
            erasures=self._erasures,
            now=self._now(),
        )

    def _remove(self, lead: Lead, envelope: Envelope, outcome: Outcome, deadline: float) -> Outcome:
        """Takes back the copy of a note or task that its author has deleted. Doing this twice changes nothing."""
        copy = self._ledger.look(lead.removes)
        if copy and copy.is_held(self._now()):
            raise TryAgain("claimed_elsewhere", "its copy is being written", retry_after=SHORT_DELAY, counts=False)
        removed = lead.removes.rpartition("#")[2]
        if copy and copy.contact_id:
            self._steps.remove(copy, f"{lead.source}/{removed}", deadline=deadline)
        if copy is None or copy.status is not Status.DELIVERED:
            # Whoever has read it before it was deleted, or tries it again, must not copy it any more.
            self._ledger.drop(msgspec.structs.replace(envelope, lead_id=removed), reason="deleted_at_source")
        if copy is None or not copy.contact_id:
            raise Unwanted("never_copied", "there is no copy of it")
        return msgspec.structs.replace(
            outcome, status=Status.DELIVERED, contact_id=copy.contact_id, location_id=copy.location_id
        )

    def _drop(self, envelope: Envelope, outcome: Outcome, unwanted: Unwanted, message_id: str) -> Outcome:
        """A lead that need not be delivered; where it has waited, the ledger must not say that it still does."""
        if message_id:
            # Its message goes in any case: what the ledger says of it then is for people only.
            with suppress(Exception):
                self._ledger.drop(envelope, reason=unwanted.reason)
        return msgspec.structs.replace(
            outcome, status=Status.IGNORED, reason=unwanted.reason, detail=unwanted.detail, trace_id=unwanted.trace_id
        )

    def _met(self, standing: Standing, outcome: Outcome) -> Outcome:
        """The lead is not ours to deliver: done already, given up on, or in somebody else's hands."""
        replace = msgspec.structs.replace
        if standing.replayed:
            return replace(outcome, status="duplicate", reason=REPLAYED)
        if standing.status in (Status.CLAIMED, Status.PARKED):
            # Parked only now, by somebody who may still die before the queue has it.
            left = (standing.claimed_until or 0.0) - self._now()
            wait = min(max(left, 1.0), SHORT_DELAY)
            return replace(outcome, reason="claimed_elsewhere", retry_after=wait, counts=False)
        if standing.status is Status.UNDELIVERABLE:
            return replace(outcome, status=Status.UNDELIVERABLE, reason=standing.reason, repeated=True)
        return replace(outcome, status="duplicate", contact_id=standing.contact_id)

    def _record(
        self,
        envelope: Envelope,
        failed: Outcome,
        claim: Claim | None,
        message_id: str,
        progress: Progress | None,
    ) -> Outcome:
        """Lets go of the claim and notes the reason; a ledger that fails must not cost the lead its parking."""
        if claim is None and failed.reason == "ledger_unavailable":
            return failed
        try:
            if failed.status is Status.UNDELIVERABLE:
                met = self._ledger.give_up(
                    envelope, reason=failed.reason, message_id=message_id, claim=claim, progress=progress
                )
                is_known = met is not None and met.status is Status.UNDELIVERABLE
                failed = msgspec.structs.replace(failed, repeated=is_known)
            else:
                met = self._ledger.park(envelope, reason=failed.reason, claim=claim, progress=progress)
        except Exception:
            return failed
        if met and met.is_final and claim is None and not self._leads_change(envelope.source):
            # It need not be opened again: it has been delivered.
            return self._met(met, msgspec.structs.replace(failed, hopeless=False, detail="", misconfigured=False))
        return failed

    def _leads_change(self, name: str) -> bool:
        return name not in self._sources or self._sources[name].leads_change


def _failure(outcome: Outcome, error: Exception) -> Outcome:
    changes: dict[str, Any]
    if isinstance(error, TryAgain):
        changes = {"retry_after": error.retry_after, "counts": error.counts}
    elif isinstance(error, Undeliverable):
        changes = {"hopeless": True}
    elif isinstance(error, Misconfigured):
        return msgspec.structs.replace(outcome, reason="misconfigured", detail=str(error), misconfigured=True)
    else:
        # A fault of ours: the type and the place are safe to tell, the message may quote the lead.
        return msgspec.structs.replace(outcome, reason="unexpected_error", detail=place_of(error))
    return msgspec.structs.replace(
        outcome, reason=error.reason, detail=error.detail, trace_id=error.trace_id or outcome.trace_id, **changes
    )


def _latency(lead: Lead, at: float) -> float | None:
    """Seconds from submission to `at`; None when the platform's time is missing or cannot be true."""
    if lead.created_at is None:
        return None
    seconds = at - lead.created_at
    return seconds if 0 <= seconds < 90 * 86_400 else None
