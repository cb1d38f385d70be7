"""What a lead's answers become in the CRM, and what they must never become."""

import datetime as dt
import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from leads.core import lenient_json
from leads.core.answers import Answers, text_of
from leads.core.contact import DEFAULT_MAPPING, Contact, Given, contact_from
from leads.crm.contacts import UPSERT_FIELDS

TODAY = dt.date(2026, 3, 1)


def contact(answers: dict[str, Any], region: str = "US", given: dict[str, Given] | None = None) -> Contact:
    return contact_from(Answers(answers), phone_region=region, today=TODAY, given=given)


def field(name: str, answers: dict[str, Any], region: str = "US") -> str | None:
    return contact(answers, region).fields.get(name)


class TestQuestionTypes:
    @pytest.mark.parametrize(
        ("question", "answer", "name", "value"),
        [
            ("FULL_NAME", "Ada Lovelace", "name", "Ada Lovelace"),
            ("FIRST_NAME", "Ada", "firstName", "Ada"),
            ("LAST_NAME", "Lovelace", "lastName", "Lovelace"),
            ("EMAIL", "ada@example.com", "email", "ada@example.com"),
            ("PHONE_NUMBER", "(212) 555-0123", "phone", "+12125550123"),
            ("ADDRESS", "12 St James's Square", "address1", "12 St James's Square"),
            ("CITY", "London", "city", "London"),
            ("STATE_PROVINCE", "Florida", "state", "Florida"),
            ("ZIP_CODE", "01234", "postalCode", "01234"),
            ("COUNTRY", "GB", "country", "GB"),
            ("DATE_OF_BIRTH", "10 December 1915", "dateOfBirth", "1915-12-10"),
            ("GENDER", "Female", "gender", "female"),
            ("COMPANY_NAME", "Analytical Engines", "companyName", "Analytical Engines"),
            ("WEBSITE", "example.com/ada", "website", "example.com/ada"),
            ("TIMEZONE", "Europe/London", "timezone", "Europe/London"),
            ("WORK_EMAIL", "ada@work.example", "email", "ada@work.example"),
            ("WORK_PHONE_NUMBER", "(212) 555-0123", "phone", "+12125550123"),
            ("WHATSAPP_NUMBER", "+44 20 7946 0958", "phone", "+442079460958"),
            ("USER_PROVIDED_PHONE_NUMBER", "212 555 0123", "phone", "+12125550123"),
        ],
    )
    def test_becomes_a_field(self, question: str, answer: str, name: str, value: str) -> None:
        """Each standard question has one field, in the form the CRM takes."""
        found = contact({question: answer})
        assert found.fields[name] == value
        assert found.unused == ()

    @pytest.mark.parametrize("question", ["AGE", "PREFERRED_CONTACT_METHOD", "What is your budget?", "予算", ""])
    def test_without_a_field_of_its_own_is_listed(self, question: str) -> None:
        """What the CRM has no field for is not dropped in silence."""
        assert contact({question: "28"}) == Contact(fields={}, unused=(question,))

    @pytest.mark.parametrize("question", ["email", "Email", "E MAIL", "E-MAIL", "ＥＭＡＩＬ"])
    def test_is_known_by_its_exact_name_only(self, question: str) -> None:
        """A custom question that merely resembles a standard one is not taken for it."""
        assert contact({question: "ada@example.com"}).unused == (question,)

    def test_all_at_once(self) -> None:
        """A whole form fills every field it can."""
        answers = {
            "FULL_NAME": "Ada Lovelace", "FIRST_NAME": "Ada", "LAST_NAME": "Lovelace", "EMAIL": "ada@example.com",
            "PHONE_NUMBER": "(212) 555-0100", "ZIP_CODE": "10001", "AGE": "28", "GENDER": "Female", "COUNTRY": "US",
            "CITY": "New York", "STATE_PROVINCE": "NY", "ADDRESS": "1 Main St", "DATE_OF_BIRTH": "1990-12-10",
            "PREFERRED_CONTACT_METHOD": "EMAIL", "What is your budget?": "1000", "COMPANY_NAME": "Engines",
            "WEBSITE": "example.com", "TIMEZONE": "America/New_York",
        }  # fmt: skip
        found = contact(answers)
        assert set(found.fields) == {name for name, _ in DEFAULT_MAPPING.values()}
        assert found.unused == ("AGE", "PREFERRED_CONTACT_METHOD", "What is your budget?")

    @pytest.mark.parametrize(
        ("answers", "fields", "unused"),
        [
            ({"WORK_EMAIL": "w@example.com", "EMAIL": "e@example.com"}, {"email": "e@example.com"}, ("WORK_EMAIL",)),
            ({"EMAIL": "none", "WORK_EMAIL": "w@example.com"}, {"email": "w@example.com"}, ("EMAIL",)),
            ({"WORK_EMAIL": "e@example.com", "EMAIL": "e@example.com"}, {"email": "e@example.com"}, ()),
            (
                {"USER_PROVIDED_PHONE_NUMBER": "212 555 0101", "WHATSAPP_NUMBER": "212 555 0102", "PHONE_NUMBER": "12"},
                {"phone": "+12125550102"},
                ("USER_PROVIDED_PHONE_NUMBER", "PHONE_NUMBER"),
            ),
            (
                {"WHATSAPP_NUMBER": "212 555 0102", "WORK_PHONE_NUMBER": "212 555 0103", "PHONE_NUMBER": "2125550104"},
                {"phone": "+12125550104"},
                ("WHATSAPP_NUMBER", "WORK_PHONE_NUMBER"),
            ),
        ],
    )
    def test_of_several_for_one_field_the_first_that_can_be_used_fills_it(
        self, answers: dict[str, str], fields: dict[str, str], unused: tuple[str, ...]
    ) -> None:
        """In the order of the table, whatever the order in the form; the others are listed."""
        found = contact(answers)
        assert (found.fields, found.unused) == (fields, unused)

    def test_no_answers_make_no_fields(self) -> None:
        """An empty form is an empty contact, not an error."""
        assert contact({}) == Contact(fields={}, unused=())


