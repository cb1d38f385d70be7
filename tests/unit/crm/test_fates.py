"""The table of fates, row by row, and that no row tells a person's data."""

import email.utils
import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leads.core.errors import LeadError, TryAgain, Undeliverable
from leads.core.lenient_json import decode_object
from leads.crm import fates
from leads.crm.contacts import UPSERT_FIELDS
from leads.crm.fates import AlreadyExists

SCOPE = "contacts_api_unauthorized_scope"


def fate(status: int, answer: Any = None, headers: dict[str, str] | None = None) -> LeadError:
    return fates.failure(status, headers or {}, answer or {}, known_fields=UPSERT_FIELDS)


class TestTable:
    @pytest.mark.parametrize(
        ("status", "answer", "expected", "reason"),
        [
            (400, {"message": "bad"}, Undeliverable, "rejected_by_contacts_api"),
            (400, {"meta": {"contactId": "c1"}, "message": "no duplicated contacts"}, AlreadyExists, "contact_exists"),
            (400, {"meta": {"contactId": ""}}, Undeliverable, "rejected_by_contacts_api"),
            (400, {"meta": {"contactId": None}}, Undeliverable, "rejected_by_contacts_api"),
            (400, {"meta": {"contactId": 5}}, Undeliverable, "rejected_by_contacts_api"),
            (400, {"meta": "c1"}, Undeliverable, "rejected_by_contacts_api"),
            (400, {"contactId": "c1"}, Undeliverable, "rejected_by_contacts_api"),
            (409, {}, Undeliverable, "rejected_by_contacts_api"),
            (422, {"message": ["property x should not exist"]}, Undeliverable, "rejected_by_contacts_api"),
            (422, {}, Undeliverable, "rejected_by_contacts_api"),
            (404, {"message": "Cannot GET /contacts/x"}, Undeliverable, "contacts_api_unknown_operation"),
            (404, {}, Undeliverable, "contacts_api_unknown_operation"),
            (404, {"message": "Not Found"}, Undeliverable, "contacts_api_not_found"),
            (404, {"message": "Contact not found"}, Undeliverable, "contacts_api_not_found"),
            (404, {"message": "User not found"}, Undeliverable, "rejected_by_contacts_api"),
            (400, {"message": "Contact not found"}, Undeliverable, "contacts_api_not_found"),
            (400, {"message": "Contact ocQHyuzHvysMo5N5VsXc not found"}, Undeliverable, "contacts_api_not_found"),
            (400, {"message": ["The note does not exist."]}, Undeliverable, "contacts_api_not_found"),
            (422, {"message": ["Task was not found"]}, Undeliverable, "contacts_api_not_found"),
            (400, {"message": "Not Found"}, Undeliverable, "rejected_by_contacts_api"),
            (400, {"message": "Location not found"}, Undeliverable, "rejected_by_contacts_api"),
            (401, {"message": "Invalid token: access token is invalid"}, TryAgain, "contacts_api_unauthorized"),
            (401, {"message": "Invalid JWT"}, TryAgain, "contacts_api_unauthorized"),
            (401, {}, TryAgain, "contacts_api_unauthorized"),
            (403, {}, TryAgain, "contacts_api_unauthorized"),
            (401, {"message": "version header was not found."}, TryAgain, "contacts_api_unauthorized_version"),
            (401, {"message": "version header is invalid"}, TryAgain, "contacts_api_unauthorized_version"),
            (401, {"message": "The token is not authorized for this scope."}, TryAgain, SCOPE),
            (401, {"message": ["THE TOKEN IS NOT", "AUTHORIZED FOR THIS SCOPE."]}, TryAgain, SCOPE),
            (401, {"message": "Token's user type mismatch!"}, TryAgain, "contacts_api_unauthorized_token_class"),
            (
                401, {"message": "This authClass type is not allowed to access this scope"},
                TryAgain, "contacts_api_unauthorized_token_class",
            ),
            (
                403, {"message": "The token does not have access to this location."},
                TryAgain, "contacts_api_unauthorized_location",
            ),
            (500, {}, TryAgain, "contacts_api_5xx"),
            (500, {"message": {"a": ["b"]}}, TryAgain, "contacts_api_5xx"),
            (502, {}, TryAgain, "contacts_api_5xx"),
            (503, {}, TryAgain, "contacts_api_5xx"),
            (504, {}, TryAgain, "contacts_api_5xx"),
            (599, {}, TryAgain, "contacts_api_5xx"),
            (429, {}, TryAgain, "rate_limited"),
            (429, {"meta": {"contactId": "c1"}}, TryAgain, "rate_limited"),
            (301, {}, TryAgain, "contacts_api_unexpected"),
            (304, {}, TryAgain, "contacts_api_unexpected"),
            (402, {}, TryAgain, "contacts_api_unexpected"),
            (405, {}, TryAgain, "contacts_api_unexpected"),
            (408, {}, TryAgain, "contacts_api_unexpected"),
            (413, {}, TryAgain, "contacts_api_unexpected"),
            (418, {}, TryAgain, "contacts_api_unexpected"),
            (100, {}, TryAgain, "contacts_api_unexpected"),
            (0, {}, TryAgain, "contacts_api_unexpected"),
        ],
    )  # fmt: skip
    def test_every_answer_has_one_fate(self, status: int, answer: Any, expected: type[LeadError], reason: str) -> None:
        """What we know ends the lead, what we do not know is tried again."""
        error = fate(status, answer)
        assert type(error) is expected
        assert error.reason == reason

    def test_a_duplicate_names_the_contact_that_is_there(self) -> None:
        """The id is what makes it found instead of failed."""
        meta = {"contactId": "ocQHyuzHvysMo5N5VsXc", "contactName": "Ada", "matchingField": "phone"}
        error = fate(400, {"meta": meta, "traceId": "t-1"})
        assert isinstance(error, AlreadyExists)
        assert error.matching == "phone"
        assert error.contact_id == "ocQHyuzHvysMo5N5VsXc"
        assert error.trace_id == "t-1"

    @pytest.mark.parametrize("status", [401, 403, 500, 503, 418])
    def test_only_throttling_does_not_count_as_an_attempt(self, status: int) -> None:
        """A good lead is not dead-lettered by waiting its turn, but it is by an API that stays broken."""
        error = fate(status)
        assert isinstance(error, TryAgain)
        assert error.counts
        throttled = fate(429)
        assert isinstance(throttled, TryAgain)
        assert not throttled.counts

    @pytest.mark.parametrize(
        ("status", "is_ambiguous"),
        [(429, False), (401, False), (403, False), (500, True), (503, True), (302, True), (408, True), (418, True)],
    )
    def test_only_an_answer_that_refuses_says_that_nothing_was_done(self, status: int, is_ambiguous: bool) -> None:
        """A gateway that lost patience does not know what the API did in the end."""
        error = fate(status)
        assert isinstance(error, TryAgain)
        assert error.ambiguous is is_ambiguous

    def test_what_is_gone_is_told_from_an_address_that_does_not_exist(self) -> None:
        """The one is about a contact, the other about the deployment."""
        gone, odd = fate(404, {"message": "Contact not found"}), fate(404, {"message": "Cannot GET /contact/x"})
        assert isinstance(gone, Undeliverable)
        assert isinstance(odd, Undeliverable)
        assert (fates.is_gone(gone), fates.is_gone(odd)) == (True, False)

    @pytest.mark.parametrize(
        ("status", "message", "lacks"),
        [
            (401, "The token is not authorized for this scope.", True),
            (403, ["not authorized for this", "scope"], True),
            (401, "This authClass type is not allowed to access this scope", False),
            (401, "Invalid JWT", False),
            (422, "scope must be a string", False),
            (200, "", False),
        ],
    )
    def test_a_right_that_is_missing_is_told_from_a_token_that_is_refused(
        self, status: int, message: Any, lacks: bool
    ) -> None:
        """The one concerns an operation, the other the location."""
        assert fates.lacks_scope(status, {"message": message}) is lacks


