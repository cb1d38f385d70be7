"""Brings dead letters back into the failed-leads queue: a few first, then the rest, as long as it goes well."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from infra.cli.dead.dead_letters import Held
from infra.cli.dead.interruption import INTERRUPTED, Interruption
from infra.cli.dead.parked_message import DeadLetter, iso
from infra.cli.story.ledger import LedgerLead
from leads.core.routes import CRM_SOURCES

# Sizes of the batches that go first; then the rest goes.
CANARIES = (1, 10)
# More than this share of a canary that fails again stops everything; of the rest, more than so many of the last ones.
CANARY_SHARE = 0.2
LAST, LAST_SHARE = 50, 0.1
# An outcome, as the audit has it. WAITING: none within the time for it; SENT, MOVED: nobody looked, by us or by SQS;
# UNKNOWN: the ledger does not tell.
DELIVERED, IGNORED, PARKED, UNDELIVERABLE = "delivered", "ignored", "parked", "undeliverable"
WAITING, SENT, MOVED, UNKNOWN = "waiting", "sent", "moved", "unknown"
FAILED = frozenset((PARKED, UNDELIVERABLE))
# Reasons for which a lead waits without using up an attempt, parked or not: it comes by itself.
PATIENT = frozenset(("rate_limited", "daily_limit", "location_paused", "claimed_elsewhere", "graph_throttled"))
# As many of the leads that are on their way are looked up at once while others are still being sent.
LOOKED_UP = 100
_NO_OUTCOME = "the first one had no outcome in time"
_KEPT_FIELDS = ("DataType", "StringValue", "BinaryValue")


@dataclass
class Redriven:
    """One dead letter that was sent: its line in the audit. who: the caller's ARN; outcome: one of the above."""

    at: str
    who: str
    key: str
    message_id: str
    new_message_id: str
    reason: str
    outcome: str = WAITING
    reason_now: str = ""

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def batches(letters: Sequence[DeadLetter], *, canary: bool) -> list[list[DeadLetter]]:
    """1, then 10, then the rest, those first whose outcome the ledger will tell; without canary, all at once.

    Last but one go changes of what has been delivered before: one that is out of date by now leaves no trace.
    """
    ordered = sorted(letters, key=lambda letter: (not is_seen(letter), bool(letter.lead and _may_change(letter.lead))))
    cut: list[list[DeadLetter]] = []
    for size in CANARIES if canary else ():
        cut.append(ordered[:size])
        ordered = ordered[size:]
    return [batch for batch in (*cut, ordered) if batch]


def is_seen(letter: DeadLetter) -> bool:
    """Whether the ledger will tell what becomes of it: not of what is no lead, nor of a record's removal."""
    return bool(letter.key) and not (letter.source == "leadconnector" and letter.lead_id.endswith("-removed"))


def why_stop(number: int, outcomes: Sequence[str], size: int, *, canary: bool) -> str:
    """Why to send no more, in a sentence; "" to go on.

    number: of the batch, from 0; outcomes: of its leads, in the order in which they became known; size: how many it
    has. In a canary, a lead without an outcome counts as failed; in the rest it only has not come to its turn.
    """
    if canary and number < len(CANARIES):
        failed, waiting = sum(outcome in FAILED for outcome in outcomes), outcomes.count(WAITING)
        if failed + waiting <= size * CANARY_SHARE:
            return ""
        told = [f"{failed} of the first {size} failed again" if size > 1 else "the first one failed again"] * bool(
            failed
        )
        if waiting:
            told.append(f"{waiting} of the first {size} had no outcome in time" if size > 1 else _NO_OUTCOME)
        return " and ".join(told)
    last = outcomes[-LAST:]
    failed = sum(outcome in FAILED for outcome in last)
    return f"{failed} of the last {len(last)} failed again" if failed > LAST * LAST_SHARE else ""


def outcome_of(before: LedgerLead | None, now: LedgerLead | None) -> str:
    """What became of a lead since its letter was looked at; WAITING while nothing has, or it waits for its turn."""
    if now is None or now.status == "claimed" or (now.status == PARKED and now.reason in PATIENT):
        return WAITING
    if now.status in (DELIVERED, IGNORED) and not _may_change(now):
        return now.status
    unchanged = before is not None and before.updated_at == now.updated_at and before.status == now.status
    return WAITING if unchanged else now.status


def _may_change(lead: LedgerLead) -> bool:
    """Whether it is a record of a CRM that was delivered before: what the ledger says need not be of this change."""
    return lead.source in CRM_SOURCES and lead.status in (DELIVERED, IGNORED)


