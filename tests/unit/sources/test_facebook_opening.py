"""A Facebook lead as Graph has it, in the words of its form."""

import threading
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from leads.core.answers import Answers
from leads.core.errors import LeadError, TryAgain, Undeliverable
from leads.core.lead import Consent, Lead
from leads.sources.facebook import Facebook
from leads.sources.facebook_form import answers_of, consents_of, form_of, names_in
from tests.unit.sources.facebook_made import (
    DEADLINE,
    FORM,
    LEAD,
    NOW,
    OTHER_PAGE,
    PAGE,
    RECEIVED_AT,
    RECORD,
    Canned,
    CannedGraph,
    Clock,
    FacebookSecret,
    envelope,
    error,
    facebook,
    secret_value,
    usage,
)

LEFT_AT = NOW - 60
QUESTIONS = [
    {"key": "email", "id": "1", "label": "E-mail", "type": "EMAIL"},
    {"key": "call_me", "id": "2", "label": "Phone number", "type": "PHONE"},
    {
        "key": "budget",
        "id": "3",
        "label": "What is your budget?",
        "type": "CUSTOM",
        "options": [{"key": "k1", "value": "Over $1,000"}, {"key": "k2", "value": "Less"}],
    },
]
BOXES = [{"key": "news", "text": "Send me news."}, {"id": "b2", "text": "Call me."}, {"key": "empty", "text": ""}]
FORM_BODY = {
    "id": FORM,
    "name": "Spring form",
    "questions": QUESTIONS,
    "legal_content": {"custom_disclaimer": {"title": "Consent", "checkboxes": BOXES}},
}


def record(*fields: tuple[str, Any], **more: Any) -> dict[str, Any]:
    data = [{"name": name, "values": value if isinstance(value, list) else [value]} for name, value in fields]
    return {**RECORD, "field_data": data, **more}


def opened(body: dict[str, Any], form: Any = FORM_BODY) -> Lead:
    """The lead that Graph tells so, of such a form; None: the form cannot be read."""
    answers = {LEAD: Canned(told=body), FORM: error(100, 33) if form is None else Canned(told=form)}
    return facebook(CannedGraph(answers)).open(envelope(), deadline=DEADLINE)


def answers(*fields: tuple[str, Any], types: dict[str, str] | None = None) -> dict[str, Any]:
    """What comes of the fields. types: the form's questions, name → type; without it the form is not known."""
    form = {"questions": [{"key": name, "label": f"{name}?", "type": kind} for name, kind in (types or {}).items()]}
    return answers_of(record(*fields), form_of(form))


