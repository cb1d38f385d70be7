"""The first step of a delivery: the contact, written without loss to what it had, and compared with what was sent."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

import msgspec

from leads.core import readback
from leads.core.contact_fields import NOT_IN_CHANGES
from leads.core.contact_record import ContactRecord
from leads.core.custom_field import Definition, find, value_for
from leads.core.errors import LeadError, TryAgain, Undeliverable
from leads.core.plan import Plan
from leads.core.readback import Remark

# Two clocks disagree by less; beyond it a contact was there before the lead.
_CLOCK_SKEW = 30.0


class Contacts(Protocol):
    """The CRM's contacts. Everything here raises TryAgain or Undeliverable by the table of fates."""

    def find(self, location_id: str, *, email: str = "", phone: str = "", deadline: float) -> ContactRecord | None: ...

    def read(self, location_id: str, contact_id: str, *, deadline: float) -> ContactRecord | None: ...

    def upsert(
        self,
        location_id: str,
        fields: Mapping[str, str],
        custom_fields: Sequence[tuple[str, Any]] = (),
        *,
        dnd: Sequence[str] = (),
        deadline: float,
    ) -> ContactRecord: ...

    def update(
        self,
        location_id: str,
        contact_id: str,
        fields: Mapping[str, str],
        custom_fields: Sequence[tuple[str, Any]] = (),
        *,
        dnd: Sequence[str] = (),
        deadline: float,
    ) -> ContactRecord: ...


class CustomFields(Protocol):
    """A location's definitions of custom fields."""

    def definitions(self, location_id: str, *, deadline: float) -> Sequence[Definition]: ...


class Mirror(Protocol):
    """Knows which contacts came of which, where contacts go from location to location."""

    def on_found(self, contact_id: str) -> Plan: ...

    def on_written(self, contact_id: str) -> None: ...


class Written(msgspec.Struct, frozen=True):
    """The contact as the CRM has it now, what differs from what was sent, and the plan that it follows.

    wrote: False when the contact had everything already.
    """

    plan: Plan
    record: ContactRecord
    remarks: tuple[Remark, ...] = ()
    wrote: bool = True


class ContactStep:
    """Finds the person, writes the contact, and looks at what the CRM made of it."""

    def __init__(self, contacts: Contacts, custom_fields: CustomFields) -> None:
        self._contacts = contacts
        self._custom_fields = custom_fields
        self._people = _People()

    def __call__(
        self, plan: Plan, *, seen_since: float | None, deadline: float, mirror: Mirror | None = None
    ) -> Written:
        """The written contact. Doing this twice changes nothing, as the CRM finds people by e-mail and phone.

        seen_since: when an earlier attempt may have written the contact: epoch seconds of the first one; else None.
        mirror: for contacts that come from a CRM location; what such a contact has already is not written again.
        Raises TryAgain or Undeliverable by the table of fates.
        """
        remarks: list[Remark] = []
        with self._people.alone(plan):
            before, origin = self._look(plan, remarks, deadline)
            if before and mirror:
                plan = mirror.on_found(before.contact_id)
                origin = {} if plan.is_update else origin
            if before and plan.is_copy:
                return Written(plan, before, wrote=False)
            definitions, custom = self._custom_values(plan, remarks, deadline)
            if before and mirror and not origin and _has_all(before, plan, definitions, custom):
                return Written(plan, before, wrote=False)
            record = self._write(plan, before, plan.fields | origin, custom, deadline)
            if mirror:
                mirror.on_written(record.contact_id)
        before, came = _the_same(before, record, bool(origin))
        remarks += came
        existed = not record.is_new and not _is_ours(before, seen_since)
        sent = {name: value for name, value in (plan.fields | origin).items() if name not in record.refused}
        differing = [readback.field_refused(name) for name in record.refused]
        differing += readback.remarks_of(sent, record.echo, existed=existed, before=before.echo if before else None)
        remarks += [self._explained(remark, plan, record, deadline) for remark in differing]
        kept = [(definitions[key], value) for key, value in custom if f"customFields:{key}" not in record.refused]
        remarks += readback.custom_remarks(kept, record.echo)
        return Written(plan, record, tuple(remarks))

    def _write(
        self,
        plan: Plan,
        before: ContactRecord | None,
        fields: Mapping[str, str],
        custom: Sequence[tuple[str, Any]],
        deadline: float,
    ) -> ContactRecord:
        dnd = plan.dnd
        if dnd and before:
            # Whether the CRM keeps the settings of channels that are not named is not documented.
            dnd = tuple(dict.fromkeys((*dnd, *readback.quiet_channels(before.echo))))
        if before and before.contact_id == plan.contact_id and not _is_found_by_email(before, fields):
            # By its id, as its e-mail may be what has changed; what this does not take waits for another change.
            return self._contacts.update(
                plan.location_id, before.contact_id, fields, custom, dnd=dnd, deadline=deadline
            )
        return self._contacts.upsert(plan.location_id, fields, custom, dnd=dnd, deadline=deadline)

    def _look(self, plan: Plan, remarks: list[Remark], deadline: float) -> tuple[ContactRecord | None, dict[str, str]]:
        """Who is there already, and what says where the contact came from and whose it is.

        An upsert overwrites source and owner, and only an answer tells whether there was one: so whoever is in the
        CRM keeps both, and nobody is looked up later to learn them.
        """
        if plan.contact_id:
            remembered = self._contacts.read(plan.location_id, plan.contact_id, deadline=deadline)
            if remembered:
                return remembered, {}
        email, phone = plan.fields.get("email", ""), plan.fields.get("phone", "")
        try:
            before = self._contacts.find(plan.location_id, email=email, phone=phone, deadline=deadline)
        except Undeliverable:
            remarks.append(readback.lookup_refused())
            return None, {}
        origin = {"source": plan.source_label, "assignedTo": plan.assign_to}
        known = {"source": before.source, "assignedTo": before.assigned_to} if before else {}
        return before, {name: value for name, value in origin.items() if value and not known.get(name)}

    def _custom_values(
        self, plan: Plan, remarks: list[Remark], deadline: float
    ) -> tuple[dict[str, Definition], list[tuple[str, Any]]]:
        """The location's definitions by id, and (id, value) for each custom field that exists and takes its value."""
        if not plan.custom_fields:
            return {}, []
        try:
            definitions = self._custom_fields.definitions(plan.location_id, deadline=deadline)
        except LeadError as error:
            if isinstance(error, TryAgain) and not error.reason.startswith("contacts_api_unauthorized"):
                raise
            remarks.append(readback.custom_fields_unreadable())
            return {}, []
        values: list[tuple[str, Any]] = []
        for custom in plan.custom_fields:
            definition = find(definitions, custom.key)
            if definition is None:
                remarks.append(readback.unknown_custom_field(custom.key))
                continue
            fitted = value_for(definition, custom.values)
            if fitted.value is not None:
                values.append((definition.id, fitted.value))
            if fitted.value is None or fitted.left:
                remarks.append(readback.value_does_not_fit(definition))
        return {definition.id: definition for definition in definitions}, values

    def _explained(self, remark: Remark, plan: Plan, record: ContactRecord, deadline: float) -> Remark:
        """Why the CRM did not take an e-mail address or a phone number: perhaps it is another contact's."""
        sent = plan.fields.get(remark.field, "")
        if remark.field not in readback.REACH or not sent or getattr(record, remark.field) == sent:
            return remark
        if record.other_contact_id and record.other_field in (remark.field, ""):
            return readback.belongs_to_another(remark.field, record.other_contact_id)
        try:
            other = self._contacts.find(plan.location_id, **{remark.field: sent}, deadline=deadline)
        except LeadError:
            return remark
        if other is None or other.contact_id == record.contact_id:
            return remark
        return readback.belongs_to_another(remark.field, other.contact_id)


