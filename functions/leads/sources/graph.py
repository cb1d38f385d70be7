"""One call to Graph: address, token, proof, turn, and the fate of the answer."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlencode

import msgspec

from leads.core import lenient_json
from leads.core.errors import TryAgain, Undeliverable
from leads.core.http import Http
from leads.core.secret import StoredSecret
from leads.sources import graph_fates
from leads.sources.facebook_signature import app_secrets, proof_of
from leads.sources.graph_fates import PERSON_WAIT, PROOF_REFUSED, REJECTED, TOKEN_REFUSED, UNEXPECTED
from leads.sources.graph_pauses import THROTTLED, Pauses
from leads.sources.graph_usage import Usage, usage_of

TOKEN_MISSING = "graph_token_missing"  # noqa: S105  (a reason, no token)
# A refused token is not shown to Graph again for so many seconds: it would only be counted against the app.
_REFUSED_SECONDS = 300.0


class GraphAnswer(msgspec.Struct, frozen=True):
    """A successful answer: its JSON object, and how much of the quotas is used up."""

    body: dict[str, Any]
    usage: Usage


class _Credentials(msgspec.Struct, frozen=True):
    """A page's token, and what proves that we are its app."""

    token: str
    proof: str

    @property
    def marks(self) -> dict[str, str]:
        """Reason of a refusal → by what it is remembered: the token as such, or this proof with it."""
        return {TOKEN_REFUSED: hashlib.sha256(self.token.encode()).hexdigest(), PROOF_REFUSED: self.proof}


class Graph:
    """Reads below one address (`https://graph.facebook.com/v26.0`), each with the token of the page it concerns.

    secret: `{"app_secret", "previous_app_secret", "pages": {"<page id>": {"token"}}}`.
    What it learns of quotas and dead tokens it keeps in memory. Thread-safe.
    """

    def __init__(self, http: Http, secret: StoredSecret, base_url: str, *, now: Callable[[], float]) -> None:
        self._http = http
        self._secret = secret
        self._base_url = base_url.rstrip("/")
        self._now = now
        self._pauses = Pauses(now=now)
        # Mark → until when the credentials behind it are not tried, epoch seconds.
        self._refused: dict[str, float] = {}

    def get(
        self,
        *path: str,
        page: str,
        fields: Sequence[str],
        deadline: float,
        query: Mapping[str, str] | None = None,
        is_extra: bool = False,
    ) -> GraphAnswer:
        """Reads one object or edge; `path` is given in parts, each escaped whole. deadline: epoch seconds.

        fields: lists of fields, the fullest first. Graph refuses a whole list for one field that it does not have
        (any more), so the next one is tried then.
        is_extra: a second call for a lead that has had its turn; it does not wait for a page that is only slowed.

        A refused token is tried again as the secret has it now; the page's calls then wait until another is stored.
        Raises TryAgain or Undeliverable by the table of fates, TryAgain(graph_token_missing) when the secret has no
        token for the page, Misconfigured when it cannot be used at all.
        """
        if any(part in ("", ".", "..") for part in path):
            # Only an id that somebody made up could be one of these, and dots would lead to another object.
            raise Undeliverable(REJECTED, f"a notice of page {page} names an id that cannot be part of an address")
        url = self._base_url + "/" + "/".join(quote(part, safe="", errors="replace") for part in path)
        *fuller, last = fields
        for names in fuller:
            try:
                return self._answered(page, url, {"fields": names, **(query or {})}, deadline, is_extra)
            except Undeliverable:
                is_extra = True
        return self._answered(page, url, {"fields": last, **(query or {})}, deadline, is_extra)

    def pages(self) -> tuple[str, ...]:
        """The ids of the pages that the secret has tokens for. Raises Misconfigured."""
        pages = self._secret.current().get("pages")
        return tuple(pages) if isinstance(pages, dict) else ()

    def enter_at_rest(self, page: str) -> None:
        """Before the calls of somebody who can wait, so that half of the page's quota is left to the others.

        Raises TryAgain(graph_throttled), with the seconds to wait, while more than that is used up.
        """
        self._pauses.enter_at_rest(page)

    def _answered(self, page: str, url: str, query: Mapping[str, str], deadline: float, is_extra: bool) -> GraphAnswer:
        refusal: TryAgain | None = None
        for read in (self._secret.current, self._secret.reread):
            for credentials in _credentials(read(), page):
                if standing := self._standing(credentials, page):
                    refusal = refusal or standing
                    continue
                self._pauses.enter(page, is_extra=is_extra)
                answer = self._asked(page, url, query, credentials, deadline, is_extra)
                if isinstance(answer, GraphAnswer):
                    return answer
                refusal, is_extra = answer, True
        raise refusal or TryAgain(
            TOKEN_MISSING,
            f"the Facebook secret has no token for page {page}; store one under pages, and its leads go through",
            retry_after=PERSON_WAIT,
            counts=False,
        )

    def _asked(
        self,
        page: str,
        url: str,
        query: Mapping[str, str],
        credentials: _Credentials,
        deadline: float,
        is_extra: bool,
    ) -> GraphAnswer | TryAgain:
        """The answer; a refusal of the credentials is given back, every other failure raised."""
        address = f"{url}?{urlencode({**query, 'appsecret_proof': credentials.proof}, errors='replace')}"
        headers = {"Authorization": f"Bearer {credentials.token}", "Accept": "application/json"}
        try:
            answer = self._http.request("GET", address, headers=headers, body=None, deadline=deadline)
        except TryAgain as unanswered:
            # Reading changes nothing, so there is nothing to look for afterwards.
            unanswered.ambiguous = False
            raise
        body, usage = lenient_json.decode_object(answer.body), usage_of(answer.headers)
        if 200 <= answer.status < 300 and body and "error" not in body:
            self._pauses.learn(page, usage, is_extra=is_extra)
            return GraphAnswer(body, usage)
        failed = graph_fates.failure(answer.status, body, usage, page=page)
        if isinstance(failed, Undeliverable):
            raise failed
        if failed.reason in credentials.marks:
            self._refused[credentials.marks[failed.reason]] = self._now() + _REFUSED_SECONDS
            return failed
        if failed.reason == THROTTLED:
            self._pauses.shut(page, failed.retry_after or 0.0)
        raise failed

    def _standing(self, credentials: _Credentials, page: str) -> TryAgain | None:
        """The refusal that still holds for these credentials, if one does."""
        now = self._now()
        for reason, mark in credentials.marks.items():
            if self._refused.get(mark, 0.0) > now:
                detail = f"Graph refused what the Facebook secret has for page {page} a moment ago; store another"
                return TryAgain(reason, detail, retry_after=PERSON_WAIT, counts=False)
        return None


def unexpected(page: str, what: str) -> TryAgain:
    """Graph's answer lacks something that it always has."""
    return TryAgain(UNEXPECTED, f"Graph's answer for page {page} has no {what}")


def _credentials(secret: Mapping[str, Any], page: str) -> Sequence[_Credentials]:
    """The page's token with the proof of each of the app's secrets; () when there is no usable token."""
    pages = secret.get("pages")
    entry = pages.get(page) if isinstance(pages, dict) else None
    token = entry.get("token") if isinstance(entry, dict) else None
    if not isinstance(token, str) or not token or not token.isascii() or not token.isprintable():
        return ()
    return [_Credentials(token, proof_of(token, app_secret)) for app_secret in app_secrets(secret)]
