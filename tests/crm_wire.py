"""The real CRM client on a wire without sockets: a call goes straight into the Contacts sandbox, or is lost."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec

from infra.local.contacts_sandbox import ContactsSandbox
from infra.local.sandbox.web import Call
from leads.core.errors import TryAgain
from leads.crm.client import Client
from leads.crm.contacts import Contacts
from leads.crm.custom_fields import CustomFields
from leads.crm.notes import Notes
from leads.crm.tags import Tags
from leads.crm.tasks import Tasks
from leads.flow.steps import Crm
from tests.fakes import LOCATION, Clock, FakeSecret

TOKEN = "pit-test"

_OPERATIONS = (
    (r"GET /contacts/search/duplicate", "search"),
    (r"POST /contacts/upsert", "upsert"),
    (r"GET /contacts/[^/]+", "read"),
    (r"PUT /contacts/[^/]+", "update"),
    (r"POST /contacts/[^/]+/tags", "tags"),
    (r"DELETE /contacts/[^/]+/tags", "tags off"),
    (r"POST /contacts/[^/]+/notes", "note"),
    (r"GET /contacts/[^/]+/notes", "notes"),
    (r"POST /contacts/[^/]+/tasks", "task"),
    (r"GET /contacts/[^/]+/tasks", "tasks"),
    (r"DELETE /contacts/[^/]+/notes/[^/]+", "note off"),
    (r"DELETE /contacts/[^/]+/tasks/[^/]+", "task off"),
    (r"GET /locations/[^/]+/customFields", "custom fields"),
)


class Answered(msgspec.Struct, frozen=True):
    """What comes back over the wire."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass
class Wire:
    """Carries calls to the sandbox; what is in `before` or `after` under an operation's name, or "*", is raised.

    before: the call is lost on its way; after: the sandbox has done it, and its answer is lost.
    calls: the operations that reached the sandbox.
    """

    sandbox: ContactsSandbox = field(default_factory=lambda: ContactsSandbox(tokens={TOKEN: LOCATION}))
    before: dict[str, list[BaseException]] = field(default_factory=dict)
    after: dict[str, list[BaseException]] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    clock: Clock | None = None
    seconds: float = 0.0
    meet: Callable[[str], None] = lambda operation: None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def request(
        self, method: str, url: str, *, headers: Mapping[str, str], body: bytes | None, deadline: float
    ) -> Answered:
        address = urlsplit(url)
        operation = operation_of(method, address.path)
        if self.clock:
            self.clock.time += self.seconds
        self.meet(operation)
        self._fail(self.before, operation)
        call = Call(
            method=method,
            path=address.path,
            query=dict(parse_qsl(address.query)),
            headers={name.lower(): value for name, value in headers.items()},
            raw=body or b"",
        )
        answer = self.sandbox._answer(call)
        with self._lock:
            self.calls.append(operation)
        self._fail(self.after, operation)
        if answer.drop:
            raise TryAgain("contacts_api_unreachable", "the connection broke", ambiguous=True)
        return Answered(
            answer.status,
            {name.lower(): value for name, value in answer.headers.items()},
            msgspec.json.encode(answer.body),
        )

    def contacts(self) -> list[dict[str, Any]]:
        """Every contact with its tags, notes and tasks."""
        return self.sandbox.contacts()

    def count(self, operation: str) -> int:
        """How often an operation reached the sandbox."""
        return self.calls.count(operation)

    def _fail(self, failures: dict[str, list[BaseException]], operation: str) -> None:
        with self._lock:
            error = next((failures[name].pop(0) for name in (operation, "*") if failures.get(name)), None)
        if error is not None:
            raise error


def operation_of(method: str, path: str) -> str:
    """The short name of a call."""
    return next(name for pattern, name in _OPERATIONS if re.fullmatch(pattern, f"{method} {path}"))


def crm_over(wire: Wire, *, now: Callable[[], float], admission: Any = None) -> Crm:
    """The CRM's resources as the functions build them, over this wire."""
    secret = FakeSecret({"locations": {LOCATION: {"token": TOKEN}}})
    client = Client(wire, secret, "http://crm", now=now, admission=admission)
    return Crm(
        contacts=Contacts(client),
        tags=Tags(client),
        notes=Notes(client),
        tasks=Tasks(client),
        custom_fields=CustomFields(client, now=now),
    )
