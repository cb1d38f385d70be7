"""Leads and the plans made of them, as the tests of plans need them."""

import datetime as dt
from typing import Any

from leads.core.lead import Consent, Lead
from leads.core.plan import Plan, plan_for
from leads.core.routes import Condition, Defaults, Route

NOW = dt.datetime(2026, 11, 21, 5, 30, tzinfo=dt.UTC).timestamp()
LEFT_AT = NOW - 600
LABEL = "Pinterest Lead Ads"
CAMPAIGN = {
    "campaign_id": "626", "campaign_name": "Spring Campaign", "ad_group_id": "268", "ad_group_name": "Homeowners",
    "ad_id": "687",
}  # fmt: skip
ADA = {
    "FULL_NAME": "Ada Lovelace",
    "EMAIL": "ada@example.com",
    "COUNTRY": "United States",
    "What is your budget?": "Over 10 k",
    "Which rooms?": ["Kitchen", "Bath"],
}
SMS = Consent(key="sms", text="You may send me text messages.", given=True, at=LEFT_AT)
NO_SMS = Consent(key="sms", text="You may send me text messages.", given=False)
NOT_SMS = Condition(answer="consent:sms", not_="yes")


def lead(answers: dict[str, Any] | None = None, **changes: Any) -> Lead:
    values: dict[str, Any] = {
        "source": "pinterest", "account": "111", "form": "653", "lead_id": "6804", "ledger_key": "pinterest#111#6804",
        "seal": "abcdef0123456789", "is_test": False, "created_at": LEFT_AT, "campaign": CAMPAIGN,
        "answers": ADA if answers is None else answers,
    }  # fmt: skip
    return Lead(**values | changes)


def plan(
    answers: dict[str, Any] | None = None,
    *,
    given_lead: Lead | None = None,
    is_update: bool = False,
    contact_id: str = "",
    **route: Any,
) -> Plan:
    defaults = route.pop("defaults", Defaults())
    rules: dict[str, Any] = {"name": "Spring", "location": "loc"}
    return plan_for(
        given_lead or lead(answers), Route(**rules | route), defaults, source_label=LABEL, now=NOW,
        is_update=is_update, contact_id=contact_id,
    )  # fmt: skip


def record(answers: dict[str, Any] | None = None, **changes: Any) -> Lead:
    """A lead that is a record of another CRM location."""
    values: dict[str, Any] = {"source": "leadconnector", "account": "src", "form": "contacts", "lead_id": "c1"}
    return lead(answers, campaign={}, **values | changes)
