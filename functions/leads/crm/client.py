"""One call to the Contacts API: address, token, version, and the fate of the answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol
from urllib.parse import quote, urlencode

import msgspec

from leads.core import lenient_json
from leads.core.errors import Misconfigured, TryAgain
from leads.core.http import Http, HttpAnswer
from leads.core.secret import StoredSecret
from leads.crm import fates

# Contacts, and locations with their custom fields, live under this version (the spec's Version header);
# other resources differ.
CONTACTS_VERSION = "2021-07-28"

# With less time left no call is begun: a write whose answer nobody waits for has to be looked for afterwards, and
# the API takes a few tenths of a second.
_LEAST_SECONDS = 0.7

# A private integration token, or what OAuth has given: a location has one of them.
_TOKEN_NAMES = ("token", "access_token")

_encode = msgspec.json.Encoder().encode


class Admission(Protocol):
    """Whose turn it is: the rate limit and the health of each location."""

    def enter(self, location_id: str, *, deadline: float) -> None:
        """Before a request; may wait. Raises TryAgain when the location's turn does not come by `deadline`."""

    def leave(
        self, location_id: str, *, sent_at: float, status: int | None, headers: Mapping[str, str], is_well: bool
    ) -> None:
        """After it, in any case. status: None when no answer came; headers: names in lower case.

        is_well: the status notwithstanding, nothing is wrong with the location."""


class Answer(msgspec.Struct, frozen=True):
    """A successful answer: its JSON object, and the API's id of the call."""

    body: dict[str, Any]
    trace_id: str | None


class _Question(msgspec.Struct, frozen=True):
    """A call without its token, as it is sent each time."""

    method: str
    url: str
    version: str
    payload: bytes | None
    known_fields: frozenset[str]
    has_own_scope: bool


class Client:
    """Calls for one API address, each with the token of the location it concerns.

    secret: `{"locations": {"<id>": {"token" or "access_token": …, "previous_token": …}}}`.
    """

    def __init__(
        self,
        http: Http,
        secret: StoredSecret,
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
        has_own_scope: bool = False,
    ) -> Answer:
        """One operation; `path` is given in parts, each escaped whole. deadline: epoch seconds.

        has_own_scope: the operation needs a right that no lead needs, so its lack says nothing about the location.

        A refused token is tried once more as the secret has it now, then as its predecessor, which stays
        valid for a while after a rotation: a refused call has changed nothing, so repeating it is safe.
        Raises TryAgain or Undeliverable by the table of fates, TryAgain(out_of_time) with nothing sent when the
        deadline is too near, Misconfigured when the location has no token. Only a write can be ambiguous.
        """
        if any(part in ("", ".", "..") for part in path):
            # Only an id out of an answer could be one of these, and dots would lead to another operation.
            raise TryAgain("contacts_api_unexpected", "the API named an id that cannot be part of an address")
        url = self._base_url + "/" + "/".join(quote(part, safe="", errors="replace") for part in path)
        if query:
            url += "?" + urlencode(query, quote_via=quote, errors="replace")
        payload = None if body is None else _encode(body)
        question = _Question(method, url, version, payload, known_fields, has_own_scope)
        try:
            return self._answered(location_id, question, deadline)
        except TryAgain as failed:
            failed.ambiguous = failed.ambiguous and method != "GET"
            raise

    def _answered(self, location_id: str, question: _Question, deadline: float) -> Answer:
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
            answer = self._request(location_id, question, token, deadline)
            parsed = lenient_json.decode_object(answer.body)
            if 200 <= answer.status < 300:
                return Answer(parsed, fates.trace_id(parsed))
            failed = fates.failure(answer.status, answer.headers, parsed, known_fields=question.known_fields)
            if failed.reason != "contacts_api_unauthorized" or not isinstance(failed, TryAgain):
                raise failed
            refusal = failed
        if refusal is None:
            raise Misconfigured(f"the Contacts secret has no token for location {location_id}; store one under it")
        raise refusal

    def _request(self, location_id: str, question: _Question, token: str, deadline: float) -> HttpAnswer:
        if deadline - self._now() < _LEAST_SECONDS:
            raise TryAgain("out_of_time", counts=False)
        if self._admission is None:
            return self._send(question, token, deadline)
        self._admission.enter(location_id, deadline=deadline - _LEAST_SECONDS)
        sent_at = self._now()
        status: int | None = None
        answered: Mapping[str, str] = {}
        is_well = False
        try:
            answer = self._send(question, token, deadline)
            status, answered = answer.status, answer.headers
            is_well = question.has_own_scope and fates.lacks_scope(status, lenient_json.decode_object(answer.body))
            return answer
        finally:
            self._admission.leave(location_id, sent_at=sent_at, status=status, headers=answered, is_well=is_well)

    def _send(self, question: _Question, token: str, deadline: float) -> HttpAnswer:
        headers = {"Authorization": f"Bearer {token}", "Version": question.version, "Accept": "application/json"}
        if question.payload is not None:
            headers["Content-Type"] = "application/json"
        return self._http.request(
            question.method, question.url, headers=headers, body=question.payload, deadline=deadline
        )


def _token(secret: Mapping[str, Any], location_id: str, names: tuple[str, ...]) -> str:
    """The location's token: the first of `names` that could stand in a header, "" when none could."""
    locations = secret.get("locations")
    entry = locations.get(location_id) if isinstance(locations, dict) else None
    tokens = [entry.get(name) for name in names] if isinstance(entry, dict) else []
    usable = (token for token in tokens if isinstance(token, str) and token.isascii() and token.isprintable())
    return next((token for token in usable if token), "")