@dataclass
class Redrive:
    """Sends letters on, and looks at what becomes of them.

    look: leads of the ledger by their keys. rate: letters a second. patience: seconds for the outcomes of what was
    sent, 0 to send only. audit: gets each letter's line once its outcome is known, or when nobody waits any more.
    told: called when something has happened, with how many were sent and how many have an outcome.
    """

    sqs: Any
    destination: str
    look: Callable[[Iterable[str]], Mapping[str, LedgerLead]]
    who: str
    rate: float
    patience: float
    audit: Callable[[Redriven], None]
    told: Callable[[int, int], None] = lambda *_: None
    interruption: Interruption = field(default_factory=Interruption)
    poll: float = 1.0
    now: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep
    done: list[Redriven] = field(default_factory=list)
    _waiting: dict[str, tuple[DeadLetter, Redriven]] = field(default_factory=dict)
    _next_look: float = 0.0

    def run(self, held: Held, letters: Sequence[DeadLetter], *, canary: bool) -> str:
        """Redrive these of the held letters; why it stopped before all were sent, "" when all were.

        A letter is sent first and deleted then: whenever this ends, it is in one of the queues, or in both, which the
        ledger recognises. Raises ClientError when SQS refuses.
        """
        plan = batches(letters, canary=canary)
        try:
            for number, batch in enumerate(plan):
                why = self._send_batch(held, number, batch, canary)
                if why and (number + 1 < len(plan) or self._sent < len(letters)):
                    return why
        finally:
            for _, line in list(self._waiting.values()):
                self._finish(line, line.outcome)
        return ""

    @property
    def _sent(self) -> int:
        return len(self.done) + len(self._waiting)

    def _send_batch(self, held: Held, number: int, batch: Sequence[DeadLetter], canary: bool) -> str:
        """Why to stop, "" to go on."""
        first = len(self.done)

        def why_stop_now(also: Sequence[str] = ()) -> str:
            if self.interruption.wanted:
                return INTERRUPTED
            return why_stop(number, [*(line.outcome for line in self.done[first:]), *also], len(batch), canary=canary)

        for letter in batch:
            if why := why_stop_now():
                return why
            began = self.now()
            self._send(held, letter)
            self._pause(began + 1 / self.rate - self.now())
            held.renew()
            self._look_up(LOOKED_UP)
        until = self.now() + self.patience
        while self._waiting and self.now() < until and not (why := why_stop_now()):
            self._pause(self.poll)
            held.renew()
            self._look_up(len(self._waiting))
        return why_stop_now([WAITING] * len(self._waiting) if self.patience else ())

    def _send(self, held: Held, letter: DeadLetter) -> None:
        sent = self.sqs.send_message(
            QueueUrl=self.destination, MessageBody=letter.body, MessageAttributes=anew(letter), **_group(letter)
        )
        line = Redriven(
            iso(self.now()), self.who, letter.key or letter.lead_id, letter.message_id, sent["MessageId"], letter.reason
        )
        self._waiting[letter.message_id] = letter, line
        held.remove(letter)
        if not self.patience:
            self._finish(line, SENT)
        elif not is_seen(letter):
            self._finish(line, UNKNOWN)
        self.told(self._sent, len(self.done))

    def _look_up(self, most: int) -> None:
        """Note the outcomes of what is on its way, but not more often than `poll` says."""
        if not self._waiting or self.now() < self._next_look:
            return
        self._next_look = self.now() + self.poll
        asked = list(self._waiting.values())[:most]
        ledger = self.look([letter.key for letter, _ in asked])
        for letter, line in asked:
            lead = ledger.get(letter.key)
            outcome = outcome_of(letter.lead, lead)
            # Of one that waits, what for: the reason it was a dead letter for is none of now.
            is_new = lead is not None and (letter.lead is None or lead.updated_at != letter.lead.updated_at)
            line.reason_now = lead.reason if lead and (is_new or outcome != WAITING) else ""
            if outcome != WAITING:
                self._finish(line, outcome)
        self.told(self._sent, len(self.done))

    def _finish(self, line: Redriven, outcome: str) -> None:
        line.outcome = outcome
        del self._waiting[line.message_id]
        self.done.append(line)
        self.audit(line)

    def _pause(self, seconds: float) -> None:
        """Sleep in pieces, so that Ctrl-C is heard."""
        until = self.now() + seconds
        while (left := until - self.now()) > 0 and not self.interruption.wanted:
            self.sleep(min(left, 0.2))


def anew(letter: DeadLetter) -> dict[str, dict[str, Any]]:
    """The letter's attributes for its new message: as they are, but for `attempt`, as the new chance is a whole one.

    A message that is sent on after a wait carries the attempts before it; a redriven one would have fewer left.
    """
    kept = {
        name: {key: value for key, value in attribute.items() if key in _KEPT_FIELDS}
        for name, attribute in letter.attributes.items()
    }
    return {**kept, "attempt": {"DataType": "Number", "StringValue": "0"}}


def _group(letter: DeadLetter) -> dict[str, str]:
    """Whose lead it is, so that SQS serves it in its group's turn."""
    return {"MessageGroupId": letter.group} if letter.group else {}
