"""Keep this process's view of the database fresh: revocations, keys, and what time removes."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence

from mapae.errors import MapaeError, StorageFailed
from mapae.flows.rotate_keys import keep_schedule
from mapae.flows.service import Service
from mapae.flows.sweep import sweep
from mapae.sessions.revocation import Entry
from mapae.storage import revocations as feed
from mapae.storage import room

log = logging.getLogger("mapae.follow")

LOOK_EVERY = 0.1
"""Seconds between two looks at whether another process has committed anything; a look costs microseconds."""
POLL_EVERY = 1.0
"""Seconds after which the feed is read although nothing seems to have changed: this renews the lease."""
POLLS_IN_A_LEASE = 4
"""At least: a short lease is renewed more often, or a late poll would have valid tokens refused."""
FORGOTTEN_AT_ONCE = 5_000
"""Revocations of each kind whose time has passed, between two turns of the event loop."""
TIDY_EVERY = 60.0
"""Seconds between two rounds of what time asks for: key schedule and deletion of what has expired."""


async def poll(service: Service) -> None:
    """Read the revocations that this process has not seen yet, and the keys; forget what else may have changed."""
    sent, wall = time.monotonic(), service.clock()
    now_ms = service.now_ms()
    revocations = service.revocations
    ready, after = revocations.ready, revocations.head

    def heard(entries: Sequence[Entry], committed_ms: Sequence[int]) -> None:
        revocations.add(entries)
        if not ready:
            return
        for at_ms in committed_ms:
            took = max(0, now_ms - at_ms) / 1000
            service.tally.observe("revocation_propagation", took)
            if not service.hearing:
                service.from_elsewhere.observe(took)

    if ready:
        reading = await feed.load_after(service.database, after, heard=heard)
    else:
        reading = await feed.load_snapshot(service.database, heard=heard)
    revocations.apply(
        (),  # they have been heard
        head=reading.head,
        sent=sent,
        after=after,
        feed=reading.feed,
        wall=wall if service.database.shares_clock else max(wall, reading.now_ms / 1000),
    )
    agreed = service.clock_agrees
    service.compare_clock(reading.now_ms, asked=wall, sent=sent)
    if agreed and not service.clock_agrees:
        ahead = service.agreed_time.ahead
        way = "ahead of" if ahead > 0 else "behind"
        log.warning("not ready: this clock is %.1f s %s the database's; set it, or start NTP", abs(ahead), way)
    service.feed.take(reading.entries, name=reading.feed, head=reading.head, after=after, sent=sent)
    service.shown.clear()
    await service.keyring.load(service.database, now_ms)


async def read_anew(service: Service) -> None:
    """Read the revocations once more, beginning after this call; those who ask meanwhile share one reading.

    Raises:
        StorageFailed: the database cannot be read.
    """
    await service.feed.read_anew(lambda: poll(service))


async def hear(service: Service) -> None:
    """Take in what this process has just revoked, before anybody is told that it is done.

    A database that cannot be read at this moment does not undo what was committed: the follower tries again.
    """
    service.hearing += 1
    service.board.announce()
    try:
        await poll(service)
    except MapaeError as failure:
        log.warning("cannot read what was just revoked: %s", failure)
    finally:
        service.hearing -= 1


async def tidy(service: Service) -> None:
    """Do what time asks for: move keys along their schedule, delete what has expired, forget old revocations."""
    await keep_schedule(service)
    await sweep(service)
    done = False
    while not done:
        done = service.revocations.forget(service.now_ms() // 1000, most=FORGOTTEN_AT_ONCE)
        await asyncio.sleep(0)  # a million end in the same seconds when they began in the same
    service.feed.log.forget(service.now_ms() // 1000)


async def try_to_write(service: Service) -> None:
    """See whether the database can be written again, where it could not: nobody else tries while we are not ready."""
    failure = service.database.unwritable
    if failure is None:
        return
    try:
        await room.try_to_write(service.database)
    except StorageFailed as still:
        log.warning("not ready: %s", still)
    else:
        log.info("the database can be written again")


async def follow(service: Service) -> None:
    """Poll and tidy until cancelled; a failing database is reported and tried again, and the lease runs on."""
    polled = tidied = time.monotonic()
    poll_every = min(POLL_EVERY, service.settings.max_staleness / POLLS_IN_A_LEASE)
    while True:
        hinted = await service.board.wait(LOOK_EVERY)
        now = time.monotonic()
        try:
            if hinted or service.database.changed() or now - polled >= poll_every:
                await poll(service)
                polled = now
                await try_to_write(service)
            if now - tidied >= TIDY_EVERY:
                tidied = now
                await tidy(service)
        except Exception as failure:  # noqa: BLE001 - whatever it is: the lease must run out, not be forgotten
            log.warning("cannot follow the database: %s", failure)
            await asyncio.sleep(poll_every)
