"""Secrets Manager's schedule → the CRM's OAuth tokens are refreshed before they expire."""

from __future__ import annotations

from functools import cache
from typing import Any

from leads import wiring
from leads.core.errors import LeadError, Misconfigured, fault_of
from leads.flow.rotate import Rotate


class RotationFailed(Exception):
    """Tells Secrets Manager to repeat the step, and the alarm that it failed."""


@cache
def application() -> Rotate:
    """This container's rotation."""
    return wiring.rotation()


def handler(event: dict[str, Any], context: Any, app: Rotate | None = None) -> None:
    """Lambda entry: one step of a rotation, `{"Step", "SecretId", "ClientRequestToken"}`.

    Raises RotationFailed when the step failed as a whole; what went wrong with one location is logged and counted.
    """
    telemetry = wiring.telemetry("rotation")
    step = str(event.get("Step"))
    try:
        remaining = context.get_remaining_time_in_millis() / 1000
        findings = (app or application())(step, str(event.get("ClientRequestToken")), remaining=remaining)
    except Exception as error:
        # Texts of ours are written to be read; any other one might quote a token.
        fault = str(error) if isinstance(error, LeadError | Misconfigured) else fault_of(error)
        telemetry.problem("rotation failed", "contacts_api", "RotationsFailed", step=step, fault=fault)
        raise RotationFailed(step) from None
    for finding in findings:
        facts = {"step": step, "about": finding.about, "reason": finding.reason, "detail": finding.detail}
        if finding.is_failure:
            telemetry.problem("token not refreshed", "contacts_api", "TokenRefreshFailed", **facts)
        else:
            telemetry.notice("token not refreshed yet", **facts)


wiring.warm_up(application, lambda: wiring.telemetry("rotation"))
