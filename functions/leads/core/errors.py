"""Errors by fate: what a failure means for the lead, not where it came from."""

from __future__ import annotations

# The CRM says that the contact, note or task is not there.
GONE = "contacts_api_not_found"


class LeadError(Exception):
    """A failure with a fate.

    reason: a short stable code (`contacts_api_5xx`), safe for logs, queues and metrics.
    detail: a sentence for the operator; it names things and places, never a person or a secret.
    trace_id: the CRM's own id of the failed call, when it gave one.
    """

    def __init__(self, reason: str, detail: str = "", *, trace_id: str | None = None) -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason
        self.detail = detail
        self.trace_id = trace_id


class RejectedRequest(LeadError):
    """The request cannot be a delivery: answer `status` (4xx) and keep nothing."""

    def __init__(self, status: int, reason: str, detail: str) -> None:
        super().__init__(reason, detail)
        self.status = status


class TryAgain(LeadError):
    """The lead is fine, the moment is not: park it.

    retry_after: seconds the other side asked us to wait, None when it did not say.
    counts: whether this uses up one of the lead's attempts; waiting for a turn does not.
    ambiguous: the other side may have done what was asked: look before asking again.
    """

    def __init__(
        self,
        reason: str,
        detail: str = "",
        *,
        retry_after: float | None = None,
        counts: bool = True,
        ambiguous: bool = False,
        trace_id: str | None = None,
    ) -> None:
        super().__init__(reason, detail, trace_id=trace_id)
        self.retry_after = retry_after
        self.counts = counts
        self.ambiguous = ambiguous


class Undeliverable(LeadError):
    """Trying again changes nothing: a person must look.

    fields: names of the fields that the other side named as the reason, never their values; () when it named none.
    """

    def __init__(
        self, reason: str, detail: str = "", *, fields: tuple[str, ...] = (), trace_id: str | None = None
    ) -> None:
        super().__init__(reason, detail, trace_id=trace_id)
        self.fields = fields


class Unwanted(LeadError):
    """There is nothing to deliver, and nothing wrong: our own writing come back, or a record that is gone again."""


class Misconfigured(Exception):
    """The deployment itself is wrong; outside the tree above so that no fate can hide it.

    A lead met by it is still stored; the error is reported loudly wherever it surfaces.
    """


def place_of(error: BaseException) -> str:
    """Type, function, file and line of an unforeseen error: all that is safe to log, as its text may quote a lead."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return type(error).__name__
    code = trace.tb_frame.f_code
    return f"{type(error).__name__} in {code.co_name} ({code.co_filename.rpartition('/')[2]}:{trace.tb_lineno})"


def fault_of(error: BaseException) -> str:
    """What may be logged of an error that nobody caught: its own words only where they were written for that."""
    return str(error) if isinstance(error, Misconfigured) else place_of(error)
