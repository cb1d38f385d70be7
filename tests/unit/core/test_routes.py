"""The user's routes: which one takes a lead, and what a mistake in the file is answered with."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leads.core.errors import Misconfigured
from leads.core.lead import Lead
from leads.core.routes import Condition, DndRule, Route, RouteTable, Task, due_seconds, parse_routes
from leads.core.routes_check import SOURCES
from leads.sources import REGISTRY
from tests.unit.core.strategies import json_values

SHIPPED = Path(__file__).parents[3] / "functions" / "routes.toml"


def table(text: str) -> RouteTable:
    return parse_routes(tomllib.loads(text), place="routes.toml")


def lead(source: str = "pinterest", account: str = "111", form: str = "222") -> Lead:
    return Lead(
        source=source, account=account, form=form, lead_id="1", ledger_key="k", seal="s", is_test=False,
        created_at=None, answers={}, campaign={"campaign_id": "626", "campaign_name": "Spring campaign"},
    )  # fmt: skip


def complaint(document: str) -> str:
    with pytest.raises(Misconfigured) as caught:
        table(document)
    return str(caught.value)


def test_a_route_may_name_every_source_that_there_is() -> None:
    """A misspelled one is found by its likeness to them."""
    assert set(SOURCES) == set(REGISTRY)


class TestMatching:
    @pytest.mark.parametrize(
        ("rule", "taken"),
        [
            ("", True),
            ('source = "pinterest"', True),
            ('source = "facebook"', False),
            ('account = "111"', True),
            ('account = "11"', False),
            ('account = "1111"', False),
            ('form = "222"', True),
            ('form = "111"', False),
            ('form = ""', False),
            ('account = ["9", "111"]', True),
            ('account = ["1", "11"]', False),
            ('source = ["pinterest"]\naccount = "111"\nform = ["222"]', True),
            ('source = "pinterest"\naccount = "111"\nform = "9"', False),
            ('campaign = "626"', True),
            ('campaign = "62"', False),
            ('campaign = "Spring campaign"', True),
            ('campaign = " spring  Campaign"', True),
            ('campaign = "Spring"', False),
            ('campaign = ["Autumn", "626"]', True),
            ('campaign = "626"\nsource = "facebook"', False),
            ('only_if = [{ answer = "COUNTRY", equals = "US" }]', True),
        ],
    )
    def test_every_named_key_must_agree(self, rule: str, taken: bool) -> None:
        """An omitted key takes any lead, a list takes its members, and nothing matches by half."""
        routes = table(f'[[routes]]\nname = "a"\nlocation = "L"\n{rule}')
        assert (routes.match(lead()) is not None) == taken

    def test_the_first_that_takes_it_wins(self) -> None:
        """Routes are tried top to bottom."""
        routes = table(
            """
            [[routes]]
            name = "other form"
            location = "L1"
            form = "9"
            [[routes]]
            name = "form"
            location = "L2"
            form = "222"
            [[routes]]
            name = "rest"
            location = "L3"
            """
        )
        assert [routes.match(lead(form=form)).location for form in ("222", "9", "")] == ["L2", "L1", "L3"]  # type: ignore[union-attr]

    def test_a_lead_without_campaign_is_taken_by_no_campaign(self) -> None:
        """Neither an empty id nor an empty name agrees with anything."""
        bare = Lead(
            source="pinterest", account="1", form="2", lead_id="1", ledger_key="k", seal="", is_test=False,
            created_at=None, answers={},
        )  # fmt: skip
        assert table('[[routes]]\nname = "a"\nlocation = "L"\ncampaign = "626"').match(bare) is None
        assert table('[[routes]]\nname = "a"\nlocation = "L"').match(bare) is not None

    def test_no_route_is_none(self) -> None:
        """A lead nobody claims is not given to the last route."""
        assert table('[[routes]]\nname = "a"\nlocation = "L"\nform = "9"').match(lead()) is None


class TestDefaults:
    def test_the_phone_region_is_us_unless_said(self) -> None:
        """A table of routes alone is enough."""
        routes = '[[routes]]\nname = "a"\nlocation = "L"\n'
        assert table(routes).defaults.phone_region == "US"
        assert table(routes + '[defaults]\nphone_region = "DE"').defaults.phone_region == "DE"

    @pytest.mark.parametrize("region", ["us", "USA", "U", "", "U1", "É", "US ", "DE\\n", "UK", "ZZ"])
    def test_a_region_is_two_capital_letters_and_exists(self, region: str) -> None:
        """UK is the commonest slip for GB, and with it every national number would silently go unused."""
        said = complaint(f'[[routes]]\nname = "a"\nlocation = "L"\n[defaults]\nphone_region = "{region}"')
        assert said.startswith("routes.toml: `defaults.phone_region` is two capital letters, such as US")
        assert region != "UK" or said.endswith("; did you mean `GB`?")

    def test_a_stage_is_a_tag_unless_said(self) -> None:
        """One tag with a prefix, or a custom field."""
        routes = '[[routes]]\nname = "a"\nlocation = "L"\n'
        assert table(routes).defaults.stage_as == "tag:stage: "
        assert table(routes + '[defaults]\nstage_as = "custom_field:contact.stage"').defaults.stage_as


class TestDueTimes:
    @pytest.mark.parametrize(
        ("text", "seconds"), [("90m", 5400), ("2h", 7200), ("3d", 259200), ("0m", 0), (" 1 d ", 86400), ("1d", 86400)]
    )
    def test_are_minutes_hours_or_days(self, text: str, seconds: int) -> None:
        """One number and one letter."""
        assert due_seconds(text) == seconds

    @pytest.mark.parametrize("text", ["", "2", "h", "2w", "2 weeks", "-1d", "1.5h", "1h30m", "9999999d", "٣d", "2H"])
    def test_are_nothing_else(self, text: str) -> None:
        """What is not understood is refused, not guessed."""
        with pytest.raises(ValueError, match="minutes, hours or days"):
            due_seconds(text)


class TestWholeRoutes:
    def test_a_route_says_everything_it_can(self) -> None:
        """Every key arrives; contact fields come out by the API's names, whichever way they were written."""
        route = table(EVERYTHING).routes[0]
        assert route == Route(
            name="Spring campaign", source="pinterest", account="111764359001", form="65300871001",
            campaign=["626735565838", "Spring"], location="ve9EPM428h8vShlRW1KT", tests="ignore", stage="lead",
            only_if=[Condition(answer="COUNTRY", is_in=["US", "CA"])],
            tags=["pinterest", "campaign: {campaign_name}"], assign=["user-a", "user-b"], note="New:\n{answers}",
            fields={"email": "EMAIL", "postalCode": "ZIP_CODE", "firstName": "{FULL_NAME}"},
            custom_fields={"contact.budget": "What is your budget?"},
            tag_rules=route.tag_rules, stage_from="tag:s/", stages={"won": "customer"}, copies=["contacts", "notes"],
            dnd_rules=[DndRule(when=Condition(answer="consent:sms", not_="yes"), channels=["SMS", "whatsapp"])],
            tasks=[Task(title="Call {first_name}", body="…", due_in="2h", assigned_to="user-a"), Task(title="Mail")],
        )  # fmt: skip
        one, many = (rule.when for rule in route.tag_rules)
        assert isinstance(one, Condition)
        assert one.matches == "(?i)over"
        assert isinstance(many, list)
        assert [condition.not_ for condition in many] == [["red", "blue"], True]

    def test_a_bare_route_has_plain_defaults(self) -> None:
        """Name and location are enough: a contact, a default note, test leads tagged, nothing else."""
        route = table('[[routes]]\nname = "a"\nlocation = "L"').routes[0]
        assert (route.tests, route.stage, route.tags, route.assign, route.note) == ("tag", "", [], [], None)
        assert [route.fields, route.custom_fields, route.tag_rules, route.tasks, route.only_if] == [{}, {}, [], [], []]
        assert (route.dnd_rules, route.stage_from, route.stages) == ([], "", {})
        assert route.copies == ["contacts", "notes", "tasks"]

    def test_the_shipped_file_is_valid(self) -> None:
        """It takes every lead of every source, whatever examples stand in its comments."""
        routes = table(SHIPPED.read_text("utf-8"))
        assert all(routes.match(lead(source)) for source in ("pinterest", "facebook", "leadconnector"))

    def test_the_shipped_examples_are_valid(self) -> None:
        """Uncommenting every example gives a file that loads and uses every key there is."""
        text = SHIPPED.read_text("utf-8")
        routes = table(re.sub(r'(?m)^# (?=\[|"|[a-z_]+ = )', "", text)).routes
        assert len(routes) == 2
        unused = [name for name in Route.__struct_fields__ if getattr(routes[0], name) in (None, "", [], {})]
        assert unused == []


