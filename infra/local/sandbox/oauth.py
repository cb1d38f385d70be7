"""The CRM's token endpoints: single-use refresh tokens, tokens that expire, a company's token for its location's."""

import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from infra.local.sandbox.web import Answer, Call

LIFETIME = 86_399
_VERSION = "2021-07-28"
# apps/oauth.json: GetAccessCodebodyDto, GetLocationAccessCodeBodyDto; the third is of help article 155000003717.
_PROPERTIES = {
    "token": {"client_id", "client_secret", "grant_type", "code", "refresh_token", "user_type", "redirect_uri"},
    "locationToken": {"companyId", "locationId"},
    "reconnect": {"clientKey", "clientSecret", "locationId", "companyId"},
}
_REQUIRED = {
    "token": ("client_id", "client_secret", "grant_type"),
    "locationToken": ("companyId", "locationId"),
    "reconnect": ("clientKey", "clientSecret"),
}
_SECRET_FIELDS = ("client_secret", "clientSecret", "refresh_token", "code")


@dataclass(frozen=True)
class Install:
    """An app installed in one location, or in a company with its locations."""

    client_id: str
    client_secret: str
    company_id: str
    location_id: str = ""
    locations: tuple[str, ...] = ()
    expires_in: int = LIFETIME

    @property
    def user_type(self) -> str:
        return "Location" if self.location_id else "Company"


@dataclass
class OAuth:
    """Installs and the tokens they were given. `tokens` is the API's own table, token → location. Not thread-safe."""

    tokens: dict[str, str]
    clock: Callable[[], float] = time.time
    _installs: list[Install] = field(default_factory=list)
    _refresh: dict[str, Install] = field(default_factory=dict)
    _codes: dict[str, Install] = field(default_factory=dict)
    _company: dict[str, Install] = field(default_factory=dict)
    _ends: dict[str, float] = field(default_factory=dict)

    def install(self, order: Mapping[str, Any]) -> dict[str, Any]:
        """Install an app, as its user does in a browser, and answer with the first pair of tokens."""
        try:
            install = Install(**{**order, "locations": tuple(order.get("locations", ()))})
        except TypeError as error:
            raise ValueError(f"An install takes {', '.join(Install.__dataclass_fields__)} ({error}).") from None
        self._installs.append(install)
        return self._pair(install)

    def forget(self) -> None:
        """Uninstall everything, which ends every token of an app."""
        for token in self._ends:
            self.tokens.pop(token, None)
        for table in (self._installs, self._refresh, self._codes, self._company, self._ends):
            table.clear()

    def expire(self) -> None:
        """Take back access tokens whose time is over."""
        for token, end in list(self._ends.items()):
            if end <= self.clock():
                del self._ends[token]
                self.tokens.pop(token, None)
                self._company.pop(token, None)

    def is_company_token(self, token: str) -> bool:
        return token in self._company

    def answer(self, call: Call) -> Answer | None:
        """The answer to a call of a token endpoint; None when it is none."""
        name = call.path.removeprefix("/oauth/")
        if call.method != "POST" or name == call.path or name not in _PROPERTIES:
            return None
        body = form(call) if name != "reconnect" else _json(call)
        if unknown := sorted(set(body) - _PROPERTIES[name]):
            return _unprocessable([f"property {field} should not exist" for field in unknown])
        if missing := [field for field in _REQUIRED[name] if not body.get(field)]:
            return _unprocessable([f"{field} should not be empty" for field in missing])
        answers = {"token": self._token, "locationToken": self._location_token, "reconnect": self._reconnect}
        return answers[name](call, body)

    def _token(self, _: Call, body: dict[str, str]) -> Answer:
        if body["grant_type"] not in ("authorization_code", "refresh_token"):
            return _unprocessable(["grant_type must be one of: authorization_code, refresh_token, client_credentials"])
        by_code = body["grant_type"] == "authorization_code"
        table = self._codes if by_code else self._refresh
        given = body.get("code" if by_code else "refresh_token", "")
        install = table.get(given)
        # The code is looked up before the client: a bad client and a bad code are answered alike.
        if install is None or (install.client_id, install.client_secret) != (body["client_id"], body["client_secret"]):
            if by_code:
                words = {"error": "UnAuthorized!", "error_description": "Authorization code not found"}
                return Answer(401, words)
            return Answer(400, {"statusCode": 400, "message": "This refresh token is invalid"})
        # Whose tokens they are follows from the install, whatever user_type was asked for.
        del table[given]
        return Answer(200, self._pair(install))

    def _location_token(self, call: Call, body: dict[str, str]) -> Answer:
        if call.headers.get("version") != _VERSION:
            return _unauthorized("version header was not found.")
        install = self._company.get(call.token)
        if install is None:
            return _unauthorized("Invalid token: access token is invalid")
        if body["companyId"] != install.company_id or body["locationId"] not in install.locations:
            return Answer(400, {"statusCode": 400, "message": "Location not found"})
        token = self._access(install)
        self.tokens[token] = body["locationId"]
        shown = {"token_type": "Bearer", "expires_in": install.expires_in, "locationId": body["locationId"]}
        return Answer(200, {"access_token": token, **shown, "userId": "sandboxUser"})

    def _reconnect(self, _: Call, body: dict[str, str]) -> Answer:
        wanted = (body.get("locationId", ""), body.get("companyId", ""))
        for install in reversed(self._installs):
            owner = (install.location_id, "" if install.location_id else install.company_id)
            client = (install.client_id, install.client_secret)
            if owner == wanted and client == (body["clientKey"], body["clientSecret"]):
                code = secrets.token_hex(20)
                self._codes[code] = install
                return Answer(200, {"authorizationCode": code, "expiresAt": int(self.clock() + 600)})
        return _unauthorized("The app is not installed")

    def _pair(self, install: Install) -> dict[str, Any]:
        access, refresh = self._access(install), f"refresh-{secrets.token_hex(20)}"
        self._refresh[refresh] = install
        shown: dict[str, Any] = {"locationId": install.location_id}
        if install.location_id:
            self.tokens[access] = install.location_id
        else:
            self._company[access] = install
            shown = {"approvedLocations": list(install.locations), "isBulkInstallation": True}
        return {
            "access_token": access,
            "token_type": "Bearer",
            "expires_in": install.expires_in,
            "refresh_token": refresh,
            "scope": "contacts.write contacts.readonly locations/customFields.readonly",
            "userType": install.user_type,
            "companyId": install.company_id,
            "userId": "sandboxUser",
            **shown,
        }

    def _access(self, install: Install) -> str:
        token = f"access-{secrets.token_hex(20)}"
        self._ends[token] = self.clock() + install.expires_in
        return token


def form(call: Call) -> dict[str, str]:
    """The fields of a form body; {} for a body that is not declared as one."""
    if "x-www-form-urlencoded" not in call.headers.get("content-type", ""):
        return {}
    return dict(parse_qsl(call.text, keep_blank_values=True))


def masked(call: Call) -> dict[str, str]:
    """A token endpoint's body as it may be shown: without the secrets in it."""
    body = form(call) or _json(call)
    return {name: "***" if name in _SECRET_FIELDS else value for name, value in body.items()}


def _json(call: Call) -> dict[str, str]:
    try:
        body = call.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _unprocessable(messages: list[str]) -> Answer:
    return Answer(422, {"statusCode": 422, "message": messages, "error": "Unprocessable Entity"})


def _unauthorized(message: str) -> Answer:
    return Answer(401, {"statusCode": 401, "message": message, "error": "Unauthorized"})
