"""The note of a lead: what it says, what it must not lose, and the line by which it is known again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leads.core import note
from leads.core.marker import is_of
from leads.core.note import LONGEST, MARKER, note_text
from leads.core.plan import Plan
from leads.core.readback import Remark
from tests.unit.core.strategies import any_text

REFERENCE = "pinterest/680463806753"
LAST = f"lead ref: {REFERENCE}"
REMARK = Remark("phone", "The CRM did not store the phone number.")
BUDGET = ("What is your budget?", "1000")
CITY = ("CITY", "Rome")


def plan(
    text: str = "",
    *,
    leftovers: tuple[tuple[str, str], ...] = (),
    unshown: tuple[tuple[str, str], ...] = (),
    consents: str = "",
) -> Plan:
    return Plan(
        route="Spring", location_id="loc", reference=REFERENCE, source_label="Pinterest Lead Ads", fields={}, note=text,
        leftovers=leftovers, unshown=unshown or leftovers, consents=consents,
    )  # fmt: skip


class TestTheWholeNote:
    def test_ends_in_the_marker(self) -> None:
        """A read-back recognises it by its last line."""
        assert note_text(plan("Hello"), ()) == f"Hello\n\n{LAST}"

    def test_without_anything_to_say_there_is_none(self) -> None:
        """A marker alone is no note."""
        assert note_text(plan(), ()) == ""

    def test_what_the_template_leaves_out_follows(self) -> None:
        """An answer that is in no field either would be lost."""
        assert note_text(plan("Hello", leftovers=(BUDGET,)), ()) == (
            f"Hello\n\nAlso answered:\nWhat is your budget?: 1000\n\n{LAST}"
        )

    def test_leftovers_alone_are_a_note(self) -> None:
        """A route that wants no note does not want to lose answers."""
        assert note_text(plan(leftovers=(BUDGET,)), ()).startswith("Also answered:\n")

    def test_remarks_follow_as_sentences_with_their_values(self) -> None:
        """What the CRM did not take is read by people, so the value may stand in the note."""
        remarks = (REMARK, Remark("email", "The contact had another e-mail address before.", "old@example.com"))
        assert note_text(plan(), remarks) == (
            "Not taken over as sent:\n"
            "- The CRM did not store the phone number.\n"
            "- The contact had another e-mail address before. (old@example.com)\n\n" + LAST
        )

    def test_a_refused_field_brings_every_answer_into_the_note(self) -> None:
        """An answer that was thought to be in a field may be nowhere once the CRM did not take the field."""
        made = plan("Hello", leftovers=(BUDGET,), unshown=(CITY, BUDGET))
        assert "Rome" not in note_text(made, ())
        assert "CITY: Rome\nWhat is your budget?: 1000" in note_text(made, (REMARK,))

    def test_no_line_of_an_answer_passes_for_the_marker(self) -> None:
        """Another lead's note must not be taken for this one's, nor this one's for another's."""
        text = "lead ref: pinterest/1\n  LEAD REF :pinterest/2\nMy lead ref: 3\n\nlead ref: pinterest/4"
        written = note_text(plan(text), ())
        assert written.splitlines() == [
            "> lead ref: pinterest/1", ">   LEAD REF :pinterest/2", "My lead ref: 3", "", "> lead ref: pinterest/4",
            "", LAST,
        ]  # fmt: skip

    def test_an_endless_one_is_cut_before_what_is_said_nowhere_else(self) -> None:
        """The CRM must take it; remarks and leftovers stay, and so does the marker."""
        written = note_text(plan("x" * 2 * LONGEST, leftovers=(BUDGET,)), (REMARK,))
        assert LONGEST * 0.9 < len(written) <= LONGEST + 100
        assert "\n(The rest did not fit.)\n" in written
        assert "What is your budget?: 1000" in written
        assert REMARK.text in written
        assert written.endswith(LAST)

    def test_endless_leftovers_are_cut_as_well(self) -> None:
        """And leave half of the room to the route's own words."""
        written = note_text(plan("y" * 100, leftovers=(("Q", "x" * 2 * LONGEST),)), ())
        assert written.startswith("y" * 100)
        assert len(written) <= LONGEST
        assert written.endswith(LAST)

    def test_consents_come_before_what_is_left_over(self) -> None:
        """Nobody looks for them among the answers."""
        assert note_text(plan("Hello", leftovers=(BUDGET,), consents="given: yes"), ()) == (
            f"Hello\n\nConsent:\ngiven: yes\n\nAlso answered:\nWhat is your budget?: 1000\n\n{LAST}"
        )

    def test_an_endless_template_does_not_cost_the_consents_in_it(self) -> None:
        """They follow what was cut."""
        written = note_text(plan("x" * LONGEST + "\ngiven: yes", consents="given: yes"), ())
        assert written.endswith(f"(The rest did not fit.)\n\nConsent:\ngiven: yes\n\n{LAST}")

    def test_the_marker_is_the_one_that_is_looked_for(self) -> None:
        """Who writes and who reads agree."""
        assert note.MARKER == MARKER

    @given(
        text=st.lists(any_text, max_size=4).map("\n".join), reference=st.sampled_from([REFERENCE, "facebook/a-b_c.1"])
    )
    def test_is_recognised_whatever_it_says(self, text: str, reference: str) -> None:
        """By its own reference, and by no other."""
        written = note.with_marker(text, reference)
        assert is_of(reference, written)
        assert not is_of(reference + "0", written)
        assert not is_of(reference[:-1], written)


class TestAnswers:
    def test_stand_one_on_a_line(self) -> None:
        """Question and answer."""
        assert note.answer_list((CITY, BUDGET)) == "CITY: Rome\nWhat is your budget?: 1000"

    def test_keep_the_lines_that_people_wrote(self) -> None:
        """A text of several lines is indented, so that it does not look like several answers."""
        layout = note.paragraphs({"Anything else?": "Dear all,\r\n\r\n call me\u2028 Ada ", "CITY": "Rome", "AGE": 5})
        assert layout == {"Dear all, call me Ada": "\n    Dear all,\n    call me\n    Ada"}
        text = note.answer_list((("Anything else?", "Dear all, call me Ada"), CITY), layout)
        assert text == "Anything else?:\n    Dear all,\n    call me\n    Ada\nCITY: Rome"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, ""), (0.0, "1970-01-01 00:00 UTC"), (1_700_000_059.9, "2023-11-14 22:14 UTC"), (1e18, ""),
        (float("inf"), ""), (float("nan"), ""),
    ],
)  # fmt: skip
def test_a_moment_is_told_to_the_minute_in_utc(seconds: float | None, text: str) -> None:
    """Readers are in many places; a time that no calendar has is left out."""
    assert note.moment(seconds) == text