class TestNames:
    @pytest.mark.parametrize(
        ("answers", "fields"),
        [
            ({"FULL_NAME": "Prince"}, {"name": "Prince", "firstName": "Prince"}),
            (
                {"FULL_NAME": "Ludwig van Beethoven"},
                {"name": "Ludwig van Beethoven", "firstName": "Ludwig", "lastName": "van Beethoven"},
            ),
            (
                {"FULL_NAME": "  Ada \t Lovelace\n"},
                {"name": "Ada Lovelace", "firstName": "Ada", "lastName": "Lovelace"},
            ),
            (
                {"FULL_NAME": "山田\u3000花子"},
                {"name": "山田 花子", "firstName": "山田", "lastName": "花子"},
            ),
            (
                {"FULL_NAME": "Mary Ann Evans", "FIRST_NAME": "Mary Ann", "LAST_NAME": "Evans"},
                {"name": "Mary Ann Evans", "firstName": "Mary Ann", "lastName": "Evans"},
            ),
            ({"FULL_NAME": "Mary Ann Evans", "LAST_NAME": "Evans"}, {"name": "Mary Ann Evans", "lastName": "Evans"}),
            (
                {"FULL_NAME": "Mary Ann Evans", "FIRST_NAME": "George"},
                {"name": "Mary Ann Evans", "firstName": "George"},
            ),
            (
                {"FULL_NAME": "Ada Lovelace", "FIRST_NAME": " "},
                {"name": "Ada Lovelace", "firstName": "Ada", "lastName": "Lovelace"},
            ),
            ({"FIRST_NAME": "Ada"}, {"firstName": "Ada"}),
            ({"FULL_NAME": "  "}, {}),
        ],
    )
    def test_full_name_is_split_only_when_nothing_better_is_known(
        self, answers: dict[str, str], fields: dict[str, str]
    ) -> None:
        """The first word is the first name, unless the person gave first or last name themselves."""
        assert contact(answers).fields == fields


