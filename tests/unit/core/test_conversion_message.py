"""What a message on the conversions queue may say, what becomes of it, and how a mistake is named."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leads.core.conversion import ACTION_SOURCES, Event
from leads.core.conversion_fields import HASHED_NAMES, MEMBERS
from leads.core.conversion_message import change_message, event_message, parse
from leads.core.errors import Undeliverable
from leads.core.match import CrmChange
from tests.unit.core.strategies import any_text, json_values

NOW = 1_763_700_000.5
ACCOUNT = "111764359001"
LEAST = {"event_name": "lead", "event_time": 1_763_600_000}
NOTHING = hashlib.sha256(b"").hexdigest()


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


ADA, BOB = sha256("ada@example.com"), sha256("bob@example.com")


def event(_body: str = "", /, *, _accounts: tuple[str, ...] = (ACCOUNT,), _now: float = NOW, **told: Any) -> Event:
    """The event of a message, else of the least one and what is told beside it."""
    found = parse(_body or json.dumps(LEAST | told), accounts=_accounts, phone_region="US", now=_now)
    assert isinstance(found, Event)
    return found


def refusal(_body: str = "", /, **told: Any) -> Undeliverable:
    with pytest.raises(Undeliverable) as caught:
        event(_body, **told)
    return caught.value


class TestEvent:
    def test_the_least_that_must_be_said(self) -> None:
        """A name and a time; the rest is what one would expect."""
        assert event() == Event(
            account=ACCOUNT,
            name="lead",
            event_id=event().event_id,
            at=1_763_600_000,
            action_source="web",
            user_data={},
        )

    def test_every_place(self) -> None:
        """The person is hashed, the rest goes where the API has it, and what is ours stays ours."""
        found = event(
            v=1,
            ad_account_id=7,
            event_id=" e 1",
            action_source="offline",
            email="Ada@example.com",
            hashed_maids=BOB,
            click_id=" epik ",
            client_ip_address="192.0.2.1",
            value=12.5,
            currency=" usd",
            opt_out=False,
            language="en",
            test=True,
            lead="pinterest#1",
            outcome="won",
        )
        assert found == Event(
            account="7",
            name="lead",
            event_id=" e 1",
            at=1_763_600_000,
            action_source="offline",
            user_data={"em": [ADA], "hashed_maids": [BOB], "click_id": "epik", "client_ip_address": "192.0.2.1"},
            custom_data={"value": "12.5", "currency": "USD"},
            more={"opt_out": False, "language": "en"},
            is_test=True,
            lead_key="pinterest#1",
            outcome="won",
        )

    @pytest.mark.parametrize("nothing", [None, "", " "])
    def test_an_empty_member_is_no_member(self, nothing: Any) -> None:
        """As tables write what is not there."""
        assert event(**dict.fromkeys(set(MEMBERS) - set(LEAST), nothing)) == event()

    def test_empty_lists_and_objects_are_left_out(self) -> None:
        """The API is told nothing rather than an empty list."""
        empty = {"email": [], "hashed_email": [None, ""], "content_ids": [], "contents": [{}], "app_info": {}}
        assert event(**empty) == event()

    @pytest.mark.parametrize("accounts", [(), ("1", "2")])
    def test_the_account_must_be_clear(self, accounts: tuple[str, ...]) -> None:
        """With one conversion token there is one account; else the message has to name it."""
        refused = refusal(_accounts=accounts)
        assert (refused.reason, refused.fields) == ("no_account", ("ad_account_id",))
        assert event(_accounts=accounts, ad_account_id="2").account == "2"

    def test_lone_surrogates_do_not_spoil_a_call(self) -> None:
        """No UTF-8 body can carry them, and one event must not cost the others."""
        assert event(event_name="a\ud800", order_id="\udfff", event_id="\ud800").member()["event_id"] == "\ufffd"


class TestUserData:
    def test_hashes_come_before_what_is_hashed_here(self) -> None:
        """Both, each once."""
        found = event(hashed_email=[BOB, BOB], email=["ada@example.com", "BOB@example.com"])
        assert found.user_data == {"em": [BOB, ADA]}

    def test_numbers_are_texts(self) -> None:
        """A table that knows no texts sends floats."""
        found = event(phone=12125550123.0, zip=99999, external_id=[7, "8"], date_of_birth=19901210)
        assert found.user_data == {
            "ph": [sha256("12125550123")],
            "zp": [sha256("99999")],
            "db": [sha256("19901210")],
            "external_id": [sha256("7"), sha256("8")],
        }

    def test_hashes_pass_through(self) -> None:
        """Under either name, capitals and all; the hash of nothing is nothing."""
        assert event(email=ADA, hashed_phone=BOB.upper()).user_data == {"em": [ADA], "ph": [BOB.upper()]}
        assert event(hashed_email=[NOTHING, ADA], hashed_maids=NOTHING).user_data == {"em": [ADA]}

    @pytest.mark.parametrize("value", ["ada@example.com", ADA[1:], [ADA, "x"], ADA[:-1] + "g"])
    def test_what_is_not_hashed_is_refused(self, value: Any) -> None:
        """Pinterest would take it in clear and only warn."""
        for name in HASHED_NAMES.values():
            refused = refusal(**{name: value})
            assert (refused.reason, refused.fields) == ("not_hashed", (name,))
            assert f"`{name}` must be SHA-256 in 64 hex digits" in refused.detail

    def test_the_remedy_is_the_bare_name(self) -> None:
        """Where there is one."""
        assert refusal(hashed_email="ada@example.com").detail.endswith("send what is not hashed as `email`")
        assert refusal(hashed_maids="1").detail.endswith("digits")

    def test_the_country_tells_how_a_number_is_read(self) -> None:
        """The person's own comes before the default region."""
        assert event(phone="020 7946 0958", country="UK").user_data["ph"] == [sha256("442079460958")]


