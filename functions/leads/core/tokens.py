"""OAuth tokens of the Contacts secret: which are due, and how new ones reach a secret that may change meanwhile."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from leads.core.iso_time import epoch_of, zulu_time

# An access token lives a day, and the rotation looks every four hours: three looks before one expires.
# https://github.com/GoHighLevel/highlevel-api-docs, docs/oauth/Authorization.md
EARLY_SECONDS = 12 * 3600.0
# So many predecessors of a refresh token, a fortnight, are recognised when an old copy of the secret comes back.
_SPENT_KEPT = 30

COMPANIES, LOCATIONS = "companies", "locations"
_NOUNS = {COMPANIES: "company", LOCATIONS: "location"}

Secret = dict[str, Any]


class Place(msgspec.Struct, frozen=True):
    """Where in the secret an entry stands: `shelf` is "companies" or "locations", `key` the id."""

    shelf: str
    key: str

    def __str__(self) -> str:
        return f"{_NOUNS[self.shelf]} {self.key}"

    @property
    def is_location(self) -> bool:
        return self.shelf == LOCATIONS


class Tokens(msgspec.Struct, frozen=True, kw_only=True):
    """What the token endpoint gave. expires_at, refresh_expires_at: epoch seconds, the latter 0 when it is not told.

    refresh_token: "" when it gave none. company_id: set when the access token is a company's, not a location's.
    """

    access_token: str
    expires_at: float
    refresh_token: str = ""
    refresh_expires_at: float = 0.0
    company_id: str = ""


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """A line of refresh tokens, each of which was used up to get the next; only the last is worth something.

    spent: fingerprints of the earlier ones. The rest is as in Tokens.
    """

    refresh_token: str
    access_token: str
    expires_at: float
    refresh_expires_at: float = 0.0
    company_id: str = ""
    spent: tuple[str, ...] = ()

    def covers(self, refresh_token: str) -> bool:
        """Whether `refresh_token` is this line's last or one of its spent ones."""
        return refresh_token == self.refresh_token or fingerprint(refresh_token) in self.spent


class Journal(msgspec.Struct, frozen=True):
    """What refreshing has brought, by line of tokens and not by place in the secret, as users edit the secret.

    Kept under a staging label of its own, so that no answer of the token endpoint depends on one rotation's success.
    """

    grants: tuple[Grant, ...] = ()

    def grant_of(self, refresh_token: str) -> Grant | None:
        """The line that `refresh_token` belongs to."""
        return next((grant for grant in self.grants if refresh_token and grant.covers(refresh_token)), None)

    def after(self, refresh_token: str, tokens: Tokens) -> Journal:
        """The journal once `refresh_token` was used up for `tokens`."""
        line = self.grant_of(refresh_token)
        successor = tokens.refresh_token or refresh_token
        known_end = line.refresh_expires_at if line and successor == refresh_token else 0.0
        spent = [*(line.spent if line else ()), *([fingerprint(refresh_token)] if successor != refresh_token else [])]
        grant = Grant(
            refresh_token=successor,
            access_token=tokens.access_token,
            expires_at=tokens.expires_at,
            refresh_expires_at=tokens.refresh_expires_at or known_end,
            company_id=tokens.company_id,
            spent=tuple(dict.fromkeys(spent))[-_SPENT_KEPT:],
        )
        return Journal((*(other for other in self.grants if other is not line), grant))

    def united(self, other: Journal) -> Journal:
        """Both journals in one; of a line that both know, what is further."""
        mine = [grant for grant in self.grants if not any(_is_further(o, grant) for o in other.grants)]
        more = [
            o for o in other.grants if not any(o.refresh_token == g.refresh_token or _is_further(g, o) for g in mine)
        ]
        return Journal((*mine, *more))

    def about(self, secret: Mapping[str, Any]) -> Journal:
        """The journal without lines that no entry of `secret` belongs to."""
        held = [_text(entry, "refresh_token") for _, entry in entries(secret)]
        return Journal(tuple(grant for grant in self.grants if any(grant.covers(token) for token in held if token)))


def _is_further(one: Grant, other: Grant) -> bool:
    return one.refresh_token != other.refresh_token and one.covers(other.refresh_token)


