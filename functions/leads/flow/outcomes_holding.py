"""Which outcomes hold of a matched contact and its opportunities: as a change tells, and read where it does not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

import msgspec

from leads.core.answers import text_of
from leads.core.errors import Misconfigured, Undeliverable
from leads.core.iso_time import epoch_of
from leads.core.match import CrmChange, Match
from leads.core.outcome_events import WORKFLOW_RECORD, decimal_of, is_of_opportunity, needs_value
from leads.core.outcome_names import (
    DELIVERED,
    OPPORTUNITY_STAGE,
    STATUSES,
    has_stage_field,
    of_custom_fields,
    of_opportunity,
    of_tags,
    split,
)
from leads.core.routes import Defaults, Route

# What an outcome is put down with that holds of an opportunity, and that nobody could say had come since the lead.
_UNTOLD = "untold:"


class Records(Protocol):
    """Reads a location's records, each an object of the API; None: there is no such record (any more).

    All raise TryAgain or Undeliverable, and Misconfigured when the location has no token that may read it.
    deadline: epoch seconds.
    """

    def contact(self, location_id: str, contact_id: str, *, deadline: float) -> dict[str, Any] | None: ...

    def opportunity(self, location_id: str, opportunity_id: str, *, deadline: float) -> dict[str, Any] | None: ...

    def custom_field_keys(self, location_id: str, *, deadline: float) -> Mapping[str, str]:
        """Custom field's id → its key (`contact.budget`); {} when they may not be listed."""


