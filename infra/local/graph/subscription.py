"""The app's own webhook: where Graph calls, for which fields of a page, and how it makes sure that it may."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit

import urllib3

from infra.local.graph.parameters import only
from infra.local.graph.refusals import Refused

# The vendor states none. A function that starts cold in the emulator needs a while.
HANDSHAKE_SECONDS = 30.0
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
# Those of the SDK's enum that have to do with leads, and some others that a page has.
PAGE_FIELDS = frozenset(
    (
        *("leadgen", "leadgen_update", "leadgen_fat", "feed", "mention", "name", "picture", "ratings", "conversations"),
        *("messages", "messaging_postbacks", "message_deliveries", "message_reads"),
    )
)
PARAMETERS = frozenset(("object", "callback_url", "fields", "verify_token", "include_values"))
_YES, _NO = ("true", "1"), ("false", "0")


@dataclass
class Subscription:
    """The app's subscription to pages. version: of Graph, in which its webhooks are written."""

    callback_url: str
    fields: list[str] = field(default_factory=lambda: ["leadgen"])
    include_values: bool = True
    active: bool = True

    def shown(self, version: str) -> dict[str, Any]:
        """As GET /{app}/subscriptions lists it; whether values are included stands nowhere in it.

        Source: developers.facebook.com/docs/graph-api/reference/app/subscriptions
        """
        fields = [{"name": name, "version": version} for name in self.fields]
        return {"object": "page", "callback_url": self.callback_url, "active": self.active, "fields": fields}


def subscription_of(query: Mapping[str, str], before: Subscription | None) -> Subscription:
    """What POST /{app}/subscriptions asks for, its fields beside those that were there. Refused (100) for nonsense."""
    only(PARAMETERS, query)
    if missing := [name for name in ("object", "callback_url", "verify_token") if not query.get(name)]:
        raise Refused(100, f"(#100) The parameter {missing[0]} is required")
    if query["object"] != "page":
        raise Refused(100, "(#100) Param object must be page: the sandbox has no other.")
    values = query.get("include_values", "false").lower()
    if values not in (*_YES, *_NO):
        raise Refused(100, "(#100) param include_values must be a boolean.")
    kept = before.fields if before else []
    fields = [*kept, *(name for name in fields_of(query.get("fields", "")) if name not in kept)]
    return Subscription(query["callback_url"], fields, values in _YES)


def fields_of(text: str) -> list[str]:
    """`leadgen,feed` as a list; Refused (100) for none at all and for one that a page does not have."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        raise Refused(100, "(#100) Fields must be given, separated by commas.")
    if unknown := [name for name in names if name not in PAGE_FIELDS]:
        raise Refused(100, f"(#100) Param fields must be page webhook fields, which {unknown[0]!r} is not.")
    return names


def shake_hands(callback_url: str, verify_token: str) -> None:
    """Ask the callback for a challenge, as Meta does before it takes the address.

    Refused: 2200 when there is no 200, 2201 when the answer is not the challenge, verbatim.
    Source: developers.facebook.com/docs/graph-api/webhooks/getting-started; the words as public threads quote them.
    """
    address = urlsplit(callback_url)
    if address.scheme != "https" and not (address.scheme == "http" and address.hostname in _LOOPBACK):
        raise Refused(2200, "(#2200) Callback verification failed: the callback URL must begin with https://")
    challenge = str(secrets.randbelow(9 * 10**9) + 10**9)
    query = {"hub.mode": "subscribe", "hub.challenge": challenge, "hub.verify_token": verify_token}
    url = f"{callback_url}{'&' if address.query else '?'}{urlencode(query)}"
    try:
        with urllib3.PoolManager(retries=False, timeout=HANDSHAKE_SECONDS) as pool:
            answer = pool.request("GET", url, redirect=False)
    except urllib3.exceptions.HTTPError:
        words = "(#2200) Callback verification failed with the following errors: the URL could not be reached"
        raise Refused(2200, words) from None
    if answer.status != 200:
        failed = f"HTTP Status Code = {answer.status}; HTTP Message = {answer.reason}"
        raise Refused(2200, f"(#2200) Callback verification failed with the following errors: {failed}")
    if answer.data != challenge.encode():
        raise Refused(2201, f'(#2201) response does not match challenge, expected value="{challenge}"')
