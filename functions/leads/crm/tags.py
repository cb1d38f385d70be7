"""Tags of a contact, added and removed without touching its others.

Source: the API's OpenAPI document, operations add-tags and remove-tags, Version 2021-07-28.
"""

from __future__ import annotations

from collections.abc import Sequence

from leads.crm import reading
from leads.crm.client import Client


class Tags:
    """Tags of any location's contacts. Adding or removing the same twice is the same as once."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def add(self, location_id: str, contact_id: str, tags: Sequence[str], *, deadline: float) -> tuple[str, ...]:
        """Adds tags; returns the contact's tags as the API lists them. () means: it did not say.

        deadline: epoch seconds.
        Raises TryAgain or Undeliverable by the table of fates.
        """
        return self._change("POST", location_id, contact_id, tags, deadline)

    def remove(self, location_id: str, contact_id: str, tags: Sequence[str], *, deadline: float) -> tuple[str, ...]:
        """Removes tags, those that are there; returns the contact's tags as the API lists them.

        () means: none is left, or it did not say. deadline: epoch seconds.
        Raises TryAgain or Undeliverable by the table of fates.
        """
        return self._change("DELETE", location_id, contact_id, tags, deadline)

    def _change(
        self, method: str, location_id: str, contact_id: str, tags: Sequence[str], deadline: float
    ) -> tuple[str, ...]:
        wanted = [tag for tag in tags if tag.strip()]
        if not wanted:
            return ()
        answer = self._client.call(
            method, "contacts", contact_id, "tags",
            location_id=location_id, deadline=deadline, body={"tags": wanted},
        )  # fmt: skip
        return reading.texts(answer.body.get("tags"))
