"""Notices signed the way Facebook does, the Facebook secret, and a Graph that answers what it was told to."""

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from leads.core.errors import Misconfigured
from leads.core.lead import Envelope
from leads.core.request import Request
from leads.sources.facebook import Facebook
from leads.sources.graph import Graph

PAGE = "153125381133"
OTHER_PAGE = "153125381134"
FORM = "12312312312"
LEAD = "123123123123"
APP_SECRET = "test_app_secret"
TOKEN = "page-token-1"
GRAPH_URL = "https://graph.example/v26.0"
NOW = 1_800_000_000.0
DEADLINE = NOW + 10
RECEIVED_AT = "2027-01-15T08:00:00.000+00:00"

RECORD: dict[str, Any] = {
    "id": LEAD,
    "created_time": "2027-01-15T07:59:00+0000",
    "form_id": FORM,
    "field_data": [{"name": "email", "values": ["ada@example.com"]}],
}


class FacebookSecret:
    """The secret as it is cached, and as a re-read finds it; None for one that cannot be read."""

    def __init__(self, value: Any = None, later: Any = None) -> None:
        self.value = value if value is not None else secret_value()
        self.later = later if later is not None else self.value
        self.rereads = 0

    def current(self) -> dict[str, Any]:
        if self.value == "unreadable":
            raise Misconfigured("the secret arn:facebook has no value yet; store one as the README shows")
        return self.value

    def reread(self) -> dict[str, Any]:
        self.rereads += 1
        self.value = self.later
        return self.current()


def secret_value(**changes: Any) -> dict[str, Any]:
    return {
        "app_id": "1", "app_secret": APP_SECRET, "verify_token": "open sesame",
        "pages": {PAGE: {"token": TOKEN}, OTHER_PAGE: {"token": "page-token-2"}},
    } | changes  # fmt: skip


@dataclass(frozen=True)
class Canned:
    """One answer; a body that is no bytes goes out as JSON."""

    status: int = 200
    told: Any = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def body(self) -> bytes:
        return self.told if isinstance(self.told, bytes) else json.dumps(self.told).encode()


@dataclass(frozen=True)
class Asked:
    """One request as it went out."""

    path: str
    query: dict[str, str]
    headers: dict[str, str]
    url: str

    @property
    def token(self) -> str:
        return self.headers["Authorization"].removeprefix("Bearer ")


class CannedGraph:
    """Answers by path below the version: one answer for ever, or a list of them in turn, the last for ever.

    What it was not told of it refuses as Graph does, with 100/33.
    """

    def __init__(self, answers: Mapping[str, Any] | None = None) -> None:
        self.answers: dict[str, Any] = {LEAD: Canned(told=RECORD), **(answers or {})}
        self.asked: list[Asked] = []

    def request(
        self, method: str, url: str, *, headers: Mapping[str, str], body: bytes | None, deadline: float
    ) -> Canned:
        assert (method, body) == ("GET", None)
        parts = urlsplit(url)
        path = parts.path.removeprefix("/v26.0/")
        query = {name: value for name, (value,) in parse_qs(parts.query, keep_blank_values=True).items()}
        self.asked.append(Asked(path, query, dict(headers), url))
        answer = self.answers.get(path, error(100, 33))
        if isinstance(answer, list):
            answer = answer.pop(0) if len(answer) > 1 else answer[0]
        if isinstance(answer, Exception):
            raise answer
        assert isinstance(answer, Canned)
        return answer

    def paths(self) -> list[str]:
        return [asked.path for asked in self.asked]


class Clock:
    def __init__(self) -> None:
        self.at = NOW

    def __call__(self) -> float:
        return self.at


def error(code: int | None, subcode: int | None = None, status: int = 400, headers: Any = None, **more: Any) -> Canned:
    """A refusal as Graph words it; its text quotes a person, as the real one may."""
    told = {"message": "ada@example.com is wrong", "type": "OAuthException", "fbtrace_id": "A/b-1", **more}
    told |= {} if code is None else {"code": code}
    told |= {} if subcode is None else {"error_subcode": subcode}
    return Canned(status, {"error": told}, headers or {})


def usage(percent: float, minutes: float = 0, kind: str = "leadgen") -> dict[str, str]:
    """X-Business-Use-Case-Usage of one business."""
    entry = {
        "type": kind, "call_count": percent, "total_time": 1, "total_cputime": 1,
        "estimated_time_to_regain_access": minutes,
    }  # fmt: skip
    return {"x-business-use-case-usage": json.dumps({"1": [entry]})}


def facebook(
    http: CannedGraph | None = None, secret: FacebookSecret | None = None, now: Clock | None = None
) -> Facebook:
    return Facebook(secret or FacebookSecret(), http or CannedGraph(), GRAPH_URL, now=now or Clock())


def graph(http: CannedGraph, secret: FacebookSecret | None = None, now: Clock | None = None) -> Graph:
    return Graph(http, secret or FacebookSecret(), GRAPH_URL + "/", now=now or Clock())


def change(lead: Any = LEAD, **more: Any) -> dict[str, Any]:
    value = {"leadgen_id": lead, "page_id": PAGE, "form_id": FORM, "created_time": 1_799_999_940, **more}
    return {"field": "leadgen", "value": value}


def notification(*changes: Any, page: Any = PAGE, **more: Any) -> dict[str, Any]:
    return {"object": "page", "entry": [{"id": page, "time": 1_799_999_950, "changes": list(changes), **more}]}


def signature(body: bytes, app_secret: str = APP_SECRET) -> str:
    return "sha256=" + hmac.new(app_secret.encode(), body, hashlib.sha256).hexdigest()


def request(body: Any, *, signed: str | None = None, app_secret: str = APP_SECRET) -> Request:
    """A delivery; signed with the app's secret unless a signature is given, "" being none at all."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    header = signature(data, app_secret) if signed is None else signed
    return Request(source="facebook", token="t", body=data, headers={"x-hub-signature-256": header} if header else {})


def envelope(lead: Any = LEAD, content: Any = None, page: str = PAGE, **more: Any) -> Envelope:
    raw = {"id": page, "changes": [change(lead, page_id=page, **more)]}
    made = facebook().wrap(raw, received_at=RECEIVED_AT)
    return Envelope(
        source="facebook", account=made.account, lead_id=made.lead_id, raw=raw, received_at=RECEIVED_AT,
        content=content,
    )  # fmt: skip
