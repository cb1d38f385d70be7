"""Finding, creating and updating a contact: what goes into each call, and what counts as written."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leads.core.contact_record import ContactRecord
from leads.core.errors import TryAgain, Undeliverable
from leads.crm.contacts import UPDATE_FIELDS, UPSERT_FIELDS, Contacts
from tests.unit.crm.canned_http import BASE_URL, DEADLINE, LOCATION, Canned, CannedHttp, client

FIELDS = {
    "name": "Ada Lovelace", "firstName": "Ada", "lastName": "Lovelace", "email": "ada@example.com",
    "phone": "+12125550123", "gender": "female", "companyName": "Engines", "country": "GB", "dateOfBirth": "1990-12-10",
}  # fmt: skip
LEAST = {name: FIELDS[name] for name in ("name", "firstName", "lastName", "email", "phone")}
CUSTOM = (("f-budget", "9000"), ("f-rooms", ["two", "three"]), ("f-age", 41.0))
SHOWN = {
    "id": "c1", "email": "ada@example.com", "phone": "+12125550123", "source": "Trade fair", "assignedTo": "user-a",
    "tags": ["hot", "vip"], "dateAdded": "2026-11-01T10:00:00.000Z", "locationId": LOCATION,
}  # fmt: skip
RECORD = ContactRecord(
    contact_id="c1", email="ada@example.com", phone="+12125550123", source="Trade fair", assigned_to="user-a",
    tags=("hot", "vip"), added_at=1_793_527_200.0, echo=SHOWN, trace_id="t-1",
)  # fmt: skip
WRITTEN = Canned(200, {"new": True, "contact": {"id": "c1"}, "traceId": "t-1"})
FOUND = Canned(200, {"contact": SHOWN, "traceId": "t-1"})
NOBODY = Canned(200, {"contact": None})
UPDATED = Canned(200, {"succeded": True, "contact": {"id": "c9", "city": "Rome"}, "traceId": "t-2"})


def duplicate(matching: str = "email", contact_id: str = "c9") -> Canned:
    meta = {"contactId": contact_id, "contactName": "Ada Lovelace", "matchingField": matching}
    message = "This location does not allow duplicated contacts."
    return Canned(400, {"statusCode": 400, "message": message, "meta": meta})


def refused(*messages: str, status: int = 422) -> Canned:
    return Canned(status, {"statusCode": status, "message": list(messages), "error": "Unprocessable Entity"})


DUPLICATE = duplicate()


def upsert(http: CannedHttp, fields: dict[str, Any] | None = None, custom: Any = ()) -> ContactRecord:
    return Contacts(client(http)).upsert(LOCATION, FIELDS if fields is None else fields, custom, deadline=DEADLINE)


def find(http: CannedHttp, **identity: str) -> ContactRecord | None:
    return Contacts(client(http)).find(LOCATION, **identity, deadline=DEADLINE)


def methods(http: CannedHttp) -> list[str]:
    return [asked.method for asked in http.asked]


class TestFind:
    def test_asks_by_both_and_reads_what_is_shown(self) -> None:
        """One call; the + of a phone is escaped."""
        http = CannedHttp(FOUND)
        assert find(http, email="ada@example.com", phone="+12125550123") == RECORD
        (asked,) = http.asked
        query = f"locationId={LOCATION}&email=ada%40example.com&number=%2B12125550123"
        assert (asked.method, asked.url) == ("GET", f"{BASE_URL}/contacts/search/duplicate?{query}")
        assert asked.body is None

    @pytest.mark.parametrize(
        ("identity", "query"), [({"email": "a@b.cd"}, "email=a%40b.cd"), ({"phone": "+1212"}, "number=%2B1212")]
    )
    def test_asks_by_what_there_is(self, identity: dict[str, str], query: str) -> None:
        """Nothing empty is sent."""
        http = CannedHttp(NOBODY)
        assert find(http, **identity) is None
        assert http.asked[0].url.endswith(f"?locationId={LOCATION}&{query}")

    def test_of_nobody_asks_nobody(self) -> None:
        """The API would answer 400: "Pass at least one of number, email"."""
        http = CannedHttp()
        assert find(http) is None
        assert http.asked == []

    @pytest.mark.parametrize("body", [{"contact": None}, {"contact": {}}, {"contact": []}, {"traceId": "t-1"}])
    def test_an_answer_without_a_contact_is_nobody(self, body: Any) -> None:
        """The answer has no schema."""
        assert find(CannedHttp(Canned(200, body)), email="a@b.cd") is None

    @pytest.mark.parametrize("body", [{}, b"", b"<html>", b"[]", b"null", {"contact": "c1"}, {"contact": {"id": ""}}])
    def test_an_answer_that_says_nothing_is_not_nobody(self, body: Any) -> None:
        """Taken for nobody, a contact that is there would lose its source and its owner."""
        with pytest.raises(TryAgain, match="contacts_api_unexpected"):
            find(CannedHttp(Canned(200, body)), email="a@b.cd")

    @pytest.mark.parametrize("status", [400, 404])
    def test_nobody_may_be_told_as_not_found(self, status: int) -> None:
        """One call: it was answered."""
        http = CannedHttp(Canned(status, {"message": "Contact not found"}))
        assert find(http, email="a@b.cd", phone="+12125550123") is None
        assert len(http.asked) == 1

    @pytest.mark.parametrize(
        ("refusal", "left"),
        [
            (refused("number must be a valid phone number"), "email=a%40b.cd"),
            (refused("Invalid number", status=400), "email=a%40b.cd"),
            (refused("something is wrong", status=400), "email=a%40b.cd"),
            (refused("email must be an email"), "number=12"),
        ],
    )
    def test_a_refused_one_of_two_is_left_out(self, refusal: Canned, left: str) -> None:
        """A bad number must not hide the contact that the e-mail would find."""
        http = CannedHttp(refusal, FOUND)
        assert find(http, email="a@b.cd", phone="12") == RECORD
        assert http.asked[1].url.endswith(f"?locationId={LOCATION}&{left}")

    def test_refused_altogether_raises(self) -> None:
        """Twice at most."""
        with pytest.raises(Undeliverable):
            find(CannedHttp(refused("no"), refused("no")), email="a@b.cd", phone="12")
        with pytest.raises(Undeliverable):
            find(CannedHttp(refused("no")), phone="12")

    def test_an_address_that_is_not_there_is_asked_once(self) -> None:
        """No other query makes it exist."""
        http = CannedHttp(Canned(404, {"message": "Cannot GET /contacts/search/duplicate"}))
        with pytest.raises(Undeliverable, match="unknown_operation"):
            find(http, email="a@b.cd", phone="12")
        assert len(http.asked) == 1


class TestRead:
    def test_is_the_record(self) -> None:
        """By id, which no search index delays."""
        http = CannedHttp(FOUND)
        assert Contacts(client(http)).read(LOCATION, "c1", deadline=DEADLINE) == RECORD
        assert (methods(http), http.asked[0].url) == (["GET"], f"{BASE_URL}/contacts/c1")

    @pytest.mark.parametrize("status", [400, 404, 409, 422])
    @pytest.mark.parametrize("message", ["Contact not found", "Contact is deleted", ["contactId must be an id"]])
    def test_one_that_is_gone_is_none(self, status: int, message: Any) -> None:
        """Somebody deleted it in the CRM, which says so in words of its own."""
        http = CannedHttp(Canned(status, {"message": message}))
        assert Contacts(client(http)).read(LOCATION, "c1", deadline=DEADLINE) is None

    @pytest.mark.parametrize(
        ("answer", "fate"),
        [
            (Canned(404, {"message": "Cannot GET /contacts/c1"}), Undeliverable),
            (duplicate(), Undeliverable),
            (Canned(401, {"message": "scope"}), TryAgain),
            (Canned(200, {}), TryAgain),
            (Canned(500), TryAgain),
        ],
    )
    def test_anything_else_is_not_taken_for_gone(self, answer: Canned, fate: type[Exception]) -> None:
        """Or a second contact would be made."""
        with pytest.raises(fate) as caught:
            Contacts(client(CannedHttp(answer))).read(LOCATION, "c1", deadline=DEADLINE)
        assert not getattr(caught.value, "ambiguous", False)

    @pytest.mark.parametrize("odd", [None, 5, [], {}, True])
    def test_needs_no_property_but_the_id(self, odd: Any) -> None:
        """Documented ones may be missing or null."""
        shown = dict.fromkeys(("email", "phone", "source", "assignedTo", "tags", "dateAdded"), odd) | {"id": "c1"}
        read = Contacts(client(CannedHttp(Canned(200, {"contact": shown})))).read(LOCATION, "c1", deadline=DEADLINE)
        assert read == ContactRecord(contact_id="c1", echo=shown)


class TestUpsert:
    def test_is_one_call_with_location_and_fields(self) -> None:
        """Nothing more: no tags, no flag that would make a second contact."""
        http = CannedHttp(WRITTEN)
        assert upsert(http) == ContactRecord(contact_id="c1", is_new=True, echo={"id": "c1"}, trace_id="t-1")
        (asked,) = http.asked
        assert (asked.method, asked.url, asked.deadline) == ("POST", f"{BASE_URL}/contacts/upsert", DEADLINE)
        assert asked.json == {"locationId": LOCATION} | FIELDS

    @pytest.mark.parametrize(
        "unwanted", ["tags", "locationId", "customFields", "createNewIfDuplicateAllowed", "id", "Email", "", "é"]
    )
    def test_sends_no_property_that_is_not_on_the_list(self, unwanted: str) -> None:
        """Tags would overwrite the contact's own, anything unknown would be answered with 422."""
        http = CannedHttp(WRITTEN)
        upsert(http, {"email": "ada@example.com", unwanted: "x"})
        assert http.asked[0].json == {"locationId": LOCATION, "email": "ada@example.com"}

    @pytest.mark.parametrize("empty", ["", None])
    def test_omits_what_is_empty(self, empty: Any) -> None:
        """An empty value would blank the CRM's, null is refused."""
        http = CannedHttp(WRITTEN)
        upsert(http, dict.fromkeys(UPSERT_FIELDS, empty) | {"city": "Rome"}, [("f-1", ""), ("f-2", []), ("f-3", empty)])
        assert http.asked[0].json == {"locationId": LOCATION, "city": "Rome"}

    @pytest.mark.parametrize("key", ["field_value", "fieldValue"])
    def test_custom_values_go_by_id_under_a_key_that_can_be_set(self, key: str) -> None:
        """Text, number and list as they are; zero is a value."""
        http = CannedHttp(WRITTEN)
        custom = (*CUSTOM, ("f-zero", 0))
        Contacts(client(http), custom_value_key=key).upsert(LOCATION, FIELDS, custom, deadline=DEADLINE)
        assert http.asked[0].json["customFields"] == [
            {"id": "f-budget", key: "9000"},
            {"id": "f-rooms", key: ["two", "three"]},
            {"id": "f-age", key: 41.0},
            {"id": "f-zero", key: 0},
        ]

    def test_the_key_is_the_spec_s_unless_set(self) -> None:
        """`field_value` in this version."""
        http = CannedHttp(WRITTEN)
        upsert(http, custom=[("f-1", "x")])
        assert http.asked[0].json["customFields"] == [{"id": "f-1", "field_value": "x"}]

    @pytest.mark.parametrize(
        ("answer", "is_new"),
        [({"new": True}, True), ({"new": False}, False), ({}, False), ({"new": "true"}, False), ({"new": 1}, False)],
    )
    def test_a_contact_is_new_only_when_the_api_says_so(self, answer: dict[str, Any], is_new: bool) -> None:
        """In doubt it was there before, and what it has is not overwritten."""
        assert upsert(CannedHttp(Canned(200, answer | {"contact": {"id": "c1"}}))).is_new is is_new

    @pytest.mark.parametrize(
        "body",
        [
            b"", b"<html>ok</html>", b"[]", b"null", b"{}", {"contact": None}, {"contact": "c1"}, {"contact": []},
            {"contact": {}}, {"contact": {"id": ""}}, {"contact": {"id": None}}, {"contact": {"id": 5}}, {"id": "c1"},
        ],
    )  # fmt: skip
    def test_success_without_a_contact_is_tried_again(self, body: Any) -> None:
        """We do not believe in a contact that has no id; but something was written somewhere."""
        with pytest.raises(TryAgain) as caught:
            upsert(CannedHttp(Canned(200, body)))
        assert (caught.value.reason, caught.value.ambiguous) == ("contacts_api_unexpected", True)


