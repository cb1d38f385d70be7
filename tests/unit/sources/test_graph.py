"""One call to Graph: what goes out, and what becomes of each answer."""

import hashlib
import hmac
import json
from typing import Any

import pytest

from leads.core.errors import LeadError, Misconfigured, TryAgain, Undeliverable
from leads.sources.graph import Graph
from tests.unit.sources.facebook_made import (
    APP_SECRET,
    DEADLINE,
    LEAD,
    OTHER_PAGE,
    PAGE,
    RECORD,
    TOKEN,
    Canned,
    CannedGraph,
    Clock,
    FacebookSecret,
    error,
    graph,
    secret_value,
    usage,
)


def ask(calls: Graph, *path: str, page: str = PAGE, fields: tuple[str, ...] = ("id",), **how: Any) -> dict[str, Any]:
    return calls.get(*(path or (LEAD,)), page=page, fields=fields, deadline=DEADLINE, **how).body


def failure(answer: Any, **how: Any) -> LeadError:
    with pytest.raises(LeadError) as caught:
        ask(graph(CannedGraph({LEAD: answer})), **how)
    return caught.value


def fate(answer: Any) -> tuple[str, bool, float | None]:
    """Reason, whether it counts, seconds to wait."""
    failed = failure(answer)
    assert isinstance(failed, TryAgain)
    return failed.reason, failed.counts, failed.retry_after


class TestRequest:
    def test_the_token_travels_in_a_header_only(self) -> None:
        """With the proof that the caller is its app; addresses are logged in many places."""
        http = CannedGraph()
        assert ask(graph(http), fields=("id,field_data",)) == RECORD
        (asked,) = http.asked
        proof = hmac.new(APP_SECRET.encode(), TOKEN.encode(), hashlib.sha256).hexdigest()
        assert asked.headers["Authorization"] == f"Bearer {TOKEN}"
        assert asked.query == {"fields": "id,field_data", "appsecret_proof": proof}
        assert TOKEN not in asked.url
        assert asked.url.startswith("https://graph.example/v26.0/123123123123?")

    def test_every_page_has_its_own_token(self) -> None:
        """One does not open another's leads."""
        http = CannedGraph()
        ask(graph(http), page=OTHER_PAGE)
        assert http.asked[0].token == "page-token-2"

    def test_an_id_cannot_lead_elsewhere(self) -> None:
        """Whatever it is made of."""
        http = CannedGraph({"1%2F..%2Fme%3Fa": Canned(told={"id": "1"})})
        assert ask(graph(http), "1/../me?a") == {"id": "1"}
        for part in ("", ".", ".."):
            with pytest.raises(Undeliverable, match="address"):
                ask(graph(http), part, "leads")

    def test_the_next_list_of_fields_is_tried_when_one_is_refused(self) -> None:
        """A field that this version of Graph lacks must not cost the answers."""
        http = CannedGraph({LEAD: [error(100), Canned(told=RECORD)]})
        assert ask(graph(http), fields=("id,gone", "id")) == RECORD
        assert [asked.query["fields"] for asked in http.asked] == ["id,gone", "id"]

    def test_the_last_list_of_fields_decides(self) -> None:
        """And what is not about fields is not asked twice."""
        http = CannedGraph({LEAD: error(100)})
        with pytest.raises(Undeliverable):
            ask(graph(http), fields=("a", "b"))
        assert len(http.asked) == 2
        http = CannedGraph({LEAD: error(100, 33)})
        with pytest.raises(TryAgain):
            ask(graph(http), fields=("a", "b"))
        assert len(http.asked) == 1

    def test_an_answer_that_never_came_is_not_ambiguous(self) -> None:
        """Reading changes nothing."""
        failed = failure(TryAgain("graph_timeout", ambiguous=True))
        assert isinstance(failed, TryAgain)
        assert (failed.reason, failed.ambiguous, failed.counts) == ("graph_timeout", False, True)


