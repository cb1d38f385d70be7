"""Ads and the leads they have collected."""

import itertools
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from infra.local.pinterest.accounts import is_account_id, is_id

STATUSES = ("ACTIVE", "PAUSED", "ARCHIVED", "DRAFT", "DELETED_DRAFT")
_KEPT_SECONDS = 30 * 86_400


@dataclass
class Ad:
    """An ad; one without a form collects nothing."""

    account: str
    id: str
    lead_form_id: str | None = None
    name: str = "Spring kitchen pin"
    status: str = "ACTIVE"
    campaign_id: str = "626735565838"
    campaign_name: str = "Spring campaign"
    ad_group_id: str = "2680060704746"
    ad_group_name: str = "Homeowners"

    def shown(self) -> dict[str, Any]:
        """As ads/list gives it (schema AdResponse): names of campaign and ad group are not in it."""
        return {
            "id": self.id,
            "ad_account_id": self.account,
            "campaign_id": self.campaign_id,
            "ad_group_id": self.ad_group_id,
            "name": self.name,
            "status": self.status,
            "lead_form_id": self.lead_form_id,
            "creative_type": "REGULAR",
            "type": "ad",
        }


@dataclass(frozen=True)
class Lead:
    """What a person left under an ad; created_at: seconds since the epoch."""

    ad: str
    lead_id: str
    created_at: float
    answers: dict[str, str]


@dataclass
class Ads:
    """All of them. Not thread-safe."""

    clock: Callable[[], float] = time.time
    ads: dict[str, Ad] = field(default_factory=dict)
    leads: list[Lead] = field(default_factory=list)
    _numbers: Any = field(default_factory=lambda: itertools.count(687_195_906_001))

    def add(self, order: Mapping[str, Any]) -> Ad:
        """An ad by the names of Ad; ValueError when it makes no sense."""
        try:
            ad = Ad(**{"id": str(next(self._numbers)), **order})
        except TypeError as error:
            raise ValueError(f"An ad takes {', '.join(Ad.__dataclass_fields__)} ({error}).") from None
        if not (is_account_id(ad.account) and is_id(ad.id) and ad.status in STATUSES):
            raise ValueError("An ad's account and id are digits, its status one of " + ", ".join(STATUSES))
        self.ads[ad.id] = ad
        return ad

    def add_lead(self, order: Mapping[str, Any]) -> Lead:
        """A lead of an ad; id and time are made up unless given. ValueError when it makes no sense."""
        if unknown := sorted(set(order) - set(Lead.__dataclass_fields__)):
            raise ValueError(f"A lead has no {unknown[0]!r}; it takes {', '.join(Lead.__dataclass_fields__)}.")
        ad = self.ads.get(str(order.get("ad")))
        if ad is None or not ad.lead_form_id:
            raise ValueError("A lead names an ad that has a lead form.")
        answers = order.get("answers")
        if not isinstance(answers, Mapping):
            raise ValueError("A lead's 'answers' are an object of texts.")
        lead = Lead(
            ad=ad.id,
            lead_id=str(order.get("lead_id", next(self._numbers))),
            created_at=float(order.get("created_at", self.clock())),
            answers={str(key): str(value) for key, value in answers.items()},
        )
        self.leads.append(lead)
        return lead

    def left(self, ad: str, first: float, end: float) -> list[Lead]:
        """An ad's leads from `first` until before `end` that are not older than Pinterest keeps them."""
        first = max(first, self.clock() - _KEPT_SECONDS)
        return [lead for lead in self.leads if lead.ad == ad and first <= lead.created_at < end]