class TestRefusedFields:
    def test_are_left_out_of_a_second_try(self) -> None:
        """A bad field never costs a lead; what was left out is told."""
        http = CannedHttp(refused("country must be a valid enum value", "phone must be a string"), WRITTEN)
        written = upsert(http)
        assert (written.contact_id, written.is_new, set(written.refused)) == ("c1", True, {"country", "phone"})
        rest = {name: value for name, value in FIELDS.items() if name not in ("country", "phone")}
        assert http.asked[1].json == {"locationId": LOCATION} | rest

    @pytest.mark.parametrize(
        ("message", "left", "told"),
        [
            ("customFields.1.field_value must be a string", ["f-budget", "f-age"], ["customFields:f-rooms"]),
            ("customFields.0.property x should not exist", ["f-rooms", "f-age"], ["customFields:f-budget"]),
            (
                "customFields must be an array", [],
                ["customFields:f-budget", "customFields:f-rooms", "customFields:f-age"],
            ),
        ],
    )  # fmt: skip
    def test_a_custom_one_goes_alone_if_it_can_be_told(self, message: str, left: list[str], told: list[str]) -> None:
        """Else all of them do."""
        http = CannedHttp(refused(message), WRITTEN)
        assert list(upsert(http, custom=CUSTOM).refused) == told
        assert [item["id"] for item in http.asked[1].json.get("customFields", [])] == left

    def test_may_be_the_very_e_mail(self) -> None:
        """The contact is still known by its phone."""
        http = CannedHttp(refused("email must be an email"), WRITTEN)
        assert upsert(http).refused == ("email",)
        assert "email" not in http.asked[1].json

    def test_a_contact_made_by_the_refused_call_is_not_made_again(self) -> None:
        """highlevel-api-docs issue 64; without e-mail and phone the second try could not meet it."""
        http = CannedHttp(refused("email must be an email"), FOUND)
        written = upsert(http, {"firstName": "Ada", "email": "ada@example"})
        assert (written.contact_id, written.is_new, written.refused) == ("c1", False, ("firstName", "email"))
        assert methods(http) == ["POST", "GET"]

    def test_a_name_alone_is_written_when_there_is_nothing_else(self) -> None:
        """And only when nobody was found by what was refused."""
        http = CannedHttp(refused("email must be an email"), NOBODY, WRITTEN)
        assert upsert(http, {"firstName": "Ada", "email": "ada@example"}).refused == ("email",)
        assert http.asked[2].json == {"locationId": LOCATION, "firstName": "Ada"}

    @pytest.mark.parametrize("owned", [{}, {"source": "Pinterest"}, {"source": "Pinterest", "assignedTo": "user-a"}])
    def test_a_contact_of_which_nothing_is_left_is_not_written(self, owned: dict[str, str]) -> None:
        """Where it came from does not make it somebody."""
        http = CannedHttp(refused("email must be an email"), NOBODY)
        with pytest.raises(Undeliverable) as caught:
            upsert(http, {"email": "ada@example"} | owned)
        assert caught.value.fields == ("email",)
        assert methods(http) == ["POST", "GET"]

    def test_a_second_refusal_leaves_name_and_reach(self) -> None:
        """Whoever it is can be called and written to; everything else is told as left out."""
        http = CannedHttp(refused("country is bad"), refused("gender is bad"), WRITTEN)
        written = upsert(http, FIELDS | {"source": "Pinterest"}, CUSTOM[:1])
        assert (written.contact_id, written.is_new) == ("c1", True)
        assert http.asked[2].json == {"locationId": LOCATION} | LEAST
        assert set(written.refused) == {*FIELDS, "source", "customFields:f-budget"} - LEAST.keys()
        assert methods(http) == ["POST", "POST", "POST"]

    @pytest.mark.parametrize(
        ("second", "left"),
        [("phone is bad", LEAST.keys() - {"phone"}), ("firstName is bad", LEAST.keys() - {"firstName"})],
    )
    def test_the_last_try_lacks_what_the_second_refusal_names(self, second: str, left: set[str]) -> None:
        """And what the first one named."""
        http = CannedHttp(refused("country is bad"), refused(second), WRITTEN)
        assert set(upsert(http).refused) == FIELDS.keys() - left
        assert http.asked[2].json.keys() == {"locationId", *left}

    def test_a_refusal_that_names_nothing_leaves_name_and_reach(self) -> None:
        """There is nothing else to go by."""
        http = CannedHttp(refused("this cannot be written"), WRITTEN)
        assert set(upsert(http, custom=CUSTOM).refused) == {
            *FIELDS.keys() - LEAST.keys(), "customFields:f-budget", "customFields:f-rooms", "customFields:f-age",
        }  # fmt: skip
        assert http.asked[1].json == {"locationId": LOCATION} | LEAST

    def test_what_is_refused_of_that_is_left_out_once_more(self) -> None:
        """The second refusal has said what the first did not."""
        http = CannedHttp(refused("this cannot be written"), refused("phone is bad"), WRITTEN)
        assert "phone" in upsert(http).refused
        assert http.asked[2].json == {"locationId": LOCATION} | {k: v for k, v in LEAST.items() if k != "phone"}

    @pytest.mark.parametrize(
        "refusals",
        [
            [refused("country is bad"), refused("gender is bad"), refused("city is bad")],
            [refused("no"), refused("phone is bad"), refused("email is bad")],
            [refused("country is bad"), refused("no"), refused("no")],
        ],
    )
    def test_a_third_refusal_looks_who_is_there(self, refusals: list[Canned]) -> None:
        """Found: the lead lands there, and everything it brought is told as left out."""
        http = CannedHttp(*refusals, FOUND)
        written = upsert(http, custom=CUSTOM[:1])
        assert (written.contact_id, written.is_new) == ("c1", False)
        assert set(written.refused) == {*FIELDS, "customFields:f-budget"}
        assert methods(http) == ["POST", "POST", "POST", "GET"]

    def test_nothing_is_tried_that_was_refused_before(self) -> None:
        """Name and reach alone were what it brought."""
        http = CannedHttp(refused("this cannot be written"), FOUND)
        assert set(upsert(http, LEAST).refused) == LEAST.keys()
        assert methods(http) == ["POST", "GET"]

    def test_a_last_try_without_e_mail_and_phone_looks_first(self) -> None:
        """A contact that a refused call has made would not be met by its name."""
        http = CannedHttp(refused("country is bad"), refused("email is bad", "phone is bad"), FOUND)
        assert set(upsert(http).refused) == set(FIELDS)
        assert methods(http) == ["POST", "POST", "GET"]

    @pytest.mark.parametrize("search", [[NOBODY], [refused("no"), refused("no")]])
    def test_nobody_there_keeps_the_refusal(self, search: list[Canned]) -> None:
        """The operator reads which field, the log does not read whose."""
        refusal = Canned(422, {"message": ["nothing of ada@example.com will do"], "traceId": "t-422"})
        with pytest.raises(Undeliverable) as caught:
            upsert(CannedHttp(refusal, refusal, *search))
        assert caught.value.detail == "the Contacts API answered 422"
        assert caught.value.trace_id == "t-422"

    def test_a_search_that_does_not_answer_waits(self) -> None:
        """Whether the contact is there is still open."""
        with pytest.raises(TryAgain, match="5xx") as caught:
            upsert(CannedHttp(refused("no"), refused("no"), Canned(500)))
        assert caught.value.ambiguous

    def test_a_second_try_that_has_to_wait_leaves_it_open_too(self) -> None:
        """Of the throttled call nothing is there, of the refused one perhaps."""
        with pytest.raises(TryAgain, match="rate_limited") as caught:
            upsert(CannedHttp(refused("country is bad"), Canned(429)))
        assert caught.value.ambiguous

    def test_an_address_that_is_not_there_is_not_a_bad_field(self) -> None:
        """Nothing is left out, nobody is searched."""
        http = CannedHttp(Canned(404, {"message": "Cannot POST /contacts/upsert"}))
        with pytest.raises(Undeliverable, match="unknown_operation"):
            upsert(http)
        assert len(http.asked) == 1