class TestFields:
    @pytest.mark.parametrize(
        ("message", "named"),
        [
            (["property gender should not exist"], ["gender"]),
            (["email must be an email", "phone must be a string"], ["email", "phone"]),
            ("email must be an email, phone must be a string", ["email", "phone"]),
            (["each value in customFields must be an object"], ["customFields"]),
            (["customFields.0.field_value must be a string, a number, an object"], ["customFields.0"]),
            (["customFields.12.property x should not exist", "city must be a string"], ["city", "customFields.12"]),
            (["customFields must be an array"], ["customFields"]),
            ("Invalid value in customFields.3 of the contact", ["customFields.3"]),
            ("Invalid Email", ["email"]),
            ("The phone number is not valid", ["phone"]),
            ("User not found", ["assignedTo"]),
            # What follows the field may quote a person who chose to be difficult.
            (["email 'phone@city.country' must be an email"], ["email"]),
            (["property tags should not exist"], []),
            ("This contact cannot be written", []),
        ],
    )
    @pytest.mark.parametrize("status", [400, 404, 409, 422])
    def test_are_those_that_the_api_complains_of(self, status: int, message: Any, named: list[str]) -> None:
        """By contact field; a custom field by its place, as far as that was said."""
        known = UPSERT_FIELDS | {"customFields"}
        error = fates.failure(status, {}, {"message": message}, known_fields=known)
        assert isinstance(error, Undeliverable)
        assert list(error.fields) == named

    @given(message=st.recursive(st.text(), lambda inner: st.lists(inner, max_size=3), max_leaves=4))
    def test_are_names_of_ours_whatever_the_message(self, message: Any) -> None:
        """None of its words gets further."""
        error = fate(422, {"message": message})
        assert isinstance(error, Undeliverable)
        assert set(error.fields) <= UPSERT_FIELDS


