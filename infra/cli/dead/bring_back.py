"""Redrives the chosen dead letters of a place: one by one with care, or all at once as SQS does it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from infra.cli.dead import dead_letters, move_all
from infra.cli.dead.audit import Audit, caller
from infra.cli.dead.dead_letters import Choice, Held
from infra.cli.dead.interruption import Interruption
from infra.cli.dead.parked_message import DeadLetter, iso
from infra.cli.dead.redrive import MOVED, UNKNOWN, Redrive, Redriven
from infra.cli.output import progress
from infra.cli.place import Place
from infra.cli.story import ledger

Told = Callable[[int, int], None]
# How often the ledger is asked what became of the leads on their way, in seconds.
POLL_SECONDS = 0.5


@dataclass(frozen=True)
class Look:
    """What a look into the queue has shown.

    chosen: the letters of a choice, with what the ledger says; may_be_more: there may be more than was looked at;
    elsewhere: about how many are hidden, as somebody else looks at them.
    """

    chosen: list[DeadLetter]
    may_be_more: bool
    elsewhere: int


def looked_at(place: Place, choice: Choice, limit: int | None, now: float) -> Look:
    """The dead letters of that choice, at most `limit` of the queue looked at. now: epoch seconds."""
    sqs, url = place.client("sqs"), place.output("DeadLetterQueueUrl")
    with progress() as bar:
        letters, elsewhere = dead_letters.peek(sqs, url, limit=limit, told=_told(bar, "looking"))
    letters = _with_ledger(place, letters)
    chosen = [letter for letter in letters if choice.takes(letter, now)]
    return Look(chosen, limit is not None and len(letters) >= limit, elsewhere)


def all_at_once(place: Place, letters: Sequence[DeadLetter], log: Audit, *, rate: float, now: float) -> str:
    """Every letter, moved by SQS itself; one by one where it cannot. Why it stopped, "" when all were sent.

    letters: those that were seen before, for the audit: SQS does not say which ones it moves. now: epoch seconds.
    """
    sqs, dead = place.client("sqs"), place.output("DeadLetterQueueUrl")
    if not move_all.start(sqs, dead, place.output("FailedLeadsQueueUrl"), rate):
        return one_by_one(place, letters, log, rate=rate, patience=0, canary=False)
    who, outcome = caller(place), UNKNOWN
    try:
        with progress() as bar, Interruption().listen() as interruption:
            move_all.wait(sqs, dead, _told(bar, "redriving"), interruption)
        outcome = MOVED
    finally:
        # Of a move that ended early nobody knows which ones it moved.
        for it in letters:
            log.write(Redriven(iso(now), who, it.key or it.lead_id, it.message_id, "", it.reason, outcome).as_json())
    return ""


def one_by_one(
    place: Place,
    letters: Sequence[DeadLetter],
    log: Audit,
    *,
    rate: float,
    patience: float,
    canary: bool,
) -> str:
    """These letters, as in Redrive; why it stopped, "" when all were sent."""
    sqs, dynamodb, table = place.client("sqs"), place.client("dynamodb"), place.output("LedgerTableName")
    wanted = {letter.message_id for letter in letters}
    with progress() as bar, Held(sqs, place.output("DeadLetterQueueUrl")) as held:
        held.take(told=_told(bar, "taking"))
        held.give_back([letter for letter in held.letters if letter.message_id not in wanted])
        sent = _told(bar, "sent")
        run = Redrive(
            sqs,
            place.output("FailedLeadsQueueUrl"),
            look=lambda keys: ledger.by_keys(dynamodb, table, keys),
            who=caller(place),
            rate=rate,
            patience=patience,
            audit=lambda line: log.write(line.as_json()),
            told=lambda count, _: sent(count, len(letters)),
            poll=POLL_SECONDS,
        )
        with run.interruption.listen():
            return run.run(held, _with_ledger(place, held.letters), canary=canary)


def _with_ledger(place: Place, letters: Sequence[DeadLetter]) -> list[DeadLetter]:
    keys = [letter.key for letter in letters]
    known = ledger.by_keys(place.client("dynamodb"), place.output("LedgerTableName"), keys)
    return dead_letters.with_ledger(letters, known)


def _told(bar: Any, what: str) -> Told:
    """Moves a bar of its own to so many of so many."""
    task = bar.add_task(what, total=None)
    return lambda count, total: bar.update(task, completed=count, total=total)
