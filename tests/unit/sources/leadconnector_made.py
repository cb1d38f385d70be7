"""Sends LeadConnector events the way the platform and workflows do, and stands in for a location's records."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from leads.core.errors import Misconfigured, TryAgain
from leads.core.lead import Envelope, Lead
from leads.core.request import Reading, Request
from leads.sources.leadconnector import LeadConnector
from leads.sources.leadconnector_outcomes import Outcomes
from leads.sources.own_seal import OwnSeal
from tests.fakes import FakeSecret

PLACE = "srcLocation0000000001"
OTHER_PLACE = "srcLocation0000000002"
APP = "65a0b1c2d3e4f5a6b7c8d9e0"
CONTACT = "nmFmQEsNgz6AVpgLVUJ0"
NOW = 1_800_000_000.0
RECEIVED = "2027-01-15T08:00:00.000+00:00"
DEADLINE = NOW + 10
WORKFLOW_SECRET = "workflow-secret-of-the-test"

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER_KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))

ADA = {
    "id": CONTACT, "locationId": PLACE, "firstName": "Ada", "lastName": "Lovelace", "name": "Ada Lovelace",
    "email": "ada@example.com", "phone": "+12125550123", "tags": ["stage: lead", "vip"], "source": "website",
    "dateAdded": "2026-11-21T05:21:00.000Z", "dateOfBirth": "1990-12-10T00:00:00.000Z",
    "customFields": [{"id": "fieldBudget", "value": "over 10k"}],
}  # fmt: skip


def pem_of(key: Any) -> str:
    """The public half as the secret holds it."""
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def signed(body: bytes, key: Any = KEY) -> dict[str, str]:
    """The headers of a signed webhook."""
    if isinstance(key, rsa.RSAPrivateKey):
        signature = key.sign(body, padding.PKCS1v15(), SHA256())
        return {"x-wh-signature": base64.b64encode(signature).decode()}
    return {"x-ghl-signature": base64.b64encode(key.sign(body)).decode()}


def secret(**changes: Any) -> dict[str, Any]:
    """The LeadConnector secret with the test's own key instead of the published one."""
    return {
        "locations": [PLACE], "app_ids": [APP], "workflow_secret": WORKFLOW_SECRET, "public_keys": [pem_of(KEY)],
    } | changes  # fmt: skip


def event(type_: str = "ContactCreate", record: Mapping[str, Any] = ADA, **changes: Any) -> dict[str, Any]:
    """A delivery as it really comes: flat, with ids of its own."""
    return {
        "type": type_, "locationId": PLACE, "appId": APP, "versionId": APP, "timestamp": "2026-11-21T05:21:01.000Z",
        "webhookId": "9062e8fb-0c9e-4b0e-a1c5-6f7ad1f6cf6c",
    } | dict(record) | changes  # fmt: skip


class Tokens:
    """The webhook's tokens, the current one first."""

    def __init__(self, *tokens: str, later: tuple[str, ...] = ()) -> None:
        self.tokens = tokens
        self.later = later or tokens

    def current(self) -> tuple[str, ...]:
        return self.tokens

    def reread(self) -> tuple[str, ...]:
        self.tokens = self.later
        return self.tokens


