"""The user's routes: which one takes a lead, and what a mistake in the file is answered with."""

import tomllib
from typing import Any

import pytest

from leads.core.errors import Misconfigured
from leads.core.lead import Lead
from leads.core.routes import RouteTable, parse_routes


def table(text: str) -> RouteTable:
    return parse_routes(tomllib.loads(text), place="routes.toml")


def lead(source: str = "pinterest", account: str = "111", form: str = "222") -> Lead:
    return Lead(
        source=source, account=account, form=form, lead_id="1", ledger_key="k", seal="s", is_test=False,
        created_at=None, answers={},
    )  # fmt: skip


def complaint(document: str) -> str:
    with pytest.raises(Misconfigured) as caught:
        table(document)
    return str(caught.value)


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

    def test_no_route_is_none(self) -> None:
        """A lead nobody claims is not given to the last route."""
        assert table('[[routes]]\nname = "a"\nlocation = "L"\nform = "9"').match(lead()) is None


class TestDefaults:
    def test_the_phone_region_is_us_unless_said(self) -> None:
        """A table of routes alone is enough."""
        routes = '[[routes]]\nname = "a"\nlocation = "L"\n'
        assert table(routes).defaults.phone_region == "US"
        assert table(routes + '[defaults]\nphone_region = "DE"').defaults.phone_region == "DE"

    @pytest.mark.parametrize("region", ["us", "USA", "U", "", "U1", "É", "US ", "DE\\n"])
    def test_a_region_is_two_capital_letters(self, region: str) -> None:
        """The error names the key and shows a right one."""
        said = complaint(f'[[routes]]\nname = "a"\nlocation = "L"\n[defaults]\nphone_region = "{region}"')
        assert said == "routes.toml: defaults.phone_region is two capital letters, such as US"

    @pytest.mark.parametrize("region", ["UK", "ZZ"])
    def test_a_region_exists(self, region: str) -> None:
        """UK is the commonest slip for GB, and with it every national number would silently go unused."""
        said = complaint(f'[[routes]]\nname = "a"\nlocation = "L"\n[defaults]\nphone_region = "{region}"')
        assert "defaults.phone_region" in said


ROUTE = '[[routes]]\nname = "Spring"\nlocation = "L"\n'


class TestMistakes:
    @pytest.mark.parametrize(
        ("document", "parts"),
        [
            (ROUTE + 'acount = "1"', ["route 1 (Spring)", "`acount`", "did you mean `account`?", "allowed are name"]),
            (ROUTE + 'Form = "1"', ["route 1 (Spring)", "`Form`", "did you mean `form`?"]),
            (ROUTE + 'zebra = "1"', ["route 1 (Spring)", "`zebra`", "name, location, source, account, form"]),
            (ROUTE + ROUTE.replace("Spring", "Summer") + "x = 1", ["route 2 (Summer)", "`x`"]),
            ('[[routes]]\nlocaton = "L"\nname = "A"', ["route 1 (A)", "locat"]),
            ('[[routes]]\nname = "A"', ["route 1 (A)", "`location`", "required"]),
            ('[[routes]]\nlocation = "L"', ["route 1", "`name`", "required"]),
            (ROUTE + "account = 111764359001", ["route 1 (Spring)", "account", "int", "str"]),
            (ROUTE + "account = [1]", ["route 1 (Spring)", "account", "int", "str"]),
            (ROUTE + "form = true", ["route 1 (Spring)", "form", "bool", "str"]),
            (ROUTE + "form = 2026-01-01", ["route 1 (Spring)", "form", "str"]),
            ('[[routes]]\nname = 5\nlocation = "L"', ["route 1", "name", "int", "str"]),
            ('[[routes]]\nname = "A"\nlocation = ["L"]', ["route 1 (A)", "location", "str"]),
            ('[[routes]]\nname = ""\nlocation = "L"', ["route 1", "`name`", "required"]),
            (ROUTE + '[[routes]]\nname = "B"\nlocation = ""', ["route 2", "`location`", "required"]),
            (ROUTE + ROUTE, ["`Spring`", "unique"]),
            ("", ["routes"]),
            ("routes = []", ["[[routes]]", "at least one"]),
            ('[routes]\nname = "A"\nlocation = "L"', ["routes", "array"]),
            ('routes = "x"', ["routes", "array"]),
            ("routes = [1]", ["route 1", "object"]),
            (ROUTE + "[default]\nphone_region = \"US\"", ["`default`", "did you mean `defaults`?"]),
            (ROUTE + "[defaults]\nphone_regin = \"US\"", ["`phone_regin`", "did you mean `phone_region`?"]),
            (ROUTE + "[defaults]\nphone_region = 1", ["defaults", "phone_region", "str", "int"]),
            ("defaults = 1\n" + ROUTE, ["defaults", "object"]),
        ],
    )  # fmt: skip
    def test_is_answered_with_file_route_key_and_what_is_allowed(self, document: str, parts: list[str]) -> None:
        """One sentence is enough to mend the file."""
        said = complaint(document)
        assert said.startswith("routes.toml: ")
        assert "\n" not in said
        assert [part for part in parts if part not in said] == []

    def test_the_place_is_the_caller_s(self) -> None:
        """A table read from elsewhere is named as what it is."""
        with pytest.raises(Misconfigured, match=r"^mine\.toml: "):
            parse_routes({}, place="mine.toml")

    @pytest.mark.parametrize(
        "document", [{"routes": None}, {"routes": {}}, {"routes": [None]}, {"routes": [[]]}, {"routes": 1, "x": 2}]
    )
    def test_any_shape_ends_in_the_same_error(self, document: dict[str, Any]) -> None:
        """Whatever the file holds, it is a sentence and not a trace."""
        with pytest.raises(Misconfigured, match="routes"):
            parse_routes(document)
