"""What is kept of a person for Pinterest: what a contact is remembered by, its events, and dead letters of events."""

import time
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from infra.cli.conversions.letters import Reading
from infra.cli.conversions.status import DEAD
from infra.cli.dead.dead_letters import Held, hidden
from infra.cli.dead.parked_message import DeadLetter
from infra.cli.erase.contacts import FoundContact, Tell
from infra.cli.erase.event_traces import EventTraces
from infra.cli.erase.lead_opening import CannotTell
from infra.cli.erase.letters import Traces
from infra.cli.place import Place
from infra.cli.story.ledger import LedgerLead
from leads.adapters.item_values import Item, text
from leads.core.match import match_key

_MATCHES, _EVENTS = "conversions#", "event#"
# Whose event it is does not depend on the ad account, which a message need not name.
_ANY_ACCOUNT = "0"
# DynamoDB takes so many deletions in one call.
_BATCH = 25


@dataclass
class Kept:
    """matches, events: keys of ledger items; telling: those of events that are the person's address or number, or a
    hash of it, and so are not shown. leads: keys of the leads that the matches are about.

    letters: message ids of dead letters that are theirs; unclear: of those of which nobody can tell, and why.
    looked_at: how many dead letters there are; hidden: about how many more, which somebody else was looking at.
    """

    matches: set[str] = field(default_factory=set)
    events: set[str] = field(default_factory=set)
    telling: set[str] = field(default_factory=set, repr=False)
    leads: set[str] = field(default_factory=set)
    letters: list[str] = field(default_factory=list)
    unclear: dict[str, str] = field(default_factory=dict)
    looked_at: int = 0
    hidden: int = 0

    @property
    def contact_ids(self) -> set[str]:
        """The contacts that are remembered, also those that the CRM has no more."""
        return {key.rpartition("#")[2] for key in self.matches}

    def added_to(self, traces: Traces) -> Traces:
        """How the person is recognised with what is remembered for Pinterest."""
        return replace(traces, keys={*traces.keys, *self.leads}, contact_ids={*traces.contact_ids, *self.contact_ids})

    def as_json(self) -> dict[str, Any]:
        unclear = [{"message_id": message, "reason": reason} for message, reason in sorted(self.unclear.items())]
        unsaid = (f"{_EVENTS}{key.removeprefix(_EVENTS).partition('#')[0]}#…" for key in self.telling)
        return {
            "matches": sorted(self.matches),
            "events": sorted((*self.events, *unsaid)),
            "dead_letters": {
                "looked_at": self.looked_at,
                "hidden": self.hidden,
                "theirs": sorted(self.letters),
                "unclear": unclear,
            },
        }


class Conversions:
    """The conversions of one place; of an older stack there are none. phone_region: as the functions read numbers."""

    def __init__(self, place: Place, phone_region: str, tell: Tell) -> None:
        self._place = place
        self._phone_region = phone_region
        self._tell = tell
        self._queue = place.outputs.get(DEAD, "")
        self._ledger = (place.client("dynamodb"), place.output("LedgerTableName"))

    def find(self, traces: Traces, places: Collection[tuple[str, str]]) -> Kept:
        """What there is; changes nothing. places: locations and contacts of the person."""
        kept = Kept()
        self._sort_items(traces, places, kept)
        if self._queue:
            with Held(self._place.client("sqs"), self._queue) as held:
                self._sort_letters(held, kept.added_to(traces), lambda _: None, kept)
        return kept

    def remove_items(self, traces: Traces, places: Collection[tuple[str, str]], done: Kept) -> None:
        """Deletes what the ledger has. To be done before the contacts and leads are gone, which tell what that is."""
        found = Kept()
        self._sort_items(traces, places, found)
        client, table = self._ledger
        keys = sorted(found.matches | found.events | found.telling)
        for start in range(0, len(keys), _BATCH):
            requests = [{"DeleteRequest": {"Key": {"pk": {"S": key}}}} for key in keys[start : start + _BATCH]]
            while requests:
                answer = client.batch_write_item(RequestItems={table: requests})
                # What the table had no time for.
                requests = answer.get("UnprocessedItems", {}).get(table, [])
        done.matches |= found.matches
        done.events |= found.events
        done.telling |= found.telling

    def remove_letters(self, traces: Traces, done: Kept) -> None:
        """Deletes their dead letters; all others are given back unchanged."""
        if self._queue:
            with Held(self._place.client("sqs"), self._queue) as held:
                self._sort_letters(held, traces, held.remove, done)

    def _sort_items(self, traces: Traces, places: Collection[tuple[str, str]], kept: Kept) -> None:
        theirs, keys = EventTraces(traces, self._phone_region), {match_key(*one) for one in places}
        events: list[tuple[str, str]] = []
        for item in self._items():
            pk, lead_key = text(item, "pk"), text(item, "lead_key")
            if pk.startswith(_EVENTS):
                events.append((pk, lead_key))
            elif theirs.have(lead_key) or pk in keys or theirs.is_remembered_by(item):
                kept.matches.add(pk)
                kept.leads |= {lead_key} - {""}
        for pk, lead_key in events:
            if theirs.is_known_as(pk.removeprefix(_EVENTS).partition("#")[2]):
                kept.telling.add(pk)
            elif theirs.have(lead_key) or lead_key in kept.leads:
                kept.events.add(pk)

    def _items(self) -> Iterator[Item]:
        client, table = self._ledger
        pages = client.get_paginator("scan").paginate(
            TableName=table,
            FilterExpression="begins_with(pk, :event) OR begins_with(pk, :match)",
            ExpressionAttributeValues={":event": {"S": _EVENTS}, ":match": {"S": _MATCHES}},
            ProjectionExpression="pk, lead_key, user_data",
        )
        read = 0
        for page in pages:
            read += page.get("ScannedCount", 0)
            self._tell("Reading the ledger's conversions", read, None)
            yield from page["Items"]

    def _sort_letters(self, held: Held, traces: Traces, on_theirs: Callable[[DeadLetter], None], kept: Kept) -> None:
        reading = Reading((_ANY_ACCOUNT,), self._phone_region, time.time())
        kept.hidden = hidden(self._place.client("sqs"), self._queue)
        letters = held.take(told=lambda count, about: self._tell("Taking dead letters of conversions", count, about))
        kept.looked_at = len(letters)
        theirs = EventTraces(traces, self._phone_region)
        for message in letters:
            held.renew()
            try:
                if theirs.is_in(reading.letter(message)):
                    on_theirs(message)
                    kept.letters.append(message.message_id)
            except CannotTell as reason:
                kept.unclear[message.message_id] = str(reason)


def places_of(contacts: Iterable[FoundContact], leads: Iterable[LedgerLead]) -> set[tuple[str, str]]:
    """The locations and contacts of a person, from both sides."""
    found = {(it.location_id, it.contact_id) for it in contacts} | {(it.location_id, it.contact_id) for it in leads}
    return {one for one in found if all(one)}
