"""Delete what has expired, a little at a time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from mapae.flows.service import Service
from mapae.storage import activity, attempts, links, revocations, sessions, status_blocks

BATCH = 100
"""Rows of one transaction: small, so that nobody waits behind a clean-up."""


async def sweep(service: Service) -> int:
    """Delete expired sessions, links, attempts, feed entries and activity; return how many rows went."""
    database, now_ms = service.database, service.now_ms()
    retained_from_ms = now_ms - service.settings.activity_retention * 1000
    steps: tuple[Callable[[], Awaitable[int]], ...] = (
        lambda: sessions.sweep(database, now_ms, limit=BATCH),
        lambda: links.sweep(database, now_ms, limit=BATCH),
        lambda: attempts.sweep(database, now_ms, limit=BATCH),
        lambda: revocations.sweep(database, now_ms // 1000, limit=BATCH),
        lambda: status_blocks.sweep(database, now_ms, limit=BATCH),
        lambda: activity.sweep(database, retained_from_ms, limit=BATCH),
    )
    deleted = 0
    for step in steps:
        gone = BATCH
        while gone == BATCH:
            gone = await step()
            deleted += gone
    return deleted
