"""What `leadrelay init` is told, and what that changes in the secrets."""

import re
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from infra.cli.faults import CommandFailed
from infra.cli.setup.secret_edit import merged
from leads.core import tokens

CONTACTS, PINTEREST, FACEBOOK = "ContactsSecretArn", "PinterestAppSecretArn", "FacebookSecretArn"
_LOCATION = re.compile(r"[A-Za-z0-9_-]{6,40}")


@dataclass(frozen=True)
class Field:
    """One value of a secret that is asked for. variable: of the environment.

    unless: a field that makes this one needless. about: the field whose value this one describes; what is stored says
    nothing about another value.
    """

    name: str
    option: str
    variable: str
    question: str
    is_secret: bool = True
    is_needed: bool = True
    unless: str = ""
    about: str = ""

    def held(self, given: Mapping[str, str], stored: Mapping[str, Any]) -> Any:
        """What is stored of it and holds on beside what is given."""
        return None if self._is_replaced(given, stored) else stored.get(self.name)

    def is_lacking(self, given: Mapping[str, str], stored: Mapping[str, Any]) -> bool:
        """Whether it has to be asked for."""
        other = given.get(self.unless) or (not self._is_replaced(given, stored) and stored.get(self.unless))
        return bool(self.is_needed and not (other or given.get(self.name) or self.held(given, stored)))

    def _is_replaced(self, given: Mapping[str, str], stored: Mapping[str, Any]) -> bool:
        """Whether what this describes is another one from now on."""
        return bool(self.about) and given.get(self.about, stored.get(self.about)) != stored.get(self.about)


PINTEREST_FIELDS = (
    Field("app_id", "--pinterest-app-id", "PINTEREST_APP_ID", "Pinterest app id", is_secret=False),
    Field("app_secret", "--pinterest-app-secret", "PINTEREST_APP_SECRET", "Pinterest app secret"),
    Field("access_token", "--pinterest-access-token", "PINTEREST_ACCESS_TOKEN", "Its access token (pina_…)"),
    Field(
        "refresh_token",
        "--pinterest-refresh-token",
        "PINTEREST_REFRESH_TOKEN",
        "Its refresh token (pinr_…; without it nobody renews the access token, and the day of its end is needed)",
        is_needed=False,
        about="access_token",
    ),
    Field(
        "expires_at",
        "--pinterest-expires-at",
        "PINTEREST_EXPIRES_AT",
        "When the access token ends (2026-12-21T00:00:00Z; may be empty with a refresh token: it is renewed soon)",
        is_secret=False,
        unless="refresh_token",
        about="access_token",
    ),
)
FACEBOOK_FIELDS = (
    Field("app_id", "--facebook-app-id", "FACEBOOK_APP_ID", "Facebook app id", is_secret=False),
    Field("app_secret", "--facebook-app-secret", "FACEBOOK_APP_SECRET", "Facebook app secret"),
    Field(
        "verify_token",
        "--facebook-verify-token",
        "FACEBOOK_VERIFY_TOKEN",
        "Its verify token (empty: one is made)",
        is_needed=False,
    ),
)


@dataclass
class Answers:
    """What was given so far. locations: id → token, "" where it is still to be asked for; pages: likewise."""

    locations: dict[str, str] = field(default_factory=dict)
    pinterest: dict[str, str] = field(default_factory=dict)
    conversion_tokens: dict[str, str] = field(default_factory=dict)
    facebook: dict[str, str] = field(default_factory=dict)
    pages: dict[str, str] = field(default_factory=dict)

    @property
    def wants_pinterest(self) -> bool:
        return bool(self.pinterest or self.conversion_tokens)

    @property
    def wants_facebook(self) -> bool:
        return bool(self.facebook or self.pages)


def locations_given(ids: Sequence[str], given: Iterable[str]) -> dict[str, str]:
    """Location → token, of `--location ID` and of tokens given as TOKEN or LOCATION=TOKEN; "" for no token.

    Raises CommandFailed (2) when it is not clear whose a token is.
    """
    found = dict.fromkeys(ids, "")
    bare = []
    for text in given:
        left, equals, right = text.partition("=")
        if equals and right.strip("=") and _LOCATION.fullmatch(left):
            found[left] = right
        else:
            bare.append(text)
    if not bare:
        return found
    waiting = [location for location, token in found.items() if not token]
    if len(bare) > 1 or len(waiting) > 1:
        raise CommandFailed(
            "It is not clear whose token that is: write --contacts-token <location id>=<token> for each.", exit_code=2
        )
    # "" is whatever location the routes deliver to.
    found[waiting[0] if waiting else ""] = bare[0]
    return found


def pairs(given: Iterable[str], option: str) -> dict[str, str]:
    """ID=TOKEN of repeated options, apart; a bare ID has "" for its token. Raises CommandFailed (2) for nonsense."""
    found = {}
    for text in given:
        identity, _, token = text.partition("=")
        if not (identity.isascii() and identity.isdigit()):
            raise CommandFailed(f"{option} takes <id>=<token>, and an id is made of digits.", exit_code=2)
        found[identity] = token
    return found


def with_location_tokens(secret: dict[str, Any], given: Mapping[str, str]) -> dict[str, Any]:
    """The Contacts secret with these tokens; one that is replaced stays as `previous_token`, valid for seven days."""
    found = secret
    for location, token in given.items():
        entry = tokens.entry_at(found, tokens.Place(tokens.LOCATIONS, location))
        old = entry.get("token")
        if old != token:
            kept = {"previous_token": old} if isinstance(old, str) and old else {}
            found = merged(found, {"locations": {location: {"token": token, **kept}}})
    return found


def with_pinterest(secret: dict[str, Any], given: Mapping[str, str], conversions: Mapping[str, str]) -> dict[str, Any]:
    """The Pinterest app secret with these values."""
    more: dict[str, Any] = {name: value for name, value in given.items() if value}
    if more.get("access_token", secret.get("access_token")) != secret.get("access_token"):
        # When another token ends is not known: the next rotation renews it, if there is something to renew it with.
        more.setdefault("expires_at", "")
        if secret.get("refresh_token"):
            more.setdefault("refresh_token", "")  # the former one would bring the former user back
    renewal = secret.get("refresh_token") or ""
    kept = secret if more.get("refresh_token", renewal) == renewal else _without(secret, "refresh_token_expires_at")
    return merged(kept, {**more, **({"conversion_tokens": conversions} if conversions else {})})


def _without(secret: dict[str, Any], dropped: str) -> dict[str, Any]:
    return {name: value for name, value in secret.items() if name != dropped}


def with_facebook(secret: dict[str, Any], given: Mapping[str, str], pages: Mapping[str, str]) -> dict[str, Any]:
    """The Facebook secret with these values; a replaced app secret stays beside the new one, as both may be in use."""
    more: dict[str, Any] = {name: value for name, value in given.items() if value}
    old = secret.get("app_secret")
    if old and more.get("app_secret", old) != old:
        more["previous_app_secret"] = old
    if not (more.get("verify_token") or secret.get("verify_token")):
        more["verify_token"] = secrets.token_urlsafe(32)
    entries = {page: {"token": token} for page, token in pages.items() if token}
    return merged(secret, {**more, "pages": entries})


def token_of(entry: Mapping[str, Any]) -> str:
    """The token that the functions use for a location's calls; "" when there is none."""
    found = (entry.get(name) for name in ("token", "access_token"))
    return next((token for token in found if isinstance(token, str) and token), "")