class TestEmails:
    @pytest.mark.parametrize(
        "address",
        [
            "ada@example.com",
            "Ada.Lovelace+pins@Mail.Example.CO.UK",
            "o'brien@example.ie",
            "x@xn--bcher-kva.example",
            "1@2.example",
            "a" * 64 + "@example.com",
            "a@" + "b" * 63 + ".com",
            "ada@" + ".".join(["b" * 49] * 5),
        ],
    )
    def test_a_good_one_is_kept_as_typed(self, address: str) -> None:
        """The CRM keeps an e-mail as typed, and so do we."""
        assert field("email", {"EMAIL": address}) == address

    @pytest.mark.parametrize(
        "address",
        [
            "ada",
            "ada@",
            "@example.com",
            "ada@example",
            "ada@localhost",
            "ada@@example.com",
            "ada@home@example.com",
            "ada lovelace@example.com",
            "ada@exam ple.com",
            "ada@example.com.",
            "ada@example..com",
            "ada@.example.com",
            "ada@-example.com",
            "ada@example-.com",
            "ada@exa_mple.com",
            "ada@bücher.example",
            "ädä@example.com",
            "花子@example.com",
            "ada@例え.jp",
            "Ada <ada@example.com>",
            "mailto:ada@example.com",
            "ada@example.com, grace@example.com",
            "ada@example.com\x00.org@example.com",
            "a" * 65 + "@example.com",
            "a@" + "b" * 64 + ".com",
            "ada@" + ".".join(["b" * 50] * 5),
            "n/a",
            "\ud800@example.com",
        ],
    )
    def test_a_bad_one_is_listed_instead(self, address: str) -> None:
        """An e-mail that the CRM could refuse must not cost the lead its contact."""
        assert contact({"EMAIL": address, "CITY": "Rome"}) == Contact(fields={"city": "Rome"}, unused=("EMAIL",))

    @pytest.mark.parametrize("address", ["\u017fam@example.com", "ada@\u212aelvin.com", "ada@example.\u017fe"])
    def test_letters_that_only_fold_to_ascii_are_not_ascii(self, address: str) -> None:
        """The long s and the Kelvin sign match [a-z] when case is ignored, yet they are not letters of an address."""
        assert field("email", {"EMAIL": address}) is None

    @pytest.mark.parametrize(
        "answer", [" ada@example.com ", "ada@example.com\r\n", "\x00ada@example.com", ["ada@example.com"]]
    )
    def test_what_surrounds_it_is_cleaned_away(self, answer: Any) -> None:
        """Blanks and control characters around an address are the keyboard's, not the person's."""
        assert field("email", {"EMAIL": answer}) == "ada@example.com"

    def test_a_local_part_built_to_backtrack_costs_nothing(self) -> None:
        """The longest value looked at is refused at once, whatever its shape."""
        assert field("email", {"EMAIL": "a@" + "a-" * 248}) is None


