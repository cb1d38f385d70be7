"""What the placeholders of a route stand for in one lead, and which answers a filled template shows."""

from __future__ import annotations

from collections.abc import Mapping

from leads.core import note
from leads.core.answers import Answers, folded, text_of
from leads.core.contact_fields import snake
from leads.core.lead import Lead
from leads.core.placeholders import ANSWER, CAMPAIGN_NAMES, names_in, value_of

CONSENT = "consent:"


def consents_of(lead: Lead) -> dict[str, str]:
    """What was agreed to as answers: `consent:<key>` → yes or no. Of two with one key both must have been given."""
    found: dict[str, str] = {}
    for consent in lead.consents:
        key = CONSENT + text_of(consent.key)
        found[key] = "yes" if consent.given and found.get(key) != "no" else "no"
    return found


def with_consents(lead: Lead, answers: Answers) -> Answers:
    """The answers as rules see them: with the consents, for which no question of the same name can pass."""
    if not lead.consents:
        return answers
    consents = consents_of(lead)
    return Answers(consents | {key: value for key, value in lead.answers.items() if key not in consents})


def values_of(lead: Lead, answers: Answers, ruled: Answers, *, route: str, reference: str) -> dict[str, str]:
    """Placeholder → text: every answer by its key, then whatever is known of lead and campaign.

    ruled: see with_consents. A name of ours comes before a question of that name, which is still there as
    `answer:<key>`.
    """
    texts = dict(ruled.items())
    known = {
        "source": lead.source,
        "account": lead.account,
        "form": lead.form,
        "lead_id": lead.lead_id,
        "lead_ref": reference,
        "created_at": note.moment(lead.created_at),
        "route": route,
        "answers": note.answer_list(answers.items(), note.paragraphs(lead.answers)),
        "consents": note.consent_list(lead.consents),
        **{name: text_of(lead.campaign.get(name)) for name in CAMPAIGN_NAMES},
    }
    return texts | {f"{ANSWER}{key}": text for key, text in texts.items()} | _non_empty(known)


def with_contact(values: Mapping[str, str], fields: Mapping[str, str]) -> dict[str, str]:
    """The values and the contact's fields, as `first_name` and the like."""
    return dict(values) | _non_empty({snake(name): text for name, text in fields.items()})


def is_template(rule: str) -> bool:
    """Whether a rule of `fields` or `custom_fields` is a template; else it is the key of an answer."""
    return "{" in rule or "}" in rule


def keys_in(template: str, values: Mapping[str, str], answers: Answers) -> tuple[str, ...]:
    """The keys of the answers that can be read in the filled template, in the order of its placeholders."""
    found: dict[str, None] = {}
    for name in names_in(template):
        if folded(name) == "answers":
            return answers.keys()
        key = answers.find(name) or answers.find(name.removeprefix(ANSWER).strip())
        if key is not None and answers.text(key) in value_of(name, values):
            found[key] = None
    return tuple(found)


def _non_empty(values: Mapping[str, str]) -> dict[str, str]:
    return {name: text for name, text in values.items() if text}
