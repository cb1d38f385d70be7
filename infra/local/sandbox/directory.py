"""The sandbox's contacts: how the CRM finds, merges, stores and shows them."""

import re
import secrets
import string
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from infra.local.sandbox import custom_values
from infra.local.sandbox.moments import now
from infra.local.sandbox.rules import birth_date

_ID_LETTERS = string.ascii_letters + string.digits
_PHONE_PUNCTUATION = str.maketrans("", "", " -().")
_E164 = re.compile(r"\+[1-9]\d{6,14}")
_PLAIN = (
    *("firstName", "lastName", "email", "phone", "companyName", "address1", "city", "state", "country"),
    *("postalCode", "website", "timezone", "source", "assignedTo", "dnd", "dndSettings"),
)
_HIDDEN = ("gender", "inboundDndSettings")
# What every location has.
PIPELINES = (
    {
        "id": "sandboxPipeline00001",
        "name": "Sales",
        "stages": [
            {"id": "sandboxStageNew00001", "name": "New"},
            {"id": "sandboxStageBooked01", "name": "Booked"},
            {"id": "sandboxStageClosed01", "name": "Closed"},
        ],
    },
)
# Only the answer to POST /contacts/ is described by a schema of its own, which has neither of these.
_NOT_IN_CREATED = ("name", "timezone")


def new_id() -> str:
    """20 letters and digits, like the CRM's own ids."""
    return "".join(secrets.choice(_ID_LETTERS) for _ in range(20))


def e164(phone: str) -> str | None:
    """The phone as stored: "+1 888-888-8888" is understood, anything without a country code is not."""
    bare = phone.translate(_PHONE_PUNCTUATION)
    return bare if _E164.fullmatch(bare) else None


def merged_tags(*groups: Iterable[str]) -> list[str]:
    """Tags as the CRM keeps them: trimmed, in lower case, each once, in the order they came."""
    return list(dict.fromkeys(tag for group in groups for tag in (t.strip().lower() for t in group) if tag))


@dataclass
class Contact:
    """One stored contact; `values` holds the API's own field names, without those that are blank."""

    id: str
    location_id: str
    added_at: str
    updated_at: str
    values: dict[str, Any] = field(default_factory=dict)
    tags: list[str] = field(default_factory=list)
    other_emails: list[str] = field(default_factory=list)  # no operation of the API writes or shows them
    custom: dict[str, Any] = field(default_factory=dict)
    notes: dict[str, dict[str, Any]] = field(default_factory=dict)
    tasks: dict[str, dict[str, Any]] = field(default_factory=dict)
    task_added_at: dict[str, str] = field(default_factory=dict)  # by task id; no read of a contact's tasks shows it

    @property
    def name(self) -> str:
        return " ".join(self.values[part] for part in ("firstName", "lastName") if part in self.values)

    def shown(self) -> dict[str, Any]:
        """The contact as GET, PUT and upsert show it."""
        view = {
            "id": self.id,
            "locationId": self.location_id,
            "dateAdded": self.added_at,
            "dateUpdated": self.updated_at,
            "type": "lead",
            "tags": list(self.tags),
            "customFields": [{"id": key, "value": value} for key, value in self.custom.items()],
        }
        view |= {key: self.values[key] for key in (*_PLAIN, "dateOfBirth") if key in self.values}
        if self.name:
            view |= {"name": self.name, "fullNameLowerCase": self.name.lower()}
        for key in ("firstName", "lastName", "email"):
            if key in self.values:
                view[f"{key}LowerCase"] = self.values[key].lower()
        return view

    def shown_when_created(self) -> dict[str, Any]:
        """The contact as POST /contacts/ shows it: the birth date is a moment there."""
        view = {key: value for key, value in self.shown().items() if key not in _NOT_IN_CREATED}
        view |= {"bounceEmail": False, "unsubscribeEmail": False, "deleted": False}
        if born := view.get("dateOfBirth"):
            view |= {
                "dateOfBirth": f"{born}T00:00:00.000Z",
                "birthMonth": int(born[5:7]),
                "birthDay": int(born[8:]),
            }
        return view

    def everything(self) -> dict[str, Any]:
        """The contact with what the API does not show or keeps elsewhere: gender, notes and tasks."""
        hidden: dict[str, Any] = {key: self.values[key] for key in _HIDDEN if key in self.values}
        if self.other_emails:
            hidden["additionalEmails"] = list(self.other_emails)
        return {
            **self.shown(),
            **hidden,
            "notes": [dict(note) for note in self.notes.values()],
            "tasks": [dict(task) for task in self.tasks.values()],
        }

    def task(self, task_id: str) -> dict[str, Any]:
        """A task as the location's task search and the webhooks show it: with the moment it was added."""
        return {**self.tasks[task_id], "dateAdded": self.task_added_at[task_id]}

    def facts(self) -> dict[str, Any]:
        """What may change about the contact, by name, custom fields by their id."""
        custom = {f"customFields.{key}": value for key, value in self.custom.items()}
        return {**self.values, **custom, "tags": set(self.tags)}