class TestFates:
    @pytest.mark.parametrize(
        "answer",
        [
            error(1), error(2), error(None, status=500), error(1, status=500), error(100, status=503),
            error(99, is_transient=True), error(100, is_transient=True), Canned(502, b"<html>"), Canned(500, b""),
        ],
    )  # fmt: skip
    def test_what_passes_is_tried_again_by_the_table_of_waits(self, answer: Canned) -> None:
        """It uses up an attempt."""
        assert fate(answer) == ("graph_5xx", True, None)

    @pytest.mark.parametrize("code", [4, 17, 32, 341, 368, 613, *range(80000, 80015), "80005"])
    def test_throttling_is_known_by_its_code(self, code: Any) -> None:
        """Its status is 400; it uses up no attempt, even when Graph calls it transient."""
        assert fate(error(code)) == ("graph_throttled", False, 60)
        assert fate(error(code, is_transient=True))[0] == "graph_throttled"

    def test_a_429_is_throttling_too(self) -> None:
        """From whoever stands before Graph."""
        assert fate(Canned(429, b"slow down")) == ("graph_throttled", False, 60)

    @pytest.mark.parametrize(
        ("headers", "wait"),
        [
            (usage(100, minutes=7), 420),
            (usage(100, minutes=0.05), 3),
            (usage(100, minutes=0), 60),
            (usage(100, minutes=7, kind="pages"), 420),
            ({"x-business-use-case-usage": "{"}, 60),
            (
                {
                    "x-business-use-case-usage": json.dumps(
                        {
                            "1": [{"type": "pages", "estimated_time_to_regain_access": 90}],
                            "2": [{"type": "leadgen", "estimated_time_to_regain_access": 5}],
                        }
                    )
                },
                300,
            ),
        ],
    )
    def test_a_throttled_page_waits_as_long_as_graph_says(self, headers: dict[str, str], wait: float) -> None:
        """In minutes, of the quota in question if it is told; else a minute."""
        assert fate(error(80005, headers=headers)) == ("graph_throttled", False, wait)

    @pytest.mark.parametrize("answer", [error(190, 460), error(102), error(190, status=401), Canned(401, b"")])
    def test_a_dead_token_holds_the_page(self, answer: Canned) -> None:
        """Without using up the leads' attempts."""
        assert fate(answer) == ("graph_token_refused", False, 900)

    @pytest.mark.parametrize("answer", [error(3), error(10), error(200), error(299), Canned(403, b"{}")])
    def test_a_missing_permission_names_those_needed(self, answer: Canned) -> None:
        """Somebody has to grant them; the leads wait."""
        assert fate(answer) == ("graph_permission_missing", False, 900)
        assert "leads_retrieval" in failure(answer).detail

    @pytest.mark.parametrize("answer", [error(100, 33), error(100, 33, status=404), Canned(404, b"")])
    def test_a_lead_that_cannot_be_seen_is_tried_a_few_times(self, answer: Canned) -> None:
        """It may be too fresh; else the reason says where to look."""
        assert fate(answer) == ("lead_not_visible_check_leads_access_manager", True, None)
        assert "Leads Access Manager" in failure(answer).detail

    @pytest.mark.parametrize("answer", [error(100), error(100, 1), error(2500), error(2500, status=404)])
    def test_a_wrong_question_is_not_repeated(self, answer: Canned) -> None:
        """A person must look."""
        failed = failure(answer)
        assert isinstance(failed, Undeliverable)
        assert failed.reason == "graph_rejected"

    @pytest.mark.parametrize(
        "answer",
        [
            error(999), error(None), Canned(302, b""), Canned(200, b"<html>"), Canned(200, b"[]"), Canned(200, b"{}"),
            Canned(200, b""), Canned(400, {"error": "x"}), Canned(400, {"error": {"code": True}}), Canned(400, b"null"),
        ],
    )  # fmt: skip
    def test_the_unforeseen_is_tried_again(self, answer: Canned) -> None:
        """Nothing is lost for an answer that nobody knows."""
        assert fate(answer) == ("graph_unexpected", True, None)

    def test_an_error_is_one_whatever_its_status(self) -> None:
        """The code decides."""
        assert fate(Canned(200, {"error": {"code": 190}}))[0] == "graph_token_refused"

    @pytest.mark.parametrize("code", [1, 4, 100, 190, 200, 999])
    def test_the_detail_holds_codes_and_no_text(self, code: int) -> None:
        """The text may quote what a person answered, the token must not be seen; the trace id is for Meta's support."""
        failed = failure(error(code, 99))
        for word in ("400", f"code {code}", "subcode 99", PAGE):
            assert word in failed.detail
        for word in ("ada", TOKEN, APP_SECRET):
            assert word not in str(failed)
        assert failed.trace_id == "A/b-1"

    @pytest.mark.parametrize("trace", [None, 5, "ada@example.com", "x" * 101, ""])
    def test_what_is_no_trace_id_is_not_taken_for_one(self, trace: Any) -> None:
        """It could be anything."""
        assert failure(error(1, fbtrace_id=trace)).trace_id is None