class TestTime:
    @pytest.mark.parametrize(
        "told",
        [
            1_763_600_000,
            1_763_600_000.9,
            "1763600000",
            " 1763600000.25 ",
            1_763_600_000_000,
            1_763_600_000_999.5,
            "1763600000999",
            "2025-11-20T00:53:20Z",
            "2025-11-20T01:53:20.999+01:00",
            "2025-11-19 19:53:20-05:00",
        ],
    )
    def test_is_understood(self, told: Any) -> None:
        """Seconds, milliseconds and ISO 8601 with its zone are the same moment."""
        assert event(event_time=told).at == 1_763_600_000

    @pytest.mark.parametrize("ahead", [0, 1, 599])
    def test_a_clock_that_is_a_little_ahead(self, ahead: int) -> None:
        """Pinterest takes nothing of the future; the event is as it was with the next attempt, a minute later."""
        told = {"event_time": int(NOW) + ahead, "hashed_email": ADA}
        now, later = event(**told), event(_now=NOW + 60, **told)
        assert now.at == int(NOW)
        assert (now.key, now.user_data) == (later.key, later.user_data)

    @pytest.mark.parametrize(
        "told",
        [
            int(NOW) + 602,
            (int(NOW) + 602) * 1000,
            1_763_600_000_000_000,
            0,
            -1,
            20251120,
            True,
            [1_763_600_000],
            {},
            None,
            "",
            "yesterday",
            "2025-11-20",
            "2025-11-20T00:53:20",
            "NaN",
            "inf",
            "1e9",
            "1" * 5000,
            "0001-01-01T00:00:00+14:00",
            "9999-12-31T23:59:59-14:00",
            "١٧٦٣٦٠٠٠٠٠",
            "\ud800",
        ],
    )
    def test_is_refused(self, told: Any) -> None:
        """No moment, one without a zone, a date as a number, or one that is yet to come."""
        refused = refusal(event_time=told)
        assert (refused.reason, refused.fields) == ("bad_time", ("event_time",))

    def test_without(self) -> None:
        """When it happened is not for us to guess."""
        assert refusal('{"event_name": "lead"}').reason == "bad_time"
        assert refusal('{"event_name": "lead", "event_time": 1e999}').reason == "bad_time"


