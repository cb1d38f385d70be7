"""What commands ask of a CRM location: what its token may, and the contacts of a person.

Sources: the API's OpenAPI documents of contacts, locations and opportunities, and its documented refusals.
"""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from infra.cli.faults import CommandFailed
from infra.cli.vendors.web import Reply, call
from leads.core.custom_field import Definition
from leads.core.errors import LeadError, TryAgain, Undeliverable
from leads.crm import fates
from leads.crm.client import CONTACTS_VERSION

READ, WRITE, FIELDS = "contacts.readonly", "contacts.write", "locations/customFields.readonly"
TASKS, DEALS = "locations/tasks.readonly", "opportunities.readonly"
# What a token needs where leads are delivered to, and where they are read from.
DESTINATION = (READ, WRITE, FIELDS)
SOURCE = (READ, FIELDS, TASKS, DEALS)

# Nobody's: an id of the right length and letters that the CRM, whose ids are random, does not give.
_NOBODY = "LeadRelayDoctorProbe"
_LARGEST_PAGE = 100
_LONGEST_WAIT = 10.0
_REFUSED = "contacts_api_unauthorized"

# Reason (of leads/crm/fates.py, the one place that reads the API's refusals) → what it means and what to do.
REMEDIES: Mapping[str, str] = {
    _REFUSED: "it does not know the token: make one under Settings → Private Integrations and store it",
    fates.NO_SCOPE: "the token lacks a scope: add it to the integration (Settings → Private Integrations)",
    f"{_REFUSED}_location": "the token belongs to another location: store the one of this location",
    f"{_REFUSED}_token_class": "the token is an agency's: store one that was made in the location itself",
    f"{_REFUSED}_version": f"it no longer takes Version {CONTACTS_VERSION}: update LeadRelay",
    "rate_limited": "the location's rate limit is used up: repeat the command in a minute",
    "daily_limit": "the location's daily limit is used up: repeat the command tomorrow",
    "contacts_api_not_found": "there is no such record (any more)",
    fates.UNKNOWN_OPERATION: "it does not know the call: look at the stack's parameter ContactsApiUrl",
    fates.REJECTED: "it takes the question for malformed: update LeadRelay",
    "contacts_api_5xx": "it is out of order: repeat the command later",
}


class ContactsRefused(CommandFailed):
    """The CRM said no. reason: as in the functions' logs; trace_id: the API's own id of the call, "" without one."""

    def __init__(self, location: str, failed: LeadError) -> None:
        remedy = REMEDIES.get(failed.reason, f"{failed.detail or failed.reason}: repeat the command later")
        trace = f" (trace id {failed.trace_id})" if failed.trace_id else ""
        super().__init__(f"The CRM refuses location {location or '(none)'}: {remedy}.{trace}")
        self.reason = failed.reason
        self.trace_id = failed.trace_id or ""


