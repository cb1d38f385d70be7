"""An HTTP side that answers what it was told to and remembers what it was asked; and a secret with tokens."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from leads.core.errors import Misconfigured
from leads.crm.client import Admission, Client

LOCATION = "ve9EPM428h8vShlRW1KT"
BASE_URL = "https://crm.example"
DEADLINE = 1_800_000_000.0
NOW = DEADLINE - 10


@dataclass(frozen=True)
class Canned:
    """One answer; a body that is no bytes goes out as JSON."""

    status: int = 200
    body: Any = b"{}"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class CannedAnswer:
    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Asked:
    """One request as it went out."""

    method: str
    url: str
    headers: dict[str, str]
    body: bytes | None
    deadline: float

    @property
    def token(self) -> str:
        return self.headers["Authorization"].removeprefix("Bearer ")

    @property
    def json(self) -> Any:
        return json.loads(self.body or b"null")


class CannedHttp:
    """Gives the answers in turn, or raises one that is an error."""

    def __init__(self, *answers: Canned | Exception) -> None:
        self._answers = list(answers)
        self.asked: list[Asked] = []

    def request(
        self, method: str, url: str, *, headers: Mapping[str, str], body: bytes | None, deadline: float
    ) -> CannedAnswer:
        self.asked.append(Asked(method, url, dict(headers), body, deadline))
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        data = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
        return CannedAnswer(answer.status, answer.headers, data)


class Tokens:
    """The Contacts secret as it is cached, and as a re-read finds it."""

    def __init__(self, entry: Any, later: Any = None) -> None:
        self._now = {"locations": {LOCATION: entry}}
        self._later = self._now if later is None else {"locations": {LOCATION: later}}
        self.rereads = 0

    @classmethod
    def holding(cls, secret: Any) -> "Tokens":
        """A secret of any shape; None for one that cannot be read."""
        tokens = cls({})
        tokens._now = tokens._later = secret
        return tokens

    def current(self) -> dict[str, Any]:
        if self._now is None:
            raise Misconfigured("the secret arn:contacts has no value yet; store one as the README shows")
        return self._now

    def reread(self) -> dict[str, Any]:
        self.rereads += 1
        self._now = self._later
        return self.current()


def client(
    http: CannedHttp,
    secret: Tokens | None = None,
    base_url: str = BASE_URL,
    *,
    now: Callable[[], float] = lambda: NOW,
    admission: Admission | None = None,
) -> Client:
    return Client(http, secret or Tokens({"token": "pit-now"}), base_url, now=now, admission=admission)
