"""Forms and leads of a page, as a reconciliation asks for them."""

import json
from typing import Any

import pytest

from leads.core.errors import LeadError, Misconfigured, TryAgain
from leads.core.parked_lead import body_of
from leads.core.reconciling import Page, Scope
from leads.sources.facebook_pull import FacebookPull
from tests.unit.sources.facebook_made import (
    DEADLINE,
    FORM,
    LEAD,
    NOW,
    OTHER_PAGE,
    PAGE,
    RECORD,
    TOKEN,
    Canned,
    CannedGraph,
    Clock,
    FacebookSecret,
    error,
    facebook,
    secret_value,
    usage,
)

FORMS = f"{PAGE}/leadgen_forms"
LEADS = f"{FORM}/leads"


def listed(*items: Any, after: str = "", is_last: bool = False, **headers: str) -> Canned:
    """One page of a list; Graph names a cursor on the last one, too, and no `next`."""
    paging: dict[str, Any] = {"cursors": {"before": "b", "after": after}} if after else {}
    if after and not is_last:
        paging["next"] = f"https://graph.example/v26.0/x?access_token={TOKEN}&after={after}"
    return Canned(told={"data": list(items), "paging": paging}, headers=headers)


def pull(
    answers: dict[str, Any], secret: FacebookSecret | None = None, clock: Clock | None = None
) -> tuple[FacebookPull, CannedGraph]:
    http, clock = CannedGraph(answers), clock or Clock()
    return FacebookPull(facebook(http, secret, clock), now=clock), http


def page(
    answers: dict[str, Any], cursor: str = "", form: str = FORM, since: float = NOW - 100
) -> tuple[Page, CannedGraph]:
    puller, http = pull(answers)
    scope = Scope(source="facebook", account=PAGE, form=form, since=since, until=NOW + 0.5)
    return puller.page(scope, cursor, deadline=DEADLINE), http


class TestForms:
    def test_every_form_of_a_page(self) -> None:
        """Of any status, each once, over all the list's pages; by the cursor and never by an address in the answer."""
        puller, http = pull(
            {FORMS: [listed({"id": 1, "status": "ACTIVE"}, {"id": "2", "status": "ARCHIVED"}, after="c/1="),
                     listed({"id": "2"}, {"id": "3"}, None, {"status": "x"}, after="c2", is_last=True)]}
        )  # fmt: skip
        assert puller.forms(PAGE, deadline=DEADLINE) == [(PAGE, "1"), (PAGE, "2"), (PAGE, "3")]
        assert [asked.query.get("after") for asked in http.asked] == [None, "c/1="]
        assert {asked.query["limit"] for asked in http.asked} == {"100"}
        assert all(TOKEN not in asked.url for asked in http.asked)

    def test_every_page_of_the_secret(self) -> None:
        """When none is named."""
        puller, _ = pull({FORMS: listed({"id": "1"}), f"{OTHER_PAGE}/leadgen_forms": listed({"id": "2"})})
        assert puller.forms("", deadline=DEADLINE) == [(PAGE, "1"), (OTHER_PAGE, "2")]

    def test_a_page_that_cannot_be_asked_does_not_stop_the_others(self) -> None:
        """It stays in the list, so that it is not forgotten; named alone it raises."""
        puller, _ = pull({FORMS: error(190), f"{OTHER_PAGE}/leadgen_forms": listed({"id": "2"})})
        assert puller.forms("", deadline=DEADLINE) == [(PAGE, ""), (OTHER_PAGE, "2")]
        with pytest.raises(TryAgain, match="graph_token_refused"):
            puller.forms(PAGE, deadline=DEADLINE)

    def test_a_secret_without_pages_has_nothing_to_reconcile(self) -> None:
        """One that cannot be read is said loudly."""
        puller, _ = pull({}, FacebookSecret(secret_value(pages=[])))
        assert puller.forms("", deadline=DEADLINE) == []
        puller, _ = pull({}, FacebookSecret("unreadable"))
        with pytest.raises(Misconfigured):
            puller.forms("", deadline=DEADLINE)

    def test_a_list_without_an_end_is_a_fault(self) -> None:
        """It is not followed for ever."""
        puller, http = pull({FORMS: listed({"id": "1"}, after="same")})
        with pytest.raises(TryAgain, match="graph_unexpected"):
            puller.forms(PAGE, deadline=DEADLINE)
        assert len(http.asked) == 100