class TestDuplicate:
    def test_is_found_and_updated(self) -> None:
        """The location allows no second contact: the first takes what an update may carry."""
        http = CannedHttp(DUPLICATE, UPDATED)
        written = upsert(http, custom=CUSTOM[:1])
        assert (written.contact_id, written.is_new, written.trace_id) == ("c9", False, "t-2")
        assert (written.echo, set(written.refused)) == ({"id": "c9", "city": "Rome"}, {"gender", "companyName"})
        _, put = http.asked
        assert (put.method, put.url, put.deadline) == ("PUT", f"{BASE_URL}/contacts/c9", DEADLINE)
        kept = {name: value for name, value in FIELDS.items() if name not in ("gender", "companyName")}
        assert put.json == kept | {"customFields": [{"id": "f-budget", "field_value": "9000"}]}

    @pytest.mark.parametrize("body", [{}, b"", {"contact": None}, {"contact": {}}, {"succeded": True}])
    def test_needs_no_contact_in_the_answer(self, body: Any) -> None:
        """The address names it; the schema does not require it."""
        written = upsert(CannedHttp(DUPLICATE, Canned(200, body)), {"email": "a@b.cd"})
        assert (written.contact_id, written.echo) == ("c9", {})

    @pytest.mark.parametrize(
        ("shown", "sent"),
        [
            (Canned(200, {"contact": {"id": "c9"}}), {"source", "assignedTo"}),
            (Canned(200, {"contact": {"id": "c9", "source": "Trade fair"}}), {"assignedTo"}),
            (Canned(200, {"contact": {"id": "c9", "source": "Trade fair", "assignedTo": "user-b"}}), set()),
            (Canned(400, {"message": "Contact not found"}), set()),
            (refused("no"), set()),
        ],
    )
    def test_keeps_the_source_and_the_owner_it_has(self, shown: Canned, sent: set[str]) -> None:
        """It was not expected to exist, so nobody has looked yet; in doubt it has both."""
        http = CannedHttp(DUPLICATE, shown, UPDATED)
        written = upsert(http, {"email": "a@b.cd", "source": "Pinterest", "assignedTo": "user-a"})
        assert methods(http) == ["POST", "GET", "PUT"]
        assert set(http.asked[2].json) == {"email"} | sent
        assert written.refused == ()

    def test_an_id_from_the_answer_stays_one_path_part(self) -> None:
        """Whatever the API calls a contact."""
        http = CannedHttp(duplicate(contact_id="../locations/x"), Canned(200, {}))
        upsert(http)
        assert http.asked[1].url == f"{BASE_URL}/contacts/..%2Flocations%2Fx"

    @pytest.mark.parametrize("status", [500, 429, 401, 403])
    def test_a_failed_update_waits(self, status: int) -> None:
        """It is not reported as written."""
        with pytest.raises(TryAgain):
            upsert(CannedHttp(DUPLICATE, Canned(status, {"message": "scope"})))

    def test_a_bad_field_is_left_out_of_the_update_too(self) -> None:
        """The second try begins at the beginning."""
        http = CannedHttp(DUPLICATE, refused("country is bad"), DUPLICATE, UPDATED)
        assert set(upsert(http).refused) == {"country", "gender", "companyName"}
        assert methods(http) == ["POST", "PUT", "POST", "PUT"]
        assert "country" not in http.asked[3].json

    @pytest.mark.parametrize(
        ("matching", "told"), [("email", {"phone"}), ("phone", {"email"}), ("", {"email", "phone"})]
    )
    def test_email_and_phone_of_two_contacts_land_on_the_first(self, matching: str, told: set[str]) -> None:
        """What identifies the other contact stays with the other contact, and is told."""
        http = CannedHttp(duplicate(matching), duplicate("", "c10"), UPDATED)
        written = upsert(http)
        assert (written.contact_id, written.other_contact_id) == ("c9", "c10")
        assert not {"email", "phone"} & set(http.asked[2].json)
        assert set(written.refused) == told | {"gender", "companyName"}

    @pytest.mark.parametrize(
        ("first", "second", "field"),
        [("email", "phone", "phone"), ("", "email", "email"), ("email", "", "phone"), ("phone", "", "email"),
         ("", "", "")],
    )  # fmt: skip
    def test_the_other_contact_is_named_with_what_belongs_to_it(self, first: str, second: str, field: str) -> None:
        """In the API's own words, or as what the first was not met by."""
        written = upsert(CannedHttp(duplicate(first), duplicate(second, "c10"), UPDATED))
        assert (written.other_contact_id, written.other_field) == ("c10", field)

    def test_one_contact_is_not_its_own_other(self) -> None:
        """Nor is there another when the first update is taken."""
        for answers in ([DUPLICATE, DUPLICATE, UPDATED], [DUPLICATE, UPDATED], [WRITTEN]):
            written = upsert(CannedHttp(*answers))
            assert (written.other_contact_id, written.other_field) == ("", "")

    def test_never_goes_in_circles(self) -> None:
        """An update that is a duplicate without e-mail and phone ends in a look at who is there."""
        http = CannedHttp(DUPLICATE, DUPLICATE, DUPLICATE, FOUND)
        assert set(upsert(http).refused) == set(FIELDS)
        with pytest.raises(Undeliverable, match="contact_exists"):
            upsert(CannedHttp(DUPLICATE, DUPLICATE, DUPLICATE, NOBODY))


