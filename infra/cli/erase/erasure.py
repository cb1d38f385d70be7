"""Erases a person: finds what there is of them, removes it, and says in a certificate what was done."""

import time
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from infra.cli.erase import traces as erasure_traces
from infra.cli.erase.certificate import Found, Removal, certificate
from infra.cli.erase.contacts import CrmContacts, FoundContact, Person, Tell
from infra.cli.erase.conversions import Conversions, places_of
from infra.cli.erase.lead_opening import LeadOpening
from infra.cli.erase.letters import DeadLetters, Traces
from infra.cli.erase.remembering import Remembering
from infra.cli.erase.traces import Look
from infra.cli.erase.waiting import Waiting
from infra.cli.faults import CommandFailed
from infra.cli.place import Place
from infra.cli.story.ledger import LedgerLead, by_keys
from leads.adapters.erasure_list import FRESH_SECONDS
from leads.core.routes import RouteTable

# A function reads the list anew after FRESH_SECONDS. What it has begun before then it has claimed in the ledger some
# seconds later, and is waited for there.
SETTLED_SECONDS = FRESH_SECONDS + 20.0
# SQS may count dead letters as hidden for so long after they were given back.
COUNTED_SECONDS = 60.0
# So often contacts are looked for. The second time none should be left; more come of leads that were under way.
ROUNDS = 5


