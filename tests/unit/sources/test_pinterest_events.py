"""Telling Pinterest of events: what is asked with which token, what each answer means, and what of it is kept."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import pytest

from leads.core.conversion import Event, Verdict
from leads.core.errors import LeadError, Misconfigured, TryAgain, Undeliverable
from leads.sources.pinterest_event_answers import Answered
from leads.sources.pinterest_event_words import remarks
from leads.sources.pinterest_events import PinterestEvents
from tests.fakes import FakeSecret
from tests.unit.crm.canned_http import DEADLINE, Canned, CannedHttp

API = "https://pinterest.example/v5"
ACCOUNT, OTHER = "111764359001", "222764359002"
TOKEN, LATER, APP = "pinc_now", "pinc_later", "pina_app"
EM = hashlib.sha256(b"ada@example.com").hexdigest()
AT = 1_799_999_000
RID = {"x-pinterest-rid": "8251234567890123"}
COMMAND = f"`leadrelay conversions token --account {ACCOUNT}`"
# What a message could quote of a person.
ADA = "'ada@example.com' of Ada Lovelace, +1 212 555 0100, London"


def event(event_id: str = "e1", **changes: Any) -> Event:
    facts = {"account": ACCOUNT, "name": "lead", "at": AT, "action_source": "web", "user_data": {"em": [EM]}} | changes
    return Event(event_id=event_id, **facts)


def said(*statuses: str, **messages: Any) -> dict[str, Any]:
    """An answer's body; the messages are each event's."""
    events = [{"status": status, "error_message": "", "warning_message": ""} | messages for status in statuses]
    return {
        "num_events_received": len(events),
        "num_events_processed": statuses.count("processed"),
        "events": events,
    }


TAKEN = Canned(200, said("processed"), RID)


def pinterest(http: CannedHttp, secret: FakeSecret | None = None, base_url: str = API) -> PinterestEvents:
    return PinterestEvents(http, secret or FakeSecret({"conversion_tokens": {ACCOUNT: TOKEN}}), base_url)


def told(*answers: Canned | Exception, count: int = 1, secret: FakeSecret | None = None) -> Answered:
    """What is said of so many events when these are the answers."""
    events = [event(f"e{number}") for number in range(count)]
    return pinterest(CannedHttp(*answers), secret).send(ACCOUNT, events, is_test=False, deadline=DEADLINE)


def failed(*answers: Canned | Exception, count: int = 1, secret: FakeSecret | None = None) -> LeadError:
    with pytest.raises(LeadError) as caught:
        told(*answers, count=count, secret=secret)
    return caught.value


class TestAccounts:
    def test_those_with_a_token_are_told_in_their_order(self) -> None:
        """One whose token could not be sent has none."""
        tokens = {OTHER: TOKEN, ACCOUNT: LATER, "3": "", "4": None, "5": "two\nlines"}
        assert pinterest(CannedHttp(), FakeSecret({"conversion_tokens": tokens})).accounts() == (OTHER, ACCOUNT)

    @pytest.mark.parametrize("secret", [{}, {"conversion_tokens": None}, {"conversion_tokens": {}}])
    def test_without_tokens_there_are_none(self, secret: dict[str, Any]) -> None:
        """Whoever tells Pinterest nothing."""
        assert pinterest(CannedHttp(), FakeSecret(secret)).accounts() == ()

    @pytest.mark.parametrize(
        ("key", "shown"),
        [
            ("my account", '"my account"'), ("", '""'), ("1117643590011117643", '"1117643590011117643"'),
            ("１２３", '"１２３"'), ("pinc_" + "s" * 60, "a name of 65 characters"),
            ("pina_secret", "a name of 11 characters"), ("s" * 40, "a name of 40 characters"),
        ],
    )  # fmt: skip
    def test_an_id_that_is_not_numeric_is_refused_by_name(self, key: str, shown: str) -> None:
        """A token that somebody has put in its place is not repeated."""
        with pytest.raises(Misconfigured, match="conversion_tokens") as caught:
            pinterest(CannedHttp(), FakeSecret({"conversion_tokens": {ACCOUNT: TOKEN, key: "x"}})).accounts()
        assert f"has {shown}, which" in str(caught.value)
        assert "one to eighteen digits" in str(caught.value)

    @pytest.mark.parametrize("tokens", ["pinc_secret", [ACCOUNT], 7])
    def test_tokens_that_are_no_object_are_refused(self, tokens: Any) -> None:
        """Nothing of them is repeated."""
        with pytest.raises(Misconfigured, match="is no object") as caught:
            pinterest(CannedHttp(), FakeSecret({"conversion_tokens": tokens})).accounts()
        assert "secret_" not in str(caught.value)
        assert "pinc" not in str(caught.value)


class TestCall:
    def test_the_whole_request_is_what_the_api_takes(self) -> None:
        """One call for all events, in their order."""
        http = CannedHttp(Canned(200, said("processed", "processed"), RID))
        won = event(
            "e2", name="checkout", action_source="offline", custom_data={"value": "12.50", "currency": "USD"},
            more={"opt_out": True}, lead_key="pinterest#1#2", outcome="won",
        )  # fmt: skip
        answer = pinterest(http).send(ACCOUNT, [event(), won], is_test=False, deadline=DEADLINE)
        assert answer == Answered(verdicts=(Verdict(is_taken=True),) * 2, trace_id=RID["x-pinterest-rid"])
        [asked] = http.asked
        assert (asked.method, asked.url, asked.deadline) == (
            "POST", f"{API}/ad_accounts/{ACCOUNT}/events", DEADLINE,
        )  # fmt: skip
        assert asked.headers == {
            "Authorization": f"Bearer {TOKEN}", "Accept": "application/json", "Content-Type": "application/json",
        }  # fmt: skip
        user_data = {"em": [EM]}
        first = {
            "event_name": "lead", "action_source": "web", "event_time": AT, "event_id": "e1", "user_data": user_data,
        }  # fmt: skip
        second = {
            "opt_out": True, "event_name": "checkout", "action_source": "offline", "event_time": AT, "event_id": "e2",
            "user_data": user_data, "custom_data": {"value": "12.50", "currency": "USD"},
        }  # fmt: skip
        assert asked.json == {"data": [first, second]}

    def test_a_test_says_so_in_the_address(self) -> None:
        """Nothing else differs; a slash at the end of the API's address does no harm."""
        http = CannedHttp(TAKEN)
        pinterest(http, base_url=API + "/").send(ACCOUNT, [event()], is_test=True, deadline=DEADLINE)
        assert http.asked[0].url == f"{API}/ad_accounts/{ACCOUNT}/events?test=true"

    @pytest.mark.parametrize("account", ["", "..", "1/2", "1?test=true", "one", "1" * 19])
    def test_an_account_that_is_no_id_never_gets_into_an_address(self, account: str) -> None:
        """Messages with one are refused before; nobody is asked."""
        http = CannedHttp()
        with pytest.raises(Undeliverable) as caught:
            pinterest(http).send(account, [event()], is_test=False, deadline=DEADLINE)
        assert caught.value.reason == "bad_account"
        assert http.asked == []

    def test_an_event_that_no_body_can_carry_is_refused_before_the_call(self) -> None:
        """As the API would refuse it: so the caller finds which of many it is. The text is not repeated."""
        http = CannedHttp()
        odd = event(more={"device_model": "half \ud83d"})
        with pytest.raises(Undeliverable) as caught:
            pinterest(http).send(ACCOUNT, [event(), odd], is_test=False, deadline=DEADLINE)
        assert caught.value.reason == "event_refused"
        assert caught.value.__cause__ is None
        assert caught.value.__suppress_context__
        assert http.asked == []

    def test_what_http_raises_passes(self) -> None:
        """It knows whether the events may have arrived."""
        for error in (TryAgain("pinterest_timeout", ambiguous=True), TryAgain("pinterest_unreachable")):
            assert failed(error) is error


