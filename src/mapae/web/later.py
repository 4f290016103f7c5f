"""Work that lets others go first.

An event loop answers all that is ready in the order in which it came. In a crowd most of that are newcomers, and who
holds a token would wait behind all of them. So a few newcomers are looked at at once, and of those that are ready
beyond that a few in each turn of the loop: whoever only wants a token verified or refreshed waits for a few of them.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

IN_A_TURN = 12
"""How much work is done in each turn, and at once in each slot of time while nobody waits."""
NEWCOMER = 3
"""How much of that somebody takes whose request has to be read."""
REPEATED = 1
"""The same for a request whose head came before."""
SLOT_SECONDS = 0.01
"""Longer than a turn in which much is ready mostly is, for a loop whose clock does not tell one turn from the next."""


class Later:
    """Pieces of work for one event loop, done in the order in which they came."""

    def __init__(self, *, clock_stands_still: bool = False) -> None:
        """Begin with nothing to do; `clock_stands_still`: the loop's time is the same for as long as a turn lasts."""
        self._waiting: deque[tuple[int, Callable[[], None]]] = deque()
        self._called = False
        self._slot, self._at_once = 0.0, 0
        self._clock_stands_still = clock_stands_still

    def do(self, work: Callable[[], None], weight: int = NEWCOMER) -> None:
        """Do `work` at once, or soon where there is much of it; others that are ready meanwhile go first.

        Args:
            weight: how much of `IN_A_TURN` it takes.
        """
        loop = asyncio.get_running_loop()
        if self.now(loop, weight):
            work()
        else:
            self._waiting.append((weight, work))
            self._call(loop)

    def now(self, loop: asyncio.AbstractEventLoop, weight: int = NEWCOMER) -> bool:
        """Say whether one more piece of work may be done at once; whoever hears so does it."""
        if self._waiting:
            return False
        slot = loop.time() if self._clock_stands_still else int(loop.time() / SLOT_SECONDS)
        if slot != self._slot:
            self._slot, self._at_once = slot, 0
        self._at_once += weight
        return self._at_once <= IN_A_TURN

    def _call(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._waiting and not self._called:
            self._called = True
            loop.call_soon(self._some, loop)

    def _some(self, loop: asyncio.AbstractEventLoop) -> None:
        self._called = False
        left = IN_A_TURN
        try:
            while left > 0 and self._waiting:
                weight, work = self._waiting.popleft()
                left -= weight
                work()
        finally:  # whatever one of them raises, the others have their turn
            self._call(loop)
