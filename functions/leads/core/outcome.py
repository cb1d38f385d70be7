"""What became of a lead in one attempt: ids and codes only, so that it may be logged as it is."""

from __future__ import annotations

import msgspec


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """The result of one attempt.

    status: `delivered`, `duplicate`, `ignored`, `parked` (needs another attempt), `refused` (could not be
        parked either), `held` (hidden until its next attempt), `requeued` (waits on as a new message) or
        `undeliverable`.
    retry_after: seconds asked for by the other side; counts: whether an attempt was used up; hopeless: whether
        trying again cannot help.
    repeated: a verdict that was known before, met again on the message's way to the dead-letter queue.
    wait: seconds until the next attempt, once that is decided.
    route: the name of the route that took the lead; remarks: what the CRM did not take as it was sent, in sentences
        that name fields and never a person's data.
    latency: seconds from the person's submission to the written contact.
    attempt: which attempt at the lead this is, the webhook's own being the first; duration: seconds it took.
    age: seconds since the lead first reached us, for one that came from the queue.
    trace_id: the CRM's, or the platform's, own id of the call that decided. X-Ray's is another, and the logger adds it.
    """

    source: str
    account: str
    lead_id: str
    status: str
    reason: str = ""
    detail: str = ""
    contact_id: str | None = None
    location_id: str | None = None
    route: str = ""
    remarks: tuple[str, ...] = ()
    is_new_contact: bool | None = None
    is_test: bool = False
    trace_id: str | None = None
    retry_after: float | None = None
    counts: bool = True
    hopeless: bool = False
    attempt: int = 0
    wait: int | None = None
    latency: float | None = None
    duration: float | None = None
    age: int | None = None
    misconfigured: bool = False
    repeated: bool = False

    @property
    def is_final(self) -> bool:
        """Whether nothing more will happen to the lead."""
        return self.status in ("delivered", "duplicate", "ignored")

    @property
    def leaves_queue(self) -> bool:
        """Whether the queue message that brought the lead has served its purpose."""
        return self.is_final or self.status == "requeued"
