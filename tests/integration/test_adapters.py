"""Queue, secrets and HTTP: the real adapters, and that the fakes behave alike."""

from __future__ import annotations

import json
import logging
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import boto3
import msgspec
import pytest

from leads.adapters.failed_leads_queue import FailedLeadsQueue
from leads.adapters.http import HttpClient
from leads.adapters.secret_store import Secret
from leads.core.errors import Misconfigured, TryAgain
from leads.core.lead import Envelope
from leads.core.parked_lead import Parking, parse
from tests.fakes import Clock, FakeQueue, FakeSecret
from tests.integration.conftest import AwsAccount


def parking(number: int = 1, **changes: Any) -> Parking:
    envelope = Envelope(
        source="pinterest", account="1", lead_id=str(number), raw={"lead_id": str(number), **changes}, received_at="now"
    )
    return Parking(envelope=envelope, reason="contacts_api_5xx", attempt=1)


# ---- queue -------------------------------------------------------------------------------------------------


@pytest.fixture
def queue(aws: AwsAccount) -> FailedLeadsQueue:
    return FailedLeadsQueue(lambda: aws.sqs, aws.failed_leads_url)


def test_a_parked_lead_is_readable_in_the_queue(queue: FailedLeadsQueue, aws: AwsAccount) -> None:
    """Body and attributes are what the SQS console shows."""
    assert queue.send([parking()]) == []
    [message] = aws.parked()
    assert json.loads(message["Body"]) == {
        "v": 1,
        "source": "pinterest",
        "lead_id": "1",
        "received_at": "now",
        "envelope": {"lead_id": "1"},
    }
    attributes = {name: value["StringValue"] for name, value in message["MessageAttributes"].items()}
    assert attributes == {"reason": "contacts_api_5xx", "attempt": "1"}


@pytest.mark.parametrize(("group", "sent"), [("", "pinterest:1"), ("ve9EPM428h8vShlRW1KT", "ve9EPM428h8vShlRW1KT")])
def test_sqs_is_told_whose_lead_it_is(queue: FailedLeadsQueue, aws: AwsAccount, group: str, sent: str) -> None:
    """A standard queue serves the groups in turn."""
    assert queue.send([msgspec.structs.replace(parking(), group=group)]) == []
    [message] = aws.parked()
    assert message["Attributes"]["MessageGroupId"] == sent


@pytest.mark.parametrize("text", ["\x00", "\ud800", "\ufffe\uffff", "日本語", '"\\', "😀"])
def test_whatever_a_platform_sends_passes_the_queue_unchanged(
    queue: FailedLeadsQueue, aws: AwsAccount, text: str
) -> None:
    """SQS refuses some characters; what we send is ASCII."""
    queue.send([parking(campaign_name=text)])
    [message] = aws.parked()
    assert message["Body"].isascii()
    assert parse(message["Body"]).envelope["campaign_name"] == text


def test_large_leads_travel_in_calls_that_sqs_accepts(queue: FailedLeadsQueue, aws: AwsAccount) -> None:
    """Ten leads of 190 KiB are more than one call may carry."""
    assert queue.send([parking(number, ad_name="x" * 190 * 1024) for number in range(10)]) == []
    assert len(aws.parked()) == 10


def test_a_queue_that_is_gone_gives_every_lead_back(aws: AwsAccount) -> None:
    """And says that it could not hide a message."""
    queue = FailedLeadsQueue(lambda: aws.sqs, aws.failed_leads_url + "-gone")
    parkings = [parking(1), parking(2)]
    assert queue.send(parkings) == parkings
    assert not queue.hold("handle", 5)


def test_a_partly_refused_call_gives_back_what_was_refused() -> None:
    """HTTP 200 with a list of failures inside."""

    class Sqs:
        def send_message_batch(self, **_: Any) -> dict[str, Any]:
            return {"Successful": [{"Id": "0"}, {"Id": "2"}], "Failed": [{"Id": "1"}]}

    parkings = [parking(number) for number in range(3)]
    assert FailedLeadsQueue(Sqs, "url").send(parkings) == [parkings[1]]


def test_the_fake_queue_refuses_like_the_real_one(aws: AwsAccount) -> None:
    """Everything back while broken, nothing back while well."""
    fake, parkings = FakeQueue(), [parking(1)]
    assert fake.send(parkings) == []
    fake.broken = True
    assert fake.send(parkings) == parkings
    assert not fake.hold("handle", 5)


def test_a_held_message_is_hidden(queue: FailedLeadsQueue, aws: AwsAccount) -> None:
    """Zero seconds bring it back at once."""
    queue.send([parking()])
    [message] = aws.parked()
    assert queue.hold(message["ReceiptHandle"], 0)
    [message] = aws.parked()
    assert queue.hold(message["ReceiptHandle"], 43_000)
    assert aws.parked() == []


# ---- secrets -----------------------------------------------------------------------------------------------


