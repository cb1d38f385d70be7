"""From a change in the CRM to the events about the lead that its contact came of."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest

from leads.core.conversion import Event, event_id_of
from leads.core.erasure import Erased, hash_of, lead_name
from leads.core.errors import Misconfigured, TryAgain, Undeliverable
from leads.core.match import CrmChange, Match, match_key
from leads.core.routes import Conversion, Defaults, Route, RouteTable
from leads.flow.match_outcomes import Found, MatchOutcomes
from tests.fakes import LOCATION, Clock
from tests.fakes_conversions import FakeMatchLedger

CONTACT, ACCOUNT = "nmFmQEsNgz6AVpgLVUJ0", "111764359001"
LEAD = f"pinterest#{ACCOUNT}#2680000000001"
LEFT = 1_799_990_000.0
BEFORE = "2027-01-15T05:00:00.000Z"
USER = {"em": [hashlib.sha256(b"ada@example.com").hexdigest()]}
MATCH = Match(
    location_id=LOCATION, contact_id=CONTACT, lead_key=LEAD, account=ACCOUNT, route="spring", left_at=LEFT,
    user_data=USER,
)  # fmt: skip
CONVERSIONS: dict[str, str | Conversion] = {
    "delivered": "lead", "stage:qualified": "qualified_lead", "lost": "lost_lead",
    "tag:vip": Conversion(event="signup", action_source="web"),
    "won": Conversion(event="checkout", value="{monetary_value}", currency="USD"),
    "opportunity_stage:Booked": "page_visit",
}  # fmt: skip
BY_FIELD = Defaults(stage_as="custom_field:contact.stage")


@dataclass
class FakeRecords:
    """A location's records and pipelines; what is named in `fails` raises."""

    contacts: dict[str, dict[str, Any]] = field(default_factory=dict)
    opportunities: dict[str, dict[str, Any]] = field(default_factory=dict)
    stages: dict[str, str] = field(default_factory=dict)
    fails: dict[str, Exception] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def contact(self, location_id: str, contact_id: str, *, deadline: float) -> dict[str, Any] | None:
        self._ask("contact")
        return self.contacts.get(contact_id)

    def opportunity(self, location_id: str, opportunity_id: str, *, deadline: float) -> dict[str, Any] | None:
        self._ask("opportunity")
        return self.opportunities.get(opportunity_id)

    def custom_field_keys(self, location_id: str, *, deadline: float) -> Mapping[str, str]:
        self._ask("custom_field_keys")
        return {"f1": "contact.stage"}

    def stage_names(self, location_id: str, *, deadline: float) -> Mapping[str, str]:
        self._ask("stage_names")
        return self.stages

    def _ask(self, what: str) -> None:
        self.asked.append(what)
        if what in self.fails:
            raise self.fails[what]


@dataclass
class World:
    """What is remembered, the CRM and the routes; `erased` is the list of erased people."""

    matches: FakeMatchLedger = field(default_factory=lambda: FakeMatchLedger({MATCH.key: MATCH}))
    records: FakeRecords = field(default_factory=FakeRecords)
    conversions: dict[str, str | Conversion] = field(default_factory=lambda: dict(CONVERSIONS))
    defaults: Defaults = field(default_factory=Defaults)
    clock: Clock = field(default_factory=Clock)
    erased: Erased | None = None
    broken: Exception | None = None

    @property
    def match(self) -> Match:
        return self.matches.items[MATCH.key]

    def current(self) -> Erased | None:
        return self.erased

    def routes(self) -> RouteTable:
        if self.broken:
            raise self.broken
        return RouteTable([Route(name="spring", location=LOCATION, conversions=self.conversions)], self.defaults)

    @property
    def outcomes(self) -> MatchOutcomes:
        return MatchOutcomes(
            matches=self.matches, records=self.records, pipelines=self.records, routes=self.routes, erasures=self,
            now=self.clock,
        )  # fmt: skip

    def find(self, *changes: CrmChange) -> list[Found | Exception]:
        return self.outcomes.find(changes, deadline=self.clock() + 10)

    def found(self, change: CrmChange) -> Found:
        (found,) = self.find(change)
        assert isinstance(found, Found), found
        return found

    def told(self, change: CrmChange) -> list[str]:
        """The outcomes of the events of a change, once they have ended."""
        found = self.found(change)
        self.outcomes.settle(change, found)
        return [event.outcome for event in found.events]