class Directory:
    """All contacts and opportunities of all locations; the caller serialises access."""

    def __init__(self, custom_fields: Iterable[Mapping[str, Any]]) -> None:
        self.custom_fields = [dict(definition) for definition in custom_fields]
        self.pipelines: list[dict[str, Any]] = [dict(pipeline) for pipeline in PIPELINES]
        self.contacts: dict[str, Contact] = {}
        self.opportunities: dict[str, dict[str, Any]] = {}
        self._ids: dict[tuple[str, str], str] = {}  # (location, e-mail or phone) to contact id

    def find(self, location_id: str, *, email: str | None = None, phone: str | None = None) -> Contact | None:
        """The location's contact with this e-mail (whatever its case, or its rank) or this E.164 phone."""
        for wanted in (email.strip().casefold() if email else None, phone):
            if wanted and (found := self._ids.get((location_id, wanted))):
                return self.contacts[found]
        return None

    def remove(self, contact: Contact) -> None:
        self._unlist(contact)
        del self.contacts[contact.id]
        for found in self.opportunities_of(contact):
            del self.opportunities[found["id"]]

    def opportunities_of(self, contact: Contact) -> list[dict[str, Any]]:
        return [found for found in self.opportunities.values() if found["contactId"] == contact.id]

    def clear(self) -> None:
        for table in (self.contacts, self.opportunities, self._ids):
            table.clear()

    def add_emails(self, contact: Contact, emails: Iterable[str]) -> None:
        """Secondary e-mails, as somebody enters them in the CRM's own pages."""
        contact.other_emails += emails
        self._ids.update(dict.fromkeys(_search_keys(contact), contact.id))

    def create(self, location_id: str, body: Mapping[str, Any]) -> Contact:
        moment = now()
        contact = Contact(new_id(), location_id, moment, moment)
        self.contacts[contact.id] = contact
        self.change(contact, body)
        return contact

    def match(self, location_id: str, body: Mapping[str, Any]) -> tuple[Contact | None, set[str]]:
        """The contact that an upsert's e-mail, then its phone, lead to, and the properties that are ignored for it.

        When the two lead to different contacts, the e-mail's is changed and the phone is ignored. A secondary
        e-mail becomes the only one, and the contact loses the primary it had: highlevel-api-docs issue 337.
        """
        by_email = self.find(location_id, email=body.get("email"))
        by_phone = self.find(location_id, phone=e164(body.get("phone") or ""))
        ignored = {"gender"}  # accepted for a contact that exists, and discarded: highlevel-api-docs issue 313
        if by_phone and by_email and by_phone is not by_email:
            ignored.add("phone")
        return by_email or by_phone, ignored

    def change(self, contact: Contact, body: Mapping[str, Any]) -> set[str]:
        """Write what `body` names: null and "" blank a field, tags replace all tags, bad phones vanish.

        Gives the names of what is different afterwards; when nothing is, dateUpdated stays as well.
        """
        before = contact.facts()
        new = {key: value for key, value in body.items() if key not in ("locationId", "createNewIfDuplicateAllowed")}
        if "tags" in new:
            contact.tags = merged_tags(new.pop("tags"))
        for item in new.pop("customFields", ()):
            # One that is not defined vanishes without a word, like a value that does not fit the type.
            definition = self._definition(item)
            value = custom_values.kept(definition, item["field_value"]) if definition else None
            if definition and value is not None:
                contact.custom[definition["id"]] = value
        name = new.pop("name", None)
        if name and not {"firstName", "lastName"} & new.keys():
            new["firstName"], _, new["lastName"] = name.strip().partition(" ")
        if phone := new.get("phone"):
            del new["phone"]
            if stored := e164(phone):
                new["phone"] = stored
        if born := new.get("dateOfBirth"):
            new["dateOfBirth"] = str(birth_date(born))
        self._unlist(contact)
        email = (new.get("email") or "").strip().casefold()
        contact.other_emails = [other for other in contact.other_emails if other.casefold() != email]
        contact.values.update(new)
        contact.values = {key: value for key, value in contact.values.items() if value not in (None, "")}
        self._ids.update(dict.fromkeys(_search_keys(contact), contact.id))
        after = contact.facts()
        changed = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
        if changed:
            contact.updated_at = now()
        return changed

    def _unlist(self, contact: Contact) -> None:
        for key in _search_keys(contact):
            self._ids.pop(key, None)

    def _definition(self, item: Mapping[str, Any]) -> dict[str, Any] | None:
        key = str(item.get("key", "")).removeprefix("contact.")
        for definition in self.custom_fields:
            if item.get("id") == definition["id"] or (key and definition["fieldKey"] == f"contact.{key}"):
                return definition
        return None


def _search_keys(contact: Contact) -> list[tuple[str, str]]:
    emails = [email.casefold() for email in (contact.values.get("email", ""), *contact.other_emails)]
    found = (*emails, contact.values.get("phone", ""))
    return [(contact.location_id, text) for text in found if text]