class CountedSecrets:
    """Secrets Manager that counts how often it is asked."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self.reads = 0

    def get_secret_value(self, **options: Any) -> Any:
        self.reads += 1
        return self.client.get_secret_value(**options)


def test_a_secret_is_read_once_and_noticed_when_changed(aws: AwsAccount) -> None:
    """Five minutes at the latest; at once when somebody has reason to ask."""
    counted, clock = CountedSecrets(aws.secrets), Clock()
    secret = Secret(lambda: counted, "contacts", now=clock)
    first = secret.current()
    assert secret.current() is first
    assert counted.reads == 1
    aws.secrets.put_secret_value(SecretId="contacts", SecretString='{"locations": {}}')
    clock.time += 5
    assert secret.reread() == {"locations": {}}
    aws.secrets.put_secret_value(SecretId="contacts", SecretString='{"locations": {"new": {}}}')
    clock.time += 301
    assert secret.current() == {"locations": {"new": {}}}


def test_junk_cannot_cause_a_storm_of_reads(aws: AwsAccount) -> None:
    """A thousand reasons to re-read within half a minute are one call."""
    counted, clock = CountedSecrets(aws.secrets), Clock()
    secret = Secret(lambda: counted, "contacts", now=clock)
    secret.current()
    clock.time += 2
    for _ in range(1000):
        secret.reread()
        clock.time += 0.029
    assert counted.reads == 2


@pytest.mark.parametrize(
    ("text", "said"), [(None, "has no value yet"), ("no json", "is not JSON"), ("[1]", "is not a JSON object")]
)
def test_an_unusable_secret_is_named_with_its_remedy(aws: AwsAccount, text: str | None, said: str) -> None:
    """Not its content; and it is asked for again soon, but not by every lead."""
    aws.secrets.create_secret(Name="odd", **({"SecretString": text} if text else {}))
    counted, clock = CountedSecrets(aws.secrets), Clock()
    secret = Secret(lambda: counted, "odd", now=clock)
    for _ in range(5):
        with pytest.raises(Misconfigured, match=said):
            secret.current()
    assert counted.reads == 1
    aws.secrets.put_secret_value(SecretId="odd", SecretString='{"a": 1}')
    clock.time += 6
    assert secret.current() == {"a": 1}


def test_a_known_value_outlives_an_outage_of_secrets_manager(aws: AwsAccount) -> None:
    """Keys do not get worse by being old."""
    counted, clock = CountedSecrets(aws.secrets), Clock()
    secret = Secret(lambda: counted, "contacts", now=clock)
    value = secret.current()
    counted.client = boto3.client("secretsmanager", "eu-central-1")
    clock.time += 1000
    assert secret.current() is value
    assert counted.reads == 2


def test_the_fake_secret_speaks_like_the_real_one() -> None:
    """Misconfigured without a value, the newer one after a re-read."""
    with pytest.raises(Misconfigured, match="has no value yet"):
        FakeSecret(None).current()
    assert FakeSecret({"a": 1}, {"a": 2}).reread() == {"a": 2}


# ---- HTTP --------------------------------------------------------------------------------------------------


class Peer(BaseHTTPRequestHandler):
    """Answers by path: /ok, /slow, /drip, /drop, /redirect, /odd (a header that is none), /together (all at once)."""

    protocol_version = "HTTP/1.1"
    connections: ClassVar[set[Any]] = set()

    def do_POST(self) -> None:
        self.connections.add(self.client_address)
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.path == "/slow":
            self.server.released.wait(5)  # type: ignore[attr-defined]
        if self.path == "/drop":
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        if self.path == "/drip":
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n")
            for _ in range(100):
                if self.server.released.wait(0.05):  # type: ignore[attr-defined]
                    break
                self.wfile.write(b"x")
                self.wfile.flush()
            return
        if self.path.startswith("/odd"):
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nthis is no header\r\n\r\n{}")
            return
        if self.path == "/together":
            self.server.gathered.wait(30)  # type: ignore[attr-defined]
        self.send_response(302 if self.path == "/redirect" else 200)
        self.send_header("X-Given", self.headers["x-given"] or "")
        self.send_header("Location", "/ok")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Silent."""


@pytest.fixture
def peer() -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Peer)
    server.released = threading.Event()  # type: ignore[attr-defined]
    Peer.connections = set()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.released.set()  # type: ignore[attr-defined]
    server.shutdown()
    thread.join()
    server.server_close()


def ask(peer: ThreadingHTTPServer, path: str, clock: Clock, client: HttpClient | None = None, **options: Any) -> Any:
    client = client or HttpClient("contacts_api", now=clock)
    options = {"headers": {"X-Given": "yes"}, "body": b"ada@example.com", "deadline": clock() + 5} | options
    return client.request("POST", f"http://127.0.0.1:{peer.server_port}{path}", **options)


def test_an_answer_comes_with_lower_case_headers(peer: ThreadingHTTPServer) -> None:
    """Bytes in, bytes out."""
    answer = ask(peer, "/ok", Clock())
    assert (answer.status, answer.headers["x-given"], answer.body) == (200, "yes", b"ada@example.com")


