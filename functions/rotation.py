"""Secrets Manager's schedules → the OAuth tokens of the CRM and of Pinterest are refreshed before they expire."""

from __future__ import annotations

from functools import cache
from typing import Any

from leads import wiring
from leads.adapters.telemetry import BY_ENDING
from leads.core.errors import LeadError, Misconfigured, fault_of
from leads.flow.rotate import Rotation


class RotationFailed(Exception):
    """Tells Secrets Manager to repeat the step, and the alarm that it failed."""


@cache
def application(secret_id: str) -> Rotation:
    """This container's rotation of the secret with this ARN."""
    return wiring.rotation(secret_id)


def handler(event: dict[str, Any], context: Any, app: Rotation | None = None) -> None:
    """Lambda entry: one step of a rotation, `{"Step", "SecretId", "ClientRequestToken"}`.

    Raises RotationFailed when the step failed as a whole; what went wrong with one location is logged and counted.
    """
    telemetry = wiring.telemetry("rotation")
    step = str(event.get("Step"))
    source = "unknown"
    try:
        app = app or application(str(event.get("SecretId")))
        source = app.source
        remaining = context.get_remaining_time_in_millis() / 1000
        findings = app(step, str(event.get("ClientRequestToken")), remaining=remaining)
    except Exception as error:
        # Texts of ours are written to be read; any other one might quote a token.
        fault = str(error) if isinstance(error, LeadError | Misconfigured) else fault_of(error)
        telemetry.problem("rotation failed", source, "RotationsFailed", step=step, fault=fault)
        raise RotationFailed(step) from None
    for finding in findings:
        facts = {"step": step, "about": finding.about, "reason": finding.reason, "detail": finding.detail}
        if metric := BY_ENDING.get(finding.reason):
            telemetry.problem("ends soon", source, metric, **facts)
        elif finding.is_failure:
            telemetry.problem("token not refreshed", source, "TokenRefreshFailed", **facts)
        else:
            telemetry.notice("token not refreshed yet", **facts)


wiring.warm_up(lambda: wiring.telemetry("rotation"))
