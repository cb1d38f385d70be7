"""The local stack's only way in from outside: the console, and webhooks for the emulated API Gateway; nothing else."""

import contextlib
import http.client
import json
import select
import socket
import threading
from collections.abc import Generator, Iterable
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from infra.local.console.call import Call

if TYPE_CHECKING:
    from infra.local.console.web import Console

# What API Gateway takes at most, and how long it waits for a function.
LARGEST_BODY = 10 * 1024 * 1024
GATEWAY_SECONDS = 35.0
# RFC 9110 section 7.6.1, and what both sides have to say for themselves.
OWN_HEADERS = {
    *("connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te", "trailer"),
    *("transfer-encoding", "upgrade", "host", "content-length", "expect"),
}
WELCOME = """LeadRelay, running on this machine.

Webhooks   POST {url}/webhooks/<source>/<token>   (the URLs are in stack.json of the state folder, as "webhooks")
AWS        {aws}   (region, stack name and outputs: the same file)
"""


class FrontDoor(ThreadingHTTPServer):
    """Serves 127.0.0.1:`port` (0: a free one) in the background; `api_host` is the emulated API's own host name.

    Without a `console` there is none, and the first page is plain text.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port: int, aws_endpoint_url: str, api_host: str, console: "Console | None" = None) -> None:
        super().__init__(("127.0.0.1", port), _Visitor)
        self.aws_endpoint_url = aws_endpoint_url
        self.api_host = api_host
        self.console = console
        self._thread = threading.Thread(target=self.serve_forever, args=(0.1,), name="front door", daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    @property
    def hosts(self) -> set[str]:
        return {f"{name}:{self.server_port}" for name in ("127.0.0.1", "localhost", "[::1]")}

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        if self.console:
            self.console.stop()
        self.shutdown()
        self.server_close()
        self._thread.join()

    def server_bind(self) -> None:
        # HTTPServer would look up this host's name here, which can take seconds without a name server.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_name, self.server_port = self.socket.getsockname()

    def handle_error(self, *_: object) -> None:
        """Say nothing: a visitor who hangs up is no news."""


class _Visitor(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    timeout = 120
    server_version = "front-door"
    sys_version = ""
    server: FrontDoor

    def _answer(self) -> None:
        path, console = urlsplit(self.path).path, self.server.console
        if self.headers.get("Host") not in self.server.hosts:
            # A web page elsewhere may point a name of its own at 127.0.0.1 and reach us through its visitor's browser.
            self._refuse(403, "This address is for this machine only.")
        elif path == "/" and self.command in ("GET", "HEAD") and not (console and self._wants_page()):
            text = WELCOME.format(url=self.server.url, aws=self.server.aws_endpoint_url)
            self._send(200, [("Content-Type", "text/plain; charset=utf-8"), ("Vary", "Accept")], text.encode())
        elif console and console.has(path):
            self._open_console(console, path)
        elif not path.startswith("/webhooks/") or ".." in unquote(path).split("/"):
            self._refuse(404, "There is nothing here; webhooks are at /webhooks/<source>/<token>.")
        else:
            body = self._body()
            if body is not None:
                self._forward(body)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _answer  # noqa: N815  (http.server's names)

    def _wants_page(self) -> bool:
        """Everybody does who does not ask for plain text only."""
        return self.headers.get("Accept", "*/*").partition(";")[0].strip().lower() != "text/plain"

    def _open_console(self, console: "Console", path: str) -> None:
        body = self._body()
        if body is None:
            return
        answer = console.answer(Call(self.command, path, self.headers, body, self._is_there))
        if isinstance(answer.payload, bytes):
            self._send(answer.status, answer.headers, answer.payload)
        else:
            self._stream(answer.status, answer.headers, answer.payload)

    def _stream(self, status: int, headers: Iterable[tuple[str, str]], parts: Generator[bytes, None, None]) -> None:
        self.close_connection = True  # nobody knows how long it gets, so its end is the connection's
        self.send_response(status)
        for name, value in (*headers, ("Connection", "close")):
            self.send_header(name, value)
        self.end_headers()
        with contextlib.closing(parts):
            for part in parts:
                self.wfile.write(part)
                self.wfile.flush()

    def _is_there(self) -> bool:
        """Whether the other side still holds the connection, of which it has nothing more to say."""
        try:
            readable, _, _ = select.select([self.connection], [], [], 0)
            return not readable or self.connection.recv(1, socket.MSG_PEEK) != b""
        except (OSError, ValueError):
            return False

    def _forward(self, body: bytes) -> None:
        gateway = urlsplit(self.server.aws_endpoint_url)
        connection = http.client.HTTPConnection(gateway.hostname or "", gateway.port, timeout=GATEWAY_SECONDS)
        try:
            connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            connection.putheader("Host", self.server.api_host)
            for name, value in _passed_on(self.headers):
                connection.putheader(name, value)
            connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            answer = connection.getresponse()
            payload = answer.read()
        except TimeoutError:
            self._refuse(504, "The emulated API Gateway did not answer in time.")
        except (OSError, http.client.HTTPException):
            self._refuse(502, "The emulated API Gateway cannot be reached; see logs/ministack.log in the state folder.")
        else:
            # The emulator lets every web page read every answer; API Gateway would not.
            headers = [item for item in _passed_on(answer.msg) if not item[0].lower().startswith("access-control-")]
            self._send(answer.status, headers, payload)
        finally:
            connection.close()

    def _body(self) -> bytes | None:
        """The body as it came, or None when it was refused."""
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            return self._chunks()
        length = self.headers.get("Content-Length", "0")
        if not (length.isascii() and length.isdigit()):
            self._refuse(400, "Content-Length is not a number.")
        elif int(length) > LARGEST_BODY:
            self._refuse(413, "The body is larger than API Gateway takes (10 MiB).")
        else:
            return self.rfile.read(int(length))
        return None

    def _chunks(self) -> bytes | None:
        body = bytearray()
        try:
            while size := int(self.rfile.readline(100).split(b";")[0], 16):
                if size < 0 or len(body) + size > LARGEST_BODY:
                    self._refuse(413, "The body is larger than API Gateway takes (10 MiB).")
                    return None
                body += self.rfile.read(size)
                self.rfile.readline(3)
        except ValueError:
            self._refuse(400, "The chunks of the body are malformed.")
            return None
        while self.rfile.readline(65537).strip():
            pass
        return bytes(body)

    def _refuse(self, status: int, sentence: str) -> None:
        self.close_connection = True  # a body that was not read would be taken for the next request
        headers = [("Content-Type", "application/json"), ("Connection", "close")]
        self._send(status, headers, json.dumps({"error": sentence}).encode())

    def _send(self, status: int, headers: Iterable[tuple[str, str]], payload: bytes) -> None:
        self.send_response(status)
        for name, value in headers:
            if name.lower() not in ("date", "server"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(payload)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: the path carries the webhook's token."""


def _passed_on(headers: Message) -> list[tuple[str, str]]:
    named = {name.strip().lower() for name in headers.get("Connection", "").split(",")}
    return [(name, value) for name, value in headers.items() if name.lower() not in OWN_HEADERS | named]