def tagged(*tags: str, at: float | None = LEFT + 100, **facts: Any) -> CrmChange:
    return CrmChange(location_id=LOCATION, contact_id=CONTACT, tags=tags, at=at, **facts)


def unread(**facts: Any) -> CrmChange:
    return CrmChange(location_id=LOCATION, contact_id=CONTACT, at=LEFT + 100, **facts)


def deal(status: str = "open", *, record: str = "o1", at: float = LEFT + 100, **facts: Any) -> CrmChange:
    """An opportunity that has become that just then."""
    news = {"is_status_transition": True, "is_stage_transition": True}
    return CrmChange(
        location_id=LOCATION, contact_id=CONTACT, record=record, at=at, is_opportunity=True, status=status,
        **{"stage": "s1", **news, **facts},
    )  # fmt: skip


def knowing(**facts: Any) -> World:
    """A world in which more is known of the match."""
    match = msgspec.structs.replace(MATCH, **facts)
    return World(matches=FakeMatchLedger({match.key: match}))


class TestEvent:
    def test_is_about_the_lead(self) -> None:
        """Hashed as it was submitted, under an id that every repetition has."""
        (event,) = World().found(tagged("stage: qualified")).events
        assert event == Event(
            account=ACCOUNT, name="qualified_lead", event_id=event_id_of(ACCOUNT, LEAD, "stage:qualified"),
            at=int(LEFT + 100), action_source="offline", user_data=USER, lead_key=LEAD, outcome="stage:qualified",
        )  # fmt: skip

    def test_is_as_the_route_says(self) -> None:
        """A web event for a tag, a value and an order for an opportunity that was won."""
        world = World()
        (vip,) = world.found(tagged("VIP")).events
        assert (vip.name, vip.action_source) == ("signup", "web")
        (won,) = world.found(deal("won", monetary_value="1200.50")).events
        assert won.custom_data == {"value": "1200.50", "currency": "USD", "order_id": "o1"}

    @pytest.mark.parametrize(
        ("conversion", "facts", "custom_data"),
        [
            ({"value": 25.5, "currency": "usd"}, {}, {"value": "25.5", "currency": "USD"}),
            ({"value": 5}, {"currency": "EUR"}, {"value": "5", "currency": "EUR"}),
            ({"value": "{monetary_value}"}, {"currency": "EUR"}, {}),
            ({"value": "{monetary_value}"}, {"monetary_value": "a lot"}, {}),
            ({"currency": "{currency}"}, {"currency": "dollars"}, {}),
            ({"order_id": "pin-{lead_id}"}, {}, {"order_id": "pin-2680000000001"}),
            ({"order_id": "{opportunity_id}/{lead_id}"}, {}, {"order_id": "o1/2680000000001"}),
        ],
    )
    def test_has_a_value_a_currency_and_an_order_where_they_are_usable(
        self, conversion: dict[str, Any], facts: dict[str, str], custom_data: dict[str, str]
    ) -> None:
        """What is no number is no value; the order is the opportunity unless the route says otherwise."""
        world = World(conversions={"won": Conversion(event="checkout", **conversion)})
        (event,) = world.found(deal("won", **facts)).events
        assert event.custom_data == {"order_id": "o1"} | custom_data

    @pytest.mark.parametrize(("at", "told"), [(None, 1_800_000_000), (1_900_000_000.0, 1_800_000_000)])
    def test_happened_now_where_nobody_says_when(self, at: float | None, told: int) -> None:
        """And not in the future."""
        assert World().found(tagged("vip", at=at)).events[0].at == told

    def test_of_a_test_lead_is_a_test(self) -> None:
        """While a setting wants such events; none otherwise."""
        world = knowing(is_test=True)
        assert (world.found(tagged("vip")).reason, world.found(tagged("vip")).events) == ("test_lead", ())
        world.defaults = Defaults(test_conversions="test")
        assert world.found(tagged("vip")).events[0].is_test


