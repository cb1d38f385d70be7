"""What a routes.toml of the right shape may still have wrong, as one sentence each; list items count from 1."""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from leads.core.condition_check import Fault, of_condition
from leads.core.contact_fields import CONTACT_FIELDS, snake
from leads.core.countries import country_code
from leads.core.routes import Defaults, Route, RouteTable, Task, Texts, due_seconds
from leads.core.rule_check import of_rules, of_tags, of_template
from leads.core.wording import clip, did_you_mean, nearest, where

_API_NAMES = {name: field for field in CONTACT_FIELDS for name in (field, snake(field))}
# A test holds them against the registry, which the core does not know.
SOURCES = ("pinterest", "facebook", "leadconnector")
# What people put under [routes.fields] that has a place of its own.
_ELSEWHERE = {
    "tags": "is no contact field; write `tags = […]` in the route",
    "assignedTo": "is no contact field; write `assign = […]` in the route",
    "assigned_to": "is no contact field; write `assign = […]` in the route",
    "source": "is set by LeadRelay; remove it",
    "customFields": "is no contact field; write a table [routes.custom_fields]",
    "custom_fields": "is no contact field; write a table [routes.custom_fields]",
}


def faults(table: RouteTable) -> Iterator[str]:
    """Every mistake in a route table, as a sentence without the file's name."""
    for key, wrong in _of_defaults(table.defaults):
        yield f"`defaults.{key}` {wrong}"
    if not table.routes:
        yield "there is no [[routes]]; at least one route is required"
    numbers: dict[str, int] = {}
    for number, route in enumerate(table.routes, start=1):
        for key, wrong in _of_route(route):
            yield f"{where(number, route.name)}: `{key}` {wrong}"
        if route.name in numbers:
            yield f"routes {numbers[route.name]} and {number} are both named `{clip(route.name)}`; names are unique"
        numbers[route.name] = number


def named_as_the_api_does(table: RouteTable) -> RouteTable:
    """The table with every contact field under the API's name, whichever way it was written."""
    if all(field in CONTACT_FIELDS for route in table.routes for field in route.fields):
        return table
    routes = [
        msgspec.structs.replace(route, fields={_API_NAMES[field]: value for field, value in route.fields.items()})
        for route in table.routes
    ]
    return msgspec.structs.replace(table, routes=routes)


def _of_defaults(defaults: Defaults) -> Iterator[Fault]:
    region, code = defaults.phone_region, country_code(defaults.phone_region)
    if not re.fullmatch(r"[A-Z]{2}", region) or code != region:
        yield "phone_region", "is two capital letters, such as US" + (f"; did you mean `{code}`?" if code else "")
    kind, _, name = defaults.stage_as.partition(":")
    if kind not in ("tag", "custom_field") or not name.strip():
        # Without a prefix every tag of a contact would count as its stage, and be removed with the next one.
        yield "stage_as", "is `tag:<prefix>` or `custom_field:<id or key>`, such as `tag:stage: `"
    elif "{" in name or "}" in name:
        yield "stage_as", "is the same for every lead, so it takes no placeholder"


def _of_route(route: Route) -> Iterator[Fault]:
    for key, value in (("name", route.name), ("location", route.location)):
        if not value.strip():
            yield key, "is empty; every route needs a `name` and a `location`"
    if re.search(r"\s", route.location):
        yield "location", "is the id of a CRM location and holds no blank"
    yield from _of_matching(route)
    for number, condition in enumerate(route.only_if, start=1):
        yield from of_condition(f"only_if[{number}]", condition)
    if "{" in route.stage or "}" in route.stage:
        yield "stage", "is the same for every lead of the route, so it takes no placeholder"
    yield from of_tags("tags", route.tags)
    if isinstance(route.assign, list) and not all(user.strip() for user in route.assign):
        yield "assign", "holds an empty text; name user ids, or write [] for nobody"
    yield from of_template("note", route.note or "")
    yield from _of_fields(route)
    for name, value in route.custom_fields.items():
        if not name.strip():
            yield "custom_fields", "holds an empty key; name the custom field by its id or key"
        yield from _of_mapping(f'custom_fields."{clip(name)}"', value)
    yield from of_rules(route)
    if route.conversions:
        # Late: most routes tell nobody of anything.
        from leads.core.conversion_check import of_conversions

        yield from of_conversions(route)
    for number, task in enumerate(route.tasks, start=1):
        yield from _of_task(f"tasks[{number}]", task)


def _of_matching(route: Route) -> Iterator[Fault]:
    keys: tuple[tuple[str, Texts | None], ...] = (
        ("source", route.source),
        ("account", route.account),
        ("form", route.form),
        ("campaign", route.campaign),
    )
    for key, value in keys:
        if value == []:
            yield key, "is an empty list, so the route takes no lead; leave it out to take any"
    for source in route.source if isinstance(route.source, list) else [route.source]:
        if source and source not in SOURCES and (name := nearest(source, SOURCES)):
            yield "source", f"is `{clip(source)}`, which sends no leads; did you mean `{name}`?"
    accounts = route.account if isinstance(route.account, list) else [route.account]
    if route.location in accounts:
        yield "account", "is the location that the route delivers to; nothing is copied to where it is from"


def _of_fields(route: Route) -> Iterator[Fault]:
    seen: dict[str, str] = {}
    for name, value in route.fields.items():
        key = f"fields.{clip(name)}"
        if name in _ELSEWHERE:
            yield key, _ELSEWHERE[name]
        elif name.lower().startswith("contact."):
            yield key, "is a custom field; move it to [routes.custom_fields]"
        elif name not in _API_NAMES and name in Route.__struct_fields__:
            yield key, "is no contact field but a key of the route; move it above the line [routes.fields]"
        elif name not in _API_NAMES:
            hint = did_you_mean(name, map(snake, CONTACT_FIELDS))
            yield key, f"is no contact field, allowed are {', '.join(map(snake, CONTACT_FIELDS))}{hint}"
        elif _API_NAMES[name] in seen:
            yield key, f"is the same contact field as `fields.{seen[_API_NAMES[name]]}`; keep one of them"
        else:
            seen[_API_NAMES[name]] = name
            yield from _of_mapping(key, value)


def _of_mapping(key: str, value: str) -> Iterator[Fault]:
    if not value.strip():
        yield key, "is empty; write the key of an answer or a template"
    yield from of_template(key, value)


def _of_task(key: str, task: Task) -> Iterator[Fault]:
    if not task.title.strip():
        yield f"{key}.title", "is empty; every task needs a title"
    yield from of_template(f"{key}.title", task.title)
    yield from of_template(f"{key}.body", task.body)
    try:
        due_seconds(task.due_in)
    except ValueError:
        yield f"{key}.due_in", f"is `{clip(task.due_in)}`; write minutes, hours or days, such as 90m, 2h or 3d"
    if "{" in task.assigned_to or re.search(r"\s", task.assigned_to.strip()):
        yield f"{key}.assigned_to", "is the id of one CRM user; leave it out for whoever the lead is assigned to"
