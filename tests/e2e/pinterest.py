"""The stack's Pinterest from its admin side: what it was told of a person, and how it is made to fail."""

from __future__ import annotations

import hashlib
import json
from typing import Any
from urllib.parse import urlsplit

import urllib3

from tests.e2e.conftest import ACCOUNT


class Pinterest:
    """The Pinterest sandbox of a stack, and the ad account that its leads are from."""

    def __init__(self, api_url: str) -> None:
        self._url = f"http://{urlsplit(api_url).netloc}/_sandbox"
        self._http = urllib3.PoolManager(retries=False, timeout=10)

    def events(self, email: str) -> list[dict[str, Any]]:
        """What was told of a person, each event as often as Pinterest counts it."""
        return self.events_by_person().get(sha256(email), [])

    def events_by_person(self) -> dict[str, list[dict[str, Any]]]:
        """The same of everybody, by the hash of the person's e-mail."""
        found: dict[str, list[dict[str, Any]]] = {}
        for row in self._ask("GET", "events")["events"]:
            event = row["event"]
            if row["account"] == ACCOUNT and len(event["user_data"].get("em", ())) == 1:
                found.setdefault(event["user_data"]["em"][0], []).extend([event] * row["counted"])
        return found

    def break_with(self, **fault: Any) -> None:
        self._ask("POST", "faults", fault)

    def mend(self) -> None:
        self._ask("DELETE", "faults")

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        answer = self._http.request(method, f"{self._url}/{path}", json=body)
        assert answer.status < 300, answer.data
        return json.loads(answer.data or b"{}")


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
