"""Deliver one lead: claim it in the ledger, write the contact, record what happened."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import msgspec

from leads.core.contact import contact_from
from leads.core.errors import LeadError, Misconfigured, TryAgain, Undeliverable, place_of
from leads.core.lead import Envelope, Lead
from leads.core.ledger import Claim, Standing, Status
from leads.core.outcome import Outcome
from leads.core.routes import RouteTable

# How soon to look again at a lead that somebody else is delivering right now, in seconds.
SHORT_DELAY = 5

REPLAYED = "replayed"


class Source(Protocol):
    """A platform: opens what it sealed."""

    label: str

    def open(self, envelope: Envelope) -> Lead: ...


class Ledger(Protocol):
    """Remembers leads. Every method raises TryAgain when the table does not answer."""

    def claim(self, lead: Lead, *, until: float, message_id: str) -> Claim | Standing: ...

    def finish(self, claim: Claim, *, contact_id: str, location_id: str, steps: Mapping[str, str]) -> None: ...

    def park(self, envelope: Envelope, *, reason: str, claim: Claim | None) -> None: ...

    def give_up(self, envelope: Envelope, *, reason: str, message_id: str, claim: Claim | None) -> bool: ...


class WrittenContact(Protocol):
    """What the CRM answered to a written contact."""

    @property
    def contact_id(self) -> str: ...
    @property
    def is_new(self) -> bool: ...
    @property
    def source(self) -> str | None: ...
    @property
    def trace_id(self) -> str | None: ...


class Contacts(Protocol):
    """The CRM's contacts. Raises TryAgain or Undeliverable by the table of fates."""

    def upsert(self, location_id: str, fields: Mapping[str, str], *, deadline: float) -> WrittenContact: ...

    def source_of(self, location_id: str, contact_id: str, *, deadline: float) -> str: ...

    def set_source(self, location_id: str, contact_id: str, source: str, *, deadline: float) -> None: ...


class Deliver:
    """One attempt at one lead, from sealed envelope to recorded outcome."""

    def __init__(
        self,
        *,
        sources: Mapping[str, Source],
        ledger: Ledger,
        contacts: Contacts,
        routes: Callable[[], RouteTable],
        now: Callable[[], float],
    ) -> None:
        self._sources = sources
        self._ledger = ledger
        self._contacts = contacts
        self._routes = routes
        self._now = now

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
        try:
            if self._now() >= deadline:
                return msgspec.structs.replace(outcome, reason="out_of_time", counts=False)
            lead = self._source(envelope.source).open(envelope)
            outcome = msgspec.structs.replace(outcome, account=lead.account)
            standing = self._ledger.claim(lead, until=alive_until, message_id=message_id)
            if isinstance(standing, Standing):
                return self._met(standing, outcome)
            claim = standing
            return self._write(lead, claim, outcome, deadline)
        except Exception as error:
            failed = _failure(outcome, error)
        is_over = failed.hopeless or (is_last and failed.counts)
        status = Status.UNDELIVERABLE if is_over and message_id else Status.PARKED
        failed = msgspec.structs.replace(failed, status=status)
        return self._record(envelope, failed, claim, message_id)

    def _source(self, name: str) -> Source:
        source = self._sources.get(name)
        if source is None:
            raise Undeliverable("unknown_source", f"this app has no source named {name!r}")
        return source

    def _met(self, standing: Standing, outcome: Outcome) -> Outcome:
        """The lead is not ours to deliver: done already, given up on, or in somebody else's hands."""
        replace = msgspec.structs.replace
        if standing.replayed:
            return replace(outcome, status="duplicate", reason=REPLAYED)
        if standing.status is Status.CLAIMED:
            left = (standing.claimed_until or 0.0) - self._now()
            wait = min(max(left, 1.0), SHORT_DELAY)
            return replace(outcome, reason="claimed_elsewhere", retry_after=wait, counts=False)
        if standing.status is Status.UNDELIVERABLE:
            return replace(outcome, status=Status.UNDELIVERABLE, reason=standing.reason, repeated=True)
        return replace(outcome, status="duplicate", contact_id=standing.contact_id)

    def _write(self, lead: Lead, claim: Claim, outcome: Outcome, deadline: float) -> Outcome:
        table = self._routes()
        route = table.match(lead)
        if route is None:
            raise TryAgain("no_route", "no route in routes.toml takes this lead")
        today = dt.datetime.fromtimestamp(self._now(), dt.UTC).date()
        contact = contact_from(lead.answers, phone_region=table.defaults.phone_region, today=today)
        if not contact.fields:
            raise Undeliverable("no_usable_answer", "no answer of this lead fits a contact field")
        written = self._contacts.upsert(route.location, contact.fields, deadline=deadline)
        steps: dict[str, str] = {"contact": written.contact_id}
        if self._lacks_source(route.location, written, deadline):
            steps["source"] = self._set_source(route.location, written.contact_id, lead, deadline)
        at = self._now()
        self._ledger.finish(claim, contact_id=written.contact_id, location_id=route.location, steps=steps)
        return msgspec.structs.replace(
            outcome,
            status=Status.DELIVERED,
            contact_id=written.contact_id,
            location_id=route.location,
            is_new_contact=written.is_new,
            trace_id=written.trace_id,
            latency=_latency(lead, at),
        )

    def _lacks_source(self, location_id: str, written: WrittenContact, deadline: float) -> bool:
        """Whether nothing says where the contact came from; where an answer leaves it open, the record decides."""
        if written.is_new:
            return True
        if written.source is not None:
            return not written.source
        try:
            return not self._contacts.source_of(location_id, written.contact_id, deadline=deadline)
        except Undeliverable:
            return False

    def _set_source(self, location_id: str, contact_id: str, lead: Lead, deadline: float) -> str:
        """Names the source on a contact that has none; an upsert would overwrite the one it has.

        A CRM that refuses just this keeps a contact without a source: no reason to hold the lead back.
        """
        label = self._sources[lead.source].label
        try:
            self._contacts.set_source(location_id, contact_id, label, deadline=deadline)
        except Undeliverable as refused:
            return refused.reason
        return "done"

    def _record(self, envelope: Envelope, failed: Outcome, claim: Claim | None, message_id: str) -> Outcome:
        """Lets go of the claim and notes the reason; a ledger that fails must not cost the lead its parking."""
        if claim is None and failed.reason == "ledger_unavailable":
            return failed
        try:
            if failed.status is Status.UNDELIVERABLE:
                is_news = self._ledger.give_up(envelope, reason=failed.reason, message_id=message_id, claim=claim)
                return msgspec.structs.replace(failed, repeated=not is_news)
            self._ledger.park(envelope, reason=failed.reason, claim=claim)
        except LeadError:
            pass
        return failed


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
        outcome, reason=error.reason, detail=error.detail, trace_id=error.trace_id, **changes
    )


def _latency(lead: Lead, at: float) -> float | None:
    """Seconds from submission to `at`; None when the platform's time is missing or cannot be true."""
    if lead.created_at is None:
        return None
    seconds = at - lead.created_at
    return seconds if 0 <= seconds < 90 * 86_400 else None
