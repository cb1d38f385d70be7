"""One call to the Pinterest API: address, token, and the fate of the answer."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeGuard
from urllib.parse import quote, urlencode, urljoin, urlsplit

import msgspec

from leads.core import lenient_json
from leads.core.errors import LeadError, Misconfigured, TryAgain, Undeliverable
from leads.core.http import Http
from leads.core.secret import StoredSecret

TOKEN_REFUSED = "pinterest_token_refused"  # noqa: S105  (a reason, no token)
NOT_FOUND = "pinterest_not_found"
THROTTLED = "pinterest_throttled"
# What the export's file may have at most: a lead has about 1 KB.
LARGEST_FILE = 20 * 1024 * 1024

# A token that is refused stays so until somebody, or the rotation, stores another.
_TOKEN_WAIT = 900.0
# How long to leave the API alone when it does not say.
_THROTTLED_WAIT = 60.0
_LONGEST_WAIT = 86_400.0
_REDIRECTS = 3
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_NUMBERS = re.compile(r"[\d., ]+")

_BETA = "the export of leads is a beta; ask the Pinterest account manager to admit the app (code {code})"
_RIGHTS = (
    "the token may not do this (status {status}, code {code}); its user needs the role Admin on the ad account, the "
    "app the scopes ads:read and ads:write, and the export of leads is a beta"
)
_SCOPE = "the token lacks a scope (code {code}); connect the app anew with ads:read and ads:write"

# Code of the error → its fate, whatever the status; else by status. Codes as the API's own error bodies have them:
# 3 missing scope, 8 rate limit, 29 not permitted, 3078 not in beta.
_BY_CODE: Mapping[int, tuple[str, str]] = {
    3: ("pinterest_scope_missing", _SCOPE),
    29: ("pinterest_not_permitted", _RIGHTS),
    3078: ("pinterest_not_in_beta", _BETA),
}
_BY_STATUS: Mapping[int, tuple[str, str]] = {
    400: ("pinterest_rejected", "the Pinterest API answered 400, code {code}"),
    403: ("pinterest_not_permitted", _RIGHTS),
    404: (NOT_FOUND, "the Pinterest API answered 404, code {code}"),
    422: ("pinterest_rejected", "the Pinterest API answered 422, code {code}"),
}


class PinterestApi:
    """Calls below one API address (`https://api.pinterest.com/v5`) with the app's access token.

    secret: `{"access_token": …}`.
    """

    def __init__(self, http: Http, secret: StoredSecret, base_url: str) -> None:
        self._http = http
        self._secret = secret
        self._base_url = base_url.rstrip("/")

    def call(
        self,
        method: str,
        *path: str,
        deadline: float,
        query: Mapping[str, str | Sequence[str]] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """The JSON object of a successful answer; `path` is given in parts, each escaped whole.

        A refused token is tried once more as the secret has it now, which repeats nothing: it was refused.
        Raises TryAgain or Undeliverable by the tables above, Misconfigured when the secret has no token.
        Source: the Ads API's OpenAPI file, schema Error, and developers.pinterest.com/docs/reference/rate-limits.
        """
        if any(part in ("", ".", "..") for part in path):
            raise Undeliverable("pinterest_rejected", "an id that was given cannot be part of an address")
        url = "/".join((self._base_url, *(quote(part, safe="") for part in path)))
        if query:
            url += "?" + urlencode(query, doseq=True)
        payload = None if body is None else msgspec.json.encode(body)
        tried = ""
        for read in (self._secret.current, self._secret.reread):
            token = _token(read())
            if token == tried:
                break
            tried = token
            answer = self._http.request(
                method, url, headers=request_headers(token, payload), body=payload, deadline=deadline
            )
            parsed = _object(answer.body)
            if 200 <= answer.status < 300 and parsed is not None:
                return parsed
            failed = failure(answer.status, answer.headers, parsed or {})
            if failed.reason != TOKEN_REFUSED:
                raise failed
        raise failed

    def download(self, url: str, *, deadline: float) -> bytes | None:
        """The file at an address that the API gave; None when it is not there (any more).

        The address is another host's, so the token never goes along. Only https is followed, or what lies on the
        API's own host. Raises TryAgain, or Undeliverable(export_too_large) above 20 MB.
        """
        for _ in range(_REDIRECTS + 1):
            self._check(url)
            try:
                answer = self._http.request("GET", url, headers={"Accept": "*/*"}, body=None, deadline=deadline)
            except TryAgain as unanswered:
                if unanswered.reason.endswith("_too_large"):
                    raise too_large() from None
                raise
            location = answer.headers.get("location", "")
            if not (300 <= answer.status < 400 and location):
                break
            url = urljoin(url, location)
        if answer.status in (401, 403, 404, 410):
            return None
        if answer.status != 200:
            failed = failure(answer.status, answer.headers, {})
            raise TryAgain(
                "pinterest_download_failed", f"the download answered {answer.status}", retry_after=_wait(failed)
            )
        if len(answer.body) > LARGEST_FILE:
            raise too_large()
        return answer.body

    def _check(self, url: str) -> None:
        own, given = urlsplit(self._base_url), urlsplit(url)
        if given.scheme != "https" and (given.scheme, given.netloc) != (own.scheme, own.netloc):
            raise TryAgain("pinterest_unexpected", "the API gave an address for the download that is not https")


def too_large() -> Undeliverable:
    """What becomes of an export that is larger than anybody reads."""
    return Undeliverable("export_too_large", "the export has more than 20 MB; ask for fewer days at once")


def failure(status: int, headers: Mapping[str, str], error: Mapping[str, Any]) -> TryAgain | Undeliverable:
    """The fate of an answer that is no success. error: `{"code", "message"}`; the message may quote, so it is unsaid.

    headers: names in lower case; `x-ratelimit-reset` gives seconds from now.
    """
    given = error.get("code")
    code = given if type(given) is int else None
    trace = trace_id(headers)
    if status == 429 or code == 8:
        detail = f"the Pinterest API answered {status}"
        # A Retry-After is not always sent.
        wait = _seconds(headers, "x-ratelimit-reset", "retry-after") or _THROTTLED_WAIT
        return TryAgain(THROTTLED, detail, retry_after=wait, counts=False, trace_id=trace)
    if status < 500 and code is not None and code in _BY_CODE:
        reason, words = _BY_CODE[code]
        return Undeliverable(reason, words.format(status=status, code=code), trace_id=trace)
    if status == 401:
        detail = "the Pinterest API refuses the app's access token; store a new pair of tokens in the app secret"
        return TryAgain(TOKEN_REFUSED, detail, retry_after=_TOKEN_WAIT, counts=False, trace_id=trace)
    if status in _BY_STATUS:
        reason, words = _BY_STATUS[status]
        return Undeliverable(reason, words.format(status=status, code=code or "none"), trace_id=trace)
    reason = "pinterest_5xx" if status >= 500 else "pinterest_unexpected"
    detail = f"the Pinterest API answered {status}" + (f", code {code}" if code is not None else "")
    return TryAgain(reason, detail, retry_after=_seconds(headers, "retry-after"), trace_id=trace)


def trace_id(headers: Mapping[str, str]) -> str | None:
    """What Pinterest's support asks for (`x-pinterest-rid`); None when absent or not an id."""
    value = headers.get("x-pinterest-rid", "")
    return value if re.fullmatch(r"[\w.:-]{1,100}", value) else None