class Pipelines(Protocol):
    """Stages of a location's pipelines, id → name; {} when they may not be listed. Raises TryAgain."""

    def stage_names(self, location_id: str, *, deadline: float) -> Mapping[str, str]: ...


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What holds of a record, and of that what is news. opportunity_id: "" when it is of none, or nobody said which.

    wanted: the outcomes that the contact's record was looked at for; None of any other record.
    """

    holding: frozenset[str]
    news: frozenset[str]
    wanted: tuple[str, ...] | None = None
    monetary_value: str = ""
    opportunity_id: str = ""


class Holding:
    """For the changes of one contact; each record is read once at most. Raises what reading raises."""

    def __init__(
        self,
        match: Match,
        route: Route,
        defaults: Defaults,
        *,
        records: Records,
        pipelines: Pipelines,
        deadline: float,
    ) -> None:
        names = [name for name in route.conversions if name != DELIVERED]
        self._names = names
        self._match = match
        self._route = route
        self._defaults = defaults
        self._of_contact = [name for name in names if not is_of_opportunity(name)]
        self._of_status = [name for name in names if name in STATUSES]
        self._of_stage = [name for name in names if split(name)[0] == OPPORTUNITY_STAGE]
        self._records = records
        self._pipelines = pipelines
        self._deadline = deadline
        self._contact: tuple[Mapping[str, Any] | None] | None = None
        self._opportunities: dict[str, Mapping[str, Any]] = {}
        # Record → what has been news of it.
        self._brought: dict[str, frozenset[str]] = {}

    def of(self, change: CrmChange, current: Match) -> Seen:
        """What holds of the record that changed; what of it has come since the lead, or the sender named, is news.

        current: the match as earlier changes leave it. What they have brought stays news: they may come to nothing.
        """
        brought = self._brought.get(change.record, frozenset())
        if change.is_opportunity:
            seen = self._seen_of_opportunity(change, current, brought)
        else:
            holding = self._holding_of_contact(change)
            # Since when anything else holds nobody knows: the route has only come to want it.
            known = frozenset(self._names if current.wanted is None else current.wanted)
            news = (holding & brought) | (holding & known).difference(current.standing.get(change.record, ()))
            seen = Seen(
                holding=holding, news=news.union(change.outcomes), wanted=tuple(sorted(self._names)),
                monetary_value=change.monetary_value,
            )  # fmt: skip
        self._brought[change.record] = brought | seen.news
        return seen

    def _holding_of_contact(self, change: CrmChange) -> frozenset[str]:
        wanted = self._of_contact
        if not wanted:
            return frozenset()
        has_fields = has_stage_field(wanted, self._defaults)
        if change.tags is not None and not has_fields:
            return of_tags(change.tags, wanted, self._defaults)
        record = self._read_contact()
        if record is None:
            return of_tags(change.tags or (), wanted, self._defaults)
        holding = of_tags(_texts(record.get("tags")), wanted, self._defaults)
        if has_fields:
            holding |= of_custom_fields(self._fields_of(record), wanted, self._defaults)
        return holding

    def _seen_of_opportunity(self, change: CrmChange, current: Match, brought: frozenset[str]) -> Seen:
        stands = frozenset(current.standing.get(change.record, ()))
        stood = stands.intersection(self._match.standing.get(change.record, ()))
        status, stage, value = change.status, change.stage, change.monetary_value
        if (self._of_status and not status) or (self._of_stage and not stage):
            read = self._read_opportunity(change, is_needed=not (status or stage or change.outcomes))
            status = status or _text(read.get("status"))
            stage = stage or _text(read.get("pipelineStageId"))
        # Also what nobody wants: on the day on which a route does, it is no news.
        holding = of_opportunity(status, self._names_of(stage), [*STATUSES, *self._of_stage])
        own_stage = {OPPORTUNITY_STAGE + stage} if stage else set()
        wanted = holding.intersection([*self._of_status, *self._of_stage])
        fresh = wanted - stood - frozenset(self._of_stage if own_stage & stood else ())
        news = frozenset(name for name in wanted if name in brought or self._is_news(name, change, current, fresh))
        unsure = {name for name in wanted - news if name in fresh or _UNTOLD + name in stands}
        # What nobody told of is as it was.
        kept = {name for name in stands if not (status if name.removeprefix(_UNTOLD) in STATUSES else stage)}
        holding = (holding - unsure).union(own_stage, kept, (_UNTOLD + name for name in unsure))
        news = news.union(change.outcomes)
        if not value and any(self._needs_value(name) for name in news):
            value = decimal_of(self._read_opportunity(change).get("monetaryValue"))
        return Seen(holding=holding, news=news, monetary_value=value, opportunity_id=_id_of(change))

    def _names_of(self, stage: str) -> tuple[str, ...]:
        """A pipeline's stage by its id and its name; the name is looked for only where a route may mean it."""
        if not stage or all(split(name)[1] == stage for name in self._of_stage):
            return (stage,)
        names = self._pipelines.stage_names(self._match.location_id, deadline=self._deadline)
        return stage, names.get(stage, "")

    def _is_news(self, name: str, change: CrmChange, current: Match, fresh: frozenset[str]) -> bool:
        """Whether the opportunity has become that since the lead: a customer's won one is touched again one day.

        fresh: what did not hold when it was last heard of. Where it does not say since when, the change has to; or it
        was heard of since the lead, and was not that.
        """
        is_status = name in STATUSES
        is_transition = change.is_status_transition if is_status else change.is_stage_transition
        stands = current.standing.get(change.record, ())
        is_unsure = _UNTOLD + name in stands
        if not (is_transition if is_unsure else name in fresh):
            return False
        read = self._read_opportunity(change)
        at = epoch_of(read.get("lastStatusChangeAt" if is_status else "lastStageChangeAt"))
        if at > 0:
            return at >= self._match.left_at
        return is_transition or (change.record in current.heard_at and name not in stands)

    def _needs_value(self, name: str) -> bool:
        conversion = self._route.conversion(name)
        return conversion is not None and needs_value(conversion)

    def _read_contact(self) -> Mapping[str, Any] | None:
        if self._contact is None:
            match = self._match
            record = self._records.contact(match.location_id, match.contact_id, deadline=self._deadline)
            self._contact = (self._own(record),)
        return self._contact[0]

    def _fields_of(self, record: Mapping[str, Any]) -> dict[str, str]:
        """The contact's custom fields as text, by id and by key."""
        listed = record.get("customFields")
        items = [item for item in listed if isinstance(item, dict)] if isinstance(listed, list) else []
        fields = {item["id"]: text_of(item.get("value")) for item in items if isinstance(item.get("id"), str)}
        if not fields:
            return {}
        keys = self._records.custom_field_keys(self._match.location_id, deadline=self._deadline)
        return fields | {key: fields[own] for own, key in keys.items() if own in fields}

    def _read_opportunity(self, change: CrmChange, *, is_needed: bool = False) -> Mapping[str, Any]:
        """The opportunity; {} when it is gone, has no id, or, unless it is needed, may not be read."""
        if not _id_of(change):
            return {}
        if change.record not in self._opportunities:
            location_id = self._match.location_id
            try:
                record = self._records.opportunity(location_id, change.record, deadline=self._deadline)
            except (Misconfigured, Undeliverable):
                if is_needed:
                    raise
                record = None
            self._opportunities[change.record] = self._own(record) or {}
        return self._opportunities[change.record]

    def _own(self, record: dict[str, Any] | None) -> dict[str, Any] | None:
        """The record, unless it says that it belongs to another location."""
        if record is None or record.get("locationId") in (None, self._match.location_id):
            return record
        return None


def _id_of(change: CrmChange) -> str:
    return change.record if change.is_opportunity and change.record != WORKFLOW_RECORD else ""


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _texts(value: Any) -> Iterable[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else ()
