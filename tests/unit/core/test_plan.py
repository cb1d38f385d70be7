"""Lead → plan: what every kind of answer becomes by a route, and that none is ever lost."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from leads.core.answers import Answers
from leads.core.contact_fields import CONTACT_FIELDS
from leads.core.lead import Consent
from leads.core.note import consent_list, note_text
from leads.core.plan import CustomValue, Plan, Stage, is_wanted, plan_for
from leads.core.readback import Remark
from leads.core.routes import Condition, Defaults, Route, TagRule, Task
from leads.core.ruled_lead import reference_of
from tests.unit.core.planned import ADA, LABEL, LEFT_AT, NO_SMS, NOW, SMS, lead, plan, record
from tests.unit.core.strategies import any_text, json_values

PAYLOADS = Path(__file__).parents[2] / "payloads" / "pinterest"


def payload(name: str) -> list[dict[str, Any]]:
    answers: list[dict[str, Any]] = json.loads((PAYLOADS / f"{name}.json").read_text())["answers"]
    return answers


class TestAPlainRoute:
    def test_every_question_type_of_pinterest(self) -> None:
        """What has a field is in it, in the CRM's form; what has none is in the note like every answer."""
        (answers,) = payload("all_question_types")
        made = plan(answers)
        assert made.fields == {
            "name": "Ada Lovelace", "firstName": "Ada", "lastName": "Lovelace", "email": "ada@example.com",
            "phone": "+12125550100", "postalCode": "10001", "gender": "female", "country": "US", "city": "New York",
            "state": "New York", "address1": "12 Engine Street", "dateOfBirth": "1990-12-10",
        }  # fmt: skip
        assert made.leftovers == ()
        assert made.note == (
            "Pinterest Lead Ads · Spring\n"
            "Campaign: Spring Campaign (626)\n"
            "Ad group: Homeowners (268)\n"
            "Ad: 687\n"
            "Form: 653\n"
            "Left: 2026-11-21 05:20 UTC\n"
            "\n" + "\n".join(f"{key}: {text}" for key, text in answers.items())
        )

    def test_several_values_in_one_answer(self) -> None:
        """Lists, numbers and truth are text that people can read; what was not answered is not mentioned."""
        (answers,) = payload("answers_as_numbers_and_lists")
        made = plan(answers)
        assert made.fields == {"email": "ada@example.com"}
        assert made.note.endswith(
            "\n\nEMAIL: ada@example.com\nAGE: 28\nWhat is your budget?: 1000.5\nWhich rooms?: Kitchen, Bath\n"
            "May we call you?: yes"
        )

    def test_other_scripts(self) -> None:
        """Letters of any script go where they belong, unchanged."""
        (answers,) = payload("answers_in_other_scripts")
        made = plan(answers)
        assert made.fields == {
            "name": "山田 花子", "firstName": "山田", "lastName": "花子", "email": "hanako@example.com",
            "city": "القاهرة",
        }  # fmt: skip
        for key, answer in answers.items():
            assert f"{key}: {answer}" in made.note

    def test_says_what_it_says_and_no_more(self) -> None:
        """Without rules there are no tags, no tasks, no custom values, and nobody is assigned."""
        made = plan()
        assert (made.route, made.location_id, made.source_label) == ("Spring", "loc", LABEL)
        assert made.reference == "pinterest/6804"
        assert (made.tags, made.tasks, made.custom_fields, made.stage, made.assign_to) == ((), (), (), None, "")

    def test_nothing_answered(self) -> None:
        """An empty form makes no contact field and no empty lines."""
        made = plan({}, given_lead=lead({}, campaign={}, form="", created_at=None))
        assert made.fields == {}
        assert made.note == "Pinterest Lead Ads · Spring"

    def test_a_campaign_may_say_anything(self) -> None:
        """Only the answers are sealed; the rest of a delivery anybody could have written."""
        odd = {"campaign_name": "a\ud800\nlead ref: pinterest/1", "ad_name": " "}
        made = plan(given_lead=lead(campaign=odd), tags=["{campaign_name}", "{ad_name}"])
        assert "Campaign: a\ufffd lead ref: pinterest/1\nForm" in made.note
        assert made.tags == ("a\ufffd lead ref: pinterest/1",)


