"""Tokens and what they may do; the token endpoint: access tokens of 30 days, refresh tokens of 60 that work once."""

import base64
import binascii
import secrets
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from infra.local.pinterest.accounts import DIGITS, ROLES
from infra.local.pinterest.refusals import refusal
from infra.local.sandbox.oauth import form
from infra.local.sandbox.web import Answer, Call

LIFETIME = 2_592_000
REFRESH_LIFETIME = 5_184_000
READ, WRITE, USER_READ = "ads:read", "ads:write", "user_accounts:read"
SCOPES = (READ, WRITE, USER_READ)
# No scope of the API's: what a conversion token may do, and nothing else.
CONVERSIONS = "conversions"
_PROPERTIES = {"grant_type", "refresh_token", "scope"}
CLIENT_LIFETIME = 86_400
_GRANTS = ("authorization_code", "refresh_token", "client_credentials")


@dataclass(frozen=True)
class Grant:
    """What an access token may do; role: its user's in every ad account, None: each account's own."""

    scopes: frozenset[str]
    role: str | None = None

    def allows(self, scope: str) -> bool:
        return scope in self.scopes or (scope == CONVERSIONS and WRITE in self.scopes)


@dataclass(frozen=True)
class App:
    """A connected app; `scope` is what its user has granted, separated by blanks."""

    app_id: str
    app_secret: str
    expires_in: int = LIFETIME
    scope: str = f"{READ} {WRITE}"


_EVERYTHING = Grant(frozenset(SCOPES))
_CONVERSIONS = Grant(frozenset((CONVERSIONS,)))


