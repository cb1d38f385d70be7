"""Match outcomes: what has changed in the CRM becomes events about the leads that its contacts came of."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Protocol

import msgspec

from leads.core.conversion import Event
from leads.core.erasure import ERASED, Erased
from leads.core.match import CrmChange, Match, match_key
from leads.core.outcome_events import outcome_event
from leads.core.plan import TEST_LEAD
from leads.core.routes import Defaults, Route, RouteTable
from leads.flow.decide import Erasures
from leads.flow.outcomes_holding import Holding, Pipelines, Records
from leads.flow.side_by_side import side_by_side

# Why nobody is told of a change.
NOT_A_LEAD = "not_a_lead"
OLDER = "older_than_lead"
NO_ROUTE = "no_route"
NOTHING_NEW = "nothing_new"

# Contacts whose records are read at the same time.
POOL = 8


class Matches(Protocol):
    """Remembers the contacts that leads have become. Every method raises TryAgain when the table does not answer."""

    def find(self, keys: Sequence[str]) -> Mapping[str, Match]: ...

    def stand(
        self, match: Match, record: str, holding: Collection[str], at: float, *, wanted: Collection[str] | None = None
    ) -> None: ...


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What a change means. reason, detail: why nobody is told of it, a code and a sentence.

    match: the lead, as it is known once every earlier change that was found with this one is settled; None where
    nothing is to be remembered. holding: the outcomes that hold of the record at `at`, epoch seconds. wanted: as in
    Match, where the record is the contact itself.
    """

    reason: str = ""
    detail: str = ""
    events: tuple[Event, ...] = ()
    match: Match | None = None
    holding: frozenset[str] = frozenset()
    at: float = 0.0
    wanted: tuple[str, ...] | None = None


_NOBODY = Found(reason=NOT_A_LEAD)


class MatchOutcomes:
    """`records`, `pipelines`: what webhooks leave out is read there. `erasures`: None knows of nobody erased."""

    def __init__(
        self,
        *,
        matches: Matches,
        records: Records,
        pipelines: Pipelines,
        routes: Callable[[], RouteTable],
        erasures: Erasures | None,
        now: Callable[[], float],
    ) -> None:
        self._matches = matches
        self._records = records
        self._pipelines = pipelines
        self._routes = routes
        self._erasures = erasures
        self._now = now

    def find(self, changes: Sequence[CrmChange], *, deadline: float) -> list[Found | Exception]:
        """What each change means, in their order; or why nobody knows for now. Never raises. deadline: epoch seconds.

        An outcome is news while it is not remembered as standing, so it is found again until it is settled. Whoever
        sends the events knows them by their ids.
        """
        groups: dict[str, list[int]] = {}
        for at, change in enumerate(changes):
            groups.setdefault(match_key(change.location_id, change.contact_id), []).append(at)
        try:
            # Nearly nobody in a CRM came of a lead, so that this is all that most changes cost.
            known = self._matches.find(list(groups))
            if not known:
                return [_NOBODY] * len(changes)
            table = self._routes()
            erased = self._erasures.current() if self._erasures else None
        except Exception as failure:
            return [failure] * len(changes)
        found: list[Found | Exception] = [_NOBODY] * len(changes)

        def look(key: str) -> None:
            places = groups[key]
            own = self._of_contact(known[key], [changes[place] for place in places], table, erased, deadline)
            for place, each in zip(places, own, strict=True):
                found[place] = each

        side_by_side(look, [key for key in groups if key in known], at_once=POOL)
        return found

    def settle(self, change: CrmChange, found: Found) -> None:
        """Remembers what holds, once the change's events have come to an end. Raises TryAgain."""
        if found.match is not None:
            self._matches.stand(found.match, change.record, found.holding, found.at, wanted=found.wanted)

    def _of_contact(
        self,
        match: Match,
        changes: Sequence[CrmChange],
        table: RouteTable,
        erased: Erased | None,
        deadline: float,
    ) -> list[Found | Exception]:
        """What each change of one contact means, in their order; looked at in the order in which they happened."""
        route = next((route for route in table.routes if route.name == match.route), None)
        why = _why_untold(match, route, table.defaults, erased)
        if why or route is None:
            return [Found(reason=why)] * len(changes)
        holding = Holding(
            match, route, table.defaults, records=self._records, pipelines=self._pipelines, deadline=deadline
        )
        now = self._now()
        found: dict[int, Found | Exception] = {}
        # The same outcome in several changes is told of as it was in the first.
        told: dict[str, Event] = {}
        current = match
        for place in sorted(range(len(changes)), key=lambda place: _time_of(changes[place], now)):
            change = changes[place]
            try:
                each = self._of_change(change, current, route, holding, _time_of(change, now), told)
            except Exception as failure:
                found[place] = failure
                continue
            if each.match is not None:
                current = _settled(current, change.record, each)
            found[place] = each
        return [found[place] for place in range(len(changes))]

    def _of_change(
        self, change: CrmChange, match: Match, route: Route, holding: Holding, at: float, told: dict[str, Event]
    ) -> Found:
        if at < match.left_at:
            return Found(reason=OLDER)
        seen = holding.of(change, match)
        events = []
        for outcome in sorted(seen.news):
            conversion = route.conversion(outcome)
            if conversion is None:
                continue
            event = outcome_event(
                match, outcome, conversion, at=at, monetary_value=seen.monetary_value, currency=change.currency,
                opportunity_id=seen.opportunity_id,
            )  # fmt: skip
            events.append(told.setdefault(event.key, event))
        reason = "" if events else NOTHING_NEW
        return Found(reason=reason, events=tuple(events), match=match, holding=seen.holding, at=at, wanted=seen.wanted)


def _why_untold(match: Match, route: Route | None, defaults: Defaults, erased: Erased | None) -> str:
    """Why nobody is to hear of the lead whatever becomes of it; "" when somebody is."""
    if route is None or not route.conversions:
        return NO_ROUTE
    if match.is_test and defaults.test_conversions != "test":
        return TEST_LEAD
    return ERASED if erased is not None and erased.lead_at(match.lead_key) is not None else ""


def _time_of(change: CrmChange, now: float) -> float:
    """When it happened, epoch seconds: now where nobody said, and never later."""
    return now if change.at is None else min(change.at, now)


def _settled(match: Match, record: str, found: Found) -> Match:
    """The match as it is once that is settled."""
    return msgspec.structs.replace(
        match,
        standing={**match.standing, record: tuple(sorted(found.holding))},
        heard_at={**match.heard_at, record: found.at},
        wanted=match.wanted if found.wanted is None else found.wanted,
    )
