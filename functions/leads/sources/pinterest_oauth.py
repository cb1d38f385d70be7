"""OAuth of the Pinterest API: a new pair of tokens for an old one."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode

from leads.core import lenient_json
from leads.core.errors import TryAgain, Undeliverable
from leads.core.http import Http
from leads.core.tokens import Tokens
from leads.sources.pinterest_api import failure

# 30 days, if an answer does not say.
_LIFETIME_SECONDS = 30 * 86_400.0
_REFUSALS = frozenset((400, 401, 403, 404, 422))


class PinterestOAuth:
    """The token endpoint behind one API address (`https://api.pinterest.com/v5`)."""

    def __init__(self, http: Http, base_url: str, *, now: Callable[[], float]) -> None:
        self._http = http
        self._base_url = base_url.rstrip("/")
        self._now = now

    def refresh(self, secret: Mapping[str, Any], *, deadline: float) -> Tokens:
        """POST /oauth/token with the refresh token, which may be worth nothing afterwards; the next one is returned.

        secret: `{"app_id", "app_secret", "refresh_token"}`. deadline: epoch seconds.
        Raises Undeliverable(token_refused) when Pinterest says no, TryAgain when it does not answer or is busy.
        Source: the Ads API's OpenAPI file, oauth/token with grant_type refresh_token.
        """
        client = b64encode(f"{secret['app_id']}:{secret['app_secret']}".encode()).decode()
        headers = {
            "Authorization": f"Basic {client}",
            "Content-Type": "application/x-www-form-urlencoded",
            "Accept": "application/json",
        }
        form = urlencode({"grant_type": "refresh_token", "refresh_token": secret["refresh_token"]}).encode()
        url = f"{self._base_url}/oauth/token"
        answer = self._http.request("POST", url, headers=headers, body=form, deadline=deadline)
        said = lenient_json.decode_object(answer.body)
        if 200 <= answer.status < 300:
            return self._tokens(said)
        failed = failure(answer.status, answer.headers, said)
        if answer.status in _REFUSALS and failed.reason != "pinterest_throttled":
            code = said.get("code")
            detail = f"/oauth/token answered {answer.status}" + (f" code {code}" if type(code) is int else "")
            raise Undeliverable("token_refused", detail, trace_id=failed.trace_id)
        raise failed

    def _tokens(self, answer: Mapping[str, Any]) -> Tokens:
        seconds = _seconds(answer.get("expires_in")) or _LIFETIME_SECONDS
        access = _text(answer, "access_token")
        if not access:
            detail = "the token endpoint's answer has no access_token"
            raise TryAgain("pinterest_unexpected", detail, ambiguous=True)
        refresh = _text(answer, "refresh_token")
        lifetime = _seconds(answer.get("refresh_token_expires_in"))
        return Tokens(
            access_token=access,
            expires_at=self._now() + seconds,
            refresh_token=refresh,
            refresh_expires_at=self._now() + lifetime if lifetime else 0.0,
        )


def _seconds(value: Any) -> float:
    """A lifetime; 0 when it is not told."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return 0.0


def _text(answer: Mapping[str, Any], name: str) -> str:
    """A token that can stand in a header; "" for anything else."""
    value = answer.get(name)
    return value if isinstance(value, str) and value.isascii() and value.isprintable() else ""
