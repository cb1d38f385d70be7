"""A reconciliation and everything around it in memory, which can be cut off at any call."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from leads.core import reconcile_message
from leads.core.errors import TryAgain
from leads.core.lead import Envelope, Lead
from leads.core.ledger import Claim, Standing
from leads.core.outcome import Outcome
from leads.core.parked_lead import Parking
from leads.core.reconciling import Known, Page, Run, Scope, ScopeProgress
from leads.flow.accept import Accept
from leads.flow.deliver import Deliver
from leads.flow.reconcile import Reconcile
from leads.flow.reconcile_scope import ReconcileScope, Worked
from leads.flow.steps import Steps
from leads.sources.pinterest import Pinterest
from tests import leads_made
from tests.crm_wire import Wire, crm_over
from tests.fakes import ROUTES, Clock, FakeLedger, FakeQueue, FakeSecret, OpenDoor

# What the template gives the function and its queue, in seconds.
TIMEOUT = 300.0
VISIBILITY = 1800.0

ACCOUNT, FORM = leads_made.ACCOUNT, leads_made.FORM


class Dead(BaseException):
    """The container is gone; nothing it runs comes further than this."""


@dataclass
class Cut:
    """Ends the container at the `at`-th call or answer from now; 0 lets it live."""

    at: int = 0
    count: int = 0

    def __call__(self) -> None:
        self.count += 1
        if self.at and self.count >= self.at:
            raise Dead

    def around(self, call: Callable[[], Any]) -> Any:
        """The call, cut off before it arrives or before its answer does."""
        self()
        answer = call()
        self()
        return answer


@dataclass
class CutWire(Wire):
    """A wire to the CRM that ends with the container."""

    cut: Cut = field(default_factory=Cut)

    def request(self, *args: Any, **named: Any) -> Any:
        return self.cut.around(lambda: super(CutWire, self).request(*args, **named))


@dataclass
class CutQueue(FakeQueue):
    """A failed-leads queue out of reach of a container that has ended."""

    cut: Cut = field(default_factory=Cut)

    def send(self, parkings: Sequence[Parking]) -> list[Parking]:
        refused: list[Parking] = self.cut.around(lambda: super(CutQueue, self).send(parkings))
        return refused


@dataclass
class TimedLedger(FakeLedger):
    """A ledger that notes when it was written, as the real one does."""

    cut: Cut = field(default_factory=Cut)

    def claim(self, lead: Lead, *, until: float, message_id: str) -> Claim | Standing:
        claimed: Claim | Standing = self.cut.around(
            lambda: super(TimedLedger, self).claim(lead, until=until, message_id=message_id)
        )
        if isinstance(claimed, Claim):
            self._stamp(lead.ledger_key)
        return claimed

    def _close(self, claim: Claim, **changes: Any) -> None:
        self.cut.around(lambda: super(TimedLedger, self)._close(claim, **changes))
        self._stamp(claim.key)

    def _put_back(self, envelope: Envelope, *args: Any) -> Standing | None:
        standing: Standing | None = self.cut.around(lambda: super(TimedLedger, self)._put_back(envelope, *args))
        if standing is None:
            self._stamp(envelope.ledger_key)
        return standing

    def _stamp(self, key: str) -> None:
        self.items[key]["updated_at"] = self.now()


@dataclass
class FakeRuns:
    """What the ledger's table keeps of runs, over the leads of a ledger; `broken` fails as a throttled table does."""

    now: Clock
    leads: FakeLedger
    cut: Cut = field(default_factory=Cut)
    runs: dict[str, Run] = field(default_factory=dict)
    items: dict[tuple[str, str, str, str], ScopeProgress] = field(default_factory=dict)
    broken: bool = False

    def known(self, keys: Sequence[str]) -> dict[str, Known]:
        self._check()
        return {
            key: Known(
                status=item["status"],
                updated_at=item.get("updated_at", 0.0),
                claimed_until=item.get("claimed_until", 0.0),
            )
            for key in keys
            if (item := self.leads.items.get(key))
        }

    def keep(self, run: Run) -> None:
        self._check()
        self.runs[run.id] = run

    def run(self, run: str) -> Run | None:
        self._check()
        return self.runs.get(run)

    def progress(self, run: str, scopes: Sequence[Scope]) -> dict[Scope, ScopeProgress]:
        self._check()
        keys = {scope: _key(run, scope) for scope in scopes}
        return {scope: self.items[key] for scope, key in keys.items() if key in self.items}

    def take(self, run: str, scope: Scope, *, owner: str, until: float) -> ScopeProgress:
        self._check()
        begun = ScopeProgress(run=run, scope=scope, started_at=self.now())
        item = self.items.setdefault(_key(run, scope), begun)
        if not item.has_ended and item.free_at <= self.now():
            item = msgspec.structs.replace(item, owner=owner, free_at=until)
            self.items[_key(run, scope)] = item
        self.cut()
        return item

    def save(self, progress: ScopeProgress) -> bool:
        self._check()
        key = _key(progress.run, progress.scope)
        is_ours = self.items[key].owner == progress.owner
        if is_ours:
            self.items[key] = progress
        self.cut()
        return is_ours

    def _check(self) -> None:
        self.cut()
        if self.broken:
            raise TryAgain("ledger_unavailable", "DynamoDB answered ThrottlingException")


def _key(run: str, scope: Scope) -> tuple[str, str, str, str]:
    return run, scope.source, scope.account, scope.form


