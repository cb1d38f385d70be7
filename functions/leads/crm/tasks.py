"""Tasks on a contact.

Source: the API's OpenAPI document, operations create-task and get-all-tasks, Version 2021-07-28.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

import msgspec

from leads.core.errors import TryAgain, Undeliverable
from leads.crm import reading
from leads.crm.client import Client
from leads.crm.fates import REJECTED

_FIELDS = frozenset({"title", "body", "dueDate", "assignedTo"})


class CreatedTask(msgspec.Struct, frozen=True):
    """A task that is there; `assignee_refused` when the API would not take it with the user it was meant for."""

    task_id: str
    assignee_refused: bool = False


class Tasks:
    """Tasks of any location's contacts. The API keeps every task it is given: it knows no duplicates."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def create(
        self,
        location_id: str,
        contact_id: str,
        *,
        title: str,
        body: str,
        due_at: float,
        assigned_to: str,
        deadline: float,
    ) -> CreatedTask:
        """Writes an open task. due_at, deadline: epoch seconds; assigned_to: a user's id, "" for nobody.

        A user who left, or who is mistyped in routes.toml, does not cost the task: refused with one, it is
        written without. Raises TryAgain or Undeliverable by the table of fates. After an ambiguous TryAgain,
        and after a refusal (https://github.com/GoHighLevel/highlevel-api-docs/issues/64), the task may be there
        all the same: see find.
        """
        due = dt.datetime.fromtimestamp(due_at, dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        task: dict[str, Any] = {"title": title, "body": body, "dueDate": due, "completed": False}
        if not assigned_to:
            return CreatedTask(self._create(location_id, contact_id, task, deadline))
        try:
            return CreatedTask(self._create(location_id, contact_id, task | {"assignedTo": assigned_to}, deadline))
        except Undeliverable as refusal:
            if refusal.reason != REJECTED or (refusal.fields and "assignedTo" not in refusal.fields):
                raise
        try:
            there = self._find_same(location_id, contact_id, task, deadline)
        except TryAgain as failed:
            # The refused task may be there all the same, and nobody has seen yet.
            failed.ambiguous = True
            raise
        return there or CreatedTask(self._create(location_id, contact_id, task, deadline), assignee_refused=True)

    def find(self, location_id: str, contact_id: str, reference: str, *, deadline: float) -> list[tuple[str, str]]:
        """Title and id of each of the contact's tasks that end in the marker of `reference`.

        Raises TryAgain or Undeliverable by the table of fates.
        """
        return [
            (reading.text(task.get("title")), found)
            for task in self._listed(location_id, contact_id, deadline)
            if reading.is_of(reference, task.get("body")) and (found := reading.text(task.get("id")))
        ]

    def _create(self, location_id: str, contact_id: str, task: dict[str, Any], deadline: float) -> str:
        answer = self._client.call(
            "POST", "contacts", contact_id, "tasks",
            location_id=location_id, deadline=deadline, body=task, known_fields=_FIELDS,
        )  # fmt: skip
        return reading.created_id(answer, "task")

    def _find_same(
        self, location_id: str, contact_id: str, wanted: dict[str, Any], deadline: float
    ) -> CreatedTask | None:
        """The refused task, should it have been written anyway; title and marker alone could be another of the lead."""
        due, last_line = reading.moment(wanted["dueDate"]), wanted["body"].strip().rpartition("\n")[2]
        reference = last_line.removeprefix(reading.MARKER)
        for task in self._listed(location_id, contact_id, deadline):
            is_same = task.get("title") == wanted["title"] and reading.moment(task.get("dueDate")) == due
            if is_same and reading.is_of(reference, task.get("body")) and (found := reading.text(task.get("id"))):
                return CreatedTask(found, assignee_refused=not task.get("assignedTo"))
        return None

    def _listed(self, location_id: str, contact_id: str, deadline: float) -> list[dict[str, Any]]:
        answer = self._client.call("GET", "contacts", contact_id, "tasks", location_id=location_id, deadline=deadline)
        return reading.objects(answer.body.get("tasks"))
