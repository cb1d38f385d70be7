"""Templates: what stands for what, and which slips are found before a lead meets them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leads.core.contact_fields import CONTACT_FIELDS, snake
from leads.core.placeholders import NAMES, check, fill, names_in, only_name, value_of
from leads.crm.contacts import UPSERT_FIELDS
from tests.unit.core.strategies import any_text

VALUES = {
    "first_name": "Ada",
    "campaign_name": "Spring {city}",
    "email": "ada@example.com",
    "EMAIL": "ADA@example.com",
    "What is your budget?": "10 k",
    "answer:What is your budget?": "10 k",
    "name": "Ada Lovelace",
    "answer:name": "typed by Ada",
    "city": "",
}


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("", ""),
        ("plain", "plain"),
        ("Call {first_name}", "Call Ada"),
        ("{ first_name }!", "Ada!"),
        ("{First_Name} {firstName} {first name}", "Ada Ada Ada"),
        ("{email} {EMAIL}", "ada@example.com ADA@example.com"),
        ("{What is your budget?}", "10 k"),
        ("{what is your budget ?}", "10 k"),
        ("{answer:What is your budget?}", "10 k"),
        ("{answer: what is your BUDGET?}", "10 k"),
        ("{name} {answer:name}", "Ada Lovelace typed by Ada"),
        ("{answer:EMAIL}", "ADA@example.com"),
        ("{campaign_name}", "Spring {city}"),
        ("[{city}] [{nobody}] [{answer:nobody}]", "[] [] []"),
        ("{{first_name}}", "{first_name}"),
        ("{{{first_name}}}", "{Ada}"),
        ("{first_name", "{first_name"),
        ("first_name}", "first_name}"),
        ("a {b {first_name}", "a {b Ada"),
        ("{}", ""),
    ],
)
def test_names_are_filled_once(template: str, text: str) -> None:
    """A name is found exactly, then loosely; what is unknown is empty; a value's own braces stay braces."""
    assert fill(template, VALUES) == text


def test_the_names_of_a_template_are_known_beforehand() -> None:
    """Each once and in order, so that a tag with an empty one can be dropped."""
    assert names_in("{b} {{c}} { a } {answer:q} {b} {}") == ("b", "a", "answer:q")
    assert [value_of(name, VALUES) for name in ("First_Name", "answer:email", "city", "x")] == [
        "Ada", "ada@example.com", "", "",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("template", "name"),
    [
        ("{TAGS}", "TAGS"), (" { answer:TAGS } ", "answer:TAGS"), ("{a}{b}", ""), ("{a} b", ""), ("a", ""), ("{{", ""),
        ("{{a}}", ""), ("{}", ""), ("", ""),
    ],
)  # fmt: skip
def test_a_template_of_one_placeholder_is_known_by_its_name(template: str, name: str) -> None:
    """So that a list behind it need not become one text."""
    assert only_name(template) == name


@pytest.mark.parametrize(
    ("template", "parts"),
    [
        ("Call {first_name", ["`{` that no `}` closes", "`{{`"]),
        ("Call first_name}", ["`}` that no `{` opens", "`}}`"]),
        ("{a{b}}", ["`{` that no `}` closes"]),
        ("{}", ["names nothing"]),
        ("{ }", ["names nothing"]),
        ("{answer:}", ["names nothing"]),
        ("{frist_name}", ["did you mean `{first_name}`, or", "`{answer:frist_name}`"]),
        ("{campain_name}", ["did you mean `{campaign_name}`, or"]),
        ("{answer}", ["did you mean `{answers}`, or"]),
        ("{emial}", ["did you mean `{email}`, or"]),
        ("{postalcod}", ["did you mean `{postal_code}`, or"]),
        ("{answers:Budget}", ["did you mean `{answer:Budget}`?"]),
    ],
)
def test_a_likely_slip_is_named(template: str, parts: list[str]) -> None:
    """An unclosed brace or a name one slip away from a known one would otherwise show up in a customer's CRM."""
    with pytest.raises(ValueError, match=r"`") as caught:
        check(template)
    assert [part for part in parts if part not in str(caught.value)] == []


# Pinterest's question types, then the names of Facebook's standard questions.
STANDARD_QUESTIONS = """
{FULL_NAME} {FIRST_NAME} {LAST_NAME} {EMAIL} {PHONE_NUMBER} {ADDRESS} {CITY} {STATE_PROVINCE} {ZIP_CODE}
{COUNTRY} {DATE_OF_BIRTH} {GENDER} {AGE} {PREFERRED_CONTACT_METHOD}
{full_name} {phone_number} {street_address} {post_code} {zip_code} {province} {dob} {job_title} {company_name}
{work_email} {work_phone_number} {whatsapp_number} {marital_status} {relationship_status} {military_status}
{education_level} {address_line_two} {website} {date_time} {store_lookup} {license_plate}
{whatsapp_number} {user_provided_phone_number} {timezone} {tags} {opportunity_status} {consent:sms}
"""


@pytest.mark.parametrize(
    "template",
    [
        *(f"{{{name}}}" for name in NAMES),
        STANDARD_QUESTIONS,
        "{What is your budget?}",
        "{First name, please}",
        "{firstName} {Company name}",
        "{answer:frist_name}",
        "{{not a name}}",
        "",
    ],
)
def test_names_and_standard_questions_pass(template: str) -> None:
    """No key that a platform really uses is taken for a slip."""
    check(template)


@given(any_text | st.from_regex(r"([a-z{} :]|\{answer:)*", fullmatch=True), st.dictionaries(any_text, any_text))
def test_filling_never_fails(template: str, values: dict[str, str]) -> None:
    """Whatever the template and the values, a text comes out; with nothing to fill, it is the template."""
    text = fill(template, values)
    assert text == template or "{" in template or "}" in template


@given(st.text(alphabet="ab {}", max_size=30))
def test_what_passes_the_check_has_no_loose_braces(template: str) -> None:
    """A template that was accepted leaves no brace in the text but those that were doubled."""
    try:
        check(template)
    except ValueError:
        return
    assert fill(template, {}).count("{") == template.count("{{")


def test_the_contact_fields_are_those_of_an_upsert() -> None:
    """The names that routes.toml may use are the ones that the CRM takes, but those with a key of their own."""
    assert set(CONTACT_FIELDS) == UPSERT_FIELDS - {"source", "assignedTo"}
    assert [snake(field) for field in ("postalCode", "dateOfBirth", "address1", "name")] == [
        "postal_code", "date_of_birth", "address1", "name",
    ]  # fmt: skip