class Erasure:
    """One person's erasure from one place.

    table: the routes. now: gives seconds since the epoch. settle: seconds to wait until every function knows.
    """

    def __init__(
        self,
        place: Place,
        person: Person,
        table: RouteTable,
        *,
        tell: Tell = lambda *_: None,
        now: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
        settle: float | None = None,
    ) -> None:
        self._place = place
        self._person = person
        self._tell = tell
        self._now = now
        self._settle = SETTLED_SECONDS if settle is None else settle
        self._ledger = (place.client("dynamodb"), place.output("LedgerTableName"))
        self._crm = CrmContacts(place, tell)
        queue = place.output("DeadLetterQueueUrl")
        self._letters = DeadLetters(place.client("sqs"), queue, LeadOpening(place, table), tell)
        self._conversions = Conversions(place, table.defaults.phone_region, tell)
        self._list = Remembering(place, person)
        self._waiting = Waiting(tell, now, sleep)
        self._removal: Removal | None = None

    def find(self) -> Found:
        """Everything there is; changes nothing. Raises ClientError or BotoCoreError when AWS does not answer."""
        found = Found()
        if not self._crm.locations:
            found.faults["the CRM"] = "The Contacts secret names no location."
        found.contacts = self._crm.find([self._person], found.faults)
        found.related = self._related(found)
        found.ledger = self._look_up(found.contact_ids, (), found.faults).leads
        found.letters = self._letters.find(self._traces(found))
        self._add(found, {letter.key for letter in found.letters.theirs})
        found.conversions = self._conversions.find(self._traces(found), places_of(found.contacts, found.ledger))
        self._add(found, found.conversions.leads)
        return found

    def erase(self, found: Found) -> None:
        """Removes what was found and what has come since; `certificate` tells what was done, however this ends.

        What fails in one place stops nothing elsewhere. Doing it again is safe. Raises CommandFailed, ClientError or
        BotoCoreError when it could not even be begun.
        """
        removal = Removal(self._now())
        try:
            self._list.put(removal, found.names, found.keys)
        except CommandFailed as failed:
            raise CommandFailed(f"Nothing was erased. {failed}") from None
        self._removal = removal
        faults = removal.done.faults
        self._waiting.until(removal.at + self._settle, "Waiting until all functions know")
        with _noted(faults, "the dead letters"):
            self._remove_letters(found, removal)
        with _noted(faults, "the dead letters of conversions"):
            self._conversions.remove_letters(self._traces(found), removal.done.conversions)
        with _noted(faults, "the ledger"):
            self._remove(found, removal)
        removal.is_over = True

    def certificate(self) -> dict[str, Any] | None:
        """What was removed, as far as it has come; None as long as nothing was."""
        if self._removal is None:
            return None
        return certificate(
            self._place,
            self._removal,
            until=self._removal.at + self._list.seconds,
            searched=self._crm.locations,
            unseen=[one for one in self._list.record_sources if one not in self._crm.locations],
        )

    def _related(self, found: Found) -> list[FoundContact]:
        """Whoever only shares an e-mail or phone that was not asked for: perhaps one family, perhaps one person."""
        emails = {email for contact in found.contacts for email in contact.person.emails} - {*self._person.emails}
        phones = {phone for contact in found.contacts for phone in contact.person.phones} - {*self._person.phones}
        if not emails and not phones:
            return []
        others = self._crm.find([Person(tuple(sorted(emails)), tuple(sorted(phones)))], {})
        return [contact for contact in others if contact not in found.contacts]

    def _add(self, found: Found, keys: Iterable[str]) -> None:
        """What the ledger knows of these leads as well."""
        fresh = {*keys} - {lead.key for lead in found.ledger} - {""}
        found.ledger += by_keys(*self._ledger, sorted(fresh)).values()

    def _traces(self, found: Found) -> Traces:
        asked = self._person.names
        leads = {lead.key for lead in found.ledger}
        return found.conversions.added_to(Traces(asked, found.names - asked, found.contact_ids, leads))

    def _look_up(self, ids: Iterable[str], keys: Iterable[str], faults: dict[str, str]) -> Look:
        self._tell("Reading the ledger", 0, None)
        look = erasure_traces.find(
            *self._ledger,
            {*ids},
            {*keys},
            now=self._now(),
            told=lambda count: self._tell("Reading the ledger", count, None),
        )
        for location in sorted(look.locations.difference(self._crm.locations)):
            faults[f"location {location}"] = (
                "Leads were delivered there, and the Contacts secret has no token for it: store one and repeat the "
                "command, or look there by hand."
            )
        return look

    def _remove_letters(self, found: Found, removal: Removal) -> None:
        """Deletes the dead letters, each remembered before: an address in it may not be the one that was asked for."""
        self._waiting.until(
            removal.at + COUNTED_SECONDS,
            "Waiting for dead letters that are looked at",
            unless=lambda: not self._letters.hidden(),
        )
        self._letters.remove(
            self._traces(found), removal.done.letters, lambda letter: self._list.put(removal, (), {letter.key} - {""})
        )

    def _remove(self, found: Found, removal: Removal) -> None:
        """Removes what the ledger knows of each contact, then the contact.

        As long as the contact is there, a command that comes after one that was cut off finds both.
        """
        done = removal.done
        ids = found.contact_ids | found.conversions.contact_ids
        keys = found.keys | {letter.key for letter in done.letters.theirs}
        tried: set[FoundContact] = set()
        for number in range(ROUNDS):
            faults: dict[str, str] = {}
            fresh = [contact for contact in self._crm.find([self._person], faults) if contact not in tried]
            if number and not fresh:
                done.faults |= faults
                return
            self._list.put(removal, Found(contacts=fresh).names, ())
            ids |= {contact.contact_id for contact in fresh}
            look = self._look_up(ids, keys, done.faults)
            self._remove_conversions(found, removal, fresh, look.leads)
            self._remove_items(removal, look.leads)
            self._delete(fresh, done)
            tried |= {*fresh}
            if not number:
                ended = self._waiting.for_deliveries(*self._ledger, look.under_way)
                late = [lead for lead in ended if erasure_traces.is_about(lead, ids, keys)]
                if late:
                    self._remove_conversions(found, removal, (), late)
                self._remove_items(removal, late)
        done.faults["the CRM"] = f"New contacts of this person came in all of {ROUNDS} rounds: repeat the command."

    def _remove_conversions(
        self, found: Found, removal: Removal, contacts: Iterable[FoundContact], leads: Collection[LedgerLead]
    ) -> None:
        """What is kept of these contacts and leads for Pinterest, which only they tell."""
        traces = self._traces(found)
        keys = {*found.keys, *(lead.key for lead in leads), *(letter.key for letter in removal.done.letters.theirs)}
        self._conversions.remove_items(
            replace(traces, keys=keys - {""}), places_of(contacts, leads), removal.done.conversions
        )

    def _remove_items(self, removal: Removal, leads: Collection[LedgerLead]) -> None:
        """Items of the ledger, each remembered before: its lead may come again with an address that nobody knows."""
        keys = {lead.key for lead in leads}
        self._list.put(removal, (), keys)
        removal.items |= {*erasure_traces.remove(*self._ledger, keys)}
        removal.done.ledger += leads

    def _delete(self, contacts: Iterable[FoundContact], done: Found) -> None:
        for contact in contacts:
            self._tell("Deleting contacts", len(done.contacts), None)
            try:
                self._crm.delete(contact)
                done.contacts.append(contact)
            except CommandFailed as failed:
                done.faults[f"contact {contact.contact_id} in location {contact.location_id}"] = str(failed)


@contextmanager
def _noted(faults: dict[str, str], what: str) -> Iterator[None]:
    """A failure there becomes a fault, so that the rest is done and the certificate tells of it."""
    try:
        yield
    except (BotoCoreError, ClientError) as error:
        faults[what] = f"AWS refused: {error} Repeat the command."
    except CommandFailed as failed:
        faults[what] = str(failed)