EVERYTHING = """
[defaults]
phone_region = "CA"
stage_as = "custom_field:contact.stage"

[[routes]]
name = "Spring campaign"
source = "pinterest"
account = "111764359001"
form = "65300871001"
campaign = ["626735565838", "Spring"]
only_if = [{ answer = "COUNTRY", is_in = ["US", "CA"] }]
location = "ve9EPM428h8vShlRW1KT"
tests = "ignore"
stage = "lead"
stage_from = "tag:s/"
copies = ["contacts", "notes"]
tags = ["pinterest", "campaign: {campaign_name}"]
assign = ["user-a", "user-b"]
note = "New:\\n{answers}"
  [routes.fields]
  email = "EMAIL"
  postal_code = "ZIP_CODE"
  firstName = "{FULL_NAME}"
  [routes.custom_fields]
  "contact.budget" = "What is your budget?"
  [routes.stages]
  won = "customer"
  [[routes.dnd_rules]]
  when = { answer = "consent:sms", not = "yes" }
  channels = ["SMS", "whatsapp"]
  [[routes.tag_rules]]
  when = { answer = "What is your budget?", matches = "(?i)over" }
  tags = ["hot"]
  [[routes.tag_rules]]
  when = [{ answer = "Colour", not = ["red", "blue"] }, { answer = "CITY", is_empty = true, not = true }]
  tags = ["colour: {Colour}"]
  [[routes.tasks]]
  title = "Call {first_name}"
  body = "…"
  due_in = "2h"
  assigned_to = "user-a"
  [[routes.tasks]]
  title = "Mail"
"""
ROUTE = '[[routes]]\nname = "Spring"\nlocation = "L"\n'


