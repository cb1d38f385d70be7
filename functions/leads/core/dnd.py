"""Do not disturb: the channels on which the CRM is told to leave a person alone."""

from __future__ import annotations

from collections.abc import Mapping

from leads.core.answers import Answers
from leads.core.routes import Route
from leads.core.tagging import all_hold

# The API's OpenAPI document, DndSettingsSchema of the contacts, Version 2021-07-28; v3 spells them otherwise.
CHANNELS = ("SMS", "Call", "Email", "WhatsApp", "GMB", "FB")

_BY_LOWER = {channel.lower(): channel for channel in CHANNELS}


def channel_of(text: str) -> str | None:
    """The channel as the API spells it, whatever its case; None for what is none."""
    return _BY_LOWER.get(text.strip().lower())


def channels_of(route: Route, answers: Answers, converted: Mapping[str, str]) -> tuple[str, ...]:
    """The channels of every rule that holds, each once, in the order of the file. converted: see conditions.holds."""
    found = [
        channel_of(channel)
        for rule in route.dnd_rules
        if all_hold(rule.when, answers, converted)
        for channel in rule.channels
    ]
    return tuple(dict.fromkeys(filter(None, found)))