class TestPhones:
    @pytest.mark.parametrize(
        ("phone", "country", "region", "expected"),
        [
            ("(212) 555-0123", None, "US", "+12125550123"),
            ("1-212-555-0123", None, "US", "+12125550123"),
            ("212.555.0123", "US", "DE", "+12125550123"),
            (2125550123, None, "US", "+12125550123"),
            ("020 7946 0958", "GB", "US", "+442079460958"),
            ("020 7946 0958", "United Kingdom", "US", "+442079460958"),
            ("030 901820", "Deutschland", "US", "+4930901820"),
            ("0044 20 7946 0958", "DEU", "US", "+442079460958"),
            ("06 1234 5678", "Italia", "US", "+390612345678"),
            ("0412 345 678", "au", "US", "+61412345678"),
            ("01 99 00 12 34", None, "FR", "+33199001234"),
            ("+81 3-1234-5678", "US", "US", "+81312345678"),
            ("＋８１　３－１２３４－５６７８", None, "US", "+81312345678"),
            ("٠٥٠١٢٣٤٥٦٧", "AE", "US", "+971501234567"),
            ("tel:+1-212-555-0123", None, "GB", "+12125550123"),
            ("(212) 555-0123", "Narnia", "US", "+12125550123"),
            ("(212) 555-0123", "DK", "US", "+12125550123"),
            ("(212) 555-0123", "AN", "US", "+12125550123"),
            ("(212)\u00a0555\u20110123", None, "US", "+12125550123"),
        ],
    )
    def test_a_number_becomes_e164(self, phone: Any, country: str | None, region: str, expected: str) -> None:
        """A number is read as its writer would dial it: by its prefix, the person's country, then the default."""
        answers = {"PHONE_NUMBER": phone} | ({"COUNTRY": country} if country else {})
        assert field("phone", answers, region) == expected

    def test_the_order_of_the_answers_does_not_matter(self) -> None:
        """COUNTRY helps a phone number that comes before it."""
        assert field("phone", {"PHONE_NUMBER": "020 7946 0958", "COUNTRY": "GB"}) == "+442079460958"
        assert field("phone", {"COUNTRY": "GB", "PHONE_NUMBER": "020 7946 0958"}) == "+442079460958"

    @pytest.mark.parametrize(
        "garbage",
        [
            "call me", "n/a", "-", "+", "+1", "123", "911", "987654321", "0" * 20, "0" * 300, "9" * 400,
            "+999 123 456 789", "+0 212 555 0123", "👍", "ada@example.com", "(212) 555-0123 or (212) 555-0199",
            True, 3.14, {"a": 1}, "\ud800", "+" * 200,
        ],
    )  # fmt: skip
    def test_garbage_is_listed_instead(self, garbage: Any) -> None:
        """What nobody could dial is never sent: the CRM would drop it without a word."""
        assert contact({"PHONE_NUMBER": garbage}) == Contact(fields={}, unused=("PHONE_NUMBER",))

    @pytest.mark.parametrize(("phone", "region"), [("555-0123", "US"), ("555 0123", "CA"), ("555.0123", "JM")])
    def test_a_number_is_complete_or_unused(self, phone: str, region: str) -> None:
        """A local number without its area code cannot be written as E.164: +15550123 is nobody's number."""
        assert contact({"PHONE_NUMBER": phone}, region) == Contact(fields={}, unused=("PHONE_NUMBER",))


class TestCountries:
    @pytest.mark.parametrize(
        ("answer", "code"),
        [
            ("US", "US"), ("us", "US"), ("USA", "US"), ("U.S.A.", "US"), ("United States of America", "US"),
            ("UK", "GB"), ("gbr", "GB"), ("England", "GB"), ("great britain", "GB"),
            ("Deutschland", "DE"), ("GERMANY", "DE"), ("Österreich", "AT"), ("österreich", "AT"),
            ("España", "ES"), ("Türkiye", "TR"), ("TÜRKİYE", "TR"), ("Côte d’Ivoire", "CI"), ("Cote d'Ivoire", "CI"),
            ("Réunion", "RE"), ("Åland Islands", "AX"), ("São Tomé and Príncipe", "ST"), ("Kosovo", "XK"),
            ("XKX", "XK"), ("ＵＳ", "US"), ("the netherlands", "NL"), ("Korea", "KR"), ("AN", "AN"), (" fr\n", "FR"),
        ],
    )  # fmt: skip
    def test_codes_and_names_are_known(self, answer: str, code: str) -> None:
        """A country is found by either code or name, whatever its case, accents and dots."""
        assert field("country", {"COUNTRY": answer}) == code

    @pytest.mark.parametrize(
        "answer",
        ["BL", "BQ", "CW", "SS", "BLM", "BES", "CUW", "SSD", "South Sudan", "ZZ", "EU", "Narnia", "1", "United", "🇺🇸",
         "US, CA", "日本", True, ["US", "CA"]],
    )  # fmt: skip
    def test_what_the_crm_does_not_know_is_listed_instead(self, answer: Any) -> None:
        """Four ISO codes are missing from the CRM's list, and it refuses a contact over them."""
        assert contact({"COUNTRY": answer}) == Contact(fields={}, unused=("COUNTRY",))


