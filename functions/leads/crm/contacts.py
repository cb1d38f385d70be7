"""Contacts of the CRM: find, read, and create or update by e-mail and phone.

Source: the API's OpenAPI document, operations get-duplicate-contact, get-contact, upsert-contact and
update-contact, Version 2021-07-28.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from leads.core.contact_record import ContactRecord
from leads.core.errors import TryAgain, Undeliverable
from leads.crm.client import Client
from leads.crm.contact_record import record_of
from leads.crm.fates import CONTACT_EXISTS, REJECTED, AlreadyExists, is_gone
from leads.crm.wish import CUSTOM_FIELDS, DND_SETTINGS, OWNED, UPDATE_FIELDS, UPSERT_FIELDS, CustomValue, Wish

# Of the two by which the API knows people: the other one, "" where it was not said which.
_OTHER = {"email": "phone", "phone": "email", "": ""}

_SEARCH_FIELDS = frozenset({"email", "phone", "number"})


class Contacts:
    """Contacts of any location; the client knows each location's token.

    custom_value_key: what a custom field's value is called in a body. The spec of this version says `field_value`,
    that of the next one `fieldValue`; some report that only the latter is stored.
    """

    def __init__(self, client: Client, *, custom_value_key: str = "field_value") -> None:
        self._client = client
        self._custom_value_key = custom_value_key

    def find(self, location_id: str, *, email: str = "", phone: str = "", deadline: float) -> ContactRecord | None:
        """The contact that has this e-mail or this phone, in the location's own order of the two; None if nobody.

        deadline: epoch seconds. Raises TryAgain or Undeliverable by the table of fates.
        """
        wanted = {name: value for name, value in (("email", email), ("number", phone)) if value}
        if not wanted:
            return None
        try:
            return self._search(location_id, wanted, deadline)
        except Undeliverable as refusal:
            if refusal.reason != REJECTED or len(wanted) == 1:
                raise
            # Phones are what it is particular about; an e-mail only where it says so.
            bad = "email" if refusal.fields == ("email",) else "number"
        del wanted[bad]
        return self._search(location_id, wanted, deadline)

    def read(self, location_id: str, contact_id: str, *, deadline: float) -> ContactRecord | None:
        """The contact with this id; None when the CRM says that there is none, in whatever words it refuses.

        Nothing but the id can be wrong with the question. So None may also be said of a contact that is there: before
        writing again, look for what hangs on it.

        Raises TryAgain or Undeliverable by the table of fates.
        """
        try:
            answer = self._client.call("GET", "contacts", contact_id, location_id=location_id, deadline=deadline)
        except Undeliverable as refusal:
            if is_gone(refusal) or refusal.reason == REJECTED:
                return None
            raise
        return record_of(answer.body.get("contact"), trace_id=answer.trace_id)

    def upsert(
        self,
        location_id: str,
        fields: Mapping[str, str],
        custom_fields: Sequence[tuple[str, CustomValue]] = (),
        *,
        dnd: Sequence[str] = (),
        deadline: float,
    ) -> ContactRecord:
        """Creates the contact, or updates the one that has its e-mail or phone.

        fields: contact field → text; only UPSERT_FIELDS are sent, and nothing empty. custom_fields: definition id
        and value. dnd: channels, as the API spells them, on which the person is not to be disturbed; the others stay
        as they are. deadline: epoch seconds.

        A refusal that names fields is answered with a second try without them; one that names none, and a second
        one, with a last try of nothing but name, e-mail, phone and dnd. Where that is of no use, too, a contact that is
        there takes the lead with nothing written: some refused calls have created it all the same
        (https://github.com/GoHighLevel/highlevel-api-docs/issues/64). `refused` says what was left out.

        Raises TryAgain or Undeliverable by the table of fates.
        """
        custom = tuple((field_id, value) for field_id, value in custom_fields if value not in ("", [], None))
        wish = Wish(_allowed(fields), custom, tuple(dnd))
        try:
            return self._write(location_id, wish, deadline)
        except Undeliverable as error:
            refusal = _curable(error)
        try:
            return self._cured(location_id, wish, refusal, deadline)
        except TryAgain as failed:
            # The refused call may have written something all the same.
            failed.ambiguous = True
            raise

    def update(
        self,
        location_id: str,
        contact_id: str,
        fields: Mapping[str, str],
        custom_fields: Sequence[tuple[str, CustomValue]] = (),
        *,
        dnd: Sequence[str] = (),
        deadline: float,
    ) -> ContactRecord:
        """Changes the contact with this id, whatever its e-mail and phone were; parameters as for upsert.

        An e-mail or phone that belongs to another contact is left out, and so is what a refusal names; `refused` says
        what. Raises TryAgain or Undeliverable by the table of fates.
        """
        custom = tuple((field_id, value) for field_id, value in custom_fields if value not in ("", [], None))
        wish = Wish(_allowed(fields), custom, tuple(dnd)).only(UPDATE_FIELDS)
        sent, other_id, other_field = wish, "", ""
        for rest_of in (_after_refusal, _least_after_refusal):
            try:
                written = self._update(location_id, contact_id, sent, deadline)
                break
            except Undeliverable as refusal:
                if isinstance(refusal, AlreadyExists):
                    other_id, other_field = refusal.contact_id, refusal.matching
                rest = rest_of(sent, _curable(refusal))
                if rest == sent or not rest.names():
                    raise
                sent = rest
        else:
            written = self._update(location_id, contact_id, sent, deadline)
        left_out = wish.missing_in(sent)
        return msgspec.structs.replace(written, refused=left_out, other_contact_id=other_id, other_field=other_field)

    def _cured(self, location_id: str, wish: Wish, refusal: Undeliverable, deadline: float) -> ContactRecord:
        """The contact, after the whole wish was refused: two tries with less of it, then whoever is there."""
        tried, found = wish, None
        for is_last in (False, True):
            rest = tried.without(refusal.fields)
            if is_last or rest == tried:
                rest = rest.least()
            if rest == tried:
                # The channels are the last to be given up, but no reason to lose the lead.
                rest = rest.without((DND_SETTINGS,))
            if rest == tried or refusal.reason == CONTACT_EXISTS or not rest.describes_somebody():
                break
            # Without e-mail and phone another try would make a second contact beside one that was made anyway.
            if not rest.can_be_found() and (found := self._found_anyway(location_id, wish, deadline)):
                break
            try:
                written = self._write(location_id, rest, deadline)
            except Undeliverable as error:
                refusal, tried = _curable(error), rest
            else:
                return msgspec.structs.replace(written, refused=wish.missing_in(rest) + written.refused)
        found = found or self._found_anyway(location_id, wish, deadline)
        if found is None:
            raise refusal
        return msgspec.structs.replace(found, refused=wish.names())

    def _search(self, location_id: str, wanted: Mapping[str, str], deadline: float) -> ContactRecord | None:
        try:
            answer = self._client.call(
                "GET", "contacts", "search", "duplicate",
                location_id=location_id, deadline=deadline, query={"locationId": location_id, **wanted},
                known_fields=_SEARCH_FIELDS,
            )  # fmt: skip
        except Undeliverable as refusal:
            if is_gone(refusal):
                return None
            raise
        if not answer.body:
            raise TryAgain("contacts_api_unexpected", "the answer to a search says nothing")
        # The answer has no schema; without a contact it says `"contact": null`, or nothing of a contact.
        found = answer.body.get("contact")
        return record_of(found, trace_id=answer.trace_id) if found else None

    def _found_anyway(self, location_id: str, wish: Wish, deadline: float) -> ContactRecord | None:
        email, phone = wish.fields.get("email", ""), wish.fields.get("phone", "")
        try:
            return self.find(location_id, email=email, phone=phone, deadline=deadline)
        except Undeliverable:
            return None

    def _write(self, location_id: str, wish: Wish, deadline: float) -> ContactRecord:
        try:
            answer = self._client.call(
                "POST", "contacts", "upsert",
                location_id=location_id, deadline=deadline,
                body={"locationId": location_id, **wish.body(self._custom_value_key)},
                known_fields=UPSERT_FIELDS | {CUSTOM_FIELDS, DND_SETTINGS},
            )  # fmt: skip
        except AlreadyExists as found:
            return self._update_existing(location_id, found, wish, deadline)
        is_new = answer.body.get("new") is True
        return record_of(answer.body.get("contact"), is_new=is_new, was_write=True, trace_id=answer.trace_id)

    def _update_existing(self, location_id: str, found: AlreadyExists, wish: Wish, deadline: float) -> ContactRecord:
        sent = wish.only(UPDATE_FIELDS - self._has_already(location_id, found.contact_id, wish, deadline))
        other_id = other_field = ""
        try:
            written = self._update(location_id, found.contact_id, sent, deadline)
        except AlreadyExists as other:
            # E-mail and phone belong to two contacts: the lead lands on the one the API named first.
            if other.contact_id != found.contact_id:
                other_id, other_field = other.contact_id, other.matching or _OTHER[found.matching]
            sent = sent.without(("email", "phone"))
            written = self._update(location_id, found.contact_id, sent, deadline)
        kept = (*OWNED, found.matching)
        left_out = tuple(name for name in wish.missing_in(sent) if name not in kept)
        return msgspec.structs.replace(written, refused=left_out, other_contact_id=other_id, other_field=other_field)

    def _has_already(self, location_id: str, contact_id: str, wish: Wish, deadline: float) -> frozenset[str]:
        """Which of source and owner are the contact's own, as it turned out to exist; in doubt both."""
        if not OWNED & wish.fields.keys():
            return frozenset()
        try:
            there = self.read(location_id, contact_id, deadline=deadline)
        except Undeliverable:
            there = None
        if there is None:
            return OWNED
        has = {"source": there.source, "assignedTo": there.assigned_to}
        return frozenset(name for name, value in has.items() if value)

    def _update(self, location_id: str, contact_id: str, wish: Wish, deadline: float) -> ContactRecord:
        answer = self._client.call(
            "PUT", "contacts", contact_id,
            location_id=location_id, deadline=deadline, body=wish.body(self._custom_value_key),
            known_fields=UPDATE_FIELDS | {CUSTOM_FIELDS, DND_SETTINGS},
        )  # fmt: skip
        contact = answer.body.get("contact")
        echo = contact if isinstance(contact, dict) else {}
        # The answer's contact is optional in the schema, and the address has named it already.
        written = record_of({**echo, "id": contact_id}, trace_id=answer.trace_id)
        return msgspec.structs.replace(written, echo=echo)


def _curable(error: Undeliverable) -> Undeliverable:
    """The error, if it is about what was sent; raises it, if it is not."""
    if error.reason not in (REJECTED, CONTACT_EXISTS):
        raise error
    return error


def _after_refusal(sent: Wish, refusal: Undeliverable) -> Wish:
    """What is left to try of a change, as far as the refusal tells what was wrong."""
    if isinstance(refusal, AlreadyExists):
        return sent.without((refusal.matching,) if refusal.matching else ("email", "phone"))
    return sent.without(refusal.fields) if refusal.fields else sent.least()


def _least_after_refusal(sent: Wish, refusal: Undeliverable) -> Wish:
    rest = _after_refusal(sent, refusal)
    return rest if isinstance(refusal, AlreadyExists) else rest.least()


def _allowed(fields: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in fields.items() if name in UPSERT_FIELDS and value}