class TestLead:
    def test_a_whole_lead(self) -> None:
        """Answers, where it came from, and what the person agreed to."""
        lead = opened(
            record(
                ("email", "ada@example.com"),
                ("call_me", "+12125550123"),
                ("budget", "k1"),
                ad_id=7,
                ad_name="Blue",
                adset_id="8",
                adset_name="Cities",
                campaign_id="9",
                campaign_name="Spring",
                platform="ig",
                is_organic=False,
                custom_disclaimer_responses=[
                    {"checkbox_key": "news", "is_checked": "1"},
                    {"checkbox_key": "b2", "is_checked": ""},
                ],
            )
        )
        assert lead == Lead(
            source="facebook",
            account=PAGE,
            form=FORM,
            lead_id=LEAD,
            ledger_key=f"facebook#{PAGE}#{LEAD}",
            seal="",
            is_test=False,
            created_at=LEFT_AT,
            answers={
                "EMAIL": "ada@example.com", "PHONE_NUMBER": "+12125550123", "What is your budget?": "Over $1,000",
            },
            campaign={
                "campaign_id": "9", "campaign_name": "Spring", "ad_group_id": "8", "ad_group_name": "Cities",
                "ad_id": "7", "ad_name": "Blue", "form_name": "Spring form", "platform": "ig", "is_organic": "no",
            },
            consents=(
                Consent(key="news", text="Send me news.", given=True, at=LEFT_AT),
                Consent(key="b2", text="Call me.", given=False, at=LEFT_AT),
            ),
        )  # fmt: skip

    def test_all_useful_fields_are_named(self) -> None:
        """By default Graph tells neither consents nor campaign."""
        http = CannedGraph()
        facebook(http).open(envelope(), deadline=DEADLINE)
        fields = http.asked[0].query["fields"].split(",")
        assert http.asked[0].path == LEAD
        assert {
            "field_data", "created_time", "form_id", "is_organic", "platform", "custom_disclaimer_responses", "ad_name",
            "campaign_id", "campaign_name", "adset_id", "adset_name", "ad_id",
        } <= set(fields)  # fmt: skip

    def test_what_graph_leaves_out_is_not_there(self) -> None:
        """Campaigns need rights on the ad account; an organic lead has none."""
        assert opened(record(("email", "a@example.com"))).campaign == {"form_name": "Spring form"}

    def test_the_notice_helps_out(self) -> None:
        """With form, ad and time; what it calls adgroup_id is an old name of the ad."""
        body = record(("email", "a@example.com"), form_id=None, created_time=None)
        http = CannedGraph({LEAD: Canned(told=body), FORM: Canned(told=FORM_BODY)})
        sealed = envelope(ad_id="7", adgroup_id="7", created_time=1_799_999_000)
        lead = facebook(http).open(sealed, deadline=DEADLINE)
        assert (lead.form, lead.created_at, lead.campaign["ad_id"]) == (FORM, 1_799_999_000, "7")
        assert "ad_group_id" not in lead.campaign

    @pytest.mark.parametrize(
        ("told", "left_at"),
        [
            ("2027-01-15T07:59:00+0000", LEFT_AT),
            ("2027-01-15T08:59:00+01:00", LEFT_AT),
            ("2027-01-15T07:59:00", LEFT_AT),
            (1_799_999_940, LEFT_AT),
            ("1799999940", LEFT_AT),
            ("yesterday", None),
            (None, None),
            (True, None),
            (-5, None),
            (10**400, None),
        ],
    )
    def test_times(self, told: Any, left_at: float | None) -> None:
        """As Graph writes them, and as a notice does."""
        body = record(("email", "a@example.com"), created_time=told)
        http = CannedGraph({LEAD: Canned(told=body)})
        assert facebook(http).open(envelope(created_time=None), deadline=DEADLINE).created_at == left_at

    @pytest.mark.parametrize(
        ("value", "is_test"),
        [
            ("<test lead: dummy data for full_name>", True),
            ("<Test Lead: Dummy Data for email>", True),
            ("test lead", False),
            (["a", "<test lead: dummy data for x>"], True),
        ],
    )
    def test_the_testing_tool_is_known_by_what_it_fills_in(self, value: Any, is_test: bool) -> None:
        """It leaves no other mark."""
        assert opened(record(("email", "test@fb.com"), ("full_name", value))).is_test is is_test

    def test_a_lead_in_hand_is_not_fetched(self) -> None:
        """Its form is."""
        http = CannedGraph({FORM: Canned(told=FORM_BODY)})
        lead = facebook(http).open(envelope(content=record(("call_me", "5"))), deadline=DEADLINE)
        assert lead.answers == {"PHONE_NUMBER": "5"}
        assert http.paths() == [FORM]

    @pytest.mark.parametrize("raw", [None, {}, {"id": PAGE}, {"changes": [{"value": {"leadgen_id": "1"}}]}])
    def test_a_notice_without_page_or_lead_is_hopeless(self, raw: Any) -> None:
        """There is nothing to ask for."""
        source = facebook()
        with pytest.raises(Undeliverable, match="unreadable_notice"):
            source.open(source.wrap(raw, received_at=RECEIVED_AT), deadline=DEADLINE)

    @pytest.mark.parametrize("body", [{"id": LEAD}, {**RECORD, "field_data": None}, {**RECORD, "field_data": "x"}])
    def test_a_lead_without_its_answers_is_looked_at_again(self, body: Any) -> None:
        """It is not delivered as an empty one."""
        with pytest.raises(TryAgain, match="graph_unexpected"):
            opened(body)

    @pytest.mark.parametrize(
        ("answer", "pages"),
        [
            (error(190), [PAGE]),
            (error(10), [PAGE]),
            (error(100, message="Invalid appsecret_proof"), [PAGE]),
            (None, []),
        ],
    )
    def test_what_facebook_has_forgotten_is_not_waited_for(self, answer: Any, pages: list[str]) -> None:
        """Ninety days after the notice no token brings the lead back."""
        clock = Clock()
        secret = FacebookSecret(secret_value(pages={page: {"token": "t"} for page in pages}))
        source = facebook(CannedGraph({LEAD: answer}), secret, clock)
        clock.at = NOW + 89 * 86_400
        with pytest.raises(TryAgain):
            source.open(envelope(), deadline=clock.at + 10)
        clock.at = NOW + 91 * 86_400
        with pytest.raises(Undeliverable, match="lead_expired_at_facebook") as caught:
            source.open(envelope(), deadline=clock.at + 10)
        assert PAGE in caught.value.detail

    def test_what_has_another_reason_to_wait_does_wait(self) -> None:
        """A Graph that fails for a moment says nothing about the lead; nor is a time that cannot be read a long one."""
        clock = Clock()
        clock.at = NOW + 91 * 86_400
        with pytest.raises(TryAgain, match="graph_5xx"):
            facebook(CannedGraph({LEAD: error(2)}), now=clock).open(envelope(), deadline=clock.at + 10)
        timeless = msgspec.structs.replace(envelope(created_time=None), received_at="x")
        with pytest.raises(TryAgain, match="graph_token_refused"):
            facebook(CannedGraph({LEAD: error(190)}), now=clock).open(timeless, deadline=clock.at + 10)

    def test_failures_name_nobody(self) -> None:
        """Graph's text may quote the person."""
        with pytest.raises(LeadError) as caught:
            facebook(CannedGraph({LEAD: error(190)})).open(envelope(), deadline=DEADLINE)
        assert caught.value.reason == "graph_token_refused"
        assert "ada" not in str(caught.value)

    def test_one_page_does_not_wait_for_another(self) -> None:
        """A dead token is one page's."""
        http = CannedGraph({"1": error(190)})
        source = facebook(http)
        with pytest.raises(TryAgain):
            source.open(envelope("1"), deadline=DEADLINE)
        assert source.open(envelope(page=OTHER_PAGE), deadline=DEADLINE).account == OTHER_PAGE


