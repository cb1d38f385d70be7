"""Leads out of a JSON file: deliveries as Pinterest sends them, opened, or plain ones written by hand."""

from __future__ import annotations

import datetime as dt
import json
import os
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
# The functions import each other from their own folder, as in Lambda; so what is theirs is imported after this.
sys.path.insert(0, str(ROOT / "functions"))

from leads.core.lead import Envelope, Lead, plain_id  # noqa: E402
from leads.core.placeholders import CAMPAIGN_NAMES  # noqa: E402
from leads.sources import REGISTRY  # noqa: E402
from leads.sources.pinterest import TEST_LEAD_ID, Pinterest  # noqa: E402


class CannotPreview(Exception):
    """The lead, the routes or the keys are not usable; the text says which and what to do."""


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
        raise CannotPreview(f'{file}: a lead is an object with "answers", sealed by Pinterest or plain')
    if "cipher_msg" in answers:
        source = Pinterest(_Keys(_json_in(keys) if keys else _local_keys()))
        return source.open(source.wrap(item, received_at=dt.datetime.now(dt.UTC).isoformat()))
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
    )


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
