"""What each type of custom field takes of an answer."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leads.core.custom_field import Definition, Fitted, find, number_of, value_for
from tests.unit.core.strategies import any_text

BUDGET = Definition(id="f1", name="Budget", field_key="contact.budget", data_type="MONETORY")
ROOMS = Definition(
    id="f2", name="Rooms", field_key="contact.rooms", data_type="MULTIPLE_OPTIONS",
    options=("Kitchen", "Bath", "Living, dining"),
)  # fmt: skip
NAMELESS = Definition(id="f3")
TYPES = (
    *("TEXT", "LARGE_TEXT", "NUMERICAL", "FLOAT", "PHONE", "MONETORY", "CHECKBOX", "SINGLE_OPTIONS", "EMAIL", "DATE"),
    *("MULTIPLE_OPTIONS", "RADIO", "TIME", "TEXTBOX_LIST", "FILE_UPLOAD", "SIGNATURE", "", "SOMETHING_NEW"),
)


def fitted(data_type: str, *values: str, options: tuple[str, ...] = ()) -> Fitted:
    return value_for(Definition(id="f", data_type=data_type, options=options), values)


class TestFinding:
    @pytest.mark.parametrize("wanted", ["f1", " f1 ", "contact.budget", "budget", "Contact.Budget", "BUDGET"])
    def test_goes_by_id_or_key(self, wanted: str) -> None:
        """The CRM shows keys with `contact.` in one place and without in another."""
        assert find((NAMELESS, ROOMS, BUDGET), wanted) == BUDGET

    @pytest.mark.parametrize("wanted", ["F1", "", " ", "contact.", "contact.budgets", "Rooms!", "f"])
    def test_does_not_guess(self, wanted: str) -> None:
        """An id is exact, and half a key is none."""
        assert find((NAMELESS, ROOMS, BUDGET), wanted) is None

    def test_an_id_comes_before_a_key(self) -> None:
        """Nothing keeps people from naming a field after another one's id."""
        assert find((Definition(id="x", field_key="contact.f1"), BUDGET), "f1") == BUDGET


class TestNumbers:
    @pytest.mark.parametrize(
        ("text", "number"),
        [
            ("1000", 1000), ("1000.5", 1000.5), ("-3", -3), ("+3", 3), ("0", 0), ("007", 7),
            ("1,234.50", 1234.5), ("1,234", 1234), ("12,345,678", 12345678), ("1 234", 1234), ("1\u202f234", 1234),
            ("1'234.5", 1234.5), ("1.234,50", 1234.5), ("1.234.567", 1234567), ("12,5", 12.5), ("1,50", 1.5),
            ("$1,000", 1000), ("€ 12,50", 12.5), ("500 €", 500), ("£0.99", 0.99), ("١٠٠٠", 1000), ("-$5", -5),
        ],
    )  # fmt: skip
    def test_are_read_however_people_group_them(self, text: str, number: float) -> None:
        """With a currency sign or without."""
        assert number_of(text) == number

    @pytest.mark.parametrize(
        "text",
        ["", "$", "$10k", "about 5", "10-20", "1,23,456", "1 2", "1.2.3", "1,234,5", "over 9000", "1e6", "inf", "nan",
         "½", "五", "1 000,000.5", "9" * 16, "0x10", "1_000", "."],
    )  # fmt: skip
    def test_are_not_guessed(self, text: str) -> None:
        """A wrong number is worse than none."""
        assert number_of(text) is None


@pytest.mark.parametrize(
    ("data_type", "values", "expected"),
    [
        ("TEXT", ["Kitchen", "Bath"], "Kitchen, Bath"),
        ("LARGE_TEXT", ["a\nb"], "a\nb"),
        ("PHONE", ["+12128675309"], "+12128675309"),
        ("TIME", ["10:30"], "10:30"),
        ("SOMETHING_NEW", ["山田 🙏🏽"], "山田 🙏🏽"),
        ("NUMERICAL", ["1,234.50"], 1234.5),
        ("numerical", ["28"], 28),
        ("FLOAT", ["0.5"], 0.5),
        ("MONETORY", ["$1,000"], 1000),
        ("EMAIL", ["ada@example.com"], "ada@example.com"),
        ("DATE", ["25 December 2026"], "2026-12-25"),
        ("DATE", ["2031-01-02"], "2031-01-02"),
        ("DATE", ["1/25/1890"], "1890-01-25"),
    ],
)
def test_a_value_follows_its_field_s_type(data_type: str, values: list[str], expected: Any) -> None:
    """Text as it is, numbers as numbers, dates as the CRM writes them, also those to come."""
    found = fitted(data_type, *values)
    assert found == Fitted(expected)
    assert type(found.value) is type(expected)


