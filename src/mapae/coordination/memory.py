"""The board of one process: a hint that the feed of revocations has moved on."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress


class MemoryBoard:
    """Wakes whoever follows the feed in this process.

    A hint says "look now", nothing else: several hints may become one, and waking without one does no harm.
    """

    __slots__ = ("_given", "_guard", "_taken", "_waiting")

    def __init__(self) -> None:
        """Begin without a hint."""
        self._given = 0
        self._taken = 0
        self._waiting: set[asyncio.Future[None]] = set()
        self._guard = threading.Lock()

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
