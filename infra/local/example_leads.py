"""One lead of each source, each of a person of its own, as the demo and the console send them."""

import secrets
from collections.abc import Callable, Mapping
from itertools import count, cycle
from typing import Any, Protocol

from infra.local import facebook_sender, leadconnector_sender, pinterest_sender
from infra.local.vendor_accounts import PAGE, SOURCE_LOCATION


class Addresses(Protocol):
    """The stack that a lead is sent to."""

    @property
    def contacts_api_url(self) -> str: ...
    @property
    def graph_api_url(self) -> str: ...
    def secret(self, output: str) -> Any: ...
    def webhook_url(self, source: str = "pinterest") -> str: ...


# Sends a lead of the person with this e-mail address: the status of the answer, and what it says.
Send = Callable[[Addresses, str], tuple[int, Any]]

# First name, which their e-mail addresses begin with, and last name; nobody of them exists.
_NAMES = (
    *("Ada Lovelace", "Amara Osei", "Elif Aydin", "Hana Mori", "Jonas Feld", "Leo Marsh"),
    *("Mira Holt", "Noor Haddad", "Oscar Lind", "Priya Nair", "Tomasz Wren", "Yara Costa"),
)
PEOPLE: Mapping[str, str] = dict(name.split() for name in _NAMES)
_turns = cycle(PEOPLE)
# Another number for each lead: a CRM would take two people with the same phone for one, also those it remembers.
_numbers = count(secrets.randbelow(1000) + 1)


def fresh_email() -> str:
    """An e-mail address that nobody has had before, of one of our people in turn."""
    return f"{next(_turns).lower()}.{secrets.token_hex(4)}@example.com"


def name_of(email: str) -> tuple[str, str]:
    """First and last name of who has that address; the first of our people if it is nobody's."""
    first = email.partition(".")[0].capitalize()
    first = first if first in PEOPLE else next(iter(PEOPLE))
    return first, PEOPLE[first]


def pinterest_lead(stack: Addresses, email: str, *, test: bool = False) -> dict[str, Any]:
    """A really encrypted lead of its own person. CannotSend when there is no key to encrypt it with."""
    secret = stack.secret("PinterestKeysSecretArn")
    key = pinterest_sender.live_key(secret, pinterest_sender.ACCOUNT, pinterest_sender.FORM)
    first, last = name_of(email)
    person = {"FULL_NAME": f"{first} {last}", "FIRST_NAME": first, "LAST_NAME": last, "EMAIL": email}
    answers = pinterest_sender.example_answers(next(_numbers)) | person
    return pinterest_sender.build_lead(answers, key=key, test=test)


def send_pinterest_test(stack: Addresses, email: str) -> tuple[int, Any]:
    """A lead as Pinterest's test call makes it."""
    return pinterest_sender.send(stack.webhook_url(), [pinterest_lead(stack, email, test=True)])


def _send_pinterest(stack: Addresses, email: str) -> tuple[int, Any]:
    return pinterest_sender.send(stack.webhook_url(), [pinterest_lead(stack, email)])


def _send_facebook(stack: Addresses, email: str) -> tuple[int, Any]:
    """A lead on the Graph sandbox's form, and the notification of it, which holds its id only."""
    lead = facebook_sender.example_lead(next(_numbers))
    person = {"email": email, "full_name": " ".join(name_of(email))}
    for answer in lead["field_data"]:
        if answer["name"] in person:
            answer["values"] = [person[answer["name"]]]
    made = facebook_sender.add_leads(stack.graph_api_url, [lead], PAGE)
    body = facebook_sender.notification(made, PAGE)
    return facebook_sender.send(stack.webhook_url("facebook"), body, stack.secret("FacebookSecretArn")["app_secret"])


def _send_leadconnector(stack: Addresses, email: str) -> tuple[int, Any]:
    """A contact that somebody makes in the source location; the CRM tells of it by itself, signed."""
    first, last = name_of(email)
    contact = leadconnector_sender.example_contact(next(_numbers))
    order = {"location": SOURCE_LOCATION, **contact, "firstName": first, "lastName": last, "email": email}
    return leadconnector_sender.administer(stack.contacts_api_url, "/contacts", order)


# Source → what is sent, and who sends it.
SENDERS: Mapping[str, tuple[str, Send]] = {
    "pinterest": ("one encrypted Pinterest lead", _send_pinterest),
    "facebook": ("one Facebook lead", _send_facebook),
    "leadconnector": ("one contact of another CRM location", _send_leadconnector),
}
