"""What a lead becomes by its route: contact fields, custom fields, tags, note, tasks. Decided once, before any call."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import msgspec

from leads.core import note
from leads.core.answers import Answers
from leads.core.dnd import channels_of
from leads.core.lead import CopiedNote, CopiedTask, Lead
from leads.core.lead_values import consents_of, is_template, keys_in
from leads.core.lifecycle import stage_at_source, stage_beginnings
from leads.core.placeholders import fill
from leads.core.routes import COPIES, CRM_SOURCES, Defaults, Route, due_seconds
from leads.core.ruled_lead import RuledLead, ruled_lead
from leads.core.tagging import Stage, all_hold, stage_field, stage_of, tags_of

if TYPE_CHECKING:
    from leads.core.conversion_plan import PlannedConversion

FILTERED_OUT = "filtered_out"
TEST_LEAD = "test_lead"
NOT_COPIED = "not_copied"

_UNTITLED = "Follow up"
# A lead is no older than what a platform keeps (Pinterest: 30 days), and not from the future: a time beyond is wrong.
_OLDEST = 90 * 86_400
_AHEAD = 86_400
# When a copied task is due that had no date, in seconds after it was made, as a route's task is that says nothing.
_DUE = 86_400
# The last second that a calendar has.
_LATEST = 253_402_300_799


class CustomValue(msgspec.Struct, frozen=True):
    """A value for the custom field with this id or key; answer: the question it answers, or the key again."""

    key: str
    answer: str
    values: tuple[str, ...]


class PlannedTask(msgspec.Struct, frozen=True, kw_only=True):
    """A task to write; due_at: epoch seconds; assigned_to: "" is whoever owns the contact; completed: done already."""

    title: str
    body: str
    due_at: float
    assigned_to: str
    completed: bool = False


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that a lead becomes in one CRM location; the same however often it is made from the same lead.

    reference: `<source>/<lead id>`, by which the lead's note and tasks are recognised.
    fields: contact field (the API's name) → text. tags: lower case, each once. assign_to: "" is nobody.
    note: without remarks, leftovers and marker; "" when the route wants none.
    leftovers: question and answer of what reaches neither a field nor a custom field nor the note.
    unshown: question and answer of all that cannot be read in the note, for the day the CRM refuses a field.
    consents: what was agreed to, line by line, wherever in the note it is to stand.
    dnd: channels, as the API spells them, on which the person is not to be disturbed.
    is_copy: this is a note or task of another CRM location, and `fields` tell whose. is_update: the contact was
    delivered before, so there is no note and no task. mirrors: the lead is a record of another CRM location.
    contact_id: the contact that it became before, "" when there is none or it is not known.
    conversion: what the ad platform hears of the delivery and of what becomes of it; None when it hears nothing.
    """

    route: str
    location_id: str
    reference: str
    source_label: str
    fields: dict[str, str]
    custom_fields: tuple[CustomValue, ...] = ()
    tags: tuple[str, ...] = ()
    stage: Stage | None = None
    assign_to: str = ""
    note: str = ""
    leftovers: tuple[tuple[str, str], ...] = ()
    unshown: tuple[tuple[str, str], ...] = ()
    tasks: tuple[PlannedTask, ...] = ()
    consents: str = ""
    dnd: tuple[str, ...] = ()
    is_copy: bool = False
    is_update: bool = False
    mirrors: bool = False
    contact_id: str = ""
    conversion: PlannedConversion | None = None


def is_wanted(lead: Lead, route: Route, defaults: Defaults, *, now: float) -> str:
    """ "" when the route's filters let the lead pass; else why it is ignored. now: epoch seconds.

    Filters are not asked about test leads: whoever sends one wants to see it arrive. Nor about what is to be removed
    again: there is nothing left to ask. No record of a CRM location is copied to that very location.
    """
    if lead.is_test:
        return TEST_LEAD if route.tests == "ignore" else ""
    if lead.source in CRM_SOURCES and (
        lead.account == route.location or (lead.form in COPIES and lead.form not in route.copies)
    ):
        return NOT_COPIED
    if lead.removes or not route.only_if:
        return ""
    read = ruled_lead(lead, route, defaults, now=now)
    return "" if all_hold(route.only_if, read.ruled, read.contact.converted) else FILTERED_OUT


