"""What a LeadConnector location has: its contacts, notes and tasks, page by page, for those that no webhook told of."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from leads.core.errors import Misconfigured, TryAgain, Undeliverable
from leads.core.iso_time import iso_time
from leads.core.lead import Envelope
from leads.core.marker import is_marked
from leads.core.reconciling import Page, Scope
from leads.core.secret import StoredSecret
from leads.sources.leadconnector import LeadConnector
from leads.sources.leadconnector_answers import added_at, moment
from leads.sources.leadconnector_events import CONTACTS, NOTES, TASKS, event_of
from leads.sources.leadconnector_records import Lists, Pulled

_FORMS = (CONTACTS, NOTES, TASKS)
_CONTACTS_A_PAGE = 100
# Notes can be read for one contact at a time only.
_WALKED_A_PAGE = 25
_WALK = "walk:"
# A location allows a hundred calls in ten seconds, and the leads that come in right now need some of them.
_CALLS_A_SECOND = 5.0

# What only a search shows of a contact: such an object leaves out, or spells otherwise, what the record says.
_SEARCH_ONLY = frozenset(
    {"address", "contactName", "businessName", "phoneLabel", "additionalPhones", "additionalEmails", "validEmail"}
)


class LeadConnectorPull:
    """Lists what the configured locations have. source: makes the envelopes; now: epoch seconds."""

    def __init__(
        self,
        secret: StoredSecret,
        records: Lists,
        source: LeadConnector,
        *,
        now: Callable[[], float],
    ) -> None:
        self._secret = secret
        self._records = records
        self._source = source
        self._now = now

    def forms(self, account: str, *, deadline: float) -> Sequence[tuple[str, str]]:
        """Contacts, notes and tasks of each location in the secret, or of the one. Raises Misconfigured."""
        listed = self._secret.current().get("locations")
        locations = [found for found in listed if isinstance(found, str) and found] if isinstance(listed, list) else []
        if account and account not in locations:
            raise Misconfigured(f"the LeadConnector secret does not list location {account}; add it to its locations")
        return [(found, form) for found in locations if account in ("", found) for form in _FORMS]

    def page(self, scope: Scope, cursor: str, *, deadline: float) -> Page:
        """What of the scope was made (contacts: or changed) in its time, without what LeadRelay wrote itself.

        Raises TryAgain, Undeliverable; Misconfigured when the location has no token that may read it.
        """
        read = {CONTACTS: self._contacts, NOTES: self._walk, TASKS: self._tasks}.get(scope.form)
        if read is None:
            raise Undeliverable("unknown_form", "a location has contacts, notes and tasks")
        return read(scope, cursor, deadline)

    def _contacts(self, scope: Scope, cursor: str, deadline: float) -> Page:
        # Without an upper bound: whoever was added in the scope's time may have been changed after it.
        found = self._records.contacts_page(
            scope.account, cursor, changed_since=scope.since, limit=_CONTACTS_A_PAGE, deadline=deadline
        )
        envelopes = [
            envelope
            for contact, _ in found
            if _is_within(scope, added_at(contact)) or _is_within(scope, moment(contact.get("dateUpdated")))
            if (envelope := self._envelope(scope, "ContactUpdate", contact, fresh=_is_whole(contact)))
        ]
        return Page(envelopes=tuple(envelopes), cursor=found[-1][1] if found else "")

    def _tasks(self, scope: Scope, cursor: str, deadline: float) -> Page:
        if not cursor.startswith(_WALK):
            found = self._records.tasks_page(scope.account, cursor, deadline=deadline)
            if found is not None:
                tasks, following = found
                return Page(envelopes=tuple(self._items(scope, tasks, {})), cursor=following)
            cursor = ""
        page = self._walk(scope, cursor.removeprefix(_WALK), deadline)
        return Page(envelopes=page.envelopes, cursor=page.cursor and _WALK + page.cursor, wait=page.wait)

    def _walk(self, scope: Scope, cursor: str, deadline: float) -> Page:
        """Notes or tasks contact by contact. All contacts: whether a note changes its contact's date nobody says.

        Each page asks for a wait that leaves half of the location's calls to others.
        """
        read = self._records.notes if scope.form == NOTES else self._records.tasks
        contacts = self._records.contacts_page(
            scope.account, cursor, changed_since=None, limit=_WALKED_A_PAGE, deadline=deadline
        )
        envelopes: list[Envelope] = []
        done = ""
        calls = 1
        for contact, following in contacts:
            calls += 1
            contact_id = contact.get("id")
            try:
                items = read(scope.account, contact_id, deadline=deadline) if isinstance(contact_id, str) else []
            except TryAgain as failed:
                if not done:
                    raise
                # What was read so far counts, and the next page begins where this one was stopped.
                wait = max(failed.retry_after or 0.0, calls / _CALLS_A_SECOND)
                return Page(envelopes=tuple(envelopes), cursor=done, wait=wait)
            envelopes += self._items(scope, [{**item, "contactId": contact_id} for item in items], contact)
            done = following
        return Page(envelopes=tuple(envelopes), cursor=done, wait=calls / _CALLS_A_SECOND if done else 0.0)

    def _items(self, scope: Scope, items: Iterable[dict[str, Any]], contact: Mapping[str, Any]) -> Iterable[Envelope]:
        type_ = "NoteCreate" if scope.form == NOTES else "TaskCreate"
        for item in items:
            if is_marked(item.get("body")) or not _is_of_scope(scope, item):
                continue
            if envelope := self._envelope(scope, type_, item, contact=contact, fresh="body" in item):
                yield envelope

    def _envelope(
        self,
        scope: Scope,
        type_: str,
        record: Mapping[str, Any],
        *,
        contact: Mapping[str, Any] | None = None,
        fresh: bool,
    ) -> Envelope | None:
        """None for a record without an id. fresh: the record says all there is, so it need not be read again."""
        payload = {**record, "type": type_, "locationId": scope.account}
        event = event_of(payload)
        if event is None or not record.get("id"):
            return None
        whole = dict(contact) if contact and _is_whole(contact) else None
        pulled = Pulled(record=payload, contact=whole) if fresh else None
        received_at = iso_time(self._now())
        return self._source.envelope(event, payload, received_at=received_at, content=pulled)


def _is_whole(contact: Mapping[str, Any]) -> bool:
    """Whether an object of a search is the contact as its record shows it."""
    is_spelled = bool(contact.get("firstName") or contact.get("lastName") or contact.get("name"))
    has_name = bool(contact.get("firstNameLowerCase") or contact.get("lastNameLowerCase"))
    return not _SEARCH_ONLY & contact.keys() and (is_spelled or not has_name)


def _is_of_scope(scope: Scope, item: Mapping[str, Any]) -> bool:
    """A task may say when it is due and not when it was made: then it counts while it is open and not long overdue."""
    made = added_at(item)
    if made is not None:
        return _is_within(scope, made)
    due = moment(item.get("dueDate"))
    return item.get("completed") is not True and due is not None and due >= scope.since


def _is_within(scope: Scope, at: float | None) -> bool:
    return at is not None and scope.since <= at < scope.until
