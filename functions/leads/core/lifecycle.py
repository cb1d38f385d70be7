"""The stage that a lead already has where it comes from, in the words of the route."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from leads.core.answers import Answers, folded
from leads.core.routes import Defaults, Route
from leads.core.tagging import stage_prefix, stage_tags, tag_of

_TAG = "tag:"


def stage_at_source(route: Route, answers: Answers) -> str:
    """Our name of the stage that the lead has at its source; "" when it has none, or one that the route does not map.

    Without a table the stage keeps its name. Of several, the first one that is mapped.
    """
    if not route.stage_from:
        return ""
    place, name = _split(route.stage_from)
    found = _READERS[place](answers, name)
    if not route.stages:
        return next(iter(found), "")
    ours = {folded(theirs): stage for theirs, stage in route.stages.items()}
    return next((ours[folded(stage)] for stage in found if folded(stage) in ours), "")


def stage_beginnings(route: Route, defaults: Defaults) -> tuple[str, ...]:
    """How the tags begin that name a stage, here or at the source; () where the route has no stages in tags.

    A stage of the source is translated, not copied: a copy would stay when the stage changes.
    """
    if not route.stage and not route.stage_from:
        return ()
    place, name = _split(route.stage_from)
    theirs = stage_prefix(name) if place == _TAG else ""
    return tuple(filter(None, (stage_tags(defaults), theirs)))


def is_place(stage_from: str) -> bool:
    """Whether a stage can be read there: one of PLACES, with a name where it wants one."""
    place, name = _split(stage_from)
    return place in _READERS and bool(name) == place.endswith(":")


def _split(stage_from: str) -> tuple[str, str]:
    """`tag:stage: ` as `tag:` and `stage: `; what takes no name is its place alone."""
    kind, colon, name = stage_from.partition(":")
    return kind + colon, name if name.strip() else ""


def _from_tags(answers: Answers, prefix: str) -> tuple[str, ...]:
    beginning = stage_prefix(prefix)
    tags = map(tag_of, answers.values("TAGS"))
    stages = (tag.removeprefix(beginning).strip() for tag in tags if tag.startswith(beginning))
    return tuple(filter(None, stages))


def _from_custom_field(answers: Answers, key: str) -> tuple[str, ...]:
    """By id or key, with or without `contact.`, as the fields of the destination go."""
    return answers.values(key) or answers.values(f"contact.{key.strip()}")


def _from_answer(key: str) -> Callable[[Answers, str], tuple[str, ...]]:
    return lambda answers, _: answers.values(key)


_READERS: Mapping[str, Callable[[Answers, str], tuple[str, ...]]] = {
    _TAG: _from_tags,
    "custom_field:": _from_custom_field,
    "opportunity_status": _from_answer("OPPORTUNITY_STATUS"),
    "opportunity_stage": _from_answer("OPPORTUNITY_STAGE"),
}
# How they are written, for a sentence.
PLACES = ("tag:<prefix>", "custom_field:<id or key>", "opportunity_status", "opportunity_stage")
