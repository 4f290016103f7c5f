"""The board of one process: a hint that the feed of revocations has moved on, and counts of what is under way."""

from __future__ import annotations

import asyncio
import secrets
import threading
from contextlib import suppress
from itertools import count
from time import monotonic
from typing import NamedTuple


class Begun(NamedTuple):
    """Something that has begun and is counted until it ends.

    Attributes:
        name: what it is counted under.
        mark: what tells it from the others.
        together: how many were under way then, this one included.
    """

    name: str
    mark: str
    together: int


class MemoryBoard:
    """Wakes whoever follows the feed in this process.

    A hint says "look now", nothing else: several hints may become one, and waking without one does no harm.
    """

    __slots__ = ("_given", "_guard", "_marks", "_node", "_taken", "_under_way", "_waiting")

    def __init__(self) -> None:
        """Begin without a hint."""
        self._given = 0
        self._taken = 0
        self._waiting: set[asyncio.Future[None]] = set()
        self._guard = threading.Lock()
        self._node = secrets.token_hex(8)
        self._marks = count()
        self._under_way: dict[str, dict[str, float]] = {}

    @property
    def hints(self) -> int:
        """How many hints were given so far: what `wait` takes as `seen`."""
        return self._given

    def hint(self) -> None:
        """Wake everybody who waits; if nobody does, the next wait returns at once. May be called from any thread."""
        with self._guard:
            self._given += 1
            waiting, self._waiting = self._waiting, set()
        for waiter in waiting:
            # A loop that was closed has nobody left to wake.
            with suppress(RuntimeError):
                waiter.get_loop().call_soon_threadsafe(_wake, waiter)

    @property
    def up(self) -> bool:
        """Whether hints reach everybody they are meant for: in one process always."""
        return True

    def announce(self) -> None:
        """Wake everybody who waits: something was committed. May be called from any thread."""
        self.hint()

    @property
    def lends(self) -> bool:
        """Whether there are other nodes to lend to: never here."""
        return False

    async def borrow(self, name: str) -> bytes | None:
        """Return nothing: there is nobody who could have lent it."""

    async def lend(self, name: str, record: bytes, *, for_ms: int) -> None:
        """Do nothing: there is nobody to lend to."""

    async def begin(self, name: str, *, lasts_ms: int) -> Begun:
        """Count one more thing under way under `name`, for so many milliseconds unless it ends before."""
        now = monotonic()
        live = {mark: until for mark, until in self._under_way.get(name, {}).items() if now < until}
        mark = f"{self._node}-{next(self._marks)}"
        live[mark] = now + lasts_ms / 1000
        self._under_way[name] = live
        return Begun(name, mark, len(live))

    async def end(self, begun: Begun) -> None:
        """Count it no longer."""
        live = self._under_way.get(begun.name, {})
        live.pop(begun.mark, None)
        if not live:
            self._under_way.pop(begun.name, None)

    async def open(self) -> None:
        """Do nothing: there is nobody else to reach."""

    async def close(self) -> None:
        """Do nothing: there is nothing to let go of."""

    async def wait(self, timeout: float, *, seen: int | None = None) -> bool:  # noqa: ASYNC109 (the wait is the purpose)
        """Wait for a hint and return whether there was one within `timeout` seconds.

        Args:
            seen: the value of `hints` that the caller has acted upon, where several wait and act in turn: each then
                misses none. Left out, a hint that came while nobody waited is taken by the first who does.
        """
        with self._guard:
            if self._given > (self._taken if seen is None else seen):
                self._taken = self._given
                return True
            waiter = asyncio.get_running_loop().create_future()
            self._waiting.add(waiter)
        try:
            await asyncio.wait((waiter,), timeout=timeout)
            with self._guard:
                hinted = waiter not in self._waiting
                if hinted:
                    self._taken = self._given
            return hinted
        finally:
            with self._guard:
                self._waiting.discard(waiter)


def _wake(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