class TestAnswers:
    @pytest.mark.parametrize(
        ("kind", "key"),
        [
            ("EMAIL", "EMAIL"), ("PHONE", "PHONE_NUMBER"), ("PHONE_OTP", "PHONE_NUMBER"), ("FULL_NAME", "FULL_NAME"),
            ("FIRST_NAME", "FIRST_NAME"), ("LAST_NAME", "LAST_NAME"), ("STREET_ADDRESS", "ADDRESS"), ("CITY", "CITY"),
            ("STATE", "STATE_PROVINCE"), ("PROVINCE", "STATE_PROVINCE"), ("POST_CODE", "ZIP_CODE"), ("ZIP", "ZIP_CODE"),
            ("COUNTRY", "COUNTRY"), ("DOB", "DATE_OF_BIRTH"), ("GENDER", "GENDER"), ("COMPANY_NAME", "COMPANY_NAME"),
            ("WEBSITE", "WEBSITE"), ("WORK_EMAIL", "WORK_EMAIL"), ("WORK_PHONE_NUMBER", "WORK_PHONE_NUMBER"),
            ("WHATSAPP_NUMBER", "WHATSAPP_NUMBER"), ("USER_PROVIDED_PHONE_NUMBER", "USER_PROVIDED_PHONE_NUMBER"),
            ("JOB_TITLE", "JOB_TITLE"), ("VIN", "VIN"), ("ID_CPF", "ID_CPF"), ("ID_BR_NEW", "ID_BR_NEW"),
            ("CUSTOM", "x1?"), ("SLIDER", "x1?"), ("DATE_TIME", "x1?"), ("SOMETHING_LATER", "x1?"), ("", "x1?"),
            ("email", "EMAIL"),
        ],
    )  # fmt: skip
    def test_the_type_decides_and_not_the_name(self, kind: str, key: str) -> None:
        """A form's owner may rename keys; a custom question goes by its label."""
        assert answers(("x1", "a"), types={"x1": kind}) == {key: "a"}

    @pytest.mark.parametrize(
        ("name", "key"),
        [
            ("email", "EMAIL"), ("phone_number", "PHONE_NUMBER"), ("full_name", "FULL_NAME"), ("zip_code", "ZIP_CODE"),
            ("post_code", "ZIP_CODE"), ("street_address", "ADDRESS"), ("province", "STATE_PROVINCE"),
            ("date_of_birth", "DATE_OF_BIRTH"), ("company_name", "COMPANY_NAME"), ("job_title", "JOB_TITLE"),
            ("work_email", "WORK_EMAIL"), ("what_is_your_budget?", "what_is_your_budget?"), ("你的预算", "你的预算"),
            ("id_cpf", "ID_CPF"), ("cpf", "ID_CPF"), ("", "unnamed question"),
        ],
    )  # fmt: skip
    def test_without_the_form_the_name_decides(self, name: str, key: str) -> None:
        """Standard questions are named like their type."""
        assert answers((name, "a")) == {key: "a"}

    def test_values(self) -> None:
        """None is no answer, one is a text, several are a list; empty ones do not count."""
        assert answers(("a", []), ("b", ["", " "]), ("c", ["1", "", "2"]), ("d", ["x"]), ("e", [None]), ("f", [5])) == {
            "c": ["1", "2"], "d": "x", "f": "5",
        }  # fmt: skip

    def test_an_option_is_shown_as_the_person_saw_it(self) -> None:
        """Graph has its key; what is no option stays as it is."""
        lead = opened(record(("budget", ["k2", "k1", "k3", "Less"])))
        assert lead.answers == {"What is your budget?": ["Less", "Over $1,000", "k3", "Less"]}

    def test_two_questions_of_one_kind_both_survive(self) -> None:
        """In their order; a standard question comes before one that is only named like it."""
        found = answers(
            ("c", "custom"), ("a", "1"), ("b", "2"), ("d", "3"), types={"a": "ZIP", "b": "POST_CODE", "d": "ID_CPF"}
        )
        assert found == {"c": "custom", "ZIP_CODE": "1", "ZIP_CODE (2)": "2", "ID_CPF": "3"}
        twice = {"questions": [{"key": key, "label": "EMAIL", "type": kind} for key, kind in
                               (("a", "CUSTOM"), ("b", "EMAIL"), ("c", "CUSTOM"))]}  # fmt: skip
        body = record(("a", "x"), ("b", "ada@example.com"), ("c", "y"))
        assert answers_of(body, form_of(twice)) == {"EMAIL (2)": "x", "EMAIL": "ada@example.com", "EMAIL (3)": "y"}
        assert list(answers_of(body, form_of(twice)).values()) == ["x", "ada@example.com", "y"]

    @pytest.mark.parametrize(
        ("told", "date"),
        [
            ("03/04/1990", "1990-03-04"), ("3/4/1990", "1990-03-04"), ("13/04/1990", "13/04/1990"),
            ("02/30/1990", "02/30/1990"), ("1990-03-04", "1990-03-04"), ("04.03.1990", "04.03.1990"),
        ],
    )  # fmt: skip
    def test_a_date_of_birth_is_written_so_that_nobody_misreads_it(self, told: str, date: str) -> None:
        """Facebook puts the month first."""
        assert answers(("dob", told), types={"dob": "DOB"}) == {"DATE_OF_BIRTH": date}
        assert answers(("when", told), types={"when": "CUSTOM"}) == {"when?": told}

    @given(
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(max_size=6),
            lambda inner: st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    ("name", "values", "questions", "key", "type", "options", "value", "field_data", "legal_content",
                     "custom_disclaimer", "checkboxes", "custom_disclaimer_responses", "checkbox_key", "label")
                ),
                inner,
                max_size=4,
            ),
            max_leaves=15,
        )
    )  # fmt: skip
    def test_whatever_graph_says_can_be_read(self, junk: Any) -> None:
        """No answer is worth an exception."""
        bodies = [junk] if isinstance(junk, dict) else []
        bodies += [{"questions": junk, "field_data": junk, "custom_disclaimer_responses": junk, "legal_content": junk}]
        for body in bodies:
            form = form_of(body)
            Answers(answers_of(body, form))
            consents_of(body, form, at=None)
            form.knows(names_in(body))