class TestEventId:
    def test_is_made_of_the_content(self) -> None:
        """The same event told twice is one, however it is written."""
        first = event(email="Ada@example.com", value="1e3")
        again = event(json.dumps({"value": 1000, "hashed_email": ADA, **LEAST}))
        assert first.event_id == again.event_id
        assert re.fullmatch("[0-9a-f]{64}", first.event_id)

    @pytest.mark.parametrize(
        "other",
        [
            {"ad_account_id": "2"},
            {"event_name": "signup"},
            {"event_time": 1_763_600_001},
            {"email": "bob@example.com"},
            {"value": "2"},
            {"order_id": "2"},
        ],
    )
    def test_differs_with_the_content(self, other: dict[str, Any]) -> None:
        """Another account, name, moment, person or order is another event."""
        told = {"email": "ada@example.com", "value": "1", "order_id": "1"}
        assert event(**told).event_id != event(**(told | other)).event_id

    def test_as_given(self) -> None:
        """A website's tag has sent the same one: it is not touched, and a number is its digits."""
        assert event(event_id=" A-1 ").event_id == " A-1 "
        assert event(event_id=42).event_id == "42"


VALUES = [
    ("value", 1234.5, "1234.5"),
    ("value", "1e3", "1000"),
    ("value", 1000.0, "1000"),
    ("value", "1234.50", "1234.50"),
    ("value", "+007.50", "7.50"),
    ("value", 0.1, "0.1"),
    ("value", 1e-7, "0.0000001"),
    ("value", "-0e1", "0"),
    ("value", -5, "-5"),
    ("value", ".5", "0.5"),
    ("predicted_ltv", 10**15, "1000000000000000"),
    ("order_id", 42, "42"),
    ("order_id", " A 1\n", "A 1"),
    ("content_ids", ["a", 1, None, " "], ["a", "1"]),
    ("content_ids", "a,b", ["a,b"]),
    ("num_items", "3", 3),
    ("num_items", 3.0, 3),
    ("contents", {"id": 5}, [{"id": "5"}]),
    (
        "contents",
        [{"id": "p", "item_price": 14.99, "quantity": "3", "item_brand": None, "item_name": "", "item_category": "c"}],
        [{"id": "p", "item_price": "14.99", "quantity": 3, "item_category": "c"}],
    ),
    ("currency", "eur", "EUR"),
    ("opt_out", True, True),
    ("opt_out", "False", False),
    ("opt_out", 1, True),
    ("wifi", "no", False),
    (
        "app_info",
        {"app_id": 429047995, "install_time": "1739222269"},
        {"app_id": "429047995", "install_time": 1739222269},
    ),
    ("device_info", {"os_family": "iOS", "languages": "en"}, {"os_family": "ios", "languages": ["en"]}),
]
BAD_VALUES = [
    ("value", "12,50"),
    ("value", "1,234.50"),
    ("value", "$5"),
    ("value", "NaN"),
    ("value", "Infinity"),
    ("value", True),
    ("value", ["1"]),
    ("value", "1e400"),
    ("value", "0e999"),
    ("value", "1" * 50),
    ("value", "٣"),
    ("predicted_ltv", "a lot"),
    ("currency", "US"),
    ("currency", "US dollars"),
    ("currency", "₤₤₤"),
    ("order_id", {"id": 1}),
    ("order_id", False),
    ("content_ids", [["a"]]),
    ("contents", "p"),
    ("contents", [["p"]]),
    ("contents.item_price", [{"item_price": "cheap"}]),
    ("contents.quantity", [{"quantity": 1.5}]),
    ("num_items", "three"),
    ("num_items", 10**18),
    ("opt_out", "maybe"),
    ("wifi", 2),
    ("test", "perhaps"),
    ("event_name", ["lead"]),
    ("event_name", "x" * 201),
    ("event_name", " "),
    ("event_id", "x" * 201),
    ("event_id", {}),
    ("action_source", "shop"),
    ("click_id", ["a"]),
    ("client_ip_address", ["192.0.2.1"]),
    ("email", {"work": "ada@example.com"}),
    ("phone", True),
    ("app_info", "iOS"),
    ("app_info.window_width", {"window_width": -1}),
    ("device_info.battery_level", {"battery_level": 101}),
    ("device_info.os_family", {"os_family": "amiga"}),
    ("device_info.timezone_abbr", {"timezone_abbr": "America/New_York"}),
    ("lead", ["a"]),
]


