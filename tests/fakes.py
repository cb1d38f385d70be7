"""The outside world in memory: every fake here also passes the test that its real adapter passes."""

from __future__ import annotations

import copy
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from leads.core.errors import Misconfigured, TryAgain
from leads.core.lead import Envelope, Lead
from leads.core.ledger import Claim, Progress, Standing, State, Status
from leads.core.parked_lead import Parking
from leads.core.routes import Defaults, Route, RouteTable

NO_STATE = State()
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
        if item and not self._is_free(item, lead, message_id or "none"):
            return _standing(item)
        if lead.seal and self.seals.setdefault(lead.seal, lead.ledger_key) != lead.ledger_key:
            return Standing(status=Status.IGNORED, replayed=True)
        doubtful = bool(item) and item["status"] is Status.CLAIMED
        item = self.items.setdefault(lead.ledger_key, _new_item(self.now()))
        progress: Progress = item["progress"]
        is_update = item.get("was_delivered", False)
        claim = Claim(
            key=lead.ledger_key,
            owner=secrets.token_hex(4),
            progress=msgspec.structs.replace(progress, steps={}, remarks=()) if is_update else progress,
            doubtful=doubtful,
            first_seen_at=item["first_seen_at"],
            is_update=is_update,
        )
        item.pop("reason", None)
        item.update(status=Status.CLAIMED, owner=claim.owner, claimed_until=until, attempts=item.get("attempts", 0) + 1)
        return claim

    def finish(self, claim: Claim, *, progress: Progress, state: State = NO_STATE) -> None:
        self._check()
        if self.breaks_on_finish:
            raise TryAgain("ledger_unavailable")
        told = {name: value for name in ("revision", "changed_at") if (value := getattr(state, name)) not in ("", None)}
        told |= {"counterpart": True} if state.is_counterpart else {}
        self._close(claim, status=Status.DELIVERED, progress=progress, was_delivered=True, **told)

    def ignore(self, claim: Claim, *, reason: str) -> None:
        self._check()
        self._close(claim, status=Status.IGNORED, reason=reason)

    def _close(self, claim: Claim, **changes: Any) -> None:
        item = self.items[claim.key]
        if item["owner"] == claim.owner:
            item.update(changes)
            item.pop("claimed_until", None)

    def park(
        self, envelope: Envelope, *, reason: str, claim: Claim | None, progress: Progress | None = None
    ) -> Standing | None:
        return self._put_back(envelope, Status.PARKED, reason, "none", claim, progress)

    def give_up(
        self,
        envelope: Envelope,
        *,
        reason: str,
        message_id: str,
        claim: Claim | None,
        progress: Progress | None = None,
    ) -> Standing | None:
        return self._put_back(envelope, Status.UNDELIVERABLE, reason, message_id, claim, progress)

    def drop(self, envelope: Envelope, *, reason: str) -> None:
        self._put_back(envelope, Status.IGNORED, reason, "none", None, None)

    def look(self, key: str) -> Standing | None:
        self._check()
        item = self.items.get(key)
        return _standing(item) if item else None

    def pair(self, key: str, *, contact_id: str, location_id: str) -> None:
        self._check()
        progress = Progress(contact_id=contact_id, location_id=location_id)
        new = {"status": Status.DELIVERED, "progress": progress, "was_delivered": True}
        self.items.setdefault(key, _new_item(self.now()) | new)["counterpart"] = True

    def _put_back(
        self,
        envelope: Envelope,
        status: Status,
        reason: str,
        message_id: str,
        claim: Claim | None,
        progress: Progress | None,
    ) -> Standing | None:
        self._check()
        key = claim.key if claim else envelope.ledger_key
        item = self.items.get(key)
        if claim:
            if not item or item["owner"] != claim.owner or item["status"] is not Status.CLAIMED:
                return _standing(item) if item else Standing(status=Status.CLAIMED)
        elif item and not (
            item["status"] is Status.PARKED
            or (item["status"] is Status.UNDELIVERABLE and item["message_id"] != message_id)
        ):
            return _standing(item)
        item = self.items.setdefault(key, _new_item(self.now()))
        item.update(status=status, reason=reason, message_id=message_id)
        if progress:
            item["progress"] = progress
        item.pop("claimed_until", None)
        return None

    def _is_free(self, item: Mapping[str, Any], lead: Lead, message_id: str) -> bool:
        match item["status"]:
            case Status.IGNORED:
                return bool(lead.revision)
            case Status.DELIVERED:
                is_older = lead.changed_at is not None and lead.changed_at < item.get("changed_at", 0.0)
                return bool(lead.revision) and lead.revision != item.get("revision") and not is_older
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


def _standing(item: Mapping[str, Any]) -> Standing:
    return Standing(
        status=item["status"],
        reason=item.get("reason", ""),
        contact_id=item["progress"].contact_id or None,
        claimed_until=item.get("claimed_until"),
        location_id=item["progress"].location_id,
        steps=item["progress"].steps,
        is_counterpart=item.get("counterpart", False),
    )


def _new_item(now: float) -> dict[str, Any]:
    return {"progress": Progress(), "first_seen_at": now}


class OpenDoor:
    """An admission that lets everybody in; `error` is raised instead when there is one."""

    error: Exception | None = None

    def check(self, location_id: str) -> None:
        if self.error:
            raise self.error


@dataclass
class FakeVersions:
    """A secret's versions as dicts; `failures` are raised first, one a call, by the method's name."""

    values: dict[str, Any] = field(default_factory=dict)
    held: dict[str, str] = field(default_factory=dict)
    failures: dict[str, list[Exception]] = field(default_factory=dict)
    writes: list[str] = field(default_factory=list)

    def labels(self) -> dict[str, str]:
        self._fail("labels")
        return dict(self.held)

    def read(self, version_id: str) -> dict[str, Any] | None:
        self._fail("read")
        value: dict[str, Any] | None = copy.deepcopy(self.values.get(version_id))
        return value

    def put(self, value: Any, *, version_id: str, label: str) -> None:
        self._fail("put")
        assert self.values.setdefault(version_id, copy.deepcopy(value)) == value, "a version's value never changes"
        self.held[label] = version_id
        self.writes.append(label)

    def move(self, label: str, *, to: str, away_from: str) -> bool:
        self._fail("move")
        if self.held.get(label) != away_from:
            return False
        self.held[label] = to
        if label == "AWSCURRENT":
            self.held["AWSPREVIOUS"] = away_from
        return True

    def unlabel(self, label: str) -> None:
        self._fail("unlabel")
        self.held.pop(label, None)

    def _fail(self, method: str) -> None:
        if self.failures.get(method):
            raise self.failures[method].pop(0)
