"""The remote sides of a benchmark: AWS and the CRM in a process of their own, answering at once."""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from typing import ClassVar

SECRETS = {
    "webhook-token": {"token": "bench"},
    "pinterest-keys": {
        "subscriptions": [
            {
                "ad_account_id": "111764359001",
                "lead_form_id": None,
                "cryptographic_key": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
                "retired_at": None,
            }
        ]
    },
    "contacts": {"locations": {"ve9EPM428h8vShlRW1KT": {"token": "pit-bench"}}},
}
# A contact that is known already, with the answers that warm_lead.py gives.
CONTACT = {
    "id": "c1",
    "locationId": "ve9EPM428h8vShlRW1KT",
    "name": "Ada Lovelace",
    "firstName": "Ada",
    "lastName": "Lovelace",
    "email": "ada@example.com",
    "phone": "+12128675309",
    "country": "US",
    "city": "New York",
    "source": "Trade fair",
    "assignedTo": "user-1",
    "dateAdded": "2026-01-01T00:00:00.000Z",
}
ANSWERS = {
    "GET /contacts/search/duplicate": {"contact": CONTACT},
    "POST /contacts/upsert": {"new": False, "contact": CONTACT, "traceId": "t1"},
    "POST /contacts/c1/notes": {"note": {"id": "n1"}},
}
# As on every answer of the CRM, but for a limit that no benchmark reaches.
LIMITS = (
    "X-RateLimit-Limit-Daily: 99000000\r\nX-RateLimit-Daily-Remaining: 98000000\r\n"
    "X-RateLimit-Interval-Milliseconds: 10000\r\nX-RateLimit-Max: 9900000\r\nX-RateLimit-Remaining: 9800000\r\n"
)


class RemoteSides(asyncio.Protocol):
    """HTTP/1.1 with keep-alive, and no more of it than the two clients speak. Counts what it is asked."""

    asked: ClassVar[Counter[str]] = Counter()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.received = b""

    def data_received(self, data: bytes) -> None:
        self.received += data
        while b"\r\n\r\n" in self.received:
            head, _, rest = self.received.partition(b"\r\n\r\n")
            first, *lines = head.decode("latin-1").split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
            length = int(headers.get("content-length", 0))
            if len(rest) < length:
                return
            body, self.received = rest[:length], rest[length:]
            self.transport.write(self.answer(first, headers, body))

    def answer(self, first: str, headers: dict[str, str], body: bytes) -> bytes:
        operation = headers.get("x-amz-target", "").rpartition(".")[2] or " ".join(first.partition("?")[0].split()[:2])
        if operation == "GET /counts":
            content = json.dumps(self.asked).encode()
            self.asked.clear()
        else:
            self.asked[operation] += 1
            content = self.content(operation, body)
        head = f"HTTP/1.1 200 OK\r\n{LIMITS}Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
        return head.encode() + content

    def content(self, operation: str, body: bytes) -> bytes:
        if operation == "GetSecretValue":
            name = json.loads(body)["SecretId"]
            return json.dumps({"Name": name, "SecretString": json.dumps(SECRETS[name])}).encode()
        return json.dumps(ANSWERS.get(operation, {})).encode()


async def serve() -> None:
    """Listens on a free loopback port, prints it, and runs until standard input closes."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(RemoteSides, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(serve())
