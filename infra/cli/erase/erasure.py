"""Erases a person: finds what there is of them, removes it, and says in a certificate what was done."""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from infra.cli.dead.dead_letters import known
from infra.cli.erase import erased_list
from infra.cli.erase import traces as erasure_traces
from infra.cli.erase.certificate import Found, certificate
from infra.cli.erase.contacts import CrmContacts, FoundContact, Person, Tell
from infra.cli.erase.lead_opening import LeadOpening
from infra.cli.erase.letters import DeadLetters, Traces
from infra.cli.faults import CommandFailed
from infra.cli.place import Place
from infra.cli.story.ledger import LedgerLead
from leads.adapters.erasure_list import FRESH_SECONDS
from leads.core.erasure import KEPT_SECONDS, RECORD_KEPT_SECONDS
from leads.core.routes import RouteTable

# A function reads the list anew after FRESH_SECONDS; what it has begun until then it has written 20 seconds later.
SETTLED_SECONDS = FRESH_SECONDS + 20.0
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
        self._sleep = sleep
        self._settle = SETTLED_SECONDS if settle is None else settle
        self._ledger = (place.client("dynamodb"), place.output("LedgerTableName"))
        self._crm = CrmContacts(place, tell)
        queue = place.output("DeadLetterQueueUrl")
        self._letters = DeadLetters(place.client("sqs"), queue, LeadOpening(place, table), tell)
        self._record_sources = _record_sources(place)

    def find(self) -> Found:
        """Everything there is; changes nothing. Raises ClientError or BotoCoreError when AWS does not answer."""
        found = Found()
        if not self._crm.locations:
            found.faults["the CRM"] = "The Contacts secret names no location."
        found.contacts = self._crm.find([self._person], found.faults)
        found.related = self._related(found)
        found.ledger = self._look_up(found.contact_ids, (), found.faults)
        found.letters = self._letters.find(self._traces(found))
        known_keys = {lead.key for lead in found.ledger}
        by_letters = known(*self._ledger, (letter.key for letter in found.letters.theirs))
        found.ledger += [lead for lead in by_letters.values() if lead.key not in known_keys]
        return found

    def erase(self, found: Found) -> dict[str, Any]:
        """Removes what was found and what has come since; returns the certificate. Doing it again is safe.

        What fails in one place stops nothing elsewhere, and the certificate names it. Raises CommandFailed, ClientError
        or BotoCoreError when it could not even be begun.
        """
        at = self._now()
        hashes = set(self._remember(self._person.names | found.names, at))
        done, removed = Found(), set[str]()
        with _noted(done.faults, "the dead letters"):
            done.letters = self._letters.remove(self._traces(found))
        self._wait(at)
        with _noted(done.faults, "the ledger"):
            self._remove(found, done, removed, hashes, at)
        return certificate(
            self._place,
            done,
            at=at,
            until=at + self._kept_seconds,
            hashes=hashes,
            removed=removed,
            searched=self._crm.locations,
            unseen=[one for one in self._record_sources if one not in self._crm.locations],
        )

    def _related(self, found: Found) -> list[FoundContact]:
        """Whoever only shares an e-mail or phone that was not asked for: perhaps one family, perhaps one person."""
        emails = {email for contact in found.contacts for email in contact.person.emails} - {*self._person.emails}
        phones = {phone for contact in found.contacts for phone in contact.person.phones} - {*self._person.phones}
        if not emails and not phones:
            return []
        others = self._crm.find([Person(tuple(sorted(emails)), tuple(sorted(phones)))], {})
        return [contact for contact in others if contact not in found.contacts]

    def _traces(self, found: Found) -> Traces:
        return Traces(self._person.names | found.names, found.contact_ids, {lead.key for lead in found.ledger})

    def _look_up(self, ids: Iterable[str], keys: Iterable[str], faults: dict[str, str]) -> list[LedgerLead]:
        self._tell("Reading the ledger", 0, None)
        leads, locations = erasure_traces.find(
            *self._ledger, {*ids}, {*keys}, told=lambda count: self._tell("Reading the ledger", count, None)
        )
        for location in sorted(locations.difference(self._crm.locations)):
            faults[f"location {location}"] = (
                "Leads were delivered there, and the Contacts secret has no token for it: store one and repeat the "
                "command, or look there by hand."
            )
        return leads

    def _remember(self, names: Iterable[str], at: float) -> list[str]:
        return erased_list.add(*self._ledger, names, at=at, kept_seconds=self._kept_seconds)

    def _wait(self, since: float) -> None:
        """Until every running function knows the list, and what one began without it has been written."""
        while (left := since + self._settle - self._now()) > 0:
            self._tell("Waiting until all functions know", int(self._settle - left), int(self._settle))
            self._sleep(min(left, 1.0))

    def _remove(self, found: Found, done: Found, removed: set[str], hashes: set[str], at: float) -> None:
        """Removes what the ledger knows of each contact, then the contact.

        As long as the contact is there, a command that comes after one that was cut off finds both.
        """
        ids, keys = found.contact_ids, found.keys | {letter.key for letter in done.letters.theirs}
        tried: set[FoundContact] = set()
        for number in range(ROUNDS):
            faults: dict[str, str] = {}
            fresh = [contact for contact in self._crm.find([self._person], faults) if contact not in tried]
            if number and not fresh:
                done.faults |= faults
                return
            if further := Found(contacts=fresh).names:
                hashes |= {*self._remember(further, at)}
            ids |= {contact.contact_id for contact in fresh}
            leads = self._look_up(ids, keys, done.faults)
            done.ledger += leads
            removed |= {*erasure_traces.remove(*self._ledger, {lead.key for lead in leads})}
            self._delete(fresh, done)
            tried |= {*fresh}
        done.faults["the CRM"] = f"New contacts of this person came in all of {ROUNDS} rounds: repeat the command."

    def _delete(self, contacts: Iterable[FoundContact], done: Found) -> None:
        for contact in contacts:
            self._tell("Deleting contacts", len(done.contacts), None)
            try:
                self._crm.delete(contact)
                done.contacts.append(contact)
            except CommandFailed as failed:
                done.faults[f"contact {contact.contact_id} in location {contact.location_id}"] = str(failed)

    @property
    def _kept_seconds(self) -> float:
        """A record of another CRM location may come again after years, a lead of an ad platform does not."""
        return RECORD_KEPT_SECONDS if self._record_sources else KEPT_SECONDS


def _record_sources(place: Place) -> list[str]:
    """The CRM locations whose records come as leads; none where nothing of the kind is set up."""
    try:
        locations = place.secret("LeadConnectorSecretArn").get("locations")
    except CommandFailed:
        return []
    return [one for one in locations if isinstance(one, str)] if isinstance(locations, list) else []


@contextmanager
def _noted(faults: dict[str, str], what: str) -> Iterator[None]:
    """AWS's failure there becomes a fault, so that the rest is done and the certificate tells of it."""
    try:
        yield
    except (BotoCoreError, ClientError) as error:
        faults[what] = f"AWS refused: {error} Repeat the command."
