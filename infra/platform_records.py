"""Leads written down as the platforms' own APIs show them: a lead of Graph, a contact of the CRM."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from leads.core.lead import Envelope, Lead, plain_id
from leads.sources import facebook_form, leadconnector_answers
from leads.sources.facebook_lead import lead_of
from leads.sources.facebook_notice import Notice

_UNTOLD = "preview"


def facebook_lead(item: Mapping[str, Any]) -> Lead:
    """A Graph lead object. `form` beside its fields is the Graph form object, `page_id` the page, as both know neither.

    Without the form, questions go by their names and option keys stay what they are.
    """
    envelope = _envelope("facebook", item, account=item.get("page_id"))
    form = item.get("form")
    return lead_of(
        envelope,
        Notice(page=envelope.account, lead_id=envelope.lead_id),
        item,
        facebook_form.form_of(form if isinstance(form, dict) else {}),
    )


def leadconnector_contact(item: Mapping[str, Any]) -> Lead:
    """A contact as the API or a ContactCreate event has it; custom fields go by their ids, which is all it tells."""
    envelope = _envelope("leadconnector", item, account=item.get("locationId"))
    return Lead(
        source=envelope.source,
        account=envelope.account,
        form="contacts",
        lead_id=envelope.lead_id,
        ledger_key=envelope.ledger_key,
        seal="",
        is_test=False,
        created_at=leadconnector_answers.added_at(item),
        answers=leadconnector_answers.answers_of(item, {}),
        campaign=leadconnector_answers.campaign_of(item),
    )


def _envelope(source: str, item: Mapping[str, Any], *, account: Any) -> Envelope:
    return Envelope(
        source=source,
        account=plain_id(account) or _UNTOLD,
        lead_id=plain_id(item.get("id")) or _UNTOLD,
        raw=None,
        received_at="",
    )


# What only this platform's records have → how such a record is read.
RECORDS: Mapping[str, Callable[[Mapping[str, Any]], Lead]] = {
    "field_data": facebook_lead,
    "locationId": leadconnector_contact,
}