def test_the_lists_leave_out_what_overwrites_or_is_refused() -> None:
    """Each operation has its own."""
    assert not {"tags", "locationId", "createNewIfDuplicateAllowed", "customFields"} & UPSERT_FIELDS
    assert {"gender", "companyName"} == UPSERT_FIELDS - UPDATE_FIELDS
    assert {"source", "assignedTo"} < UPDATE_FIELDS < UPSERT_FIELDS


answers = st.builds(
    Canned,
    st.sampled_from([200, 201, 400, 401, 403, 404, 409, 422, 429, 500, 302]),
    st.binary(max_size=30)
    | st.dictionaries(
        st.sampled_from(["contact", "new", "meta", "message", "traceId"]),
        st.none()
        | st.text()
        | st.sampled_from(["email is bad", "customFields.0 is bad", "Contact not found"])
        | st.booleans()
        | st.dictionaries(st.sampled_from(["id", "contactId", "source"]), st.text() | st.none() | st.integers()),
    ),
)


@given(given=st.lists(answers, min_size=20, max_size=20))
def test_any_answers_end_in_a_contact_or_a_fate(given: list[Canned]) -> None:
    """Whatever the API answers to the upsert and to all that follows from it; and it does end."""
    http = CannedHttp(*given)
    told = ""
    try:
        written = upsert(http, FIELDS | {"source": "Pinterest"}, CUSTOM)
    except (TryAgain, Undeliverable) as error:
        written, told = None, repr((str(error), vars(error)))
    assert "ada@example.com" not in told
    if written is not None:
        assert written.contact_id
        assert set(written.refused) <= {*FIELDS, "source", *(f"customFields:{name}" for name, _ in CUSTOM)}