class TestPage:
    def test_the_time_is_filtered_over_there(self) -> None:
        """From since until before until, in whole seconds around them; all fields are named, a hundred at a time."""
        _, http = page({LEADS: listed()}, since=NOW - 100.5)
        query = http.asked[0].query
        assert json.loads(query["filtering"]) == [
            {"field": "time_created", "operator": "GREATER_THAN_OR_EQUAL", "value": NOW - 101},
            {"field": "time_created", "operator": "LESS_THAN", "value": NOW + 1},
        ]
        assert query["limit"] == "100"
        assert "custom_disclaimer_responses" in query["fields"]
        assert "after" not in query

    def test_leads_come_as_their_notices_would_have_brought_them(self) -> None:
        """One key in the ledger either way, ids only in what may be parked, and the lead itself in hand."""
        found, http = page({LEADS: listed({**RECORD, "ad_id": "7"})})
        (envelope,) = found.envelopes
        assert envelope.ledger_key == f"facebook#{PAGE}#{LEAD}"
        assert envelope.content == {**RECORD, "ad_id": "7"}
        assert envelope.received_at == "2027-01-15T08:00:00.000+00:00"
        assert "ada" not in body_of(envelope)
        assert envelope.raw["changes"][0]["value"] == {
            "leadgen_id": LEAD, "page_id": PAGE, "form_id": FORM, "ad_id": "7",
            "created_time": "2027-01-15T07:59:00+0000",
        }  # fmt: skip
        lead = facebook(http).open(envelope, deadline=DEADLINE)
        assert (lead.form, lead.answers) == (FORM, {"EMAIL": "ada@example.com"})
        assert LEAD not in http.paths()

    def test_a_cursor_leads_on(self) -> None:
        """Until there is no next page; the address in the answer holds a token and is not followed."""
        found, _ = page({LEADS: listed(RECORD, after="c1")})
        assert found.cursor == "c1"
        found, http = page({LEADS: listed(RECORD, after="c2", is_last=True)}, cursor="c1")
        assert found.cursor == ""
        assert http.asked[0].query["after"] == "c1"

    @pytest.mark.parametrize("paging", [None, {}, [], {"next": ""}, {"cursors": {"after": "x"}}])
    def test_a_list_that_ends(self, paging: Any) -> None:
        """In any of these ways."""
        assert page({LEADS: Canned(told={"data": [], "paging": paging})})[0] == Page()

    @pytest.mark.parametrize(
        "told",
        [
            {"data": None}, {"paging": {}}, {"data": [], "paging": {"next": "x"}},
            {"data": [], "paging": {"next": "x", "cursors": {"after": "c" * 5000}}},
        ],
    )  # fmt: skip
    def test_a_list_that_cannot_be_followed_is_tried_again(self, told: Any) -> None:
        """A reconciliation must not believe that it has seen the end."""
        with pytest.raises(TryAgain, match="graph_unexpected"):
            page({LEADS: Canned(told=told)})

    def test_junk_in_a_list_costs_nobody(self) -> None:
        """What has no id is no lead."""
        assert len(page({LEADS: listed(None, 5, {}, {"id": None}, RECORD)})[0].envelopes) == 1

    @pytest.mark.parametrize(("percent", "minutes", "wait"), [(49, 0, 0), (50, 0, 300), (70, 10, 600), (99, 0, 300)])
    def test_half_of_the_quota_is_left_to_live_leads(self, percent: float, minutes: float, wait: float) -> None:
        """The page waits before the next list."""
        assert page({LEADS: listed(RECORD, after="c", **usage(percent, minutes))})[0].wait == wait

    def test_nothing_is_asked_while_a_page_rests(self) -> None:
        """Neither for another form nor for the forms; once the rest is over, one call looks how things stand."""
        clock = Clock()
        busy, calm = listed(**usage(79, 10)), listed(**usage(20))
        answers = {"1/leads": [busy, busy, calm], "2/leads": calm, f"{OTHER_PAGE}/leadgen_forms": listed({"id": "8"})}
        puller, http = pull({FORMS: listed({"id": "1"}, {"id": "2"}, **usage(49)), **answers}, clock=clock)
        scopes = {
            form: Scope(source="facebook", account=account, form=form, since=0, until=NOW)
            for account, form in puller.forms(PAGE, deadline=DEADLINE)
        }

        def rests(form: str, cursor: str = "") -> float | None:
            with pytest.raises(TryAgain) as caught:
                puller.page(scopes[form], cursor, deadline=clock.at + 10)
            assert (caught.value.reason, caught.value.counts) == ("graph_throttled", False)
            return caught.value.retry_after

        assert puller.page(scopes["1"], "", deadline=DEADLINE).wait == 600
        clock.at += 200
        assert (rests("1", "c1"), rests("2")) == (400, 400)
        with pytest.raises(TryAgain, match="graph_throttled"):
            puller.forms(PAGE, deadline=DEADLINE)
        assert puller.forms("", deadline=DEADLINE) == [(PAGE, ""), (OTHER_PAGE, "8")]
        clock.at += 400
        assert puller.page(scopes["1"], "", deadline=clock.at + 10).wait == 600
        assert rests("2") == 600
        clock.at += 600
        assert puller.page(scopes["1"], "", deadline=clock.at + 10).wait == 0
        assert puller.page(scopes["2"], "", deadline=clock.at + 10).wait == 0
        assert http.paths() == [FORMS, "1/leads", f"{OTHER_PAGE}/leadgen_forms", "1/leads", "1/leads", "2/leads"]

    def test_all_forms_of_a_busy_page_get_on(self) -> None:
        """Their list tells of the quota, too, and must not keep the leads from being asked for."""
        answers = {FORMS: listed({"id": "1"}, **usage(60)), "1/leads": listed({"id": "11"}, **usage(60))}
        found, _ = page(answers, form="")
        assert [envelope.lead_id for envelope in found.envelopes] == ["11"]

    def test_a_throttled_page_says_how_long(self) -> None:
        """Like for a single lead."""
        with pytest.raises(TryAgain) as caught:
            page({LEADS: error(80005, headers=usage(100, 3))})
        assert (caught.value.reason, caught.value.counts, caught.value.retry_after) == ("graph_throttled", False, 180)

    def test_all_forms_of_a_page_one_after_the_other(self) -> None:
        """A page whose forms could not be listed is done by cursors that name the form."""
        answers = {
            FORMS: listed({"id": "2"}, {"id": "1"}),
            "1/leads": [listed({"id": "11"}, after="c1"), listed({"id": "12"})],
            "2/leads": listed({"id": "21", "form_id": "2"}),
        }
        puller, _ = pull(answers)
        scope = Scope(source="facebook", account=PAGE, form="", since=0, until=NOW)
        cursors, seen = [""], []
        for _ in range(3):
            found = puller.page(scope, cursors[-1], deadline=DEADLINE)
            cursors.append(found.cursor)
            seen += [(envelope.lead_id, envelope.content["form_id"]) for envelope in found.envelopes]
        assert seen == [("11", "1"), ("12", "1"), ("21", "2")]
        assert cursors == ["", "1|c1", "2|", ""]

    def test_all_forms_of_a_page_that_still_cannot_be_asked(self) -> None:
        """Its own error comes up; a page without forms has no leads."""
        with pytest.raises(LeadError, match="graph_token_refused"):
            page({FORMS: error(190)}, form="")
        assert page({FORMS: listed()}, form="")[0] == Page()
