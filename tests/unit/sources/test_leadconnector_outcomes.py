"""What a LeadConnector delivery tells of outcomes: changes of contacts and opportunities, and nothing of a person."""

import datetime as dt
from collections.abc import Callable
from typing import Any, ClassVar

import msgspec
import pytest

from leads.core.errors import Misconfigured
from leads.core.match import CrmChange
from leads.core.request import Reading
from leads.core.routes import Conversion, Defaults, Route, RouteTable
from leads.sources.leadconnector_outcomes import Outcomes
from tests.fakes import FakeSecret
from tests.unit.sources.leadconnector_made import ADA, CONTACT, OTHER_PLACE, PLACE, RECEIVED, Side, event, secret

# Leads are delivered to it, and it is no source.
GOAL = "ve9EPM428h8vShlRW1KT"
AT = dt.datetime(2026, 11, 21, 5, 21, 1, tzinfo=dt.UTC).timestamp()
NOW = dt.datetime.fromisoformat(RECEIVED).timestamp()
CONVERSIONS: dict[str, str | Conversion] = {
    "delivered": "lead", "stage:qualified": "qualified_lead", "tag:VIP": "signup",
    "won": Conversion(event="checkout", value="{monetary_value}"), "opportunity_stage:Booked": "page_visit",
}  # fmt: skip
DEAL = {"id": "o1", "contactId": CONTACT, "status": "won", "pipelineStageId": "s1", "monetaryValue": 120.5, "name": "A"}


BY_TAG = Defaults()


def table(*locations: str, defaults: Defaults = BY_TAG, **conversions: Any) -> RouteTable:
    told = {name.replace("__", ":"): value for name, value in conversions.items()} or CONVERSIONS
    places = locations or (GOAL,)
    return RouteTable([Route(name=place, location=place, conversions=told) for place in places], defaults)


def side(routes: RouteTable | Callable[[], RouteTable] | None = None, **stored: Any) -> Side:
    known = routes or table()
    return Side(secret=FakeSecret(secret(**stored)), outcomes=Outcomes(known if callable(known) else lambda: known))


def told(record: dict[str, Any] = ADA, type_: str = "ContactTagUpdate", **changes: Any) -> dict[str, Any]:
    """An event of the location that leads are delivered to."""
    return event(type_, record, **{"locationId": GOAL, **changes})


def one(reading: Reading) -> CrmChange:
    (change,) = reading.changes
    return change


class TestContact:
    @pytest.mark.parametrize("type_", ["ContactCreate", "ContactUpdate", "ContactTagUpdate", "ContactDndUpdate"])
    def test_tells_of_its_tags_as_far_as_a_route_names_them(self, type_: str) -> None:
        """Any other is nobody's business; nor is anything else of the person."""
        tags = ["Stage:  Qualified", "vip", "secret tag", "VIP"]
        reading = side().read(told(type_=type_, tags=tags))
        assert one(reading) == CrmChange(location_id=GOAL, contact_id=CONTACT, at=AT, tags=("stage: qualified", "vip"))
        assert (reading.envelopes, reading.faults) == ((), ())

    @pytest.mark.parametrize("tags", [["other"], []])
    def test_tells_that_it_has_none_of_them(self, tags: list[str]) -> None:
        """One that is gone may come again."""
        assert one(side().read(told(tags=tags))).tags == ()

    @pytest.mark.parametrize("tags", [None, 5, {}])
    def test_without_tags_has_to_be_read(self, tags: Any) -> None:
        """The platform leaves out what is empty, and more than that."""
        assert one(side().read(told(tags=tags))).tags is None

    def test_has_to_be_read_where_a_stage_is_kept_in_a_custom_field(self) -> None:
        """What an event says of custom fields is not looked at."""
        by_field = table(defaults=Defaults(stage_as="custom_field:contact.stage"))
        assert one(side(by_field).read(told())).tags is None

    def test_happened_when_its_event_says(self) -> None:
        """Not in the future; and when it came if nothing is said."""
        times = [one(side().read(told(timestamp=given))).at for given in (None, "x", "2031-01-01T00:00:00Z", AT * 1000)]
        assert times == [NOW, NOW, NOW, AT]

    @pytest.mark.parametrize("type_", ["ContactDelete", "NoteCreate", "TaskCreate", "OpportunityDelete", "INSTALL"])
    def test_other_events_tell_nothing(self, type_: str) -> None:
        """Of a location that is ours, so that nobody is told of an unknown one."""
        reading = side().read(told({"id": "r1", "contactId": CONTACT}, type_))
        assert (reading.changes, reading.envelopes, reading.faults) == ((), (), ())

    def test_without_an_id_tells_nothing(self) -> None:
        """No lead became it."""
        assert side().read(told({"tags": ["vip"]})).changes == ()

    def test_tells_nothing_where_only_opportunities_are_wanted(self) -> None:
        """No message for nothing; and the other way round."""
        assert side(table(won="checkout")).read(told()).changes == ()
        assert side(table(tag__vip="lead")).read(told(DEAL, "OpportunityUpdate")).changes == ()

    def test_tells_nothing_where_nothing_is_wanted(self) -> None:
        """A delivered lead is no news of the CRM's."""
        only = side(table(delivered="lead"))
        assert only.read(event()).changes == ()
        (fault,) = only.read(told()).faults
        assert GOAL in fault