@dataclass
class FakePuller:
    """A platform with pages of leads; `errors` are raised by the next calls, `on_page` happens during one.

    A wait in `waits` is what the page of that number asks for. asked: cursors of all calls for a page.
    """

    pages: list[list[Envelope]] = field(default_factory=list)
    listed: list[tuple[str, str]] = field(default_factory=lambda: [(ACCOUNT, FORM)])
    errors: list[BaseException] = field(default_factory=list)
    waits: dict[int, float] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    on_page: Callable[[], None] = lambda: None
    fault: Exception | None = None
    cut: Cut = field(default_factory=Cut)

    def forms(self, account: str, *, deadline: float) -> list[tuple[str, str]]:
        if self.fault:
            raise self.fault
        return [(of, form) for of, form in self.listed if account in ("", of)]

    def page(self, scope: Scope, cursor: str, *, deadline: float) -> Page:
        self.cut()
        self.asked.append((scope.form, cursor))
        self.on_page()
        if self.errors:
            raise self.errors.pop(0)
        number = int(cursor or 0)
        following = str(number + 1) if number + 1 < len(self.pages) else ""
        self.cut()
        return Page(envelopes=tuple(self.pages[number]), cursor=following, wait=self.waits.get(number, 0.0))


@dataclass
class Mailbox:
    """The reconcile queue: messages and when they show up. `broken` takes none."""

    now: Clock
    cut: Cut
    messages: list[tuple[float, str]] = field(default_factory=list)
    sent: list[tuple[str, int]] = field(default_factory=list)
    broken: bool = False

    def send(self, messages: Sequence[tuple[str, int]]) -> None:
        self.cut()
        if self.broken:
            raise TryAgain("reconcile_queue_unavailable", "SQS answered ServiceUnavailable")
        for body, delay in messages:
            assert 0 <= delay <= 900
            self.sent.append((body, delay))
            self.messages.append((self.now() + delay, body))
        self.cut()


class World:
    """Both verbs of the reconcile function, a platform, a CRM, and the queue that wakes them."""

    def __init__(self, puller: FakePuller | None = None, *, pullers: Mapping[str, Any] | None = None) -> None:
        self.clock = Clock()
        self.cut = Cut()
        self.puller = puller or FakePuller()
        self.puller.cut = self.cut
        self.wire = CutWire(cut=self.cut)
        self.queue = CutQueue(cut=self.cut)
        self.ledger = TimedLedger(self.clock, cut=self.cut)
        self.runs = FakeRuns(self.clock, self.ledger, cut=self.cut)
        self.mailbox = Mailbox(self.clock, self.cut)
        self.worked: list[Worked] = []
        self.source = Pinterest(FakeSecret(leads_made.keys_secret()))
        numbers = itertools.count(1)
        deliver = Deliver(
            sources={"pinterest": self.source},
            ledger=self.ledger,
            steps=Steps(crm_over(self.wire, now=self.clock)),
            admission=OpenDoor(),
            routes=lambda: ROUTES,
            now=self.clock,
        )
        accept = Accept(deliver=deliver, queue=self.queue, waits=(60, 300), chance=lambda: 0.5)
        common: dict[str, Any] = {
            "pullers": {"pinterest": self.puller} if pullers is None else pullers,
            "ledger": self.runs,
            "queue": self.mailbox,
            "now": self.clock,
            "new_id": lambda: f"id{next(numbers)}",
        }
        self.work = ReconcileScope(accept=accept, **common)
        self.order = Reconcile(days=2, sleep=self.sleep, **common)

    def leads(self, number: int, **changes: Any) -> list[Envelope]:
        """Leads as the platform lists them."""
        return [self.lead(**changes) for _ in range(number)]

    def lead(self, **changes: Any) -> Envelope:
        """One lead as the platform lists it."""
        return self.source.wrap(leads_made.lead(**changes), received_at="2027-01-15T08:00:00.000+00:00")

    def ask(self, **order: Any) -> dict[str, Any]:
        """The answer to an order that does not wait, unless it says so."""
        return self.order({"wait": False} | order, remaining=TIMEOUT).answer

    def report(self, run: str) -> dict[str, Any]:
        """How a run stands."""
        return self.ask(run=run)

    def sleep(self, seconds: float) -> None:
        """Others work meanwhile."""
        self.clock.sleep(seconds)
        while self.mailbox.messages and min(self.mailbox.messages)[0] <= self.clock():
            self.step()

    def step(self) -> None:
        """Hands out the next message once it shows up; that of a dead container comes back."""
        message = min(self.mailbox.messages)
        self.mailbox.messages.remove(message)
        at, body = message
        began = self.clock.time = max(self.clock(), at)
        try:
            worked = self.work(body, remaining=TIMEOUT)
        except Dead:
            self.cut.at = 0
            self.mailbox.messages.append((began + VISIBILITY, body))
        else:
            self.worked.append(worked)
            if worked.stays:
                self.mailbox.messages.append((began + VISIBILITY, body))

    def drain(self, most: int = 200) -> None:
        """Hands out messages until there are none."""
        for _ in range(most):
            if not self.mailbox.messages:
                return
            self.step()
        raise AssertionError("the messages never end")

    def reconcile(self, **order: Any) -> dict[str, Any]:
        """An order and all its messages; gives the report."""
        run = self.ask(**order)["run"]
        self.drain()
        return self.report(run)

    def outcomes(self) -> list[Outcome]:
        """What became of leads, over all messages."""
        return [outcome for worked in self.worked for outcome in worked.outcomes]


def scope_of(body: str) -> Scope:
    """The scope of a message."""
    return reconcile_message.parse(body).scope