TASK = ROUTE + '[[routes.tasks]]\ntitle = "Call"\n'
RULE = ROUTE + "[[routes.tag_rules]]\n"
PIN = ROUTE + 'source = "pinterest"\naccount = "1117"\n[routes.conversions]\nwon = "lead"'
TOLD = ROUTE + "[routes.conversions]\n"
DND = ROUTE + '[[routes.dnd_rules]]\nwhen = { answer = "a", equals = "b" }\n'
STAGES = ROUTE + 'stage_from = "opportunity_status"\n[routes.stages]\n'
REGION = '[defaults]\nphone_region = "US"\n'
SPRING = "route 1 (Spring): "


def when(condition: str) -> str:
    return f"{ROUTE}only_if = [{{ {condition} }}]"


class TestMistakes:
    @pytest.mark.parametrize(
        ("document", "parts"),
        [
            (ROUTE + 'acount = "1"', [SPRING, "`acount`", "did you mean `account`?", "allowed are name, location"]),
            (ROUTE + 'Form = "1"', [SPRING, "`Form`", "did you mean `form`?"]),
            (ROUTE + 'zebra = "1"', [SPRING, "`zebra`", "source, account, form, campaign"]),
            (ROUTE + 'phone_region = "US"', [SPRING, "`phone_region`", "belongs under [defaults]"]),
            (ROUTE + ROUTE.replace("Spring", "Summer") + "x = 1", ["route 2 (Summer)", "`x`"]),
            (TASK + 'tilte = "x"', [SPRING, "`tilte` in `tasks[1]`", "did you mean `title`?"]),
            (TASK + 'note = "x"', ["`note` in `tasks[1]`", "it is a key of the route: move it above"]),
            (RULE + 'tag = ["a"]', ["`tag` in `tag_rules[1]`", "did you mean `tags`?"]),
            (DND + 'channel = ["SMS"]', ["`channel` in `dnd_rules[1]`", "did you mean `channels`?"]),
            (when('answr = "a"'), ["`answr` in `only_if[1]`", "did you mean `answer`?"]),
            (when('answer = "a", not = { equls = "b" }'), ["`equls` in `only_if[1].not`", "did you mean `equals`?"]),
            (ROUTE + '[default]\nphone_region = "US"', ["`default`", "did you mean `defaults`?"]),
            (ROUTE + '[defaults]\nphone_regin = "US"', ["`phone_regin`", "did you mean `phone_region`?"]),
            (ROUTE + "[defaults]\ntags = []", ["`tags` in `defaults`", "below its line [[routes]]"]),
            ("tags = []\n" + ROUTE, ["unknown key `tags`", "below its line [[routes]]"]),
            (ROUTE + '[[routes.actions]]\noperation = "x"', [SPRING + "`actions` is not supported by this version"]),
            (TOLD + 'won = { evnt = "x" }', ["`evnt` in `conversions.won`", "did you mean `event`?"]),
            (TOLD + 'won = { event = "x", curency = "USD" }', ["`curency`", "did you mean `currency`?"]),
        ],
    )  # fmt: skip
    def test_of_unknown_keys(self, document: str, parts: list[str]) -> None:
        """The key is named with its table, what is allowed there, and the nearest key that exists."""
        self.is_said(document, parts)

    @pytest.mark.parametrize(
        ("document", "parts"),
        [
            ('[[routes]]\nname = "A"', ["route 1 (A): `location`", "missing", "required"]),
            ('[[routes]]\nlocation = "L"', ["route 1: `name`", "missing", "required"]),
            ('[[routes]]\nname = ""\nlocation = "L"', ["route 1: `name` is empty"]),
            ('[[routes]]\nname = " "\nlocation = "L"', ["route 1: `name` is empty"]),
            (ROUTE + '[[routes]]\nname = "B"\nlocation = ""', ["route 2 (B): `location` is empty"]),
            ('[[routes]]\nname = "A"\nlocation = "my place"', ["route 1 (A): `location`", "no blank"]),
            (ROUTE + '[[routes]]\nname = "B"\nlocation = "L"\n' + ROUTE, ["routes 1 and 3", "`Spring`", "unique"]),
            (when('equals = "a"'), ["`only_if[1].answer` is missing"]),
            (ROUTE + '[[routes.tasks]]\nbody = "x"', ["`tasks[1].title` is missing"]),
            (RULE + 'when = { answer = "a", equals = "b" }', ["`tag_rules[1].tags` is missing"]),
            (DND, ["`dnd_rules[1].channels` is missing"]),
            ("", ["there is no [[routes]]", "at least one"]),
            (REGION, ["there is no [[routes]]", "at least one"]),
            ("routes = []", ["there is no [[routes]]", "at least one"]),
        ],
    )
    def test_of_what_is_missing(self, document: str, parts: list[str]) -> None:
        """A name that is missing is as good as an empty one, and two of the same are one too many."""
        self.is_said(document, parts)

    @pytest.mark.parametrize(
        ("document", "parts"),
        [
            (ROUTE + "account = 111764359001", ["`account`", "not a number", 'quotes around it: "111764359001"']),
            (ROUTE + "account = [1]", ["`account[1]`", "a text in quotes", 'quotes around it: "1"']),
            (ROUTE + "form = true", ["`form`", "a text in quotes or a list", "not true"]),
            (ROUTE + "form = 2026-01-01", ["`form`", "not a date or time"]),
            (ROUTE + 'tags = "a"', ["`tags`", "a list of texts", "not a text"]),
            (ROUTE + "note = []", ["`note`", "a text in quotes", "not a list"]),
            (ROUTE + 'tests = "tga"', ['"tag", "deliver", "ignore"', 'not "tga"', "did you mean `tag`?"]),
            (ROUTE + 'tests = "x"', ['"tag", "deliver", "ignore"', 'not "x"']),
            (ROUTE + "tests = true", ['"tag", "deliver", "ignore"', "not true"]),
            (ROUTE + 'only_if = { answer = "a" }', ["`only_if`", "a list of conditions", "not a table"]),
            (ROUTE + 'only_if = ["a"]', ["`only_if[1]`", "a condition, such as", "not a text"]),
            (when('answer = "a", is_empty = "yes"'), ["`only_if[1].is_empty`", "true or false", "not a text"]),
            (when('answer = "a", is_in = "b"'), ["`only_if[1].is_in`", "a list of texts"]),
            (when('answer = "a", equals = 5'), ["`only_if[1].equals`", 'quotes around it: "5"']),
            (when('answer = "a", not = 5'), ["`only_if[1].not`", "true, a text, a list of texts, or a comparison"]),
            (RULE + 'when = "a"\ntags = ["b"]', ["`tag_rules[1].when`", "a condition, such as", "or a list of them"]),
            (TASK + "due_in = 2", ["`tasks[1].due_in`", '"2h"', "not a number"]),
            (ROUTE + '[routes.tasks]\ntitle = "x"', ["`tasks`", "[[routes.tasks]], with two brackets"]),
            (ROUTE + "[routes.tag_rules]\ntags = []", ["`tag_rules`", "[[routes.tag_rules]], with two brackets"]),
            (ROUTE + '[[routes.fields]]\nemail = "EMAIL"', ["`fields`", "[routes.fields], with one bracket"]),
            (ROUTE + "[routes.fields]\nemail = 5", ["`fields.email`", "a text in quotes"]),
            (ROUTE + "[routes.fields]\nassign = []", ["`fields.assign`", "move it above [routes.fields]"]),
            (ROUTE + "[routes.custom_fields]\na = { b = 1 }", ["`custom_fields.a`", "not a table"]),
            (DND + 'channels = "SMS"', ["`dnd_rules[1].channels`", "a list of channels", "not a text"]),
            (ROUTE + "[routes.dnd_rules]\nchannels = []", ["`dnd_rules`", "[[routes.dnd_rules]], with two brackets"]),
            (ROUTE + 'copies = "notes"', ["`copies`", "a list, such as", "not a text"]),
            (STAGES + "won = 1", ["`stages.won`", "a text in quotes"]),
            (STAGES + "tags = []", ["`stages.tags`", "move it above [routes.stages]"]),
            (ROUTE + '[[routes.stages]]\na = "b"', ["`stages`", "[routes.stages], with one bracket"]),
            ('[[routes]]\nname = 5\nlocation = "L"', ["route 1: `name`", "a text in quotes"]),
            ('[[routes]]\nname = "A"\nlocation = ["L"]', ["route 1 (A): `location`", "not a list"]),
            ('[routes]\nname = "A"\nlocation = "L"', ["`routes`", "[[routes]], with two brackets"]),
            ('routes = "x"', ["`routes`", "[[routes]], with two brackets"]),
            ("routes = [1]", ["route 1: ", "a table, written as [[routes]]"]),
            (ROUTE + "[defaults]\nphone_region = 1", ["`defaults.phone_region`", "two capital letters"]),
            ("defaults = 1\n" + ROUTE, ["`defaults`", "a table [defaults]"]),
            ("[[defaults]]\n" + ROUTE, ["`defaults`", "a table [defaults], with one bracket"]),
        ],
    )
    def test_of_kind(self, document: str, parts: list[str]) -> None:
        """A wrong kind of value is answered with what is wanted, in plain words."""
        self.is_said(document, parts)

    @pytest.mark.parametrize(
        ("document", "parts"),
        [
            (ROUTE + "account = []", ["`account` is an empty list", "takes no lead"]),
            (ROUTE + "campaign = []", ["`campaign` is an empty list"]),
            (ROUTE + 'account = ["x", "L"]', ["`account`", "the location that the route delivers to"]),
            (ROUTE + 'source = "pintrest"', ["`source`", "did you mean `pinterest`?"]),
            (ROUTE + 'source = ["facebook", "Pinterest"]', ["`source`", "did you mean `pinterest`?"]),
            (ROUTE + 'stage = "{lead}"', ["`stage`", "no placeholder"]),
            (ROUTE + 'tags = ["a", " "]', ["`tags[2]` is empty"]),
            (ROUTE + 'tags = ["a {frist_name}"]', ["`tags[1]`", "`{first_name}`", "`{answer:frist_name}`"]),
            (ROUTE + 'note = "Hi {first_name"', ["`note`", "no `}` closes"]),
            (ROUTE + 'assign = ["a", ""]', ["`assign`", "empty"]),
            (ROUTE + '[defaults]\nstage_as = "stage: "', ["`defaults.stage_as`", "`tag:<prefix>`", "`custom_field:"]),
            (ROUTE + '[defaults]\nstage_as = "tag: "', ["`defaults.stage_as`", "`tag:<prefix>`"]),
            (ROUTE + '[defaults]\nstage_as = "custom_field:"', ["`defaults.stage_as`", "`custom_field:<id or key>`"]),
            (ROUTE + '[defaults]\nstage_as = "tag:{a}"', ["`defaults.stage_as`", "no placeholder"]),
            (when('answer = "a"'), ["`only_if[1]` compares nothing", "equals, is_in, matches, is_empty, not"]),
            (when('answer = "a", not = true'), ["`only_if[1].not` is true and there is nothing else"]),
            (when('answer = "a", not = {}'), ["`only_if[1].not` compares nothing"]),
            (when('answer = "", equals = "b"'), ["`only_if[1].answer` is empty"]),
            (when('answer = "{a}", equals = "b"'), ["`only_if[1].answer`", "without braces: `a`"]),
            (when('answer = "a", equals = ""'), ["`only_if[1].equals`", "is_empty = true"]),
            (when('answer = "a", is_in = []'), ["`only_if[1].is_in` is an empty list"]),
            (when('answer = "a", not = ["b", ""]'), ["`only_if[1].not`", "is_empty = true"]),
            (when('answer = "a", matches = "a(b"'), ["`only_if[1].matches`", "unterminated", "at character 2 of"]),
            (when('answer = "a", not = { matches = "*" }'), ["`only_if[1].not.matches`", "at character 1"]),
            (when('answer = "a", matches = "a{99999999999999}"'), ["`only_if[1].matches`", "too large"]),
            (RULE + 'when = []\ntags = ["a"]', ["`tag_rules[1].when` is an empty list"]),
            (RULE + 'when = { answer = "a", equals = "b" }\ntags = []', ["`tag_rules[1].tags`", "does nothing"]),
            (RULE + 'when = [{ answer = "a", equals = "b" }, { answer = "c" }]\ntags = ["d"]',
             ["`tag_rules[1].when[2]` compares nothing"]),
            (RULE + 'when = { answer = "a", equals = "b" }\ntags = ["{"]', ["`tag_rules[1].tags[1]`", "no `}` closes"]),
            (when('answer = "consent:", equals = "yes"'), ["`only_if[1].answer`", '"consent:sms"']),
            (DND + 'channels = ["SMS", "E-mail"]',
             ["`dnd_rules[1].channels[2]` is `E-mail`", "SMS, Call, Email, WhatsApp, GMB", "did you mean `Email`?"]),
            (DND + "channels = []", ["`dnd_rules[1].channels`", "does nothing"]),
            (DND.replace('{ answer = "a", equals = "b" }', "[]") + 'channels = ["SMS"]',
             ["`dnd_rules[1].when` is an empty list"]),
            (DND.replace("equals", "matches").replace('"b"', '"("') + 'channels = ["SMS"]',
             ["`dnd_rules[1].when.matches`", "no regular expression"]),
            (ROUTE + "copies = []", ["`copies`", "nothing is taken over", "contacts, notes, tasks"]),
            (ROUTE + 'copies = ["note"]', ["`copies[1]` is `note`", "did you mean `notes`?"]),
            (ROUTE + 'stage_from = "tag:"', ["`stage_from` is `tag:`", "tag:<prefix>, custom_field:<id or key>"]),
            (ROUTE + 'stage_from = "custom_field: "', ["`stage_from`", "opportunity_status, opportunity_stage"]),
            (ROUTE + 'stage_from = "oportunity_stage"', ["did you mean `opportunity_stage`?"]),
            (ROUTE + 'stage_from = "opportunity_stage:x"', ["`stage_from` is `opportunity_stage:x`"]),
            (ROUTE + 'stage_from = "tag:{a}"', ["`stage_from`", "no placeholder"]),
            (ROUTE + '[routes.stages]\nwon = "customer"', ["`stages`", "`stage_from`"]),
            (STAGES + '"" = "a"', ["`stages.\"\"`", "before the `=`"]),
            (STAGES + 'won = " "', ["`stages.\"won\"`", "behind it"]),
            (STAGES + 'won = "{a}"', ["`stages.\"won\"`", "no placeholder"]),
            (STAGES + 'won = "a"\n" WON" = "b"', ["`stages.\"WON\"`", "`stages.\"won\"`", "keep one"]),
            (ROUTE + '[routes.fields]\nemial = "EMAIL"', ["`fields.emial`", "did you mean `email`?", "postal_code"]),
            (ROUTE + '[routes.fields]\npostcalCode = "Z"', ["`fields.postcalCode`", "did you mean `postal_code`?"]),
            (ROUTE + '[routes.fields]\ntags = "a"', ["`fields.tags`", "`tags = […]`"]),
            (ROUTE + '[routes.fields]\nassignedTo = "a"', ["`fields.assignedTo`", "`assign = […]`"]),
            (ROUTE + '[routes.fields]\nsource = "a"', ["`fields.source`", "set by LeadRelay"]),
            (ROUTE + '[routes.fields]\n"contact.budget" = "a"', ["`fields.contact.budget`", "[routes.custom_fields]"]),
            (ROUTE + '[routes.fields]\nstage = "a"', ["`fields.stage`", "move it above the line [routes.fields]"]),
            (ROUTE + '[routes.fields]\nfirst_name = "a"\nfirstName = "b"', ["`fields.firstName`", "keep one"]),
            (ROUTE + '[routes.fields]\nemail = ""', ["`fields.email` is empty"]),
            (ROUTE + '[routes.fields]\nemail = "{EMAIL"', ["`fields.email`", "no `}` closes"]),
            (ROUTE + '[routes.custom_fields]\n"contact.b" = "}"', ['`custom_fields."contact.b"`', "no `{` opens"]),
            (ROUTE + '[routes.custom_fields]\n"" = "a"', ["`custom_fields`", "empty key"]),
            (TASK.replace("Call", " "), ["`tasks[1].title` is empty"]),
            (TASK + '[[routes.tasks]]\ntitle = "x"\ndue_in = "2 weeks"', ["`tasks[2].due_in` is `2 weeks`", "90m, 2h"]),
            (TASK + 'body = "{emial}"', ["`tasks[1].body`", "`{email}`"]),
            (TASK + 'assigned_to = "{owner}"', ["`tasks[1].assigned_to`", "id of one CRM user"]),
            (TOLD + 'qualified = "lead"', ['`conversions."qualified"` is no outcome', "`stage:qualified`"]),
            (TOLD + '"stge:x" = "lead"', ['`conversions."stge:x"` is no outcome', "did you mean `stage:`?"]),
            (TOLD + '"stage: " = "lead"', ['`conversions."stage:"` is no outcome']),
            (TOLD + 'won = "Sign Up"', ['`conversions."won"`', "did you mean `signup`?"]),
            (TOLD + 'won = " "', ['`conversions."won"`', "needs the name of an event"]),
            (TOLD + 'won = "{stage}"', ['`conversions."won"`', "takes no placeholder"]),
            (TOLD + 'won = { event = "x", value = "much" }', ['`conversions."won".value` is no number', "25.50"]),
            (TOLD + 'won = { event = "x", value = -1 }', ['`conversions."won".value` is no number']),
            (TOLD + 'won = { event = "x", value = "{email}" }', ["{monetary_value}", "there is `{email}`"]),
            (TOLD + 'delivered = { event = "x", value = "{emial}" }', ["`{emial}` is unknown", "{email}"]),
            (TOLD + 'won = { event = "x", currency = "Dollar" }', ["currency` is `Dollar`", "three letters"]),
            (TOLD + 'won = { event = "x", action_source = "shop" }', ["`conversions.won.action_source`", '"offline"']),
            (TOLD + "won = 3", ["`conversions.won` must be the name of an event", "not a number"]),
            (TOLD + "won = {}", ["`conversions.won.event` is missing"]),
            (ROUTE + 'conversions = "lead"', ["`conversions` must be a table [routes.conversions]"]),
            (PIN.replace("pinterest", "facebook"), ["`conversions`", 'source = "pinterest"']),
            (PIN.replace("1117", "act_1117"), ["`account` is `act_1117`", "digits only"]),
            (ROUTE + '[defaults]\ntest_conversions = "yes"', ["`defaults.test_conversions`", '"never", "test"']),
        ],
    )  # fmt: skip
    def test_of_value(self, document: str, parts: list[str]) -> None:
        """A value that would do something else than its author means is found before a lead meets it."""
        self.is_said(document, parts)

    @staticmethod
    def is_said(document: str, parts: list[str]) -> None:
        said = complaint(document)
        assert said.startswith("routes.toml: ")
        assert "\n" not in said
        assert [part for part in parts if part not in said] == []

    def test_the_place_is_the_caller_s(self) -> None:
        """A table read from elsewhere is named as what it is."""
        with pytest.raises(Misconfigured, match=r"^mine\.toml: "):
            parse_routes({}, place="mine.toml")