class TestConsents:
    @pytest.mark.parametrize(
        ("told", "given"),
        [
            ("1", True),
            (True, True),
            (1, True),
            ("true", True),
            ("", False),
            ("0", False),
            (None, False),
            (False, False),
        ],
    )
    def test_a_tick(self, told: Any, given: bool) -> None:
        """Documented are "1" and "", others have been seen."""
        body = record(custom_disclaimer_responses=[{"checkbox_key": "news", "is_checked": told}])
        assert [consent.given for consent in opened(body).consents] == [given]

    @pytest.mark.parametrize(
        ("key", "text"), [("news", "Send me news."), ("b2", "Call me."), ("empty", "empty"), ("gone", "gone")]
    )
    def test_a_disclaimer_goes_by_its_text(self, key: str, text: str) -> None:
        """By its key where the form does not tell."""
        body = record(custom_disclaimer_responses=[{"checkbox_key": key, "is_checked": "1"}])
        (consent,) = opened(body).consents
        assert (consent.key, consent.text) == (key, text)

    def test_checkboxes_may_be_an_edge(self) -> None:
        """With their list under `data`."""
        form = form_of({"legal_content": {"custom_disclaimer": {"checkboxes": {"data": BOXES}}}})
        assert form.disclaimers["news"] == "Send me news."


