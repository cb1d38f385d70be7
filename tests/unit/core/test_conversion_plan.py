"""Lead → what Pinterest is told of it, and what is remembered of its contact."""

import hashlib
import sys
from typing import Any

import msgspec
import pytest

from leads.core.contact_record import ContactRecord
from leads.core.conversion import event_id_of
from leads.core.conversion_message import event_message, parse
from leads.core.conversion_plan import PlannedConversion, custom_data_of, match_of, why_untold
from leads.core.lead import CopiedNote
from leads.core.match import CONTACT_RECORD
from leads.core.plan import Plan
from leads.core.routes import Conversion, Defaults, Route
from leads.core.step_states import CONVERSION, NOTE, step_names
from tests.unit.core.planned import ADA, LEFT_AT, NOW, lead, plan, record

DELIVERED = {"delivered": "lead"}
LATER = {"stage:qualified": "qualified_lead", "tag:hot": "hot_lead", "won": "checkout"}
TESTS = Defaults(test_conversions="test")
BY_FIELD = Defaults(stage_as="custom_field:stage")


def told(answers: dict[str, Any] | None = None, **route: Any) -> PlannedConversion:
    """What is planned for a lead of a route that tells of its delivery."""
    planned = plan(answers, **{"conversions": DELIVERED} | route).conversion
    assert planned is not None
    return planned


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


class TestWhatIsTold:
    def test_a_delivered_lead_is_an_event_at_the_time_it_was_left(self) -> None:
        """Of the person only hashes of what was submitted, and an id that is the same whenever it is made."""
        planned = told()
        event = planned.event
        assert event is not None
        assert (event.account, event.name, event.action_source) == ("111", "lead", "offline")
        assert (event.at, event.outcome, event.lead_key, event.is_test) == (
            int(LEFT_AT),
            "delivered",
            "pinterest#111#6804",
            False,
        )
        assert event.event_id == event_id_of("111", "pinterest#111#6804", "delivered")
        assert event.user_data["em"] == [sha256("ada@example.com")]
        assert event.is_identified
        assert event.custom_data == {}
        assert event == told().event
        assert "ada" not in repr(planned).lower()

    def test_an_event_as_the_route_describes_it(self) -> None:
        """Its source, and value, currency and order filled from the lead."""
        rule = Conversion(
            event="signup", action_source="web", value="{Budget}", currency="usd", order_id="{source}/{lead_id}"
        )
        event = told(ADA | {"Budget": "1000.50"}, conversions={"delivered": rule}).event
        assert event is not None
        assert (event.name, event.action_source) == ("signup", "web")
        assert event.custom_data == {"value": "1000.50", "currency": "USD", "order_id": "pinterest/6804"}
        assert parse(event_message(event), accounts=(), phone_region="US", now=NOW) == event

    @pytest.mark.parametrize(
        ("rule", "filled"),
        [
            ({"value": 25}, {"value": "25"}),
            ({"value": 49.9}, {"value": "49.9"}),
            ({"value": 1e15}, {}),
            ({"value": float("nan")}, {}),
            ({"value": "{n}"}, {"value": "7"}),
            ({"value": "{n} USD"}, {}),
            ({"value": "{words}"}, {}),
            ({"value": "-5"}, {}),
            ({"value": "1e3"}, {}),
            ({"value": "1,000"}, {}),
            ({"value": "007"}, {}),
            ({"value": "0.50"}, {"value": "0.50"}),
            ({"value": "{nothing}"}, {}),
            ({"currency": "{words}"}, {}),
            ({"currency": " eur "}, {"currency": "EUR"}),
            ({"order_id": "A-17/{n}"}, {"order_id": "A-17/7"}),
            ({"order_id": "{words}"}, {}),
            ({"order_id": "{mail}"}, {}),
        ],
    )
    def test_a_value_is_a_plain_number_or_left_out(self, rule: dict[str, Any], filled: dict[str, str]) -> None:
        """As a currency is three letters, and an order's id no sentence and no address."""
        values = {"n": "7", "words": "over 10 k", "mail": "ada@example.com"}
        assert custom_data_of(Conversion(event="lead", **rule), values) == filled

    def test_nothing_of_the_person_goes_as_an_order_id(self) -> None:
        """It is sent in the clear, and a template may name anything."""
        rule = Conversion(event="lead", order_id="{first_name}")
        assert told(conversions={"delivered": rule}).event.custom_data == {}  # type: ignore[union-attr]

    def test_a_lead_without_an_address_has_its_event_all_the_same(self) -> None:
        """Whoever sends events counts those that nobody could be found by."""
        event = told({"FIRST_NAME": "Ada"}).event
        assert event is not None
        assert not event.is_identified

    def test_what_was_left_in_the_future_was_left_when_it_was_first_seen(self) -> None:
        """The platform's clock may be ahead, and no event of tomorrow is taken."""
        planned = plan(given_lead=lead(created_at=NOW + 60), conversions=DELIVERED).conversion
        assert planned is not None
        assert planned.event is not None
        assert (planned.left_at, planned.event.at) == (NOW, int(NOW))

    def test_outcomes_of_the_crm_are_remembered_and_not_told(self) -> None:
        """The step is there for both."""
        made = plan(conversions=LATER)
        planned = made.conversion
        assert planned is not None
        assert planned.event is None
        assert planned.is_remembered
        assert step_names(made) == ["contact", NOTE, CONVERSION]
        both = told(conversions=LATER | DELIVERED)
        assert both.event is not None
        assert both.wanted == tuple(LATER)
        assert not told().is_remembered


