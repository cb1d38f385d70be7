"""Notes on a contact.

Source: the API's OpenAPI document, operations create-note, get-all-notes and delete-note, Version 2021-07-28.
"""

from __future__ import annotations

from leads.core.marker import is_of
from leads.crm import reading
from leads.crm.client import Client
from leads.crm.removal import remove


class Notes:
    """Notes of any location's contacts. The API keeps every note it is given: it knows no duplicates."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def create(self, location_id: str, contact_id: str, body: str, *, deadline: float) -> str:
        """Writes a note and returns its id. deadline: epoch seconds.

        Raises TryAgain or Undeliverable by the table of fates. After an ambiguous TryAgain, and after a refusal
        (https://github.com/GoHighLevel/highlevel-api-docs/issues/64), the note may be there all the same: see find.
        """
        answer = self._client.call(
            "POST", "contacts", contact_id, "notes",
            location_id=location_id, deadline=deadline, body={"body": body},
        )  # fmt: skip
        return reading.created_id(answer, "note")

    def find(self, location_id: str, contact_id: str, reference: str, *, deadline: float) -> str | None:
        """The id of the contact's note with the marker of `reference`; None when there is none.

        Raises TryAgain or Undeliverable by the table of fates, TryAgain when the answer has no list of notes.
        """
        answer = self._client.call("GET", "contacts", contact_id, "notes", location_id=location_id, deadline=deadline)
        for note in reading.listed(answer, "notes"):
            if is_of(reference, note.get("body")) and (found := reading.text(note.get("id"))):
                return found
        return None

    def delete(self, location_id: str, contact_id: str, note_id: str, *, deadline: float) -> None:
        """Removes a note; one that is gone already, also with its contact, is no error.

        Raises TryAgain or Undeliverable by the table of fates.
        """
        remove(self._client, location_id, contact_id, "notes", note_id, deadline=deadline)