class TestMatch:
    def test_of_a_contact_that_was_no_lead_costs_nothing(self) -> None:
        """Nearly all changes are such."""
        world = World(matches=FakeMatchLedger(), broken=Misconfigured("not even looked at"))
        assert world.find(unread(), deal("won")) == [Found(reason="not_a_lead")] * 2
        assert world.records.asked == []

    def test_is_the_location_s_own(self) -> None:
        """Ids are told apart by it."""
        change = msgspec.structs.replace(tagged("vip"), location_id="elsewhere")
        assert World().found(change).reason == "not_a_lead"

    def test_what_was_before_the_lead_is_no_outcome_of_it(self) -> None:
        """The platform may send an event hours later."""
        assert World().found(tagged("vip", at=LEFT - 1)) == Found(reason="older_than_lead")

    @pytest.mark.parametrize("conversions", [{}, None])
    def test_without_a_route_is_told_to_nobody(self, conversions: dict[str, str] | None) -> None:
        """It may have been renamed since."""
        world = World(conversions=conversions or {}) if conversions is not None else knowing(route="gone")
        assert world.found(tagged("vip")).reason == "no_route"

    def test_of_an_erased_person_is_told_to_nobody(self) -> None:
        """By the lead, however the person is called now."""
        world = World(erased=Erased("ab", leads={hash_of(lead_name(LEAD), "ab"): 1.0}))
        assert world.found(tagged("vip")) == Found(reason="erased")

    @pytest.mark.parametrize("broken", ["matches", "routes"])
    def test_what_cannot_be_looked_up_waits(self, broken: str) -> None:
        """Each change on its own."""
        world = World()
        world.matches.broken = broken == "matches"
        world.broken = Misconfigured("routes.toml is broken") if broken == "routes" else None
        for failure in world.find(tagged("vip"), unread()):
            assert isinstance(failure, TryAgain | Misconfigured)


class TestContact:
    def test_is_news_once(self) -> None:
        """Until it is settled it is found again."""
        world = World()
        change = tagged("vip", "stage: qualified")
        assert len(world.found(change).events) == len(world.found(change).events) == 2
        assert world.told(change) == ["stage:qualified", "tag:vip"]
        assert world.told(tagged("vip", "stage: qualified", at=LEFT + 200)) == []
        assert world.found(change).reason == "nothing_new"

    def test_that_has_a_tag_no_more_may_get_it_again(self) -> None:
        """That is news again; whoever sends it knows the event by its id."""
        world = World()
        changes = [tagged("vip", at=LEFT + 1), tagged(at=LEFT + 2), tagged("vip", at=LEFT + 3)]
        assert [world.told(change) for change in changes] == [["tag:vip"], [], ["tag:vip"]]

    def test_that_had_a_tag_before_the_lead_has_not_got_it_by_it(self) -> None:
        """What stood is remembered with the match."""
        world = knowing(standing={"contact": ("tag:vip",)})
        assert world.told(tagged("vip", "stage: qualified")) == ["stage:qualified"]

    def test_is_read_where_tags_were_not_told(self) -> None:
        """Once for all of its changes; a record of another location is none."""
        world = World(records=FakeRecords({CONTACT: {"tags": ["vip", 5], "locationId": LOCATION}}))
        found = world.find(unread(), unread(), deal())
        assert [[event.outcome for event in each.events] for each in found if isinstance(each, Found)] == [
            ["tag:vip"], ["tag:vip"], [],
        ]  # fmt: skip
        assert world.records.asked.count("contact") == 1
        world.records.contacts[CONTACT]["locationId"] = "elsewhere"
        assert world.found(unread()).events == ()

    def test_that_is_gone_is_what_was_told(self) -> None:
        """Nothing, then."""
        assert World().found(unread()).reason == "nothing_new"

    @pytest.mark.parametrize(
        "failure", [TryAgain("contacts_api_timeout"), Undeliverable("contacts_api_x"), Misconfigured("no token")]
    )
    def test_that_cannot_be_read_is_that_change_s_failure(self, failure: Exception) -> None:
        """The others are found."""
        world = World(records=FakeRecords(fails={"contact": failure}))
        first, second = world.find(unread(), tagged("vip"))
        assert first is failure
        assert isinstance(second, Found)
        assert len(second.events) == 1

    def test_is_not_read_where_only_opportunities_are_wanted(self) -> None:
        """Its record has nothing to say."""
        world = World(conversions={"won": "checkout"})
        assert world.found(unread()).reason == "nothing_new"
        assert world.records.asked == []

    @pytest.mark.parametrize("key", ["f1", "contact.stage", "stage"])
    def test_has_its_stage_in_a_custom_field(self, key: str) -> None:
        """By the field's id or key, whatever its case; and tags beside it."""
        fields = [{"id": "f1", "value": " Qualified "}, "x", {"id": 5}]
        world = World(records=FakeRecords({CONTACT: {"tags": ["vip"], "customFields": fields}}))
        world.defaults = Defaults(stage_as=f"custom_field:{key}")
        assert world.told(tagged()) == ["stage:qualified", "tag:vip"]

    def test_without_custom_fields_has_no_stage(self) -> None:
        """Nor are their keys asked for."""
        world = World(records=FakeRecords({CONTACT: {"customFields": None}}), defaults=BY_FIELD)
        assert world.told(unread()) == []
        assert world.records.asked == ["contact"]

    def test_outcomes_that_the_sender_names_are_told_of_always(self) -> None:
        """Also the second time, when their event is known; one that the route does not have is not."""
        world = World()
        change = tagged(outcomes=("won", "unheard"), monetary_value="7")
        for _ in range(2):
            (event,) = world.found(change).events
            assert (event.outcome, event.custom_data) == ("won", {"value": "7", "currency": "USD"})
            world.outcomes.settle(change, world.found(change))
        assert world.match.standing == {}