class TestWhatIsNot:
    def untold(self, given: Any, defaults: Defaults = Defaults(), **route: Any) -> str:  # noqa: B008  (frozen)
        rules = {"conversions": DELIVERED | LATER} | route
        made = plan(given_lead=given, defaults=defaults, **rules)
        assert made.conversion is None
        assert CONVERSION not in step_names(made)
        return why_untold(given, Route(name="Spring", location="loc", **rules), defaults)

    def test_a_route_without_conversions_and_another_platforms_lead(self) -> None:
        """Pinterest hears of its own leads, where a route says so."""
        assert self.untold(lead(), conversions={}) == "no_conversions"
        assert self.untold(lead(source="facebook")) == "other_source"

    def test_who_tells_nobody_pays_nothing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Not even the import, which every cold start would feel."""
        monkeypatch.setitem(sys.modules, "leads.core.conversion_plan", None)
        assert plan().conversion is None

    @pytest.mark.parametrize("account", ["", "preview", "hashed-0123", "1" * 19, "１１１"])
    def test_an_account_that_is_no_ad_account(self, account: str) -> None:
        """Whatever an envelope says: the id becomes a part of an address."""
        assert self.untold(lead(account=account)) == "bad_account"

    def test_a_test_lead_unless_tests_are_to_be_told(self) -> None:
        """And then it is told, and remembered, as a test."""
        test = lead(is_test=True)
        assert self.untold(test) == "test_lead"
        planned = plan(given_lead=test, defaults=TESTS, conversions=DELIVERED | LATER).conversion
        assert planned is not None
        assert planned.event is not None
        assert (planned.is_test, planned.event.is_test) == (True, True)

    def test_news_of_a_contact_and_copies_of_its_notes(self) -> None:
        """Neither is a delivered lead."""
        assert plan(is_update=True, conversions=DELIVERED | LATER).conversion is None
        copied = record({}, copied=CopiedNote(text="Called."), contact_key="leadconnector#src#c1")
        assert plan(given_lead=copied, conversions=DELIVERED | LATER).conversion is None


class TestWhatIsRemembered:
    def stood(self, *tags: str, added_at: float | None = LEFT_AT - 1, is_new: bool = False, **route: Any) -> Any:
        made = plan(**{"conversions": LATER} | route)
        return self.match(made, ContactRecord(contact_id="c1", tags=tags, added_at=added_at, is_new=is_new)).standing

    def match(self, made: Plan, contact: ContactRecord) -> Any:
        assert made.conversion is not None
        return match_of(made, made.conversion, contact)

    def test_the_lead_that_the_contact_came_of(self) -> None:
        """With what was submitted, whatever the CRM says later."""
        found = self.match(plan(conversions=LATER), ContactRecord(contact_id="c1", email="other@example.com"))
        assert found.key == "conversions#loc#c1"
        assert (found.lead_key, found.account, found.route, found.left_at) == (
            "pinterest#111#6804",
            "111",
            "Spring",
            LEFT_AT,
        )
        assert found.user_data["em"] == [sha256("ada@example.com")]
        assert (found.is_test, found.standing, found.heard_at) == (False, {}, {})
        assert msgspec.json.decode(msgspec.json.encode(found), type=type(found)) == found

    def test_what_the_contact_was_before_is_no_outcome_of_this_lead(self) -> None:
        """Of its tags, those that stand for an outcome that somebody wants to hear of."""
        assert self.stood("Stage: Qualified", "hot", "vip") == {CONTACT_RECORD: ("stage:qualified", "tag:hot")}
        assert self.stood("vip") == {}

    def test_what_the_lead_itself_brings_is_news(self) -> None:
        """Also where an earlier attempt has written it already."""
        assert self.stood("stage: qualified", "hot", tags=["hot"]) == {CONTACT_RECORD: ("stage:qualified",)}

    def test_a_stage_that_the_lead_sets_ends_the_one_before(self) -> None:
        """Reaching it again is news."""
        assert self.stood("stage: qualified", "hot", stage="lead") == {CONTACT_RECORD: ("tag:hot",)}

    def test_of_a_contact_that_came_with_the_lead_nothing_stood_before(self) -> None:
        """Between two attempts somebody may have tagged it."""
        assert self.stood("hot", is_new=True) == {}
        assert self.stood("hot", added_at=LEFT_AT) == {}
        assert self.stood("hot", added_at=None) == {CONTACT_RECORD: ("tag:hot",)}

    @pytest.mark.parametrize(
        ("route", "contact", "wanted"),
        [
            ({}, {}, tuple(LATER)),
            ({"defaults": BY_FIELD}, {}, ("tag:hot", "won")),
            ({"defaults": BY_FIELD, "stage": "lead"}, {}, tuple(LATER)),
            ({"defaults": BY_FIELD, "custom_fields": {"stage": "{source}"}}, {}, tuple(LATER)),
            ({"defaults": BY_FIELD}, {"is_new": True}, tuple(LATER)),
        ],
    )
    def test_what_nobody_knows_of_the_contact_is_not_said_to_have_been_looked_for(
        self, route: dict[str, Any], contact: dict[str, Any], wanted: tuple[str, ...]
    ) -> None:
        """What stood in a custom field, unless the lead has written it, or the contact came with the lead."""
        made = plan(conversions=DELIVERED | LATER, **route)
        assert self.match(made, ContactRecord(contact_id="c1", **contact)).wanted == wanted
