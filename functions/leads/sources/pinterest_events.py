"""How Pinterest is told of conversion events: one call for those of an ad account, with that account's token."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from leads.core.conversion import Event, is_account
from leads.core.errors import Misconfigured, TryAgain, Undeliverable
from leads.core.http import Http
from leads.core.secret import StoredSecret
from leads.sources.pinterest_api import is_token, request_headers
from leads.sources.pinterest_event_answers import (
    EVENT_REFUSED,
    TOKEN_REFUSED,
    Answered,
    Asker,
    answered,
    missing,
)

# A token in the place of an id must not be repeated; ids, and what people take for one, are short.
_LONGEST_SHOWN = 24


class PinterestEvents:
    """Sends events to one API address (`https://api.pinterest.com/v5`).

    secret: the Pinterest app secret, `{"conversion_tokens": {"<ad account's id>": …}, "access_token": …}`, either of
    which may be absent.
    """

    def __init__(self, http: Http, secret: StoredSecret, base_url: str) -> None:
        self._http = http
        self._secret = secret
        self._base_url = base_url.rstrip("/")

    def accounts(self) -> tuple[str, ...]:
        """The ad accounts that have a conversion token.

        Raises Misconfigured when an id among them is not numeric, or the secret cannot be used.
        """
        tokens = _conversion_tokens(self._secret.current())
        for account in tokens:
            if not is_account(account):
                raise Misconfigured(
                    f'"conversion_tokens" in the Pinterest app secret has {_shown(account)}, which is no ad account\'s '
                    "id: one to eighteen digits; put the id from Ads Manager in its place"
                )
        return tuple(account for account, token in tokens.items() if is_token(token))

    def send(self, account: str, events: Sequence[Event], *, is_test: bool, deadline: float) -> Answered:
        """What Pinterest says of each event; 1 to 1,000 of them, all of this ad account.

        is_test: they are answered as any, and not recorded. deadline: epoch seconds.
        A refused token is tried once more as the secret has it now, which repeats nothing: it was refused.
        Raises as `pinterest_event_answers.answered` does, TryAgain(conversion_token_missing), and what Http raises.
        Source: the Ads API's OpenAPI file, events/create, which takes a conversion token or one with ads:write.
        """
        if not is_account(account):
            raise Undeliverable("bad_account", "an ad account's id has one to eighteen digits, and nothing else")
        url = f"{self._base_url}/ad_accounts/{account}/events" + ("?test=true" if is_test else "")
        payload = _payload(events)
        failed: TryAgain | None = None
        tried = ""
        for read in (self._secret.current, self._secret.reread):
            token, asker = _token(read(), account)
            if token in ("", tried):
                failed = failed or missing(asker)
                continue
            tried = token
            headers = request_headers(token, payload)
            answer = self._http.request("POST", url, headers=headers, body=payload, deadline=deadline)
            try:
                return answered(answer, asker, count=len(events))
            except TryAgain as failure:
                if failure.reason != TOKEN_REFUSED:
                    raise
                failed = failure
        assert failed is not None
        raise failed


def _payload(events: Sequence[Event]) -> bytes:
    try:
        return msgspec.json.encode({"data": [event.member() for event in events]})
    except UnicodeEncodeError:
        # Refused like this, the call is split until the one is found.
        raise Undeliverable(EVENT_REFUSED, "an event has a text with half a character, which cannot be sent") from None


def _token(secret: Mapping[str, Any], account: str) -> tuple[str, Asker]:
    """The token to send an account's events with, "" when there is none."""
    own, common = _conversion_tokens(secret).get(account), secret.get("access_token")
    asker = Asker(account=account, has_own_token=is_token(own))
    return next((token for token in (own, common) if is_token(token)), ""), asker


def _conversion_tokens(secret: Mapping[str, Any]) -> Mapping[str, Any]:
    tokens = secret.get("conversion_tokens")
    if tokens is None:
        return {}
    if not isinstance(tokens, dict):
        raise Misconfigured(
            '"conversion_tokens" in the Pinterest app secret is no object; it has a token for each ad account\'s id'
        )
    return tokens


def _shown(key: str) -> str:
    """A wrong id as a sentence may have it."""
    if len(key) <= _LONGEST_SHOWN and key.isprintable() and not key.startswith("pin"):
        return f'"{key}"'
    return f"a name of {len(key)} characters"
