"""Erased people: kept as salted hashes, by which what they left before is recognised when it comes again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from leads.core.answers import Answers
from leads.core.contact import DEFAULT_MAPPING, Contact

ERASED = "erased"

# The key of the ledger's item, and how long it remembers: no ad platform keeps a lead for longer than 90 days. A
# record of another CRM location may come again as long as the ledger remembers those.
KEY = "erased"
KEPT_SECONDS = 100 * 86_400
RECORD_KEPT_SECONDS = 5 * 365 * 86_400

# The contact fields by which a person is known.
_KINDS = ("email", "phone")


class Erased(msgspec.Struct, frozen=True):
    """Who was erased. salt: hex digits, one for the whole list; people: hash → when, in seconds since the epoch."""

    salt: str
    people: dict[str, float]

    def at(self, names: Iterable[str]) -> float | None:
        """When whoever goes by one of these names was erased, the last time; None for nobody on the list."""
        times = (self.people.get(hash_of(name, self.salt)) for name in names)
        return max((at for at in times if at is not None), default=None)


def name_of(kind: str, value: str) -> str:
    """What is hashed of a person: `email:` or `phone:` and the value, in which case and blanks make no difference.

    kind: `email` or `phone`. value: as the CRM is given it; a phone number in E.164.
    """
    return f"{kind}:{''.join(value.split()).casefold()}"


def names_of(answers: Answers, contact: Contact) -> frozenset[str]:
    """Every name that a lead's person goes by: those of the contact, and those for which it has no field any more.

    answers: those that `contact` is made of. An e-mail address in any other answer may be somebody else's.
    """
    found = {name_of(kind, contact.fields[kind]) for kind in _KINDS if kind in contact.fields}
    for key, text in answers.items():
        kind = DEFAULT_MAPPING[key][0] if key in DEFAULT_MAPPING else ""
        if kind in _KINDS:
            found.add(name_of(kind, contact.converted.get(key, text)))
    return frozenset(found)


def hash_of(name: str, salt: str) -> str:
    """32 hex digits of HMAC-SHA-256 under the salt (hex digits), from which nobody gets the name back without trying.

    E-mail addresses and phone numbers can be tried, so the salt is as secret as the ledger.
    """
    # Late: nearly nobody has erased anybody, and a cold start need not pay for it.
    import hashlib
    import hmac

    return hmac.new(bytes.fromhex(salt), name.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()[:32]


def was_left_before(created_at: float | None, erased_at: float) -> bool:
    """Whether a lead belongs to what was erased; one of which nobody knows when it was left does. Epoch seconds."""
    return created_at is None or created_at < erased_at


def outlived(people: Mapping[str, float], *, now: float, kept_seconds: float) -> list[str]:
    """The hashes that need not be remembered any longer. now: epoch seconds."""
    return [person for person, at in people.items() if at < now - kept_seconds]
