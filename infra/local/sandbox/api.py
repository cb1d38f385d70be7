"""The Contacts API's operations: who may call them, what they do, and how they answer."""

import threading
import uuid
from collections.abc import Callable, Collection, Mapping
from typing import Any

from infra.local.sandbox import search
from infra.local.sandbox.directory import Contact, Directory, e164
from infra.local.sandbox.limits import RateLimit
from infra.local.sandbox.oauth import OAuth
from infra.local.sandbox.records import Records, Tell
from infra.local.sandbox.refusals import Refusal, own
from infra.local.sandbox.rules import complaints
from infra.local.sandbox.web import Answer, Call

VERSION = "2021-07-28"
_OTHER_VERSIONS = ("2021-04-15", "2023-02-21", "v3")
Operation = Callable[["ContactsApi", Call, str, tuple[str, ...]], Answer]


class ContactsApi:
    """The operations over one directory; `tokens` names the location each token belongs to.

    `users` may be assigned contacts and tasks; when there are none, anybody may. `tell` hears of every change.
    """

    def __init__(
        self,
        tokens: Mapping[str, str],
        directory: Directory,
        limit: RateLimit,
        tell: Tell,
        retry_after: int | None = None,
        users: Collection[str] = (),
    ) -> None:
        self.tokens = dict(tokens)
        self.directory = directory
        self.records = Records(directory, tell)
        self.limit = limit
        self.retry_after = retry_after
        self.users = frozenset(users)
        self.lock = threading.RLock()
        self.oauth = OAuth(self.tokens)

    def answer(self, call: Call) -> Answer:
        """What the API answers, with rate-limit headers and a `traceId` as on every real answer."""
        with self.lock:
            self.oauth.expire()
            if granted := self.oauth.answer(call):
                return granted
            location = self.tokens.get(call.token)
            try:
                answer = self._run(call, location)
            except Refusal as refusal:
                answer = refusal.answer
            return self.dressed(answer, location)

    def dressed(self, answer: Answer, location: str | None) -> Answer:
        body = answer.body
        if isinstance(body, dict):
            body = {**body, "traceId": body.get("traceId", str(uuid.uuid4()))}
        with self.lock:
            return Answer(answer.status, body, {**self.limit.headers(location), **answer.headers}, answer.drop)

    def _run(self, call: Call, location: str | None) -> Answer:
        operation, arguments = _find(call)
        if self.oauth.is_company_token(call.token):
            raise Refusal(401, "This authClass type is not allowed to access this scope.")
        if location is None:
            raise Refusal(401, "Invalid token: access token is invalid")
        version = call.headers.get("version")
        if not version:
            raise Refusal(401, "version header was not found.")
        if version in _OTHER_VERSIONS:
            raise Refusal(401, "version header is invalid")
        if version != VERSION:
            raise Refusal(400, f"Invalid API version segment {version}")
        if not self.limit.take(location):
            after = {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}
            return Answer(429, {"statusCode": 429, "message": "Too Many Requests"}, after)
        return operation(self, call, location, arguments)

    def json(self, call: Call) -> Any:
        """The call's body, whatever it says."""
        try:
            # A body that is not declared as JSON is not read, as with any Express server.
            return call.json() if "json" in call.headers.get("content-type", "") else {}
        except ValueError as error:
            raise Refusal(400, f"Unexpected token in JSON: {error}") from None

    def body(self, call: Call, kind: str) -> dict[str, Any]:
        """The call's body once it passes the rules for that kind."""
        return self.checked(self.json(call), kind)

    def checked(self, body: Any, kind: str) -> dict[str, Any]:
        """`body` once it passes the rules for that kind."""
        if found := complaints(body, kind):
            raise Refusal(422, found)
        checked: dict[str, Any] = body
        user = checked.get("assignedTo")
        if isinstance(user, str) and user and self.users and user not in self.users:
            raise Refusal(422, ["assignedTo must be a user of this location"])
        return checked

    def contact(self, contact_id: str, location: str) -> Contact:
        contact = self.directory.contacts.get(contact_id)
        if contact is None:
            raise Refusal(400, "Contact not found")  # the spec declares no 404 for these operations
        own(contact.location_id, location)
        return contact


