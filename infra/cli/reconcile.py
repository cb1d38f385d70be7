"""Orders a reconciliation and follows it to its end: the function answers at once, and its run goes on without us."""

import json
import time
from collections.abc import Callable, Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from infra.cli.faults import CommandFailed
from infra.cli.place import Place

# The function lists forms before it answers, and has five minutes.
ANSWER_SECONDS = 320
LOOK_SECONDS = 2.0
# A look that fails is followed by another, at most so often without one that succeeds.
FAILED_LOOKS = 5
# What every deployment moves to its code, and a roll-back away from it; the schedules call it as well.
ALIAS = "live"
_ENDED = ("complete", "failed", "skipped")

Order = Mapping[str, Any]


def order_of(**keys: str) -> dict[str, Any]:
    """The order with what was given; it does not wait. `run` asks for the report of an earlier one."""
    return {name.rstrip("_"): text for name, text in keys.items() if text} | {"wait": False}


def ask(place: Place, order: Order) -> dict[str, Any]:
    """The report on an order, as it stands. Raises CommandFailed when it cannot be followed."""
    from botocore.config import Config

    name = place.output("ReconcileFunctionName")
    # Never repeated by itself: a second order would be a second run.
    config = Config(read_timeout=ANSWER_SECONDS, retries={"max_attempts": 0})
    client = place.session.client("lambda", region_name=place.region, endpoint_url=place.endpoint_url, config=config)
    answer = client.invoke(FunctionName=name, Qualifier=ALIAS, Payload=json.dumps(order).encode())
    try:
        report = json.loads(answer["Payload"].read())
    except ValueError:
        report = None
    if answer.get("FunctionError") or not isinstance(report, dict):
        raise CommandFailed(
            f"The reconcile function of {place.name} failed: its log says why. What it had begun goes on with the next "
            "run."
        )
    if "error" in report:
        raise CommandFailed(f"The order cannot be followed: {report['error']}.", exit_code=2)
    return report


def follow(
    report: dict[str, Any],
    look: Callable[[Order], dict[str, Any]],
    *,
    timeout: float,
    told: Callable[[dict[str, Any]], None] = lambda _: None,
    now: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> dict[str, Any]:
    """The report once every form has ended, or as it is after `timeout` seconds; `told` hears of each on the way.

    look: asks for the report. What a form waits for can take a day, and its line says so. A look that AWS refuses, or
    that nobody answers, is repeated; after FAILED_LOOKS of them in a row its error is raised.
    """
    until, failed = now() + timeout, 0
    while True:
        told(report)
        if ended(report) == len(report["forms"]) or now() >= until:
            return report
        sleep(LOOK_SECONDS)
        try:
            report, failed = look(order_of(run=report["run"])), 0
        except (BotoCoreError, ClientError):
            failed += 1
            if failed >= FAILED_LOOKS:
                raise


def ended(report: Mapping[str, Any]) -> int:
    """How many forms of a report nothing more will happen to."""
    return sum(form["status"] in _ENDED for form in report["forms"])


def is_well(report: Mapping[str, Any]) -> bool:
    """Whether no lead is missing and no form has failed."""
    return not report["totals"]["missing"] and all(form["status"] != "failed" for form in report["forms"])
