"""Pinterest's token endpoint: access tokens of 30 days, refresh tokens of 60 that work once."""

import base64
import binascii
import secrets
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from infra.local.pinterest.refusals import refusal
from infra.local.sandbox.oauth import form
from infra.local.sandbox.web import Answer, Call

LIFETIME = 2_592_000
REFRESH_LIFETIME = 5_184_000
_SCOPE = "ads:read ads:write"
_PROPERTIES = {"grant_type", "refresh_token", "scope"}
_GRANTS = ("authorization_code", "refresh_token", "client_credentials")


@dataclass(frozen=True)
class App:
    """A connected app."""

    app_id: str
    app_secret: str
    expires_in: int = LIFETIME


@dataclass
class Tokens:
    """Tokens and their apps. `fixed` ones never expire. Not thread-safe."""

    fixed: frozenset[str]
    clock: Callable[[], float] = time.time
    _access: dict[str, float] = field(default_factory=dict)
    _refresh: dict[str, tuple[App, float]] = field(default_factory=dict)

    @classmethod
    def holding(cls, fixed: Iterable[str]) -> "Tokens":
        return cls(frozenset(fixed))

    def connect(self, order: Mapping[str, Any]) -> dict[str, Any]:
        """Connect an app, as its user does in a browser, and answer with the first pair of tokens."""
        try:
            return self._pair(App(**order))
        except TypeError as error:
            raise ValueError(f"An app takes {', '.join(App.__dataclass_fields__)} ({error}).") from None

    def is_valid(self, token: str) -> bool:
        return token in self.fixed or self._access.get(token, 0) > self.clock()

    def known(self) -> list[str]:
        """Every token there is or was, which no list of requests may show."""
        return [*self.fixed, *self._access, *self._refresh]

    def forget(self) -> None:
        """Disconnect every app."""
        self._access.clear()
        self._refresh.clear()

    def answer(self, call: Call) -> Answer:
        """POST /oauth/token with grant_type refresh_token."""
        body = form(call)
        if not body:
            return refusal(400, 1, "The body must be application/x-www-form-urlencoded.")
        if unknown := sorted(set(body) - _PROPERTIES):
            return refusal(400, 1, f"Unknown parameter {unknown[0]}.")
        if body.get("grant_type") not in _GRANTS:
            return refusal(400, 1, "grant_type is not one of " + ", ".join(_GRANTS))
        if body["grant_type"] != "refresh_token":
            return refusal(400, 1, "The sandbox has no user who could grant that.")
        given = body.get("refresh_token", "")
        app, ends = self._refresh.get(given, (App("", ""), 0.0))
        if not app.app_id or _client(call) != (app.app_id, app.app_secret) or ends <= self.clock():
            return refusal(401, 2, "Authentication failed.")
        del self._refresh[given]
        return Answer(200, self._pair(app))

    def _pair(self, app: App) -> dict[str, Any]:
        access, refresh = f"pina_{secrets.token_hex(24)}", f"pinr_{secrets.token_hex(24)}"
        self._access[access] = self.clock() + app.expires_in
        self._refresh[refresh] = (app, self.clock() + REFRESH_LIFETIME)
        return {
            "response_type": "refresh_token",
            "access_token": access,
            "token_type": "bearer",
            "expires_in": app.expires_in,
            "scope": _SCOPE,
            "refresh_token": refresh,
            "refresh_token_expires_in": REFRESH_LIFETIME,
            "refresh_token_expires_at": int(self.clock() + REFRESH_LIFETIME),
        }


def _client(call: Call) -> tuple[str, str]:
    scheme, _, text = call.headers.get("authorization", "").partition(" ")
    try:
        name, _, password = base64.b64decode(text, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return (name, password) if scheme.lower() == "basic" else ("", "")