class TestValues:
    @pytest.mark.parametrize(("name", "told", "sent"), VALUES)
    def test_take_the_form_that_the_api_wants(self, name: str, told: Any, sent: Any) -> None:
        """Sums are texts, counts are numbers, flags are true or false."""
        found = event(**{name: told})
        assert (found.custom_data | found.more)[name] == sent
        assert type((found.custom_data | found.more)[name]) is type(sent)

    @pytest.mark.parametrize(("name", "told"), BAD_VALUES)
    def test_are_refused_by_name(self, name: str, told: Any) -> None:
        """The sentence names the member and never says what is in it."""
        refused = refusal(**{name.partition(".")[0]: told})
        assert (refused.reason, refused.fields) == ("bad_value", (name,))
        assert f"`{name}` " in refused.detail
        assert len(str(told)) < 4 or str(told) not in refused.detail

    @pytest.mark.parametrize("told", ["111-764", "act_1", "1" * 19, "１", -1, ["1"]])
    def test_an_account_is_digits(self, told: Any) -> None:
        """Of a Pinterest ad account."""
        refused = refusal(ad_account_id=told)
        assert refused.reason in ("bad_account", "bad_value")
        assert refused.fields == ("ad_account_id",)


class TestUnknownNames:
    @pytest.mark.parametrize(
        ("name", "meant"),
        [
            ("emial", "email"),
            ("eventName", "event_name"),
            ("hashed_mail", "hashed_email"),
            ("em", "hashed_email"),
            ("ph", "hashed_phone"),
            ("external-id", "external_id"),
            ("Value", "value"),
        ],
    )
    def test_are_refused_with_the_name_that_was_meant(self, name: str, meant: str) -> None:
        """Pinterest refuses a whole call for one of them."""
        refused = refusal(**{name: "x"})
        assert refused.reason == "unknown_field"
        assert refused.detail == f"`{name}` is no member of a conversion message; did you mean `{meant}`?"

    @pytest.mark.parametrize(
        "name", ["ada@example.com", "+12125550123", "Ada Lovelace", "Lovelace", "pina_1", "", "\n", "x" * 70 + "\u0301"]
    )
    def test_are_not_shown_when_they_may_be_values(self, name: str) -> None:
        """A table without headings has a person in its first row."""
        refused = refusal(**{name: "x"})
        assert refused.reason == "unknown_field"
        assert not name.strip() or name not in refused.detail

    def test_inside_of_objects(self) -> None:
        """There, too, only what is declared."""
        assert (
            refusal(contents=[{"price": 1}]).detail == "`price` is no member of `contents`; did you mean `item_price`?"
        )
        assert refusal(device_info={"batery_level": 1}).detail.startswith(
            "`batery_level` is no member of `device_info`"
        )


class TestUnreadable:
    @pytest.mark.parametrize("body", [" ", "lead", "[]", "null", '"a"', "{", '{"a": 1}{}', "[" * 5000, "\x00"])
    def test_what_is_no_object(self, body: str) -> None:
        """Such a message was never one of these."""
        assert refusal(body).reason == "unreadable_message"

    @pytest.mark.parametrize("version", [0, 2, "1", None, []])
    def test_another_version(self, version: Any) -> None:
        """What a later app may write is left to it; without one it is the first."""
        refused = refusal(v=version)
        assert (refused.reason, refused.fields) == ("unreadable_message", ("v",))

    @pytest.mark.parametrize(
        "told",
        [
            None,
            [],
            "a",
            {},
            {"location_id": "l"},
            {"location_id": "", "contact_id": "c"},
            {"location_id": "l", "contact_id": ["c"]},
            {"location_id": "l", "contact_id": "c\ud800"},
            {"location_id": "l", "contact_id": "c", "tags": "hot"},
            {"location_id": "l", "contact_id": "c", "at": "now"},
        ],
    )
    def test_no_change(self, told: Any) -> None:
        """A change is only ever written by ourselves."""
        assert refusal(json.dumps({"v": 1, "crm_change": told})).reason == "unreadable_message"

    def test_a_change_at_no_moment(self) -> None:
        """JSON can write numbers that are none."""
        body = '{"v": 1, "crm_change": {"location_id": "l", "contact_id": "c", "at": 1e999}}'
        assert refusal(body).reason == "unreadable_message"