class TestGenders:
    @pytest.mark.parametrize(
        ("answer", "gender"),
        [
            ("Male", "male"),
            ("FEMALE", "female"),
            ("m", "male"),
            ("F", "female"),
            ("Woman", "female"),
            (" man ", "male"),
        ],
    )
    def test_known_words_are_normalised(self, answer: str, gender: str) -> None:
        """The CRM writes genders in lower case."""
        assert field("gender", {"GENDER": answer}) == gender

    @pytest.mark.parametrize("answer", ["Non-binary", "Prefer not to say", "fe male", "男", "1", ["Male", "Female"]])
    def test_other_words_are_listed_instead(self, answer: Any) -> None:
        """A gender is not guessed."""
        assert contact({"GENDER": answer}) == Contact(fields={}, unused=("GENDER",))


class TestBirthDates:
    @pytest.mark.parametrize("answer", ["12 January", "03/04/1990", "1990", "31 February 1990", "1 Jan 2999", True])
    def test_an_incomplete_one_is_listed_instead(self, answer: Any) -> None:
        """A wrong birthday is worse than none."""
        assert contact({"DATE_OF_BIRTH": answer}) == Contact(fields={}, unused=("DATE_OF_BIRTH",))

    def test_today_is_the_caller_s(self) -> None:
        """A birth date in the future is refused by the date that was handed in, not by the machine's clock."""
        answers = {"DATE_OF_BIRTH": "2026-03-02"}
        assert contact(answers).fields == {}
        assert contact_from(Answers(answers), phone_region="US", today=dt.date(2026, 3, 2)).fields == {
            "dateOfBirth": "2026-03-02"
        }


class TestValues:
    @pytest.mark.parametrize(
        ("value", "text"),
        [
            ("plain", "plain"), (28, "28"), (-0.5, "-0.5"), (True, "yes"), (False, "no"), (0, "0"),
            (["Kitchen", "Bath"], "Kitchen, Bath"), (["a", None, "", " ", [], "b"], "a, b"),
            ([["a"], ["b", 1]], "a, b, 1"),
            ({"street": "Main", "no": 1, "x": None}, "street: Main, no: 1"), (10**18, "1" + "0" * 18),
            ("a\x00b\x07c\x7fd\x85e", "a b c d e"), ("a\r\n\tb", "a b"), ("\u2028a\u2029", "a"),
            ("a\ud800b", "a\ufffdb"),
            ("\ud83d\ude00", "\ufffd\ufffd"), ("👩‍👩‍👧", "👩‍👩‍👧"), ("שלום", "שלום"), ({"\ud800": "a"}, "\ufffd: a"),
        ],
    )  # fmt: skip
    def test_any_value_is_one_clean_line(self, value: Any, text: str) -> None:
        """Whatever JSON allows becomes text that every system downstream can carry."""
        assert text_of(value) == text

    @pytest.mark.parametrize(
        "value", [None, "", " ", "\x00", "\r\n", "\u3000", [], {}, [None, ""], {"a": None}, [[[]]]]
    )
    def test_blank_counts_as_not_answered(self, value: Any) -> None:
        """An empty answer would blank what the CRM has, and there is nothing to list either."""
        assert text_of(value) == ""
        assert contact({"CITY": value, "Anything else?": value}) == Contact(fields={}, unused=())

    def test_deep_nesting_ends_in_an_ellipsis(self) -> None:
        """Nobody reads the ninth level, and no answer may exhaust the stack."""
        value: Any = "deep"
        for _ in range(5000):
            value = [value]
        assert text_of(value) == "…"

    @pytest.mark.parametrize("question", sorted(DEFAULT_MAPPING))
    def test_a_value_of_ten_thousand_characters_is_listed_instead(self, question: str) -> None:
        """The CRM would refuse the whole contact over one endless value."""
        found = contact({question: "x" * 10_000, "Which?": "y" * 10_000})
        assert found == Contact(fields={}, unused=(question, "Which?"))

    def test_the_longest_value_is_five_hundred_characters(self) -> None:
        """Cleaning comes before measuring."""
        assert field("address1", {"ADDRESS": "x" * 500 + " " * 500}) == "x" * 500
        assert field("address1", {"ADDRESS": "x" * 501}) is None


