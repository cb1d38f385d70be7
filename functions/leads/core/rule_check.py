"""What a route's rules may still have wrong: tags, channels not to be disturbed on, stages, and what is copied."""

from __future__ import annotations

from collections.abc import Iterator

from leads.core import placeholders
from leads.core.answers import folded
from leads.core.condition_check import Fault, of_when
from leads.core.dnd import CHANNELS, channel_of
from leads.core.lifecycle import PLACES, is_place
from leads.core.routes import COPIES, DndRule, Route, TagRule
from leads.core.wording import clip, did_you_mean


def of_rules(route: Route) -> Iterator[Fault]:
    """Every mistake in the rules of a route."""
    for number, tag_rule in enumerate(route.tag_rules, start=1):
        yield from _of_tag_rule(f"tag_rules[{number}]", tag_rule)
    for number, dnd_rule in enumerate(route.dnd_rules, start=1):
        yield from _of_dnd_rule(f"dnd_rules[{number}]", dnd_rule)
    yield from _of_stages(route)
    yield from _of_copies(route.copies)


def of_tags(key: str, tags: list[str]) -> Iterator[Fault]:
    """Every mistake in the tags that stand under `key`."""
    for number, tag in enumerate(tags, start=1):
        if not tag.strip():
            yield f"{key}[{number}]", "is empty; write a tag or remove it"
        yield from of_template(f"{key}[{number}]", tag)


def of_template(key: str, template: str) -> Iterator[Fault]:
    """The mistake in a template, if there is one."""
    try:
        placeholders.check(template)
    except ValueError as error:
        yield key, f"has a faulty placeholder: {' '.join(str(error).split())}"


def _of_tag_rule(key: str, rule: TagRule) -> Iterator[Fault]:
    yield from of_when(f"{key}.when", rule.when)
    if not rule.tags:
        yield f"{key}.tags", "is an empty list, so the rule does nothing; name at least one tag"
    yield from of_tags(f"{key}.tags", rule.tags)


def _of_dnd_rule(key: str, rule: DndRule) -> Iterator[Fault]:
    yield from of_when(f"{key}.when", rule.when)
    if not rule.channels:
        yield f"{key}.channels", f"is an empty list, so the rule does nothing; name some of {', '.join(CHANNELS)}"
    for number, channel in enumerate(rule.channels, start=1):
        if channel_of(channel) is None:
            allowed = f"allowed are {', '.join(CHANNELS)}{did_you_mean(channel, CHANNELS)}"
            yield f"{key}.channels[{number}]", f"is `{clip(channel)}`, which is no channel; {allowed}"


def _of_stages(route: Route) -> Iterator[Fault]:
    if route.stage_from and not is_place(route.stage_from):
        hint = did_you_mean(route.stage_from, PLACES)
        yield "stage_from", f"is `{clip(route.stage_from)}`; write one of {', '.join(PLACES)}{hint}"
    elif "{" in route.stage_from or "}" in route.stage_from:
        yield "stage_from", "is the same for every lead of the route, so it takes no placeholder"
    if route.stages and not route.stage_from:
        yield "stages", "translates stages of the source, and `stage_from` does not say where those are; write it, too"
    seen: dict[str, str] = {}
    for theirs, ours in route.stages.items():
        key = f'stages."{clip(theirs)}"'
        if not theirs.strip() or not ours.strip():
            yield key, "needs a stage of the source before the `=` and one of yours behind it"
        if "{" in ours or "}" in ours:
            yield key, "is the same for every lead, so it takes no placeholder"
        if folded(theirs) in seen:
            yield key, f'is the same stage as `stages."{clip(seen[folded(theirs)])}"`; keep one of them'
        seen[folded(theirs)] = theirs


def _of_copies(copies: list[str]) -> Iterator[Fault]:
    if not copies:
        yield "copies", f"is an empty list, so nothing is taken over; name some of {', '.join(COPIES)}"
    for number, kind in enumerate(copies, start=1):
        if kind not in COPIES:
            allowed = f"allowed are {', '.join(COPIES)}{did_you_mean(kind, COPIES)}"
            yield f"copies[{number}]", f"is `{clip(kind)}`, which nobody can copy; {allowed}"