class TestTokens:
    def test_each_account_has_its_own(self) -> None:
        """And the app's access token stands in where there is none."""
        secret = FakeSecret({"access_token": APP, "conversion_tokens": {ACCOUNT: TOKEN, "3": " \n"}})
        for account, token in ((ACCOUNT, TOKEN), (OTHER, APP), ("3", APP)):
            http = CannedHttp(TAKEN)
            pinterest(http, secret).send(account, [event(account=account)], is_test=False, deadline=DEADLINE)
            assert [asked.token for asked in http.asked] == [token]
        assert secret.rereads == 0

    def test_a_refused_token_is_tried_once_more_as_the_secret_has_it_now(self) -> None:
        """The same body goes out again; nothing of it was taken before."""
        secret = FakeSecret({"conversion_tokens": {ACCOUNT: TOKEN}}, {"conversion_tokens": {ACCOUNT: LATER}})
        http = CannedHttp(Canned(401, {"code": 2, "message": "Authentication failed."}), TAKEN)
        answer = pinterest(http, secret).send(ACCOUNT, [event()], is_test=False, deadline=DEADLINE)
        assert answer.verdicts == (Verdict(is_taken=True),)
        assert [asked.token for asked in http.asked] == [TOKEN, LATER]
        assert http.asked[0].body == http.asked[1].body

    @pytest.mark.parametrize(
        "later", [{"conversion_tokens": {ACCOUNT: TOKEN}}, {}, {"conversion_tokens": {OTHER: LATER}}]
    )
    def test_the_same_token_is_not_tried_twice(self, later: dict[str, Any]) -> None:
        """Nor is anything when the re-read has none."""
        secret = FakeSecret({"conversion_tokens": {ACCOUNT: TOKEN}}, later)
        error = failed(Canned(401, {"code": 2}), secret=secret)
        assert (error.reason, secret.rereads) == ("conversion_token_refused", 1)

    def test_two_refused_tokens_are_the_end(self) -> None:
        """The second refusal is told."""
        secret = FakeSecret({"conversion_tokens": {ACCOUNT: TOKEN}}, {"access_token": APP})
        error = failed(Canned(401, {}), Canned(401, {}, RID), secret=secret)
        assert error.trace_id == RID["x-pinterest-rid"]
        assert "the app's access token" in error.detail
        assert COMMAND in error.detail

    def test_a_token_that_was_stored_just_now_is_found(self) -> None:
        """The cached secret has none yet."""
        secret = FakeSecret({}, {"conversion_tokens": {ACCOUNT: LATER}})
        assert told(TAKEN, secret=secret).verdicts == (Verdict(is_taken=True),)

    @pytest.mark.parametrize("value", [{}, {"conversion_tokens": {OTHER: TOKEN}}, {"access_token": "two\nlines"}])
    def test_without_any_token_the_events_wait_for_a_person(self, value: dict[str, Any]) -> None:
        """Who is told what to type."""
        error = failed(secret=FakeSecret(value))
        assert isinstance(error, TryAgain)
        assert (error.reason, error.retry_after, error.counts) == ("conversion_token_missing", 900, False)
        assert not error.ambiguous
        assert COMMAND in error.detail

    def test_a_secret_that_cannot_be_used_is_a_fault_of_the_deployment(self) -> None:
        """Not of the events."""
        for value in (None, {"conversion_tokens": "pinc"}):
            with pytest.raises(Misconfigured):
                told(secret=FakeSecret(value))


