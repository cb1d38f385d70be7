"""What ends soon and is renewed by nobody: tokens without a refresh token, refresh tokens, a version of Graph."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from leads.core import graph_versions
from leads.core.iso_time import epoch_of, zulu_time
from leads.core.tokens import COMPANIES, LOCATIONS, Place, entry_at

TOKEN_ENDS = "token_ends_soon"  # noqa: S105  (a reason)
REFRESH_TOKEN_ENDS = "refresh_token_ends_soon"  # noqa: S105  (a reason)
GRAPH_VERSION_ENDS = "graph_version_ends_soon"

SOON_SECONDS = 7 * 86_400.0


class Ending(msgspec.Struct, frozen=True):
    """One thing that ends: about names it, reason is one of the codes above, detail a sentence with the day."""

    about: str
    reason: str
    detail: str


def in_contacts(secret: Mapping[str, Any], now: float) -> Iterator[Ending]:
    """Entries of the Contacts secret whose token ends within seven days and is renewed by nobody.

    The rotation renews what has a refresh token, and so that one, too: where it cannot, it says so by itself. A
    location of a company lives on the company's entry. A private integration's token ends when the entry says so
    (`expires_at`), else never.
    """
    for shelf in (COMPANIES, LOCATIONS):
        found = secret.get(shelf)
        for key in found if isinstance(found, dict) else ():
            place = Place(shelf, key)
            entry = entry_at(secret, place)
            if entry.get("token") or not (entry.get("refresh_token") or entry.get("company_id")):
                yield from _ending(str(place), TOKEN_ENDS, entry.get("expires_at"), now)


def in_pinterest_app(secret: Mapping[str, Any], now: float) -> Iterator[Ending]:
    """The app's access token where there is no refresh token, else the refresh token where its end is known.

    An app that was not made for continuous refresh keeps its refresh token, and the day on which that ends.
    """
    if secret.get("refresh_token"):
        yield from _ending("the Pinterest app", REFRESH_TOKEN_ENDS, secret.get("refresh_token_expires_at"), now)
    elif secret.get("access_token"):
        yield from _ending("the Pinterest app", TOKEN_ENDS, secret.get("expires_at"), now)


def of_graph(url: str, now: float) -> Iterator[Ending]:
    """The version in Graph's address, ninety days ahead; a version of which no end is known says nothing."""
    version = graph_versions.version_of(url)
    if day := graph_versions.ends_soon(version, now):
        yield Ending(f"Graph {version}", GRAPH_VERSION_ENDS, f"it may be refused from {day.isoformat()} on")


def _ending(about: str, reason: str, moment: Any, now: float) -> Iterator[Ending]:
    at = epoch_of(moment) if moment else 0.0
    if 0 < at < now + SOON_SECONDS:
        yield Ending(about, reason, f"it ends at {zulu_time(int(at), 'seconds')} and nothing renews it")