some_text = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12).map(str.strip).filter(bool)
plain_numbers = st.from_regex(r"(0|[1-9][0-9]{0,9})(\.[0-9]{1,4})?", fullmatch=True)
hash_lists = st.lists(
    st.binary(min_size=1, max_size=4).map(lambda b: hashlib.sha256(b).hexdigest()), min_size=1, unique=True, max_size=3
)
events = st.builds(
    Event,
    account=st.from_regex("[0-9]{1,18}", fullmatch=True),
    name=some_text.filter(lambda name: "@" not in name),
    event_id=some_text,
    at=st.integers(10**8, int(NOW)),
    action_source=st.sampled_from(ACTION_SOURCES),
    user_data=st.fixed_dictionaries(
        {},
        optional=dict.fromkeys(HASHED_NAMES, hash_lists)
        | dict.fromkeys(("click_id", "partner_id", "client_ip_address", "client_user_agent"), some_text),
    ),
    custom_data=st.fixed_dictionaries(
        {},
        optional={
            "value": plain_numbers,
            "currency": st.sampled_from(("USD", "EUR")),
            "order_id": some_text,
            "content_ids": st.lists(some_text, min_size=1, max_size=2),
            "contents": st.just([{"id": "p", "item_price": "1.5", "quantity": 2}]),
            "num_items": st.integers(0, 10**6),
        },
    ),
    more=st.fixed_dictionaries(
        {},
        optional={
            "opt_out": st.booleans(),
            "event_source_url": some_text,
            "app_info": st.just({"app_name": "Engine", "window_width": 5}),
        },
    ),
    is_test=st.booleans(),
    lead_key=st.just("") | st.from_regex(r"pinterest#[0-9]{1,18}#[A-Za-z0-9_.:>-]{1,99}", fullmatch=True),
    outcome=st.sampled_from(("", "delivered", "won", "stage:qualified")) | some_text.map(lambda name: f"tag:{name}"),
)
changes = st.builds(
    CrmChange,
    location_id=some_text,
    contact_id=some_text,
    record=st.just("contact") | some_text,
    at=st.none() | st.floats(0, 2e9),
    tags=st.none() | st.lists(some_text, max_size=2).map(tuple),
    is_opportunity=st.booleans(),
    status=st.just("") | some_text,
    monetary_value=st.just("") | plain_numbers,
    outcomes=st.lists(some_text, max_size=2).map(tuple),
)


def is_ready_for_sqs(body: str) -> bool:
    """SQS refuses some characters that JSON allows."""
    return body.isascii() and body.isprintable()


class TestWriting:
    @given(told=events)
    def test_an_event_is_read_as_it_was(self, told: Event) -> None:
        """All of it, and nothing in clear that must be hashed."""
        body = event_message(told)
        assert parse(body, accounts=(), phone_region="US", now=NOW) == told
        assert is_ready_for_sqs(body)
        assert set(json.loads(body)) <= {"v"} | {name for name, one in MEMBERS.items() if one.place != "raw"}

    @given(told=changes)
    def test_a_change_is_read_as_it_was(self, told: CrmChange) -> None:
        """Without what is as usual."""
        body = change_message(told)
        assert parse(body, accounts=(), phone_region="US", now=NOW) == told
        assert is_ready_for_sqs(body)

    def test_what_an_event_looks_like(self) -> None:
        """In the words of the plain interface, compactly; only hashes of the person."""
        body = event_message(event(email="ada@example.com", event_id="e", value=5, lead="pinterest#1", outcome="won"))
        assert body == (
            '{"v":1,"ad_account_id":"111764359001","event_name":"lead","event_time":1763600000,"event_id":"e",'
            f'"action_source":"web","hashed_email":["{ADA}"],"value":"5","lead":"pinterest#1","outcome":"won"}}'
        )

    def test_what_a_change_looks_like(self) -> None:
        """No tags are not the same as tags that were not told."""
        change = CrmChange(location_id="l", contact_id="c", tags=(), at=1.5)
        assert change_message(change) == '{"v":1,"crm_change":{"location_id":"l","contact_id":"c","at":1.5,"tags":[]}}'


@given(told=st.dictionaries(st.sampled_from(sorted(MEMBERS)) | any_text, json_values, max_size=4))
def test_anything_is_an_event_or_a_refusal(told: dict[str, Any]) -> None:
    """One message never stops the others; an event can be encoded, and read again."""
    try:
        found = event(**told)
    except Undeliverable:
        return
    assert parse(event_message(found), accounts=(), phone_region="US", now=NOW) == found
    json.dumps(found.member(), ensure_ascii=False).encode()
