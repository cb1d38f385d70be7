"""A small threaded HTTP/1.1 server on loopback that keeps connections alive and stops at once.

Werkzeug's server closes every connection after one answer, which would hide faults of a keep-alive client.
"""

import contextlib
import json
import socket
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

LARGEST_BODY = 10 * 1024 * 1024


@dataclass(frozen=True)
class Call:
    """One request: header names in lower case, path without the query."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    raw: bytes

    @cached_property
    def text(self) -> str:
        return self.raw.decode("utf-8", "replace")

    @cached_property
    def parts(self) -> tuple[str, ...]:
        """The path's segments, percent-decoded one by one, so that an id may hold a slash."""
        return tuple(unquote(part) for part in self.path.strip("/").split("/"))

    @property
    def token(self) -> str:
        scheme, _, token = self.headers.get("authorization", "").partition(" ")
        return token.strip() if scheme.lower() == "bearer" else ""

    def json(self) -> Any:
        """The body as JSON, {} when there is none; ValueError when it is not JSON."""
        if not self.raw:
            return {}
        try:
            return json.loads(self.raw.decode("utf-8"), parse_constant=_no_constant)
        except RecursionError:
            raise ValueError("nested too deeply") from None


@dataclass(frozen=True)
class Answer:
    """One answer; `drop` closes the connection instead of answering."""

    status: int
    body: Any = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    drop: bool = False


class LoopbackServer(ThreadingHTTPServer):
    """Serves `answer` on 127.0.0.1; port 0 takes a free one."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port: int, answer: Callable[[Call], Answer], name: str) -> None:
        self.answer = answer
        self._name = name
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        super().__init__(("127.0.0.1", port), _Connection)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def start(self) -> None:
        self._thread = threading.Thread(target=self.serve_forever, args=(0.02,), name=self._name, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop listening and cut every open connection, so that no pooled client goes on talking to us."""
        if self._thread:
            self.shutdown()
            self._thread.join()
        self.server_close()
        with self._lock:
            for connection in self._open:
                _hang_up(connection)

    def server_bind(self) -> None:
        # HTTPServer would look up this host's name here, which can take seconds without a name server.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, *_: Any) -> None:
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):  # a client that went away is no news
            print(f"The {self._name} failed on a request: {type(error).__name__}: {error}", file=sys.stderr)


class _Connection(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else each answer on a kept connection waits 40 ms for the client's ACK
    wbufsize = -1
    server_version = "contacts-sandbox"
    sys_version = ""
    server: LoopbackServer

    def _answer(self) -> None:
        raw = self._body()
        if raw is None:
            return
        url = urlsplit(self.path)
        call = Call(
            method=self.command,
            path=url.path,
            query=dict(parse_qsl(url.query, keep_blank_values=True)),
            headers={key.lower(): value for key, value in self.headers.items()},
            raw=raw,
        )
        answer = self.server.answer(call)
        if answer.drop:
            self.close_connection = True
            _hang_up(self.connection)
        else:
            self._send(answer)

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = _answer

    def _body(self) -> bytes | None:
        length = self.headers.get("Content-Length", "0")
        if self.headers.get("Transfer-Encoding"):
            self._refuse(411, "Send a Content-Length.")
            return None
        if not (length.isascii() and length.isdigit()):
            self._refuse(400, "Content-Length is not a number.")
            return None
        if int(length) > LARGEST_BODY:
            self._refuse(413, "request entity too large")
            return None
        return self.rfile.read(int(length))

    def _refuse(self, status: int, message: str) -> None:
        self.close_connection = True  # the unread body would be taken for the next request
        self._send(Answer(status, {"statusCode": status, "message": message}, {"Connection": "close"}))

    def _send(self, answer: Answer) -> None:
        payload = json.dumps(answer.body).encode()
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: GET /_sandbox/requests tells more."""


def _hang_up(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):  # it may be gone already
        connection.shutdown(socket.SHUT_RDWR)


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")
