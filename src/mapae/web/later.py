"""Work that lets others go first.

An event loop answers all that is ready in the order in which it came. In a crowd most of that are newcomers, and who
holds a token would wait behind all of them. So a few newcomers are looked at at once, and of those that are ready
beyond that a few in each turn of the loop: whoever only wants a token verified or refreshed waits for a few of them.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

IN_A_TURN = 4
"""Pieces of work that are done in each turn, and at once in each slot of time while nobody waits."""
LIGHT_IN_A_TURN = 12
"""The same for questions under a head that came before, each of which takes a third of the time."""
SLOT_SECONDS = 0.01
"""Longer than a turn in which much is ready mostly is, for a loop whose clock does not tell one turn from the next."""


class Later:
    """Pieces of work for one event loop, done in the order in which they came."""

    def __init__(self, *, clock_stands_still: bool = False) -> None:
        """Begin with nothing to do; `clock_stands_still`: the loop's time is the same for as long as a turn lasts."""
        self._waiting: deque[Callable[[], None]] = deque()
        self._called = False
        self._slot, self._at_once = 0.0, 0
        self._clock_stands_still = clock_stands_still

    def do(self, work: Callable[[], None]) -> None:
        """Do `work` at once, or soon where there is much of it; others that are ready meanwhile go first."""
        loop = asyncio.get_running_loop()
        if self.now(loop):
            work()
        else:
            self._waiting.append(work)
            self._call(loop)

    def now(self, loop: asyncio.AbstractEventLoop, *, most: int = IN_A_TURN) -> bool:
        """Say whether one more piece of work may be done at once; whoever hears so does it.

        Args:
            most: pieces in a turn, this one counted; more than `IN_A_TURN` for what takes less time than a newcomer.
        """
        if self._waiting:
            return False
        slot = loop.time() if self._clock_stands_still else int(loop.time() / SLOT_SECONDS)
        if slot != self._slot:
            self._slot, self._at_once = slot, 0
        self._at_once += 1
        return self._at_once <= most

    def _call(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._waiting and not self._called:
            self._called = True
            loop.call_soon(self._some, loop)

    def _some(self, loop: asyncio.AbstractEventLoop) -> None:
        self._called = False
        try:
            for _ in range(min(IN_A_TURN, len(self._waiting))):
                self._waiting.popleft()()
        finally:  # whatever one of them raises, the others have their turn
            self._call(loop)
