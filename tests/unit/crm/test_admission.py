"""Each location's turn: throttled or down is one location's own affair, and costs its leads no attempt."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from infra.local.sandbox.limits import RateLimit
from leads.core.errors import TryAgain
from leads.crm.admission import Admission
from tests.fakes import Clock

BUSY, OTHER = "busy-location", "other-location"


class World:
    """An admission, and a CRM that answers at once within its limit."""

    def __init__(self, *, patience: float = 2.0, burst: int = 100, daily: int = 200_000, latency: float = 0.02) -> None:
        self.clock = Clock()
        self.latency = latency
        self.limit = RateLimit(burst=burst, daily=daily, clock=self.clock)
        self.admission = Admission(now=self.clock, sleep=self.clock.sleep, patience=patience)

    def ask(self, location: str = BUSY, status: int | None = None, *, deadline: float = 15.0) -> int:
        """One request: the status it was answered with; `status` replaces the CRM's own."""
        self.admission.enter(location, deadline=self.clock() + deadline)
        sent_at = self.clock()
        answered = status or (200 if self.limit.take(location) else 429)
        headers = {name.lower(): value for name, value in self.limit.headers(location).items()}
        self.clock.time += self.latency
        self.admission.leave(location, sent_at=sent_at, status=answered, headers=headers)
        return answered

    def no_answer(self, location: str = BUSY) -> None:
        self.admission.enter(location, deadline=self.clock() + 15)
        self.admission.leave(location, sent_at=self.clock(), status=None, headers={})

    def turned_away(self, location: str = BUSY) -> TryAgain:
        with pytest.raises(TryAgain) as caught:
            self.admission.check(location)
        assert not caught.value.counts
        return caught.value

    def wait(self, location: str = BUSY) -> float:
        wait = self.turned_away(location).retry_after
        assert wait is not None
        return wait


@contextmanager
def away(world: World, reason: str) -> Iterator[None]:
    with pytest.raises(TryAgain) as caught:
        yield
    assert (caught.value.reason, caught.value.counts) == (reason, False)


def test_a_throttled_location_is_skipped_and_another_is_not() -> None:
    """Nobody sleeps for it."""
    world = World()
    for _ in range(100):
        assert world.ask() == 200
    assert world.turned_away().reason == "rate_limited"
    world.admission.check(OTHER)
    assert world.ask(OTHER) == 200
    assert world.clock.slept == []


def test_each_lead_turned_away_comes_later_than_the_one_before() -> None:
    """Twice as fast as the limit lets them in: four requests a lead, until more is known, are 0.2 s and not 0.4."""
    world = World()
    for _ in range(100):
        world.ask()
    waits = [world.wait() for _ in range(1000)]
    assert waits[0] == pytest.approx(7, abs=0.1)
    assert waits[1] - waits[0] == pytest.approx(0.2)
    assert waits[:900] == sorted(waits[:900])
    assert max(waits) <= 900


def test_the_pace_follows_what_leads_cost() -> None:
    """Eight requests a lead at a hundred a second are 0.04 s and not 0.08."""
    world = World(burst=1000, latency=0.001)
    for _ in range(100):
        world.admission.check(BUSY)
        for _ in range(8):
            world.ask()
    for _ in range(200):
        world.ask()
    first, second = world.wait(), world.wait()
    assert second - first == pytest.approx(0.04, abs=0.005)


def test_after_a_pause_the_turns_begin_anew() -> None:
    """Else leads would wait longer and longer."""
    world = World()
    for _ in range(3):
        for _ in range(100):
            world.ask()
        assert world.wait() < 9
        for _ in range(50):
            world.turned_away()
        world.clock.time += 9
        world.admission.check(BUSY)


def test_a_short_wait_is_slept_through() -> None:
    """Two seconds before the window ends a lead may begin, and its request waits."""
    world = World()
    for _ in range(100):
        world.ask()
    world.clock.time += 6.5
    world.admission.check(BUSY)
    assert world.ask() == 200
    assert sum(world.clock.slept) == pytest.approx(1.5, abs=0.1)


def test_no_sleep_goes_beyond_the_deadline() -> None:
    """The function's time is over then."""
    world = World()
    for _ in range(100):
        world.ask()
    world.clock.time += 6.5
    with away(world, "rate_limited"):
        world.ask(deadline=1.0)
    assert world.clock.slept == []


def test_a_function_without_patience_never_sleeps() -> None:
    """The webhook parks instead."""
    world = World(patience=0)
    for _ in range(100):
        world.ask()
    world.clock.time += 7.9
    world.turned_away()
    with away(world, "rate_limited"):
        world.ask()
    assert world.clock.slept == []


def test_a_lead_under_way_comes_back_as_soon_as_there_is_room() -> None:
    """A moment before the next window, and before those that have not begun."""
    world = World()
    for _ in range(100):
        world.ask()
    world.turned_away()
    with pytest.raises(TryAgain) as caught:
        world.ask()
    assert caught.value.retry_after == pytest.approx(7, abs=0.1)


def test_a_used_up_day_holds_a_location_until_it_is_over() -> None:
    """Its leads look again every quarter of an hour, and not all at once."""
    world = World(burst=1000, daily=20)
    for _ in range(20):
        world.ask()
    assert world.turned_away().reason == "daily_limit"
    waits = {world.wait() for _ in range(100)}
    assert len(waits) == 100
    assert all(600 <= wait <= 900 for wait in waits)


@pytest.mark.parametrize("status", [500, 503, None])
def test_a_location_that_is_down_is_skipped_and_another_is_not(status: int | None) -> None:
    """The reason says that it was skipped, the detail why."""
    world = World()
    for _ in range(3):
        world.no_answer() if status is None else world.ask(status=status)
    away_with = world.turned_away()
    assert away_with.reason == "location_paused"
    assert ("contacts_api_5xx" if status else "contacts_api_unreachable") in away_with.detail
    with away(world, "location_paused"):
        world.ask()
    world.admission.check(OTHER)


def test_one_lead_tries_a_location_that_was_down() -> None:
    """When it is delivered the others follow."""
    world = World()
    for _ in range(3):
        world.no_answer()
    world.clock.time += 10
    world.admission.check(BUSY)
    world.turned_away()
    assert world.ask() == 200
    world.admission.check(BUSY)


def test_a_refused_token_stops_new_leads_but_not_the_try_with_its_successor() -> None:
    """A rotated token is read anew in the middle of a lead."""
    world = World()
    world.ask(status=401)
    assert world.wait() >= 60
    assert world.ask() == 200
    world.admission.check(BUSY)


def test_a_location_that_is_well_goes_on_whatever_the_status() -> None:
    """A right that is missing for one operation is no outage, and ends one: the token was taken."""
    world = World()
    for status in (401, 403):
        for _ in range(2):
            world.admission.enter(BUSY, deadline=world.clock() + 15)
            world.admission.leave(BUSY, sent_at=world.clock(), status=status, headers={}, is_well=True)
            world.admission.check(BUSY)
            world.ask(status=503)


def test_threads_share_one_budget() -> None:
    """Eight of them never send more than the limit allows."""
    world = World(patience=0)
    sent = []

    def work() -> None:
        try:
            while True:
                world.admission.enter(BUSY, deadline=world.clock() + 1)
                sent.append(1)
        except TryAgain:
            return

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(sent) == 100
