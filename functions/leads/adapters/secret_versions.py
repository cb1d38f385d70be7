"""The versions of one secret in Secrets Manager, and the labels that say which is which."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from leads.adapters.aws import AwsError, error_code
from leads.core import lenient_json
from leads.core.errors import Misconfigured, TryAgain

_ABSENT = "ResourceNotFoundException"
# What AWS says when a label is not where the caller believed it to be.
_MOVED_AWAY = ("InvalidParameterException", "InvalidRequestException", _ABSENT)


class SecretVersions:
    """One secret's versions; `client` gives a Secrets Manager client.

    A version's value never changes once it has one. Every method raises Misconfigured where the function's role
    lacks a permission, TryAgain(secret_unavailable) for everything else that goes wrong.
    """

    def __init__(self, client: Callable[[], Any], arn: str) -> None:
        self._client = client
        self._arn = arn

    def labels(self) -> dict[str, str]:
        """Label → the id of the version that holds it.

        Where two hold it, which the local emulator lets happen, it is the one that was labelled last.
        """
        versions = self._versions()
        return {label: version_id for version_id, labels in versions.items() for label in labels}

    def read(self, version_id: str) -> dict[str, Any] | None:
        """A version's value; None when it has none yet."""
        try:
            text = self._client().get_secret_value(SecretId=self._arn, VersionId=version_id).get("SecretString")
        except AwsError as error:
            if error_code(error) == _ABSENT:
                return None
            raise self._fate(error, "read") from None
        if not text:
            return None
        try:
            value = lenient_json.decode(text)
        except ValueError:
            value = None
        if not isinstance(value, dict):
            raise Misconfigured(f"the secret {self._arn} is not a JSON object; the README shows its shape")
        return value

    def put(self, value: Any, *, version_id: str, label: str) -> None:
        """Store a new version (id of 32 to 64 characters) under a label, which leaves whichever version had it."""
        text = json.dumps(value, separators=(",", ":"))
        try:
            self._client().put_secret_value(
                SecretId=self._arn, ClientRequestToken=version_id, SecretString=text, VersionStages=[label]
            )
        except AwsError as error:
            raise self._fate(error, "written") from None

    def move(self, label: str, *, to: str, away_from: str) -> bool:
        """Move a label between two versions; False, and nothing moved, when it was not at `away_from` any more."""
        try:
            self._client().update_secret_version_stage(
                SecretId=self._arn, VersionStage=label, MoveToVersionId=to, RemoveFromVersionId=away_from
            )
        except AwsError as error:
            if error_code(error) in _MOVED_AWAY:
                return False
            raise self._fate(error, "changed") from None
        return True

    def unlabel(self, label: str) -> None:
        """Take a label off every version."""
        for version_id, labels in self._versions().items():
            if label in labels:
                try:
                    self._client().update_secret_version_stage(
                        SecretId=self._arn, VersionStage=label, RemoveFromVersionId=version_id
                    )
                except AwsError as error:
                    if error_code(error) not in _MOVED_AWAY:
                        raise self._fate(error, "changed") from None

    def _versions(self) -> dict[str, list[str]]:
        try:
            found = self._client().describe_secret(SecretId=self._arn).get("VersionIdsToStages")
        except AwsError as error:
            raise self._fate(error, "described") from None
        return dict(found or {})

    def _fate(self, error: Exception, done: str) -> Exception:
        code = error_code(error)
        if code == "AccessDeniedException":
            return Misconfigured(f"the secret {self._arn} cannot be {done} ({code}); check the function's role")
        return TryAgain("secret_unavailable", f"the secret cannot be {done} ({code})")
