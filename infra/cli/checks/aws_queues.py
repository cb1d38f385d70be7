"""The queues: what keeps leads safe in them, what waits there, and whether somebody takes it out."""

import json
from collections.abc import Iterator, Mapping

from infra.cli.checks.finding import Check, Finding, Words
from infra.cli.checks.patient import Patient

AWS = Words("aws")
FORTNIGHT = 14 * 86_400
# The retry function counts attempts by itself, so SQS must give a lead more receives than there are attempts.
LEAST_RECEIVES = 12
# Queue's output → the function that takes its messages.
_TAKERS = {
    "FailedLeadsQueueUrl": "RetryFunction",
    "ReconcileQueueUrl": "ReconcileFunction",
    "ConversionsQueueUrl": "ConversionsFunction",
}
# What is in the queues of leads, and in those of conversions.
_LEADS, _EVENTS = "leads", "events"


def checks(patient: Patient) -> list[Check]:
    return [
        AWS.check("FailedLeadsQueue", _failed_leads, patient),
        AWS.check("DeadLetterQueue", _dead_letters, patient),
        AWS.check("ConversionsQueue", _conversions, patient),
        AWS.check("ConversionsDeadLetterQueue", _dead_conversions, patient),
        *(AWS.check(f"{taker}'s queue", _event_source, patient, queue) for queue, taker in _TAKERS.items()),
    ]


def _attributes(patient: Patient, output: str) -> Mapping[str, str]:
    url = patient.place.output(output)
    found: Mapping[str, str] = patient.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["All"])[
        "Attributes"
    ]
    return found


def _failed_leads(patient: Patient) -> Iterator[Finding]:
    queue = _attributes(patient, "FailedLeadsQueueUrl")
    yield from _source_queue(patient, "FailedLeadsQueue", queue, "DeadLetterQueueUrl", _LEADS)
    ready, held = (_number(queue.get(f"ApproximateNumberOfMessages{it}")) for it in ("", "NotVisible"))
    if ready + held:
        sentence = f"{ready + held} parked: {ready} to be tried now, {held} held until their next attempt."
        yield AWS.warning("parked leads", sentence, patient.command("leads recent --status parked"))
    else:
        yield AWS.ok("parked leads", "None.")


def _dead_letters(patient: Patient) -> Iterator[Finding]:
    queue = _attributes(patient, "DeadLetterQueueUrl")
    yield from _safe("DeadLetterQueue", _wrong_with(queue, patient.place.is_local, _LEADS), _LEADS)
    count = _number(queue.get("ApproximateNumberOfMessages"))
    if count:
        sentence = f"{count} wait for somebody. See their reasons, remove the causes, then redrive them."
        fix = f"{patient.command('dead list')} && {patient.command('dead redrive --dry-run')}"
        yield AWS.warning("dead letters", sentence, fix)
    else:
        yield AWS.ok("dead letters", "None.")


def _conversions(patient: Patient) -> Iterator[Finding]:
    queue = _attributes(patient, "ConversionsQueueUrl")
    yield from _source_queue(patient, "ConversionsQueue", queue, "ConversionsDeadLetterQueueUrl", _EVENTS)


def _dead_conversions(patient: Patient) -> Iterator[Finding]:
    queue = _attributes(patient, "ConversionsDeadLetterQueueUrl")
    wrong = _wrong_with(queue, patient.place.is_local, _EVENTS)
    yield from _safe("ConversionsDeadLetterQueue", wrong, _EVENTS)
    count = _number(queue.get("ApproximateNumberOfMessages"))
    if count:
        sentence = f"{count} wait for somebody. See their reasons, remove the causes, then redrive them."
        fix = f"{patient.command('conversions status')} && {patient.command('conversions redrive --dry-run')}"
        yield AWS.warning("dead conversions", sentence, fix)
    else:
        yield AWS.ok("dead conversions", "None.")


def _source_queue(
    patient: Patient, name: str, queue: Mapping[str, str], dead_letters: str, things: str
) -> Iterator[Finding]:
    """A queue whose messages go to a dead-letter queue when nothing else helps."""
    policy = _json(queue.get("RedrivePolicy"))
    wrong = _wrong_with(queue, patient.place.is_local, things)
    if policy.get("deadLetterTargetArn") != _attributes(patient, dead_letters).get("QueueArn"):
        wrong.append("its dead letters do not go to the stack's dead-letter queue")
    if _number(policy.get("maxReceiveCount")) < LEAST_RECEIVES:
        wrong.append(f"it gives {things} fewer than {LEAST_RECEIVES} receives")
    yield from _safe(name, wrong, things)


def _event_source(patient: Patient, output: str) -> Iterator[Finding]:
    function = _TAKERS[output]
    name = f"{function}'s queue"
    arn = _attributes(patient, output).get("QueueArn", "")
    mappings = patient.client("lambda").list_event_source_mappings(EventSourceArn=arn)["EventSourceMappings"]
    if not mappings:
        yield AWS.fault(name, "Nobody takes its messages: the event source is missing.", "make deploy")
        return
    for mapping in mappings:
        state, result = mapping.get("State", ""), str(mapping.get("LastProcessingResult") or "")
        if state in ("Disabled", "Disabling"):
            command = (
                f"aws lambda update-event-source-mapping --uuid {mapping['UUID']} --enabled "
                f"--region {patient.place.region}"
            )
            yield AWS.fault(name, "Nobody takes its messages: the event source is off.", command)
        elif result.startswith("PROBLEM"):
            yield AWS.fault(name, f"Lambda cannot take its messages ({result}).", "make deploy")
        elif "ReportBatchItemFailures" not in mapping.get("FunctionResponseTypes", []):
            yield AWS.fault(name, "One message that fails makes all of its batch come again.", "make deploy")
        else:
            yield AWS.ok(name, f"Its messages go to {function} ({state}).")


def _wrong_with(queue: Mapping[str, str], is_local: bool, things: str) -> list[str]:
    wrong = []
    if _number(queue.get("MessageRetentionPeriod")) < FORTNIGHT:
        wrong.append(f"it forgets {things} in less than 14 days")
    # The emulated AWS keeps its queues in memory, and says nothing of encryption.
    if not is_local and queue.get("SqsManagedSseEnabled") != "true" and not queue.get("KmsMasterKeyId"):
        wrong.append("it is not encrypted")
    return wrong


def _safe(name: str, wrong: list[str], things: str) -> Iterator[Finding]:
    if wrong:
        yield AWS.fault(name, f"Somebody has changed it: {', and '.join(wrong)}.", "make deploy")
    else:
        yield AWS.ok(name, f"It keeps {things} for 14 days.")


def _json(text: str | None) -> dict[str, object]:
    try:
        value = json.loads(text or "{}")
    except ValueError:
        value = {}
    return value if isinstance(value, dict) else {}


def _number(value: object) -> int:
    try:
        return int(str(value))
    except ValueError:
        return 0
