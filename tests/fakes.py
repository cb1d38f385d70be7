"""The outside world in memory: every fake here also passes the test that its real adapter passes."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from leads.core.errors import Misconfigured, TryAgain
from leads.core.lead import Envelope, Lead
from leads.core.ledger import Claim, Standing, Status
from leads.core.parked_lead import Parking
from leads.core.routes import Defaults, Route, RouteTable

LOCATION = "ve9EPM428h8vShlRW1KT"
ROUTES = RouteTable(routes=[Route(name="all", location=LOCATION)], defaults=Defaults(phone_region="US"))


@dataclass
class Clock:
    """A clock that moves when told to, or by being slept on."""

    time: float = 1_800_000_000.0
    slept: list[float] = field(default_factory=list)

    def __call__(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += seconds


@dataclass
class FakeLedger:
    """The ledger as a dict; `broken` makes every call fail as a throttled table does."""

    now: Clock
    items: dict[str, dict[str, Any]] = field(default_factory=dict)
    seals: dict[str, str] = field(default_factory=dict)
    broken: bool = False
    breaks_on_finish: bool = False

    def claim(self, lead: Lead, *, until: float, message_id: str) -> Claim | Standing:
        self._check()
        item = self.items.get(lead.ledger_key)
        if item and not self._is_free(item, message_id or "none"):
            return Standing(
                status=item["status"],
                reason=item.get("reason", ""),
                contact_id=item.get("contact_id"),
                claimed_until=item.get("claimed_until"),
            )
        if lead.seal and self.seals.setdefault(lead.seal, lead.ledger_key) != lead.ledger_key:
            return Standing(status=Status.IGNORED, replayed=True)
        owner = secrets.token_hex(4)
        item = self.items.setdefault(lead.ledger_key, {"attempts": 0})
        item.pop("reason", None)
        item.update(status=Status.CLAIMED, owner=owner, claimed_until=until, attempts=item.get("attempts", 0) + 1)
        return Claim(lead.ledger_key, owner)

    def finish(self, claim: Claim, *, contact_id: str, location_id: str, steps: Mapping[str, str]) -> None:
        self._check()
        if self.breaks_on_finish:
            raise TryAgain("ledger_unavailable")
        item = self.items[claim.key]
        if item["owner"] == claim.owner:
            item.update(status=Status.DELIVERED, contact_id=contact_id, location_id=location_id, steps=dict(steps))
            item.pop("claimed_until", None)

    def park(self, envelope: Envelope, *, reason: str, claim: Claim | None) -> None:
        self._put_back(envelope, Status.PARKED, reason, "none", claim)

    def give_up(self, envelope: Envelope, *, reason: str, message_id: str, claim: Claim | None) -> bool:
        return self._put_back(envelope, Status.UNDELIVERABLE, reason, message_id, claim)

    def _put_back(self, envelope: Envelope, status: Status, reason: str, message_id: str, claim: Claim | None) -> bool:
        self._check()
        key = claim.key if claim else envelope.ledger_key
        item = self.items.get(key)
        if claim:
            if not item or item["owner"] != claim.owner or item["status"] is not Status.CLAIMED:
                return False
        elif item and not (
            item["status"] is Status.PARKED
            or (item["status"] is Status.UNDELIVERABLE and item["message_id"] != message_id)
        ):
            return False
        item = self.items.setdefault(key, {})
        item.update(status=status, reason=reason, message_id=message_id)
        item.pop("claimed_until", None)
        return True

    def _is_free(self, item: Mapping[str, Any], message_id: str) -> bool:
        match item["status"]:
            case Status.PARKED:
                return True
            case Status.CLAIMED:
                return bool(item["claimed_until"] < self.now())
            case Status.UNDELIVERABLE:
                return bool(item["message_id"] != message_id)
        return False

    def _check(self) -> None:
        if self.broken:
            raise TryAgain("ledger_unavailable", "DynamoDB answered ThrottlingException")


@dataclass
class FakeQueue:
    """The failed-leads queue as lists; refuses leads whose id is in `refuses`, or all while `broken`."""

    sent: list[Parking] = field(default_factory=list)
    holds: list[tuple[str, int]] = field(default_factory=list)
    refuses: set[str] = field(default_factory=set)
    broken: bool = False

    def send(self, parkings: Sequence[Parking]) -> list[Parking]:
        assert 0 < len(parkings) <= 10
        refused = [p for p in parkings if self.broken or p.envelope.lead_id in self.refuses]
        self.sent += [p for p in parkings if p not in refused]
        return refused

    def hold(self, receipt_handle: str, seconds: int) -> bool:
        if not self.broken:
            self.holds.append((receipt_handle, seconds))
        return not self.broken


@dataclass
class FakeSecret:
    """A secret's value; `next_value` is what re-reading brings, None a secret without a value."""

    value: dict[str, Any] | None
    next_value: dict[str, Any] | None = None
    rereads: int = 0

    def current(self) -> dict[str, Any]:
        if self.value is None:
            raise Misconfigured("the secret has no value yet; store one")
        return self.value

    def reread(self) -> dict[str, Any]:
        self.rereads += 1
        if self.next_value is not None:
            self.value = self.next_value
        return self.current()


@dataclass(frozen=True)
class Written:
    """What the CRM answered."""

    contact_id: str
    is_new: bool
    source: str | None = ""
    trace_id: str | None = "trace-1"


@dataclass
class FakeContacts:
    """A CRM that dedupes by e-mail, then phone. `failures` are raised first, one a call, by lead's e-mail or "*"."""

    contacts: dict[str, dict[str, Any]] = field(default_factory=dict)
    failures: dict[str, list[Exception]] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    clock: Clock | None = None
    seconds: float = 0.0

    def upsert(self, location_id: str, fields: Mapping[str, str], *, deadline: float) -> Written:
        self.calls.append("upsert")
        if self.clock:
            self.clock.time += self.seconds
        self._fail(fields.get("email", ""))
        for contact_id, contact in self.contacts.items():
            for name in ("email", "phone"):
                if name in fields and contact.get(name) == fields[name]:
                    contact.update(fields)
                    return Written(contact_id, False, contact.get("source", ""))
        contact_id = f"contact-{len(self.contacts) + 1}"
        self.contacts[contact_id] = dict(fields)
        return Written(contact_id, True)

    def source_of(self, location_id: str, contact_id: str, *, deadline: float) -> str:
        self.calls.append("source_of")
        return str(self.contacts[contact_id].get("source", ""))

    def set_source(self, location_id: str, contact_id: str, source: str, *, deadline: float) -> None:
        self.calls.append("set_source")
        self._fail("source")
        self.contacts[contact_id]["source"] = source

    def _fail(self, who: str) -> None:
        for name in (who, "*"):
            if self.failures.get(name):
                raise self.failures[name].pop(0)
