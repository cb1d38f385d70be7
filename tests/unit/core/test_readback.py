"""What the CRM made of a contact, and what is said about it."""

from typing import Any

import pytest

from leads.core import readback
from leads.core.custom_field import Definition
from leads.core.readback import Remark, custom_remarks, remarks_of

SENT = {
    "name": "Ada Lovelace",
    "firstName": "Ada",
    "lastName": "Lovelace",
    "email": "Ada@Example.com",
    "phone": "+12128675309",
    "city": "New York",
    "dateOfBirth": "1990-12-10",
    "country": "US",
    "source": "Pinterest Lead Ads",
}
PERSON = ("Ada", "Lovelace", "example", "2128675309", "New York", "1990", "Kitchen", "1000", "female")


def remarks(
    sent: dict[str, str], *, existed: bool = False, before: dict[str, Any] | None = None, **echoed: Any
) -> tuple[Remark, ...]:
    found = remarks_of(sent, {"id": "c1"} | sent | echoed, existed=existed, before=before)
    for remark in found:
        assert not any(word in remark.text for word in PERSON)
        assert remark.text.endswith(".")
    return found


class TestContactFields:
    @pytest.mark.parametrize(
        "echoed",
        [
            {},
            {"email": "ada@example.com"},
            {"phone": "+1 212-867-5309"},
            {"firstName": "ada", "lastName": "lovelace", "name": None},
            {"name": "ADA  LOVELACE"},
            {"city": "new york "},
            {"dateOfBirth": "1990-12-10T00:00:00.000Z"},
            {"tags": ["x"], "dnd": False, "customFields": []},
        ],
    )
    def test_the_same_in_other_words_is_the_same(self, echoed: dict[str, Any]) -> None:
        """Neither case, blanks, punctuation of a number nor a moment instead of a date is a difference."""
        assert remarks(SENT, **echoed) == ()

    @pytest.mark.parametrize(
        ("sent", "shown"),
        [
            ("+12128675309", "(212) 867-5309"), ("+12128675309", "867-5309"), ("2128675309", "+1 212 867 5309"),
            ("+442079460958", "020 7946 0958"), ("+442079460958", "0044 20 7946 0958"), ("+39061234567", "06 1234567"),
        ],
    )  # fmt: skip
    def test_a_number_may_come_back_as_it_is_dialled_at_home(self, sent: str, shown: str) -> None:
        """Without its country code it is still the same; neither missing nor replaced."""
        echo = {"phone": shown}
        assert remarks_of({"phone": sent}, echo, existed=True, before={"phone": sent}) == ()

    @pytest.mark.parametrize(
        "shown", ["+12128675300", "675309", "8675", "+12128675309 12", "(213) 867-5309", "+442128675309", "none"]
    )
    def test_a_number_of_other_digits_is_another(self, shown: str) -> None:
        """A few digits at the end are no number."""
        (remark,) = remarks({"phone": "+12128675309"}, phone=shown)
        assert remark.text == "The CRM keeps another value for the phone number."

    @pytest.mark.parametrize("website", ["https://example.com/", "http://EXAMPLE.com", "example.com"])
    def test_a_web_address_may_come_back_in_full(self, website: str) -> None:
        """With a scheme or without, it leads to the same place."""
        assert remarks_of({"website": "example.com"}, {"website": website}, existed=False, before=None) == ()

    @pytest.mark.parametrize(
        ("field", "called"),
        [
            ("phone", "phone number"),
            ("email", "e-mail address"),
            ("dateOfBirth", "date of birth"),
            ("city", "city"),
            ("source", "source"),
        ],
    )
    @pytest.mark.parametrize("echoed", [None, ""])
    def test_what_is_missing_was_not_stored(self, field: str, called: str, echoed: Any) -> None:
        """A field that the CRM drops without a word is told of, in words that name no person."""
        text = f"The CRM did not store the {called}."
        assert remarks(SENT, **{field: echoed}) == (Remark(field, text, SENT[field]),)

    def test_another_value_is_told_of(self) -> None:
        """The CRM kept another number; the one of the lead goes with the remark into the note."""
        (remark,) = remarks(SENT, phone="+12128675300")
        assert remark == Remark("phone", "The CRM keeps another value for the phone number.", "+12128675309")

    def test_an_answer_that_shows_nothing_says_nothing(self) -> None:
        """Only an echo can tell that something is missing."""
        for echo in ({}, {"id": "c1"}, {"id": "c1", "tags": []}):
            assert remarks_of(SENT, echo, existed=True, before=None) == ()

    def test_gender_is_never_shown(self) -> None:
        """Its absence means nothing on a new contact."""
        assert remarks({"email": "ada@example.com", "gender": "female"}, gender=None) == ()

    def test_an_existing_contact_keeps_its_gender(self) -> None:
        """The CRM answers 200 and discards it."""
        (remark,) = remarks({"email": "ada@example.com", "gender": "female"}, existed=True, gender=None)
        assert remark == Remark("gender", "The CRM keeps the gender of a contact that it knows.", "female")

    def test_an_address_that_was_replaced_is_told_of_with_the_old_one(self) -> None:
        """An upsert by a secondary address promotes it, and the CRM forgets the primary one."""
        (remark,) = remarks({"email": "ada@example.com"}, existed=True, before={"email": "old@example.com"})
        assert remark.field == "email"
        assert remark.value == "old@example.com"
        assert remark.text == "The contact had another e-mail address before, which was replaced."

    def test_a_number_that_was_replaced_is_told_of_with_the_old_one(self) -> None:
        """A person reached under a new number may still answer the old one."""
        (remark,) = remarks({"phone": "+12128675309"}, existed=True, before={"phone": "+12128675300"})
        assert (remark.field, remark.value) == ("phone", "+12128675300")

    @pytest.mark.parametrize(
        "before",
        [
            None,
            {},
            {"email": None, "phone": ""},
            {"email": "ADA@example.com", "phone": "+1 (212) 867-5309"},
            {"email": 5},
        ],
    )
    def test_what_stayed_or_was_not_there_was_not_replaced(self, before: Any) -> None:
        """The same address in other letters is the same address."""
        sent = {"phone": "+12128675309", "email": "5" if before == {"email": 5} else "ada@example.com"}
        assert remarks(sent, existed=True, before=before) == ()