def plan_for(
    lead: Lead,
    route: Route,
    defaults: Defaults,
    *,
    source_label: str,
    now: float,
    is_update: bool = False,
    contact_id: str = "",
) -> Plan:
    """What `lead` becomes by `route`.

    now: epoch seconds at which the lead was first seen; tasks count from it where the platform does not tell when
    the lead was left. is_update, contact_id: see Plan.

    A copied note or task brings itself and whose it is. An update brings what the contact has, but no stage that
    its source does not name: the CRM may have moved it on.
    """
    read = ruled_lead(lead, route, defaults, now=now)
    answers, ruled, contact, values = read.answers, read.ruled, read.contact, read.values
    plan = Plan(
        route=route.name,
        location_id=route.location,
        reference=read.reference,
        source_label=source_label,
        fields=contact.fields,
        dnd=channels_of(route, ruled, contact.converted),
        is_copy=lead.copied is not None,
        is_update=is_update,
        mirrors=lead.source in CRM_SOURCES,
        contact_id=contact_id,
    )
    if lead.copied is not None:
        return _with_copy(plan, lead.copied, _left_at(lead, now))
    stage_name = stage_at_source(route, ruled) or ("" if is_update else route.stage)
    stage = stage_of(stage_name, defaults)
    custom, in_custom = _custom_values(route, ruled, values)
    if key := stage_field(stage_name, defaults):
        custom.append(CustomValue(key, key, (stage_name,)))
    plan = msgspec.structs.replace(
        plan,
        custom_fields=tuple(custom),
        tags=tags_of(
            route,
            ruled,
            converted=contact.converted,
            values=values,
            stage=stage,
            exclusive=stage_beginnings(route, defaults),
            is_test=lead.is_test,
            is_update=is_update,
        ),
        stage=stage,
    )
    if is_update:
        return plan
    if route.note is None:
        text, shown = note.default_note(lead, route.name, source_label, values.get("answers", "")), answers.keys()
    else:
        text, shown = fill(route.note, values).strip(), keys_in(route.note, values, answers)
    unshown = tuple((key, answer) for key, answer in answers.items() if key not in shown)
    # A question may be called like a consent; where a rule names it, the consent is meant.
    kept = set(answers.keys()).difference(contact.unused) | (in_custom - consents_of(lead).keys())
    return msgspec.structs.replace(
        plan,
        assign_to=_assigned(route, read.reference),
        note=text,
        leftovers=tuple(pair for pair in unshown if pair[0] not in kept),
        unshown=unshown,
        tasks=tuple(_tasks(route, read.reference, values, _left_at(lead, now))),
        consents=values.get("consents", ""),
        conversion=_conversion(lead, route, defaults, read, now) if route.conversions else None,
    )


def _custom_values(route: Route, answers: Answers, values: Mapping[str, str]) -> tuple[list[CustomValue], set[str]]:
    """The values that are not empty, and the keys of the answers in them."""
    custom: list[CustomValue] = []
    used: set[str] = set()
    for key, rule in route.custom_fields.items():
        if is_template(rule):
            value = CustomValue(key, key, (fill(rule, values).strip(),))
            used.update(keys_in(rule, values, answers))
        else:
            value = CustomValue(key, rule, answers.values(rule))
            used.update(filter(None, (answers.find(rule),)))
        if any(value.values):
            custom.append(value)
    return custom, used


def _assigned(route: Route, reference: str) -> str:
    """The user whose turn it is: evenly spread, and the same for a lead for ever."""
    users = [user for user in ([route.assign] if isinstance(route.assign, str) else route.assign) if user]
    if not users:
        return ""
    number = int.from_bytes(hashlib.sha256(reference.encode("utf-8", "surrogatepass")).digest()[:8], "big")
    return users[number % len(users)]


def _left_at(lead: Lead, now: float) -> float:
    """When the lead was left, as far as the platform's word can be true; else when it was first seen."""
    left = lead.created_at
    return left if left is not None and now - _OLDEST <= left <= now + _AHEAD else now


def _conversion(lead: Lead, route: Route, defaults: Defaults, read: RuledLead, now: float) -> PlannedConversion | None:
    # Late: most routes tell nobody of anything, and a cold start need not pay for it.
    from leads.core.conversion_plan import conversion_of

    # No platform takes what is yet to happen.
    return conversion_of(lead, route, defaults, read, left_at=min(_left_at(lead, now), now))


def _with_copy(plan: Plan, copied: CopiedNote | CopiedTask, made_at: float) -> Plan:
    """The plan with nothing but the note or task, as somebody else wrote it."""
    if isinstance(copied, CopiedNote):
        return msgspec.structs.replace(plan, note=copied.text.strip())
    is_date = copied.due_at is not None and 0 <= copied.due_at <= _LATEST
    task = PlannedTask(
        title=" ".join(copied.title.split()) or _UNTITLED,
        body=note.with_marker(copied.body, plan.reference),
        due_at=copied.due_at if copied.due_at is not None and is_date else made_at + _DUE,
        assigned_to="",
        completed=copied.completed,
    )
    return msgspec.structs.replace(plan, tasks=(task,))


def _tasks(route: Route, reference: str, values: Mapping[str, str], left_at: float) -> Iterator[PlannedTask]:
    for task in route.tasks:
        body = fill(task.body, values).strip()
        yield PlannedTask(
            title=" ".join(fill(task.title, values).split()) or _UNTITLED,
            body=note.with_marker(body, reference),
            due_at=left_at + due_seconds(task.due_in),
            assigned_to=task.assigned_to,
        )