class TestOpportunity:
    @pytest.mark.parametrize(
        ("type_", "status_is_news", "stage_is_news"),
        [
            ("OpportunityCreate", True, True), ("OpportunityUpdate", False, False),
            ("OpportunityStatusUpdate", True, False), ("OpportunityStageUpdate", False, True),
        ],
    )  # fmt: skip
    def test_tells_how_far_it_is(self, type_: str, status_is_news: bool, stage_is_news: bool) -> None:
        """And what of that it has just become; its stage by the id, which is all that is said; its value in digits."""
        assert one(side().read(told(DEAL, type_))) == CrmChange(
            location_id=GOAL, contact_id=CONTACT, record="o1", at=AT, is_opportunity=True, status="won", stage="s1",
            is_status_transition=status_is_news, is_stage_transition=stage_is_news, monetary_value="120.5",
        )  # fmt: skip

    @pytest.mark.parametrize(
        ("value", "text"),
        [
            (0, "0"),
            (1e3, "1000.0"),
            ("40", "40"),
            (None, ""),
            ("n/a", ""),
            (True, ""),
            (-1, ""),
            ([1], ""),
            (1e300, ""),
        ],
    )
    def test_value_is_a_plain_number_or_nothing(self, value: Any, text: str) -> None:
        """Whatever was sent."""
        assert one(side().read(told(DEAL | {"monetaryValue": value}, "OpportunityUpdate"))).monetary_value == text

    def test_status_is_one_of_four(self) -> None:
        """Anything else may be anything."""
        statuses = [" WON ", "Ada Lovelace", None, 5]
        deals = [told(DEAL | {"status": status}, "OpportunityStatusUpdate") for status in statuses]
        assert [change.status for change in side().read(deals).changes] == ["won", "", "", ""]

    def test_of_nobody_tells_nothing(self) -> None:
        """There is no contact to look for."""
        assert side().read(told(DEAL | {"contactId": None}, "OpportunityUpdate")).changes == ()


