"""What counts as news of a contact and its opportunities: what they have become since the lead, and nothing older."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest

from leads.core.errors import Misconfigured
from leads.core.iso_time import iso_time
from leads.core.match import CONTACT_RECORD, CrmChange, Match
from leads.core.routes import Conversion, Defaults, Route
from leads.flow.outcomes_holding import Holding
from tests.fakes import LOCATION
from tests.fakes_conversions import FakeMatchLedger
from tests.unit.flow.test_match_outcomes import BY_FIELD, CONTACT, LEFT, MATCH, FakeRecords, deal, tagged

QUALIFIED: dict[str, str | Conversion] = {"stage:qualified": "qualified_lead"}
BOOKED: dict[str, str | Conversion] = {"opportunity_stage:Booked": "page_visit"}
VIP: dict[str, str | Conversion] = {"tag:vip": "signup"}
WON: dict[str, str | Conversion] = {"won": "checkout"}
DAY = 86_400.0


@dataclass
class Hearing:
    """Hears changes, by batches, and remembers what holds after each; `conversions` are the route's of that moment."""

    conversions: dict[str, str | Conversion]
    records: FakeRecords = field(default_factory=FakeRecords)
    defaults: Defaults = field(default_factory=Defaults)
    ledger: FakeMatchLedger = field(default_factory=FakeMatchLedger)

    def __post_init__(self) -> None:
        self.leave(MATCH)

    @property
    def match(self) -> Match:
        return self.ledger.items[MATCH.key]

    def leave(self, match: Match, *stood: str, wanted: tuple[str, ...] | None = None, **facts: Any) -> None:
        """A lead is delivered: what stood before it, as the delivery says."""
        self.ledger.remember(
            msgspec.structs.replace(
                match,
                standing={CONTACT_RECORD: stood} if stood else {},
                wanted=tuple(self.conversions) if wanted is None else wanted,
                **facts,
            )
        )

    def batch(self, *changes: CrmChange) -> list[list[str]]:
        """The news of each."""
        route = Route(name="spring", location=LOCATION, conversions=self.conversions)
        current = self.match
        holding = Holding(
            current, route, self.defaults, records=self.records, pipelines=self.records, deadline=2 * LEFT
        )
        told = []
        for change in changes:
            assert change.at is not None
            seen = holding.of(change, current)
            self.ledger.stand(current, change.record, seen.holding, change.at, wanted=seen.wanted)
            current = self.match
            told.append(sorted(seen.news))
        return told

    def told(self, change: CrmChange) -> Sequence[str]:
        (told,) = self.batch(change)
        return told


def unreadable() -> FakeRecords:
    return FakeRecords(fails={"opportunity": Misconfigured("no opportunities.readonly")})


def since(status: float, stage: float = 0.0) -> FakeRecords:
    """The opportunity, which is so since then: seconds after the lead."""
    record = {"lastStatusChangeAt": iso_time(LEFT + status), "lastStageChangeAt": iso_time(LEFT + stage)}
    return FakeRecords(opportunities={"o1": record})


def edited(status: str = "won", **facts: Any) -> CrmChange:
    """An opportunity of which something has changed, and nobody says what."""
    return deal(status, **{"is_status_transition": False, "is_stage_transition": False, **facts})


