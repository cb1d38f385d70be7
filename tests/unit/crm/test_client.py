"""One call to the Contacts API: its headers, its address, and which token it tries next."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leads.core.errors import Misconfigured, TryAgain, Undeliverable
from leads.crm.admission import Admission
from leads.crm.client import Answer, Client
from tests.fakes import Clock
from tests.unit.crm.canned_http import BASE_URL, DEADLINE, LOCATION, NOW, Canned, CannedHttp, Tokens, client

INVALID = {
    "statusCode": 401,
    "message": "Invalid token: access token is invalid",
    "error": "Unauthorized",
    "traceId": "t-401",
}
REFUSED = Canned(401, INVALID)


def call(
    calls: Client, *path: str, method: str = "POST", body: Any = None, location: str = LOCATION, **options: Any
) -> Answer:
    options = {"deadline": DEADLINE} | options
    return calls.call(method, *(path or ("contacts", "upsert")), location_id=location, body=body, **options)


class TestRequest:
    def test_has_the_documented_headers(self) -> None:
        """Version is required per call; without it the API answers 401."""
        http = CannedHttp(Canned())
        call(client(http), body={"a": "é"})
        asked = http.asked[0]
        assert asked.headers == {
            "Authorization": "Bearer pit-now", "Version": "2021-07-28", "Accept": "application/json",
            "Content-Type": "application/json",
        }  # fmt: skip
        assert (asked.method, asked.url, asked.json, asked.deadline) == (
            "POST", f"{BASE_URL}/contacts/upsert", {"a": "é"}, DEADLINE,
        )  # fmt: skip

    def test_without_a_body_has_no_content_type(self) -> None:
        """Nothing is sent, so nothing is described."""
        http = CannedHttp(Canned())
        call(client(http), "contacts", "c1", method="GET")
        assert http.asked[0].body is None
        assert "Content-Type" not in http.asked[0].headers

    def test_an_empty_body_is_still_a_body(self) -> None:
        """{} is what some operations want."""
        http = CannedHttp(Canned())
        call(client(http), body={})
        assert http.asked[0].body == b"{}"

    def test_may_be_of_another_version(self) -> None:
        """Calendars and conversations are older than contacts."""
        http = CannedHttp(Canned())
        call(client(http), version="2021-04-15")
        assert http.asked[0].headers["Version"] == "2021-04-15"

    @pytest.mark.parametrize(
        ("value", "escaped"),
        [
            ("+12125550123", "%2B12125550123"),
            ("a b&c=d#e", "a%20b%26c%3Dd%23e"),
            ("ada@example.com", "ada%40example.com"),
            ("\ud800", "%3F"),
        ],
    )
    def test_a_query_says_what_was_meant(self, value: str, escaped: str) -> None:
        """A bare + would be read as a blank."""
        http = CannedHttp(Canned())
        call(client(http), "contacts", "search", "duplicate", method="GET", query={"number": value, "b": "c"})
        assert http.asked[0].url == f"{BASE_URL}/contacts/search/duplicate?number={escaped}&b=c"

    @pytest.mark.parametrize("late", [-0.6, 0.0, 0.1, 1e6])
    def test_is_not_sent_when_time_is_up(self, late: float) -> None:
        """Nor when it is all but up: nobody would wait for the answer; the lead keeps its attempt."""
        http = CannedHttp()
        with pytest.raises(TryAgain) as caught:
            call(client(http, now=lambda: DEADLINE + late))
        assert (caught.value.reason, caught.value.counts, caught.value.ambiguous) == ("out_of_time", False, False)
        assert http.asked == []

    def test_is_sent_as_long_as_its_answer_may_come(self) -> None:
        """A call takes a few tenths of a second."""
        http = CannedHttp(Canned())
        call(client(http, now=lambda: DEADLINE - 0.8))
        assert len(http.asked) == 1

    @pytest.mark.parametrize("base_url", ["https://crm.example", "https://crm.example/", "https://crm.example//"])
    def test_the_address_may_end_in_a_slash(self, base_url: str) -> None:
        """As people paste it."""
        http = CannedHttp(Canned())
        call(client(http, base_url=base_url))
        assert http.asked[0].url == "https://crm.example/contacts/upsert"

    @pytest.mark.parametrize(
        ("part", "escaped"),
        [
            ("../users/x", "..%2Fusers%2Fx"),
            ("a/b", "a%2Fb"),
            ("a?b=c&d#e", "a%3Fb%3Dc%26d%23e"),
            ("a%2Fb", "a%252Fb"),
            ("é 日", "%C3%A9%20%E6%97%A5"),
            ("a\r\nHost: x", "a%0D%0AHost%3A%20x"),
            ("\\..\\", "%5C..%5C"),
            ("@evil.example", "%40evil.example"),
            ("ocQHyuzHvysMo5N5VsXc", "ocQHyuzHvysMo5N5VsXc"),
        ],
    )
    def test_a_path_part_stays_one_part(self, part: str, escaped: str) -> None:
        """An id out of somebody's answer cannot choose another operation."""
        http = CannedHttp(Canned())
        call(client(http), "contacts", part, "notes", method="PUT")
        assert http.asked[0].url == f"{BASE_URL}/contacts/{escaped}/notes"


