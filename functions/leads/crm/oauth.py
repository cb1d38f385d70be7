"""OAuth of the Contacts API: new tokens for old ones, for codes, and for a company's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote, urlencode

import msgspec

from leads.core import lenient_json
from leads.core.errors import LeadError, TryAgain, Undeliverable
from leads.core.http import Http
from leads.core.tokens import Place, Tokens
from leads.crm import fates
from leads.crm.client import CONTACTS_VERSION

# A token lives a day, 86399 s (spec: GetAccessCodeSuccessfulResponseDto.expires_in), if an answer does not say.
_LIFETIME_SECONDS = 86_399.0
# The only words of an error that are repeated in a log (RFC 6749, section 5.2): others might quote what was sent.
_ERRORS = frozenset(
    ("invalid_request", "invalid_client", "invalid_grant", "unauthorized_client", "unsupported_grant_type")
)
_REFUSALS = frozenset((400, 401, 403, 404, 422))
# What the API says of a token that is good, but not for the harmless question that tries it out.
_GOOD_ALL_THE_SAME = ("contacts_api_unauthorized_scope", "contacts_api_unauthorized_version")


class OAuth:
    """The token endpoints behind one API address, as of apps/oauth.json (2021-07-28).

    Answers are also understood in the spelling of v3 (`accessToken`). Every method takes `deadline` in epoch
    seconds; raises Undeliverable when the endpoint says no, TryAgain when it does not answer or is busy.
    """

    def __init__(self, http: Http, base_url: str, *, now: Callable[[], float]) -> None:
        self._http = http
        self._base_url = base_url.rstrip("/")
        self._now = now

    def refresh(self, place: Place, entry: Mapping[str, Any], *, deadline: float) -> Tokens:
        """POST /oauth/token with the entry's refresh token, which is worth nothing afterwards."""
        return self._grant(
            place, entry, {"grant_type": "refresh_token", "refresh_token": entry["refresh_token"]}, deadline
        )

    def exchange(self, place: Place, entry: Mapping[str, Any], code: str, *, deadline: float) -> Tokens:
        """POST /oauth/token with an authorization code."""
        return self._grant(place, entry, {"grant_type": "authorization_code", "code": code}, deadline)

    def reconnect(self, place: Place, entry: Mapping[str, Any], *, deadline: float) -> str:
        """POST /oauth/reconnect → an authorization code, for an app that is installed but has lost its tokens.

        Source: HighLevel's help article 155000003717; the specification does not hold it.
        """
        whose = "locationId" if place.is_location else "companyId"
        body = {"clientKey": entry["client_id"], "clientSecret": entry["client_secret"], whose: place.key}
        payload = msgspec.json.encode(body)
        headers = {"Version": CONTACTS_VERSION, "Content-Type": "application/json"}
        return _said(
            self._post("oauth/reconnect", headers, payload, deadline), "authorizationCode", "authorization_code"
        )

    def location_token(self, company_id: str, location_id: str, company_token: str, *, deadline: float) -> Tokens:
        """POST /oauth/locationToken: a location's token for its company's (scope oauth.write)."""
        headers = {"Version": CONTACTS_VERSION, "Authorization": f"Bearer {company_token}"}
        form = {"companyId": company_id, "locationId": location_id}
        return self._tokens(self._post("oauth/locationToken", headers | _FORM, urlencode(form).encode(), deadline))

    def refusal(self, location_id: str, token: str, *, deadline: float) -> str:
        """Why the API refuses a location's token, as a reason; "" when it does not.

        Asks for the custom fields of contacts (GET /locations/{id}/customFields). A token without the scope for
        that is a good one, and so is one of which nothing is known as the API does not answer.
        """
        url = f"{self._base_url}/locations/{quote(location_id, safe='')}/customFields?model=contact"
        headers = {"Version": CONTACTS_VERSION, "Authorization": f"Bearer {token}", "Accept": "application/json"}
        try:
            answer = self._http.request("GET", url, headers=headers, body=None, deadline=deadline)
        except TryAgain:
            return ""
        if answer.status not in (401, 403):
            return ""
        reason = _failure(answer.status, answer.headers, lenient_json.decode_object(answer.body)).reason
        return "" if reason in _GOOD_ALL_THE_SAME else reason

    def _grant(self, place: Place, entry: Mapping[str, Any], by: Mapping[str, str], deadline: float) -> Tokens:
        form = {
            "client_id": entry["client_id"],
            "client_secret": entry["client_secret"],
            **by,
            "user_type": "Location" if place.is_location else "Company",
        }
        return self._tokens(self._post("oauth/token", _FORM, urlencode(form).encode(), deadline))

    def _post(self, path: str, headers: Mapping[str, str], payload: bytes, deadline: float) -> dict[str, Any]:
        headers = {**headers, "Accept": "application/json"}
        answer = self._http.request(
            "POST", f"{self._base_url}/{path}", headers=headers, body=payload, deadline=deadline
        )
        parsed = lenient_json.decode_object(answer.body)
        if 200 <= answer.status < 300:
            return parsed
        if answer.status in _REFUSALS:
            code = next((str(word) for word in (parsed.get("error"),) if word in _ERRORS), "")
            detail = f"/{path} answered {answer.status}" + (f" {code}" if code else "")
            raise Undeliverable("token_refused", detail, trace_id=fates.trace_id(parsed))
        raise _failure(answer.status, answer.headers, parsed)

    def _tokens(self, answer: Mapping[str, Any]) -> Tokens:
        lifetime = answer.get("expires_in", answer.get("expiresIn"))
        try:
            seconds = float(lifetime) if lifetime is not None else _LIFETIME_SECONDS
        except (TypeError, ValueError):
            seconds = _LIFETIME_SECONDS
        is_company = str(answer.get("userType", "")).lower() == "company"
        return Tokens(
            access_token=_said(answer, "access_token", "accessToken"),
            expires_at=self._now() + seconds,
            refresh_token=_said(answer, "refresh_token", "refreshToken", needed=False),
            company_id=_said(answer, "companyId", "company_id") if is_company else "",
        )


_FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def _said(answer: Mapping[str, Any], *names: str, needed: bool = True) -> str:
    for name in names:
        value = answer.get(name)
        # It goes into a header, where anything else could not be sent.
        if isinstance(value, str) and value and value.isascii() and value.isprintable():
            return value
    if needed:
        raise TryAgain("contacts_api_unexpected", f"the token endpoint's answer has no {names[0]}", ambiguous=True)
    return ""


def _failure(status: int, headers: Mapping[str, str], answer: Mapping[str, Any]) -> LeadError:
    return fates.failure(status, headers, answer, known_fields=frozenset())