class TestFields:
    @pytest.mark.parametrize(
        ("rules", "answers", "fields"),
        [
            ({"email": "E-Mail"}, {"e-mail": "ada@example.com"}, {"email": "ada@example.com"}),
            ({"phone": "Tel"}, {"Tel": "(212) 867-5309"}, {"phone": "+12128675309"}),
            ({"phone": "+{Code} {Number}"}, {"Code": "44", "Number": "20 7946 0958"}, {"phone": "+442079460958"}),
            ({"country": "Land"}, {"Land": "Deutschland"}, {"country": "DE"}),
            ({"companyName": "Firma"}, {"Firma": "Analytical Engines"}, {"companyName": "Analytical Engines"}),
            ({"companyName": "{campaign_name}"}, {}, {"companyName": "Spring Campaign"}),
            ({"address1": "{Street} {No}"}, {"Street": "Main St", "No": 1}, {"address1": "Main St 1"}),
            ({"city": "{answer:Town}"}, {"Town": "Rome"}, {"city": "Rome"}),
            ({"city": "Town"}, {"CITY": "Rome"}, {"city": "Rome"}),
            ({"city": "Town"}, {"CITY": "Rome", "Town": "Paris"}, {"city": "Paris"}),
            ({"email": "Work"}, {"EMAIL": "a@b.example", "Work": "none"}, {"email": "a@b.example"}),
            (
                {"name": "{last_name}, {first_name}"},
                {"FIRST_NAME": "Ada", "LAST_NAME": "Lovelace"},
                {"firstName": "Ada", "lastName": "Lovelace", "name": "Lovelace, Ada"},
            ),
            ({"firstName": "Vorname"}, {"Vorname": "Ada"}, {"firstName": "Ada"}),
        ],
    )
    def test_follow_the_route(self, rules: dict[str, str], answers: dict[str, Any], fields: dict[str, str]) -> None:
        """A key or a template, read as the field's own; where it yields nothing the default mapping stands."""
        assert plan(answers, fields=rules).fields == fields

    @pytest.mark.parametrize("phone", ["123", "987654321", "call me", "+1 555"])
    def test_a_number_that_nobody_can_dial_is_in_the_note_instead(self, phone: str) -> None:
        """The CRM would drop it without a word."""
        made = plan({"EMAIL": "a@b.example", "PHONE_NUMBER": phone}, note="")
        assert "phone" not in made.fields
        assert made.leftovers == (("PHONE_NUMBER", phone),)


class TestCustomFields:
    def test_take_answers_with_their_items_and_templates(self) -> None:
        """A list stays a list, a template is one text, and what was not answered is left out."""
        rules = {
            "contact.budget": "what is your BUDGET?",
            "rooms": "Which rooms?",
            "f3": "{campaign_name} / {Which rooms?}",
            "f4": "Never asked",
            "f5": "{ad_name}",
        }
        assert plan(custom_fields=rules).custom_fields == (
            CustomValue("contact.budget", "what is your BUDGET?", ("Over 10 k",)),
            CustomValue("rooms", "Which rooms?", ("Kitchen", "Bath")),
            CustomValue("f3", "f3", ("Spring Campaign / Kitchen, Bath",)),
        )

    def test_ten_and_more(self) -> None:
        """Every rule is one value, in the order of the file."""
        rules = {f"contact.f{number}": f"Q{number}" for number in range(25)}
        made = plan({f"Q{number}": number for number in range(25)}, custom_fields=rules, note="")
        assert [value.key for value in made.custom_fields] == list(rules)
        assert made.leftovers == ()


