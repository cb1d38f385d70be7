"""One lead of each source on its way through a local stack, and the contact that comes of it."""

import json
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

from infra.local.example_leads import SENDERS, fresh_email, pinterest_lead
from infra.local.running_stack import CannotSend
from infra.local.stack import LocalStack

__all__ = ["SENDERS", "demonstrate", "pinterest_lead"]

ARRIVAL_SECONDS = 30.0
Step = Callable[[str], AbstractContextManager[None]]


def demonstrate(stack: LocalStack, console: Console, step: Step) -> bool:
    """Send a lead of each source and print its contact; False, with the reason, when one does not arrive."""
    arrived = [_arrives(stack, source, console, step) for source in SENDERS]
    return all(arrived)


def _arrives(stack: LocalStack, source: str, console: Console, step: Step) -> bool:
    title, send = SENDERS[source]
    email = fresh_email()
    started = time.monotonic()
    try:
        with step(f"Sending {title}"):
            status, answer = send(stack, email)
            answered = time.monotonic() - started
            contact = _wait_for_contact(stack, email) if status < 300 else None
    except CannotSend as error:
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
