"""A location's records as a source reads them: contacts, notes, tasks and opportunities, one or a page at a time.

Sources: the API's OpenAPI documents, operations get-contact, get-note, get-all-notes, get-task, get-all-tasks,
get-opportunity, task-search and search-contacts-advanced (whose body is described in the vendor's help pages only:
filters by field, operator and value, `searchAfter` as the cursor), Version 2021-07-28.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from leads.core import lenient_json
from leads.core.errors import Misconfigured, TryAgain, Undeliverable
from leads.core.iso_time import zulu_time
from leads.crm import reading
from leads.crm.client import Answer, Client
from leads.crm.custom_fields import CustomFields
from leads.crm.fates import NO_SCOPE, REJECTED, is_gone

_TASKS_A_PAGE = 100
# A task just made is among the first that a search for its title finds.
_OVERLAP = 10
_MOST_PAGES = 5
# What the vendor's help says of the search for contacts; for tasks nothing is said.
_LONGEST_QUERY = 75
_REFUSED = "contacts_api_unauthorized"


class Records:
    """Records of any location; the client knows each location's token.

    Every method raises TryAgain or Undeliverable by the table of fates, and Misconfigured when the location has no
    token, or one that is refused or may not read this. deadline: epoch seconds.
    """

    def __init__(self, client: Client, custom_fields: CustomFields) -> None:
        self._client = client
        self._custom_fields = custom_fields

    def contact(self, location_id: str, contact_id: str, *, deadline: float) -> dict[str, Any] | None:
        """The contact's object as the API shows it; None when the API says that there is none."""
        return self._one(location_id, ("contacts", contact_id), "contact", deadline)

    def note(self, location_id: str, contact_id: str, note_id: str, *, deadline: float) -> dict[str, Any] | None:
        """`{"id", "body", "dateAdded", …}`; None when there is none."""
        return self._one(location_id, ("contacts", contact_id, "notes", note_id), "note", deadline)

    def task(self, location_id: str, contact_id: str, task_id: str, *, deadline: float) -> dict[str, Any] | None:
        """`{"id", "title", "body", "dueDate", "completed", "contactId", …}`; None when there is none."""
        return self._one(location_id, ("contacts", contact_id, "tasks", task_id), "task", deadline)

    def opportunity(self, location_id: str, opportunity_id: str, *, deadline: float) -> dict[str, Any] | None:
        """`{"id", "status", "pipelineStageId", "name", …}`; None when there is none."""
        return self._one(location_id, ("opportunities", opportunity_id), "opportunity", deadline, has_own_scope=True)

    def notes(self, location_id: str, contact_id: str, *, deadline: float) -> list[dict[str, Any]]:
        """All notes of a contact; none of one that is gone."""
        return self._all(location_id, contact_id, "notes", deadline)

    def tasks(self, location_id: str, contact_id: str, *, deadline: float) -> list[dict[str, Any]]:
        """All tasks of a contact; none of one that is gone."""
        return self._all(location_id, contact_id, "tasks", deadline)

    def task_anywhere(self, location_id: str, task_id: str, title: str, *, deadline: float) -> dict[str, Any] | None:
        """The task, whoever's it is, by a search for its title ("" for all); None when the search does not know it."""
        skip, query = 0, title[:_LONGEST_QUERY].strip()
        for _ in range(_MOST_PAGES):
            tasks = self._search_tasks(location_id, skip, deadline, query=query)
            if found := next((task for task in tasks if task["id"] == task_id), None):
                return found
            if not tasks:
                break
            skip += len(tasks)
        return None

    def tasks_page(self, location_id: str, cursor: str, *, deadline: float) -> tuple[list[dict[str, Any]], str] | None:
        """Up to a hundred tasks of the location, and the cursor to the next, "" once there were none.

        How many the API gives at most nobody says, so a page that is not full may not be the last.
        None: the token lacks `locations/tasks.readonly`, and the tasks can be read contact by contact only.
        """
        skip, reached = _places(cursor)
        try:
            tasks = self._search_tasks(location_id, skip, deadline)
        except TryAgain as failed:
            if failed.reason == NO_SCOPE:
                return None
            raise
        end = skip + len(tasks)
        if end <= reached:
            return tasks, ""
        # A few come twice: a task that goes while pages are turned must not take another one out of sight.
        return tasks, f"{end - min(_OVERLAP, len(tasks) // 2)}:{end}"

    def contacts_page(
        self,
        location_id: str,
        cursor: str,
        *,
        changed_since: float | None,
        limit: int,
        deadline: float,
    ) -> list[tuple[dict[str, Any], str]]:
        """Up to `limit` contacts, each with the cursor to those after it, "" where the API gives none; none at the end.

        A page that is not full may not be the last: the API may give fewer at a time than it is asked for.
        changed_since: epoch seconds; those changed at or after it, the longest unchanged first. None: all, the oldest
        first. A change while pages are turned moves a contact to the end: it may come twice, and none is left out.
        """
        by = "dateAdded" if changed_since is None else "dateUpdated"
        body: dict[str, Any] = {
            "locationId": location_id,
            "pageLimit": limit,
            "sort": [{"field": by, "direction": "asc"}],
        }
        if changed_since is not None:
            body["filters"] = [{"field": by, "operator": "range", "value": {"gte": zulu_time(changed_since)}}]
        if cursor:
            body["searchAfter"] = _position(cursor)
        answer = self._call("POST", location_id, ("contacts", "search"), deadline, body=body)
        contacts = reading.listed(answer, "contacts")
        found = [(contact, _cursor(contact.get("searchAfter"))) for contact in contacts]
        if len(found) >= limit and not found[-1][1]:
            raise TryAgain(
                "contacts_api_unexpected", "the answer to a search has no searchAfter", trace_id=answer.trace_id
            )
        return found

    def custom_field_keys(self, location_id: str, *, deadline: float) -> Mapping[str, str]:
        """Custom field's id → its key (`contact.budget`); {} when the token may not list them.

        Raises TryAgain while the API does not answer, as another time it will.
        """
        try:
            definitions = self._custom_fields.definitions(location_id, deadline=deadline)
        except (Misconfigured, Undeliverable):
            return {}
        except TryAgain as failed:
            if failed.reason.startswith(_REFUSED):
                return {}
            raise
        return {found.id: found.field_key for found in definitions if found.field_key}

    def _search_tasks(self, location_id: str, skip: int, deadline: float, *, query: str = "") -> list[dict[str, Any]]:
        body: dict[str, Any] = {"limit": _TASKS_A_PAGE, "skip": skip, **({"query": query} if query else {})}
        path = ("locations", location_id, "tasks", "search")
        answer = self._call("POST", location_id, path, deadline, body=body, has_own_scope=True, keeps_no_scope=True)
        # The schema of the answer names no field; the database's own name of an id shows up in some answers.
        tasks = (
            {**task, "id": reading.text(task.get("id") or task.get("_id"))} for task in reading.listed(answer, "tasks")
        )
        return list(tasks)

    def _all(self, location_id: str, contact_id: str, name: str, deadline: float) -> list[dict[str, Any]]:
        try:
            answer = self._call("GET", location_id, ("contacts", contact_id, name), deadline)
        except Undeliverable as refusal:
            if is_gone(refusal):
                return []
            raise
        return reading.listed(answer, name)

    def _one(
        self, location_id: str, path: tuple[str, ...], name: str, deadline: float, *, has_own_scope: bool = False
    ) -> dict[str, Any] | None:
        """Nothing but an id can be wrong with such a question, so any refusal of it means: not there."""
        try:
            answer = self._call("GET", location_id, path, deadline, has_own_scope=has_own_scope)
        except Undeliverable as refusal:
            if is_gone(refusal) or refusal.reason == REJECTED:
                return None
            raise
        found = answer.body.get(name)
        if not isinstance(found, dict) or not found:
            raise TryAgain("contacts_api_unexpected", f"the answer names no {name}", trace_id=answer.trace_id)
        return found

    def _call(
        self,
        method: str,
        location_id: str,
        path: tuple[str, ...],
        deadline: float,
        *,
        body: Mapping[str, Any] | None = None,
        has_own_scope: bool = False,
        keeps_no_scope: bool = False,
    ) -> Answer:
        try:
            return self._client.call(
                method, *path, location_id=location_id, deadline=deadline, body=body, has_own_scope=has_own_scope
            )
        except TryAgain as failed:
            # A search is no write, whatever its method.
            failed.ambiguous = False
            if failed.reason.startswith(_REFUSED) and not (keeps_no_scope and failed.reason == NO_SCOPE):
                raise Misconfigured(
                    f"the Contacts API refuses the token of location {location_id} for reading ({failed.reason}); "
                    "store a valid one with the rights that the README lists in the Contacts secret"
                ) from None
            raise


def _cursor(position: Any) -> str:
    """A position as text, "" for what is none: a few numbers and ids, as the order is by a time."""
    if not isinstance(position, list) or not position:
        return ""
    return json.dumps(position, separators=(",", ":"))


def _position(cursor: str) -> list[Any]:
    try:
        position = lenient_json.decode(cursor)
    except ValueError:
        position = None
    if not isinstance(position, list):
        raise Undeliverable("unreadable_cursor", "the cursor is none that this version made")
    return position


def _places(cursor: str) -> tuple[int, int]:
    """Where a page of tasks begins, and how far the pages before it have come."""
    places = cursor.split(":")
    if len(places) != 2 or not all(place.isascii() and place.isdecimal() for place in places):
        return 0, 0
    return int(places[0]), int(places[1])