any_text = st.text(st.characters(), max_size=30)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.floats() | any_text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(any_text, inner, max_size=3),
    max_leaves=6,
)
plausible = st.one_of(
    st.emails(),
    st.from_regex(r"\+?[0-9() .-]{5,18}", fullmatch=True),
    st.dates().map(str),
    st.sampled_from(["US", "Deutschland", "CW", "BQ", "12 January", "Male", "x" * 10_000]),
)
answer_sets = st.dictionaries(st.sampled_from(sorted(DEFAULT_MAPPING)) | any_text, json_values | plausible, max_size=8)


class TestAnyAnswers:
    @given(answers=answer_sets, region=st.sampled_from(["US", "GB", "JP", "XK", "ZZ"]))
    @example(answers={"EMAIL": "\ud800", "PHONE_NUMBER": "\ud800" * 10, "\ud800": "\udfff"}, region="US")
    @settings(deadline=None)
    def test_every_answer_is_used_or_listed_and_what_is_sent_is_sound(
        self, answers: dict[str, Any], region: str
    ) -> None:
        """No JSON object of answers can stop a lead, lose an answer unnoticed, or produce what the CRM refuses."""
        found = contact(answers, region)
        assert set(found.fields) <= UPSERT_FIELDS
        for value in found.fields.values():
            assert value == value.strip()
            assert 0 < len(value) <= 500
            assert not any(ord(letter) < 32 or 127 <= ord(letter) < 160 for letter in value)
            value.encode("utf-8")
        answered = set(Answers(answers).keys())
        assert set(found.unused) <= answered
        assert len(set(found.unused)) == len(found.unused)
        for key in answered - set(found.unused):
            assert DEFAULT_MAPPING[key][0] in found.fields

    @given(answers=answer_sets)
    @settings(deadline=None)
    def test_it_does_not_matter_by_which_road_the_answers_came(self, answers: dict[str, Any]) -> None:
        """Answers that went through JSON give a contact all the same."""
        decoded = lenient_json.decode(json.dumps(answers))
        assert set(contact(decoded).fields) == set(contact(answers).fields)


@pytest.mark.parametrize(
    ("answers", "phone"),
    [
        ({"PHONE_NUMBER": "(212) 867-5309", "COUNTRY": "GB"}, "+12128675309"),
        ({"PHONE_NUMBER": "07911 123456", "COUNTRY": "GB"}, "+447911123456"),
        ({"PHONE_NUMBER": "\u202a+1 212 867 5309\u202c"}, "+12128675309"),
        ({"PHONE_NUMBER": "212 867 5309", "COUNTRY": "Atlantis"}, "+12128675309"),
    ],
)
def test_a_phone_number_is_read_where_it_exists(answers: dict[str, str], phone: str) -> None:
    """The person's country comes first, but a number that exists only in the default region is of that region."""
    assert field("phone", answers) == phone


