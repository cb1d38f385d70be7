"""What is wrong with the shape of a routes.toml, in the words of the file's author; needed only once something is."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from leads.core.routes import Comparison, Condition, Conversion, Defaults, DndRule, Route, RouteTable, TagRule, Task
from leads.core.wording import clip, did_you_mean, where

_LATER = ("actions",)
_PATH = re.compile(r" - at `(\$[^`]*)`$")
_PATH_STEP = re.compile(r"\.([A-Za-z_]+)|\[([0-9]+|\.\.\.)\]")
_MISSING = re.compile(r"Object missing required field `(\w+)`")

# Keys that take one of a few texts.
_CHOICES = {
    "tests": ("tag", "deliver", "ignore"),
    "test_conversions": ("never", "test"),
    "action_source": ("offline", "web", "app_ios", "app_android"),
}

# The struct that a table is read into, by the key it stands under.
_SHAPES: dict[str, Any] = {
    "": RouteTable,
    "defaults": Defaults,
    "routes": Route,
    "only_if": Condition,
    "when": Condition,
    "not": Comparison,
    "tag_rules": TagRule,
    "dnd_rules": DndRule,
    "tasks": Task,
    "outcome": Conversion,
}
_TEXT = "a text in quotes"
_CONDITION = 'a condition, such as { answer = "COUNTRY", equals = "US" }'
_TEXT_OR_TEXTS = f"{_TEXT} or a list of them"
_TEXTS = 'a list of texts, such as ["one", "two"]'
_WANTED = {
    "routes": "one [[routes]], with two brackets, for each route",
    "defaults": "a table [defaults], with one bracket",
    "source": _TEXT_OR_TEXTS,
    "account": _TEXT_OR_TEXTS,
    "form": _TEXT_OR_TEXTS,
    "campaign": _TEXT_OR_TEXTS,
    "assign": _TEXT_OR_TEXTS,
    "tags": _TEXTS,
    "is_in": _TEXTS,
    "channels": 'a list of channels, such as ["SMS", "Call"]',
    "copies": 'a list, such as ["contacts", "notes"]',
    "stages": "a table [routes.stages], with one bracket",
    "is_empty": "true or false",
    "not": 'true, a text, a list of texts, or a comparison such as { equals = "no" }',
    "phone_region": 'two capital letters in quotes, such as "US"',
    "export_columns": "a table [defaults.export_columns], with one bracket",
    "due_in": 'minutes, hours or days in quotes, such as "90m", "2h" or "3d"',
    "only_if": f"a list of conditions; put brackets around it: [{_CONDITION.partition('as ')[2]}]",
    "when": f"{_CONDITION}, or a list of them",
    "fields": "a table [routes.fields], with one bracket",
    "custom_fields": "a table [routes.custom_fields], with one bracket",
    "tag_rules": "one [[routes.tag_rules]], with two brackets, for each rule",
    "dnd_rules": "one [[routes.dnd_rules]], with two brackets, for each rule",
    "tasks": "one [[routes.tasks]], with two brackets, for each task",
    "conversions": "a table [routes.conversions], with one bracket",
    "outcome": 'the name of an event in quotes, or a table such as { event = "checkout", currency = "USD" }',
    **{name: "one of " + ", ".join(f'"{it}"' for it in choices) for name, choices in _CHOICES.items()},
}
_WANTED_ITEM = {
    "routes": "a table, written as [[routes]]",
    "only_if": _CONDITION,
    "when": _CONDITION,
    "tag_rules": "a table, written as [[routes.tag_rules]]",
    "dnd_rules": "a table, written as [[routes.dnd_rules]]",
    "tasks": "a table, written as [[routes.tasks]]",
}


def sentence(message: str, document: Any) -> str:
    """msgspec's complaint about `document` with the route named, what is wanted there, and a hint at a typo."""
    found = _PATH.search(message)
    steps = [name or place for name, place in _PATH_STEP.findall(found[1])] if found else []
    steps = _with_outcome(steps, document)
    here, key, shape = _read(steps, document)
    value = _at(steps, document)
    missing = _MISSING.match(message)
    if missing:
        return _missing(here, key, missing[1])
    if isinstance(value, dict) and message.startswith("Object contains unknown field"):
        return _unknown(here, key, value, shape)
    if steps and steps[-1] == "...":
        own = next((name for name, item in value.items() if not isinstance(item, str)), "")
        hint = f"; if it belongs to the route, move it above [routes.{shape}]" if own in Route.__struct_fields__ else ""
        return f"{here}`{key}.{clip(own)}` must be {_TEXT}, not {_named(value.get(own))}{hint}"
    if isinstance(value, str) and shape in _CHOICES:
        known = did_you_mean(value, _CHOICES[shape])
        return f'{here}`{key}` must be {_WANTED[shape]}, not "{clip(value)}"{known}'
    wanted = (_WANTED_ITEM if steps and steps[-1].isdigit() else _WANTED).get(shape, _TEXT)
    hint = f'; put quotes around it: "{value}"' if wanted.startswith(_TEXT) and _is_number(value) else ""
    return f"{here}{f'`{key}`' if key else 'it'} must be {wanted}, not {_named(value)}{hint}"