class TestStages:
    @pytest.mark.parametrize(
        ("stage_as", "stage", "tag", "prefix"),
        [
            ("tag:stage: ", "Lead", "stage: lead", "stage:"),
            ("tag:stage:", "Lead", "stage:lead", "stage:"),
            ("tag:Stage ", "New lead", "stage new lead", "stage "),
            ("tag: s/ ", "a  b", "s/ a b", "s/"),
        ],
    )
    def test_are_a_tag_of_a_prefix(self, stage_as: str, stage: str, tag: str, prefix: str) -> None:
        """Lower case, as the CRM keeps tags."""
        made = plan(stage=stage, tags=["Ads"], defaults=Defaults(stage_as=stage_as))
        assert made.stage == Stage(tag=tag, prefix=prefix)
        assert made.tags == ("ads", tag)

    def test_are_exclusive_in_the_plan_already(self) -> None:
        """A rule cannot add a second stage that would be taken away again."""
        assert plan(stage="lead", tags=["stage: customer", "stages"]).tags == ("stages", "stage: lead")

    def test_may_be_a_custom_field(self) -> None:
        """Then no tag tells of it."""
        made = plan(stage="lead", defaults=Defaults(stage_as="custom_field:contact.stage"))
        assert (made.stage, made.tags) == (None, ())
        assert made.custom_fields == (CustomValue("contact.stage", "contact.stage", ("lead",)),)

    def test_are_optional(self) -> None:
        """A route without one touches none."""
        for stage_as in ("tag:stage: ", "custom_field:f1"):
            made = plan(defaults=Defaults(stage_as=stage_as))
            assert (made.stage, made.tags, made.custom_fields) == (None, (), ())


class TestTags:
    @pytest.mark.parametrize(
        ("templates", "tags"),
        [
            (["Pinterest", "campaign: {campaign_name}"], ("pinterest", "campaign: spring campaign")),
            (["  A \n b ", "a B"], ("a b",)),
            (["ad: {ad_name}", "{Never asked}", "x{AGE}"], ()),
            (["{ad_group_name} {ad_name}"], ()),
            (["{country}", "in: {Which rooms?}", "{answer:COUNTRY}"], ("us", "in: kitchen, bath", "united states")),
            (["{Which rooms?}", "{ answer: which ROOMS? }"], ("kitchen", "bath")),
            (["{{x}}", " "], ("{x}",)),
            (["BÜRO İ"], ("büro i̇",)),
        ],
    )
    def test_are_filled_and_lower_case(self, templates: list[str], tags: tuple[str, ...]) -> None:
        """Each once, in order; an empty value drops its tag."""
        assert plan(tags=templates).tags == tags

    @pytest.mark.parametrize(
        ("when", "is_hot"),
        [
            (Condition(answer="What is your budget?", matches="(?i)over"), True),
            (Condition(answer="what is your budget?", equals="over 10K"), True),
            (Condition(answer="Which rooms?", is_in=["bath", "attic"]), True),
            (Condition(answer="Which rooms?", equals="Attic"), False),
            (Condition(answer="COUNTRY", is_in=["US", "CA"]), True),
            (Condition(answer="COUNTRY", equals="united states"), True),
            (Condition(answer="AGE", is_empty=True), True),
            ([Condition(answer="COUNTRY", equals="US"), Condition(answer="AGE", is_empty=False)], False),
        ],
    )
    def test_rules_add_tags_when_they_hold(self, when: Condition | list[Condition], is_hot: bool) -> None:
        """Conditions know what the person wrote and what it was read as."""
        made = plan(tags=["ads"], tag_rules=[TagRule(when=when, tags=["HOT", "{What is your budget?}", "ads"])])
        assert made.tags == (("ads", "hot", "over 10 k") if is_hot else ("ads",))

    @pytest.mark.parametrize(("tests", "tags"), [("tag", ("ads", "test lead")), ("deliver", ("ads",))])
    def test_a_test_lead_is_told_apart(self, tests: str, tags: tuple[str, ...]) -> None:
        """Unless the route wants it to look like any other."""
        assert plan(given_lead=lead(is_test=True), tags=["ads"], tests=tests).tags == tags
        assert plan(tags=["ads"], tests=tests).tags == ("ads",)