def disturb_not(http: CannedHttp, *channels: str, fields: dict[str, Any] | None = None) -> ContactRecord:
    return Contacts(client(http)).upsert(LOCATION, fields or LEAST, dnd=channels, deadline=DEADLINE)


ACTIVE = {"SMS": {"status": "active"}, "Call": {"status": "active"}}


class TestDoNotDisturb:
    def test_is_switched_on_for_the_channels_named(self) -> None:
        """ "active" means that nobody may write or call there; the other channels are not mentioned."""
        http = CannedHttp(WRITTEN)
        disturb_not(http, "SMS", "Call")
        assert http.asked[0].json == {"locationId": LOCATION, "dndSettings": ACTIVE} | LEAST

    def test_is_not_mentioned_without_channels(self) -> None:
        """What somebody has set in the CRM stays."""
        http = CannedHttp(WRITTEN)
        disturb_not(http)
        assert "dndSettings" not in http.asked[0].json

    def test_goes_along_when_the_contact_turns_out_to_exist(self) -> None:
        """An update takes it, too."""
        http = CannedHttp(DUPLICATE, UPDATED)
        assert disturb_not(http, "SMS", "Call").refused == ()
        assert (http.asked[1].method, http.asked[1].json) == ("PUT", {"dndSettings": ACTIVE} | LEAST)

    def test_is_left_out_when_it_is_what_was_refused(self) -> None:
        """And told, so that somebody sets it by hand."""
        http = CannedHttp(refused("dndSettings.SMS.status must be a valid enum value"), WRITTEN)
        assert disturb_not(http, "SMS").refused == ("dndSettings",)
        assert "dndSettings" not in http.asked[1].json

    def test_stays_when_something_else_was_refused(self) -> None:
        """Whoever is written with less must not be disturbed all the same."""
        http = CannedHttp(refused("this cannot be written"), WRITTEN)
        assert "dndSettings" not in disturb_not(http, "SMS", "Call", fields=FIELDS).refused
        assert http.asked[1].json == {"locationId": LOCATION, "dndSettings": ACTIVE} | LEAST

    def test_is_given_up_before_the_lead_is(self) -> None:
        """When nothing else is left to leave out."""
        http = CannedHttp(refused("no"), WRITTEN)
        assert disturb_not(http, "SMS").refused == ("dndSettings",)
        http = CannedHttp(refused("no"), refused("no"), WRITTEN)
        assert "dndSettings" in disturb_not(http, "SMS", fields=FIELDS).refused
        assert http.asked[2].json == {"locationId": LOCATION} | LEAST
