"""Runs checks side by side; what goes wrong in one is a finding of its own."""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future

from botocore.exceptions import BotoCoreError, ClientError

from infra.cli.aws_refusals import refusal
from infra.cli.checks.finding import Check, Finding, State
from infra.cli.checks.workers import Workers
from infra.cli.faults import CommandFailed
from leads.core.errors import LeadError, Misconfigured

# Most of a check's time is waiting for an answer.
_AT_ONCE = 16

_Found = list["Finding | Future[_Found]"]


def examine(checks: Iterable[Check]) -> list[Finding]:
    """What the checks find, in the order in which they were put, with what each of them led to in its place."""
    with Workers(_AT_ONCE) as pool:
        return [finding for future in [pool.submit(_run, check, pool) for check in checks] for finding in _flat(future)]


def _run(check: Check, pool: Workers) -> _Found:
    return [pool.submit(_run, it, pool) if isinstance(it, Check) else it for it in _found(check)]


def _flat(future: "Future[_Found]") -> Iterator[Finding]:
    for it in future.result():
        if isinstance(it, Future):
            yield from _flat(it)
        else:
            yield it


def _found(check: Check) -> Sequence[Finding | Check]:
    found: list[Finding | Check] = []
    try:
        found.extend(check.run())
    except Exception as error:
        # What it had found until then stands.
        found.append(Finding(check.system, check.name, State.FAULT, *_said(error)))
    return found


def _said(error: Exception) -> tuple[str, str]:
    """A sentence about a check that broke off, and what to do about it. No exception's text but of our own kinds."""
    if isinstance(error, CommandFailed | Misconfigured | LeadError):
        return str(error), ""
    if isinstance(error, ClientError | BotoCoreError):
        refused = refusal(error)
        return refused.sentence, refused.fix
    return f"This check failed by itself ({type(error).__name__}); nothing is known about what it looks at.", (
        "Report it, with what `leadrelay doctor --json` prints."
    )
