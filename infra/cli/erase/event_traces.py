"""Whether an event for Pinterest is a person's: its item in the ledger, its dead letter, what a contact is known by."""

from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Any

from infra.cli.conversions.letters import Letter
from infra.cli.erase.lead_opening import CannotTell
from infra.cli.erase.letters import Traces
from infra.cli.erase.mentions import Mentions, ids_of, texts_in
from leads.adapters.item_values import Item, texts
from leads.core import lenient_json
from leads.core.erasure import is_of
from leads.core.match import CrmChange
from leads.core.user_data import hashed, of_contact

# Why nobody can tell whose a dead letter is.
NO_JSON, SHARED = "unreadable_message", "shared_address"
# The contact fields by which a person is known, as user data has them hashed.
_KEYS = {"email": "em", "phone": "ph"}
_TEST = "#test"


class EventTraces:
    """How a person's events are recognised. phone_region: as the functions read numbers without a country code."""

    def __init__(self, traces: Traces, phone_region: str) -> None:
        self._keys = {*traces.keys} - {""}
        self._contact_ids = {*traces.contact_ids} - {""}
        self._phone_region = phone_region
        self._asked, self._known_with = _Names(traces.asked), _Names(traces.known_with)

    def have(self, lead_key: str) -> bool:
        """Whether this is one of their leads."""
        return lead_key in self._keys

    def is_known_as(self, event_id: str) -> bool:
        """Whether somebody has made an event's id, as its key has it, of an address or number that was asked for."""
        event_id = event_id.removesuffix(_TEST)
        return event_id in self._asked.ids or self._asked.mentions.are_in([event_id])

    def is_remembered_by(self, item: Item) -> bool:
        """Whether the contact in a match item has their addresses."""
        told: Item = item.get("user_data", {}).get("M", {})
        return self._is_of(hash_ for key in _KEYS.values() for hash_ in texts(told, key))

    def is_in(self, letter: Letter) -> bool:
        """Whether a dead letter is theirs. Raises CannotTell with NO_JSON or SHARED.

        It is wherever it has an address or number that was asked for, as others may have written it anywhere.
        """
        if self.have(letter.lead_key) or letter.contact_id in self._contact_ids:
            return True
        body, is_json = _decoded(letter.message.body)
        said = [letter.message.body, *_attributes(letter), *texts_in(body)]
        if self._asked.mentions.are_in(said) or self._digests(body) & self._asked.digests:
            return True
        if letter.event:
            names = [hash_ for key in _KEYS.values() for hash_ in letter.event.user_data.get(key, ())]
            if names:
                return self._is_of(names)
        if isinstance(letter.inside, CrmChange):
            return False
        if not is_json:
            raise CannotTell(NO_JSON)
        if self._known_with.mentions.are_in(said):
            raise CannotTell(SHARED)
        return False

    def _is_of(self, hashes: Iterable[str]) -> bool:
        """By digests as we write them; others may come in capitals."""
        names = frozenset(it.lower() for it in hashes)
        return is_of(names, asked=self._asked.digests, known_with=self._known_with.digests)

    def _digests(self, body: Any) -> frozenset[str]:
        """Of e-mail and phone in a message that has something else wrong: 1-800-FLOWERS is a number as well."""
        given = body if isinstance(body, dict) else {}
        plain = {name: [*texts_in(given[name])] for name in (*_KEYS, "country") if name in given}
        found = hashed(plain, phone_region=self._phone_region)
        return frozenset(hash_.lower() for key in _KEYS.values() for hash_ in found.get(key, ()))


class _Names:
    """What people go by (`leads.core.erasure`), in the forms in which events have it."""

    def __init__(self, names: Iterable[str]) -> None:
        pairs = [(kind, value) for kind, _, value in (name.partition(":") for name in names) if kind in _KEYS]
        self._emails = [value for kind, value in pairs if kind == "email"]
        self._phones = [value for kind, value in pairs if kind == "phone"]
        told = [of_contact({kind: value}) for kind, value in pairs]
        self.digests = frozenset(hash_ for found in told for key in _KEYS.values() for hash_ in found.get(key, ()))

    @cached_property
    def mentions(self) -> Mentions:
        return Mentions(self._emails, self._phones, self.digests)

    @cached_property
    def ids(self) -> frozenset[str]:
        return ids_of(self._emails, self._phones)


def _decoded(body: str) -> tuple[Any, bool]:
    """The JSON value of a body, and whether it has one."""
    try:
        return lenient_json.decode(body), True
    except ValueError:
        return None, False


def _attributes(letter: Letter) -> Iterator[str]:
    for attribute in letter.message.attributes.values():
        yield str(attribute.get("StringValue", ""))
