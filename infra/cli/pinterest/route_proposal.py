"""The routes.toml that fits an ad account's lead forms: a route for each, as a start."""

import json
import re
from collections.abc import Iterable, Iterator, Sequence

from infra.cli.vendors.pinterest_api import Form, Question

# Stands for the location until somebody writes theirs.
NO_LOCATION = "YOUR-LOCATION-ID"
TAGS = '["pinterest", "campaign: {campaign_name}"]'
_CUSTOM = "CUSTOM"
_LONGEST_NAME = 80


def proposal(forms: Sequence[Form], locations: Sequence[str]) -> str:
    """A valid routes.toml; with one location the routes go there, else somebody has to choose.

    forms: at least one, as a routes.toml without routes is none.
    """
    head = (
        "# A route for each lead form. `make check` names any mistake; ROUTES.md explains every key.",
        *_about_location(locations),
        "",
        "[defaults]",
        'phone_region = "US"                 # for phone numbers without a country code',
    )
    location = locations[0] if len(locations) == 1 else NO_LOCATION
    routes = [line for form, name in _named(forms) for line in _route(form, name, location)]
    return "\n".join((*head, *routes)) + "\n"


def _about_location(locations: Sequence[str]) -> Iterator[str]:
    if len(locations) != 1:
        one_of = f": {', '.join(map(_text, locations))}" if locations else ""
        yield f"# Put the id of your CRM location in place of {NO_LOCATION}{one_of}."


def _route(form: Form, name: str, location: str) -> Iterator[str]:
    yield from ("", "[[routes]]", f"name = {_text(name)}", 'source = "pinterest"', f"account = {_text(form.account)}")
    note = "" if form.status == "ACTIVE" else "  # a draft: it collects leads once it is active"
    yield f"form = {_text(form.id)}{note}"
    yield f"location = {_text(location)}"
    yield f"tags = {TAGS}"
    custom = list(_custom_fields(form.questions))
    if custom:
        yield "# The answers to these are in the contact's note. To have them in custom fields, too, remove the # and"
        yield "# write each field's own key or id on the left."
        yield "# [routes.custom_fields]"
        yield from (f"# {_text(key)} = {_text(label)}" for key, label in custom)


def _custom_fields(questions: Iterable[Question]) -> Iterator[tuple[str, str]]:
    """(a likely key of the field, the question) for each custom question that a route can name.

    A brace would make a template of it; such an answer is in the note all the same.
    """
    seen: set[str] = set()
    for number, question in enumerate(questions, start=1):
        label = question.label.strip()
        if question.type != _CUSTOM or not label or "{" in label or "}" in label:
            continue
        key = "contact." + (re.sub(r"[^a-z0-9]+", "_", label.lower()).strip("_") or f"question_{number}")
        key = key if key not in seen else f"{key}_{number}"
        seen.add(key)
        yield key, label


def _named(forms: Sequence[Form]) -> Iterator[tuple[Form, str]]:
    """Each form with a name that no other has: routes' names are unique."""
    seen: set[str] = set()
    for form in forms:
        name = " ".join(form.name.split())[:_LONGEST_NAME] or f"Form {form.id}"
        name = name if name not in seen else f"{name} ({form.id})"
        seen.add(name)
        yield form, name


def _text(value: str) -> str:
    """A TOML basic string, in one line whatever is in it, so that it can stand in a comment as well."""
    whole = value.encode("utf-8", "replace").decode()  # half a surrogate pair is no text
    return json.dumps(whole, ensure_ascii=False).replace("\x7f", "\\u007f")
