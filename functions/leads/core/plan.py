"""What a lead becomes by its route: contact fields, custom fields, tags, note, tasks. Decided once, before any call."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterator, Mapping

import msgspec

from leads.core import note
from leads.core.answers import Answers
from leads.core.contact import Contact, Given, contact_from
from leads.core.lead import Lead
from leads.core.lead_values import is_template, keys_in, values_of, with_contact
from leads.core.placeholders import fill
from leads.core.routes import Defaults, Route, due_seconds
from leads.core.tagging import Stage, all_hold, stage_field, stage_of, tags_of

FILTERED_OUT = "filtered_out"
TEST_LEAD = "test_lead"

_UNTITLED = "Follow up"
# A lead is no older than what a platform keeps (Pinterest: 30 days), and not from the future: a time beyond is wrong.
_OLDEST = 90 * 86_400
_AHEAD = 86_400


class CustomValue(msgspec.Struct, frozen=True):
    """A value for the custom field with this id or key; answer: the question it answers, or the key again."""

    key: str
    answer: str
    values: tuple[str, ...]


class PlannedTask(msgspec.Struct, frozen=True, kw_only=True):
    """A task to write; due_at: epoch seconds; assigned_to: "" is whoever owns the contact."""

    title: str
    body: str
    due_at: float
    assigned_to: str


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that a lead becomes in one CRM location; the same however often it is made from the same lead.

    reference: `<source>/<lead id>`, by which the lead's note and tasks are recognised.
    fields: contact field (the API's name) → text. tags: lower case, each once. assign_to: "" is nobody.
    note: without remarks, leftovers and marker; "" when the route wants none.
    leftovers: question and answer of what reaches neither a field nor a custom field nor the note.
    unshown: question and answer of all that cannot be read in the note, for the day the CRM refuses a field.
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


def is_wanted(lead: Lead, route: Route, defaults: Defaults, *, now: float) -> str:
    """ "" when the route's filters let the lead pass; else why it is ignored. now: epoch seconds.

    Filters are not asked about test leads: whoever sends one wants to see it arrive.
    """
    if lead.is_test:
        return TEST_LEAD if route.tests == "ignore" else ""
    if not route.only_if:
        return ""
    answers = Answers(lead.answers)
    values = values_of(lead, answers, route=route.name, reference=reference_of(lead))
    contact = _contact(route, answers, values, defaults, now)
    return "" if all_hold(route.only_if, answers, contact.converted) else FILTERED_OUT


def plan_for(lead: Lead, route: Route, defaults: Defaults, *, source_label: str, now: float) -> Plan:
    """What `lead` becomes by `route`.

    now: epoch seconds at which the lead was first seen; tasks count from it where the platform does not tell when
    the lead was left.
    """
    answers = Answers(lead.answers)
    reference = reference_of(lead)
    values = values_of(lead, answers, route=route.name, reference=reference)
    contact = _contact(route, answers, values, defaults, now)
    values = with_contact(values, contact.fields)
    stage = stage_of(route, defaults)
    custom, in_custom = _custom_values(route, answers, values)
    if key := stage_field(route, defaults):
        custom.append(CustomValue(key, key, (route.stage,)))
    if route.note is None:
        text, shown = note.default_note(lead, route.name, source_label, values.get("answers", "")), answers.keys()
    else:
        text, shown = fill(route.note, values).strip(), keys_in(route.note, values, answers)
    unshown = tuple((key, answer) for key, answer in answers.items() if key not in shown)
    return Plan(
        route=route.name,
        location_id=route.location,
        reference=reference,
        source_label=source_label,
        fields=contact.fields,
        custom_fields=tuple(custom),
        tags=tags_of(route, answers, converted=contact.converted, values=values, stage=stage, is_test=lead.is_test),
        stage=stage,
        assign_to=_assigned(route, reference),
        note=text,
        leftovers=tuple(pair for pair in unshown if pair[0] in contact.unused and pair[0] not in in_custom),
        unshown=unshown,
        tasks=tuple(_tasks(route, reference, values, _left_at(lead, now))),
    )


def reference_of(lead: Lead) -> str:
    """`<source>/<lead id>`; all test leads share one id, so each goes by its seal besides."""
    seal = f"-{lead.seal[:12]}" if lead.is_test and lead.seal else ""
    return f"{lead.source}/{lead.lead_id}{seal}"


def _contact(route: Route, answers: Answers, values: Mapping[str, str], defaults: Defaults, now: float) -> Contact:
    """The contact's fields: what the route says of a field comes first, the standard question's answer else."""
    today = dt.datetime.fromtimestamp(now, dt.UTC).date()
    contact = contact_from(answers, phone_region=defaults.phone_region, today=today)
    if not route.fields:
        return contact
    values = with_contact(values, contact.fields)
    given: dict[str, Given] = {}
    for field, rule in route.fields.items():
        if is_template(rule):
            given[field] = Given(fill(rule, values), keys_in(rule, values, answers))
        elif (key := answers.find(rule)) is not None:
            given[field] = Given(answers.text(key), (key,))
    return contact_from(answers, phone_region=defaults.phone_region, today=today, given=given)


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


def _tasks(route: Route, reference: str, values: Mapping[str, str], left_at: float) -> Iterator[PlannedTask]:
    for task in route.tasks:
        body = fill(task.body, values).strip()
        yield PlannedTask(
            title=" ".join(fill(task.title, values).split()) or _UNTITLED,
            body=note.with_marker(body, reference),
            due_at=left_at + due_seconds(task.due_in),
            assigned_to=task.assigned_to,
        )