class TestPlaceholders:
    def test_know_the_lead_its_campaign_and_its_contact(self) -> None:
        """Every name that a template may use."""
        template = (
            "{source}|{account}|{form}|{lead_id}|{lead_ref}|{created_at}|{route}|{campaign_id}|{campaign_name}|"
            "{ad_group_id}|{ad_group_name}|{ad_id}|{ad_name}|{form_name}|{first_name}|{last_name}|{name}|{email}|{phone}|{country}|"
            "{What is your budget?}|{answer:COUNTRY}|{nobody knows}"
        )
        assert plan(note=template).note == (
            "pinterest|111|653|6804|pinterest/6804|2026-11-21 05:20 UTC|Spring|626|Spring Campaign|268|Homeowners|"
            "687|||Ada|Lovelace|Ada Lovelace|ada@example.com||US|Over 10 k|United States|"
        )

    def test_a_question_cannot_pass_for_what_we_know(self) -> None:
        """A form that asks for `source` or `city` is still there as `answer:source`."""
        made = plan({"source": "a friend", "route": "66"}, note="{source} {answer:source} {Spring} {route}")
        assert made.note == "pinterest a friend  Spring"
        assert made.leftovers == (("route", "66"),)

    def test_all_answers_keep_the_lines_that_people_wrote(self) -> None:
        """In the note, while everything else gets one line."""
        made = plan({"Anything else?": "Dear all,\n\ncall me"}, tags=["{Anything else?}"])
        assert made.note.endswith("\n\nAnything else?:\n    Dear all,\n    call me")
        assert made.tags == ("dear all, call me",)


class TestNotes:
    def test_a_template_shows_what_it_names(self) -> None:
        """What it leaves out and no field has is left over; the rest is kept for the day a field is refused."""
        made = plan(note="\nBudget: {What is your budget?}\n")
        assert made.note == "Budget: Over 10 k"
        assert made.leftovers == (("Which rooms?", "Kitchen, Bath"),)
        assert dict(made.unshown).keys() == ADA.keys() - {"What is your budget?"}

    @pytest.mark.parametrize("template", ["{answers}", "All of it:\n{ Answers }"])
    def test_a_template_with_all_answers_leaves_nothing_over(self, template: str) -> None:
        """Each of them is in it."""
        made = plan(note=template)
        assert (made.leftovers, made.unshown) == ((), ())
        assert "Which rooms?: Kitchen, Bath" in made.note

    def test_an_empty_template_is_no_note_unless_something_would_be_lost(self) -> None:
        """The user decides, except over answers that are nowhere else."""
        made = plan({"EMAIL": "a@b.example"}, note="")
        assert note_text(made, ()) == ""
        assert "EMAIL: a@b.example" in note_text(made, (Remark("email", "Refused."),))
        made = plan(note="", custom_fields={"f1": "What is your budget?"})
        assert note_text(made, ()) == "Also answered:\nWhich rooms?: Kitchen, Bath\n\nlead ref: pinterest/6804"

    def test_an_answer_that_is_in_a_field_in_part_is_left_over(self) -> None:
        """An extension, or a template that shows only what came before it."""
        made = plan({"PHONE_NUMBER": "212 867 5309 ext. 12"}, note="{phone}")
        assert made.note == "+12128675309"
        assert made.leftovers == (("PHONE_NUMBER", "212 867 5309 ext. 12"),)


