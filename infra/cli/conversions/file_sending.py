"""What `leadrelay conversions send` does with a file: check every row, ask Pinterest or fill the queue, and add up."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from infra.cli.conversions.accounts import APP, accounts_of, days_taken, events_api, tokens_of
from infra.cli.conversions.checked_rows import CheckedFile, CheckedRow, checked
from infra.cli.conversions.enqueueing import enqueue
from infra.cli.conversions.rows import Row
from infra.cli.conversions.shown import rows as counted
from infra.cli.conversions.status import QUEUE
from infra.cli.conversions.trial import Trial
from infra.cli.conversions.verdicts import BAD, NOT_TOLD, REFUSED, TAKEN, verdict_on
from infra.cli.output import progress
from infra.cli.place import Place

_DAY = 86_400.0
_NO_IDENTIFIER = "nothing tells whose event it is: an e-mail, an advertising id, or address and browser"


class FileSending:
    """A file's way to one place.

    defaults: members for rows without them. phone_region: of numbers without a country code. is_test: all of the rows.
    """

    def __init__(
        self, place: Place, rows: Sequence[Row], defaults: Mapping[str, Any], phone_region: str, *, is_test: bool
    ) -> None:
        self._place = place
        self._secret = place.secret(APP)
        self._now = time.time()
        self._days = days_taken(place)
        with progress() as bar:
            task = bar.add_task("Checking rows", total=len(rows))
            self.file: CheckedFile = checked(
                rows,
                defaults,
                {"test": True} if is_test else {},
                accounts=accounts_of(self._secret),
                phone_region=phone_region,
                now=self._now,
                told=lambda count: bar.update(task, completed=count),
            )

    def summary(self) -> dict[str, Any]:
        """What the file holds, as JSON."""
        return {
            "rows": len(self.file.rows) + len(self.file.faults),
            "faults": [fault.as_json() for fault in self.file.faults],
            "accounts": dict(self.file.accounts),
            "without_token": [account for account in self.file.accounts if not tokens_of(self._secret).get(account)],
            "too_old": len(self._too_old),
            "days": self._days,
            "no_identifier": len(self.file.unidentified),
            "repeated": self.file.repeated,
        }

    @property
    def _too_old(self) -> list[CheckedRow]:
        return self.file.older_than(self._days * _DAY, self._now)

    def ask(self) -> list[dict[str, Any]]:
        """What would become of each row; Pinterest is asked with a test that it forgets.

        Raises CommandFailed when it says nothing of them.
        """
        older = f"it is older than {self._days:g} days"
        kept = {row.number: (row, "too_old", older) for row in self._too_old}
        kept |= {row.number: (row, "no_identifier", _NO_IDENTIFIER) for row in self.file.unidentified}
        asked = [row for row in self.file.rows if row.number not in kept]
        with progress() as bar:
            task = bar.add_task("Asking Pinterest", total=len(asked))
            trial = Trial(events_api(self._place, self._secret), told=lambda count: bar.update(task, completed=count))
            verdicts = trial.verdicts([row.event for row in asked])
        said = [
            verdict_on(row.number, TAKEN if it.is_taken else REFUSED, it.reason, it.detail, row.event, it.warnings)
            for row, it in zip(asked, verdicts, strict=True)
        ]
        untold = [verdict_on(row.number, NOT_TOLD, reason, why, row.event) for row, reason, why in kept.values()]
        bad = [verdict_on(it.number, BAD, it.reason, it.detail) for it in self.file.faults]
        return sorted([*said, *untold, *bad], key=lambda it: it["row"])

    def send(self) -> dict[str, Any]:
        """Put the good rows on the queue; what became of that, as JSON."""
        url = self._place.output(QUEUE)
        with progress() as bar:
            task = bar.add_task("Sending events", total=len(self.file.rows))
            done = enqueue(
                self._place.client("sqs"),
                url,
                self.file.rows,
                told=lambda count: bar.update(task, completed=count),
            )
        return {
            "sent": done.sent,
            "refused": [{"row": row, "reason": why, "detail": ""} for row, why in sorted(done.refused.items())],
            "stopped": done.stopped,
            "next_row": done.next_row,
        }


def remarks(told: Mapping[str, Any]) -> list[str]:
    """What to know before the rows of a summary are sent, a sentence each."""
    found = []
    if told["too_old"]:
        older = f"{counted(told['too_old'])} older than {told['days']:g} days"
        found.append(f"{older}: Pinterest is said to take no more than seven, so held back by the function (too_old).")
    if told["no_identifier"]:
        found.append(
            f"{counted(told['no_identifier'])} without any identifier: ignored by the function (no_identifier)."
        )
    if told["repeated"]:
        found.append(f"{counted(told['repeated'])} with the event of another row: Pinterest is told once.")
    found += [
        f"Ad account {account} has no conversion token: `leadrelay conversions token --account {account}` makes one."
        for account in told["without_token"]
    ]
    return found
