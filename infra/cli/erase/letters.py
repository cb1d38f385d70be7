"""Which dead letters are a person's: by the ids in them, by what the ledger says, or by what they hold once opened."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any

from infra.cli.dead.dead_letters import Held, hidden
from infra.cli.dead.parked_message import DeadLetter
from infra.cli.erase.contacts import Tell
from infra.cli.erase.lead_opening import CannotTell, LeadOpening
from leads.core import parked_lead
from leads.core.erasure import is_of
from leads.core.routes import CRM_SOURCES
from leads.sources.leadconnector_events import event_of


@dataclass(frozen=True)
class Traces:
    """How a person is recognised: names (`leads.core.erasure.is_of`), ids of contacts, ledger keys of leads."""

    asked: frozenset[str] = frozenset()
    known_with: frozenset[str] = frozenset()
    contact_ids: Collection[str] = frozenset()
    keys: Collection[str] = frozenset()


@dataclass
class Sorted:
    """unclear: those of which nobody can tell whose they are, and the reason's code; looked_at: how many there are.

    hidden: about how many more there are, which somebody else was looking at.
    """

    theirs: list[DeadLetter] = field(default_factory=list)
    unclear: list[tuple[DeadLetter, str]] = field(default_factory=list)
    looked_at: int = 0
    hidden: int = 0

    def as_json(self) -> dict[str, Any]:
        return {
            "looked_at": self.looked_at,
            "hidden": self.hidden,
            "theirs": [letter.key for letter in self.theirs],
            "unclear": [
                {"message_id": letter.message_id, "key": letter.key, "reason": reason}
                for letter, reason in self.unclear
            ],
        }


class DeadLetters:
    """A queue of dead letters; each is opened once, however often the queue is gone through."""

    def __init__(self, sqs: Any, url: str, opening: LeadOpening, tell: Tell) -> None:
        self._sqs = sqs
        self._url = url
        self._opening = opening
        self._tell = tell
        # Message id → names, or why there are none.
        self._opened: dict[str, frozenset[str] | CannotTell] = {}

    def find(self, traces: Traces) -> Sorted:
        """Whose they are; the queue is left as it was."""
        found = Sorted()
        with Held(self._sqs, self._url) as held:
            self._sort(held, traces, lambda _: None, found)
        return found

    def remove(self, traces: Traces, done: Sorted, before_each: Callable[[DeadLetter], None]) -> None:
        """Deletes the person's; all others are given back unchanged. done: takes what was done, however it ends.

        before_each: called with each letter that is about to be deleted.
        """
        with Held(self._sqs, self._url) as held:

            def remove(letter: DeadLetter) -> None:
                before_each(letter)
                held.remove(letter)

            self._sort(held, traces, remove, done)

    def hidden(self) -> int:
        """About how many somebody is looking at; whoever it was until a minute ago may still be counted."""
        return hidden(self._sqs, self._url)

    def _sort(self, held: Held, traces: Traces, on_theirs: Callable[[DeadLetter], None], done: Sorted) -> None:
        done.hidden = self.hidden()
        letters = held.take(told=lambda count, about: self._tell("Taking dead letters", count, about))
        done.looked_at = len(letters)
        for number, letter in enumerate(letters):
            self._tell("Opening dead letters", number, len(letters))
            held.renew()
            try:
                if self._is_theirs(letter, traces):
                    on_theirs(letter)
                    done.theirs.append(letter)
            except CannotTell as reason:
                done.unclear.append((letter, str(reason)))

    def _is_theirs(self, letter: DeadLetter, traces: Traces) -> bool:
        if letter.key in traces.keys or _contacts_in(letter) & {*traces.contact_ids}:
            return True
        if letter.message_id not in self._opened:
            try:
                self._opened[letter.message_id] = self._opening.names(letter)
            except CannotTell as reason:
                self._opened[letter.message_id] = reason
        names = self._opened[letter.message_id]
        if isinstance(names, CannotTell):
            raise names
        return is_of(names, asked=traces.asked, known_with=traces.known_with)


def _contacts_in(letter: DeadLetter) -> set[str]:
    """The contacts that an event of the CRM names in the clear."""
    if letter.source not in CRM_SOURCES:
        return set()
    raw = parked_lead.parse(letter.body).envelope
    event = event_of(raw) if isinstance(raw, dict) else None
    return {event.contact_id, event.record_id} if event else set()