class TestForms:
    BODY = record(("call_me", "+12125550123"))

    def source(self, *forms: Any, clock: Clock | None = None) -> tuple[Facebook, CannedGraph]:
        http = CannedGraph({LEAD: Canned(told=self.BODY), FORM: list(forms)})
        return facebook(http, now=clock), http

    def test_a_form_is_read_once_in_ten_minutes(self) -> None:
        """Not with every lead."""
        clock = Clock()
        source, http = self.source(Canned(told=FORM_BODY), clock=clock)
        for _ in range(3):
            assert source.open(envelope(), deadline=DEADLINE).answers == {"PHONE_NUMBER": "+12125550123"}
        assert http.paths().count(FORM) == 1
        clock.at += 601
        source.open(envelope(), deadline=DEADLINE + 601)
        assert http.paths().count(FORM) == 2

    def test_a_question_that_the_form_lacks_has_it_read_anew(self) -> None:
        """At most once a minute."""
        clock = Clock()
        older = {"questions": QUESTIONS[:1]}
        source, http = self.source(Canned(told=older), Canned(told=FORM_BODY), clock=clock)
        for _ in range(2):
            assert source.open(envelope(), deadline=DEADLINE).answers == {"call_me": "+12125550123"}
        assert http.paths().count(FORM) == 1
        clock.at += 61
        assert source.open(envelope(), deadline=DEADLINE + 61).answers == {"PHONE_NUMBER": "+12125550123"}

    @pytest.mark.parametrize("answer", [error(100, 33), error(100), error(10)])
    def test_a_form_that_may_not_be_read_does_not_cost_the_lead(self, answer: Any) -> None:
        """It is mapped by names, and the form asked for again a minute later at the earliest."""
        clock = Clock()
        source, http = self.source(answer, clock=clock)
        for _ in range(2):
            assert source.open(envelope(), deadline=DEADLINE).answers == {"call_me": "+12125550123"}
        asked = http.paths().count(FORM)
        http.answers[FORM] = Canned(told=FORM_BODY)
        clock.at += 61
        assert source.open(envelope(), deadline=DEADLINE + 61).answers == {"PHONE_NUMBER": "+12125550123"}
        assert http.paths().count(FORM) == asked + 1

    @pytest.mark.parametrize(
        ("answer", "reason"),
        [
            (error(1, status=500), "graph_5xx"), (error(2), "graph_5xx"), (Canned(200, b"x"), "graph_unexpected"),
            (TryAgain("graph_timeout"), "graph_timeout"), (TryAgain("graph_unreachable"), "graph_unreachable"),
            (TryAgain("out_of_time", counts=False), "out_of_time"),
        ],
    )  # fmt: skip
    def test_a_lead_waits_for_a_form_that_nobody_has_read_yet(self, answer: Any, reason: str) -> None:
        """Without it an e-mail under a name of its own would be lost, and the lead is delivered once."""
        source, http = self.source(answer)
        for _ in range(2):
            with pytest.raises(TryAgain, match=reason):
                source.open(envelope(), deadline=DEADLINE)
        http.answers[FORM] = Canned(told=FORM_BODY)
        assert source.open(envelope(), deadline=DEADLINE).answers == {"PHONE_NUMBER": "+12125550123"}

    def test_a_lead_that_finds_its_form_being_read_waits_for_it(self) -> None:
        """Nor is it delivered without when its time is up before the form is there."""

        class Slow(CannedGraph):
            def request(self, method: str, url: str, **more: Any) -> Canned:
                if url.partition("?")[0].endswith(f"/{FORM}"):
                    reading.set()
                    late.wait(10)
                return super().request(method, url, **more)

        reading, late = threading.Event(), threading.Event()
        source = facebook(Slow({LEAD: Canned(told=self.BODY), FORM: Canned(told=FORM_BODY)}))
        first = threading.Thread(target=lambda: source.open(envelope(), deadline=DEADLINE))
        first.start()
        reading.wait(10)
        with pytest.raises(TryAgain, match="out_of_time") as caught:
            source.open(envelope(), deadline=NOW)
        late.set()
        first.join()
        assert not caught.value.counts

    def test_what_was_known_of_a_form_outlives_its_readability(self) -> None:
        """A failing Graph takes nothing away."""
        clock = Clock()
        source, _ = self.source(Canned(told=FORM_BODY), error(1), clock=clock)
        source.open(envelope(), deadline=DEADLINE)
        clock.at += 601
        assert source.open(envelope(), deadline=DEADLINE + 601).answers == {"PHONE_NUMBER": "+12125550123"}

    def test_a_throttled_page_lets_the_lead_wait_for_its_form(self) -> None:
        """It would have to wait in any case, and then it is mapped as it should be."""
        source, _ = self.source(error(80005))
        with pytest.raises(TryAgain, match="graph_throttled"):
            source.open(envelope(content=self.BODY), deadline=DEADLINE)

    def test_legal_content_that_is_not_shown_does_not_cost_the_questions(self) -> None:
        """Some forms refuse it with code 100."""
        plain = {name: FORM_BODY[name] for name in ("id", "name", "questions")}
        source, http = self.source(error(100), error(100), Canned(told=plain))
        assert source.open(envelope(), deadline=DEADLINE).answers == {"PHONE_NUMBER": "+12125550123"}
        assert "legal_content" not in http.asked[-1].query["fields"]

    def test_a_form_is_read_although_its_page_is_slowed(self) -> None:
        """The lead has had its turn."""
        http = CannedGraph({LEAD: Canned(told=self.BODY, headers=usage(95)), FORM: Canned(told=FORM_BODY)})
        assert facebook(http).open(envelope(), deadline=DEADLINE).answers == {"PHONE_NUMBER": "+12125550123"}

    def test_a_lead_without_a_form_has_none_read(self) -> None:
        """There is nothing to ask for."""
        body = {name: value for name, value in RECORD.items() if name != "form_id"}
        http = CannedGraph({LEAD: Canned(told=body)})
        lead = facebook(http, FacebookSecret(secret_value())).open(envelope(form_id=None), deadline=DEADLINE)
        assert (lead.form, http.paths()) == ("", [LEAD])
