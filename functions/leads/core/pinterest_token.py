"""The OAuth tokens of the Pinterest app secret: whether they are due, and how new ones reach a secret being edited."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from leads.core.iso_time import zulu_time
from leads.core.tokens import Journal, Secret, expiry

# An access token lives 30 days and its refresh token 60 (developers.pinterest.com, "Set up authentication"): ten days
# of tries before one expires.
EARLY_SECONDS = 10 * 86_400.0
_NEEDED = ("app_id", "app_secret", "refresh_token")


def is_refreshable(secret: Mapping[str, Any]) -> bool:
    """Whether there is a refresh token. A token that was stored without one is nobody's to refresh."""
    return _has(secret, "refresh_token")


def missing(secret: Mapping[str, Any]) -> list[str]:
    """What a refresh needs and the secret lacks."""
    return [name for name in _NEEDED if not _has(secret, name)]


def is_due(secret: Mapping[str, Any], now: float) -> bool:
    """Whether the access token is to be replaced: it expires within ten days, or does not say when."""
    return expiry(secret) - now < EARLY_SECONDS


def merged(newest: Secret, journal: Journal) -> Secret:
    """`newest` with the last tokens of its own line; equal to `newest` when refreshing has brought it nothing.

    What a user has stored anew stays, what a user has brought back from an old copy is mended.
    """
    grant = journal.grant_of(str(newest.get("refresh_token") or ""))
    if grant is None:
        return newest
    is_behind = newest["refresh_token"] != grant.refresh_token or grant.expires_at > expiry(newest) + 1
    if not is_behind:
        return newest
    ends = zulu_time(int(grant.expires_at), "seconds")
    renewed = {**newest, "refresh_token": grant.refresh_token, "access_token": grant.access_token, "expires_at": ends}
    if grant.refresh_expires_at:
        renewed["refresh_token_expires_at"] = zulu_time(int(grant.refresh_expires_at), "seconds")
    elif newest["refresh_token"] != grant.refresh_token:
        renewed.pop("refresh_token_expires_at", None)  # it was its predecessor's
    return renewed


def about(journal: Journal, secret: Mapping[str, Any]) -> Journal:
    """The journal without lines that the secret's refresh token does not belong to."""
    grant = journal.grant_of(str(secret.get("refresh_token") or ""))
    return Journal((grant,) if grant else ())


def _has(secret: Mapping[str, Any], name: str) -> bool:
    value = secret.get(name)
    return isinstance(value, str) and bool(value)
