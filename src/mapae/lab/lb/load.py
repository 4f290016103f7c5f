"""The load: a few connections through the balancer, each with one request in flight, of somebody who is signed in."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from time import perf_counter

from mapae.lab.lb.line import Broken, Line
from mapae.lab.lb.people import Person

BROKEN = 0
"""Stands among the statuses for an answer that never came."""


@dataclass(slots=True)
class Outcome:
    """What the load met.

    Attributes:
        latencies: seconds of every answer, in no order.
        statuses: how many answers had each status.
    """

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)

    @property
    def per_second(self) -> float:
        """Answers a second, whatever they said."""
        return len(self.latencies) / self.seconds

    @property
    def refused_share(self) -> float:
        """Return the share of answers that took somebody who is signed in for a stranger."""
        return self.statuses[401] / max(1, self.statuses.total())

    @property
    def failed(self) -> int:
        """Count the requests without an answer, and those answered with a fault of the servers'."""
        return sum(count for status, count in self.statuses.items() if status == BROKEN or status >= 500)

    def percentile_ms(self, share: float) -> float:
        """Return how many milliseconds that share of the answers took at most."""
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000 if ordered else 0.0


async def drive(port: int, people: Sequence[Person], *, seconds: float, lines: int) -> Outcome:
    """Send requests of people drawn by lot for so many seconds, and wait for the answers in flight."""
    outcome = Outcome()
    draw = random.Random(1)  # noqa: S311 - who comes next is no secret; the same in every run
    began = perf_counter()

    async def one_after_another() -> None:
        with Line(port) as line:
            while (asked := perf_counter()) < began + seconds:
                try:
                    reply = await line.ask(draw.choice(people).who)
                except Broken:
                    outcome.statuses[BROKEN] += 1
                    await asyncio.sleep(0.01)
                    continue
                outcome.latencies.append(perf_counter() - asked)
                outcome.statuses[reply.status] += 1

    async with asyncio.TaskGroup() as group:
        for _ in range(lines):
            group.create_task(one_after_another())
    outcome.seconds = perf_counter() - began
    return outcome
