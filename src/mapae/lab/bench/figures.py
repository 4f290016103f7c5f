"""One figure: how many a second, what one costs in processor time, how long one takes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """What was measured of one operation.

    Attributes:
        count: how many there were.
        per_second: how many a second, as many at once as the operation says.
        cpu_us: processor time of this process for one, microseconds.
        p50_ms: how long one took, in the middle; p99_ms: all but one of a hundred.
    """

    count: int
    per_second: float
    cpu_us: float
    p50_ms: float
    p99_ms: float


async def at_once(work: Sequence[Callable[[], Awaitable[object]]], many: int) -> Figure:
    """Do all of `work`, so many at once."""
    waiting, times = iter(work), list[float]()

    async def client() -> None:
        for each in waiting:
            began = time.perf_counter()
            await each()
            times.append(time.perf_counter() - began)

    began, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(client() for _ in range(many)))
    return figure(times, time.perf_counter() - began, time.process_time() - cpu)


def one_by_one(call: Callable[[str], object], given: Sequence[str], *, rounds: int) -> Figure:
    """Call with each of `given`, `rounds` times through; the least of the rounds counts for the cost."""
    least_cpu = least = float("inf")
    for _ in range(rounds):
        began, cpu = time.perf_counter(), time.process_time()
        for each in given:
            call(each)
        least_cpu = min(least_cpu, time.process_time() - cpu)
        least = min(least, time.perf_counter() - began)
    one = least / len(given)
    return Figure(len(given) * rounds, 1 / one, least_cpu / len(given) * 1e6, one * 1e3, one * 1e3)


def figure(times: Sequence[float], seconds: float, cpu: float) -> Figure:
    """Put what was timed together.

    Args:
        times: of each one, in no order; at least one.
        seconds: from the first one's beginning to the last one's end.
        cpu: processor time of all.
    """
    ordered = sorted(times)
    p50, p99 = (ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1e3 for share in (0.5, 0.99))
    return Figure(len(ordered), len(ordered) / seconds, cpu / len(ordered) * 1e6, p50, p99)
