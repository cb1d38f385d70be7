"""`make run`: brings the local stack up, sends it one encrypted lead and shows the contact that comes of it."""

import json
import os
import secrets
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import urllib3
from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from infra.local import pinterest_sender
from infra.local.settings import LocalError, from_environment
from infra.local.stack import LocalStack

ARRIVAL_SECONDS = 30.0
console = Console(highlight=False, soft_wrap=True)


def main() -> int:
    # Ended by make or a supervisor, or started in the background of a script, where Ctrl-C is ignored at first:
    # it must take its programs along all the same.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    demo = os.environ.get("DEMO", "").strip() not in ("", "0")
    started = time.monotonic()
    try:
        with LocalStack(from_environment(), step) as stack:
            arrived = demonstrate(stack)
            if not demo:
                show_addresses(stack, time.monotonic() - started)
                threading.Event().wait()
        return 0 if arrived else 1
    except KeyboardInterrupt:
        console.print("Stopped; nothing is left running.")
        return 0 if not demo else 130
    except LocalError as error:
        print(error, file=sys.stderr)
        return 1


@contextmanager
def step(title: str) -> Iterator[None]:
    """Say what is being done while it is done, and how long it took."""
    started = time.monotonic()
    if console.is_terminal:
        with console.status(f"{title} …"):
            yield
    else:
        console.print(f"  {title} …")
        yield
    console.print(f"[green]✓[/] {title}  [dim]{time.monotonic() - started:.1f} s[/]")


def demonstrate(stack: LocalStack) -> bool:
    """Send one lead through the front door and print the contact; False, with the reason, when none arrives."""
    email = f"ada.{secrets.token_hex(4)}@example.com"
    started = time.monotonic()
    with step("Sending one encrypted Pinterest lead"):
        status, answer = pinterest_sender.send(stack.webhook_url(), [_lead(stack, email)])
        answered = time.monotonic() - started
        contact = _wait_for_contact(stack, email) if status == 200 else None
    arrived = time.monotonic() - started
    if contact is None:
        logs = stack.settings.state_dir / "logs"
        print(
            f"The lead did not become a contact: the webhook answered {status} {json.dumps(answer)}; see {logs}.",
            file=sys.stderr,
        )
        return False
    table = Table("contact", str(contact.get("id")), title=None, box=None, header_style="bold")
    for name, value in contact.items():
        if name != "id" and value not in (None, "", [], {}):
            table.add_row(name, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
    console.print(table)
    for note in _of_crm(stack, f"/contacts/{contact.get('id')}/notes").get("notes", ()):
        console.print(Panel(Text(str(note.get("body"))), title="note", title_align="left", expand=False))
    console.print(f"webhook answered after {answered * 1000:.0f} ms, contact seen after {arrived * 1000:.0f} ms")
    return True


def show_addresses(stack: LocalStack, seconds: float) -> None:
    state_dir = stack.settings.state_dir
    lead_file = state_dir / "lead.json"
    lead_file.write_text(json.dumps([_lead(stack, f"grace.{secrets.token_hex(4)}@example.com")]))
    console.print(f"\n[bold]Up after {seconds:.0f} s.[/] Ctrl-C stops everything.")
    console.print(f"  front door  {stack.front_url}/")
    console.print(f"  CRM         {stack.contacts_api_url}")
    console.print(f"  AWS         {stack.aws_endpoint_url}")
    console.print(f"  all of it   {state_dir / 'stack.json'}")
    console.print("Send another lead:")
    console.print(f"  curl -d @{lead_file} {stack.webhook_url()}")
    console.print(f"  {sys.executable} -m infra.local.pinterest_sender --state-dir {state_dir} --count 3")


def _lead(stack: LocalStack, email: str) -> dict[str, Any]:
    secret = stack.secret("PinterestKeysSecretArn")
    key = pinterest_sender.live_key(secret, pinterest_sender.ACCOUNT, pinterest_sender.FORM)
    # Another person each time: a CRM that remembers earlier ones would take the same phone number for the same contact.
    answers = pinterest_sender.example_answers(1 + secrets.randbelow(500)) | {"EMAIL": email}
    return pinterest_sender.build_lead(answers, key=key)


def _wait_for_contact(stack: LocalStack, email: str) -> dict[str, Any] | None:
    """Ask the CRM itself, whichever it is, until it knows the e-mail address."""
    location = next(iter(stack.tokens))
    deadline = time.monotonic() + ARRIVAL_SECONDS
    while time.monotonic() < deadline:
        contact = _of_crm(stack, "/contacts/search/duplicate", locationId=location, email=email).get("contact")
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


if __name__ == "__main__":
    sys.exit(main())