@dataclass(frozen=True)
class ContactsApi:
    """One location, with its token. Every method raises ContactsRefused, or CommandFailed when nobody answers."""

    base_url: str
    location: str
    token: str = field(repr=False)
    timeout: float = 15.0

    def check(self, *scopes: str) -> dict[str, bool | None]:
        """Scope → whether the token has it, None where the answer does not tell; those of DESTINATION unless named.

        Nothing is written. That a token may write shows in how the change of a contact that does not exist is
        refused: for its scope, or because there is no such contact. The vendor's documents do not say which of the
        two is looked at first, so that a True for contacts.write is likely and not proven.
        Raises ContactsRefused when the token is good for nothing here.
        """
        return {scope: self._has(scope) for scope in scopes or DESTINATION}

    def custom_fields(self) -> list[Definition]:
        """The location's custom fields of contacts."""
        found = self._ask(*self._probe(FIELDS)).get("customFields")
        rows = [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []
        return [
            Definition(id=str(row.get("id") or ""), name=str(row.get("name") or ""), field_key=_text(row, "fieldKey"))
            for row in rows
        ]

    def allows_duplicates(self) -> bool | None:
        """Whether the location allows several contacts of one e-mail; None when the token may not read that.

        It takes the scope locations.readonly, which no lead needs (GET /locations/{locationId}, SettingsSchema).
        """
        try:
            location = self._ask("GET", f"/locations/{_part(self.location)}").get("location")
        except ContactsRefused as refused:
            if refused.reason in ("rate_limited", "daily_limit", "contacts_api_5xx"):
                raise
            return None
        settings = location.get("settings") if isinstance(location, dict) else None
        value = settings.get("allowDuplicateContact") if isinstance(settings, dict) else None
        return value if isinstance(value, bool) else None

    def find(self, *, email: str = "", phone: str = "") -> list[dict[str, Any]]:
        """The contacts with this e-mail or this phone (E.164), each once.

        The search looks at the first e-mail only and takes some seconds to know a new contact; the duplicate search
        knows further e-mails, at once, and gives one contact: so both are asked.
        """
        found: dict[str, dict[str, Any]] = {}
        for name, parameter, value in (("email", "email", email), ("phone", "number", phone)):
            if value:
                query = {"locationId": self.location, parameter: value}
                same = self._ask("GET", "/contacts/search/duplicate", query=query).get("contact")
                for contact in [*([same] if isinstance(same, dict) else []), *self._searched(name, value)]:
                    if identity := _text(contact, "id"):
                        found.setdefault(identity, contact)
        return list(found.values())

    def contact(self, contact_id: str) -> dict[str, Any] | None:
        """The contact as it is now; None when there is none (any more)."""
        try:
            found = self._ask("GET", f"/contacts/{_part(contact_id)}").get("contact")
        except ContactsRefused as refused:
            if _is_gone(refused):
                return None
            raise
        return found if isinstance(found, dict) else None

    def delete(self, contact_id: str) -> bool:
        """Delete a contact with its notes and tasks; False when it was gone already."""
        try:
            self._ask("DELETE", f"/contacts/{_part(contact_id)}")
        except ContactsRefused as refused:
            if _is_gone(refused):
                return False
            raise
        return True

    def notes(self, contact_id: str) -> list[dict[str, Any]]:
        """A contact's notes; [] when the contact is gone."""
        return self._listed(contact_id, "notes")

    def tasks(self, contact_id: str) -> list[dict[str, Any]]:
        """A contact's tasks; [] when the contact is gone."""
        return self._listed(contact_id, "tasks")

    def _listed(self, contact_id: str, name: str) -> list[dict[str, Any]]:
        try:
            found = self._ask("GET", f"/contacts/{_part(contact_id)}/{name}").get(name)
        except ContactsRefused as refused:
            if _is_gone(refused):
                return []
            raise
        return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []

    def _searched(self, name: str, value: str) -> Iterator[dict[str, Any]]:
        body: dict[str, Any] = {
            "locationId": self.location,
            "pageLimit": _LARGEST_PAGE,
            "filters": [{"field": name, "operator": "eq", "value": value}],
        }
        while True:
            rows = self._ask("POST", "/contacts/search", body=body).get("contacts")
            page = [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
            yield from page
            if len(page) < _LARGEST_PAGE or not page[-1].get("searchAfter"):
                return
            body["searchAfter"] = page[-1]["searchAfter"]

    def _probe(self, scope: str) -> tuple[str, str, dict[str, str] | None, dict[str, Any] | None]:
        """A call that needs the scope and changes nothing: method, path, query, body."""
        here = f"/locations/{_part(self.location)}"
        return {
            READ: (
                "GET",
                "/contacts/search/duplicate",
                {"locationId": self.location, "email": "nobody@example.com"},
                None,
            ),
            WRITE: ("PUT", f"/contacts/{_NOBODY}", None, {}),
            FIELDS: ("GET", f"{here}/customFields", {"model": "contact"}, None),
            TASKS: ("POST", f"{here}/tasks/search", None, {"limit": 1}),
            DEALS: ("GET", "/opportunities/search", {"location_id": self.location, "limit": "1"}, None),
        }[scope]

    def _has(self, scope: str) -> bool | None:
        try:
            self._ask(*self._probe(scope))
        except ContactsRefused as refused:
            if refused.reason == fates.NO_SCOPE:
                return False
            if refused.reason in ("contacts_api_not_found", fates.REJECTED):
                return True if scope == WRITE else None
            # Of a contact that is not there the API may say as well that it is not this location's.
            if refused.reason == fates.UNKNOWN_OPERATION or (
                scope == WRITE and refused.reason == f"{_REFUSED}_location"
            ):
                return None
            raise
        return True

    def _ask(
        self, method: str, path: str, query: Mapping[str, str] | None = None, body: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """The answer's JSON object; a call that came too early is repeated once, if the wait is short."""
        for is_last in (False, True):
            reply = self._send(method, path, query, body)
            answer = reply.body if isinstance(reply.body, dict) else {}
            if 200 <= reply.status < 300:
                return answer
            failed = fates.failure(reply.status, reply.headers, answer, known_fields=frozenset())
            wait = failed.retry_after if isinstance(failed, TryAgain) and reply.status == 429 else None
            if is_last or wait is None or wait > _LONGEST_WAIT:
                raise ContactsRefused(self.location, failed)
            time.sleep(wait)
        raise AssertionError("unreachable")

    def _send(self, method: str, path: str, query: Mapping[str, str] | None, body: Mapping[str, Any] | None) -> Reply:
        if not self.location or not (self.token.isascii() and self.token.isprintable() and self.token):
            unusable = Undeliverable(_REFUSED, "no usable location or token")
            raise ContactsRefused(self.location, unusable)
        headers = {"Authorization": f"Bearer {self.token}", "Version": CONTACTS_VERSION, "Accept": "application/json"}
        url = self.base_url.rstrip("/") + path
        return call(method, url, who="The CRM", headers=headers, json=body, query=query, timeout=self.timeout)


def _is_gone(refused: ContactsRefused) -> bool:
    return refused.reason == "contacts_api_not_found"


def _part(text: str) -> str:
    """An id as one part of an address; one of these would lead to another operation."""
    if text in ("", ".", ".."):
        raise CommandFailed(f"{text!r} is no id of the CRM.", exit_code=2)
    return quote(text, safe="", errors="replace")


def _text(row: Mapping[str, Any], name: str) -> str:
    value = row.get(name)
    return value if isinstance(value, str) else ""
