"""Creating or updating a contact: what goes into each body, and what counts as written."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leads.core.errors import TryAgain, Undeliverable
from leads.crm.contacts import UPDATE_FIELDS, UPSERT_FIELDS, Contacts, WrittenContact
from tests.unit.crm.canned_http import BASE_URL, DEADLINE, LOCATION, Canned, CannedHttp, client

FIELDS = {
    "name": "Ada Lovelace", "firstName": "Ada", "lastName": "Lovelace", "email": "ada@example.com",
    "phone": "+12125550123", "gender": "female", "companyName": "Engines", "country": "GB", "dateOfBirth": "1990-12-10",
}  # fmt: skip
WRITTEN = {"new": True, "contact": {"id": "c1"}, "traceId": "t-1"}
DUPLICATE = Canned(
    400,
    {
        "statusCode": 400, "message": "This location does not allow duplicated contacts.",
        "meta": {"contactId": "c9", "contactName": "Ada Lovelace", "matchingField": "email"},
    },
)  # fmt: skip


def upsert(http: CannedHttp, fields: dict[str, Any] | None = None) -> WrittenContact:
    return Contacts(client(http)).upsert(LOCATION, FIELDS if fields is None else fields, deadline=DEADLINE)


class TestUpsert:
    def test_is_one_call_with_location_and_fields(self) -> None:
        """Nothing more: no tags, no source, no flag that would make a second contact."""
        http = CannedHttp(Canned(200, WRITTEN))
        assert upsert(http) == WrittenContact("c1", True, None, "t-1")
        (asked,) = http.asked
        assert (asked.method, asked.url, asked.deadline) == ("POST", f"{BASE_URL}/contacts/upsert", DEADLINE)
        assert asked.json == {"locationId": LOCATION} | FIELDS

    @pytest.mark.parametrize(
        "unwanted",
        [
            "tags",
            "source",
            "locationId",
            "customFields",
            "createNewIfDuplicateAllowed",
            "id",
            "assignedTo",
            "Email",
            "",
            "é",
        ],
    )
    def test_sends_no_property_that_is_not_on_the_list(self, unwanted: str) -> None:
        """Tags and source would overwrite the contact's own, anything unknown would be answered with 422."""
        http = CannedHttp(Canned(200, WRITTEN))
        upsert(http, {"email": "ada@example.com", unwanted: "x"})
        assert http.asked[0].json == {"locationId": LOCATION, "email": "ada@example.com"}

    @pytest.mark.parametrize("empty", ["", None])
    def test_omits_what_is_empty(self, empty: Any) -> None:
        """An empty value would blank the CRM's, null is refused."""
        http = CannedHttp(Canned(200, WRITTEN))
        upsert(http, dict.fromkeys(UPSERT_FIELDS, empty) | {"city": "Rome"})
        assert http.asked[0].json == {"locationId": LOCATION, "city": "Rome"}

    @pytest.mark.parametrize(
        ("answer", "is_new"),
        [({"new": True}, True), ({"new": False}, False), ({}, False), ({"new": "true"}, False), ({"new": 1}, False)],
    )
    def test_a_contact_is_new_only_when_the_api_says_so(self, answer: dict[str, Any], is_new: bool) -> None:
        """In doubt it was there before, and what it has is not overwritten."""
        assert upsert(CannedHttp(Canned(200, answer | {"contact": {"id": "c1"}}))).is_new is is_new

    def test_an_answer_that_does_not_speak_of_the_source_is_not_taken_for_none(self) -> None:
        """The schema requires no property; the record itself decides."""
        http = CannedHttp(Canned(200, {"contact": {"id": "c1"}}), Canned(200, {"contact": {"source": "Trade fair"}}))
        contacts = Contacts(client(http))
        assert contacts.upsert(LOCATION, FIELDS, deadline=DEADLINE).source is None
        assert contacts.source_of(LOCATION, "c1", deadline=DEADLINE) == "Trade fair"
        assert (http.asked[1].method, http.asked[1].url) == ("GET", f"{BASE_URL}/contacts/c1")

    @pytest.mark.parametrize(
        ("source", "expected"), [("Website", "Website"), ("", ""), (None, ""), (5, ""), (["x"], "")]
    )
    def test_the_source_it_has_is_told(self, source: Any, expected: str) -> None:
        """So that the caller knows whether there is one to protect."""
        assert upsert(CannedHttp(Canned(200, {"contact": {"id": "c1", "source": source}}))).source == expected

    @pytest.mark.parametrize(
        "body",
        [
            b"", b"<html>ok</html>", b"[]", b"null", b"{}", {"contact": None}, {"contact": "c1"}, {"contact": []},
            {"contact": {}}, {"contact": {"id": ""}}, {"contact": {"id": None}}, {"contact": {"id": 5}}, {"id": "c1"},
        ],
    )  # fmt: skip
    def test_success_without_a_contact_is_tried_again(self, body: Any) -> None:
        """We do not believe in a contact that has no id; the next upsert finds it if it is there."""
        with pytest.raises(TryAgain) as caught:
            upsert(CannedHttp(Canned(200, body)))
        assert caught.value.reason == "contacts_api_unexpected"

    def test_a_refusal_names_the_field(self) -> None:
        """The operator reads which one, the log does not read whose."""
        body = {"message": ["email ada@example.com must be an email"], "traceId": "t-422"}
        with pytest.raises(Undeliverable) as caught:
            upsert(CannedHttp(Canned(422, body)))
        assert caught.value.detail == "the Contacts API answered 422, naming email"
        assert caught.value.trace_id == "t-422"