def journal_of(value: Any) -> Journal:
    """The journal in a version's value; an empty one for anything else."""
    try:
        return msgspec.convert(value, Journal)
    except msgspec.ValidationError:
        return Journal()


def fingerprint(token: str) -> str:
    """Tells tokens apart without holding one."""
    return hashlib.sha256(token.encode()).hexdigest()[:16]


def entries(secret: Mapping[str, Any]) -> Iterator[tuple[Place, dict[str, Any]]]:
    """The entries with OAuth tokens, companies first. Private integration tokens (`token`) are nobody's to refresh."""
    for shelf in (COMPANIES, LOCATIONS):
        found = secret.get(shelf)
        for key, entry in found.items() if isinstance(found, dict) else ():
            marks = ("refresh_token", "company_id", "client_id")
            if isinstance(entry, dict) and not entry.get("token") and any(entry.get(mark) for mark in marks):
                yield Place(shelf, key), entry


def entry_at(secret: Mapping[str, Any], place: Place) -> dict[str, Any]:
    """The entry at a place; {} when there is none."""
    shelf = secret.get(place.shelf)
    entry = shelf.get(place.key) if isinstance(shelf, dict) else None
    return entry if isinstance(entry, dict) else {}


def expiry(entry: Mapping[str, Any]) -> float:
    """When the entry's access token expires, epoch seconds; 0 when it has none or does not say.

    `expires_at` may be ISO 8601 (UTC unless it says otherwise) or epoch seconds.
    """
    return epoch_of(entry.get("expires_at")) if _text(entry, "access_token") else 0.0


def is_due(entry: Mapping[str, Any], now: float) -> bool:
    """Whether the entry's access token is to be replaced."""
    return expiry(entry) - now < EARLY_SECONDS


def due(secret: Mapping[str, Any], now: float) -> list[Place]:
    """The places whose access token is to be replaced, the most urgent first."""
    found = [(expiry(entry), place) for place, entry in entries(secret) if is_due(entry, now)]
    return [place for _, place in sorted(found, key=lambda pair: pair[0])]


def with_access(secret: Secret, place: Place, tokens: Tokens) -> Secret:
    """A copy of the secret with another access token at a place."""
    entry = entry_at(secret, place)
    return _replaced(secret, place, {**entry, **_access(tokens.access_token, tokens.expires_at)})


def merged(newest: Secret, journal: Journal, pending: Mapping[str, Any] | None = None) -> Secret:
    """`newest` with everything that refreshing has brought to it; equal to `newest` when that is nothing.

    An entry takes over a line's last tokens only if its own refresh token is of that line: what a user has stored
    anew stays, and what a user has brought back from an old copy is mended. From `pending`, a value that was
    computed before somebody stored `newest`, come access tokens of the same grant that live longer.
    """
    result = newest
    for place, entry in entries(newest):
        changed = _from_grant(place, entry, journal.grant_of(_text(entry, "refresh_token")))
        other = entry_at(pending or {}, place)
        if _same_grant(changed, other) and expiry(other) > expiry(changed):
            changed = {**changed, "access_token": other["access_token"], "expires_at": other["expires_at"]}
        if changed != entry:
            result = _replaced(result, place, changed)
    return result


def _from_grant(place: Place, entry: dict[str, Any], grant: Grant | None) -> dict[str, Any]:
    if grant is None:
        return entry
    changed = {**entry, "refresh_token": grant.refresh_token}
    # A company's token opens no location; the location's own has to be asked for.
    if place.is_location and grant.company_id:
        return changed
    if entry["refresh_token"] != grant.refresh_token or grant.expires_at > expiry(entry):
        changed |= _access(grant.access_token, grant.expires_at)
    return changed


def _same_grant(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    names = ("refresh_token", "company_id", "client_id")
    return bool(other) and not other.get("token") and all(one.get(name) == other.get(name) for name in names)


def _access(token: str, expires_at: float) -> dict[str, str]:
    return {"access_token": token, "expires_at": zulu_time(int(expires_at), "seconds")}


def _replaced(secret: Secret, place: Place, entry: dict[str, Any]) -> Secret:
    return {**secret, place.shelf: {**secret[place.shelf], place.key: entry}}


def _text(entry: Mapping[str, Any], name: str) -> str:
    value = entry.get(name)
    return value if isinstance(value, str) else ""
