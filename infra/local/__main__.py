"""`make run`: brings the local stack up, sends it one lead of each source and shows the contacts they become.

With BARE=1 its secrets stay empty, as `sam deploy` leaves them, and it is set up with `leadrelay init`.
"""

import json
import os
import secrets
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console

from infra.local.demo import SENDERS, demonstrate, pinterest_lead
from infra.local.settings import LocalError, from_environment
from infra.local.stack import LocalStack

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
            arrived = stack.settings.bare or demonstrate(stack, console, step)
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


def show_addresses(stack: LocalStack, seconds: float) -> None:
    state_dir = stack.settings.state_dir
    console.print(f"\n[bold]Up after {seconds:.0f} s.[/] Ctrl-C stops everything.")
    console.print(f"  console     {stack.front_url}/")
    console.print(f"  CRM         {stack.contacts_api_url}")
    console.print(f"  AWS         {stack.aws_endpoint_url}")
    console.print(f"  all of it   {state_dir / 'stack.json'}")
    if stack.settings.bare:
        console.print("Nothing is set up. Go on with docs/first-hour.md; what it asks for is in:")
        console.print(f"  {stack.accounts.environment_file(state_dir)}")
        return
    lead_file = state_dir / "lead.json"
    lead_file.write_text(json.dumps([pinterest_lead(stack, f"grace.{secrets.token_hex(4)}@example.com")]))
    console.print("Send another lead:")
    console.print(f"  curl -d @{lead_file} {stack.webhook_url()}")
    for source in SENDERS:
        console.print(f"  {sys.executable} -m infra.local.{source}_sender --state-dir {state_dir} --count 3")


if __name__ == "__main__":
    sys.exit(main())
