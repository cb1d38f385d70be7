"""What is posted to a subscription's webhook: an array of one encrypted lead."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from infra.local.pinterest.ads import Ad
from infra.local.pinterest.subscriptions import Subscription
from infra.local.sandbox.deliveries import Deliveries

TEST_LEAD_ID = "TEST_API"


def post(
    deliveries: Deliveries,
    subscriptions: Iterable[Subscription],
    ad: Ad,
    answers: Mapping[str, str],
    *,
    lead_id: str,
    created_at: float,
) -> None:
    """Send a lead to each subscription, sealed once under its key: a retry repeats the bytes."""
    for subscription in subscriptions:
        about = {
            "subscription_id": subscription.id,
            "ad_account_id": ad.account,
            "lead_form_id": ad.lead_form_id,
            "lead_id": lead_id,
        }
        body = json.dumps([_sealed(subscription.key, ad, answers, lead_id, created_at)]).encode()
        deliveries.send(subscription.webhook_url, body, {"Content-Type": "application/json"}, about)


def _sealed(key: bytes, ad: Ad, answers: Mapping[str, str], lead_id: str, created_at: float) -> dict[str, Any]:
    # Only who delivers needs the cipher, which takes a while to import.
    from infra.local.pinterest_sender import build_lead

    return build_lead(
        dict(answers),
        key=key,
        lead_id=lead_id,
        account=ad.account,
        form=str(ad.lead_form_id),
        created_at_ms=round(created_at * 1000),
        ad_id=ad.id,
        ad_name=ad.name,
        campaign_id=ad.campaign_id,
        campaign_name=ad.campaign_name,
        ad_group_id=ad.ad_group_id,
        ad_group_name=ad.ad_group_name,
    )
