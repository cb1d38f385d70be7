"""The local stack's front door hands webhooks on untouched, and nothing else to nobody else."""

import http.client
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from infra.local.front_door import LARGEST_BODY, FrontDoor

API_HOST = "abc123.execute-api.localhost:4566"


class _Gateway(BaseHTTPRequestHandler):
    """Remembers what it is asked and answers like the emulator."""

    seen: list[tuple[str, str, dict[str, str], bytes]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.seen.append((self.command, self.path, dict(self.headers.items()), body))
        self.send_response(202)
        self.send_header("Content-Type", "application/json")
        self.send_header("Access-Control-Allow-Origin", "*")
        self.send_header("X-Kept", "yes")
        self.end_headers()
        self.wfile.write(b'{"accepted":1}')

    do_PUT = do_POST  # noqa: N815  (http.server's names)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def gateway() -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Gateway)
    server.seen = []
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def door(gateway) -> Iterator[FrontDoor]:
    door = FrontDoor(0, f"http://127.0.0.1:{gateway.server_port}", API_HOST)
    door.start()
    yield door
    door.stop()


def ask(door, method, path, body=None, headers=None, host=None, chunked=False):
    connection = http.client.HTTPConnection("127.0.0.1", door.server_port, timeout=5)
    given = {"Host": host or f"127.0.0.1:{door.server_port}"} | (headers or {})
    connection.request(method, path, body, given, encode_chunked=chunked)
    answer = connection.getresponse()
    payload = answer.read()
    connection.close()
    return answer.status, answer.headers, payload


def test_a_webhook_reaches_the_gateway_as_it_came(door, gateway):
    """Method, path, headers and bytes; only the host is the gateway's."""
    body = bytes(range(256))
    headers = {
        "Content-Type": "application/octet-stream",
        "X-Signature": "s",
        "Connection": "close, X-Hop",
        "X-Hop": "1",
    }
    status, answered, payload = ask(door, "POST", "/webhooks/pinterest/tok%2Fen?a=%20b", body, headers)
    assert (status, payload, answered["X-Kept"]) == (202, b'{"accepted":1}', "yes")
    [(method, path, seen, received)] = gateway.seen
    assert (method, path, received) == ("POST", "/webhooks/pinterest/tok%2Fen?a=%20b", body)
    assert seen["Host"] == API_HOST
    assert seen["X-Signature"] == "s"
    assert "X-Hop" not in seen


def test_a_chunked_body_is_put_together(door, gateway):
    """The gateway gets a length."""
    headers = {"Transfer-Encoding": "chunked"}
    assert ask(door, "PUT", "/webhooks/x/y", iter([b"one", b"two"]), headers, chunked=True)[0] == 202
    assert gateway.seen[0][3] == b"onetwo"


def test_web_pages_elsewhere_cannot_read_answers(door):
    """What the emulator allows to every page is not passed on."""
    assert not [
        name for name in ask(door, "POST", "/webhooks/x/y", b"[]")[1] if name.lower().startswith("access-control")
    ]


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1", "127.0.0.1:1", "evil.example:{port}", "localhost.evil:{port}"]
)
def test_a_foreign_host_is_refused(door, gateway, host):
    """A name pointed at loopback opens nothing."""
    assert ask(door, "POST", "/webhooks/x/y", b"[]", host=host.format(port=door.server_port))[0] == 403
    assert gateway.seen == []


@pytest.mark.parametrize("host", ["localhost", "[::1]"])
def test_this_machine_has_several_names(door, host):
    """All of them are loopback."""
    assert ask(door, "POST", "/webhooks/x/y", b"[]", host=f"{host}:{door.server_port}")[0] == 202


@pytest.mark.parametrize(
    "path", ["/_ministack/reset", "/webhooks", "/webhooks/../_ministack/reset", "/webhooks/%2e%2e/x", "//x"]
)
def test_nothing_but_webhooks_is_handed_on(door, gateway, path):
    """The emulated AWS is not reachable through the door."""
    assert ask(door, "POST", path, b"")[0] == 404
    assert gateway.seen == []


def test_the_first_page_says_what_is_where(door):
    """A person who opens the address learns where to go."""
    status, headers, text = ask(door, "GET", "/")
    assert (status, headers.get_content_type()) == (200, "text/plain")
    assert door.url in text.decode()


def test_a_body_too_large_for_the_gateway_is_refused_unread(door, gateway):
    """As API Gateway refuses it."""
    assert ask(door, "POST", "/webhooks/x/y", headers={"Content-Length": str(LARGEST_BODY + 1)})[0] == 413
    assert gateway.seen == []


def test_a_gateway_that_is_gone_is_told_in_one_sentence(door, gateway):
    """And where to look."""
    gateway.shutdown()
    gateway.server_close()
    status, _, payload = ask(door, "POST", "/webhooks/x/y", b"[]")
    assert status == 502
    assert b"cannot be reached" in payload
