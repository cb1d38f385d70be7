"""How a browser gets the console: the page and its files, one stream of events, and a POST for each button.

Only the page itself may use it: what comes from another web page is refused, and nothing is loaded from elsewhere.
"""

import json
from collections.abc import Generator, Mapping
from contextlib import closing
from email.message import Message
from pathlib import Path
from typing import Any

from infra.local.console.actions import ACTIONS, NotDone, act
from infra.local.console.call import Answer, Call
from infra.local.console.state import Stack, state_of
from infra.local.console.watcher import Watcher

HERE = Path(__file__).parent
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
SAFE = (
    ("Content-Security-Policy", POLICY),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Cache-Control", "no-store"),
)
# Path → file and type; there are no others.
FILES = {
    "/": ("page.html", "text/html; charset=utf-8"),
    **{f"/console/{name}": (name, "text/css; charset=utf-8") for name in ("console.css",)},
    **{
        f"/console/{name}": (name, "text/javascript; charset=utf-8")
        for name in ("console.js", "road.js", "lists.js", "wording.js")
    },
}
EVENTS = "/console/events"
ACTION = "/console/actions/"
# How long, in milliseconds, a page waits before it connects again.
AGAIN = 1000


class Console:
    """The console of one stack."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self.watcher = Watcher(lambda: state_of(stack))

    def stop(self) -> None:
        self.watcher.stop()

    def has(self, path: str) -> bool:
        """Whether the path is the console's to answer."""
        return path in FILES or path.startswith("/console/")

    def answer(self, call: Call) -> Answer:
        """403 to another page, 404 for what there is not, 405 for the wrong method; else what was asked for."""
        if call.path in FILES:
            return self._file(call)  # a link elsewhere may lead here; no other page can read or frame it
        if not is_own_page(call.headers):
            return _refusal(403, "Only the console's own page may ask for this.")
        if call.path == EVENTS:
            return self._events(call)
        if call.path.startswith(ACTION):
            return self._action(call)
        return _refusal(404, "The console has no such page.")

    def _file(self, call: Call) -> Answer:
        if call.method not in ("GET", "HEAD"):
            return _refusal(405, "This is there to be read.", ("Allow", "GET, HEAD"))
        name, kind = FILES[call.path]
        return Answer(200, (("Content-Type", kind), *SAFE), (HERE / name).read_bytes())

    def _events(self, call: Call) -> Answer:
        if call.method != "GET":
            return _refusal(405, "This is there to be read.", ("Allow", "GET"))
        headers = (("Content-Type", "text/event-stream; charset=utf-8"), *SAFE)
        return Answer(200, headers, _stream(self.watcher.follow(call.is_there)))

    def _action(self, call: Call) -> Answer:
        name = call.path.removeprefix(ACTION)
        if name not in ACTIONS:
            return _refusal(404, "The console has no such button.")
        if call.method != "POST":
            return _refusal(405, "A button is pressed with POST.", ("Allow", "POST"))
        # A form of another page could send any other type without being asked first.
        if call.headers.get("Content-Type", "").partition(";")[0].strip().lower() != "application/json":
            return _refusal(403, "Content-Type must be application/json.")
        try:
            return _json(200, {"sentence": act(self._stack, name)})
        except NotDone as error:
            return _json(502, {"error": str(error)})


def is_own_page(headers: Message) -> bool:
    """Whether a request comes from our own page, or from no page at all; that its Host is ours is known."""
    origin, site = headers.get("Origin"), headers.get("Sec-Fetch-Site")
    return origin in (None, f"http://{headers.get('Host')}") and site in (None, "same-origin", "none")


def _stream(states: Generator[str, None, None]) -> Generator[bytes, None, None]:
    """https://html.spec.whatwg.org/multipage/server-sent-events.html: events, and comments as signs of life."""
    with closing(states):
        yield f"retry: {AGAIN}\n\n".encode()
        for state in states:
            yield f"data: {state}\n\n".encode() if state else b": still here\n\n"


def _json(status: int, told: Mapping[str, Any], *more: tuple[str, str]) -> Answer:
    return Answer(status, (("Content-Type", "application/json"), *SAFE, *more), json.dumps(told).encode())


def _refusal(status: int, sentence: str, *more: tuple[str, str]) -> Answer:
    return _json(status, {"error": sentence}, *more)