class TestFates:
    @pytest.mark.parametrize(
        ("status", "code", "fate", "reason", "facts"),
        [
            (400, 4196, Undeliverable, "event_refused", {}),
            (400, None, Undeliverable, "event_refused", {}),
            (413, None, Undeliverable, "event_refused", {}),
            (422, 1, Undeliverable, "event_refused_in_part", {}),
            (401, 2, TryAgain, "conversion_token_refused", {"retry_after": 900, "counts": False}),
            (401, 3, TryAgain, "conversion_token_refused", {"retry_after": 900, "counts": False}),
            (403, 29, TryAgain, "conversion_not_permitted", {"retry_after": 900, "counts": False}),
            (403, 3, TryAgain, "conversion_not_permitted", {"retry_after": 900, "counts": False}),
            (404, 2, TryAgain, "conversion_not_permitted", {"retry_after": 900, "counts": False}),
            (400, 29, TryAgain, "conversion_not_permitted", {"retry_after": 900, "counts": False}),
            (429, 8, TryAgain, "pinterest_throttled", {"retry_after": 60, "counts": False}),
            (400, 8, TryAgain, "pinterest_throttled", {"retry_after": 60, "counts": False}),
            (500, None, TryAgain, "pinterest_5xx", {"ambiguous": True}),
            (502, "4197", TryAgain, "pinterest_5xx", {"ambiguous": True}),
            (503, 4197, TryAgain, "pinterest_5xx", {"ambiguous": False}),
            (302, None, TryAgain, "pinterest_unexpected", {"ambiguous": False}),
            (405, None, TryAgain, "pinterest_unexpected", {"ambiguous": False}),
        ],
    )  # fmt: skip
    def test_every_answer_has_its_fate(
        self, status: int, code: Any, fate: type[LeadError], reason: str, facts: Mapping[str, Any]
    ) -> None:
        """Status, code and the id of the call are told, the message never: it may quote."""
        error = failed(Canned(status, {"code": code, "message": ADA, "details": {"at": ADA}}, RID))
        assert (type(error), error.reason, error.trace_id) == (fate, reason, RID["x-pinterest-rid"])
        assert {name: getattr(error, name) for name in facts} == facts
        assert facts.get("ambiguous") or not getattr(error, "ambiguous", False)
        assert str(status) in error.detail
        for part in ("ada", "Ada", "555", "London", TOKEN):
            assert part not in str(error)

    @pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"null", b'"no"', b"\xff"])
    def test_an_error_page_has_the_fate_of_its_status(self, body: bytes) -> None:
        """Error pages come in every format."""
        assert failed(Canned(400, body)).reason == "event_refused"
        assert failed(Canned(422, body)).reason == "event_refused_in_part"
        assert failed(Canned(503, body)).reason == "pinterest_5xx"
        assert failed(Canned(429, body)).reason == "pinterest_throttled"

    @pytest.mark.parametrize(
        ("headers", "wait"),
        [
            ({"x-ratelimit-reset": "47"}, 47), ({"x-ratelimit-reset": "1, 30;w=60"}, 30), ({"retry-after": "5"}, 5),
            ({"x-ratelimit-reset": "0"}, 1), ({"x-ratelimit-reset": "soon"}, 60),
            ({"x-ratelimit-reset": "soon", "retry-after": "7"}, 7),
        ],
    )  # fmt: skip
    def test_a_limit_says_how_many_seconds_are_left(self, headers: dict[str, str], wait: float) -> None:
        """Read leniently; a minute when it says nothing that can be read."""
        error = failed(Canned(429, {"code": 8}, headers))
        assert isinstance(error, TryAgain)
        assert error.retry_after == wait

    def test_a_refused_token_is_told_with_the_command_for_another(self) -> None:
        """And with the account that it is of."""
        error = failed(Canned(401, {"code": 2}))
        assert f"the conversion token of ad account {ACCOUNT}" in error.detail
        assert COMMAND in error.detail

    @pytest.mark.parametrize("status", [403, 404])
    def test_a_missing_role_is_told_with_the_roles(self, status: int) -> None:
        """Any of them would do; an access token needs a scope as well."""
        error = failed(Canned(status, {"code": 29}))
        for role in ("Owner", "Admin", "Analyst", "Audience", "Campaign"):
            assert role in error.detail
        assert ACCOUNT in error.detail
        assert "ads:write" not in error.detail
        assert "ads:write" in failed(Canned(status, {}), secret=FakeSecret({"access_token": APP})).detail

    def test_a_refused_call_names_fields(self) -> None:
        """The operator has nothing else to go by."""
        refused = Canned(400, {"code": 4196, "message": f"{ADA}: 'event_time' is not of type 'integer'"})
        assert failed(refused).detail.endswith("why: event_time: wrong type")
        assert failed(Canned(400, {"code": 4196})).detail.endswith("why: not said")


