"""Containers that drain one location's backlog against the sandbox's rate limit, in simulated time."""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Any

from infra.local.sandbox.limits import RateLimit
from leads.core.rate_budget import RateBudget

# What yields a number sleeps for so many seconds; what yields a list waits for everything in it.
Course = Generator[Any, None, None]

PATIENCE = 2.0


class World:
    """Simulated time, the CRM's limit, and when it took or refused which request."""

    def __init__(self, latency: float, seed: int) -> None:
        self.now = 1_800_000_003.7
        self.chance = random.Random(seed)
        self.limit = RateLimit(clock=lambda: self.now)
        self.answers: list[tuple[float, bool]] = []
        self._latency = latency
        self._numbers = itertools.count()
        self._due: list[tuple[float, int, Course, Callable[[], None]]] = []

    def start(self, course: Course, *, after: float = 0.0, then: Callable[[], None] = lambda: None) -> None:
        heapq.heappush(self._due, (self.now + after, next(self._numbers), course, then))

    def run(self, until: float) -> None:
        while self._due and self._due[0][0] < until:
            self.now, _, course, then = heapq.heappop(self._due)
            self._step(course, then)

    def one_way(self) -> float:
        """Half of the latency, give or take; one in fifty takes three times as long."""
        return self._latency / 2 * self.chance.uniform(0.8, 1.4) * (3 if self.chance.random() < 0.02 else 1)

    def _step(self, course: Course, then: Callable[[], None]) -> None:
        try:
            wish = next(course)
        except StopIteration:
            then()
            return
        if not isinstance(wish, list):
            self.start(course, after=wish, then=then)
            return
        left = itertools.count(len(wish) - 1, -1)
        for part in wish:
            self.start(part, then=lambda: None if next(left) else self.start(course, then=then))


@dataclass
class Container:
    """A retry function: leads one after the other in each lane; a lead is two requests, then three side by side.

    rest: seconds until the next lead comes, on average; 0 while the queue has one at any time.
    """

    world: World
    rest: float = 0.0
    budget: RateBudget = field(default_factory=lambda: RateBudget(in_line=True))

    def lane(self) -> Course:
        while True:
            if self.budget.wait(self.world.now) > PATIENCE:
                yield self._next_lead() or 0.1  # ten leads put back into the queue
                continue
            yield 0.008  # claimed in the ledger
            done: list[bool] = []
            yield from self._request(done)
            if all(done):
                yield from self._request(done)
            if all(done):
                yield [self._request(done) for _ in range(3)]
            yield 0.006 + self._next_lead()  # noted in the ledger

    def _next_lead(self) -> float:
        return self.world.chance.expovariate(1 / self.rest) if self.rest else 0.0

    def _request(self, done: list[bool]) -> Course:
        world, slept = self.world, 0.0
        while wait := self.budget.wait(world.now):
            slept += wait
            if slept > PATIENCE:
                done.append(False)
                return
            yield wait
        sent_at = world.now
        self.budget.sent(sent_at)
        yield world.one_way()
        taken = world.limit.take("location")
        world.answers.append((world.now, taken))
        headers = {name.lower(): value for name, value in world.limit.headers("location").items()}
        yield world.one_way()
        self.budget.answered(sent_at, world.now, 200 if taken else 429, headers)
        done.append(taken)


def drain(
    containers: int, *, latency: float, lanes: int, seed: int, apart: float, windows: int, rest: float = 0.0
) -> tuple[float, float]:
    """Of the allowed requests, how many were made; of those made, how many were refused. Two windows to warm up."""
    world = World(latency, seed)
    for _ in range(containers):
        container, after = Container(world, rest), world.chance.uniform(0, apart)
        for _ in range(lanes):
            world.start(container.lane(), after=after)
    began = world.now + 20
    world.run(began + windows * 10)
    answers = [taken for at, taken in world.answers if at >= began]
    return sum(answers) / (windows * 100), answers.count(False) / len(answers)
