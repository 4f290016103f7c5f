"""The feed of revocations as this process has read it, for the servers elsewhere that follow it through us."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from math import inf

from mapae.sessions.feed import FeedLog

MOST_WAITING = 2_000
"""Readers that one process lets wait for news; the next one is answered at once."""


@dataclass(slots=True)
class Feed:
    """What was read, and who waits for more.

    Attributes:
        name: as in the database; positions in a feed of another name mean nothing.
        head: its last position when it was read last.
        log: its entries.
        readings: how many complete readings there were since it last began anew; 0: nobody can be answered.
        open: whether anybody may wait; not once the process is stopping.
    """

    name: str = ""
    head: int = 0
    log: FeedLog = field(default_factory=FeedLog)
    readings: int = 0
    open: bool = True
    _sent: float = -inf
    _waiting: set[asyncio.Future[None]] = field(default_factory=set)
    _running: asyncio.Task[None] | None = None
    _next: asyncio.Task[None] | None = None

    def take(self, entries: FeedLog, *, name: str, head: int, after: int, sent: float) -> None:
        """Learn a complete reading, as `Revocations.apply` does; a feed that was set back is read anew.

        Args:
            entries: what was read; a whole feed is kept as it is, so nobody else goes on with it.
            name: as in the database.
            head: the feed's last position.
            after: the position after which the reading began; 0 for a whole feed.
            sent: monotonic time, read before the reading was asked for.
        """
        if sent <= self._sent or after > self.head:
            return
        other, self.name = name != self.name, name
        if head < self.head or (other and after > 0):
            # Nobody may take the little that is left for everything: not ready, until the next reading begins anew.
            self.log.clear()
            self.head = self.readings = 0
            return
        if after == 0:
            self.log = entries
        else:
            self.log.join(entries)
        self._sent = sent
        self.readings += 1
        if head > self.head:
            self.head = head
            self._wake()

    async def moved(self, after: int, *, within: float) -> None:
        """Wait until the feed lies beyond `after`, for `within` seconds at most."""
        if self.head > after or not self.open or len(self._waiting) >= MOST_WAITING:
            return
        waiter = asyncio.get_running_loop().create_future()
        self._waiting.add(waiter)
        try:
            await asyncio.wait((waiter,), timeout=within)
        finally:
            self._waiting.discard(waiter)

    def close(self) -> None:
        """Let everybody go who waits, and nobody wait any more: the process is stopping."""
        self.open = False
        self._wake()

    async def read_anew(self, read: Callable[[], Awaitable[None]]) -> None:
        """Run a reading that begins after this call; whoever asks while one is under way shares the next."""
        if self._next is None:
            self._next = asyncio.create_task(self._after(self._running, read))
        await asyncio.shield(self._next)

    async def _after(self, running: asyncio.Task[None] | None, read: Callable[[], Awaitable[None]]) -> None:
        if running is not None:
            await asyncio.wait((running,))
        self._running, self._next = self._next, None
        await read()

    def _wake(self) -> None:
        for waiter in self._waiting:
            if not waiter.done():
                waiter.set_result(None)