class TestTasks:
    def test_are_filled_due_and_marked(self) -> None:
        """Time counts from when the lead was left; the last line is what a read-back looks for."""
        (task,) = plan(
            tasks=[Task(title="Call {first_name}", body="Budget: {What is your budget?}", due_in="2h")]
        ).tasks
        assert task.title == "Call Ada"
        assert task.body == "Budget: Over 10 k\n\nlead ref: pinterest/6804"
        assert task.due_at == LEFT_AT + 7200
        assert task.assigned_to == ""

    @pytest.mark.parametrize(("due_in", "seconds"), [("90m", 5400), ("2h", 7200), ("3d", 259_200)])
    def test_are_due_in_minutes_hours_or_days(self, due_in: str, seconds: int) -> None:
        """As the route says."""
        (task,) = plan(tasks=[Task(title="x", due_in=due_in)]).tasks
        assert task.due_at == LEFT_AT + seconds

    @pytest.mark.parametrize("created_at", [None, 5.0, NOW + 10 * 86_400, NOW - 91 * 86_400, 1e300])
    def test_count_from_when_the_lead_was_first_seen_if_the_platform_s_time_cannot_be_true(
        self, created_at: float | None
    ) -> None:
        """The same on every attempt, and never a date that the CRM refuses."""
        (task,) = plan(given_lead=lead(created_at=created_at), tasks=[Task(title="x", due_in="1d")]).tasks
        assert task.due_at == NOW + 86_400

    @pytest.mark.parametrize(("title", "shown"), [("{Never asked}", "Follow up"), (" ", "Follow up"), ("a\n b", "a b")])
    def test_have_a_title_of_one_line(self, title: str, shown: str) -> None:
        """The CRM requires one."""
        assert [task.title for task in plan(tasks=[Task(title=title)]).tasks] == [shown]

    def test_without_a_text_consist_of_the_marker(self) -> None:
        """And may name their own user."""
        (task,) = plan(tasks=[Task(title="x", assigned_to="user-b")]).tasks
        assert (task.body, task.assigned_to) == ("lead ref: pinterest/6804", "user-b")


class TestAssignment:
    def test_is_stable_and_evenly_spread(self) -> None:
        """The same lead always goes to the same user, and no user gets more than a share and a little."""
        users = ["user-a", "user-b", "user-c"]
        owners = [
            plan({}, given_lead=lead({}, lead_id=str(7_000_000 + number)), assign=users).assign_to
            for number in range(10_000)
        ]
        again = plan({}, given_lead=lead({}, lead_id="7000042"), assign=users).assign_to
        assert again == owners[42]
        assert set(owners) == set(users)
        for share in Counter(owners).values():
            assert share == pytest.approx(10_000 / 3, rel=0.05)

    @pytest.mark.parametrize(("assign", "owner"), [([], ""), ("", ""), ("user-a", "user-a"), (["user-b"], "user-b")])
    def test_may_be_one_user_or_nobody(self, assign: Any, owner: str) -> None:
        """A single text is a list of one."""
        assert plan(assign=assign).assign_to == owner


class TestReferences:
    def test_are_source_and_id(self) -> None:
        """What note and tasks are recognised by."""
        assert reference_of(lead()) == "pinterest/6804"

    def test_of_test_leads_go_by_their_seal_too(self) -> None:
        """They all share one id."""
        assert reference_of(lead(lead_id="TEST_API", is_test=True)) == "pinterest/TEST_API-abcdef012345"


