"""The functions' settings; the one place that reads the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import msgspec

from leads.core import retry_policy
from leads.core.errors import Misconfigured


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What template.yaml tells a function. retry_waits and inline_budget are in seconds.

    conversion_days: how old an event may be.
    """

    ledger_table_name: str
    failed_leads_queue_url: str
    pinterest_keys_secret: str
    contacts_secret: str
    webhook_token_secret: str = ""
    facebook_secret: str = ""
    leadconnector_secret: str = ""
    pinterest_app_secret: str = ""
    reconcile_queue_url: str = ""
    reconcile_days: float = 2
    conversions_queue_url: str = ""
    conversion_days: float = 7
    contacts_api_url: str = "https://services.leadconnectorhq.com"
    pinterest_api_url: str = "https://api.pinterest.com/v5"
    graph_api_url: str = "https://graph.facebook.com/v26.0"
    retry_waits: tuple[float, ...] = (60, 300, 1800, 7200, 21600, 43200, 43200)
    inline_budget: float = 4.0
    custom_field_value_key: str = "field_value"
    log_level: str = "INFO"


# Variable → how its text is read. The names are those of template.yaml.
_VARIABLES: Mapping[str, tuple[str, Any]] = {
    "LEDGER_TABLE_NAME": ("ledger_table_name", str),
    "FAILED_LEADS_QUEUE_URL": ("failed_leads_queue_url", str),
    "PINTEREST_KEYS_SECRET_ARN": ("pinterest_keys_secret", str),
    "CONTACTS_SECRET_ARN": ("contacts_secret", str),
    "WEBHOOK_TOKEN_SECRET_ARN": ("webhook_token_secret", str),
    "FACEBOOK_SECRET_ARN": ("facebook_secret", str),
    "LEADCONNECTOR_SECRET_ARN": ("leadconnector_secret", str),
    "PINTEREST_APP_SECRET_ARN": ("pinterest_app_secret", str),
    "RECONCILE_QUEUE_URL": ("reconcile_queue_url", str),
    "RECONCILE_DAYS": ("reconcile_days", float),
    "CONVERSIONS_QUEUE_URL": ("conversions_queue_url", str),
    "CONVERSION_DAYS": ("conversion_days", float),
    "PINTEREST_API_URL": ("pinterest_api_url", str),
    "GRAPH_API_URL": ("graph_api_url", str),
    "CONTACTS_API_URL": ("contacts_api_url", str),
    "RETRY_WAITS": ("retry_waits", retry_policy.parse_waits),
    "INLINE_BUDGET_SECONDS": ("inline_budget", float),
    "CUSTOM_FIELD_VALUE_KEY": ("custom_field_value_key", str),
    "LOG_LEVEL": ("log_level", str),
}


def settings(environ: Mapping[str, str] | None = None) -> Settings:
    """The settings in the environment; a variable that is absent or empty takes its default.

    Raises Misconfigured naming the variable that is missing or cannot be read.
    """
    environ = os.environ if environ is None else environ
    values: dict[str, Any] = {}
    for variable, (name, read) in _VARIABLES.items():
        if text := environ.get(variable, ""):
            try:
                values[name] = read(text)
            except ValueError as error:
                raise Misconfigured(f"the environment variable {variable} cannot be read: {error}") from None
    try:
        return Settings(**values)
    except TypeError:
        needed = [v for v, (name, _) in _VARIABLES.items() if name in _REQUIRED and name not in values]
        raise Misconfigured(f"missing environment variables: {', '.join(needed)}; template.yaml sets them") from None


_REQUIRED = ("ledger_table_name", "failed_leads_queue_url", "pinterest_keys_secret", "contacts_secret")


def in_lambda() -> bool:
    """Whether this is a Lambda execution environment."""
    return "AWS_LAMBDA_FUNCTION_NAME" in os.environ


def in_snapshot() -> bool:
    """Whether Lambda is about to take the SnapStart snapshot that all containers will start from."""
    return os.environ.get("AWS_LAMBDA_INITIALIZATION_TYPE") == "snap-start"