class TestDetail:
    @pytest.mark.parametrize(
        ("message", "named"),
        [
            ("email must be an email", ["email"]),
            (["email must be an email", "phone must be a string"], ["email", "phone"]),
            ("property dateOfBirth is wrong; country too; country again", ["country", "dateOfBirth"]),
            ("property locationId should not exist", []),
            ("Emails e-mails", []),
            (["email", 5, None, {"a": "phone"}], ["email", "phone"]),
            ("", []),
            (None, []),
            (5, []),
        ],
    )
    def test_names_the_fields_that_the_message_names(self, message: Any, named: list[str]) -> None:
        """Out of our own list of fields: the rest of the message may be a person's."""
        expected = "the Contacts API answered 422" + (f", naming {', '.join(named)}" if named else "")
        assert fate(422, {"message": message}).detail == expected

    @pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 409, 422, 429, 500, 503])
    @pytest.mark.parametrize("shape", ["{}", ["{}"], [["{}"]], {"why": "{}"}])
    @pytest.mark.parametrize("secret", ["ada@example.com", "Lovelace", "+12125550123", "pit-5ecret"])
    def test_never_quotes_the_api(self, status: int, shape: Any, secret: str) -> None:
        """Neither text nor attributes hold what the answer said, wherever it said it."""
        message = json.loads(json.dumps(shape).replace("{}", f"value {secret} of email is wrong"))
        answer = {
            "message": message, "error": secret, "traceId": f"{secret} x", "statusCode": status,
            "meta": {"contactName": secret, "matchingField": secret},
        }  # fmt: skip
        error = fate(status, answer, {"retry-after": secret, "x-ratelimit-daily-remaining": secret})
        told = repr((str(error), repr(error), error.args, vars(error)))
        assert secret not in told

    @given(message=st.recursive(st.text(), lambda inner: st.lists(inner, max_size=3), max_leaves=4))
    def test_holds_no_word_beyond_our_own(self, message: Any) -> None:
        """For any message at all."""
        words = set(fate(422, {"message": message}).detail.replace(",", "").split())
        assert words <= {"the", "Contacts", "API", "answered", "422", "naming"} | UPSERT_FIELDS


class TestTraceId:
    @pytest.mark.parametrize("value", ["f3a1-99", "a.b:c_d", "x" * 100])
    def test_an_id_is_kept(self, value: str) -> None:
        """The vendor's support asks for it."""
        assert fate(422, {"traceId": value}).trace_id == value
        assert fate(500, {"traceId": value}).trace_id == value
        assert fate(429, {"traceId": value}).trace_id == value
        assert fate(401, {"traceId": value}).trace_id == value

    @pytest.mark.parametrize(
        "value", [None, "", 5, [], {}, "ada@example.com", "Ada Lovelace", "a\nb", "a\n", "x" * 101, "<script>"]
    )
    def test_anything_else_is_dropped(self, value: Any) -> None:
        """It goes to the log as it is."""
        assert fate(422, {"traceId": value}).trace_id is None


class TestDecoded:
    @pytest.mark.parametrize(
        "body", [b"", b"<html>", b"[]", b"null", b'"x"', b"5", b"{", b"\xff\xfe", b"{" * 100_000, b"[" * 100_000]
    )
    def test_what_is_no_object_is_empty(self, body: bytes) -> None:
        """A proxy's error page is not an unforeseen error of ours."""
        assert decode_object(body) == {}

    def test_an_object_is_itself(self) -> None:
        """Also with half a surrogate pair, as the CRM repeats what a person typed."""
        assert decode_object(b'{"new": true, "contact": {"city": "\\ud800"}}') == {
            "new": True,
            "contact": {"city": "\ud800"},
        }


