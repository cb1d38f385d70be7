"""The routes.toml that is proposed for lead forms: valid, whatever the forms are called."""

from __future__ import annotations

import tomllib

import pytest

from infra.cli.pinterest.route_proposal import NO_LOCATION, proposal
from infra.cli.vendors.pinterest_api import Form, Question
from leads.core.routes import RouteTable, parse_routes

ACCOUNT = "111764359001"
NASTY = 'Is it "2\\3"?\nor {less}\x00\x7f\ud800 …'


def custom(label: str) -> Question:
    return Question("CUSTOM", label, "TEXT_FIELD")


def form(number: str = "65300871001", name: str = "Spring", *questions: Question, status: str = "ACTIVE") -> Form:
    return Form(number, ACCOUNT, name, status, questions)


def parsed(text: str) -> RouteTable:
    return parse_routes(tomllib.loads(text))


def uncommented(text: str) -> RouteTable:
    """As it is once somebody has removed the marks before the custom fields."""
    lines = (line.removeprefix("# ") if line.startswith(('# "', "# [")) else line for line in text.split("\n"))
    return parsed("\n".join(lines))


def test_each_form_gets_a_route_of_its_own() -> None:
    """With its account, to the only location there is, and with tags that name the campaign."""
    [one, two] = parsed(proposal([form(), form("7", "Autumn", status="DRAFT")], ["location-1"])).routes
    assert (one.name, one.source, one.account, one.form) == ("Spring", "pinterest", ACCOUNT, "65300871001")
    assert (two.name, two.form, two.location) == ("Autumn", "7", "location-1")
    assert one.tags == ["pinterest", "campaign: {campaign_name}"]


@pytest.mark.parametrize("locations", [[], ["location-1", "location-2"]])
def test_without_one_location_somebody_has_to_choose(locations: list[str]) -> None:
    """What stands there is a placeholder, and what may stand there is said."""
    text = proposal([form()], locations)
    assert parsed(text).routes[0].location == NO_LOCATION
    assert all(location in text for location in locations)


def test_custom_questions_are_proposed_as_custom_fields_to_be_switched_on() -> None:
    """Until then they cost nothing: the field must exist in the CRM first. Equal keys are told apart."""
    questions = [
        *(Question("EMAIL"), custom("What is your budget?"), custom("Wie groß?")),
        *(custom("Was? "), custom("Was!"), custom("予算")),
    ]
    text = proposal([form("1", "F", *questions)], ["loc"])
    assert parsed(text).routes[0].custom_fields == {}
    assert uncommented(text).routes[0].custom_fields == {
        "contact.what_is_your_budget": "What is your budget?",
        "contact.wie_gro": "Wie groß?",
        "contact.was": "Was?",
        "contact.was_5": "Was!",
        "contact.question_6": "予算",
    }


@pytest.mark.parametrize("name", ["", " ", NASTY, "{", "x" * 500, '"""', "# no comment", "[[routes]]", "日本 🌸"])
def test_any_name_and_label_makes_a_valid_file(name: str) -> None:
    """Advertisers call forms and questions what they like, two of them alike."""
    forms = [form("1", name, custom(name), custom("ok?")), form("2", name, status=name)]
    text = proposal(forms, ["loc"])
    text.encode()
    assert len({route.name for route in parsed(text).routes}) == 2
    assert "ok?" in uncommented(text).routes[0].custom_fields.values()