def _find(call: Call) -> tuple[Operation, tuple[str, ...]]:
    for method, path, operation in ROUTES:
        pattern = path.strip("/").split("/")
        if method != call.method or len(pattern) != len(call.parts):
            continue
        pairs = list(zip(pattern, call.parts, strict=True))
        if all(part == want or (want.startswith("{") and part) for want, part in pairs):
            return operation, tuple(part for want, part in pairs if want.startswith("{"))
    raise Refusal(404, f"Cannot {call.method} {call.path}")


def _written(api: ContactsApi, call: Call, kind: str, location: str) -> dict[str, Any]:
    body = api.body(call, kind)
    own(body["locationId"], location)
    return body


def refuse_duplicate(api: ContactsApi, body: Mapping[str, Any], location: str, own_id: str = "") -> None:
    """400 when somebody else in the location has the e-mail or the phone already."""
    searches = {"email": body.get("email"), "phone": e164(body.get("phone") or "")}
    for key, value in searches.items():
        found = api.directory.find(location, **{key: value}) if value else None
        if found and found.id != own_id:
            meta = {"contactId": found.id, "contactName": found.name, "matchingField": key}
            raise Refusal(400, "This location does not allow duplicated contacts.", meta=meta)


def _upsert(api: ContactsApi, call: Call, location: str, _: tuple[str, ...]) -> Answer:
    contact, new = api.records.upsert(location, _written(api, call, "upsert contact", location))
    return Answer(200, {"new": new, "contact": contact.shown()})


def _create(api: ContactsApi, call: Call, location: str, _: tuple[str, ...]) -> Answer:
    body = _written(api, call, "create contact", location)
    refuse_duplicate(api, body, location)
    return Answer(201, {"contact": api.records.create(location, body).shown_when_created()})


def _duplicate(api: ContactsApi, call: Call, location: str, _: tuple[str, ...]) -> Answer:
    if not call.query.get("locationId"):
        raise Refusal(422, ["locationId should not be empty"])
    own(call.query["locationId"], location)
    email, number = call.query.get("email"), call.query.get("number")
    if not (email or number):
        raise Refusal(400, "Pass at least one of number, email")
    find = api.directory.find
    found = find(location, email=email) or find(location, phone=e164(number or ""))
    return Answer(200, {"contact": found.shown() if found else None})


def _get(api: ContactsApi, _call: Call, location: str, ids: tuple[str, ...]) -> Answer:
    return Answer(200, {"contact": api.contact(ids[0], location).shown()})


def _update(api: ContactsApi, call: Call, location: str, ids: tuple[str, ...]) -> Answer:
    contact = api.contact(ids[0], location)
    body = api.body(call, "update contact")
    refuse_duplicate(api, body, location, contact.id)
    api.records.change(contact, body)
    return Answer(200, {"succeded": True, "contact": contact.shown()})  # the API's own spelling


def _delete(api: ContactsApi, _call: Call, location: str, ids: tuple[str, ...]) -> Answer:
    api.records.remove(api.contact(ids[0], location))
    return Answer(200, {"succeded": True})


def _add_tags(api: ContactsApi, call: Call, location: str, ids: tuple[str, ...]) -> Answer:
    contact = api.contact(ids[0], location)
    api.records.add_tags(contact, api.body(call, "tags")["tags"])
    return Answer(201, {"tags": list(contact.tags)})


def _remove_tags(api: ContactsApi, call: Call, location: str, ids: tuple[str, ...]) -> Answer:
    contact = api.contact(ids[0], location)
    api.records.remove_tags(contact, api.body(call, "tags")["tags"])
    return Answer(200, {"tags": list(contact.tags)})


def _custom_fields(api: ContactsApi, call: Call, location: str, ids: tuple[str, ...]) -> Answer:
    own(ids[0], location)
    model = call.query.get("model", "all")
    if model not in ("contact", "opportunity", "all"):
        raise Refusal(422, ["model must be one of: contact, opportunity, all"])
    definitions = api.directory.custom_fields if model != "opportunity" else []
    return Answer(200, {"customFields": [{**found, "locationId": location} for found in definitions]})


