"""Erased people: kept as salted hashes, by which what they left before is recognised when it comes again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set

import msgspec

from leads.core.answers import Answers
from leads.core.contact import DEFAULT_MAPPING, Contact

ERASED = "erased"

# How long the list remembers: no ad platform keeps a lead for longer than 90 days.
KEPT_SECONDS = 100 * 86_400

# The contact fields by which a person is known.
_KINDS = ("email", "phone")
# The same as Pinterest is told of them: SHA-256 of what a person was asked to be erased by.
HASHED_KINDS = ("em", "ph")


class Erased(msgspec.Struct, frozen=True):
    """Who was erased: maps of hash → when, in seconds since the epoch. salt: hex digits, one for the whole list.

    people: names that were asked for. known_with: names that only a contact of theirs had, perhaps a family's or a
    company's. leads: leads of theirs, by their ledger keys.
    """

    salt: str
    people: dict[str, float] = {}
    known_with: dict[str, float] = {}
    leads: dict[str, float] = {}

    def at(self, names: Iterable[str], key: str = "") -> float | None:
        """When the person was erased to whom a lead with these names and this ledger key belongs, the last time.

        None for nobody on the list, by the rule of `is_of`.
        """
        hashes = [hash_of(name, self.salt) for name in names]
        times = [self.people[one] for one in hashes if one in self.people]
        listed = [max(self.people.get(one, 0.0), self.known_with.get(one, 0.0)) for one in hashes]
        if listed and all(listed):
            # Before each of its names was erased: one of them may have come back since.
            times.append(min(listed))
        if (known := self.lead_at(key)) is not None:
            times.append(known)
        return max(times, default=None)

    def lead_at(self, key: str) -> float | None:
        """When the lead with this ledger key was erased with its person; None if it was not, or for no key."""
        return self.leads.get(hash_of(lead_name(key), self.salt)) if key and self.leads else None


def is_of(names: Set[str], *, asked: Set[str], known_with: Set[str]) -> bool:
    """Whether a lead with these names is the person's who goes by those that were asked for.

    known_with: names that only a contact of theirs has. With a further name of its own beside such a one, a lead may be
    somebody else's: of the same family, or of the same company.
    """
    return bool(names & asked) or (bool(names) and names <= asked | known_with)


def name_of(kind: str, value: str) -> str:
    """What is hashed of a person: `email:` or `phone:` and the value, in which case and blanks make no difference.

    kind: `email` or `phone`. value: as the CRM is given it; a phone number in E.164. Or one of HASHED_KINDS and a
    hash.
    """
    return f"{kind}:{''.join(value.split()).casefold()}"


def lead_name(key: str) -> str:
    """What is hashed of a lead, whose names may be other ones by now: its ledger key, wherever it was delivered to."""
    return f"lead:{key.partition('>')[0]}"


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


def outlived(hashes: Mapping[str, float], *, now: float, kept_seconds: float) -> list[str]:
    """The hashes that need not be remembered any longer. now: epoch seconds."""
    return [one for one, at in hashes.items() if at < now - kept_seconds]
