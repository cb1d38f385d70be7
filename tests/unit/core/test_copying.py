"""Records of another CRM location: contacts that change, their stages, notes and tasks."""

from typing import Any

import pytest

from leads.core.lead import CopiedNote, CopiedTask
from leads.core.note import note_text
from leads.core.plan import CustomValue, Plan, PlannedTask, Stage
from leads.core.readback import Remark
from leads.core.routes import Condition, Defaults, DndRule, Task
from tests.unit.core.planned import LEFT_AT, NO_SMS, NOT_SMS, NOW, SMS, plan, record

RULES: dict[str, Any] = {
    "tags": ["a"], "assign": "user-a", "tasks": [Task(title="Call")], "stage": "lead", "custom_fields": {"f1": "Odd"},
}  # fmt: skip
ANSWERS = {"EMAIL": "ada@example.com", "Odd": "x"}


class TestStagesOfTheSource:
    @pytest.mark.parametrize(
        ("stage_from", "answers"),
        [
            ("tag:stage: ", {"TAGS": ["vip", "Stage:  Opportunity"]}),
            ("tag:is ", {"TAGS": ["island", "is opportunity"]}),
            ("custom_field:contact.stage", {"contact.stage": "Opportunity"}),
            ("custom_field: stage", {"contact.stage": ["Opportunity"]}),
            ("custom_field:Ab3", {"Ab3": "OPPORTUNITY"}),
            ("opportunity_status", {"OPPORTUNITY_STATUS": "opportunity"}),
            ("opportunity_stage", {"OPPORTUNITY_STAGE": "Opportunity"}),
        ],
    )
    @pytest.mark.parametrize(
        ("stages", "tag"),
        [({"Opportunity ": "Qualified"}, "stage: qualified"), ({}, "stage: opportunity"), ({"x": "y"}, "stage: lead")],
    )
    def test_become_ours(self, stage_from: str, answers: dict[str, Any], stages: dict[str, str], tag: str) -> None:
        """By the table, or by their own name without one; what is not in the table leaves the route's own."""
        made = plan(given_lead=record(answers), stage_from=stage_from, stages=stages, stage="lead")
        assert [each for each in made.tags if each.startswith("stage:")] == [tag]
        assert made.stage == Stage(tag=tag, prefix="stage:")

    @pytest.mark.parametrize("answers", [{}, {"TAGS": ["stage:", "vip"]}, {"TAGS": []}, {"TAGS": ["stages: x"]}])
    def test_may_be_missing(self, answers: dict[str, Any]) -> None:
        """Then the first delivery gets the route's own, and an update none: the CRM may have moved it on."""
        given = record(answers)
        assert plan(given_lead=given, stage_from="tag:stage: ", stage="lead").tags == ("stage: lead",)
        update = plan(given_lead=given, stage_from="tag:stage: ", stage="lead", is_update=True)
        assert (update.tags, update.stage, update.custom_fields) == ((), None, ())

    def test_of_several_the_first_that_is_mapped_counts(self) -> None:
        """A location may keep tags of several kinds under one beginning."""
        given = record({"TAGS": ["s/ cold", "s/ won", "s/ lost"]})
        assert plan(given_lead=given, stage_from="tag:s/", stages={"WON": "customer", "lost": "lost"}).stage == Stage(
            tag="stage: customer", prefix="stage:"
        )

    def test_may_be_kept_in_a_custom_field(self) -> None:
        """Where the route's own would be."""
        made = plan(
            given_lead=record({"OPPORTUNITY_STATUS": "won"}), stage_from="opportunity_status", stage="lead",
            stages={"won": "Customer"}, defaults=Defaults(stage_as="custom_field:contact.stage"), is_update=True,
        )  # fmt: skip
        assert made.custom_fields == (CustomValue("contact.stage", "contact.stage", ("Customer",)),)

    def test_are_translated_and_not_copied(self) -> None:
        """A copied one would stay when the stage changes there."""
        given = record({"TAGS": ["lifecycle: won", "vip"]})
        made = plan(given_lead=given, tags=["{TAGS}"], stage_from="tag:lifecycle: ", stages={"won": "customer"})
        assert made.tags == ("vip", "stage: customer")

    @pytest.mark.parametrize("is_update", [False, True])
    def test_are_the_only_ones_among_copied_tags(self, is_update: bool) -> None:
        """The other location's own stage tags are not ours, even when an update says nothing of the stage."""
        given = record({"TAGS": ["stage: trial", "vip"]})
        made = plan(given_lead=given, tags=["{TAGS}"], stage="lead", is_update=is_update)
        assert made.tags == (("vip",) if is_update else ("vip", "stage: lead"))


