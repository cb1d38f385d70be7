"""How conversions stand: what waits in the queues, what the ledger says of events, tokens, and routes that tell."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from infra.cli.conversions import event_items
from infra.cli.conversions.accounts import APP, conversion_routes, tokens_of
from infra.cli.conversions.event_items import EventItem
from infra.cli.dead.dead_letters import depth, hidden
from infra.cli.pinterest.keys import is_live
from infra.cli.place import Place
from leads.core.conversion import is_account
from leads.core.event_claim import HELD, SENT
from leads.core.routes import RouteTable

QUEUE, DEAD = "ConversionsQueueUrl", "ConversionsDeadLetterQueueUrl"
KEYS = "PinterestKeysSecretArn"

Count = tuple[str, str, str, str]


@dataclass
class Tally:
    """Events counted. counts: account, event, state and reason → how many; accounts: all that were met."""

    counts: Counter[Count] = field(default_factory=Counter)
    warnings: Counter[str] = field(default_factory=Counter)
    tests: int = 0
    last_sent: str = ""
    oldest_held: str = ""

    def add(self, it: EventItem) -> None:
        if it.is_test:
            self.tests += 1
            return
        self.counts[it.account, it.event, it.state, it.reason] += 1
        self.warnings.update(it.warnings)
        if it.state == SENT:
            self.last_sent = max(self.last_sent, it.updated_at)
        elif it.state == HELD:
            self.oldest_held = min(self.oldest_held or it.first_seen_at, it.first_seen_at)

    def as_json(self) -> dict[str, Any]:
        """Counts in the order of their names; "" for what never was."""
        return {
            "events": [
                {"account": account, "event": event, "state": state, "reason": reason, "count": count}
                for (account, event, state, reason), count in sorted(self.counts.items())
            ],
            "warnings": dict(sorted(self.warnings.items())),
            "tests": self.tests,
            "last_sent_at": self.last_sent,
            "oldest_held_at": self.oldest_held,
        }


def status(
    place: Place, table: RouteTable, *, account: str = "", told: Callable[[int], None] = lambda _: None
) -> dict[str, Any]:
    """Everything as JSON; account: of this ad account only, but for the queues. Reads the whole ledger."""
    tally = Tally()
    for it in event_items.events(place.client("dynamodb"), place.output("LedgerTableName"), account=account, told=told):
        tally.add(it)
    routes = conversion_routes(table)
    stored = tokens_of(place.secret(APP))
    # Without routes that tell, a lead's account needs no token.
    needed = live_accounts(place) if routes else []
    return {
        "queues": queues(place),
        **tally.as_json(),
        "tokens": {name: has for name, has in _tokens(stored, needed, tally).items() if account in ("", name)},
        "misplaced_tokens": _misplaced(stored),
        "routes": routes,
    }


def queues(place: Place) -> dict[str, int]:
    """About how many messages wait to be sent, are held until their next attempt or being sent, and are dead."""
    sqs = place.client("sqs")
    queue, dead = place.output(QUEUE), place.output(DEAD)
    return {
        "waiting": depth(sqs, queue),
        "held": hidden(sqs, queue),
        "dead": depth(sqs, dead) + hidden(sqs, dead),
    }


def live_accounts(place: Place) -> list[str]:
    """The ad accounts whose leads come here: those with a live key."""
    found = place.secret(KEYS).get("subscriptions")
    entries = [it for it in found if isinstance(it, dict)] if isinstance(found, list) else []
    accounts = (str(it.get("ad_account_id") or "") for it in entries if is_live(it))
    return [*dict.fromkeys(account for account in accounts if account)]


def _tokens(stored: Mapping[str, str], needed: Iterable[str], tally: Tally) -> dict[str, bool]:
    """Ad account → whether a token is stored for it."""
    met = (account for account, *_ in tally.counts)
    return {account: bool(stored.get(account)) for account in sorted({*stored, *needed, *met}) if is_account(account)}


def _misplaced(stored: Mapping[str, str]) -> list[int]:
    """Which entries have no ad account's id for a name, from 1 on: the name may be the very token."""
    return [position for position, name in enumerate(stored, 1) if not is_account(name)]
