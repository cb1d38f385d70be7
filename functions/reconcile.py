"""Schedule, a person's order, or a message of our own → leads that a platform has and we have not are fetched."""

from __future__ import annotations

from functools import cache
from typing import Any

from leads import wiring
from leads.core.errors import LeadError, Misconfigured, fault_of
from leads.core.reconcile_report import row_of
from leads.flow.reconcile import Reconcile
from leads.flow.reconcile_scope import ReconcileScope


class ReconcileFailed(Exception):
    """Tells Lambda to repeat a scheduled order, and whoever gave one that nothing came of it."""


@cache
def application() -> tuple[Reconcile, ReconcileScope]:
    """This container's verbs: one takes orders, the other works on the messages they lead to."""
    return wiring.reconcile()


def handler(event: Any, context: Any, app: tuple[Reconcile, ReconcileScope] | None = None) -> dict[str, Any]:
    """Lambda entry: an order (`leads.core.reconcile_order`) in and its report out, or an SQS batch of scopes.

    Raises ReconcileFailed when what is to be done could not be kept; an order that is wrong is answered.
    """
    telemetry = wiring.telemetry("reconcile")
    try:
        order, work = app or application()
        if isinstance(event, dict) and "Records" in event:
            messages = {record["messageId"]: record["body"] for record in event["Records"]}
            staying = [number for number, body in messages.items() if _stays(work, body, context)]
            return {"batchItemFailures": [{"itemIdentifier": number} for number in staying]}
        answered = order(event, remaining=context.get_remaining_time_in_millis() / 1000)
    except Exception as error:
        fault = str(error) if isinstance(error, LeadError | Misconfigured) else fault_of(error)
        telemetry.problem("reconcile failed", "unknown", "ReconcileFailed", fault=fault)
        raise ReconcileFailed("the function's log says why") from None
    telemetry.reconciled(answered.unlisted)
    return answered.answer


def _stays(work: ReconcileScope, body: str, context: Any) -> bool:
    telemetry = wiring.telemetry("reconcile")
    worked = work(body, remaining=context.get_remaining_time_in_millis() / 1000)
    telemetry.leads(worked.outcomes, received=False)
    telemetry.reconciled([row_of(worked.progress.scope, worked.progress)] if worked.progress else [])
    if worked.reason:
        telemetry.notice("scope not worked on", reason=worked.reason, detail=worked.detail, stays=worked.stays)
    return worked.stays


wiring.warm_up(application, lambda: wiring.telemetry("reconcile"))