class TestUpdates:
    def test_bring_what_the_contact_has_and_nothing_that_comes_once(self) -> None:
        """No note, no task, no owner; and nothing that went wrong makes a note of it."""
        rules: dict[str, Any] = {
            "tags": ["{TAGS}"], "assign": "user-a", "tasks": [Task(title="Call")], "custom_fields": {"f1": "Budget"},
            "dnd_rules": [DndRule(when=NOT_SMS, channels=["SMS"])], "note": "Hello",
        }  # fmt: skip
        given = record(
            {"EMAIL": "ada@example.com", "TAGS": ["vip", "hot"], "Budget": "1", "Odd": "x"}, consents=(NO_SMS,)
        )
        first = plan(given_lead=given, **rules)
        made = plan(given_lead=given, is_update=True, contact_id="d1", **rules)
        assert (made.fields, made.custom_fields, made.tags, made.dnd) == (
            first.fields, first.custom_fields, ("vip", "hot"), ("SMS",)
        )  # fmt: skip
        assert (made.note, made.leftovers, made.unshown, made.tasks, made.assign_to, made.consents) == (
            "", (), (), (), "", ""
        )  # fmt: skip
        assert note_text(made, (Remark("email", "Refused."),)) == ""
        assert (made.is_update, made.contact_id, made.mirrors) == (True, "d1", True)

    def test_are_none_unless_said(self) -> None:
        """A lead of an ad platform is left once."""
        made = plan()
        assert (made.is_update, made.is_copy, made.mirrors, made.contact_id) == (False, False, False, "")


class TestCopies:
    def copy(self, copied: CopiedNote | CopiedTask, **changes: Any) -> Plan:
        form = "notes" if isinstance(copied, CopiedNote) else "tasks"
        return plan(given_lead=record(ANSWERS, form=form, lead_id="n1", copied=copied, **changes), **RULES)

    def test_of_a_note_are_the_note_and_whose_it_is(self) -> None:
        """Its own lines, then the marker; nothing of the route's, nothing about the contact."""
        made = self.copy(CopiedNote(text="\nCalled today.\n\nlead ref: old\n"), consents=(SMS,))
        assert made.fields == {"email": "ada@example.com"}
        assert (made.tags, made.stage, made.custom_fields, made.tasks, made.assign_to) == ((), None, (), (), "")
        assert (made.is_copy, made.mirrors) == (True, True)
        assert note_text(made, (Remark("email", "Refused."),)) == (
            "Called today.\n\n> lead ref: old\n\nlead ref: leadconnector/n1"
        )

    def test_of_an_empty_note_are_none(self) -> None:
        """A marker alone is no note."""
        assert note_text(self.copy(CopiedNote(text=" \n")), ()) == ""

    def test_of_a_task_are_the_task_alone(self) -> None:
        """As it is there, open or completed, and nobody's."""
        made = self.copy(CopiedTask(title=" Send\noffer ", body="By post", due_at=NOW + 5, completed=True))
        assert (made.note, note_text(made, ())) == ("", "")
        assert made.tasks == (
            PlannedTask(
                title="Send offer", body="By post\n\nlead ref: leadconnector/n1", due_at=NOW + 5, assigned_to="",
                completed=True,
            ),
        )  # fmt: skip

    @pytest.mark.parametrize("due_at", [None, -1.0, 1e300, float("nan"), float("inf")])
    def test_of_a_task_without_a_date_are_due_after_a_day(self, due_at: float | None) -> None:
        """The CRM wants one, and one that it can read."""
        (task,) = self.copy(CopiedTask(title="", due_at=due_at)).tasks
        assert (task.title, task.due_at, task.completed) == ("Follow up", LEFT_AT + 86_400, False)

    def test_make_no_contact_that_may_be_disturbed(self) -> None:
        """Should the note come before the contact it belongs to."""
        rules = RULES | {"dnd_rules": [DndRule(when=Condition(answer="Odd", equals="x"), channels=["SMS"])]}
        given = record(ANSWERS, form="notes", copied=CopiedNote(text="x"))
        assert plan(given_lead=given, **rules).dnd == ("SMS",)
