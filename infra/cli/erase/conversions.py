"""What is kept of a person for Pinterest: what a contact is remembered by, its events, and dead letters of events."""

import time
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from infra.cli.conversions.letters import Letter, Reading
from infra.cli.conversions.status import DEAD
from infra.cli.dead.dead_letters import Held, hidden
from infra.cli.dead.parked_message import DeadLetter
from infra.cli.erase.contacts import FoundContact, Tell
from infra.cli.erase.letters import Traces
from infra.cli.place import Place
from infra.cli.story.ledger import LedgerLead
from leads.adapters.item_values import Item, text, texts
from leads.core import lenient_json
from leads.core.erasure import is_of
from leads.core.match import match_key
from leads.core.user_data import hashed

_MATCHES, _EVENTS = "conversions#", "event#"
# The contact fields by which a person is known, as user data has them hashed.
_KEYS = {"email": "em", "phone": "ph"}
# Whose event it is does not depend on the ad account, which a message need not name.
_ANY_ACCOUNT = "0"
# DynamoDB takes so many deletions in one call.
_BATCH = 25


@dataclass
class Kept:
    """matches, events: keys of ledger items. letters: message ids of dead letters that are theirs.

    looked_at: how many dead letters there are; hidden: about how many more, which somebody else was looking at.
    """

    matches: set[str] = field(default_factory=set)
    events: set[str] = field(default_factory=set)
    letters: list[str] = field(default_factory=list)
    looked_at: int = 0
    hidden: int = 0

    def as_json(self) -> dict[str, Any]:
        return {
            "matches": sorted(self.matches),
            "events": sorted(self.events),
            "dead_letters": {"looked_at": self.looked_at, "hidden": self.hidden, "theirs": sorted(self.letters)},
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
                self._sort_letters(held, traces, lambda _: None, kept)
        return kept

    def remove_items(self, traces: Traces, places: Collection[tuple[str, str]], done: Kept) -> None:
        """Deletes what the ledger has. To be done before the contacts and leads are gone, which tell what that is."""
        found = Kept()
        self._sort_items(traces, places, found)
        client, table = self._ledger
        keys = sorted(found.matches | found.events)
        for start in range(0, len(keys), _BATCH):
            requests = [{"DeleteRequest": {"Key": {"pk": {"S": key}}}} for key in keys[start : start + _BATCH]]
            while requests:
                answer = client.batch_write_item(RequestItems={table: requests})
                # What the table had no time for.
                requests = answer.get("UnprocessedItems", {}).get(table, [])
        done.matches |= found.matches
        done.events |= found.events

    def remove_letters(self, traces: Traces, done: Kept) -> None:
        """Deletes their dead letters; all others are given back unchanged."""
        if self._queue:
            with Held(self._place.client("sqs"), self._queue) as held:
                self._sort_letters(held, traces, held.remove, done)

    def _sort_items(self, traces: Traces, places: Collection[tuple[str, str]], kept: Kept) -> None:
        asked, known_with = self._digests(traces.asked), self._digests(traces.known_with)
        keys = {match_key(*one) for one in places}
        for item in self._items():
            pk = text(item, "pk")
            is_theirs = text(item, "lead_key") in traces.keys
            if pk.startswith(_EVENTS):
                kept.events |= {pk} if is_theirs else set()
            elif is_theirs or pk in keys or is_of(_digests_in(item), asked=asked, known_with=known_with):
                kept.matches.add(pk)

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
        asked, known_with = self._digests(traces.asked), self._digests(traces.known_with)
        for message in letters:
            held.renew()
            if self._is_theirs(reading.letter(message), traces, asked, known_with):
                on_theirs(message)
                kept.letters.append(message.message_id)

    def _is_theirs(self, letter: Letter, traces: Traces, asked: frozenset[str], known_with: frozenset[str]) -> bool:
        if letter.lead_key in traces.keys or letter.contact_id in traces.contact_ids:
            return True
        if letter.event:
            told = letter.event.user_data
            names = _lower(hash_ for key in _KEYS.values() for hash_ in told.get(key, ()))
            return is_of(names, asked=asked, known_with=known_with)
        if letter.inside:
            return False
        # Nobody can read it; a person's own addresses in it are told by their very text.
        body = letter.message.body.lower()
        addresses = {name.partition(":")[2] for name in traces.asked if name.startswith("email:")}
        return any(word in body for word in addresses | asked) or bool(self._raw(letter.message.body) & asked)

    def _raw(self, body: str) -> frozenset[str]:
        """The digests of e-mail and phone in a message that has something else wrong."""
        found = lenient_json.decode_object(body.encode("utf-8", "replace"))
        raw = {name: value for name in _KEYS if isinstance(value := found.get(name), str | list)}
        plain = {
            name: [str(it) for it in (value if isinstance(value, list) else [value])] for name, value in raw.items()
        }
        return frozenset(
            hash_ for hashes in hashed(plain, phone_region=self._phone_region).values() for hash_ in hashes
        )

    def _digests(self, names: Iterable[str]) -> frozenset[str]:
        """What names (`leads.core.erasure`) are in user data."""
        pairs = (name.partition(":") for name in names)
        told = (hashed({kind: [value]}, phone_region=self._phone_region) for kind, _, value in pairs if kind in _KEYS)
        return frozenset(hash_ for found in told for hashes in found.values() for hash_ in hashes)


def places_of(contacts: Iterable[FoundContact], leads: Iterable[LedgerLead]) -> set[tuple[str, str]]:
    """The locations and contacts of a person, from both sides."""
    found = {(it.location_id, it.contact_id) for it in contacts} | {(it.location_id, it.contact_id) for it in leads}
    return {one for one in found if all(one)}


def _digests_in(item: Item) -> frozenset[str]:
    """The e-mail and phone that a contact is remembered by."""
    told: Item = item.get("user_data", {}).get("M", {})
    return _lower(hash_ for key in _KEYS.values() for hash_ in texts(told, key))


def _lower(hashes: Iterable[str]) -> frozenset[str]:
    """Digests as we write them; others may come in capitals."""
    return frozenset(it.lower() for it in hashes)
