"""One lead of each source on its way through a local stack, and the contact that comes of it."""

import json
import secrets
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any

import urllib3
from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from infra.local import facebook_sender, leadconnector_sender, pinterest_sender
from infra.local.stack import LocalStack
from infra.local.vendor_accounts import PAGE, SOURCE_LOCATION

ARRIVAL_SECONDS = 30.0
Step = Callable[[str], AbstractContextManager[None]]


def demonstrate(stack: LocalStack, console: Console, step: Step) -> bool:
    """Send a lead of each source and print its contact; False, with the reason, when one does not arrive."""
    arrived = [_arrives(stack, source, console, step) for source in SENDERS]
    return all(arrived)


def _arrives(stack: LocalStack, source: str, console: Console, step: Step) -> bool:
    title, send = SENDERS[source]
    email = f"ada.{secrets.token_hex(4)}@example.com"
    started = time.monotonic()
    try:
        with step(f"Sending {title}"):
            status, answer = send(stack, email)
            answered = time.monotonic() - started
            contact = _wait_for_contact(stack, email) if status < 300 else None
    except pinterest_sender.CannotSend as error:
        console.print(f"  not sent: {error}")
        return True
    arrived = time.monotonic() - started
    if contact is None:
        logs = stack.settings.state_dir / "logs"
        sentence = f"The lead did not become a contact: it was answered {status} {json.dumps(answer)}; see {logs}."
        print(sentence, file=sys.stderr)
        return False
    _show(stack, contact, console)
    console.print(f"answered after {answered * 1000:.0f} ms, contact seen after {arrived * 1000:.0f} ms")
    return True


def _show(stack: LocalStack, contact: Mapping[str, Any], console: Console) -> None:
    table = Table("contact", str(contact.get("id")), title=None, box=None, header_style="bold")
    for name, value in contact.items():
        if name != "id" and value not in (None, "", [], {}):
            table.add_row(name, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
    console.print(table)
    for note in _of_crm(stack, f"/contacts/{contact.get('id')}/notes").get("notes", ()):
        console.print(Panel(Text(str(note.get("body"))), title="note", title_align="left", expand=False))


def pinterest_lead(stack: LocalStack, email: str) -> dict[str, Any]:
    """A really encrypted lead of its own person."""
    secret = stack.secret("PinterestKeysSecretArn")
    key = pinterest_sender.live_key(secret, pinterest_sender.ACCOUNT, pinterest_sender.FORM)
    # Another person each time: a CRM that remembers earlier ones would take the same phone number for the same contact.
    answers = pinterest_sender.example_answers(1 + secrets.randbelow(500)) | {"EMAIL": email}
    return pinterest_sender.build_lead(answers, key=key)


def _send_pinterest(stack: LocalStack, email: str) -> tuple[int, Any]:
    return pinterest_sender.send(stack.webhook_url(), [pinterest_lead(stack, email)])


def _send_facebook(stack: LocalStack, email: str) -> tuple[int, Any]:
    """A lead on the Graph sandbox's form, and the notification of it, which holds its id only."""
    lead = facebook_sender.example_lead(1 + secrets.randbelow(500))
    for answer in lead["field_data"]:
        if answer["name"] == "email":
            answer["values"] = [email]
    made = facebook_sender.add_leads(stack.graph_api_url, [lead], PAGE)
    body = facebook_sender.notification(made, PAGE)
    return facebook_sender.send(stack.webhook_url("facebook"), body, stack.secret("FacebookSecretArn")["app_secret"])


def _send_leadconnector(stack: LocalStack, email: str) -> tuple[int, Any]:
    """A contact that somebody makes in the source location; the CRM tells of it by itself, signed."""
    contact = {**leadconnector_sender.example_contact(1 + secrets.randbelow(500)), "email": email}
    order = {"location": SOURCE_LOCATION, **contact}
    return leadconnector_sender.administer(stack.contacts_api_url, "/contacts", order)


# Source → what is sent, and who sends it.
SENDERS: Mapping[str, tuple[str, Callable[[LocalStack, str], tuple[int, Any]]]] = {
    "pinterest": ("one encrypted Pinterest lead", _send_pinterest),
    "facebook": ("one Facebook lead", _send_facebook),
    "leadconnector": ("one contact of another CRM location", _send_leadconnector),
}


def _wait_for_contact(stack: LocalStack, email: str) -> dict[str, Any] | None:
    """Ask the CRM itself, whichever it is, until it knows the e-mail address."""
    deadline = time.monotonic() + ARRIVAL_SECONDS
    while time.monotonic() < deadline:
        query = {"locationId": next(iter(stack.tokens)), "email": email}
        contact = _of_crm(stack, "/contacts/search/duplicate", **query).get("contact")
        if contact:
            return dict(contact)
        time.sleep(0.2)
    return None


def _of_crm(stack: LocalStack, path: str, **query: str) -> dict[str, Any]:
    """What the CRM answers to a GET with the first location's token; {} when it has nothing to say."""
    token = next(iter(stack.tokens.values()))
    headers = {"Authorization": f"Bearer {token}", "Version": "2021-07-28", "Accept": "application/json"}
    url = stack.contacts_api_url + path
    try:
        answer = urllib3.request("GET", url, fields=query, headers=headers, retries=False, timeout=10)
        found = json.loads(answer.data) if answer.status == 200 else {}
    except (urllib3.exceptions.HTTPError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
