"""Tells the app's webhook of leads, signed, and again while it does not answer 200."""

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from infra.local.facebook_sender import encoded, notification, signed
from infra.local.graph.directory import Directory
from infra.local.graph.subscription import Subscription
from infra.local.sandbox.deliveries import Deliveries

# Meta tries again at once, then "a few more times with decreasing frequency over the next 36 hours".
RETRY_SECONDS: tuple[float, ...] = (0, 1, 2, 4, 8, 15, 30)
FIELD = "leadgen"
# Source: developers.facebook.com/docs/graph-api/webhooks/getting-started
LARGEST_BATCH = 1000


class Notices:
    """What Graph tells of leads, and to whom. retry_seconds: before each further attempt."""

    def __init__(self, retry_seconds: Sequence[float] = RETRY_SECONDS) -> None:
        self.deliveries = Deliveries("Graph", retry_seconds, again=lambda status: status != 200)

    def tell(
        self,
        leads: Iterable[Mapping[str, Any]],
        directory: Directory,
        subscription: Subscription | None,
        app_secret: str,
    ) -> set[str]:
        """Send a notice of the leads (with `page_id`) whose field is subscribed to at both levels; their ids."""
        if subscription is None or not subscription.active or FIELD not in subscription.fields:
            return set()
        told = [lead for lead in leads if FIELD in directory.pages[lead["page_id"]].subscribed_fields]
        for start in range(0, len(told), LARGEST_BATCH):
            batch = told[start : start + LARGEST_BATCH]
            notice = notification(batch)
            body = encoded(notice if subscription.include_values else _without_values(notice))
            ids = [str(lead["id"]) for lead in batch]
            about = {"leads": ids, "pages": sorted({lead["page_id"] for lead in batch}), "sent_at": time.time()}
            self.deliveries.send(subscription.callback_url, body, signed(body, app_secret), about)
        return {str(lead["id"]) for lead in told}


def _without_values(notice: Mapping[str, Any]) -> dict[str, Any]:
    """What comes with Include Values off: that there is something, and not what."""
    entries = [{"id": entry["id"], "time": entry["time"], "changed_fields": [FIELD]} for entry in notice["entry"]]
    return {**notice, "entry": entries}
