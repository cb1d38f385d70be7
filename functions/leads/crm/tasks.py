"""Tasks on a contact.

Source: the API's OpenAPI document, operations create-task, get-all-tasks and delete-task, Version 2021-07-28.
"""

from __future__ import annotations

from typing import Any

from leads.core.iso_time import zulu_time
from leads.core.marker import is_of
from leads.core.recognition import FoundTask
from leads.crm import reading
from leads.crm.client import Client
from leads.crm.removal import remove

_FIELDS = frozenset({"title", "body", "dueDate", "assignedTo"})


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
        completed: bool = False,
        deadline: float,
    ) -> str:
        """Writes a task and gives its id.

        due_at, deadline: epoch seconds; assigned_to: a user's id, "" for nobody; completed: it is done already.

        Raises TryAgain or Undeliverable by the table of fates. After an ambiguous TryAgain, and after a refusal
        (https://github.com/GoHighLevel/highlevel-api-docs/issues/64), the task may be there all the same: see find.
        """
        task: dict[str, Any] = {"title": title, "body": body, "dueDate": zulu_time(due_at), "completed": completed}
        if assigned_to:
            task["assignedTo"] = assigned_to
        answer = self._client.call(
            "POST", "contacts", contact_id, "tasks",
            location_id=location_id, deadline=deadline, body=task, known_fields=_FIELDS,
        )  # fmt: skip
        return reading.created_id(answer, "task")

    def find(self, location_id: str, contact_id: str, reference: str, *, deadline: float) -> list[FoundTask]:
        """The contact's tasks with the marker of `reference`.

        Raises TryAgain or Undeliverable by the table of fates.
        """
        answer = self._client.call("GET", "contacts", contact_id, "tasks", location_id=location_id, deadline=deadline)
        return [
            FoundTask(task_id=found, title=reading.text(task.get("title")), due_at=reading.moment(task.get("dueDate")))
            for task in reading.listed(answer, "tasks")
            if is_of(reference, task.get("body")) and (found := reading.text(task.get("id")))
        ]

    def delete(self, location_id: str, contact_id: str, task_id: str, *, deadline: float) -> None:
        """Removes a task; one that is gone already, also with its contact, is no error.

        Raises TryAgain or Undeliverable by the table of fates.
        """
        remove(self._client, location_id, contact_id, "tasks", task_id, deadline=deadline)
