"""Stands between the deployed functions and every remote side, and kills, cuts or keeps silent at a chosen call."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import select
import signal
import socket
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

KILL_BEFORE, KILL_AFTER = "kill before", "kill after"
CUT_BEFORE, CUT_AFTER = "cut before", "cut after"
TIME_OUT_AFTER = "time-out after"
# Longer than any client here waits for an answer.
SILENCE_SECONDS = 20.0
ANSWER_SECONDS = 30.0

_AWS = {
    "TransactWriteItems": "claim",
    "SendMessageBatch": "park",
    "SendMessage": "park",
    "ChangeMessageVisibility": "hold",
}
# The queue of what Pinterest is to hear, by its address, and the ledger's contacts of which it hears later.
_TELLS = re.compile(r'"QueueUrl": ?"[^"]*-conversions-')
_REMEMBERS = re.compile(r'"pk": ?\{"S": ?"conversions#')
_CRM = (
    ("GET", r"/contacts/search/duplicate", "search"),
    ("POST", r"/contacts/upsert", "upsert"),
    ("POST", r"/contacts/[^/]+/tags", "tags"),
    ("DELETE", r"/contacts/[^/]+/tags", "remove tags"),
    ("POST", r"/contacts/[^/]+/notes", "note"),
    ("GET", r"/contacts/[^/]+/notes", "read notes"),
    ("GET", r"/contacts/[^/]+/tasks", "read tasks"),
    ("GET", r"/contacts/[^/]+", "read contact"),
    ("PUT", r"/contacts/[^/]+", "update"),
    ("GET", r"/locations/[^/]+/customFields", "custom fields"),
)
# What a container asks once for all its leads.
OF_CONTAINER = ("secret ", "custom fields")


@dataclass
class Strike:
    """What to do at a call of one operation by one function; `times` calls in a row are struck."""

    function: str
    operation: str
    action: str
    times: int = 1
    hits: int = 0


@dataclass
class Cell:
    """One lead and what strikes it, one after the other; the last strike is what the cell is about.

    `pid` is the worker that the last strike hit. The contact's id is learned from what the CRM answers.
    """

    lead_id: str
    email: str
    strikes: Sequence[Strike]
    name: str = ""
    contact_id: str = ""
    pid: int = 0

    @property
    def next(self) -> Strike | None:
        return next((strike for strike in self.strikes if strike.hits < strike.times), None)

    @property
    def is_struck(self) -> bool:
        return self.strikes[-1].hits > 0

    def is_named_in(self, text: str) -> bool:
        return any(name in text for name in (self.lead_id, self.email, self.contact_id) if name)


@dataclass
class Call:
    """One request on its way; `address` is where the function's end of the connection is."""

    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes
    address: tuple[str, int]
    operation: str = field(init=False)

    def __post_init__(self) -> None:
        self.operation = _operation(self.method, urlsplit(self.target).path, dict(self.headers), self.body)

    @property
    def text(self) -> str:
        return unquote(self.target) + self.body.decode("utf-8", "replace")


class Interposer:
    """Proxies on loopback, one for each remote side, that know the cells; `emulator` is the pid of the emulated AWS."""

    def __init__(self, emulator: int) -> None:
        self.calls = 0
        self._emulator = emulator
        self._cells: list[Cell] = []
        self._lock = threading.Lock()
        self._proxies: list[_Proxy] = []

    def before(self, url: str) -> str:
        """The address of a new proxy in front of `url`."""
        proxy = _Proxy(url, self)
        self._proxies.append(proxy)
        threading.Thread(target=proxy.serve_forever, args=(0.05,), name="interposer", daemon=True).start()
        return f"http://127.0.0.1:{proxy.server_address[1]}"

    def arm(self, cell: Cell) -> None:
        with self._lock:
            self._cells.append(cell)

    def disarm(self) -> None:
        with self._lock:
            self._cells.clear()

    def stop(self) -> None:
        for proxy in self._proxies:
            proxy.shutdown()
            proxy.server_close()

    def strike(self, call: Call, port: int) -> tuple[str, int]:
        """What to do at a call and the worker it comes from: an action, "" for nothing."""
        with self._lock:
            self.calls += 1
            wanted = [(cell, strike) for cell in self._cells if (strike := cell.next)]
            wanted = [(cell, strike) for cell, strike in wanted if strike.operation == call.operation]
            wanted = [(cell, strike) for cell, strike in wanted if _may_be_of(cell, call)]
            if not wanted:
                return "", 0
            pid = worker_at(call.address, port, self._emulator)
            function = function_of(pid)
            for cell, strike in wanted:
                # Of a message only its receipt handle is named: the worker is the one that was struck just before.
                if strike.function == function and (call.operation != "hold" or cell.pid == pid):
                    strike.hits += 1
                    cell.pid = pid
                    return strike.action, pid
        return "", 0

    def learn(self, call: Call, answer: bytes) -> None:
        """Which contact a lead became, from the answer to an upsert or a search."""
        if call.operation in ("upsert", "search"):
            with contextlib.suppress(ValueError, TypeError, KeyError):
                contact_id = json.loads(answer)["contact"]["id"]
                with self._lock:
                    for cell in self._cells:
                        if cell.is_named_in(call.text):
                            cell.contact_id = contact_id


