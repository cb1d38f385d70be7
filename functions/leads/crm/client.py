"""One call to the Contacts API: address, token, version, and the fate of the answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol
from urllib.parse import quote

import msgspec

from leads.core.errors import Misconfigured, TryAgain
from leads.crm import fates

# Contacts live under this version (the spec's Version header); other resources differ.
CONTACTS_VERSION = "2021-07-28"

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
    """`{"locations": {"<id>": {"token": …, "previous_token": …}}}`; raises Misconfigured when unusable."""

    def current(self) -> dict[str, Any]: ...

    def reread(self) -> dict[str, Any]: ...


class Answer(msgspec.Struct, frozen=True):
    """A successful answer: its JSON object, and the API's id of the call."""

    body: dict[str, Any]
    trace_id: str | None


class Client:
    """Calls for one API address, each with the token of the location it concerns."""

    def __init__(self, http: Http, secret: LocationsSecret, base_url: str) -> None:
        self._http = http
        self._secret = secret
        self._base_url = base_url.rstrip("/")

    def call(
        self,
        method: str,
        *path: str,
        location_id: str,
        deadline: float,
        body: Mapping[str, Any] | None = None,
        known_fields: frozenset[str] = frozenset(),
    ) -> Answer:
        """One operation; `path` is given in parts, each escaped whole.

        A refused token is tried once more as the secret has it now, then as its predecessor, which stays
        valid for a while after a rotation: a refused call has changed nothing, so repeating it is safe.
        Raises TryAgain or Undeliverable by the table of fates, Misconfigured when the location has no token.
        """
        if any(part in ("", ".", "..") for part in path):
            # Only an id out of an answer could be one of these, and dots would lead to another operation.
            raise TryAgain("contacts_api_unexpected", "the API named an id that cannot be part of an address")
        url = self._base_url + "/" + "/".join(quote(part, safe="") for part in path)
        payload = None if body is None else _encode(body)
        tried: set[str] = set()
        refusal: TryAgain | None = None
        for secret, name in (
            (self._secret.current, "token"),
            (self._secret.reread, "token"),
            (None, "previous_token"),
        ):
            token = self._token((secret or self._secret.current)(), location_id, name)
            if not token or token in tried:
                continue
            tried.add(token)
            answer = self._http.request(method, url, headers=_headers(token, payload), body=payload, deadline=deadline)
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

    def _token(self, secret: Mapping[str, Any], location_id: str, name: str) -> str:
        locations = secret.get("locations")
        entry = locations.get(location_id) if isinstance(locations, dict) else None
        token = entry.get(name) if isinstance(entry, dict) else None
        return token if isinstance(token, str) and token.isascii() and token.isprintable() else ""


def _headers(token: str, payload: bytes | None) -> dict[str, str]:
    headers = {"Authorization": f"Bearer {token}", "Version": CONTACTS_VERSION, "Accept": "application/json"}
    if payload is not None:
        headers["Content-Type"] = "application/json"
    return headers