def definition(data_type: str) -> Definition:
    return Definition(id="f1", name="Budget", field_key="contact.budget", data_type=data_type)


class TestCustomFields:
    @pytest.mark.parametrize(
        ("sent", "stored"),
        [
            ("Kitchen", "kitchen "), ("Kitchen", ["Kitchen"]), (1000, "1000"), (1000, 1000.0), (1234.5, "1,234.50"),
            (["Kitchen", "Bath"], ["Bath", "Kitchen"]), (["Kitchen", "Bath"], "Kitchen,Bath"), (["a, b"], "a, b"),
            ("2026-12-25", "2026-12-25T00:00:00.000Z"), ("yes", True),
        ],
    )  # fmt: skip
    def test_the_same_value_in_another_shape_is_the_same(self, sent: Any, stored: Any) -> None:
        """Numbers are compared as numbers, choices as sets, dates without their time."""
        echo = {"id": "c1", "customFields": [{"id": "f0", "value": "x"}, {"id": "f1", "value": stored}]}
        assert custom_remarks([(definition("TEXT"), sent)], echo) == ()

    @pytest.mark.parametrize("key", ["fieldValue", "field_value"])
    def test_the_value_may_have_another_name(self, key: str) -> None:
        """The API's generations call it differently."""
        echo = {"id": "c1", "customFields": [{"id": "f1", key: "Kitchen"}]}
        assert custom_remarks([(definition("TEXT"), "Kitchen")], echo) == ()

    @pytest.mark.parametrize(
        "listed",
        [None, "x", [], [None, "f1"], [{"id": "f2", "value": "Kitchen"}], [{"id": "f1", "value": None}],
         [{"id": "f1", "value": "Bath"}], [{"id": "f1", "value": ["Kitchen", "Bath"]}]],
    )  # fmt: skip
    def test_what_is_missing_or_different_is_told_of(self, listed: Any) -> None:
        """The sentence names the field by its key, and the value follows in the note only."""
        (remark,) = custom_remarks([(definition("TEXT"), "Kitchen")], {"id": "c1", "customFields": listed})
        assert remark == Remark("f1", "The CRM did not store the custom field contact.budget.", "Kitchen")

    def test_a_list_that_was_cut_is_told_of(self) -> None:
        """Half of what was chosen is not what was chosen."""
        echo = {"id": "c1", "customFields": [{"id": "f1", "value": ["Kitchen"]}]}
        (remark,) = custom_remarks([(definition("CHECKBOX"), ["Kitchen", "Bath"])], echo)
        assert remark.value == "Kitchen, Bath"

    def test_without_an_answer_there_is_nothing_to_say(self) -> None:
        """An answer without a contact shows nothing, also not that something is missing."""
        assert custom_remarks([(definition("TEXT"), "Kitchen")], {}) == ()


@pytest.mark.parametrize(
    ("remark", "words"),
    [
        (readback.field_refused("phone"), ("refused", "phone number")),
        (readback.field_refused("dateOfBirth"), ("refused", "date of birth")),
        (readback.field_refused("customFields:f1"), ("refused", "custom field f1")),
        (readback.field_refused("customFields"), ("refused", "custom fields")),
        (readback.belongs_to_another("phone", "c2"), ("phone number", "another contact", "c2")),
        (readback.lookup_refused(), ("look", "source")),
        (readback.assignee_refused("user-a"), ("user-a", "task")),
        (readback.unknown_custom_field("contact.budgte"), ("contact.budgte", "routes.toml")),
        (readback.value_does_not_fit(definition("SINGLE_OPTIONS")), ("contact.budget", "single options")),
        (readback.value_does_not_fit(Definition(id="f9")), ("f9", "text")),
        (readback.custom_fields_unreadable(), ("custom fields", "scope")),
    ],
)
def test_every_remark_is_one_plain_sentence(remark: Remark, words: tuple[str, ...]) -> None:
    """It names what it is about, and holds nothing of a person, as it is logged."""
    assert all(word in remark.text for word in words)
    assert remark.text[0].isupper()
    assert remark.text.endswith(".")
    assert "\n" not in remark.text
    assert remark.field
    assert remark.value == ""
