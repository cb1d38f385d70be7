"""Rotates a secret with OAuth tokens: the four steps of Secrets Manager, so that nobody else ever refreshes a token."""

from __future__ import annotations

import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from leads.core import endings
from leads.core.endings import Ending
from leads.core.errors import Misconfigured, TryAgain, Undeliverable
from leads.core.tokens import Journal, Secret, entries, entry_at, journal_of, merged
from leads.flow.refresh_tokens import (
    CALL_SECONDS,
    CURRENT,
    REFRESHED,
    Finding,
    RefreshTokens,
    TokenEndpoint,
    Versions,
)

PENDING = "AWSPENDING"
# No refresh token is used up so late that there would be no time to store its successor.
_RESERVE_SECONDS = 60.0
_EDITS_FOLLOWED = 5


class Rotation(ABC):
    """One step of a rotation a call; each may be repeated, after a crash too, and then does only what is missing.

    source: whose tokens they are, for the metrics. tokens: the TokenEndpoint that a subclass names. graph_api_url:
    Facebook's address, the end of whose version is told besides; "" tells nothing.
    """

    source = ""

    def __init__(
        self,
        *,
        versions: Versions,
        tokens: Any,
        now: Callable[[], float],
        sleep: Callable[[float], None],
        new_id: Callable[[], str] = lambda: str(uuid.uuid4()),
        graph_api_url: str = "",
    ) -> None:
        self._versions = versions
        self._tokens = tokens
        self._now = now
        self._sleep = sleep
        self._new_id = new_id
        self._graph_api_url = graph_api_url
        self._steps: Mapping[str, Callable[[str, float], list[Finding]]] = {
            "createSecret": self._create,
            # Whoever gave the tokens knows them before we do.
            "setSecret": lambda *_: [],
            "testSecret": self._test,
            "finishSecret": self._finish,
        }

    def __call__(self, step: str, token: str, *, remaining: float) -> list[Finding]:
        """What went wrong with single entries in this step, which holds up none of the others, and at the end of a
        rotation what ends soon.

        `token` is the rotation's ClientRequestToken, `remaining` the seconds left of the function's time.
        Raises TryAgain, Undeliverable or Misconfigured when the step itself failed; Secrets Manager repeats it then.
        Source: https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_lambda-functions.html
        """
        if step not in self._steps:
            raise Misconfigured(f"a rotation has no step {step!r}")
        return self._steps[step](token, self._now() + remaining - _RESERVE_SECONDS)

    def _create(self, token: str, until: float) -> list[Finding]:
        """Refresh what is due; the value with the new tokens becomes AWSPENDING."""
        labels = self._versions.labels()
        newest, pending = self._labelled(labels, CURRENT), self._labelled(labels, PENDING)
        if newest is None:
            return []  # nobody has stored anything yet
        secret, findings = self._refreshed(newest, pending, until)
        if secret not in (newest, pending):
            # The rotation's own version may have a value from an earlier attempt, which nothing can change any more.
            own = token if self._versions.read(token) is None else self._new_id()
            self._versions.put(secret, version_id=own, label=PENDING)
        return findings

    @abstractmethod
    def _refreshed(self, newest: Secret, pending: Secret | None, until: float) -> tuple[Secret, list[Finding]]:
        """The value with new tokens for those that are due, and what went wrong."""

    def _test(self, _token: str, _until: float) -> list[Finding]:
        """Try the new tokens out."""
        return []

    @abstractmethod
    def _merged(self, newest: Secret, journal: Journal, pending: Secret | None) -> Secret:
        """`newest` with everything that refreshing has brought to it."""

    @abstractmethod
    def _endings(self, secret: Secret) -> Iterator[Ending]:
        """What in the secret ends soon and is renewed by nobody."""

    def _finish(self, _token: str, _until: float) -> list[Finding]:
        """Make the new value AWSCURRENT, or, when somebody has stored another meanwhile, that one with the new tokens.

        AWSCURRENT moves away from the version that was read or not at all, so no edit is ever lost. AWSPENDING goes:
        left behind by a user's next edit, it would be taken for a rotation that has not ended
        (https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_RotateSecret.html).
        """
        for _ in range(_EDITS_FOLLOWED):
            labels = self._versions.labels()
            newest, value = self._outcome(labels)
            if value != newest:
                target = labels.get(PENDING, "")
                if value != self._labelled(labels, PENDING):
                    target = self._new_id()
                    self._versions.put(value, version_id=target, label=PENDING)
                if not self._versions.move(CURRENT, to=target, away_from=labels[CURRENT]):
                    continue
            self._versions.unlabel(PENDING)
            ending = (*self._endings(value or {}), *endings.of_graph(self._graph_api_url, self._now()))
            return [Finding(one.about, one.reason, one.detail, is_failure=False) for one in ending]
        raise TryAgain("secret_busy", f"the secret was changed {_EDITS_FOLLOWED} times while the rotation finished")

    def _outcome(self, labels: Mapping[str, str]) -> tuple[Secret | None, Secret | None]:
        """The newest value, and what the rotation makes of it; None while nobody has stored any."""
        newest = self._labelled(labels, CURRENT)
        if newest is None:
            return None, None
        journal = journal_of(self._labelled(labels, REFRESHED))
        return newest, self._merged(newest, journal, self._labelled(labels, PENDING))

    def _labelled(self, labels: Mapping[str, str], label: str) -> dict[str, Any] | None:
        return self._versions.read(labels[label]) if label in labels else None


class Rotate(Rotation):
    """Rotates the Contacts secret, which has tokens of several locations."""

    source = "contacts_api"
    _tokens: TokenEndpoint

    def _refreshed(self, newest: Secret, pending: Secret | None, until: float) -> tuple[Secret, list[Finding]]:
        refresh = RefreshTokens(
            self._versions,
            self._tokens,
            newest=newest,
            pending=pending,
            now=self._now,
            sleep=self._sleep,
            new_id=self._new_id,
            until=until,
        )
        refresh()
        return refresh.secret, refresh.findings

    def _test(self, _token: str, until: float) -> list[Finding]:
        """Read with each new token of a location. One that is refused is a finding; all refused end the rotation.

        There is nothing to test when Secrets Manager only tries out whether it may call us, as it does when the
        schedule is deployed.
        """
        newest, value = self._outcome(self._versions.labels())
        findings: list[Finding] = []
        tried = 0
        for place, entry in entries(value or {}):
            token = entry.get("access_token")
            if not place.is_location or not token or token == entry_at(newest or {}, place).get("access_token"):
                continue
            if self._now() > until:
                break
            tried += 1
            if reason := self._tokens.refusal(place.key, str(token), deadline=self._now() + CALL_SECONDS):
                findings.append(Finding(str(place), reason, "the CRM refuses the token it has just given"))
        if findings and len(findings) == tried:
            raise Undeliverable("new_tokens_refused", f"{findings[0].reason}: " + ", ".join(f.about for f in findings))
        return findings

    def _merged(self, newest: Secret, journal: Journal, pending: Secret | None) -> Secret:
        return merged(newest, journal, pending)

    def _endings(self, secret: Secret) -> Iterator[Ending]:
        return endings.in_contacts(secret, self._now())