@dataclass
class Tokens:
    """Tokens and their apps. `fixed` ones never expire and may do the same all the time. Not thread-safe."""

    fixed: Mapping[str, Grant]
    clock: Callable[[], float] = time.time
    _granted: dict[str, Grant] = field(default_factory=dict)
    _access: dict[str, tuple[App, float]] = field(default_factory=dict)
    _refresh: dict[str, tuple[App, float]] = field(default_factory=dict)
    _apps: dict[str, str] = field(default_factory=dict)

    @classmethod
    def holding(cls, fixed: Iterable[str], for_conversions: Iterable[str] = ()) -> "Tokens":
        """`fixed` have every scope, `for_conversions` are conversion tokens."""
        return cls({**dict.fromkeys(for_conversions, _CONVERSIONS), **dict.fromkeys(fixed, _EVERYTHING)})

    def connect(self, order: Mapping[str, Any]) -> dict[str, Any]:
        """Connect an app, as its user does in a browser, and answer with the first pair of tokens."""
        try:
            app = App(**order)
            _known_scopes(app.scope.split())
            return self._pair(app)
        except TypeError as error:
            raise ValueError(f"An app takes {', '.join(App.__dataclass_fields__)} ({error}).") from None

    def add(self, order: Mapping[str, Any]) -> dict[str, Any]:
        """An access token that never expires, or what one that is there may do from now on; ValueError for nonsense."""
        if set(order) - {"token", "scopes", "role"}:
            raise ValueError("A token takes token, scopes and role.")
        token, scopes, role = order.get("token", _fresh("pina")), order.get("scopes", SCOPES), order.get("role")
        if not (isinstance(token, str) and token) or role not in (None, *ROLES):
            raise ValueError("A token is a text, its role null or one of " + ", ".join(ROLES))
        if not isinstance(scopes, list | tuple):
            raise ValueError("A token's scopes are a list of texts.")
        self._granted[token] = Grant(_known_scopes(scopes, (*SCOPES, CONVERSIONS)), role)
        return {"token": token, "scopes": list(scopes), "role": role}

    def for_conversions(self, grant: Grant) -> str:
        """A conversion token of the same user; it never expires."""
        token = _fresh("pinc")
        self._granted[token] = Grant(_CONVERSIONS.scopes, grant.role)
        return token

    def grant(self, token: str) -> Grant | None:
        """What the token may do; None when it is none of ours or has expired."""
        if token in self._granted:
            return self._granted[token]
        if token in self.fixed:
            return self.fixed[token]
        app, ends = self._access.get(token, (None, 0.0))
        return Grant(frozenset(app.scope.split())) if app and ends > self.clock() else None

    def is_valid(self, token: str) -> bool:
        return self.grant(token) is not None

    def known(self) -> list[str]:
        """Every token there is or was, which no list of requests may show."""
        return [*self.fixed, *self._granted, *self._access, *self._refresh]

    def forget(self) -> None:
        """Disconnect every app, and take back what was ordered."""
        self._granted.clear()
        self._access.clear()
        self._refresh.clear()
        self._apps.clear()

    def answer(self, call: Call) -> Answer:
        """POST /oauth/token with grant_type refresh_token or client_credentials."""
        body = form(call)
        if not body:
            return refusal(400, 1, "The body must be application/x-www-form-urlencoded.")
        if unknown := sorted(set(body) - _PROPERTIES):
            return refusal(400, 1, f"Unknown parameter {unknown[0]}.")
        if body.get("grant_type") not in _GRANTS:
            return refusal(400, 1, "grant_type is not one of " + ", ".join(_GRANTS))
        if body["grant_type"] == "client_credentials":
            return self._of_app(body.get("scope", ""), *_client(call))
        if body["grant_type"] != "refresh_token":
            return refusal(400, 1, "The sandbox has no user who could grant that.")
        given = body.get("refresh_token", "")
        app, ends = self._refresh.get(given, (App("", ""), 0.0))
        if not app.app_id or _client(call) != (app.app_id, app.app_secret) or ends <= self.clock():
            return refusal(401, 2, "Authentication failed.")
        del self._refresh[given]
        return Answer(200, self._pair(app))

    def _of_app(self, scope: str, app_id: str, app_secret: str) -> Answer:
        """A token of the app's own, which opens nothing here. An app that was never connected has any secret."""
        wanted = scope.replace(",", " ").split()
        if not wanted or set(wanted) - set(SCOPES):
            return refusal(400, 1, "scope is one or more of " + ", ".join(SCOPES))
        is_app = DIGITS.fullmatch(app_id) and app_secret
        if not is_app or self._apps.get(app_id, app_secret) != app_secret:
            return refusal(401, 2, "Authentication failed.")
        answer = {"response_type": "client_credentials", "access_token": _fresh("pina"), "token_type": "bearer"}
        return Answer(200, {**answer, "expires_in": CLIENT_LIFETIME, "scope": " ".join(wanted)})

    def _pair(self, app: App) -> dict[str, Any]:
        access, refresh = _fresh("pina"), _fresh("pinr")
        self._apps[app.app_id] = app.app_secret
        self._access[access] = (app, self.clock() + app.expires_in)
        self._refresh[refresh] = (app, self.clock() + REFRESH_LIFETIME)
        return {
            "response_type": "refresh_token",
            "access_token": access,
            "token_type": "bearer",
            "expires_in": app.expires_in,
            "scope": app.scope,
            "refresh_token": refresh,
            "refresh_token_expires_in": REFRESH_LIFETIME,
            "refresh_token_expires_at": int(self.clock() + REFRESH_LIFETIME),
        }


def _fresh(prefix: str) -> str:
    return f"{prefix}_{secrets.token_hex(24)}"


def _known_scopes(scopes: Iterable[Any], known: Collection[str] = SCOPES) -> frozenset[str]:
    given = frozenset(scopes)
    if given - set(known):
        raise ValueError("The sandbox knows the scopes " + ", ".join(known))
    return given


def _client(call: Call) -> tuple[str, str]:
    scheme, _, text = call.headers.get("authorization", "").partition(" ")
    try:
        name, _, password = base64.b64decode(text, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return (name, password) if scheme.lower() == "basic" else ("", "")
