"""Leads out of a JSON file: as a platform sends or shows them, or any source's, written by hand."""

from __future__ import annotations

import datetime as dt
import json
import math
import os
import sys
from pathlib import Path
from typing import Any

import msgspec

ROOT = Path(__file__).parent.parent
# The functions import each other from their own folder, as in Lambda; so what is theirs is imported after this.
sys.path.insert(0, str(ROOT / "functions"))

from infra.platform_records import RECORDS  # noqa: E402
from leads.core.lead import Consent, CopiedNote, CopiedTask, Envelope, Lead, plain_id  # noqa: E402
from leads.core.placeholders import CAMPAIGN_NAMES  # noqa: E402
from leads.sources import REGISTRY  # noqa: E402
from leads.sources.pinterest import TEST_LEAD_ID, Pinterest  # noqa: E402

_CONSENTS = '"consents" is a list of {"key", "text", "given": true or false, "at"}'


class CannotPreview(Exception):
    """The lead, the routes or the keys are not usable; the text says which and what to do."""


class _GivenConsent(msgspec.Struct):
    key: str
    given: bool
    text: str = ""
    at: Any = None


def leads_in(file: Path, keys: Path | None) -> list[Lead]:
    """The leads in a file, opened; keys: a file in the shape of the Pinterest keys secret, else the local stack's.

    Raises CannotPreview naming the file and the remedy; LeadError when no key opens a sealed lead.
    """
    content = _json_in(file)
    items = content if isinstance(content, list) else [content]
    if not items:
        raise CannotPreview(f"{file}: there is no lead in it")
    return [_lead(item, file, keys) for item in items]


def _lead(item: Any, file: Path, keys: Path | None) -> Lead:
    answers = item.get("answers") if isinstance(item, dict) else None
    if not isinstance(answers, dict):
        if isinstance(item, dict) and (read := next((RECORDS[key] for key in RECORDS if key in item), None)):
            return read(item)
        raise CannotPreview(f'{file}: a lead is an object with "answers", or as Pinterest, Graph or the CRM shows it')
    if "cipher_msg" in answers:
        source = Pinterest(_Keys(_json_in(keys) if keys else _local_keys()))
        return source.open(source.wrap(item, received_at=dt.datetime.now(dt.UTC).isoformat()), deadline=math.inf)
    return _plain_lead(item, answers, file)


def _plain_lead(item: dict[str, Any], answers: dict[str, Any], file: Path) -> Lead:
    name = str(item.get("source", "pinterest"))
    if name not in REGISTRY:
        raise CannotPreview(f"{file}: unknown source {name!r}; there is {', '.join(REGISTRY)}")
    account = plain_id(item.get("account") or item.get("advertiser_id") or "preview")
    envelope = Envelope(
        source=name, account=account, lead_id=plain_id(item.get("lead_id")) or "preview", raw=item, received_at=""
    )
    return Lead(
        source=name,
        account=account,
        form=plain_id(item.get("form") or item.get("lead_form_id")),
        lead_id=envelope.lead_id,
        ledger_key=envelope.ledger_key,
        seal="",
        is_test=envelope.lead_id == TEST_LEAD_ID,
        created_at=_seconds(item.get("created_at"), file),
        answers=answers,
        campaign={key: str(item[key]) for key in CAMPAIGN_NAMES if item.get(key) is not None},
        consents=tuple(_consent(each, file) for each in _listed(item.get("consents"), file)),
        copied=_copied(item.get("copied"), file),
    )


def _listed(value: Any, file: Path) -> list[Any]:
    if not isinstance(value, list | None):
        raise CannotPreview(f"{file}: {_CONSENTS}")
    return value or []


def _consent(item: Any, file: Path) -> Consent:
    try:
        given = msgspec.convert(item, _GivenConsent)
    except msgspec.ValidationError:
        raise CannotPreview(f"{file}: {_CONSENTS}") from None
    return Consent(key=given.key, text=given.text, given=given.given, at=_seconds(given.at, file))


def _copied(item: Any, file: Path) -> CopiedNote | CopiedTask | None:
    """A note is one by its text, a task by its title."""
    if item is None:
        return None
    try:
        if isinstance(item, dict) and "due_at" in item:
            item = item | {"due_at": _seconds(item["due_at"], file)}
        return msgspec.convert(item, CopiedNote if isinstance(item, dict) and "text" in item else CopiedTask)
    except msgspec.ValidationError:
        raise CannotPreview(
            f'{file}: "copied" is a note, {{"text"}}, or a task, {{"title", "body", "due_at"}}'
        ) from None


def _seconds(value: Any, file: Path) -> float | None:
    if value is None:
        return None
    try:
        if isinstance(value, str) and not value.isdecimal():
            moment = dt.datetime.fromisoformat(value)
            return (moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)).timestamp()
        return float(value) / 1000
    except (TypeError, ValueError, OverflowError):
        raise CannotPreview(f"{file}: created_at is milliseconds since the epoch, or ISO 8601") from None


def _json_in(file: Path) -> Any:
    try:
        return json.loads(file.read_text("utf-8"))
    except OSError as error:
        raise CannotPreview(f"{file} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise CannotPreview(f"{file} is not JSON: {error}") from None


def _local_keys() -> Any:
    """The keys in the local stack's secret."""
    stack_file = ROOT / os.environ.get("STATE_DIR", ".local") / "stack.json"
    if not stack_file.exists():
        raise CannotPreview("The lead is sealed: give the keys with --keys, or start the local stack with `make run`")
    from botocore.exceptions import BotoCoreError, ClientError

    from infra.local.deployment import aws_client

    stack = json.loads(stack_file.read_text())
    secrets = aws_client("secretsmanager", stack["aws_endpoint_url"])
    arn = stack["outputs"]["PinterestKeysSecretArn"]
    try:
        return json.loads(secrets.get_secret_value(SecretId=arn)["SecretString"])
    except (BotoCoreError, ClientError):
        raise CannotPreview("The local stack does not answer: start it anew, or give the keys with --keys") from None


class _Keys:
    """Keys that are what they are."""

    def __init__(self, secret: Any) -> None:
        self._secret = secret if isinstance(secret, dict) else {}

    def current(self) -> dict[str, Any]:
        return self._secret

    reread = current