@pytest.mark.parametrize(
    ("data_type", "values"),
    [
        ("NUMERICAL", ["about ten"]), ("NUMERICAL", ["1", "2"]), ("MONETORY", ["10k"]), ("EMAIL", ["ada"]),
        ("EMAIL", ["a@b.example", "c@d.example"]), ("DATE", ["12 January"]), ("DATE", ["03/04/2026"]),
        ("DATE", ["soon"]), ("DATE", ["2026-01-01", "2026-01-02"]), ("FILE_UPLOAD", ["x.png"]),
        ("SIGNATURE", ["Ada"]), ("TEXTBOX_LIST", ["a", "b"]),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_handed_back(data_type: str, values: list[str]) -> None:
    """Nothing is written, and nobody believes it was."""
    assert fitted(data_type, *values) == Fitted(None, tuple(values))


class TestOptions:
    @pytest.mark.parametrize("data_type", ["SINGLE_OPTIONS", "RADIO"])
    def test_one_is_written_with_its_own_label(self, data_type: str) -> None:
        """The CRM wants the label letter by letter."""
        options = ("Up to 10 k", "Over 10 k")
        assert fitted(data_type, "over 10K", options=options) == Fitted("Over 10 k")
        assert fitted(data_type, "Twenty", options=options) == Fitted(None, ("Twenty",))

    def test_a_single_choice_keeps_the_first_and_hands_back_the_rest(self) -> None:
        """What has no place in the field is not lost either."""
        assert fitted("RADIO", "b", "a", "x", options=("a", "b")) == Fitted("b", ("a", "x"))

    @pytest.mark.parametrize("data_type", ["MULTIPLE_OPTIONS", "CHECKBOX"])
    def test_several_are_a_list(self, data_type: str) -> None:
        """Each once, whatever its case and blanks; those that are no option are handed back."""
        found = fitted(data_type, "KITCHEN", " bath ", "Kitchen", "Garage", options=ROOMS.options)
        assert found == Fitted(["Kitchen", "Bath"], ("Garage",))

    def test_several_may_come_as_one_text(self) -> None:
        """Some platforms join them with commas; a label may hold one itself."""
        assert value_for(ROOMS, ["Kitchen, bath"]) == Fitted(["Kitchen", "Bath"])
        assert value_for(ROOMS, ["living, dining"]) == Fitted(["Living, dining"])
        assert value_for(ROOMS, ["Attic"]) == Fitted(None, ("Attic",))

    def test_a_field_without_a_list_takes_anything(self) -> None:
        """The CRM did not say what may be chosen."""
        assert fitted("CHECKBOX", "a, b", "c", "c") == Fitted(["a, b", "c"])
        assert fitted("RADIO", "a, b") == Fitted("a, b")


@pytest.mark.parametrize("data_type", TYPES)
@pytest.mark.parametrize("values", [[], [""], [" ", "\n"]])
def test_blank_is_not_written(data_type: str, values: list[str]) -> None:
    """An empty answer would blank what the CRM has."""
    assert fitted(data_type, *values) == Fitted(None)


@given(
    data_type=st.sampled_from(TYPES),
    values=st.lists(any_text | st.sampled_from(["1,000", "a", "B ", "2026-01-02"]), max_size=3),
    options=st.lists(any_text | st.sampled_from(["A", "b", "a, b"]), max_size=3).map(tuple),
)
def test_any_text_is_written_or_handed_back(data_type: str, values: list[str], options: tuple[str, ...]) -> None:
    """No answer raises, and none is both missing from the field and from what is handed back."""
    found = fitted(data_type, *values, options=options)
    if any(value.strip() for value in values):
        assert found.value is not None or found.left or data_type in ("MULTIPLE_OPTIONS", "CHECKBOX")
    if isinstance(found.value, list):
        assert found.value
    assert found.value != ""
