"""Keep the gate moving: tell the others what was counted, read what they have, decide where it is time."""

from __future__ import annotations

import asyncio
import logging
import time

from mapae.errors import Busy
from mapae.flows import gate
from mapae.flows.poll import call_next_ones
from mapae.flows.service import Service
from mapae.storage import gate as rows

log = logging.getLogger("mapae.gate")

LOOK_EVERY = 0.2
"""Seconds between two looks; a look at a quiet gate is three reads of almost nothing."""
TIDY_EVERY = 60.0
HOUR_MS = 3_600_000
BUCKET_MS = 100


async def watch_gate(service: Service) -> None:
    """Look and decide until cancelled; a failing database is reported once, and those who wait keep their places."""
    if not service.settings.gate:
        return
    failing, tidied = False, time.monotonic()
    await _calibrated(service)
    while True:
        try:
            await gate.look(service)
            await gate.decide(service)
            call_next_ones(service.gate)
            if time.monotonic() - tidied >= TIDY_EVERY:
                tidied = time.monotonic()
                await tidy(service)
            failing = False
        except Exception as failure:  # noqa: BLE001 - whatever it is: the gate must go on when it has passed
            if not failing:
                log.warning("the gate cannot use the database: %s", failure)
            failing = True
        await asyncio.sleep(LOOK_EVERY)


async def tidy(service: Service) -> None:
    """Drop what nobody asks for any more: counts before the serving time, lost nodes, tickets that have expired."""
    here = service.gate
    here.keeper.forget()
    now_ms = here.now_ms()
    if here.keeper.waiting(now_ms) == 0:
        floor = here.keeper.state.tau // 1000 // BUCKET_MS
        await rows.sweep(
            service.database, before_bucket=floor, seen_before_ms=now_ms - HOUR_MS, now_ms=service.now_ms()
        )


async def _calibrated(service: Service) -> None:
    """Hash once on every thread, so that the first crowd is met with a measured capacity."""
    threads = service.hash_pool.state.threads
    try:
        await asyncio.gather(*(service.hash_pool.run(service.hashing.hash, "calibration") for _ in range(threads)))
    except Busy:
        return  # then others have had it measured
    rate = service.hash_pool.state.capacity
    log.info("calibrated: %.1f password hashes per second on %d threads", rate, threads)