class TestTenant:
    def test_a_source_that_leads_are_delivered_to_gives_both(self) -> None:
        """A lead as ever, and a change."""
        reading = side(table(PLACE)).read(event("ContactTagUpdate"))
        assert [envelope.lead_id for envelope in reading.envelopes] == [CONTACT]
        assert one(reading).location_id == PLACE

    def test_another_location_stays_unknown(self) -> None:
        """The keys are the platform's."""
        reading = side().read(event(locationId=OTHER_PLACE))
        assert (reading.changes, reading.envelopes) == ((), ())
        assert OTHER_PLACE in reading.faults[0]

    def test_an_app_of_somebody_else_is_refused_here_too(self) -> None:
        """The sentence names it."""
        here = side()
        reading = here.read(told(appId="anotherApp"))
        assert (reading.changes, here.secret.rereads) == ((), 1)
        assert "anotherApp" in reading.faults[0]

    def test_costs_no_look_at_the_secret(self) -> None:
        """Its events come all day."""
        here = side()
        here.read([told(), told(DEAL, "OpportunityUpdate")])
        assert here.secret.rereads == 0

    def test_routes_are_looked_at_once(self) -> None:
        """Until there are others."""
        tables = [table()]
        outcomes = Outcomes(lambda: tables[-1])
        assert outcomes.wanted() is outcomes.wanted()
        tables.append(table(OTHER_PLACE))
        assert set(outcomes.wanted()) == {OTHER_PLACE}

    def test_broken_routes_cost_no_lead(self) -> None:
        """What is only a change comes again, as nobody knows whether it is wanted."""

        def broken() -> RouteTable:
            raise Misconfigured("routes.toml is broken")

        reading = side(broken).read(event())
        assert len(reading.envelopes) == 1
        assert (reading.changes, reading.faults) == ((), ("routes.toml is broken",))
        with pytest.raises(Misconfigured, match="broken"):
            side(broken).read(told())


