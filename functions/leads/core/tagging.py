"""The tags of a lead: those of its route, of the rules that hold, of its stage, and of a test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from leads.core.answers import Answers, folded
from leads.core.conditions import holds
from leads.core.placeholders import ANSWER, fill, names_in, only_name, value_of
from leads.core.routes import Condition, Defaults, Route

TEST_TAG = "test lead"
# The answer under which a record of a CRM location brings its own tags.
TAGS = "TAGS"

_AS_TAG = "tag:"
_AS_CUSTOM_FIELD = "custom_field:"


class Stage(msgspec.Struct, frozen=True):
    """A lifecycle stage kept as a tag: the only one among the tags that begin with the prefix."""

    tag: str
    prefix: str


def stage_of(name: str, defaults: Defaults) -> Stage | None:
    """The tag of the stage with this name ("" is none), when stages are kept as tags."""
    prefix = stage_tags(defaults)
    if not name or not prefix:
        return None
    return Stage(tag=tag_of(defaults.stage_as.removeprefix(_AS_TAG) + name), prefix=prefix)


def stage_tags(defaults: Defaults) -> str:
    """How the tags begin that name a stage, "" when stages are not kept as tags."""
    if not defaults.stage_as.startswith(_AS_TAG):
        return ""
    return stage_prefix(defaults.stage_as.removeprefix(_AS_TAG))


def stage_prefix(prefix: str) -> str:
    """A prefix as tags have it."""
    # One that ends in a letter needs its blank, or the stage `lead` of "stage " would rule out the tag `stages`.
    blank = " " if prefix[-1:].isspace() and prefix.rstrip()[-1:].isalnum() else ""
    return tag_of(prefix) + blank


def stage_field(name: str, defaults: Defaults) -> str:
    """Id or key of the custom field that keeps the stage with this name, "" when none does."""
    is_kept = name and defaults.stage_as.startswith(_AS_CUSTOM_FIELD)
    return defaults.stage_as.removeprefix(_AS_CUSTOM_FIELD).strip() if is_kept else ""


def tags_of(
    route: Route,
    answers: Answers,
    *,
    converted: Mapping[str, str],
    values: Mapping[str, str],
    stage: Stage | None,
    exclusive: tuple[str, ...],
    is_test: bool,
    is_update: bool = False,
) -> tuple[str, ...]:
    """The lead's tags, in lower case as the CRM keeps them, each once.

    converted: see conditions.holds; values: placeholder → text. A tag with an empty placeholder is dropped. stage:
    what the contact gets, if any; exclusive: how no other tag may begin, as there is one stage at a time. is_update:
    only those that copy the source's own tags, as all others came with the lead: news of what we wrote ourselves must
    not bring tags back.
    """
    templates = [tag for tag in route.tags if not is_update or _copies_tags(tag)]
    for rule in () if is_update else route.tag_rules:
        if all_hold(rule.when, answers, converted):
            templates += rule.tags
    tags = [tag_of(text) for template in templates for text in _texts(template, answers, values)]
    tags = [tag for tag in tags if not tag.startswith(exclusive)]
    if stage:
        tags.append(stage.tag)
    if is_test and route.tests == "tag":
        tags.append(TEST_TAG)
    return tuple(dict.fromkeys(tag for tag in tags if tag))


def _copies_tags(template: str) -> bool:
    return any(folded(name.removeprefix(ANSWER)) == folded(TAGS) for name in names_in(template))


def all_hold(when: Condition | Sequence[Condition], answers: Answers, converted: Mapping[str, str]) -> bool:
    """Whether the condition, or every one of several, holds for the answers; see conditions.holds."""
    conditions = [when] if isinstance(when, Condition) else when
    return all(holds(condition, answers, converted) for condition in conditions)


def tag_of(text: str) -> str:
    """`text` as the CRM keeps it once it is a tag."""
    return " ".join(text.split()).lower()


def _texts(template: str, answers: Answers, values: Mapping[str, str]) -> tuple[str, ...]:
    """The tags that a template makes: one, none without a value, and one for each item of an answer that is a list."""
    if (name := only_name(template)) and (items := _items(name, answers, values)):
        return items
    return (fill(template, values),) if all(value_of(name, values) for name in names_in(template)) else ()


def _items(name: str, answers: Answers, values: Mapping[str, str]) -> tuple[str, ...]:
    """The items of the answer that a placeholder stands for; () where it stands for anything else."""
    key = answers.find(name) or answers.find(name.removeprefix(ANSWER).strip())
    return answers.values(key) if key and answers.text(key) == value_of(name, values) else ()