class TestContact:
    def test_what_it_was_for_months_when_a_route_comes_to_want_it_is_no_news(self) -> None:
        """It is the day after, when it goes and comes again."""
        hearing = Hearing(QUALIFIED)
        assert hearing.told(tagged()) == []
        hearing.conversions = QUALIFIED | VIP
        later = LEFT + 90 * DAY
        assert hearing.told(tagged("vip", "stage: qualified", at=later)) == ["stage:qualified"]
        assert hearing.told(tagged("vip", at=later + 1)) == []
        told = [hearing.told(tagged(*tags, at=later + at)) for at, tags in enumerate([[], ["vip"]], 2)]
        assert told == [[], ["tag:vip"]]

    def test_what_it_becomes_after_a_route_has_come_to_want_it_is_news(self) -> None:
        """Once it was heard of without it, which writes it down even where nothing else is new."""
        hearing = Hearing(QUALIFIED)
        hearing.told(tagged())
        hearing.conversions = QUALIFIED | VIP
        assert [hearing.told(tagged(*tags, at=LEFT + 101 + len(tags))) for tags in ([], ["vip"])] == [[], ["tag:vip"]]

    @pytest.mark.parametrize(
        ("first", "told"), [(tagged("vip"), [[], []]), (tagged(), [[], ["tag:vip"]])], ids=["has it", "gets it"]
    )
    def test_two_changes_of_one_batch_are_as_two_of_two(self, first: CrmChange, told: list[list[str]]) -> None:
        """The first says what was, whoever looks when."""
        hearing = Hearing(QUALIFIED | VIP)
        hearing.ledger.items[MATCH.key] = msgspec.structs.replace(MATCH, wanted=("stage:qualified",))
        assert hearing.batch(first, tagged("vip", at=LEFT + 101)) == told

    def test_nothing_is_known_of_what_an_earlier_lead_s_route_did_not_want(self) -> None:
        """What stood before this lead its delivery says, and it is no outcome of it."""
        hearing = Hearing(QUALIFIED)
        assert hearing.told(tagged("vip")) == []
        hearing.conversions = VIP
        hearing.leave(MATCH, "tag:vip", lead_key="pinterest#1#2", left_at=LEFT + DAY)
        assert hearing.told(tagged("vip", at=LEFT + DAY + 60)) == []

    def test_what_an_earlier_lead_became_the_next_may_become_again(self) -> None:
        """The route's own stage ended it."""
        hearing = Hearing(QUALIFIED)
        assert hearing.told(tagged("stage: qualified")) == ["stage:qualified"]
        hearing.leave(MATCH, lead_key="pinterest#1#2", left_at=LEFT + DAY)
        assert hearing.told(tagged("stage: qualified", at=LEFT + DAY + 60)) == ["stage:qualified"]

    def test_a_delivery_that_goes_on_keeps_what_was_heard_meanwhile(self) -> None:
        """It remembers its lead again; by then the contact has what came of it."""
        hearing = Hearing(QUALIFIED)
        assert hearing.told(tagged("stage: qualified")) == ["stage:qualified"]
        hearing.leave(MATCH, left_at=LEFT + 1)
        assert hearing.told(tagged("stage: qualified", at=LEFT + 200)) == []

    def test_a_stage_in_a_custom_field_is_news_once_it_was_seen_otherwise(self) -> None:
        """A delivery does not see what was in the field; the CRM tells of its writing, though."""
        contact = {"customFields": [{"id": "f1", "value": "qualified"}]}
        hearing = Hearing(QUALIFIED, FakeRecords({CONTACT: contact}), BY_FIELD)
        hearing.leave(MATCH, lead_key="pinterest#1#2", left_at=LEFT + 1, wanted=())
        fields = contact["customFields"]
        told = []
        for at, value in enumerate(["qualified", "new", "qualified"]):
            fields[0]["value"] = value
            told.append(hearing.told(tagged(at=LEFT + 100 + at)))
        assert told == [[], [], ["stage:qualified"]]