def _shelf(name: str, noun: str) -> tuple[Operation, Operation, Operation, Operation, Operation]:
    """List, add, get, change and remove for what hangs on a contact: `name` is "notes" or "tasks"."""

    def items(api: ContactsApi, location: str, ids: tuple[str, ...]) -> tuple[Contact, dict[str, dict[str, Any]]]:
        contact = api.contact(ids[0], location)
        found: dict[str, dict[str, Any]] = getattr(contact, name)
        if len(ids) > 1 and ids[1] not in found:
            raise Refusal(400, f"{noun.capitalize()} not found")
        return contact, found

    def listed(api: ContactsApi, _call: Call, location: str, ids: tuple[str, ...]) -> Answer:
        return Answer(200, {name: [dict(item) for item in items(api, location, ids)[1].values()]})

    def add(api: ContactsApi, call: Call, location: str, ids: tuple[str, ...]) -> Answer:
        contact, _ = items(api, location, ids)
        item = getattr(api.records, f"add_{noun}")(contact, api.body(call, f"create {noun}"))
        return Answer(201, {noun: dict(item)})

    def get(api: ContactsApi, _call: Call, location: str, ids: tuple[str, ...]) -> Answer:
        return Answer(200, {noun: dict(items(api, location, ids)[1][ids[1]])})

    def change(api: ContactsApi, call: Call, location: str, ids: tuple[str, ...]) -> Answer:
        contact, _ = items(api, location, ids)
        item = getattr(api.records, f"change_{noun}")(contact, ids[1], api.body(call, f"update {noun}"))
        return Answer(200, {noun: dict(item)})

    def remove(api: ContactsApi, _call: Call, location: str, ids: tuple[str, ...]) -> Answer:
        contact, _ = items(api, location, ids)
        getattr(api.records, f"remove_{noun}")(contact, ids[1])
        return Answer(200, {"succeded": True})

    return listed, add, get, change, remove


def _complete_task(api: ContactsApi, call: Call, location: str, ids: tuple[str, ...]) -> Answer:
    contact = api.contact(ids[0], location)
    if ids[1] not in contact.tasks:
        raise Refusal(400, "Task not found")
    return Answer(200, {"task": dict(api.records.change_task(contact, ids[1], api.body(call, "complete task")))})


def _shelf_routes(name: str, noun: str) -> list[tuple[str, str, Operation]]:
    listed, add, get, change, remove = _shelf(name, noun)
    return [
        ("GET", f"/contacts/{{contactId}}/{name}", listed),
        ("POST", f"/contacts/{{contactId}}/{name}", add),
        ("GET", f"/contacts/{{contactId}}/{name}/{{id}}", get),
        ("PUT", f"/contacts/{{contactId}}/{name}/{{id}}", change),
        ("DELETE", f"/contacts/{{contactId}}/{name}/{{id}}", remove),
    ]


# The first that fits is taken, so fixed words stand before {ids}.
ROUTES: list[tuple[str, str, Operation]] = [
    ("POST", "/contacts/upsert", _upsert),
    ("POST", "/contacts/", _create),
    ("POST", "/contacts/search", search.contacts),
    ("GET", "/contacts/search/duplicate", _duplicate),
    ("GET", "/contacts/{contactId}", _get),
    ("PUT", "/contacts/{contactId}", _update),
    ("DELETE", "/contacts/{contactId}", _delete),
    ("POST", "/contacts/{contactId}/tags", _add_tags),
    ("DELETE", "/contacts/{contactId}/tags", _remove_tags),
    *_shelf_routes("notes", "note"),
    *_shelf_routes("tasks", "task"),
    ("PUT", "/contacts/{contactId}/tasks/{id}/completed", _complete_task),
    ("GET", "/locations/{locationId}/customFields", _custom_fields),
    ("POST", "/locations/{locationId}/tasks/search", search.tasks),
    ("GET", "/opportunities/search", search.opportunities),
    ("GET", "/opportunities/pipelines", search.pipelines),
    ("GET", "/opportunities/{id}", search.opportunity),
]