@pytest.mark.parametrize("email", ["a..b@example.com", ".a@example.com", "a.@example.com", "a@1.2", "a@b"])
def test_an_address_no_mail_server_takes_is_left_out(email: str) -> None:
    """The CRM would refuse the whole contact for it."""
    assert contact({"EMAIL": email}).unused == ("EMAIL",)


def test_what_a_paste_brings_along_does_not_spoil_an_address() -> None:
    """Marks without width are no part of it."""
    assert field("email", {"EMAIL": "ada@example.com\u200b"}) == "ada@example.com"


@pytest.mark.parametrize(
    ("answer", "is_whole"),
    [
        ("212 867 5309", True),
        ("+1 (212) 867-5309", True),
        ("２１２-８６７-５３０９", True),
        ("212 867 5309 ext. 12", False),
        ("212 867 5309 x12", False),
        ("call 212 867 5309", False),
        ("1-800-FLOWERS", False),
    ],
)
def test_what_is_written_beside_a_number_is_listed(answer: str, is_whole: bool) -> None:
    """E.164 has no place for an extension or a word, so the answer is shown somewhere else as well."""
    found = contact({"PHONE_NUMBER": answer})
    assert found.fields["phone"].startswith("+1")
    assert found.unused == (() if is_whole else ("PHONE_NUMBER",))


def test_what_answers_were_read_as_is_told() -> None:
    """Conditions may be written in the person's words or in the CRM's."""
    found = contact({"COUNTRY": "United States", "GENDER": "F", "CITY": "Rome", "AGE": "28"})
    assert found.converted == {"COUNTRY": "US", "GENDER": "female"}


class TestWhatTheRouteSays:
    def test_comes_before_the_standard_question(self) -> None:
        """The answer that it replaces is in no field any more, so it is listed."""
        answers = {"EMAIL": "home@example.com", "Work e-mail": "ada@work.example"}
        found = contact(answers, given={"email": Given("ada@work.example", ("Work e-mail",))})
        assert found == Contact(fields={"email": "ada@work.example"}, unused=("EMAIL",))

    def test_gives_way_when_it_cannot_be_used(self) -> None:
        """A mistyped work address does not cost the home address."""
        answers = {"EMAIL": "home@example.com", "Work e-mail": "none"}
        found = contact(answers, given={"email": Given("none", ("Work e-mail",))})
        assert found == Contact(fields={"email": "home@example.com"}, unused=("Work e-mail",))

    def test_may_say_in_which_country_a_phone_number_is(self) -> None:
        """A form in another language asks for the country in its own words."""
        answers = {"PHONE_NUMBER": "020 7946 0958", "Land": "England"}
        found = contact(answers, given={"country": Given("England", ("Land",))})
        assert found.fields == {"country": "GB", "phone": "+442079460958"}
        assert found.converted["Land"] == "GB"
        assert found.unused == ()

    def test_comes_before_every_standard_question(self) -> None:
        """And where it cannot be used, those follow in their order."""
        answers = {"WORK_EMAIL": "w@example.com", "EMAIL": "bad", "Mail": "m@example.com"}
        assert contact(answers, given={"email": Given("m@example.com", ("Mail",))}).fields["email"] == "m@example.com"
        assert contact(answers, given={"email": Given("bad", ("Mail",))}).fields["email"] == "w@example.com"

    def test_is_split_when_it_is_a_name(self) -> None:
        """A name is a name wherever it came from."""
        found = contact({"Nombre": "Ada Lovelace"}, given={"name": Given("Ada Lovelace", ("Nombre",))})
        assert found.fields == {"name": "Ada Lovelace", "firstName": "Ada", "lastName": "Lovelace"}

    def test_is_cleaned_and_measured_like_an_answer(self) -> None:
        """A template may bring line breaks along, and too much of anything."""
        assert contact({}, given={"city": Given(" New\n York ", ())}).fields == {"city": "New York"}
        assert contact({}, given={"city": Given("x" * 501, ())}).fields == {}
