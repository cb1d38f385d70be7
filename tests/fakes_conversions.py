"""What is remembered of events and contacts, and their queue, in memory: each passes its real adapter's test."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from leads.core.conversion import Event
from leads.core.errors import TryAgain
from leads.core.event_claim import FAILED, HELD, IGNORED, IN_DOUBT, SENDING, SENT, EventClaim, EventStanding
from leads.core.match import Match
from tests.fakes import Clock

_MAY_BE_WANTED = ("too_old", "no_identifier", "test_lead")


@dataclass
class FakeConversionLedger:
    """Events as a dict; the methods named in `broken` fail as those of a throttled table do, all of them by "all"."""

    now: Clock
    items: dict[str, dict[str, Any]] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)

    def claim(self, event: Event, *, until: float, message_id: str) -> EventClaim | EventStanding:
        self._check("claim")
        item = self.items.get(event.key, {})
        doubts = item.get("doubts", 0)
        if item.get("state") == SENDING and item["sending_until"] < self.now():
            if doubts:
                item.update(state=FAILED, reason=IN_DOUBT, message_id=message_id, doubts=0)
                return EventStanding(state=FAILED, reason=IN_DOUBT)
            doubts += 1
        elif not _is_free(item, message_id):
            return _standing(item, message_id)
        claim = EventClaim(key=event.key, owner=secrets.token_hex(4), sends=item.get("sends", 0) + 1)
        self._put(event, state=SENDING, owner=claim.owner, sending_until=until, doubts=doubts, message_id=message_id)
        self.items[event.key] |= {"sends": claim.sends, "reason": "", "detail": "", "warnings": ()}
        return claim

    def sent(self, claim: EventClaim, *, warnings: Sequence[str] = ()) -> None:
        self._check("sent")
        item = self.items.get(claim.key, {})
        if item.get("owner") == claim.owner:
            item.update(state=SENT, warnings=tuple(warnings), reason="", detail="")

    def put_back(self, claim: EventClaim, *, reason: str, detail: str = "") -> None:
        self._check("put_back")
        if self._is_sent_by(claim):
            self.items[claim.key].update(state=HELD, reason=reason, detail=detail, owner="")

    def fail(self, event: Event, *, claim: EventClaim | None, message_id: str, reason: str, detail: str = "") -> bool:
        self._check("fail")
        item = self.items.get(event.key, {})
        if not (self._is_sent_by(claim) if claim else _is_free(item, message_id)):
            return _standing(item, message_id).is_known
        owner = claim.owner if claim else ""
        self._put(event, state=FAILED, owner=owner, message_id=message_id, reason=reason, detail=detail, doubts=0)
        return False

    def ignore(self, event: Event, *, reason: str) -> None:
        self._check("ignore")
        if self.items.get(event.key, {}).get("state") not in (SENDING, SENT):
            self._put(event, state=IGNORED, reason=reason, detail="")

    def _put(self, event: Event, **facts: Any) -> None:
        told = {"event": event.name, "account": event.account, "lead_key": event.lead_key, "outcome": event.outcome}
        self.items.setdefault(event.key, {}).update(told | facts)

    def _is_sent_by(self, claim: EventClaim) -> bool:
        item = self.items.get(claim.key, {})
        return bool(item) and item["state"] == SENDING and item["owner"] == claim.owner

    def _check(self, method: str) -> None:
        if self.broken & {method, "all"}:
            raise TryAgain("ledger_unavailable", "DynamoDB answered ThrottlingException")


@dataclass
class FakeMatchLedger:
    """Contacts as a dict; `broken` makes every call fail. `writes` counts what a table would have had to write."""

    items: dict[str, Match] = field(default_factory=dict)
    broken: bool = False
    writes: int = 0

    def remember(self, match: Match) -> None:
        self._check()
        known = self.items.get(match.key)
        is_known = known and known.lead_key == match.lead_key
        if is_known or (known and (known.left_at, known.lead_key) > (match.left_at, match.lead_key)):
            return
        self._write(match)

    def find(self, keys: Sequence[str]) -> dict[str, Match]:
        self._check()
        return {key: self.items[key] for key in keys if key in self.items}

    def stand(
        self,
        match: Match,
        record: str,
        holding: Collection[str],
        at: float,
        *,
        wanted: Collection[str] | None = None,
    ) -> None:
        self._check()
        heard = match.heard_at.get(record)
        is_same = set(match.standing.get(record, ())) == set(holding)
        is_same = is_same and (wanted is None or (match.wanted is not None and set(match.wanted) == set(wanted)))
        if heard is not None and (heard > at or (is_same and at - heard < 3600)):
            return
        known = self.items.get(match.key)
        if not known or known.lead_key != match.lead_key or known.heard_at.get(record, at) > at:
            return
        standing = {name: held for name, held in known.standing.items() if name != record}
        standing |= {record: tuple(sorted(holding))} if holding else {}
        judged = known.wanted if wanted is None else tuple(sorted(wanted))
        heard_at = known.heard_at | {record: at}
        self._write(msgspec.structs.replace(known, standing=standing, heard_at=heard_at, wanted=judged))

    def _write(self, match: Match) -> None:
        self.writes += 1
        self.items[match.key] = match

    def _check(self) -> None:
        if self.broken:
            raise TryAgain("ledger_unavailable", "DynamoDB answered ThrottlingException")


@dataclass
class FakeConversionsQueue:
    """The queue as lists; `broken` takes and hides nothing, handles in `gone` cannot be hidden."""

    sent: list[str] = field(default_factory=list)
    holds: list[tuple[str, int]] = field(default_factory=list)
    gone: set[str] = field(default_factory=set)
    broken: bool = False

    def send(self, bodies: Sequence[str]) -> None:
        if self.broken and bodies:
            raise TryAgain("conversions_queue_unavailable", "SQS answered ServiceUnavailable")
        self.sent += bodies

    def hold(self, holds: Sequence[tuple[str, int]]) -> set[str]:
        hidden = [] if self.broken else [(handle, wait) for handle, wait in holds if handle not in self.gone]
        self.holds += hidden
        return {handle for handle, _ in hidden}


def _is_free(item: dict[str, Any], message_id: str) -> bool:
    state = item.get("state", HELD)
    return (
        state == HELD
        or (state == FAILED and item["message_id"] != message_id)
        or (state == IGNORED and item["reason"] in _MAY_BE_WANTED)
    )


def _standing(item: dict[str, Any], message_id: str) -> EventStanding:
    state = item.get("state", SENDING)
    return EventStanding(
        state=state,
        reason=item.get("reason", ""),
        sending_until=item["sending_until"] if state == SENDING and item else None,
        is_known=state == FAILED and item["message_id"] == message_id,
    )