class TestThrottling:
    @pytest.mark.parametrize(
        ("headers", "wait"),
        [
            ({}, 10),
            ({"retry-after": "30"}, 30),
            ({"retry-after": " 30 "}, 30),
            ({"retry-after": "0"}, 0),
            ({"retry-after": "99999999999999999999"}, 999_999_999),
            ({"retry-after": "junk"}, 10),
            ({"retry-after": ""}, 10),
            ({"retry-after": "-5"}, 10),
            ({"retry-after": "٣٠"}, 10),
            ({"retry-after": "²"}, 10),
            ({"x-ratelimit-interval-milliseconds": "2500"}, 2.5),
            ({"x-ratelimit-interval-milliseconds": "0"}, 10),
            ({"x-ratelimit-interval-milliseconds": "soon"}, 10),
            ({"retry-after": "3", "x-ratelimit-interval-milliseconds": "10000"}, 3),
            ({"retry-after": "junk", "x-ratelimit-interval-milliseconds": "4000"}, 4),
            ({"x-ratelimit-daily-remaining": "199999", "x-ratelimit-remaining": "0"}, 10),
        ],
    )
    def test_waits_as_told_or_one_interval(self, headers: dict[str, str], wait: float) -> None:
        """Retry-After first, then the documented interval."""
        error = fate(429, {}, headers)
        assert isinstance(error, TryAgain)
        assert (error.reason, error.retry_after) == ("rate_limited", wait)

    @pytest.mark.parametrize(
        ("headers", "wait"),
        [
            ({}, 3600),
            ({"retry-after": "120"}, 120),
            ({"x-ratelimit-daily-reset": "7200"}, 7200),
            ({"x-ratelimit-daily-reset": "0"}, 3600),
            ({"x-ratelimit-daily-reset": "1893456000"}, 3600),
            ({"x-ratelimit-daily-reset": "tomorrow"}, 3600),
            ({"retry-after": "junk", "x-ratelimit-interval-milliseconds": "10000"}, 3600),
        ],
    )
    def test_a_used_up_day_is_not_asked_every_ten_seconds(self, headers: dict[str, str], wait: float) -> None:
        """The daily quota comes back hours later; the reset header is unpublished and may mean anything."""
        error = fate(429, {}, {"x-ratelimit-daily-remaining": "0"} | headers)
        assert isinstance(error, TryAgain)
        assert (error.reason, error.retry_after, error.counts) == ("daily_limit", wait, False)


class TestRetryAfter:
    def test_may_be_a_date(self) -> None:
        """RFC 9110 allows both."""
        in_two_minutes = email.utils.formatdate(time.time() + 120, usegmt=True)
        wait = fates.retry_after({"retry-after": in_two_minutes})
        assert wait == pytest.approx(120, abs=3)

    def test_a_date_that_has_passed_is_now(self) -> None:
        """Never negative."""
        assert fates.retry_after({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}) == 0

    @pytest.mark.parametrize("status", [500, 503, 418])
    def test_counts_for_other_failures_too(self, status: int) -> None:
        """A 503 says when to come back."""
        error = fate(status, {}, {"retry-after": "77"})
        assert isinstance(error, TryAgain)
        assert error.retry_after == 77
        without = fate(status)
        assert isinstance(without, TryAgain)
        assert without.retry_after is None

    @given(
        text=st.text(max_size=40)
        | st.from_regex(
            r"[A-Za-z]{3}, \d{1,3} [A-Za-z]{3} \d{1,10} \d{1,3}:\d{1,3}:\d{1,3} ?(GMT|[+-]\d{1,9}|)", fullmatch=True
        ),
        status=st.sampled_from([429, 503]),
    )
    @settings(deadline=None)
    def test_any_header_is_a_wait_or_nothing(self, text: str, status: int) -> None:
        """No header can break the table, nor make a wait negative or endless."""
        names = (
            "retry-after",
            "x-ratelimit-daily-remaining",
            "x-ratelimit-daily-reset",
            "x-ratelimit-interval-milliseconds",
        )
        error = fate(status, {}, dict.fromkeys(names, text))
        assert isinstance(error, TryAgain)
        assert error.retry_after is None or 0 <= error.retry_after < 1e12


@given(
    status=st.integers(0, 999),
    answer=st.dictionaries(
        st.sampled_from(["message", "meta", "traceId", "error"]),
        st.recursive(
            st.none() | st.text() | st.integers(),
            lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["contactId", "a"]), inner),
            max_leaves=5,
        ),
    ),
)
def test_any_answer_has_a_fate(status: int, answer: dict[str, Any]) -> None:
    """The table is total."""
    error = fate(status, answer)
    assert isinstance(error, TryAgain | Undeliverable)
    assert error.reason
