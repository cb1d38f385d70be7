"""The user's rules: which CRM location a lead belongs to."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from leads.core.countries import country_code
from leads.core.errors import Misconfigured
from leads.core.lead import Lead

_UNKNOWN_KEY = re.compile(r"Object contains unknown field `(.*?)`(?: - at `\$(.*?)`)?")


class Defaults(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What holds for every route. phone_region: ISO-2 region of numbers without a country code."""

    phone_region: str = "US"


class Route(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One rule: the lead it takes (an omitted key takes any) and the CRM location the lead goes to."""

    name: str
    location: str
    source: str | list[str] | None = None
    account: str | list[str] | None = None
    form: str | list[str] | None = None

    def takes(self, lead: Lead) -> bool:
        """Whether every key that the rule names agrees with the lead."""
        return (
            _agrees(self.source, lead.source) and _agrees(self.account, lead.account) and _agrees(self.form, lead.form)
        )


class RouteTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole routes.toml; routes are tried top to bottom."""

    routes: list[Route]
    defaults: Defaults = Defaults()

    def match(self, lead: Lead) -> Route | None:
        """The first route that takes the lead, or None."""
        return next((route for route in self.routes if route.takes(lead)), None)


def parse_routes(document: dict[str, Any], *, place: str = "routes.toml") -> RouteTable:
    """A decoded TOML document as a route table.

    Raises Misconfigured with one sentence naming the file, the route, the key and what is allowed there.
    """
    try:
        table = msgspec.convert(document, RouteTable)
    except msgspec.ValidationError as error:
        raise Misconfigured(f"{place}: {_sentence(str(error), document)}") from None
    names: set[str] = set()
    for number, route in enumerate(table.routes, start=1):
        if not route.name or not route.location:
            raise Misconfigured(f"{place}: route {number} has an empty `name` or `location`; both are required")
        if [] in (route.source, route.account, route.form):
            raise Misconfigured(f"{place}: route {number} ({route.name}) has an empty list, so it takes no lead")
        if route.name in names:
            raise Misconfigured(f"{place}: two routes are named `{route.name}`; names are unique")
        names.add(route.name)
    if not table.routes:
        raise Misconfigured(f"{place}: there is no [[routes]]; at least one route is required")
    region = table.defaults.phone_region
    if not re.fullmatch(r"[A-Z]{2}", region) or country_code(region) != region:
        raise Misconfigured(f"{place}: defaults.phone_region is two capital letters, such as US")
    return table


def _agrees(rule: str | list[str] | None, value: str) -> bool:
    return rule is None or (value in rule if isinstance(rule, list) else value == rule)


def _sentence(message: str, document: dict[str, Any]) -> str:
    """msgspec's message with the route named, and for a mistyped key the nearest one that exists."""
    index = re.search(r"\$\.routes\[(\d+)\]", message)
    where = ""
    if index:
        named = document["routes"][int(index[1])]
        name = named.get("name", "") if isinstance(named, dict) else ""
        where = f"route {int(index[1]) + 1}{f' ({name})' if name else ''}: "
    unknown = _UNKNOWN_KEY.search(message)
    if not unknown:
        return where + message
    shape = Route if index else Defaults if ".defaults" in message else RouteTable
    allowed = list(shape.__struct_fields__)
    import difflib

    nearest = difflib.get_close_matches(unknown[1], allowed, n=1)
    hint = f"; did you mean `{nearest[0]}`?" if nearest else ""
    return f"{where}unknown key `{unknown[1]}`, allowed are {', '.join(allowed)}{hint}"
