"""The user's rules: where a lead belongs and what it becomes there."""

from __future__ import annotations

import re
from typing import Any, Literal

import msgspec

from leads.core.answers import folded
from leads.core.errors import Misconfigured
from leads.core.lead import Lead

Texts = str | list[str]

# Sources that are the CRM itself: another of its locations, which the account names.
CRM_SOURCES = frozenset({"leadconnector"})
# What of such a location can be copied, by the name that its records have as a lead's `form`.
COPIES = ("contacts", "notes", "tasks")

_UNITS = {"m": 60, "h": 3600, "d": 86400}
_DUE_IN = re.compile(r"([0-9]{1,6})\s*([mhd])")


class Defaults(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What holds for every route.

    phone_region: ISO-2 region of numbers without a country code.
    stage_as: where a stage is kept, `tag:<prefix>` (one tag of that prefix at a time) or `custom_field:<id or key>`.
    export_columns: header of a Pinterest export's column → what it holds, where that is not recognised by itself.
    test_conversions: whether Pinterest hears of test leads: never, or as a test, which it answers and forgets.
    """

    phone_region: str = "US"
    stage_as: str = "tag:stage: "
    export_columns: dict[str, str] = {}
    test_conversions: Literal["never", "test"] = "never"


class Comparison(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an answer is compared with; every key that is there must agree. matches: a regular expression."""

    equals: str | None = None
    is_in: list[str] | None = None
    matches: str | None = None
    is_empty: bool | None = None


class Condition(Comparison, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A comparison of one answer, named by its question's key.

    not_ (`not` in the file): true turns the comparison round; a text, a list or a comparison is what must not hold.
    """

    answer: str
    not_: bool | str | list[str] | Comparison | None = msgspec.field(name="not", default=None)


class TagRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Tags (templates) for a lead for which every condition holds."""

    when: Condition | list[Condition]
    tags: list[str]


class DndRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Channels (see core/dnd.py) on which a person is not to be disturbed when every condition holds."""

    when: Condition | list[Condition]
    channels: list[str]


class Task(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A task for somebody. title, body: templates; due_in: see due_seconds; assigned_to: "" is the contact's owner."""

    title: str
    body: str = ""
    due_in: str = "1d"
    assigned_to: str = ""


class Conversion(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What Pinterest is told of an outcome. event: a standard name, or one that the advertiser has defined.

    value: a number, or a template that gives one; currency: ISO 4217, or a template; order_id: a template.
    """

    event: str
    action_source: Literal["offline", "web", "app_ios", "app_android"] = "offline"
    value: str | int | float = ""
    currency: str = ""
    order_id: str = ""


class Route(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One rule: the leads it takes (an omitted key takes any), the CRM location they go to, what they become.

    only_if: conditions a lead must fulfil to be delivered; it has been taken by then and goes to no other route.
    tags, note, fields, custom_fields and the texts of tasks are templates, see core/placeholders.py.
    fields: the API's name of a contact field → answer key, or a template when there is a brace in it.
    custom_fields: id or key → likewise. note: None is the default note.
    stage_from: where a lead of another CRM location tells its stage, see core/lifecycle.py; stages: its name → ours,
    {} takes it as it is. copies: what is taken over of another CRM location.
    conversions: outcome of a Pinterest lead (see core/outcome_names.py) → the event that Pinterest hears of.
    """

    name: str
    location: str
    source: Texts | None = None
    account: Texts | None = None
    form: Texts | None = None
    campaign: Texts | None = None
    only_if: list[Condition] = []
    tests: Literal["tag", "deliver", "ignore"] = "tag"
    stage: str = ""
    stage_from: str = ""
    stages: dict[str, str] = {}
    tags: list[str] = []
    assign: Texts = []
    note: str | None = None
    fields: dict[str, str] = {}
    custom_fields: dict[str, str] = {}
    tag_rules: list[TagRule] = []
    dnd_rules: list[DndRule] = []
    tasks: list[Task] = []
    copies: list[str] = msgspec.field(default_factory=lambda: [*COPIES])
    conversions: dict[str, str | Conversion] = {}

    def conversion(self, outcome: str) -> Conversion | None:
        """The event that the outcome is told as; None when nobody is to hear of it."""
        found = self.conversions.get(outcome)
        return Conversion(event=found) if isinstance(found, str) else found

    def takes(self, lead: Lead) -> bool:
        """Whether every key that the rule names agrees with the lead; a campaign goes by id or by name."""
        return (
            _agrees(self.source, lead.source)
            and _agrees(self.account, lead.account)
            and _agrees(self.form, lead.form)
            and (self.campaign is None or _is_campaign(self.campaign, lead.campaign))
        )


class RouteTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole routes.toml; routes are tried top to bottom."""

    routes: list[Route]
    defaults: Defaults = Defaults()

    def match(self, lead: Lead) -> Route | None:
        """The first route that takes the lead, or None. Its filters (`only_if`) are not asked."""
        return next((route for route in self.routes if route.takes(lead)), None)


def parse_routes(document: dict[str, Any], *, place: str = "routes.toml") -> RouteTable:
    """A decoded TOML document as a route table; contact fields in it come out by the API's names.

    Raises Misconfigured with one sentence naming the file, the route, the key and what is allowed there.
    """
    # Late: the checks import this module.
    from leads.core import routes_check

    try:
        table = msgspec.convert(document, RouteTable)
    except msgspec.ValidationError as error:
        from leads.core.routes_faults import sentence

        raise Misconfigured(f"{place}: {sentence(str(error), document)}") from None
    fault = next(routes_check.faults(table), None)
    if fault:
        raise Misconfigured(f"{place}: {fault}")
    return routes_check.named_as_the_api_does(table)


def due_seconds(text: str) -> int:
    """Seconds in `90m`, `2h` or `3d` (minutes, hours, days). Raises ValueError for any other text."""
    found = _DUE_IN.fullmatch(text.strip())
    if not found:
        raise ValueError("not a number of minutes, hours or days")
    return int(found[1]) * _UNITS[found[2]]


def _agrees(rule: Texts | None, value: str) -> bool:
    return rule is None or (value in rule if isinstance(rule, list) else value == rule)


def _is_campaign(rule: Texts, campaign: dict[str, str]) -> bool:
    """A campaign's id must be exact; its name is typed by people, at both ends."""
    wanted = rule if isinstance(rule, list) else [rule]
    if campaign.get("campaign_id", "") in wanted:
        return True
    name = folded(campaign.get("campaign_name", ""))
    return bool(name) and any(folded(text) == name for text in wanted)