class TestFilters:
    @pytest.mark.parametrize(
        ("conditions", "reason"),
        [
            ([], ""),
            ([Condition(answer="COUNTRY", is_in=["US", "CA"])], ""),
            ([Condition(answer="COUNTRY", is_in=["GB"])], "filtered_out"),
            ([Condition(answer="COUNTRY", is_in=["US"]), Condition(answer="AGE", is_empty=False)], "filtered_out"),
            ([Condition(answer="Never asked", equals="x")], "filtered_out"),
        ],
    )
    def test_decide_whether_a_lead_is_wanted(self, conditions: list[Condition], reason: str) -> None:
        """All of them must hold; the reason is what the ledger keeps."""
        route = Route(name="Spring", location="loc", only_if=conditions)
        assert is_wanted(lead(), route, Defaults(), now=NOW) == reason

    def test_know_what_the_route_s_own_questions_were_read_as(self) -> None:
        """A country asked for in other words is a country all the same."""
        route = Route(
            name="Spring", location="loc", fields={"country": "Land"}, only_if=[Condition(answer="Land", equals="DE")]
        )
        assert is_wanted(lead({"Land": "Deutschland"}), route, Defaults(), now=NOW) == ""

    @pytest.mark.parametrize(("form", "reason"), [("contacts", ""), ("notes", "not_copied"), ("elsewhere", "")])
    def test_say_what_of_a_crm_location_is_copied(self, form: str, reason: str) -> None:
        """What the route does not name is ignored, whatever else it says."""
        route = Route(name="S", location="loc", copies=["contacts", "tasks"])
        assert is_wanted(record(form=form), route, Defaults(), now=NOW) == reason
        assert is_wanted(lead(form=form), route, Defaults(), now=NOW) == ""

    def test_keep_a_location_s_records_out_of_itself(self) -> None:
        """A route without an account takes those, too."""
        route = Route(name="S", location="src")
        assert is_wanted(record(account="src"), route, Defaults(), now=NOW) == "not_copied"
        assert is_wanted(record(account="other"), route, Defaults(), now=NOW) == ""

    def test_are_not_asked_about_a_removal(self) -> None:
        """There is nothing left to compare with, and the copy is there because it passed them."""
        route = Route(name="S", location="loc", only_if=[Condition(answer="COUNTRY", equals="US")])
        gone = record({}, form="notes", removes="leadconnector#a#note-1")
        assert is_wanted(gone, route, Defaults(), now=NOW) == ""

    def test_know_the_consents(self) -> None:
        """As an answer of yes or no."""
        route = Route(name="S", location="loc", only_if=[Condition(answer="consent:sms", equals="yes")])
        assert is_wanted(lead(consents=(SMS,)), route, Defaults(), now=NOW) == ""
        assert is_wanted(lead(consents=(NO_SMS,)), route, Defaults(), now=NOW) == "filtered_out"

    @pytest.mark.parametrize(("tests", "reason"), [("tag", ""), ("deliver", ""), ("ignore", "test_lead")])
    def test_never_keep_a_test_lead_away(self, tests: Any, reason: str) -> None:
        """Whoever sends one wants to see it arrive, unless the route says otherwise."""
        route = Route(name="S", location="loc", tests=tests, only_if=[Condition(answer="COUNTRY", equals="GB")])
        assert is_wanted(lead(is_test=True), route, Defaults(), now=NOW) == reason


class TestOrigins:
    def test_of_a_form_with_a_name_on_a_platform(self) -> None:
        """What the platform told, each on its line; and that an ad was paid for goes without saying."""
        origin = {"form_name": "Kitchens", "platform": "ig", "is_organic": "yes"}
        made = plan({}, given_lead=lead({}, campaign=origin, created_at=None), tags=["{form_name} {platform}"])
        assert made.note == "Pinterest Lead Ads · Spring\nForm: Kitchens (653)\nPlatform: ig\nOrganic: yes"
        assert made.tags == ("kitchens ig",)
        assert "Organic" not in plan(given_lead=lead(campaign={"is_organic": "no"})).note

    def test_of_a_record_is_its_location(self) -> None:
        """It was not left in a form."""
        made = plan(given_lead=record({}, created_at=None))
        assert made.note == "Pinterest Lead Ads · Spring\nLocation: src"


keys = st.sampled_from(
    ["FULL_NAME", "FIRST_NAME", "EMAIL", "PHONE_NUMBER", "COUNTRY", "DATE_OF_BIRTH", "GENDER", "AGE", "CITY", "Budget",
     "source", "name", "answers", "answer:x", "lead ref"]
)  # fmt: skip
likely = st.sampled_from(
    ["ada@example.com", "+1 212 867 5309 x12", "212 867 5309", "Deutschland", "CW", "10 May 1990", "F", "lead ref: a/b",
     "two\nlines\u2028here", "lead ref: x\nlead ref: pinterest/6804", "x" * 600, "{answers}"]
)  # fmt: skip
answer_sets = st.dictionaries(keys | any_text, json_values | likely, max_size=8)
templates = st.sampled_from(
    [
        "",
        "{answers}",
        "{name} {Budget}",
        "{EMAIL}{answer:source}",
        "{source} {phone}",
        "plain",
        "{{answers}}",
        "{answer:x}",
    ]
)
rules = st.sampled_from(
    ["Budget", "source", "PHONE_NUMBER", "{Budget}!", "{answers}", "{first_name} {CITY}", "nothing"]
)
routes = st.builds(
    Route,
    name=st.just("Spring"),
    location=st.just("loc"),
    note=st.none() | templates,
    tags=st.lists(templates, max_size=2),
    fields=st.dictionaries(st.sampled_from(CONTACT_FIELDS), rules, max_size=3),
    custom_fields=st.dictionaries(st.sampled_from(["f1", "contact.f2"]), rules, max_size=2),
    tag_rules=st.lists(
        st.builds(TagRule, when=st.builds(Condition, answer=keys, equals=likely), tags=st.lists(templates)), max_size=1
    ),
    tasks=st.lists(st.builds(Task, title=templates, body=templates), max_size=2),
    assign=st.sampled_from(["", "a", ["a", "b"]]),
    stage=st.sampled_from(["", "lead"]),
    stage_from=st.sampled_from(["", "tag:Budget", "opportunity_status"]),
)
consent_sets = st.lists(
    st.builds(Consent, key=keys | any_text, text=likely | any_text, given=st.booleans(), at=st.none() | st.floats()),
    max_size=3,
).map(tuple)


