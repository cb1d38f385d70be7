"""One call to the Contacts API: address, token, version, and the fate of the answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol
from urllib.parse import quote, urlencode

import msgspec

from leads.core.errors import Misconfigured, TryAgain
from leads.crm import fates

# Contacts, and locations with their custom fields, live under this version (the spec's Version header);
# other resources differ.
CONTACTS_VERSION = "2021-07-28"

# A private integration token, or what OAuth has given: a location has one of them.
_TOKEN_NAMES = ("token", "access_token")

_encode = msgspec.json.Encoder().encode


class HttpAnswer(Protocol):
    """An HTTP answer; header names in lower case."""

    @property
    def status(self) -> int: ...
    @property
    def headers(self) -> Mapping[str, str]: ...
    @property
    def body(self) -> bytes: ...


class Http(Protocol):
    """Sends one request once. Raises TryAgain when no answer comes by `deadline` (epoch seconds)."""

    def request(
        self, method: str, url: str, *, headers: Mapping[str, str], body: bytes | None, deadline: float
    ) -> HttpAnswer: ...


class LocationsSecret(Protocol):
    """`{"locations": {"<id>": {"token" or "access_token": …, "previous_token": …}}}`; raises Misconfigured when
    unusable."""

    def current(self) -> dict[str, Any]: ...

    def reread(self) -> dict[str, Any]: ...


class Admission(Protocol):
    """Whose turn it is: the rate limit and the health of each location."""

    def enter(self, location_id: str, *, deadline: float) -> None:
        """Before a request; may wait. Raises TryAgain when the location's turn does not come by `deadline`."""

    def leave(self, location_id: str, *, sent_at: float, status: int | None, headers: Mapping[str, str]) -> None:
        """After it, in any case. status: None when no answer came; headers: names in lower case."""


class Answer(msgspec.Struct, frozen=True):
    """A successful answer: its JSON object, and the API's id of the call."""

    body: dict[str, Any]
    trace_id: str | None


class Client:
    """Calls for one API address, each with the token of the location it concerns."""

    def __init__(
        self,
        http: Http,
        secret: LocationsSecret,
        base_url: str,
        *,
        now: Callable[[], float],
        admission: Admission | None = None,
    ) -> None:
        self._http = http
        self._secret = secret
        self._base_url = base_url.rstrip("/")
        self._now = now
        self._admission = admission

    def call(
        self,
        method: str,
        *path: str,
        location_id: str,
        deadline: float,
        body: Mapping[str, Any] | None = None,
        query: Mapping[str, str] | None = None,
        version: str = CONTACTS_VERSION,
        known_fields: frozenset[str] = frozenset(),
    ) -> Answer:
        """One operation; `path` is given in parts, each escaped whole. deadline: epoch seconds.

        A refused token is tried once more as the secret has it now, then as its predecessor, which stays
        valid for a while after a rotation: a refused call has changed nothing, so repeating it is safe.
        Raises TryAgain or Undeliverable by the table of fates, TryAgain(out_of_time) with nothing sent when the
        deadline has passed, Misconfigured when the location has no token. Only a write can be ambiguous.
        """
        if any(part in ("", ".", "..") for part in path):
            # Only an id out of an answer could be one of these, and dots would lead to another operation.
            raise TryAgain("contacts_api_unexpected", "the API named an id that cannot be part of an address")
        url = self._base_url + "/" + "/".join(quote(part, safe="", errors="replace") for part in path)
        if query:
            url += "?" + urlencode(query, quote_via=quote, errors="replace")
        payload = None if body is None else _encode(body)
        try:
            return self._answered(location_id, method, url, version, payload, known_fields, deadline)
        except TryAgain as failed:
            failed.ambiguous = failed.ambiguous and method != "GET"
            raise

    def _answered(
        self,
        location_id: str,
        method: str,
        url: str,
        version: str,
        payload: bytes | None,
        known_fields: frozenset[str],
        deadline: float,
    ) -> Answer:
        tried: set[str] = set()
        refusal: TryAgain | None = None
        for secret, names in (
            (self._secret.current, _TOKEN_NAMES),
            (self._secret.reread, _TOKEN_NAMES),
            (self._secret.current, ("previous_token",)),
        ):
            token = _token(secret(), location_id, names)
            if not token or token in tried:
                continue
            tried.add(token)
            headers = _headers(token, version, payload)
            answer = self._request(location_id, method, url, headers, payload, deadline)
            parsed = fates.decoded(answer.body)
            if 200 <= answer.status < 300:
                return Answer(parsed, fates.trace_id(parsed))
            failed = fates.failure(answer.status, answer.headers, parsed, known_fields=known_fields)
            if failed.reason != "contacts_api_unauthorized" or not isinstance(failed, TryAgain):
                raise failed
            refusal = failed
        if refusal is None:
            raise Misconfigured(f"the Contacts secret has no token for location {location_id}; store one under it")
        raise refusal

    def _request(
        self, location_id: str, method: str, url: str, headers: Mapping[str, str], body: bytes | None, deadline: float
    ) -> HttpAnswer:
        if self._now() >= deadline:
            raise TryAgain("out_of_time", counts=False)
        if self._admission is None:
            return self._http.request(method, url, headers=headers, body=body, deadline=deadline)
        self._admission.enter(location_id, deadline=deadline)
        sent_at = self._now()
        status: int | None = None
        answered: Mapping[str, str] = {}
        try:
            answer = self._http.request(method, url, headers=headers, body=body, deadline=deadline)
            status, answered = answer.status, answer.headers
            return answer
        finally:
            self._admission.leave(location_id, sent_at=sent_at, status=status, headers=answered)


def _token(secret: Mapping[str, Any], location_id: str, names: tuple[str, ...]) -> str:
    """The location's token: the first of `names` that could stand in a header, "" when none could."""
    locations = secret.get("locations")
    entry = locations.get(location_id) if isinstance(locations, dict) else None
    tokens = [entry.get(name) for name in names] if isinstance(entry, dict) else []
    usable = (token for token in tokens if isinstance(token, str) and token.isascii() and token.isprintable())
    return next((token for token in usable if token), "")


def _headers(token: str, version: str, payload: bytes | None) -> dict[str, str]:
    headers = {"Authorization": f"Bearer {token}", "Version": version, "Accept": "application/json"}
    if payload is not None:
        headers["Content-Type"] = "application/json"
    return headers