class TestOpportunity:
    def test_is_told_as_far_as_it_has_come(self) -> None:
        """Each outcome once, by the opportunity."""
        world = World(records=FakeRecords(stages={"s2": "Booked"}))
        steps = [deal("open"), deal("open", stage="s2"), deal("won", stage="s2", monetary_value="1"), deal("open")]
        told = [world.told(msgspec.structs.replace(step, at=LEFT + at)) for at, step in enumerate(steps)]
        assert told == [[], ["opportunity_stage:Booked"], ["won"], []]
        assert world.told(deal("won", record="o2", monetary_value="1")) == ["won"]

    def test_stage_may_be_named_by_its_id(self) -> None:
        """Then no name is asked for; a workflow tells the name itself."""
        world = World(conversions={"opportunity_stage:s2": "page_visit"})
        assert world.told(deal(stage="s2", record="workflow")) == ["opportunity_stage:s2"]
        assert world.records.asked == []
        assert World().told(deal(stage="booked", record="workflow")) == ["opportunity_stage:Booked"]

    def test_stage_without_a_name_is_known_by_its_id_only(self) -> None:
        """The token may not list pipelines."""
        assert World().told(deal(stage="s2")) == []

    @pytest.mark.parametrize("facts", [{"status": ""}, {"stage": ""}, {"monetary_value": ""}])
    def test_is_read_where_something_was_not_told(self, facts: dict[str, str]) -> None:
        """Once; what was told stands."""
        record = {"status": "won", "pipelineStageId": "s2", "monetaryValue": 12, "locationId": LOCATION}
        world = World(records=FakeRecords(opportunities={"o1": record}, stages={"s2": "Booked"}))
        change = deal(**{"status": "won", "stage": "s2", "monetary_value": "3", **facts})
        events = {event.outcome: event for event in world.found(change).events}
        assert set(events) == {"won", "opportunity_stage:Booked"}
        assert events["won"].custom_data["value"] == ("12" if "monetary_value" in facts else "3")
        assert world.records.asked.count("opportunity") == 1

    def test_is_read_where_there_is_news_only(self) -> None:
        """It is touched more often than it becomes anything; what it is was not always heard of before."""
        world = knowing(standing={"o1": ("open",)}, heard_at={"o1": LEFT + 1})
        assert world.told(deal("open")) == []
        assert world.records.asked == ["stage_names"]
        assert world.told(deal("lost", at=LEFT + 200)) == ["lost"]
        assert world.records.asked == ["stage_names", "stage_names", "opportunity"]

    @pytest.mark.parametrize("failure", [None, Undeliverable("contacts_api_x"), Misconfigured("no scope")])
    def test_that_cannot_be_read_is_what_was_told(self, failure: Exception | None) -> None:
        """It is gone, or the token may not: it was won just then all the same."""
        world = World(records=FakeRecords(fails={"opportunity": failure} if failure else {}))
        (event,) = world.found(deal("won")).events
        assert event.custom_data == {"currency": "USD", "order_id": "o1"}

    def test_of_which_nothing_was_told_and_nothing_can_be_read_is_a_failure(self) -> None:
        """The operator has to know; while the CRM does not answer it waits."""
        for failure in (Misconfigured("no scope"), TryAgain("contacts_api_timeout")):
            world = World(records=FakeRecords(fails={"opportunity": failure}))
            assert world.find(deal("", stage="")) == [failure]

    def test_that_was_won_before_the_lead_was_not_won_by_it(self) -> None:
        """A customer comes again, and somebody touches the old opportunity; its stage is another matter."""
        record = {"lastStatusChangeAt": BEFORE, "lastStageChangeAt": "2027-01-15T07:59:00.000Z"}
        world = World(records=FakeRecords(opportunities={"o1": record}, stages={"s1": "Booked"}))
        assert world.told(deal("won", monetary_value="1")) == ["opportunity_stage:Booked"]
        assert set(world.match.standing["o1"]) == {"opportunity_stage:Booked", "opportunity_stage:s1", "untold:won"}
        assert world.told(deal("won", monetary_value="1", at=LEFT + 200)) == []

    def test_of_which_a_workflow_tells_half_keeps_the_other_half(self) -> None:
        """It has no id by which it could be read."""
        world = World()
        changes = [deal("won", record="workflow", stage=""), deal("", record="workflow", stage="Booked")]
        assert [world.told(change) for change in changes] == [["won"], ["opportunity_stage:Booked"]]
        assert set(world.match.standing["workflow"]) == {"opportunity_stage:Booked", "won"}
        assert world.found(changes[0]).events == ()

    def test_outcomes_that_the_sender_names_have_its_value(self) -> None:
        """Read, if need be."""
        world = World(records=FakeRecords(opportunities={"o1": {"monetaryValue": 12.5}}))
        (event,) = world.found(deal("", stage="", outcomes=("won",))).events
        assert event.custom_data == {"value": "12.5", "currency": "USD", "order_id": "o1"}