class TestAnswer:
    def test_is_the_object_and_its_trace(self) -> None:
        """Any 2xx is success."""
        for status in (200, 201, 299):
            http = CannedHttp(Canned(status, {"contact": {"id": "c1"}, "traceId": "t-1"}))
            assert call(client(http)) == Answer({"contact": {"id": "c1"}, "traceId": "t-1"}, "t-1")

    @pytest.mark.parametrize("body", [b"", b"<html>", b"[1]", b"null", b"\xff", b"{"])
    def test_junk_is_an_empty_object(self, body: bytes) -> None:
        """The caller decides what it misses."""
        assert call(client(CannedHttp(Canned(204, body)))) == Answer({}, None)

    @pytest.mark.parametrize(
        ("status", "fate"),
        [
            (400, Undeliverable),
            (404, Undeliverable),
            (422, Undeliverable),
            (429, TryAgain),
            (500, TryAgain),
            (302, TryAgain),
        ],
    )
    def test_a_failure_is_not_repeated(self, status: int, fate: type[Exception]) -> None:
        """No write is retried blindly, whatever the secret holds."""
        http = CannedHttp(Canned(status, {"message": "no"}))
        secret = Tokens({"token": "pit-now", "previous_token": "pit-before"}, later={"token": "pit-new"})
        with pytest.raises(fate):
            call(client(http, secret))
        assert len(http.asked) == 1
        assert secret.rereads == 0

    def test_a_time_out_is_not_repeated(self) -> None:
        """The write may have happened."""
        http = CannedHttp(TryAgain("contacts_api_timeout"))
        with pytest.raises(TryAgain, match="contacts_api_timeout"):
            call(client(http, Tokens({"token": "pit-now", "previous_token": "pit-before"})))
        assert len(http.asked) == 1

    @pytest.mark.parametrize(
        ("method", "is_ambiguous"), [("GET", False), ("POST", True), ("PUT", True), ("DELETE", True)]
    )
    @pytest.mark.parametrize("answer", [Canned(500), Canned(302), None])
    def test_only_a_write_may_have_happened_unseen(
        self, answer: Canned | None, method: str, is_ambiguous: bool
    ) -> None:
        """A question changes nothing, answered or not."""
        failure = answer or TryAgain("contacts_api_timeout", ambiguous=True)
        with pytest.raises(TryAgain) as caught:
            call(client(CannedHttp(failure)), method=method)
        assert caught.value.ambiguous is is_ambiguous