def is_token(value: Any) -> TypeGuard[str]:
    """Whether this can be sent as a token: it goes into a header, which takes no other characters."""
    return isinstance(value, str) and bool(value) and value.isascii() and value.isprintable()


def request_headers(token: str, payload: bytes | None) -> dict[str, str]:
    """The headers of a call with this token, and this body of JSON or none."""
    headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
    return headers if payload is None else {**headers, "Content-Type": "application/json"}


def _seconds(headers: Mapping[str, str], *names: str) -> float | None:
    """The longest wait that the headers name; None when they name none.

    Several limits may be listed, and parameters may follow. A date is none of Pinterest's ways to say it.
    """
    said = (headers.get(name, "").partition(";")[0] for name in names)
    found = [float(number) for text in said if _NUMBERS.fullmatch(text) for number in _NUMBER.findall(text)]
    return min(max(1.0, *found), _LONGEST_WAIT) if found else None


def _wait(failed: LeadError) -> float | None:
    return failed.retry_after if isinstance(failed, TryAgain) else None


def _token(secret: Mapping[str, Any]) -> str:
    token = secret.get("access_token")
    if not is_token(token):
        raise Misconfigured(
            'the Pinterest app secret has no "access_token"; store the app\'s tokens as the README shows'
        )
    return token


def _object(body: bytes) -> dict[str, Any] | None:
    try:
        value = lenient_json.decode(body)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None