class TestDuplicate:
    def test_is_found_and_updated(self) -> None:
        """The location allows no second contact: the first takes what an update may carry."""
        http = CannedHttp(DUPLICATE, Canned(200, {"succeded": True, "contact": {"id": "c9"}, "traceId": "t-2"}))
        written = upsert(http)
        assert (written.contact_id, written.is_new, written.trace_id) == ("c9", False, "t-2")
        _, put = http.asked
        assert (put.method, put.url, put.deadline) == ("PUT", f"{BASE_URL}/contacts/c9", DEADLINE)
        assert put.json == {name: value for name, value in FIELDS.items() if name not in ("gender", "companyName")}
        assert not {"locationId", "gender", "companyName", "tags", "source"} & set(put.json)

    def test_keeps_whatever_source_it_has(self) -> None:
        """The answer does not tell, so it counts as having one."""
        http = CannedHttp(DUPLICATE, Canned(200, {"succeded": True}))
        assert upsert(http).source

    def test_an_id_from_the_answer_stays_one_path_part(self) -> None:
        """Whatever the API calls a contact."""
        http = CannedHttp(Canned(400, {"meta": {"contactId": "../locations/x"}}), Canned(200, {}))
        upsert(http)
        assert http.asked[1].url == f"{BASE_URL}/contacts/..%2Flocations%2Fx"

    @pytest.mark.parametrize(
        ("status", "fate"), [(500, TryAgain), (429, TryAgain), (404, Undeliverable), (422, Undeliverable)]
    )
    def test_a_failed_update_has_its_own_fate(self, status: int, fate: type[Exception]) -> None:
        """It is not reported as written."""
        with pytest.raises(fate):
            upsert(CannedHttp(DUPLICATE, Canned(status, {})))

    def test_email_and_phone_of_two_contacts_land_on_the_first(self) -> None:
        """What identifies the other contact stays with the other contact."""
        http = CannedHttp(DUPLICATE, DUPLICATE, Canned(200, {"succeded": True}))
        assert upsert(http).contact_id == "c9"
        assert not {"email", "phone"} & set(http.asked[2].json)

    def test_never_goes_in_circles(self) -> None:
        """An update that is a duplicate without e-mail and phone ends there."""
        http = CannedHttp(DUPLICATE, DUPLICATE, DUPLICATE)
        with pytest.raises(Undeliverable):
            upsert(http)
        assert len(http.asked) == 3


class TestSource:
    def test_is_set_alone(self) -> None:
        """One property, by update."""
        http = CannedHttp(Canned(200, {"succeded": True}))
        Contacts(client(http)).set_source(LOCATION, "c1", "Pinterest Lead Ads", deadline=DEADLINE)
        (asked,) = http.asked
        assert (asked.method, asked.url) == ("PUT", f"{BASE_URL}/contacts/c1")
        assert asked.json == {"source": "Pinterest Lead Ads"}


def test_the_lists_leave_out_what_overwrites_or_is_refused() -> None:
    """Each operation has its own."""
    assert not {"tags", "source", "locationId", "createNewIfDuplicateAllowed"} & UPSERT_FIELDS
    assert {"gender", "companyName"} == UPSERT_FIELDS - UPDATE_FIELDS
    assert UPDATE_FIELDS < UPSERT_FIELDS


answers = st.builds(
    Canned,
    st.sampled_from([200, 201, 400, 401, 403, 404, 409, 422, 429, 500, 302]),
    st.binary(max_size=30)
    | st.dictionaries(
        st.sampled_from(["contact", "new", "meta", "message", "traceId"]),
        st.none()
        | st.text()
        | st.booleans()
        | st.dictionaries(st.sampled_from(["id", "contactId", "source"]), st.text() | st.none() | st.integers()),
    ),
)


@given(first=answers, second=answers)
def test_any_answers_end_in_a_contact_or_a_fate(first: Canned, second: Canned) -> None:
    """Whatever the API answers to the upsert and to the update after it."""
    http = CannedHttp(first, second)
    told = ""
    try:
        written = upsert(http)
    except (TryAgain, Undeliverable) as error:
        written, told = None, repr((str(error), vars(error)))
    assert "ada@example.com" not in told
    assert len(http.asked) <= 2
    if written is not None:
        assert written.contact_id
        assert http.asked[-1].method == ("POST" if first.status in (200, 201) else "PUT")