class TestVerdicts:
    def test_each_event_has_its_own_by_its_place(self) -> None:
        """One that failed costs only itself."""
        body = said("processed", "processed", "processed")
        body["events"][1] = {"status": "failed", "error_message": f"event_time {ADA} is in the future"}
        body["events"][2]["warning_message"] = "'external_id' is not in sha256 hashed format"
        assert told(Canned(200, body), count=3).verdicts == (
            Verdict(is_taken=True),
            Verdict(is_taken=False, detail="event_time: in the future"),
            Verdict(is_taken=True, warnings=("external_id: unhashed",)),
        )

    @pytest.mark.parametrize("nothing", ["", None, "  ", 7, ["em"], {"em": "x"}])
    def test_a_message_that_says_nothing_is_none(self, nothing: Any) -> None:
        """They come as blanks, as null, or not at all."""
        for body in (said("processed"), said("processed", error_message=nothing, warning_message=nothing)):
            assert told(Canned(200, body)).verdicts == (Verdict(is_taken=True),)
        assert told(Canned(200, {"events": [{"status": "processed"}]})).verdicts == (Verdict(is_taken=True),)
        failure = said("failed", error_message=nothing)
        assert told(Canned(200, failure)).verdicts == (Verdict(is_taken=False, detail="not said"),)

    def test_an_error_message_on_an_event_that_was_taken_is_a_warning(self) -> None:
        """Once, though both messages tell of it."""
        body = said("processed", error_message="invalid 'currency'", warning_message="'currency' is invalid; 'ph'")
        assert told(Canned(200, body)).verdicts[0].warnings == ("currency: invalid", "ph")

    def test_a_refused_event_may_be_explained_by_its_warning(self) -> None:
        """Both are read."""
        body = said("failed", error_message="", warning_message="event_id is required")
        assert told(Canned(200, body)).verdicts[0].detail == "event_id: missing"

    @pytest.mark.parametrize("place", ["top", "details"])
    def test_a_422_that_lists_the_events_is_read_like_a_success(self, place: str) -> None:
        """Nothing has to be sent again to find the one."""
        body = said("processed", "failed", error_message="em")
        whole = {"code": 1, "message": "Not all events were successfully processed.", "details": {}}
        whole = whole | body if place == "top" else whole | {"details": body}
        answer = told(Canned(422, whole, RID), count=2)
        assert [verdict.is_taken for verdict in answer.verdicts] == [True, False]
        assert answer.trace_id == RID["x-pinterest-rid"]

    @pytest.mark.parametrize(
        "details", [None, "events", [], {"events": "two"}, said("processed"), {"events": [{"status": "?"}] * 2}]
    )
    def test_a_422_that_tells_too_little_leaves_open_what_was_taken(self, details: Any) -> None:
        """The caller asks again in parts."""
        error = failed(Canned(422, {"code": 1, "message": "Not all", "details": details}), count=2)
        assert (type(error), error.reason) == (Undeliverable, "event_refused_in_part")

    @pytest.mark.parametrize(
        "body",
        [
            b"", b"<html>", b"[]", b"7", {}, {"events": None}, {"events": []}, {"events": {}}, said("processed"),
            said("processed", "processed", "processed"), said("processed", "unsure"), said("processed", "PROCESSED"),
            {"events": ["processed", "processed"]}, {"events": [{"status": "processed"}, None]},
            {"events": [{"status": ["processed"]}] * 2}, {"code": 1, "message": ADA},
        ],
    )  # fmt: skip
    @pytest.mark.parametrize("status", [200, 202, 204])
    def test_a_success_without_a_verdict_on_each_is_in_doubt(self, body: Any, status: int) -> None:
        """The events were probably taken, and nobody knows which."""
        error = failed(Canned(status, body, RID), count=2)
        assert isinstance(error, TryAgain)
        assert (error.reason, error.ambiguous, error.counts) == ("pinterest_unexpected", True, True)
        assert error.trace_id == RID["x-pinterest-rid"]
        assert "Ada" not in str(error)