class TestSeveral:
    def test_are_answered_in_their_order_and_looked_at_in_that_of_events(self) -> None:
        """The contact is looked up once, and the first of them says when it happened."""
        world = World()
        changes = [tagged("vip", at=LEFT + 30), tagged(at=LEFT + 20), tagged("vip", at=LEFT + 10)]
        found = [each for each in world.find(*changes) if isinstance(each, Found)]
        assert [[event.at for event in each.events] for each in found] == [[int(LEFT + 10)], [], [int(LEFT + 10)]]
        assert [each.at for each in found] == [LEFT + 30, LEFT + 20, LEFT + 10]

    @pytest.mark.parametrize("order", [[0, 1, 2], [2, 1, 0], [1, 2, 0]])
    def test_leave_what_the_last_of_them_said(self, order: list[int]) -> None:
        """Whichever is settled first."""
        world = World()
        changes = [tagged("vip", at=LEFT + 1), tagged(at=LEFT + 2), tagged("stage: qualified", at=LEFT + 3)]
        found = world.find(*changes)
        for at in order:
            each = found[at]
            assert isinstance(each, Found)
            world.outcomes.settle(changes[at], each)
        assert world.match.standing == {"contact": ("stage:qualified",)}

    def test_of_whom_one_is_settled_lose_nothing_of_the_other(self) -> None:
        """The event of the first was held, the second did not bring it to an end."""
        world = World()
        first, second = tagged("vip", at=LEFT + 1), tagged("vip", "stage: qualified", at=LEFT + 2)
        found = world.find(first, second)[1]
        assert isinstance(found, Found)
        assert {event.outcome for event in found.events} == {"tag:vip", "stage:qualified"}

    def test_of_whom_one_takes_back_what_stood_make_it_news_again(self) -> None:
        """There may have been another lead since it was told."""
        world = knowing(standing={"contact": ("tag:vip",)})
        changes = [tagged("vip", at=LEFT + 1), tagged(at=LEFT + 2), tagged("vip", at=LEFT + 3)]
        assert [len(each.events) for each in world.find(*changes) if isinstance(each, Found)] == [0, 0, 1]

    def test_of_many_contacts_are_told_apart(self) -> None:
        """Each by its own lead."""
        other = msgspec.structs.replace(MATCH, contact_id="c2", lead_key=f"{LEAD}2")
        world = World()
        world.matches.items[other.key] = other
        changes = [tagged("vip"), msgspec.structs.replace(tagged("vip"), contact_id="c2"), tagged("vip", at=None)]
        changes.append(msgspec.structs.replace(tagged("vip"), contact_id="c3"))
        found = [each for each in world.find(*changes) if isinstance(each, Found)]
        assert [[event.lead_key for event in each.events] for each in found] == [[LEAD], [f"{LEAD}2"], [LEAD], []]
        assert match_key(LOCATION, "c2") == other.key

    def test_settling_what_is_nobody_s_writes_nothing(self) -> None:
        """Nor what is known already."""
        world = World()
        world.outcomes.settle(tagged(), Found(reason="not_a_lead"))
        assert world.matches.writes == 0
        for at in (1, 2):
            world.told(tagged("vip", at=LEFT + at))
        assert world.matches.writes == 1