@dataclass
class FakeRecords:
    """A location's records in memory; without `has_token` it is one that nobody may read."""

    contacts: dict[str, dict[str, Any]] = field(default_factory=dict)
    notes_of: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    tasks_of: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    opportunities: dict[str, dict[str, Any]] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=lambda: {"fieldBudget": "contact.budget"})
    has_token: bool = True
    may_list_tasks: bool = True
    search_shows_body: bool = True
    fails: dict[str, Exception] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def contact(self, location_id: str, contact_id: str, *, deadline: float) -> dict[str, Any] | None:
        self._ask("contact")
        return self.contacts.get(contact_id)

    def note(self, location_id: str, contact_id: str, note_id: str, *, deadline: float) -> dict[str, Any] | None:
        self._ask("note")
        return next((note for note in self.notes_of.get(contact_id, []) if note["id"] == note_id), None)

    def task(self, location_id: str, contact_id: str, task_id: str, *, deadline: float) -> dict[str, Any] | None:
        self._ask("task")
        return next((task for task in self.tasks_of.get(contact_id, []) if task["id"] == task_id), None)

    def task_anywhere(self, location_id: str, task_id: str, title: str, *, deadline: float) -> dict[str, Any] | None:
        self._ask("task_anywhere")
        return next((task for task in self._all_tasks() if task["id"] == task_id), None)

    def opportunity(self, location_id: str, opportunity_id: str, *, deadline: float) -> dict[str, Any] | None:
        self._ask("opportunity")
        return self.opportunities.get(opportunity_id)

    def custom_field_keys(self, location_id: str, *, deadline: float) -> dict[str, str]:
        return self.keys if self.has_token else {}

    def contacts_page(
        self, location_id: str, cursor: str, *, changed_since: float | None, limit: int, deadline: float
    ) -> list[tuple[dict[str, Any], str]]:
        self._ask("contacts_page")
        start = int(cursor or 0)
        found = list(self.contacts.values())
        page = found[start : start + limit]
        return [(one, str(at) if at < len(found) else "") for at, one in enumerate(page, start=start + 1)]

    def tasks_page(self, location_id: str, cursor: str, *, deadline: float) -> tuple[list[dict[str, Any]], str] | None:
        self._ask("tasks_page")
        return (self._all_tasks(), "") if self.may_list_tasks else None

    def notes(self, location_id: str, contact_id: str, *, deadline: float) -> list[dict[str, Any]]:
        self._ask(f"notes {contact_id}")
        return self.notes_of.get(contact_id, [])

    def tasks(self, location_id: str, contact_id: str, *, deadline: float) -> list[dict[str, Any]]:
        self._ask(f"tasks {contact_id}")
        return self.tasks_of.get(contact_id, [])

    def _all_tasks(self) -> list[dict[str, Any]]:
        found = [{**task, "contactId": owner} for owner, tasks in self.tasks_of.items() for task in tasks]
        if not self.search_shows_body:
            found = [{name: value for name, value in task.items() if name != "body"} for task in found]
        return found

    def _ask(self, what: str) -> None:
        self.asked.append(what)
        if what in self.fails:
            raise self.fails[what]
        if not self.has_token:
            raise Misconfigured(f"the Contacts secret has no token for location {PLACE}; store one under it")


def timed_out() -> TryAgain:
    return TryAgain("contacts_api_timeout", "no whole answer within 2.0 s")


@dataclass
class Side:
    """A source with all that it stands on."""

    secret: FakeSecret = field(default_factory=lambda: FakeSecret(secret()))
    records: FakeRecords = field(default_factory=lambda: FakeRecords(contacts={CONTACT: ADA}))
    tokens: Tokens = field(default_factory=lambda: Tokens("token-of-the-test"))
    now: float = NOW
    outcomes: Outcomes | None = None

    @property
    def source(self) -> LeadConnector:
        seal = OwnSeal(self.tokens)
        return LeadConnector(self.secret, seal, self.records, now=lambda: self.now, outcomes=self.outcomes)

    def read(
        self, body: Any, headers: Mapping[str, str] | None = None, key: Any = KEY, query: Mapping[str, str] = {}
    ) -> Reading:
        """One delivery, signed with `key` unless headers are given."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        sent = dict(signed(data, key) if headers is None else headers)
        request = Request(source="leadconnector", token="t", body=data, headers=sent, query=dict(query))
        return self.source.read(request, received_at=RECEIVED)

    def workflow(self, body: Any, query: Mapping[str, str] = {}) -> Reading:
        """One delivery of a workflow's Custom Webhook."""
        return self.read(body, {"x-leadrelay-secret": WORKFLOW_SECRET}, query=query)

    def open(self, body: Any) -> Lead:
        """The lead of a signed delivery of one event."""
        (envelope,) = self.read(body).envelopes
        return self.source.open(envelope, deadline=DEADLINE)

    def open_later(self, envelope: Envelope) -> Lead:
        """The lead after its time in the queue, where all that is kept is `raw`."""
        raw = json.loads(json.dumps(envelope.raw))
        return self.source.open(self.source.wrap(raw, received_at=envelope.received_at), deadline=DEADLINE)