class TestTokens:
    @pytest.mark.parametrize(
        "pages", [None, [], {}, {PAGE: None}, {PAGE: {}}, {PAGE: {"token": ""}}, {PAGE: {"token": "a\nb"}}]
    )
    def test_a_page_without_a_token_waits_for_one(self, pages: Any) -> None:
        """The detail names the page and what to do; the secret was read anew before."""
        http, secret = CannedGraph(), FacebookSecret(secret_value(pages=pages))
        with pytest.raises(TryAgain) as caught:
            ask(graph(http, secret))
        assert (caught.value.reason, caught.value.counts, caught.value.retry_after) == (
            "graph_token_missing",
            False,
            900,
        )
        assert PAGE in caught.value.detail
        assert (secret.rereads, http.asked) == (1, [])

    def test_a_page_added_a_moment_ago_is_found(self) -> None:
        """By reading the secret anew."""
        http = CannedGraph()
        assert ask(graph(http, FacebookSecret(secret_value(pages={}), later=secret_value()))) == RECORD

    def test_a_secret_that_cannot_be_used_is_said_loudly(self) -> None:
        """It is nobody's fate."""
        with pytest.raises(Misconfigured):
            ask(graph(CannedGraph(), FacebookSecret("unreadable")))

    def test_a_replaced_token_goes_through_at_once(self) -> None:
        """The refused call is repeated with it."""
        later = secret_value(pages={PAGE: {"token": "fresh"}})
        http = CannedGraph({LEAD: [error(190), Canned(told=RECORD)]})
        assert ask(graph(http, FacebookSecret(later=later))) == RECORD
        assert [asked.token for asked in http.asked] == [TOKEN, "fresh"]

    def test_a_refused_token_is_left_alone_for_five_minutes(self) -> None:
        """Its page waits, others do not; then it is tried again."""
        http, clock = CannedGraph({LEAD: [error(190), Canned(told=RECORD)]}), Clock()
        calls = graph(http, now=clock)
        for _ in range(3):
            with pytest.raises(TryAgain) as caught:
                ask(calls)
            assert (caught.value.reason, caught.value.counts) == ("graph_token_refused", False)
            assert TOKEN not in str(caught.value)
        assert len(http.asked) == 1
        assert ask(calls, page=OTHER_PAGE) == RECORD
        clock.at += 301
        assert ask(calls) == RECORD

    def test_a_refused_token_does_not_hide_its_successor(self) -> None:
        """Stored while the old one is being left alone."""
        http, secret = CannedGraph({LEAD: [error(190), Canned(told=RECORD)]}), FacebookSecret()
        calls = graph(http, secret)
        with pytest.raises(TryAgain):
            ask(calls)
        secret.later = secret_value(pages={PAGE: {"token": "fresh"}})
        assert ask(calls) == RECORD
        assert http.asked[-1].token == "fresh"

    def test_a_wrong_proof_is_no_fault_of_the_lead(self) -> None:
        """It has the code of a wrong question; while the app's secret is replaced, the other one is tried."""
        refused = error(100, message="Invalid appsecret_proof provided in the API argument")
        both = FacebookSecret(secret_value(previous_app_secret="old"))
        http = CannedGraph({LEAD: [refused, Canned(told=RECORD)]})
        assert ask(graph(http, both)) == RECORD
        old = hmac.new(b"old", TOKEN.encode(), hashlib.sha256).hexdigest()
        assert http.asked[-1].query["appsecret_proof"] == old
        assert fate(refused) == ("graph_proof_refused", False, 900)
        assert "app_secret" in failure(refused).detail


class TestPauses:
    def test_a_throttled_page_is_left_alone(self) -> None:
        """As long as Graph said; others are not concerned."""
        http = CannedGraph({LEAD: [error(80005, headers=usage(100, minutes=2)), Canned(told=RECORD)]})
        clock = Clock()
        calls = graph(http, now=clock)
        for rest in (120, 90):
            with pytest.raises(TryAgain) as caught:
                ask(calls)
            assert (caught.value.reason, caught.value.counts) == ("graph_throttled", False)
            assert caught.value.retry_after == rest
            clock.at += 30
        assert len(http.asked) == 1
        assert ask(calls, page=OTHER_PAGE) == RECORD
        clock.at += 61
        assert ask(calls) == RECORD

    def test_a_page_at_its_limit_is_left_alone_before_it_is_refused(self) -> None:
        """100 percent is what Graph refuses at."""
        http = CannedGraph({LEAD: Canned(told=RECORD, headers=usage(100, minutes=1))})
        calls = graph(http)
        assert ask(calls) == RECORD
        with pytest.raises(TryAgain, match="graph_throttled"):
            ask(calls, is_extra=True)

    def test_a_page_near_its_limit_slows_down(self) -> None:
        """Those turned away are told times one after the other; the next call passes when its time has come."""
        http, clock = CannedGraph({LEAD: Canned(told=RECORD, headers=usage(90))}), Clock()
        calls = graph(http, now=clock)
        ask(calls)
        waits = []
        for _ in range(3):
            with pytest.raises(TryAgain) as caught:
                ask(calls)
            waits.append(caught.value.retry_after or 0)
        assert 0.5 < waits[0] < 30
        assert waits == pytest.approx([waits[0], 2 * waits[0], 3 * waits[0]])
        clock.at += waits[0]
        assert ask(calls) == RECORD
        assert len(http.asked) == 2

    def test_a_second_call_for_one_lead_is_not_slowed(self) -> None:
        """Its form, say: the lead has had its turn; nor does that call take anybody else's."""
        http = CannedGraph({LEAD: Canned(told=RECORD, headers=usage(90))})
        calls = graph(http)
        ask(calls, is_extra=True)
        ask(calls)
        ask(calls, is_extra=True)
        with pytest.raises(TryAgain):
            ask(calls)

    def test_a_page_that_has_room_again_is_quick_again(self) -> None:
        """As soon as an answer says so."""
        http, clock = CannedGraph({LEAD: [Canned(told=RECORD, headers=usage(99)), Canned(told=RECORD)]}), Clock()
        calls = graph(http, now=clock)
        ask(calls)
        clock.at += 30
        for _ in range(3):
            ask(calls)
