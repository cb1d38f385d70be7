"""Refreshes the OAuth tokens of the Contacts secret that are due, each new pair stored before the next is asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeVar

import msgspec

from leads.core.errors import LeadError, Misconfigured, TryAgain, Undeliverable
from leads.core.tokens import (
    COMPANIES,
    EARLY_SECONDS,
    Journal,
    Place,
    Secret,
    Tokens,
    due,
    entry_at,
    expiry,
    is_due,
    journal_of,
    merged,
    with_access,
)

CURRENT = "AWSCURRENT"
# Holds the journal. A version's value cannot be changed, so each state of it is a version of its own.
REFRESHED = "LEADRELAY_REFRESHED"

CALL_SECONDS = 10.0
# Asked again after these: the second answer may be the first one's, lost on its way.
_PAUSES = (1.0, 3.0)
# Storing is tried longer, as a pair that is not stored is lost.
_STORING_PAUSES = (1.0, 2.0, 4.0, 8.0)
# A token that lives longer than this will be met again by the next rotation, four hours later.
_NEXT_LOOK_SECONDS = 5 * 3600.0

T = TypeVar("T")


class Versions(Protocol):
    """The secret's versions; raises TryAgain or Misconfigured."""

    def labels(self) -> Mapping[str, str]: ...
    def read(self, version_id: str) -> dict[str, Any] | None: ...
    def put(self, value: Any, *, version_id: str, label: str) -> None: ...
    def move(self, label: str, *, to: str, away_from: str) -> bool: ...
    def unlabel(self, label: str) -> None: ...


class TokenEndpoint(Protocol):
    """Gives tokens; raises Undeliverable when it says no, TryAgain when it does not answer by `deadline`."""

    def refresh(self, place: Place, entry: Mapping[str, Any], *, deadline: float) -> Tokens: ...
    def exchange(self, place: Place, entry: Mapping[str, Any], code: str, *, deadline: float) -> Tokens: ...
    def reconnect(self, place: Place, entry: Mapping[str, Any], *, deadline: float) -> str: ...
    def location_token(self, company_id: str, location_id: str, company_token: str, *, deadline: float) -> Tokens: ...
    def refusal(self, location_id: str, token: str, *, deadline: float) -> str: ...


class Finding(msgspec.Struct, frozen=True):
    """What went wrong with one entry (`location <id>`), or ends soon (the reasons of `core.endings`).

    is_failure: False where the next rotation is in time.
    """

    about: str
    reason: str
    detail: str
    is_failure: bool = True


