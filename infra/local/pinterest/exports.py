"""Exports of leads: asked for, in progress, and then a file."""

import csv
import io
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from infra.local.pinterest.ads import Ad, Lead

# The real file's columns are documented nowhere; these are the webhook's names.
COLUMNS = (
    "lead_id", "created_at", "lead_form_id", "campaign_id", "campaign_name", "ad_group_id", "ad_group_name", "ad_id",
    "ad_name",
)  # fmt: skip


@dataclass
class Export:
    """One export: in progress for `polls` looks, then FINISHED or FAILED."""

    account: str
    file: bytes
    polls: int
    fails: bool
    name: str = field(default_factory=lambda: f"{secrets.token_hex(16)}.csv")

    def look(self) -> str:
        if self.polls > 0:
            self.polls -= 1
            return "IN_PROGRESS"
        return "FAILED" if self.fails else "FINISHED"


def file_of(ad: Ad, leads: Sequence[Lead]) -> bytes:
    """CSV in UTF-8: what is known of a lead, then a column for each question."""
    questions = list(dict.fromkeys(key for lead in leads for key in lead.answers))
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow([*COLUMNS, *questions])
    for lead in leads:
        created = datetime.fromtimestamp(lead.created_at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        where = (
            ad.lead_form_id, ad.campaign_id, ad.campaign_name, ad.ad_group_id, ad.ad_group_name, ad.id, ad.name,
        )  # fmt: skip
        writer.writerow([lead.lead_id, created, *where, *(lead.answers.get(question, "") for question in questions)])
    return text.getvalue().encode()