class TestOpportunity:
    def test_older_than_the_lead_is_no_news(self) -> None:
        """Also where it was heard of since the lead, and somebody says that it has just become so."""
        hearing = Hearing(WON, since(status=-DAY))
        assert hearing.told(edited()) == []
        assert hearing.told(deal("won", at=LEFT + 101)) == []
        hearing.records.opportunities["o1"] = {"lastStatusChangeAt": iso_time(LEFT + 102)}
        assert hearing.told(deal("won", at=LEFT + 102)) == ["won"]
        assert hearing.told(deal("won", at=LEFT + 103)) == []

    @pytest.mark.parametrize("records", [since(status=1.0, stage=1.0), unreadable()], ids=["readable", "unreadable"])
    @pytest.mark.parametrize(("before", "after"), [(BOOKED, WON), (WON, BOOKED)], ids=["status", "stage"])
    def test_what_it_was_for_months_when_a_route_comes_to_want_it_is_no_news(
        self, records: FakeRecords, before: dict[str, str | Conversion], after: dict[str, str | Conversion]
    ) -> None:
        """It is the day after, when it becomes that again."""
        records.stages = {"s2": "Booked"}
        hearing = Hearing(before, records)
        assert len(hearing.told(deal("won", stage="s2"))) == 1
        hearing.conversions = before | after
        later = LEFT + 90 * DAY
        assert hearing.told(edited("won", stage="s2", at=later)) == []
        assert hearing.told(edited("open", stage="s1", at=later + 1)) == []
        assert hearing.told(edited("won", stage="s2", at=later + 2)) == ["opportunity_stage:Booked", "won"]

    def test_that_cannot_be_read_is_told_when_it_is_said_to_have_become_so(self) -> None:
        """It may have been won years ago; whoever only touches it says nothing of that."""
        hearing = Hearing(WON, unreadable())
        assert [hearing.told(edited(at=LEFT + at)) for at in (1, 2)] == [[], []]
        assert hearing.told(deal("won", at=LEFT + 3)) == ["won"]
        assert hearing.told(deal("won", at=LEFT + 4)) == []
        assert hearing.match.standing["o1"] == ("opportunity_stage:s1", "won")

    def test_that_cannot_be_read_is_told_when_it_was_something_else(self) -> None:
        """It was heard of since the lead."""
        hearing = Hearing(WON, unreadable())
        told = [hearing.told(edited(status, at=LEFT + at)) for at, status in enumerate(["open", "won"], 1)]
        assert told == [[], ["won"]]
        assert Hearing(WON, unreadable()).batch(edited("open"), edited("won"), edited("won")) == [[], ["won"], ["won"]]

    @pytest.mark.parametrize("opportunities", [{}, {"o1": {"status": "won"}}], ids=["gone", "says not since when"])
    def test_that_does_not_say_since_when_is_as_one_that_cannot_be_read(self, opportunities: dict[str, Any]) -> None:
        """What the change says counts then."""
        hearing = Hearing(WON, FakeRecords(opportunities=opportunities))
        assert hearing.batch(edited(), edited(), deal("won"), edited()) == [[], [], ["won"], ["won"]]

    def test_moved_to_another_stage_was_not_won_by_that(self) -> None:
        """One of two years ago: each half is news by itself."""
        hearing = Hearing(WON | BOOKED, unreadable())
        hearing.records.stages = {"s2": "Booked"}
        moved = edited("won", stage="s2", is_stage_transition=True)
        assert hearing.told(moved) == ["opportunity_stage:Booked"]
        assert hearing.told(edited("won", stage="s2", at=LEFT + 200)) == []
        assert hearing.told(edited("won", stage="s2", at=LEFT + 201, is_status_transition=True)) == ["won"]

    def test_of_which_half_is_told_keeps_what_is_not_sure_of_the_other(self) -> None:
        """As it keeps what is."""
        hearing = Hearing(WON | BOOKED, unreadable())
        assert hearing.told(edited("won", stage="Booked")) == []
        assert hearing.told(edited("won", stage="", at=LEFT + 200)) == []
        assert set(hearing.match.standing["o1"]) == {
            "untold:won", "untold:opportunity_stage:Booked", "opportunity_stage:Booked",
        }  # fmt: skip

    def test_is_read_once_for_all_changes_of_a_batch(self) -> None:
        """And not at all where nothing of it is news."""
        hearing = Hearing(WON, since(status=1.0))
        assert hearing.batch(deal("won"), deal("won"), edited("won"), deal("open")) == [["won"]] * 3 + [[]]
        assert hearing.records.asked == ["opportunity"]
        assert hearing.batch(edited("open", at=LEFT + 200), edited("lost", at=LEFT + 201)) == [[], []]
        assert hearing.records.asked == ["opportunity"]
