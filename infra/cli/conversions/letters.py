"""Dead letters of the conversions queue: events, and changes in the CRM, that wait for a person."""

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Any

from infra.cli.conversions import event_items
from infra.cli.conversions.event_items import EventItem
from infra.cli.conversions.reasons import UNKNOWN
from infra.cli.conversions.status import DEAD
from infra.cli.dead.dead_letters import peek
from infra.cli.dead.parked_message import DeadLetter, iso
from infra.cli.place import Place
from infra.cli.story.lead_conversions import event_keys
from leads.adapters.match_ledger import MatchLedger
from leads.core.conversion import Event
from leads.core.conversion_message import parse
from leads.core.errors import LeadError
from leads.core.event_claim import FAILED
from leads.core.match import CrmChange, match_key

EVENT, CHANGE, UNREADABLE = "event", "crm_change", "unreadable"


@dataclass(frozen=True)
class Letter:
    """A dead letter. kind: see above; key: its event's, "" for what is no event; reason: a code; item: the ledger's.

    inside: what the message holds, None for what nobody can read.
    """

    message: DeadLetter
    kind: str
    reason: str = UNKNOWN
    detail: str = ""
    inside: Event | CrmChange | None = field(default=None, repr=False)
    item: EventItem | None = None

    @property
    def event(self) -> Event | None:
        return self.inside if isinstance(self.inside, Event) else None

    @property
    def key(self) -> str:
        return self.event.key if self.event else ""

    @property
    def account(self) -> str:
        return self.event.account if self.event else ""

    @property
    def lead_key(self) -> str:
        return self.event.lead_key if self.event else ""

    @property
    def contact_id(self) -> str:
        """The CRM's contact whose change it is; "" for events."""
        return self.inside.contact_id if isinstance(self.inside, CrmChange) else ""

    def goes_by(self, name: str) -> bool:
        """Whether this is how an operator calls it: event id or key, lead id or key, contact, message id."""
        ids = (self.event.event_id, self.event.known_as) if self.event else ()
        known = (*ids, self.key, self.lead_key, self.lead_key.rpartition("#")[2], self.contact_id)
        return bool(name) and name in (*known, self.message.message_id)

    def as_json(self) -> dict[str, Any]:
        """Ids and codes only."""
        return {
            "message_id": self.message.message_id,
            "kind": self.kind,
            "key": self.key,
            "event_id": self.event.known_as if self.event else "",
            "account": self.account,
            "event": self.event.name if self.event else "",
            "outcome": self.event.outcome if self.event else "",
            "lead_key": self.lead_key,
            "contact_id": self.contact_id,
            "state": self.item.state if self.item else "",
            "reason": self.reason,
            "detail": self.detail,
            "dead_since": iso(self.message.parked_at),
        }


@dataclass(frozen=True)
class Wanted:
    """Which dead letters; what is empty takes any. reasons: with * and ? for any letters."""

    names: Collection[str] = ()
    reasons: Collection[str] = ()
    account: str = ""

    def takes(self, letter: Letter) -> bool:
        return (
            (not self.names or any(letter.goes_by(name) for name in self.names))
            and (not self.reasons or any(fnmatchcase(letter.reason, reason) for reason in self.reasons))
            and self.account in ("", letter.account)
        )


class Reading:
    """Reads messages as the function does.

    accounts: ad accounts with a conversion token, of which the only one need not be named. phone_region: of raw
    numbers without a country code. now: epoch seconds.
    """

    def __init__(self, accounts: Collection[str], phone_region: str, now: float) -> None:
        self._accounts = accounts
        self._phone_region = phone_region
        self._now = now

    def letter(self, message: DeadLetter) -> Letter:
        """What a message holds, without what the ledger says of it."""
        try:
            found = parse(message.body, accounts=self._accounts, phone_region=self._phone_region, now=self._now)
        except LeadError as fault:
            return Letter(message, UNREADABLE, fault.reason, fault.detail)
        return Letter(message, EVENT if isinstance(found, Event) else CHANGE, inside=found)


def looked_at(
    place: Place,
    reading: Reading,
    outcomes: Collection[str],
    *,
    told: Callable[[int, int], None] = lambda *_: None,
) -> tuple[list[Letter], int]:
    """Every dead letter with its reason, all of them given back; and about how many somebody else is hiding.

    outcomes: those that the routes tell of.
    """
    messages, elsewhere = peek(place.client("sqs"), place.output(DEAD), told=told)
    return with_ledger(place, [reading.letter(message) for message in messages], outcomes), elsewhere


def with_ledger(place: Place, letters: Sequence[Letter], outcomes: Collection[str]) -> list[Letter]:
    """The letters with what the ledger says of their events, which knows the reasons."""
    client, table = place.client("dynamodb"), place.output("LedgerTableName")
    of_changes = _keys_of_changes(place, letters, outcomes)
    keys = {letter.message.message_id: of_changes.get(letter.message.message_id, [letter.key]) for letter in letters}
    known = event_items.by_keys(client, table, (key for some in keys.values() for key in some))
    return [
        _with_item(letter, [known[key] for key in keys[letter.message.message_id] if key in known])
        for letter in letters
    ]


def _keys_of_changes(place: Place, letters: Sequence[Letter], outcomes: Collection[str]) -> dict[str, list[str]]:
    """Message id of a change in the CRM → the keys of the events that it may have become."""
    changes = {it.message.message_id: it.inside for it in letters if isinstance(it.inside, CrmChange)}
    if not changes:
        return {}
    matches = MatchLedger(place.client("dynamodb"), place.output("LedgerTableName"), now=time.time)
    places = {message: match_key(change.location_id, change.contact_id) for message, change in changes.items()}
    known = matches.find([*places.values()])
    return {
        message: event_keys(known[key].account, known[key].lead_key, outcomes) if key in known else []
        for message, key in places.items()
    }


def _with_item(letter: Letter, items: Sequence[EventItem]) -> Letter:
    """Of a change's events the one counts that this message has failed with."""
    if letter.kind == CHANGE:
        items = [it for it in items if it.message_id == letter.message.message_id and it.state == FAILED]
    if not items:
        return letter
    item = items[0]
    return replace(letter, item=item, reason=item.reason or letter.reason, detail=item.detail or letter.detail)
