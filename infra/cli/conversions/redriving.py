"""Brings dead letters of the conversions queue back into it; each is sent before it is deleted."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from infra.cli.conversions.letters import Letter
from infra.cli.conversions.status import DEAD, QUEUE
from infra.cli.dead.audit import Audit, caller
from infra.cli.dead.dead_letters import SQS_BATCH, Held
from infra.cli.dead.interruption import INTERRUPTED, Interruption
from infra.cli.dead.parked_message import DeadLetter, iso
from infra.cli.dead.redrive import SENT, Redriven
from infra.cli.place import Place

# What of a message's attribute is sent on.
_KEPT = ("DataType", "StringValue", "BinaryValue")


def redrive(
    place: Place, letters: Sequence[Letter], log: Audit, *, told: Callable[[int, int], None] = lambda *_: None
) -> str:
    """Send these on, each with a line in the audit; why it stopped, "" when it came to its end.

    What was sent twice, as this ended in between, is one event, which the ledger recognises.
    """
    known = {letter.message.message_id: letter for letter in letters}
    sqs, who = place.client("sqs"), caller(place)
    with Held(sqs, place.output(DEAD)) as held, Interruption().listen() as interruption:
        held.take()
        held.give_back([message for message in held.letters if message.message_id not in known])
        waiting = held.letters
        for start in range(0, len(waiting), SQS_BATCH):
            if interruption.wanted:
                return INTERRUPTED
            batch = waiting[start : start + SQS_BATCH]
            sent = _sent(sqs, place.output(QUEUE), batch)
            for message in batch:
                if new := sent.get(message.message_id):
                    held.remove(message)
                    letter = known[message.message_id]
                    line = Redriven(
                        iso(time.time()), who, letter.key or letter.contact_id, message.message_id, new, letter.reason
                    )
                    line.outcome = SENT
                    log.write(line.as_json())
            if len(sent) < len(batch):
                return "SQS did not take all of them"
            held.renew()
            told(start + len(batch), len(waiting))
    return ""


def _sent(sqs: Any, url: str, batch: Sequence[DeadLetter]) -> Mapping[str, str]:
    """Message id → the new message's, of those that SQS took."""
    entries = [
        {"Id": str(number), "MessageBody": message.body, "MessageAttributes": _attributes(message)}
        for number, message in enumerate(batch)
    ]
    taken = sqs.send_message_batch(QueueUrl=url, Entries=entries).get("Successful", ())
    return {batch[int(it["Id"])].message_id: it["MessageId"] for it in taken}


def _attributes(message: DeadLetter) -> dict[str, Any]:
    return {
        name: {key: value for key, value in attribute.items() if key in _KEPT}
        for name, attribute in message.attributes.items()
    }