class RefreshTokens:
    """One run; `secret` is the value reached so far. Call it once."""

    def __init__(
        self,
        versions: Versions,
        tokens: TokenEndpoint,
        *,
        newest: Secret,
        pending: Secret | None,
        now: Callable[[], float],
        sleep: Callable[[float], None],
        new_id: Callable[[], str],
        until: float,
    ) -> None:
        self._versions = versions
        self._tokens = tokens
        self._journal = Journal()
        self._journal_version = ""
        self._now = now
        self._sleep = sleep
        self._new_id = new_id
        self._until = until
        self._pending = pending
        self.secret = newest
        self.findings: list[Finding] = []

    def __call__(self) -> None:
        """Refresh what is due. An entry that cannot be refreshed is a finding and holds up none of the others.

        Raises Misconfigured when what was refreshed cannot be stored.
        """
        self._catch_up(self._versions.labels())
        self.secret = merged(self.secret, self._journal, self._pending)
        if not due(self.secret, self._now()):
            return
        # Proves, before a refresh token is used up, that its successor can be stored.
        self._keep()
        for work in (self._refresh, self._ask_company):
            for place in due(self.secret, self._now()):
                try:
                    # Read anew: an earlier entry of the same line may have brought this one its tokens.
                    work(place, entry_at(self.secret, place))
                except LeadError as error:
                    self._note(place, error)

    def _refresh(self, place: Place, entry: dict[str, Any]) -> None:
        """A new pair for an entry that has a refresh token of its own."""
        lives_on_company = "company_id" in entry and not entry.get("refresh_token")
        if lives_on_company or not is_due(entry, self._now()) or self._company_of(entry):
            return
        if missing := [name for name in ("client_id", "client_secret", "refresh_token") if not _is_text(entry, name)]:
            raise Undeliverable("incomplete_entry", f"it lacks {', '.join(missing)}")
        try:
            self._gained(entry, self._ask(lambda by: self._tokens.refresh(place, entry, deadline=by)))
        except Undeliverable as refused:
            self._recover(place, entry, refused)

    def _recover(self, place: Place, entry: dict[str, Any], refused: Undeliverable) -> None:
        """The refresh token is worth nothing: used up by a run that died, replaced by a user, or revoked."""
        labels = self._versions.labels()
        self._catch_up(labels)
        self.secret = merged(self._versions.read(labels[CURRENT]) or self.secret, self._journal, self.secret)
        found = entry_at(self.secret, place)
        if found.get("refresh_token") != entry["refresh_token"]:
            if _is_text(found, "refresh_token") and is_due(found, self._now()) and not self._company_of(found):
                self._gained(found, self._ask(lambda by: self._tokens.refresh(place, found, deadline=by)))
            return
        try:
            code = self._ask(lambda by: self._tokens.reconnect(place, entry, deadline=by))
            tokens = self._ask(lambda by: self._tokens.exchange(place, entry, code, deadline=by))
        except LeadError as error:
            raise Undeliverable(refused.reason, f"{refused.detail}; reconnecting: {error.detail}") from None
        self._gained(entry, tokens)

    def _ask_company(self, place: Place, entry: dict[str, Any]) -> None:
        """A location's token for its company's, which is not used up by that."""
        if place.is_location and (company := self._company_of(entry)):
            tokens = self._ask(lambda by: self._tokens.location_token(company[0], place.key, company[1], deadline=by))
            self.secret = with_access(self.secret, place, tokens)

    def _company_of(self, entry: Mapping[str, Any]) -> tuple[str, str] | None:
        """The company that an entry's tokens come from and its access token; None when the entry stands for itself.

        An app that is meant for locations may be given a company's tokens all the same, when it is installed from
        the company's view; then the company is that of the refresh token.
        """
        if refresh_token := entry.get("refresh_token"):
            grant = self._journal.grant_of(str(refresh_token))
            is_fresh = grant is not None and grant.expires_at - self._now() >= EARLY_SECONDS
            return (grant.company_id, grant.access_token) if grant and grant.company_id and is_fresh else None
        if not _is_text(entry, "company_id"):
            return None
        company = entry_at(self.secret, Place(COMPANIES, entry["company_id"]))
        if expiry(company) - self._now() < CALL_SECONDS:
            raise Undeliverable("company_token_expired", f"there is no valid token of company {entry['company_id']}")
        return entry["company_id"], str(company["access_token"])

    def _gained(self, entry: Mapping[str, Any], tokens: Tokens) -> None:
        self._journal = self._journal.after(str(entry["refresh_token"]), tokens)
        self.secret = merged(self.secret, self._journal)
        self._keep()

    def _catch_up(self, labels: Mapping[str, str]) -> None:
        """Take over what somebody else has written into the journal: a run before this one, or one beside it.

        Secrets Manager runs one rotation of a secret at a time; a person at a keyboard may run another.
        """
        version_id = labels.get(REFRESHED, self._journal_version)
        if version_id != self._journal_version:
            self._journal = self._journal.united(journal_of(self._versions.read(version_id)))
            self._journal_version = version_id

    def _keep(self) -> None:
        version_id = self._new_id()
        for pause in (*_STORING_PAUSES, None):
            try:
                self._catch_up(self._versions.labels())
                journal = msgspec.to_builtins(self._journal.about(self.secret))
                self._versions.put(journal, version_id=version_id, label=REFRESHED)
                self._journal_version = version_id
                return
            except TryAgain as error:
                if pause is None:
                    # Nothing more may be refreshed that could not be stored either, so no fate of an entry.
                    raise Misconfigured(f"refreshed tokens cannot be stored: {error.detail}") from None
                self._sleep(pause)

    def _ask(self, call: Callable[[float], T]) -> T:
        """The answer of `call(deadline)`; asked again while there is none and time is left."""
        for pause in _PAUSES:
            if self._now() > self._until:
                raise TryAgain("out_of_time", "the function's time was over", counts=False)
            try:
                return call(self._now() + CALL_SECONDS)
            except TryAgain as error:
                wait = max(pause, error.retry_after or 0.0)
                if self._now() + wait > self._until:
                    raise
                self._sleep(wait)
        return call(self._now() + CALL_SECONDS)

    def _note(self, place: Place, error: LeadError) -> None:
        left = expiry(entry_at(self.secret, place)) - self._now()
        is_in_time = isinstance(error, TryAgain) and left > _NEXT_LOOK_SECONDS
        self.findings.append(Finding(str(place), error.reason, error.detail, is_failure=not is_in_time))


def _is_text(entry: Mapping[str, Any], name: str) -> bool:
    value = entry.get(name)
    return isinstance(value, str) and bool(value)
