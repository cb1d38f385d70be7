"""Rotates the Pinterest app secret: one pair of tokens, stored before anybody uses it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

import msgspec

from leads.core import endings
from leads.core.endings import Ending
from leads.core.errors import LeadError, Misconfigured, TryAgain, Undeliverable
from leads.core.pinterest_token import about, is_due, is_refreshable, merged, missing
from leads.core.tokens import Journal, Secret, Tokens, expiry, journal_of
from leads.flow.refresh_tokens import CALL_SECONDS, REFRESHED, Finding
from leads.flow.rotate import Rotation

_ABOUT = "the Pinterest app"
# Asked again after these.
_PAUSES = (1.0, 3.0)
# Storing is tried longer, as a pair that is not stored may be lost.
_STORING_PAUSES = (1.0, 2.0, 4.0, 8.0)
# With so much time left, the next rotation, a day later at most, is in time.
_IN_TIME_SECONDS = 3 * 86_400.0


class TokenEndpoint(Protocol):
    """Gives tokens; raises Undeliverable when it says no, TryAgain when it does not answer by `deadline`."""

    def refresh(self, secret: Mapping[str, Any], *, deadline: float) -> Tokens: ...


class RotatePinterest(Rotation):
    """Rotates `{"app_id", "app_secret", "access_token", "refresh_token", "expires_at", …}`.

    Without a refresh token there is nothing to rotate. New tokens are not tried out: which calls a token may make
    depends on scopes, and each refused try would hold back a token that works.
    """

    source = "pinterest"
    _tokens: TokenEndpoint

    def _refreshed(self, newest: Secret, pending: Secret | None, until: float) -> tuple[Secret, list[Finding]]:
        journal = self._journal()
        secret = merged(newest, journal)
        findings: list[Finding] = []
        if is_refreshable(secret) and is_due(secret, self._now()):
            try:
                secret = self._renewed(secret, journal, until)
            except LeadError as error:
                is_in_time = isinstance(error, TryAgain) and expiry(secret) - self._now() > _IN_TIME_SECONDS
                findings.append(Finding(_ABOUT, error.reason, error.detail, is_failure=not is_in_time))
        return secret, findings

    def _merged(self, newest: Secret, journal: Journal, pending: Secret | None) -> Secret:
        # Whatever AWSPENDING holds is in the journal, too.
        return merged(newest, journal)

    def _endings(self, secret: Secret) -> Iterator[Ending]:
        return endings.in_pinterest_app(secret, self._now())

    def _renewed(self, secret: Secret, journal: Journal, until: float) -> Secret:
        if lacking := missing(secret):
            raise Undeliverable("incomplete_entry", f"it lacks {', '.join(lacking)}")
        # Proves, before a refresh token is used up, that its successor can be stored.
        self._keep(about(journal, secret))
        try:
            tokens = self._ask(secret, until)
        except Undeliverable:
            # Used up by another run, perhaps, that has stored what it got.
            found = merged(secret, self._journal())
            if found["refresh_token"] == secret["refresh_token"]:
                raise
            return found
        journal = journal.after(str(secret["refresh_token"]), tokens)
        self._keep(about(journal, secret))
        return merged(secret, journal)

    def _journal(self) -> Journal:
        return journal_of(self._labelled(self._versions.labels(), REFRESHED))

    def _keep(self, journal: Journal) -> None:
        version_id = self._new_id()
        for pause in (*_STORING_PAUSES, None):
            try:
                self._versions.put(msgspec.to_builtins(journal), version_id=version_id, label=REFRESHED)
                return
            except TryAgain as error:
                if pause is None:
                    raise Misconfigured(f"refreshed tokens cannot be stored: {error.detail}") from None
                self._sleep(pause)

    def _ask(self, secret: Secret, until: float) -> Tokens:
        """The endpoint's answer; asked again while there is none and time is left."""
        for pause in _PAUSES:
            if self._now() > until:
                raise TryAgain("out_of_time", "the function's time was over", counts=False)
            try:
                return self._tokens.refresh(secret, deadline=self._now() + CALL_SECONDS)
            except TryAgain as error:
                wait = max(pause, error.retry_after or 0.0)
                if self._now() + wait > until:
                    raise
                self._sleep(wait)
        return self._tokens.refresh(secret, deadline=self._now() + CALL_SECONDS)