class TestAnyLead:
    @given(answers=answer_sets, consents=consent_sets, route=routes)
    @example(answers={"\ud800": "\udfff", "": "\x00a"}, consents=(), route=Route(name="S", location="loc", note=""))
    @example(
        answers={"consent:sms": "x"}, consents=(SMS,),
        route=Route(name="S", location="loc", note="", fields={"city": "consent:sms"}),
    )  # fmt: skip
    @example(answers={" ": "a", "": "b"}, consents=(SMS,), route=Route(name="S", location="loc", note=""))
    @settings(deadline=None)
    def test_no_answer_and_no_consent_is_ever_lost(
        self, answers: dict[str, Any], consents: tuple[Consent, ...], route: Route
    ) -> None:
        """Whatever JSON a person's answers are, each is in a field, in a custom value or in the note, whole."""
        made = plan_for(lead(answers, consents=consents), route, Defaults(), source_label=LABEL, now=NOW)
        for consent in consents:
            assert squeezed(consent_list([consent])) in squeezed(note_text(made, ()))
        shown = squeezed(note_text(made, ()))
        told = squeezed(note_text(made, (Remark("email", "Refused."),)))
        written = [squeezed(text) for value in made.custom_fields for text in (*value.values, ", ".join(value.values))]
        for key, text in Answers(answers).items():
            wanted = squeezed(text)
            in_field = key not in dict(made.leftovers) and has_a_field(key, text, made)
            assert in_field or wanted in shown or any(wanted in value for value in written)
            # Once the CRM did not take something, every answer is in the note.
            assert wanted in told

    @given(answers=answer_sets, route=routes)
    @settings(deadline=None)
    def test_a_plan_is_sound_and_always_the_same(self, answers: dict[str, Any], route: Route) -> None:
        """What the CRM would refuse is not in it, and an attempt a week later makes the same one."""
        made = plan_for(lead(answers), route, Defaults(), source_label=LABEL, now=NOW)
        assert made == plan_for(lead(answers), route, Defaults(), source_label=LABEL, now=NOW)
        assert set(made.fields) <= set(CONTACT_FIELDS)
        assert all(tag and tag == tag.strip() == tag.lower() and "\n" not in tag for tag in made.tags)
        assert len(set(made.tags)) == len(made.tags)
        assert all(any(value.values) for value in made.custom_fields)
        assert len(made.tasks) == len(route.tasks)
        for task in made.tasks:
            assert task.title
            assert task.body.splitlines()[-1] == "lead ref: pinterest/6804"
        for text in (*made.fields.values(), *made.tags, note_text(made, ())):
            text.encode("utf-8")
        assert note_text(made, ()).splitlines()[-1:] in ([], ["lead ref: pinterest/6804"])


def squeezed(text: str) -> str:
    """The text without what a note adds to an answer's lines."""
    return "".join(text.replace("\n> ", "\n").split())


def has_a_field(key: str, text: str, made: Plan) -> bool:
    """Whether a contact field says what the answer says, be it in other words."""
    reworded = {"COUNTRY": "country", "DATE_OF_BIRTH": "dateOfBirth", "GENDER": "gender", "PHONE_NUMBER": "phone"}
    return any(text in value for value in made.fields.values()) or reworded.get(key, "") in made.fields