class TestWorkflow:
    TOLD: ClassVar = {"contact_id": CONTACT, "email": "ada@example.com", "location": {"id": GOAL, "name": "Shop"}}
    DEAL: ClassVar = TOLD | {
        "id": "o1", "pipeline_id": "p1", "opportunity_name": "A", "status": "won", "lead_value": 99,
        "pipleline_stage": " Booked ",
    }  # fmt: skip

    def test_tells_of_tags(self) -> None:
        """Which are one text there."""
        reading = side().workflow(self.TOLD | {"tags": "vip, Stage: Qualified,other"})
        assert one(reading) == CrmChange(location_id=GOAL, contact_id=CONTACT, at=NOW, tags=("vip", "stage: qualified"))
        assert (reading.envelopes, reading.faults) == ((), ())

    def test_tells_of_an_opportunity(self) -> None:
        """Its id is the payload's own beside the contact's; its stage goes by the name."""
        of_contact, of_deal = side().workflow(self.DEAL).changes
        assert (of_contact.record, of_contact.tags) == ("contact", None)
        assert of_deal == CrmChange(
            location_id=GOAL, contact_id=CONTACT, record="o1", at=NOW, is_opportunity=True, status="won",
            stage="Booked", is_status_transition=True, is_stage_transition=True, monetary_value="99",
        )  # fmt: skip

    def test_tells_of_the_half_of_an_opportunity_that_it_names(self) -> None:
        """That it has just become; of the other half nothing is said."""
        (deal,) = side(table(won="checkout")).workflow(self.DEAL | {"pipleline_stage": ""}).changes
        assert (deal.is_status_transition, deal.is_stage_transition) == (True, False)

    @pytest.mark.parametrize("ids", [{"id": None}, {"id": CONTACT}])
    def test_may_not_say_which_opportunity(self, ids: dict[str, Any]) -> None:
        """All such are one then."""
        assert side(table(won="checkout")).workflow(self.DEAL | ids).changes[0].record == "workflow"

    @pytest.mark.parametrize(
        ("text", "outcomes"),
        [
            ("won", ("won",)), (" Stage: QUALIFIED ", ("stage:qualified",)), ("won, tag:vip,", ("won", "tag:VIP")),
            (["won", "tag:vip"], ("won", "tag:VIP")), ("", ()), (None, ()), (5, ()),
        ],
    )  # fmt: skip
    def test_may_name_outcomes_itself(self, text: Any, outcomes: tuple[str, ...]) -> None:
        """As somebody wrote them into its custom data, with a value."""
        custom = {"outcome": text, "monetary_value": "1200.50", "currency": "eur"}
        reading = side().workflow(self.TOLD | {"tags": "", "customData": custom})
        change = one(reading)
        assert (change.outcomes, change.monetary_value, change.currency) == (outcomes, "1200.50", "EUR")
        assert reading.faults == ()

    def test_outcomes_that_it_names_are_told_of_its_opportunity(self) -> None:
        """Once, and with what it is worth."""
        custom = {"outcome": "won", "monetary_value": "7", "opportunity_id": "o9"}
        of_contact, of_deal = side().workflow(self.DEAL | {"customData": custom}).changes
        assert (of_contact.outcomes, of_deal.outcomes) == ((), ("won",))
        assert (of_deal.record, of_deal.monetary_value) == ("o9", "7")

    def test_an_outcome_that_no_route_has_is_the_operators_to_correct(self) -> None:
        """The sentence says which there are, and not what was sent: that may be a person's name."""
        custom = {"outcome": "won, Ada Lovelace, delivered", "currency": "Ada L."}
        reading = side().workflow(self.TOLD | {"customData": custom})
        assert (one(reading).outcomes, one(reading).currency) == (("won",), "")
        (fault,) = reading.faults
        assert "opportunity_stage:Booked, stage:qualified, tag:VIP, won" in fault
        assert "Ada" not in fault

    @pytest.mark.parametrize(
        ("locations", "query", "payload", "place"),
        [
            ([PLACE], {"location": GOAL}, {}, GOAL),
            ([PLACE], {}, {"location": {"id": GOAL}}, GOAL),
            ([PLACE], {}, {"locationId": GOAL}, GOAL),
            ([PLACE], {"location": PLACE}, {"location": {"id": GOAL}}, PLACE),
            ([PLACE], {}, {}, PLACE),
            ([PLACE], {}, {"location": {"id": OTHER_PLACE}}, PLACE),
            ([PLACE, OTHER_PLACE], {}, {"location": {"id": GOAL}}, GOAL),
            ([PLACE, OTHER_PLACE], {}, {"location": {"id": OTHER_PLACE}}, OTHER_PLACE),
            ([], {}, {}, GOAL),
            (None, {}, {"location": {"id": ["x"]}}, GOAL),
        ],
    )
    def test_is_a_lead_of_a_source_or_a_change_of_the_location_that_leads_go_to(
        self, locations: Any, query: dict[str, str], payload: dict[str, Any], place: str
    ) -> None:
        """A contact of the latter must not become a lead of the only source there is."""
        reading = side(locations=locations).workflow({"contact_id": CONTACT, "tags": "vip", **payload}, query)
        assert [envelope.account for envelope in reading.envelopes] == ([] if place == GOAL else [place])
        assert [change.location_id for change in reading.changes] == ([GOAL] if place == GOAL else [])
        assert reading.faults == ()

    def test_that_names_a_location_of_nobody_is_of_no_other(self) -> None:
        """As ever it is kept and reported, but for who would become a lead by a slip in the address."""
        told = {"contact_id": CONTACT, "email": "ada@example.com"}
        for payload, locations, accounts in ((told, ["source1"], [""]), (self.TOLD, ["source1"], []), (told, [], [])):
            reading = side(locations=locations).workflow(payload, {"location": OTHER_PLACE})
            assert ([envelope.account for envelope in reading.envelopes], reading.changes) == (accounts, ())
            assert OTHER_PLACE in reading.faults[0]

    def test_without_a_contacts_id_tells_nothing(self) -> None:
        """Nobody can be looked for."""
        assert side().workflow({"email": "ada@example.com"}, {"location": GOAL}).changes == ()

    def test_nothing_of_the_person_is_in_a_change(self) -> None:
        """Whatever stands where."""
        person = dict.fromkeys(("status", "lead_value", "tags", "email", "phone"), "ada@example.com")
        custom = dict.fromkeys(("outcome", "currency", "monetary_value", "opportunity_id"), "ada@example.com")
        reading = side().workflow(self.TOLD | person | {"contact_id": "ada@example.com", "customData": custom})
        assert reading.changes
        assert b"ada" not in msgspec.json.encode(reading.changes)