class TestTokens:
    def tried(self, secret: Tokens, *answers: Canned) -> list[str]:
        """The tokens that were used until an answer was final."""
        http = CannedHttp(*answers)
        reason = "contacts_api_unauthorized"
        try:
            call(client(http, secret), body={"a": "b"})
        except TryAgain as error:
            reason = error.reason
        assert reason == "contacts_api_unauthorized"
        assert len({(asked.method, asked.url, asked.body) for asked in http.asked}) == 1
        return [asked.token for asked in http.asked]

    def test_the_known_one_is_enough(self) -> None:
        """No re-read on the ordinary call."""
        secret = Tokens({"token": "pit-now", "previous_token": "pit-before"}, later={"token": "pit-new"})
        assert self.tried(secret, Canned()) == ["pit-now"]
        assert secret.rereads == 0

    def test_a_rotated_one_is_read_again(self) -> None:
        """The first refusal costs one look at the secret, not a lead."""
        secret = Tokens({"token": "pit-now"}, later={"token": "pit-new", "previous_token": "pit-now"})
        assert self.tried(secret, REFUSED, Canned()) == ["pit-now", "pit-new"]
        assert secret.rereads == 1

    def test_the_previous_one_comes_last(self) -> None:
        """Also when the re-read brought nothing new: then the same token is not tried twice."""
        secret = Tokens({"token": "pit-now", "previous_token": "pit-before"})
        assert self.tried(secret, REFUSED, Canned()) == ["pit-now", "pit-before"]

    def test_each_is_tried_once_at_most(self) -> None:
        """Old, new and the new secret's predecessor: then the lead waits."""
        secret = Tokens({"token": "pit-now"}, later={"token": "pit-new", "previous_token": "pit-before"})
        assert self.tried(secret, REFUSED, REFUSED, REFUSED) == ["pit-now", "pit-new", "pit-before"]
        assert secret.rereads == 1

    def test_a_previous_one_that_was_tried_is_not_tried_again(self) -> None:
        """After a rotation the old token usually is the previous one."""
        secret = Tokens({"token": "pit-now"}, later={"token": "pit-new", "previous_token": "pit-now"})
        assert self.tried(secret, REFUSED, REFUSED) == ["pit-now", "pit-new"]

    @pytest.mark.parametrize("later", [None, {"token": "pit-now"}])
    def test_one_that_stays_refused_waits(self, later: Any) -> None:
        """The refusal keeps the API's trace id, and tells no token."""
        http = CannedHttp(REFUSED)
        with pytest.raises(TryAgain) as caught:
            call(client(http, Tokens({"token": "pit-now"}, later=later)))
        assert (caught.value.reason, caught.value.trace_id) == ("contacts_api_unauthorized", "t-401")
        assert "pit-" not in repr((str(caught.value), vars(caught.value)))

    @pytest.mark.parametrize(
        ("status", "message", "reason"),
        [
            (401, "The token is not authorized for this scope.", "contacts_api_unauthorized_scope"),
            (401, "version header was not found.", "contacts_api_unauthorized_version"),
            (401, "Token's user type mismatch!", "contacts_api_unauthorized_token_class"),
            (403, "The token does not have access to this location.", "contacts_api_unauthorized_location"),
        ],
    )
    def test_what_another_token_cannot_mend_is_not_tried_with_one(self, status: int, message: str, reason: str) -> None:
        """These look like an expired token and are not."""
        secret = Tokens({"token": "pit-now", "previous_token": "pit-before"}, later={"token": "pit-new"})
        http = CannedHttp(Canned(status, {"message": message}))
        with pytest.raises(TryAgain) as caught:
            call(client(http, secret))
        assert caught.value.reason == reason
        assert len(http.asked) == 1
        assert secret.rereads == 0

    def test_a_token_stored_a_moment_ago_is_found(self) -> None:
        """A location that was unknown is looked up once more before we complain."""
        assert self.tried(Tokens({}, later={"token": "pit-new"}), Canned()) == ["pit-new"]

    def test_the_previous_one_alone_is_usable(self) -> None:
        """Somebody has cleared the new token: the overlap still holds."""
        assert self.tried(Tokens({"previous_token": "pit-before"}), Canned()) == ["pit-before"]

    @pytest.mark.parametrize(
        "secret",
        [
            {}, {"locations": None}, {"locations": []}, {"locations": {}}, {"locations": {"other": {"token": "x"}}},
            {"locations": {LOCATION: None}}, {"locations": {LOCATION: "pit-now"}}, {"locations": {LOCATION: {}}},
            {"locations": {LOCATION: {"token": ""}}}, {"locations": {LOCATION: {"token": 5}}},
            {"locations": {LOCATION: {"token": "pit-now\r\nX: y"}}}, {"locations": {LOCATION: {"token": "pit-nöw"}}},
        ],
    )  # fmt: skip
    def test_a_location_without_token_is_misconfigured(self, secret: dict[str, Any]) -> None:
        """Nothing is sent; the sentence names the location, the place and the remedy, and no token."""
        http = CannedHttp()
        with pytest.raises(Misconfigured) as caught:
            call(client(http, Tokens.holding(secret)))
        assert str(caught.value) == f"the Contacts secret has no token for location {LOCATION}; store one under it"
        assert http.asked == []

    def test_a_missing_secret_is_misconfigured(self) -> None:
        """It says so itself."""
        with pytest.raises(Misconfigured, match="arn:contacts"):
            call(client(CannedHttp(), Tokens.holding(None)))

    def test_one_of_oauth_is_a_token_like_any_other(self) -> None:
        """Rotated by somebody else, and read again when it is refused."""
        secret = Tokens(
            {"access_token": "oauth-now", "refresh_token": "never"},
            later={"access_token": "oauth-new", "previous_token": "oauth-now"},
        )
        assert self.tried(secret, REFUSED, Canned()) == ["oauth-now", "oauth-new"]

    @pytest.mark.parametrize("token", ["", None, 5, "pit\n"])
    def test_an_unusable_one_does_not_hide_the_other(self, token: Any) -> None:
        """A location that moved from the one kind to the other."""
        assert self.tried(Tokens({"token": token, "access_token": "oauth-now"}), Canned()) == ["oauth-now"]

    def test_another_location_s_token_is_never_used(self) -> None:
        """Each location has its own."""
        secret = Tokens.holding({"locations": {"A": {"token": "pit-a"}, "B": {"token": "pit-b"}}})
        http = CannedHttp(Canned(), Canned())
        calls = client(http, secret)
        call(calls, location="A")
        call(calls, location="B")
        assert [asked.token for asked in http.asked] == ["pit-a", "pit-b"]