def _with_outcome(steps: list[str], document: Any) -> list[str]:
    """The steps with the outcome's name where the path only says that it is one of them."""
    if "..." not in steps or steps[steps.index("...") - 1] != "conversions":
        return steps
    place = steps.index("...")
    name = next((own for own, value in _at(steps[:place], document).items() if not _is_conversion(value)), "...")
    return [*steps[:place], name, *steps[place + 1 :]]


def _is_conversion(value: Any) -> bool:
    try:
        msgspec.convert(value, str | Conversion)
    except msgspec.ValidationError:
        return False
    return True


def _read(steps: list[str], document: Any) -> tuple[str, str, str]:
    """Steps of a path as the route's name for a sentence, the key within it, and the last name among the steps."""
    here, rest = "", steps
    if len(steps) > 1 and steps[0] == "routes":
        route = _at(steps[:2], document)
        name = route.get("name") if isinstance(route, dict) else None
        here, rest = f"{where(int(steps[1]) + 1, name)}: ", steps[2:]
    key = "".join(f"[{int(step) + 1}]" if step.isdigit() else f".{step}" for step in rest if step != "...")
    names = [step for step in steps if not step.isdigit() and step != "..."]
    # An outcome's name is the user's own.
    shape = "outcome" if names[-2:-1] == ["conversions"] else names[-1] if names else ""
    return here, key.removeprefix("."), shape


def _at(steps: list[str], document: Any) -> Any:
    """What the document holds there; for a table's values (`...`) the table."""
    value = document
    for step in steps:
        if isinstance(value, list) and step.isdigit() and int(step) < len(value):
            value = value[int(step)]
        elif isinstance(value, dict) and step != "...":
            value = value.get(step)
    return value


def _missing(here: str, key: str, field: str) -> str:
    if field == "routes" and not here:
        return "there is no [[routes]]; at least one route is required"
    whole = f"{key}.{field}" if key else field
    return f"{here}`{whole}` is missing; it is required"


def _unknown(here: str, key: str, table: dict[str, Any], shape: str) -> str:
    allowed = _SHAPES[shape].__struct_encode_fields__
    name = next((own for own in table if own not in allowed), "")
    if name in _LATER:
        return f"{here}`{f'{key}.' if key else ''}{name}` is not supported by this version; remove it"
    inside = f" in `{key}`" if key else ""
    hint = did_you_mean(name, allowed)
    if name in Defaults.__struct_fields__:
        hint = "; it belongs under [defaults]"
    elif name in Route.__struct_fields__ and shape in ("", "defaults"):
        hint = "; it belongs to a route, below its line [[routes]]"
    elif name in Route.__struct_fields__:
        hint = "; it is a key of the route: move it above the route's tables in brackets"
    return f"{here}unknown key `{clip(name)}`{inside}, allowed are {', '.join(allowed)}{hint}"


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and abs(value) < 10**25


def _named(value: Any) -> str:
    """What a person calls a value of TOML."""
    if isinstance(value, bool):
        return str(value).lower()
    for kind, name in ((str, "a text"), (int | float, "a number"), (list, "a list"), (dict, "a table")):
        if isinstance(value, kind):
            return name
    return "nothing" if value is None else "a date or time"
