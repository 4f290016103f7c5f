"""Measure how many passwords this machine can hash, and say what that means for a crowd."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

from mapae.flows.service import Service


@dataclass(frozen=True, slots=True)
class Calibration:
    """What was measured.

    Attributes:
        threads: hashing threads of one process.
        rate: hashes per second on all of them together.
        seconds: one hash on its thread.
        room: how many sign-ins may wait for a thread and still be answered in time.
    """

    threads: int
    rate: float
    seconds: float
    room: int

    def time_for(self, people: int, *, cores: int | None = None) -> float:
        """Return the seconds in which so many people sign in, here or on a machine with so many cores like these."""
        return people / self.rate * (1 if cores is None else self.threads / cores)


async def calibrate(service: Service, *, seconds: float = 3.0) -> Calibration:
    """Hash on every thread for about so many seconds.

    Raises:
        Busy: the process is closing.
    """
    pool = service.hash_pool
    began, hashed = time.monotonic(), 0

    async def keep_hashing() -> None:
        nonlocal hashed
        while time.monotonic() - began < seconds:
            await pool.run(service.hashing.hash, "calibration")
            hashed += 1

    threads = pool.state.threads
    await asyncio.gather(*(keep_hashing() for _ in range(threads)))
    rate = hashed / (time.monotonic() - began)
    return Calibration(threads, rate, threads / rate, pool.state.queue_limit)