class _People:
    """Writes one person's contact at a time, in this container.

    Two leads of one new person may arrive in one request: both would find nobody, and the second would take the
    contact's source and owner from the first.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._busy: set[tuple[str, str]] = set()

    @contextmanager
    def alone(self, plan: Plan) -> Iterator[None]:
        """Waits until nobody else writes the contact with this e-mail or phone."""
        keys = {(plan.location_id, plan.fields[name].casefold()) for name in readback.REACH if name in plan.fields}
        with self._changed:
            self._changed.wait_for(lambda: not keys & self._busy)
            self._busy |= keys
        try:
            yield
        finally:
            with self._changed:
                self._busy -= keys
                self._changed.notify_all()


def _the_same(
    before: ContactRecord | None, record: ContactRecord, sent_origin: bool
) -> tuple[ContactRecord | None, list[Remark]]:
    """The contact found before, if it is the one that was written; and what to say if it is not."""
    if before is None:
        appeared = sent_origin and not record.is_new
        return None, [readback.appeared_meanwhile()] if appeared else []
    if before.contact_id != record.contact_id:
        return None, [readback.another_than_found(before.contact_id)]
    return before, []


def _has_all(
    before: ContactRecord,
    plan: Plan,
    definitions: Mapping[str, Definition],
    custom: Sequence[tuple[str, Any]],
) -> bool:
    """Whether the contact has everything that would be written."""
    values = [(definitions[key], value) for key, value in custom]
    fields = plan.fields
    if before.contact_id == plan.contact_id and not _is_found_by_email(before, fields):
        # What cannot be written must not make the contact look as if something were to be written for ever.
        fields = {name: value for name, value in fields.items() if name not in NOT_IN_CHANGES}
    return readback.has_all(fields, values, plan.dnd, before.echo)


def _is_found_by_email(contact: ContactRecord, fields: Mapping[str, str]) -> bool:
    """Whether an upsert of these fields meets this contact."""
    return bool(contact.email) and contact.email.casefold() == fields.get("email", "").casefold()


def _is_ours(before: ContactRecord | None, seen_since: float | None) -> bool:
    """Whether the contact that was found came from an earlier attempt at the same lead."""
    if before is None or seen_since is None or before.added_at is None:
        return False
    return before.added_at >= seen_since - _CLOCK_SKEW
