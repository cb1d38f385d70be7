"""What was found of a person, and the certificate of what was removed: ids only, so that both may be kept."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any

from infra.cli.dead.parked_message import DeadLetter, iso
from infra.cli.erase import traces as erasure_traces
from infra.cli.erase.contacts import FoundContact
from infra.cli.erase.conversions import Kept
from infra.cli.erase.event_traces import NO_JSON, SHARED
from infra.cli.erase.letters import Sorted
from infra.cli.place import Place
from infra.cli.story.ledger import LedgerLead

# Why nobody can tell whose a dead letter of conversions is → what that means, and what to do.
_UNCLEAR = {
    NO_JSON: "It is no JSON, so nobody can tell whose it is: look at it in ConversionsDeadLetterQueue, in AWS's "
    "console, and delete it there if it is this person's. SQS deletes it after 14 days.",
    SHARED: "It has an e-mail address or phone number that was not asked for, and that only their contact has: if that "
    "is this person's alone, repeat the command with it.",
}

_NOTES = (
    "The list of erased people keeps salted hashes of the e-mail addresses and phone numbers, as they are and as "
    "Pinterest is told them, and of the leads' ids: what was left before this moment is ignored when it comes again, "
    "and what is left from now on is a new lead.",
    "An e-mail address or phone number that was not asked for, and that only a contact had, may be somebody else's as "
    "well: a lead that has it beside a further one of its own is not ignored, and its dead letter not deleted.",
    "What still waits in the failed-leads queue is sealed, and is dropped at its next attempt. So is an event in the "
    "conversions queue that is about one of their leads, or has the hash of an address or number that was asked for. "
    "Another system's event that names the person in no other way than by an id of its own is not recognised there.",
    "Of other systems' events the ledger keeps ids, for 90 days, and only a hash of an id that is not plain: one that "
    "has an address or number among other things is not recognised.",
    "Logs and metrics hold ids only, and logs are deleted after 30 days.",
    "Pinterest keeps leads for 30 days and Facebook for 90; what they keep, and what Pinterest was told of outcomes by "
    "hashes, is not LeadRelay's to delete.",
)


@dataclass
class Found:
    """What there is of a person.

    related: contacts that only share another e-mail or phone with theirs, and are left alone. faults: what could not
    be looked at, and why.
    """

    contacts: list[FoundContact] = field(default_factory=list)
    related: list[FoundContact] = field(default_factory=list)
    ledger: list[LedgerLead] = field(default_factory=list)
    letters: Sorted = field(default_factory=Sorted)
    conversions: Kept = field(default_factory=Kept)
    faults: dict[str, str] = field(default_factory=dict)

    @property
    def parked(self) -> list[LedgerLead]:
        """Leads in the failed-leads queue, as far as the ledger knows whose they are."""
        dead = {letter.key for letter in self.letters.theirs}
        return [lead for lead in self.ledger if lead.status == "parked" and lead.key not in dead]

    @property
    def names(self) -> frozenset[str]:
        """Everything that the contacts go by."""
        return frozenset().union(*(contact.person.names for contact in self.contacts))

    @property
    def contact_ids(self) -> set[str]:
        return {contact.contact_id for contact in self.contacts}

    @property
    def keys(self) -> set[str]:
        """The ledger keys of their leads."""
        letters = {letter.key for letter in self.letters.theirs if letter.key}
        return {lead.key for lead in self.ledger} | letters | self.conversions.leads

    def as_json(self) -> dict[str, Any]:
        """Ids only."""
        return {
            "contacts": [contact.as_json() for contact in self.contacts],
            "related_contacts": [contact.as_json() for contact in self.related],
            "ledger_items": [lead.key for lead in self.ledger],
            "parked_leads": [lead.key for lead in self.parked],
            "dead_letters": self.letters.as_json(),
            "conversions": self.conversions.as_json(),
            "not_reached": [{"what": what, "why": why} for what, why in self.faults.items()],
        }


@dataclass
class Removal:
    """An erasure on its way: what it has removed so far.

    at: epoch seconds of the erasure. remembered: names and leads that are on the list, as `leads.core.erasure` calls
    them; hashes: of the names. items: keys of the ledger's items that are gone. is_over: it has come to its end.
    """

    at: float
    done: Found = field(default_factory=Found)
    remembered: set[str] = field(default_factory=set, repr=False)
    hashes: set[str] = field(default_factory=set)
    items: set[str] = field(default_factory=set)
    is_over: bool = False


def certificate(
    place: Place, removal: Removal, *, until: float, searched: Collection[str], unseen: Iterable[str]
) -> dict[str, Any]:
    """The certificate as JSON; `complete` says that nothing is left, `not_erased` what may be.

    until: epoch seconds until which the hashes are remembered. searched: the CRM locations that were looked at;
    unseen: those from which leads come, and that were not.
    """
    done = removal.done
    faults = {**done.faults, **dict(map(_unclear, done.letters.unclear))}
    faults |= {f"dead letter of conversions {it}": _UNCLEAR[why] for it, why in done.conversions.unclear.items()}
    for what, count in (
        ("dead letters", done.letters.hidden),
        ("dead letters of conversions", done.conversions.hidden),
    ):
        if count:
            faults[what] = (
                f"About {count} could not be looked at, as somebody else was looking at them: repeat the "
                "command in a minute (after a command that was killed, in a quarter of an hour)."
            )
    if not removal.is_over:
        faults["the command"] = "It was cut off before its end: repeat it, which does what is left."
    return {
        "certificate": "erasure of a person",
        "stack": place.stack_name,
        "region": place.region,
        "erased_at": iso(removal.at),
        "complete": not faults,
        "remembered_as": sorted(removal.hashes),
        "remembered_until": iso(until),
        "locations": sorted(searched),
        "contacts": [contact.as_json() for contact in done.contacts],
        "ledger_items": sorted(key for key in removal.items if not erasure_traces.is_seal(key)),
        "ledger_seals": sum(map(erasure_traces.is_seal, removal.items)),
        "parked_leads": sorted({lead.key for lead in done.parked}),
        "dead_letters": done.letters.as_json(),
        "conversions": done.conversions.as_json(),
        "not_erased": [{"what": what, "why": why} for what, why in faults.items()],
        "notes": [
            *_NOTES,
            *(f"LeadRelay has no token for the source location {one}, and did not look there." for one in unseen),
        ],
    }


def _unclear(unclear: tuple[DeadLetter, str]) -> tuple[str, str]:
    letter, reason = unclear
    return f"dead letter {letter.message_id}", (
        f"Nobody can tell whose it is ({reason}): `leadrelay dead show {letter.message_id}` says what to do; then "
        "repeat the command. If it is this person's, it is ignored when it is brought back."
    )
