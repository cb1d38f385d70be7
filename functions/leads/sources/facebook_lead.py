"""One lead as Graph has it, and what it is to us.

Source: developers.facebook.com/docs/marketing-api/guides/lead-ads/retrieving, "Reading Store Leads".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from leads.core.lead import Envelope, Lead, plain_id
from leads.sources.facebook_form import Form, answers_of, consents_of
from leads.sources.facebook_notice import Notice, seconds_of

# Only what is named comes. Campaign and ad need rights on the ad account; without them they are missing from the
# answer, and a version of Graph that lacks one of the fields must not keep the answers from us.
FIELDS = (
    "id,created_time,form_id,field_data,custom_disclaimer_responses,is_organic,platform,"
    "ad_id,ad_name,adset_id,adset_name,campaign_id,campaign_name",
    "id,created_time,form_id,field_data,custom_disclaimer_responses",
)

# Meta's ad set is everybody else's ad group. (What a notice calls adgroup_id is the ad, by an old name.)
_IDS = {"campaign_id": "campaign_id", "adset_id": "ad_group_id", "ad_id": "ad_id"}
_NAMES = {"campaign_name": "campaign_name", "adset_name": "ad_group_name", "ad_name": "ad_name", "platform": "platform"}

# What the testing tool fills in: `<test lead: dummy data for full_name>`.
_TEST = "<test lead: dummy data"


def form_id_of(notice: Notice, record: Mapping[str, Any]) -> str:
    """The form that the lead was left in, "" when neither says."""
    return plain_id(record.get("form_id")) or notice.form


def lead_of(envelope: Envelope, notice: Notice, record: Mapping[str, Any], form: Form) -> Lead:
    """The lead in `record`, in the words of its form; what it lacks is taken from the notice."""
    created_at = seconds_of(record.get("created_time")) or notice.created_at
    answers = answers_of(record, form)
    return Lead(
        source=envelope.source,
        account=envelope.account,
        form=form_id_of(notice, record),
        lead_id=envelope.lead_id,
        ledger_key=envelope.ledger_key,
        seal=envelope.seal,
        is_test=any(_is_dummy(value) for value in answers.values()),
        created_at=created_at,
        answers=answers,
        campaign=_campaign(notice, record, form),
        consents=consents_of(record, form, at=created_at),
    )


def _campaign(notice: Notice, record: Mapping[str, Any], form: Form) -> dict[str, str]:
    ids = {ours: plain_id(record.get(theirs)) for theirs, ours in _IDS.items()}
    ids["ad_id"] = ids["ad_id"] or notice.ad
    names = {ours: name for theirs, ours in _NAMES.items() if isinstance(name := record.get(theirs), str)}
    organic = record.get("is_organic")
    told = {"is_organic": "yes" if organic else "no"} if isinstance(organic, bool) else {}
    return {key: text for key, text in {**ids, **names, "form_name": form.name, **told}.items() if text}


def _is_dummy(value: Any) -> bool:
    texts = value if isinstance(value, list) else [value]
    return any(isinstance(text, str) and text.lstrip().casefold().startswith(_TEST) for text in texts)