class TestWords:
    @pytest.mark.parametrize(
        ("message", "kept"),
        [
            ("'em', 'ph' are not in sha256 hashed format", ("em: unhashed", "ph: unhashed")),
            ("Not hashed: em, ph", ("em: unhashed", "ph: unhashed")),
            ("data[0].user_data.em[0]: not a valid sha256 hash", ("em: unhashed",)),
            ("'em' is not in sha256 hashed format, 'value' is invalid", ("em: unhashed", "value: invalid")),
            ("event_time is too far in the past", ("event_time: too old",)),
            ("Invalid value for event_time", ("event_time: invalid",)),
            ("value must be a number", ("value: wrong type",)),
            ("em is required", ("em: missing",)),
            ("something about custom_data.currency", ("currency",)),
            ("Additional properties are not allowed ('Ada' was unexpected)", ("unknown",)),
            ("'London' is not one of web, offline", ("invalid",)),
            ("st@value.em", ("not said",)),
            ("the country of Ada", ("not said",)),
        ],
    )
    def test_fields_and_known_phrases_are_all_that_is_kept(self, message: str, kept: tuple[str, ...]) -> None:
        """A word that is no name where it stands is part of the sentence."""
        assert remarks(message) == kept

    @pytest.mark.parametrize(
        "message",
        [
            f"{ADA} is wrong", "em ada@example.com is not in sha256 hashed format", "'ph': ['+12125550100'] invalid",
            "external_id=ada-lovelace-1815 must be hashed", "{'ct': 'London', 'fn': 'Ada'} is not valid",
            "ada@example.com\nem", "London " * 1000, "em " * 1000 + "Ada",
        ],
    )  # fmt: skip
    def test_nothing_that_a_message_quotes_reaches_a_verdict(self, message: str) -> None:
        """Whatever it is, and on either status."""
        for status in ("processed", "failed"):
            for name in ("error_message", "warning_message"):
                answer = told(Canned(200, said(status, **{name: message})))
                for part in ("ada", "Ada", "@", "555", "London", "1815"):
                    assert part not in str(answer)
                assert answer.verdicts[0].detail or answer.verdicts[0].warnings