values = json_values | st.sampled_from(["US", "{a", "(", "2h", "tag", "x"]) | st.dates()
conditions = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(("answer", "equals", "is_in", "matches", "is_empty", "not", "else"), values)
)
tables = st.fixed_dictionaries(
    {},
    optional={
        "tasks": st.lists(st.dictionaries(st.sampled_from(["title", "body", "due_in", "x"]), values), max_size=2),
        "tag_rules": st.lists(
            st.fixed_dictionaries({"tags": values}, optional={"when": conditions | st.lists(conditions, max_size=2)}),
            max_size=2,
        ),
        "only_if": st.lists(conditions, max_size=2) | values,
        "fields": st.dictionaries(st.sampled_from(["email", "firstName", "stage", "tags", "x y"]), values),
        "custom_fields": st.dictionaries(st.text(max_size=5), values),
    }
    | {
        "dnd_rules": st.lists(st.fixed_dictionaries({"channels": values}, optional={"when": conditions}), max_size=2),
        "stages": st.dictionaries(st.text(max_size=5), values),
    }
    | dict.fromkeys(("stage_from", "copies"), values)
    | dict.fromkeys(("source", "campaign", "tests", "stage", "tags", "assign", "note", "actions", "zebra"), values),
)
routes = tables.map(lambda rest: {"name": "A", "location": "L"} | rest)
documents = st.fixed_dictionaries(
    {},
    optional={
        "routes": st.lists(routes | values, max_size=3) | values,
        "defaults": st.dictionaries(st.sampled_from(["phone_region", "stage_as", "x"]), values) | values,
        "other": values,
    },
)


class TestAnyDocument:
    @given(documents | st.dictionaries(st.text(max_size=5), values))
    def test_is_a_table_or_one_sentence(self, document: dict[str, Any]) -> None:
        """Whatever the file holds, it is routes or a complaint on one line, and never a trace."""
        try:
            said = "" if parse_routes(document).routes else "no routes"
        except Misconfigured as error:
            said = str(error)
        assert not said or said.startswith("routes.toml: ")
        assert len(said.splitlines()) <= 1

    @given(st.lists(st.fixed_dictionaries({"name": st.uuids().map(str), "location": st.just("L")}), min_size=1))
    def test_sound_routes_are_read_in_order(self, sound: list[dict[str, str]]) -> None:
        """Nothing is refused that is as it should be."""
        assert [route.name for route in parse_routes({"routes": sound}).routes] == [it["name"] for it in sound]
