"""A person's contacts in the CRM: looked for in every location that the stack has a token for, and deleted."""

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from infra.cli.faults import CommandFailed
from infra.cli.place import Place
from infra.cli.shown import printable
from infra.cli.vendors.contacts_api import ContactsApi, ContactsRefused
from leads.core.contact import DEFAULT_MAPPING, Locale, is_email
from leads.core.erasure import name_of
from leads.core.user_data import of_contact

# The one in use first; its predecessor stays valid for a while.
_TOKENS = ("token", "access_token", "previous_token")
_TOKEN_REFUSED = "contacts_api_unauthorized"

# What is being done, how far it has come, and out of how many (None: nobody knows).
Tell = Callable[[str, int, int | None], None]


@dataclass(frozen=True)
class Person:
    """By what somebody is known: e-mail addresses in lower case, phone numbers in E.164."""

    emails: tuple[str, ...] = ()
    phones: tuple[str, ...] = ()

    @property
    def names(self) -> frozenset[str]:
        """As `leads.core.erasure` calls them."""
        return frozenset(name_of(kind, value) for kind, value in self._pairs)

    @property
    def hashed_names(self) -> frozenset[str]:
        """The same as the user data of an event for Pinterest has them."""
        found = (of_contact({kind: value}) for kind, value in self._pairs)
        return frozenset(name_of(key, hash_) for told in found for key, hashes in told.items() for hash_ in hashes)

    @property
    def _pairs(self) -> list[tuple[str, str]]:
        return [*(("email", email) for email in self.emails), *(("phone", phone) for phone in self.phones)]


@dataclass(frozen=True)
class FoundContact:
    """A contact of the CRM; shown: its name, for the operator's eyes only; person: what else it goes by.

    Names and addresses come from forms that anybody may fill in: what a terminal would obey is taken out of `shown`
    and `reach`.
    """

    location_id: str
    contact_id: str
    shown: str = field(repr=False, compare=False)
    person: Person = field(repr=False, compare=False)

    @property
    def reach(self) -> str:
        """Its e-mail addresses and phone numbers, for the operator's eyes only."""
        return printable(", ".join((*self.person.emails, *self.person.phones)))

    def as_json(self) -> dict[str, str]:
        """Ids only."""
        return {"location_id": self.location_id, "contact_id": self.contact_id}


def person_of(emails: Iterable[str], phones: Iterable[str], *, phone_region: str) -> Person:
    """The person whom the operator means. phone_region: ISO-2, of numbers without a country code.

    Raises CommandFailed for what is no e-mail address or phone number, and for nobody at all.
    """
    read = DEFAULT_MAPPING["PHONE_NUMBER"][1]
    locale = Locale((phone_region,), dt.datetime.now(dt.UTC).date())
    addresses = tuple(email.strip().lower() for email in emails)
    numbers = tuple(number for phone in phones if (number := read(phone, locale) or ""))
    if not all(map(is_email, addresses)):
        raise CommandFailed("--email takes an e-mail address, and this is none.", exit_code=2)
    if len(numbers) != len([*phones]):
        raise CommandFailed(
            "--phone takes a number that exists, best with its country code: +12128675309.", exit_code=2
        )
    if not addresses and not numbers:
        raise CommandFailed("Say whom to erase: give --email, --phone or both; - reads them from stdin.", exit_code=2)
    return Person(addresses, numbers)


class CrmContacts:
    """The contacts of every location in the Contacts secret."""

    def __init__(self, place: Place, tell: Tell) -> None:
        self._base_url = place.contacts_api_url
        self._tell = tell
        self._tokens = dict(_locations(place))

    @property
    def locations(self) -> tuple[str, ...]:
        """Where we may look."""
        return tuple(self._tokens)

    def find(self, people: Iterable[Person], faults: dict[str, str]) -> list[FoundContact]:
        """The contacts with an e-mail or phone of these people. Why a location cannot be asked goes to `faults`."""
        wanted = [*people]
        found: dict[tuple[str, str], FoundContact] = {}
        for number, location in enumerate(self._tokens):
            self._tell("Looking in the CRM", number, len(self._tokens))
            try:
                for contact in self._searched(location, wanted):
                    found.setdefault((location, contact.contact_id), contact)
            except CommandFailed as failed:
                faults[f"location {location}"] = str(failed)
        return list(found.values())

    def delete(self, contact: FoundContact) -> None:
        """The contact with its notes and tasks; one that is gone already is no error. Raises CommandFailed."""
        self._ask(contact.location_id, lambda api: api.delete(contact.contact_id))

    def _searched(self, location: str, people: Iterable[Person]) -> Iterator[FoundContact]:
        for person in people:
            for email in person.emails:
                yield from self._found(location, lambda api, email=email: api.find(email=email))
            for phone in person.phones:
                yield from self._found(location, lambda api, phone=phone: api.find(phone=phone))

    def _found(self, location: str, question: Callable[[ContactsApi], Any]) -> Iterator[FoundContact]:
        return (_contact(location, contact) for contact in self._ask(location, question))

    def _ask(self, location: str, question: Callable[[ContactsApi], Any]) -> Any:
        """The answer of a location by the first of its tokens that it takes."""
        tokens = self._tokens[location]
        for number, token in enumerate(tokens, 1):
            try:
                return question(ContactsApi(self._base_url, location, token))
            except ContactsRefused as refused:
                if number == len(tokens) or refused.reason != _TOKEN_REFUSED:
                    raise
        raise CommandFailed(f"The Contacts secret has no token for location {location}: store one, and repeat this.")


def _locations(place: Place) -> Iterator[tuple[str, tuple[str, ...]]]:
    locations = place.secret("ContactsSecretArn").get("locations")
    for location, entry in (locations if isinstance(locations, Mapping) else {}).items():
        given = [entry.get(name) for name in _TOKENS] if isinstance(entry, Mapping) else []
        yield str(location), tuple(dict.fromkeys(token for token in given if isinstance(token, str) and token))


def _contact(location: str, contact: Mapping[str, Any]) -> FoundContact:
    def text(name: str) -> str:
        value = contact.get(name)
        return value.strip() if isinstance(value, str) else ""

    further = contact.get("additionalEmails")
    emails = [text("email"), *(_email(one) for one in (further if isinstance(further, list) else ()))]
    shown = text("contactName") or text("name") or f"{text('firstName')} {text('lastName')}".strip()
    return FoundContact(
        location_id=location,
        contact_id=text("id"),
        shown=printable(shown) or "(no name)",
        person=Person(
            tuple(dict.fromkeys(email.lower() for email in emails if email)), tuple(filter(None, [text("phone")]))
        ),
    )


def _email(further: Any) -> str:
    """A further e-mail address, which some answers wrap in an object."""
    value = further.get("email") if isinstance(further, Mapping) else further
    return value.strip() if isinstance(value, str) else ""
