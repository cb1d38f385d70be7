"""One lead as one route reads it: what its rules are asked about, and what its templates are filled with."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

import msgspec

from leads.core.answers import Answers
from leads.core.contact import Contact, Given, contact_from
from leads.core.lead import Lead
from leads.core.lead_values import is_template, keys_in, values_of, with_consents, with_contact
from leads.core.placeholders import fill
from leads.core.routes import Defaults, Route


class RuledLead(msgspec.Struct, frozen=True):
    """What of the lead counts where.

    reference: see reference_of. answers: the person's own; ruled: with the consents, as every rule sees them.
    contact: made of those. values: placeholder → text.
    """

    reference: str
    answers: Answers
    ruled: Answers
    contact: Contact
    values: Mapping[str, str]


def ruled_lead(lead: Lead, route: Route, defaults: Defaults, *, now: float) -> RuledLead:
    """The lead in the light of the route. now: epoch seconds; a birthday after it is none."""
    answers = Answers(lead.answers)
    ruled = with_consents(lead, answers)
    reference = reference_of(lead)
    values = values_of(lead, answers, ruled, route=route.name, reference=reference)
    contact = _contact(route, ruled, values, defaults, now)
    return RuledLead(reference, answers, ruled, contact, with_contact(values, contact.fields))


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