def test_a_name_that_nobody_has_is_unreachable() -> None:
    """Nothing was sent, so nothing can have been done."""
    clock = Clock()
    with pytest.raises(TryAgain) as caught:
        HttpClient("contacts_api", now=clock).request(
            "GET", "http://nobody.invalid/", headers={}, body=None, deadline=clock() + 2
        )
    assert (caught.value.reason, caught.value.ambiguous) == ("contacts_api_unreachable", False)


def test_a_redirect_is_not_followed(peer: ThreadingHTTPServer) -> None:
    """A token must not travel to wherever an answer points."""
    assert ask(peer, "/redirect", Clock()).status == 302


def test_connections_are_kept_but_not_trusted_after_a_long_rest(peer: ThreadingHTTPServer) -> None:
    """A container wakes up after minutes; the old connection may be dead without anybody having said so."""
    clock = Clock()
    client = HttpClient("contacts_api", now=clock)
    ask(peer, "/ok", clock, client)
    ask(peer, "/ok", clock, client)
    assert len(Peer.connections) == 1
    clock.time += 31
    ask(peer, "/ok", clock, client)
    assert len(Peer.connections) == 2


def test_a_connection_is_kept_for_every_thread_that_may_ask(peer: ThreadingHTTPServer) -> None:
    """Eight leads at once, and the steps of all: none of them opens a new one for each request."""
    threads = 24
    peer.gathered = threading.Barrier(threads)  # type: ignore[attr-defined]
    clock = Clock()
    client = HttpClient("contacts_api", now=clock)
    with ThreadPoolExecutor(threads) as pool:
        for _ in range(3):
            # Long, as all of them have to meet on a machine that may be busy.
            answers = pool.map(lambda _: ask(peer, "/together", clock, client, deadline=clock() + 30), range(threads))
            assert {answer.status for answer in answers} == {200}
    assert len(Peer.connections) == threads


class Heard(logging.Handler):
    """All that reaches the root logger, as Lambda's own handler there would write it."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


def test_nothing_is_logged_of_an_address(
    peer: ThreadingHTTPServer, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """The library below would write the whole of it, with the person in it, when a header of the answer is broken."""
    caplog.set_level(logging.DEBUG)
    heard, root = Heard(), logging.getLogger()
    root.addHandler(heard)
    try:
        ask(peer, "/odd?email=ada%40example.com&number=%2B12125550123", Clock())
    finally:
        root.removeHandler(heard)
    assert heard.lines == []
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("late", [0.0, 5.0])
def test_nothing_is_asked_after_the_deadline(peer: ThreadingHTTPServer, late: float) -> None:
    """Nobody waits for the answer any more."""
    clock = Clock()
    with pytest.raises(TryAgain) as caught:
        ask(peer, "/ok", clock, deadline=clock() - late)
    assert (caught.value.reason, caught.value.counts, caught.value.ambiguous) == ("out_of_time", False, False)
    assert Peer.connections == set()


@pytest.mark.parametrize(("path", "reason"), [("/slow", "contacts_api_timeout"), ("/drop", "contacts_api_unreachable")])
def test_no_answer_is_a_reason_to_try_again_and_tells_nothing_of_the_person(
    peer: ThreadingHTTPServer, path: str, reason: str
) -> None:
    """Tried once: whether the write happened is not known."""
    clock = Clock()
    with pytest.raises(TryAgain) as caught:
        ask(peer, path, clock, deadline=clock() + 0.3)
    assert (caught.value.reason, caught.value.ambiguous) == (reason, True)
    assert "ada" not in str(caught.value)
    assert len(Peer.connections) == 1


def test_nobody_listening_is_a_reason_to_try_again(peer: ThreadingHTTPServer) -> None:
    """A port that was just closed: nothing can have been done."""
    clock = Clock()
    closed = ThreadingHTTPServer(("127.0.0.1", 0), Peer)
    closed.server_close()
    with pytest.raises(TryAgain) as caught:
        ask(closed, "/ok", clock)
    assert (caught.value.reason, caught.value.ambiguous) == ("contacts_api_unreachable", False)


def test_an_answer_that_is_too_large_is_not_read_to_its_end(peer: ThreadingHTTPServer) -> None:
    """And is not taken for one that is late: waiting would not help."""
    clock = Clock()
    client = HttpClient("contacts_api", now=clock, largest=100_000)
    assert len(ask(peer, "/ok", clock, client, body=b"x" * 100_000).body) == 100_000
    with pytest.raises(TryAgain) as caught:
        ask(peer, "/ok", clock, client, body=b"x" * 100_001)
    assert (caught.value.reason, caught.value.ambiguous) == ("contacts_api_too_large", True)


def test_an_answer_that_drips_is_given_up_in_time(peer: ThreadingHTTPServer) -> None:
    """A byte every 50 ms never lets a socket time out; the other leads of the request must not wait for it."""
    started = time.monotonic()
    client = HttpClient("contacts_api", now=time.time)
    with pytest.raises(TryAgain) as caught:
        ask(peer, "/drip", Clock(), client, deadline=time.time() + 0.5)
    assert (caught.value.reason, caught.value.ambiguous) == ("contacts_api_timeout", True)
    assert time.monotonic() - started < 2
