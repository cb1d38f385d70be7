"""What the console shows: leads and counts from the ledger and the queues, contacts and faults from the sandbox."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any, Protocol

from infra.cli.story.ledger import LedgerLead, leads
from infra.cli.story.reasons import meaning_of
from infra.local.console import crm_faults
from infra.local.example_leads import SENDERS
from infra.local.vendor_accounts import SOURCE_LOCATION
from leads.core.retry_policy import parse_waits

# Rows of each list; what is older has its place on the command line.
SHOWN = 30
_ENDED = ("delivered", "ignored")
_LEAD = ("key", "source", "account", "lead_id", "status", "reason", "contact_id", "location_id", "steps", "remarks")
_CONTACT = ("id", "name", "email", "phone", "tags", "source")
_NOTE = ("id", "body", "dateAdded")
_TASK = ("id", "title", "body", "dueDate", "completed")


class Stack(Protocol):
    """The local stack, as far as the console needs it. built_in_crm: the CRM is the Contacts sandbox."""

    @property
    def outputs(self) -> Mapping[str, str]: ...
    @property
    def contacts_api_url(self) -> str: ...
    @property
    def graph_api_url(self) -> str: ...
    @property
    def built_in_crm(self) -> bool: ...
    def client(self, service: str) -> Any: ...
    def secret(self, output: str) -> Any: ...
    def webhook_url(self, source: str = "pinterest") -> str: ...


def state_of(stack: Stack) -> dict[str, Any]:
    """Everything that the page shows, as JSON takes it; nothing of tokens or keys.

    Raises what boto3 raises, and NoSandbox, when somebody does not answer.
    """
    known = [lead for lead in leads(stack.client("dynamodb"), stack.outputs["LedgerTableName"]) if _came_in(lead)]
    return {
        "received": {**dict.fromkeys(SENDERS, 0), **Counter(lead.source for lead in known)},
        "statuses": Counter(lead.status for lead in known),
        "further_attempts": sum(max(0, lead.attempts - 1) for lead in known),
        "queue": _messages(stack, "FailedLeadsQueueUrl"),
        "dead": _messages(stack, "DeadLetterQueueUrl"),
        "leads": _latest_leads(known),
        "waits": list(retry_waits(stack)),
        "crm": _crm(stack),
    }


def retry_waits(stack: Stack) -> tuple[float, ...]:
    """Seconds before each next attempt, as the retry function was told them."""
    return _waits(stack.client("lambda"), stack.outputs["RetryFunctionName"])


@cache
def _waits(client: Any, function: str) -> tuple[float, ...]:
    configuration = client.get_function_configuration(FunctionName=function)
    return parse_waits(configuration["Environment"]["Variables"]["RETRY_WAITS"])


def _came_in(lead: LedgerLead) -> bool:
    """Whether the lead was sent to us: the ledger also knows records that came of our own writing."""
    return lead.attempts > 0 or lead.status not in _ENDED


def _messages(stack: Stack, output: str) -> dict[str, int]:
    """Messages in the queue, and how many of them are hidden, which is until their next attempt or while one runs."""
    answer = stack.client("sqs").get_queue_attributes(QueueUrl=stack.outputs[output], AttributeNames=["All"])
    visible, *hidden = (
        int(answer["Attributes"].get(f"ApproximateNumberOfMessages{kind}", 0)) for kind in ("", "NotVisible", "Delayed")
    )
    return {"messages": visible + sum(hidden), "held": sum(hidden)}


def _latest_leads(known: Iterable[LedgerLead]) -> list[dict[str, Any]]:
    """Those that changed last, by when they came: a row keeps its place while its lead moves."""
    latest = sorted(known, key=lambda lead: lead.updated_at, reverse=True)[:SHOWN]
    return [_lead(lead) for lead in sorted(latest, key=lambda lead: (lead.first_seen_at, lead.key), reverse=True)]


def _lead(lead: LedgerLead) -> dict[str, Any]:
    times = {"attempts": lead.attempts, "first_seen_at": lead.first_seen_at, "updated_at": lead.updated_at}
    meaning = meaning_of(lead.reason)
    return {name: getattr(lead, name) for name in _LEAD} | times | {"means": meaning.means, "remedy": meaning.remedy}


def _crm(stack: Stack) -> dict[str, Any]:
    if not stack.built_in_crm:
        return {"is_built_in": False, "url": stack.contacts_api_url, "faults": [], "contacts": [], "total": 0}
    contacts = crm_faults.order(stack.contacts_api_url, "GET", "contacts")["contacts"]
    # Those of the location whose contacts are leads are not what came of a lead.
    ours = [contact for contact in contacts if contact["locationId"] != SOURCE_LOCATION]
    return {
        "is_built_in": True,
        "url": stack.contacts_api_url,
        "faults": crm_faults.faults_on(stack.contacts_api_url),
        "contacts": [_contact(contact) for contact in _latest_contacts(ours)],
        "total": len(ours),
    }


def _latest_contacts(contacts: Iterable[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
    return sorted(contacts, key=lambda contact: contact["dateAdded"], reverse=True)[:SHOWN]


def _contact(contact: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **_only(contact, _CONTACT),
        "location": contact["locationId"],
        "added_at": contact["dateAdded"],
        "notes": [_only(note, _NOTE) for note in contact["notes"]],
        "tasks": [_only(task, _TASK) for task in contact["tasks"]],
    }


def _only(record: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    return {name: record[name] for name in names if record.get(name) is not None}