class Gate:
    """An admission that writes down who passed."""

    def __init__(self, refusal: Exception | None = None) -> None:
        self.seen: list[Any] = []
        self._refusal = refusal

    def enter(self, location_id: str, *, deadline: float) -> None:
        self.seen.append(("enter", location_id, deadline))
        if self._refusal:
            raise self._refusal

    def leave(
        self, location_id: str, *, sent_at: float, status: int | None, headers: Mapping[str, str], is_well: bool
    ) -> None:
        self.seen.append(("leave", location_id, sent_at, status, dict(headers), is_well))


class TestAdmission:
    def test_is_asked_before_each_request_and_told_after_it(self) -> None:
        """Also of those that a refused token repeats; the answer's headers drive the budget."""
        gate = Gate()
        http = CannedHttp(REFUSED, Canned(200, {}, {"x-ratelimit-remaining": "7"}))
        call(client(http, Tokens({"token": "pit-now", "previous_token": "pit-before"}), admission=gate))
        assert gate.seen == [
            ("enter", LOCATION, DEADLINE - 0.7),
            ("leave", LOCATION, NOW, 401, {}, False),
            ("enter", LOCATION, DEADLINE - 0.7),
            ("leave", LOCATION, NOW, 200, {"x-ratelimit-remaining": "7"}, False),
        ]

    def test_lets_nobody_wait_until_it_is_too_late_to_send(self) -> None:
        """The sleep ends while there is still time for the answer."""
        clock = Clock(DEADLINE - 2)
        admission = Admission(now=clock, sleep=clock.sleep, patience=5.0)
        used_up = {"x-ratelimit-remaining": "0", "x-ratelimit-interval-milliseconds": "1500"}
        http = CannedHttp(Canned(200, {}, used_up), Canned())
        calls = client(http, now=clock, admission=admission)
        call(calls)
        with pytest.raises(TryAgain, match="rate_limited"):
            call(calls)
        assert (len(http.asked), clock.slept) == (1, [])

    @pytest.mark.parametrize(
        ("message", "has_own_scope", "is_well"),
        [
            ("The token is not authorized for this scope.", True, True),
            ("The token is not authorized for this scope.", False, False),
            ("Invalid JWT", True, False),
        ],
    )
    def test_is_told_that_a_right_nobody_else_needs_is_no_illness(
        self, message: str, has_own_scope: bool, is_well: bool
    ) -> None:
        """The location answers and takes the token; without the right to write contacts no lead gets in, though."""
        gate = Gate()
        with pytest.raises(TryAgain):
            call(
                client(CannedHttp(Canned(401, {"message": message})), admission=gate),
                method="GET", has_own_scope=has_own_scope,
            )  # fmt: skip
        assert gate.seen[1] == ("leave", LOCATION, NOW, 401, {}, is_well)

    @pytest.mark.parametrize("failure", [TryAgain("contacts_api_timeout", ambiguous=True), ZeroDivisionError()])
    def test_is_told_when_no_answer_came(self, failure: Exception) -> None:
        """Whatever went wrong, nobody stays inside."""
        gate = Gate()
        with pytest.raises(type(failure)):
            call(client(CannedHttp(failure), admission=gate))
        assert gate.seen[1:] == [("leave", LOCATION, NOW, None, {}, False)]

    def test_that_refuses_sends_nothing(self) -> None:
        """The location is throttled: who did not enter does not leave."""
        gate, http = Gate(TryAgain("rate_limited", retry_after=3, counts=False)), CannedHttp()
        with pytest.raises(TryAgain, match="rate_limited"):
            call(client(http, admission=gate))
        assert (len(gate.seen), http.asked) == (1, [])

    def test_is_not_asked_for_a_call_that_comes_too_late(self) -> None:
        """No turn is taken that is not used."""
        gate = Gate()
        with pytest.raises(TryAgain, match="out_of_time"):
            call(client(CannedHttp(), now=lambda: DEADLINE, admission=gate))
        assert gate.seen == []


@given(status=st.integers(100, 599), body=st.binary(max_size=60), token=st.text(max_size=20))
def test_any_answer_ends_in_a_documented_way(status: int, body: bytes, token: str) -> None:
    """A result, a fate, or a broken deployment; and the token is in none of them."""
    http = CannedHttp(*[Canned(status, body)] * 3)
    told = ""
    try:
        answer = call(client(http, Tokens({"token": "pit-5ecret", "previous_token": token})))
    except (TryAgain, Undeliverable, Misconfigured) as error:
        answer, told = None, repr((str(error), vars(error)))
    assert (answer is not None) == (200 <= status < 300)
    assert answer is None or isinstance(answer.body, dict)
    assert "5ecret" not in told