def worker_at(address: tuple[str, int], port: int, emulator: int) -> int:
    """The pid of the emulator's worker whose connection to our `port` begins at `address`; 0 when there is none."""
    ends = re.compile(rf"^\s*\d+: [0-9A-F]{{8}}:{address[1]:04X} [0-9A-F]{{8}}:{port:04X} ")
    lines = Path("/proc/net/tcp").read_text().splitlines()
    inodes = {f"socket:[{line.split()[9]}]" for line in lines if ends.match(line)}
    for pid in workers(emulator):
        with contextlib.suppress(OSError):
            for descriptor in Path(f"/proc/{pid}/fd").iterdir():
                with contextlib.suppress(OSError):
                    if os.readlink(descriptor) in inodes:
                        return pid
    return 0


def workers(emulator: int) -> list[int]:
    """Every process that runs a function: the emulator's children."""
    found = []
    for status in Path("/proc").glob("[0-9]*/status"):
        with contextlib.suppress(OSError):
            if f"\nPPid:\t{emulator}\n" in status.read_text():
                found.append(int(status.parent.name))
    return found


def function_of(pid: int) -> str:
    """ "webhook" or "retry": the emulator unpacks each function into a folder of its name."""
    with contextlib.suppress(OSError):
        if found := re.search(r"-(\w+)Function-", os.readlink(f"/proc/{pid}/cwd")):
            return found[1].lower()
    return ""


def kill(pid: int) -> None:
    """At once, and dead when this returns: what comes next must find nobody."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + 5
    while not is_dead(pid) and time.monotonic() < deadline:
        time.sleep(0.005)


def is_dead(pid: int) -> bool:
    """Whether the process is gone, or a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except OSError:
        return True


class _Proxy(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, url: str, interposer: Interposer) -> None:
        super().__init__(("127.0.0.1", 0), _Passage)
        self.side = urlsplit(url)
        self.interposer = interposer

    def handle_error(self, *_: object) -> None:
        """Say nothing: dead functions hang up."""


class _Passage(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: _Proxy

    def _pass(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        call = Call(self.command, self.path, list(self.headers.items()), body, self.client_address)
        interposer = self.server.interposer
        action, pid = interposer.strike(call, self.server.server_address[1])
        if action == KILL_BEFORE:
            kill(pid)
        if action in (KILL_BEFORE, CUT_BEFORE):
            self._hang_up()
            return
        status, headers, answer = self._ask(call)
        interposer.learn(call, answer)
        if action == KILL_AFTER:
            kill(pid)
        elif action == TIME_OUT_AFTER:
            select.select([self.connection], [], [], SILENCE_SECONDS)  # readable once the function has hung up
        if action:
            self._hang_up()
            return
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() not in ("content-length", "transfer-encoding", "connection"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_GET = do_POST = do_PUT = do_DELETE = _pass  # noqa: N815  (http.server's names)

    def _ask(self, call: Call) -> tuple[int, list[tuple[str, str]], bytes]:
        """The other side's answer; every header goes on as it came, as AWS calls are signed with their Host."""
        side = self.server.side
        with contextlib.closing(http.client.HTTPConnection(side.hostname or "", side.port, ANSWER_SECONDS)) as other:
            other.putrequest(call.method, call.target, skip_host=True, skip_accept_encoding=True)
            for name, value in call.headers:
                other.putheader(name, value)
            other.endheaders(call.body)
            answer = other.getresponse()
            return answer.status, answer.getheaders(), answer.read()

    def _hang_up(self) -> None:
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def _may_be_of(cell: Cell, call: Call) -> bool:
    return call.operation.startswith((*OF_CONTAINER, "hold")) or cell.is_named_in(call.text)


def _operation(method: str, path: str, headers: dict[str, str], body: bytes) -> str:
    """The call's name: a step, a ledger write, a queue call or "secret <logical id>"; "" for one without a name."""
    target = next((value for name, value in headers.items() if name.lower() == "x-amz-target"), "")
    text = body.decode("utf-8", "replace")
    if not target:
        return _crm_operation(method, path, text)
    action = target.rpartition(".")[2]
    if action == "TransactWriteItems" and ":seen_" in text:
        return "claim again"
    if action == "UpdateItem" and _REMEMBERS.search(text):
        return "remember"
    if action == "SendMessageBatch" and _TELLS.search(text):
        return "tell"
    if action == "UpdateItem":
        return "finish" if '"delivered"' in text else "let go"
    if action == "GetSecretValue":
        found = re.search(r"(\w+)Secret", text)
        return f"secret {found[1]}" if found else ""
    return _AWS.get(action, "")


def _crm_operation(method: str, path: str, text: str) -> str:
    if method == "POST" and re.fullmatch(r"/contacts/[^/]+/tasks", path):
        return f"task {json.loads(text).get('title', '?').split()[0]}"
    return next((name for verb, pattern, name in _CRM if verb == method and re.fullmatch(pattern, path)), "")
