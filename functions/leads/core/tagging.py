"""The tags of a lead: those of its route, of the rules that hold, of its stage, and of a test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from leads.core.answers import Answers
from leads.core.conditions import holds
from leads.core.placeholders import fill, names_in, value_of
from leads.core.routes import Condition, Defaults, Route

TEST_TAG = "test lead"

_AS_TAG = "tag:"
_AS_CUSTOM_FIELD = "custom_field:"


class Stage(msgspec.Struct, frozen=True):
    """A lifecycle stage kept as a tag: the only one among the tags that begin with the prefix."""

    tag: str
    prefix: str


def stage_of(route: Route, defaults: Defaults) -> Stage | None:
    """The route's stage, when stages are kept as tags."""
    if not route.stage or not defaults.stage_as.startswith(_AS_TAG):
        return None
    prefix = defaults.stage_as.removeprefix(_AS_TAG)
    # A prefix that ends in a letter needs its blank, or the stage `lead` of "stage " would rule out the tag `stages`.
    blank = " " if prefix[-1:].isspace() and prefix.rstrip()[-1:].isalnum() else ""
    return Stage(tag=tag_of(prefix + route.stage), prefix=tag_of(prefix) + blank)


def stage_field(route: Route, defaults: Defaults) -> str:
    """Id or key of the custom field that keeps the route's stage, "" when none does."""
    is_kept = route.stage and defaults.stage_as.startswith(_AS_CUSTOM_FIELD)
    return defaults.stage_as.removeprefix(_AS_CUSTOM_FIELD).strip() if is_kept else ""


def tags_of(
    route: Route,
    answers: Answers,
    *,
    converted: Mapping[str, str],
    values: Mapping[str, str],
    stage: Stage | None,
    is_test: bool,
) -> tuple[str, ...]:
    """The lead's tags, in lower case as the CRM keeps them, each once.

    converted: see conditions.holds; values: placeholder → text. A tag with an empty placeholder is dropped, and so is
    one that looks like another stage: there is one stage at a time.
    """
    templates = list(route.tags)
    for rule in route.tag_rules:
        if all_hold(rule.when if isinstance(rule.when, list) else [rule.when], answers, converted):
            templates += rule.tags
    tags = [tag_of(fill(template, values)) for template in templates if _is_full(template, values)]
    if stage:
        tags = [*(tag for tag in tags if not tag.startswith(stage.prefix)), stage.tag]
    if is_test and route.tests == "tag":
        tags.append(TEST_TAG)
    return tuple(dict.fromkeys(tag for tag in tags if tag))


def all_hold(conditions: Sequence[Condition], answers: Answers, converted: Mapping[str, str]) -> bool:
    """Whether every condition holds for the answers; see conditions.holds."""
    return all(holds(condition, answers, converted) for condition in conditions)


def tag_of(text: str) -> str:
    """`text` as the CRM keeps it once it is a tag."""
    return " ".join(text.split()).lower()


def _is_full(template: str, values: Mapping[str, str]) -> bool:
    return all(value_of(name, values) for name in names_in(template))
