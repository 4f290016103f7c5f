"""Let what is asked for while others are under way travel together in the next round trip.

Somebody alone goes at once. Where many ask at the same time, a few round trips carry them all: one packet, one wake-up
of the server and, for what is written, one flush of its log serve several.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from mapae.errors import StorageFailed
from mapae.storage.postgres.errors import again
from mapae.storage.postgres.pool import WAIT_SECONDS, WAITING

MOST = 64
"""In one round trip."""

Asked = TypeVar("Asked")
Answer = TypeVar("Answer")


class Together(Generic[Asked, Answer]):
    """Round trips that several share.

    Args:
        send: carry out several; return the answer of each, or what to raise for it.
        at_once: round trips under way at most.
        busy: what to raise for who has waited too long, or where too many wait.
    """

    def __init__(
        self,
        send: Callable[[Sequence[Asked]], Awaitable[Sequence[Answer | Exception]]],
        *,
        at_once: int,
        busy: Callable[[], Exception],
    ) -> None:
        self._send = send
        self._busy = busy
        self._free = at_once
        self._at_once = at_once
        self._waiting: deque[tuple[Asked, asyncio.Future[Answer], float]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._trips: set[asyncio.Task[None]] = set()
        self._idle: asyncio.Future[None] | None = None

    async def ask(self, asked: Asked) -> Answer:
        """Return the answer. If the waiting task is cancelled, what was asked for happens or does not.

        Raises:
            Exception: what `send` returned for it, or raised for all; `busy` when it could not be sent in time.
        """
        if not self._free:
            return await self._wait(asked)
        self._free -= 1
        try:
            (found,) = await self._send((asked,))
        finally:
            self._ended()
        if isinstance(found, Exception):
            raise found
        return found

    async def settled(self) -> None:
        """Return once nobody waits and nothing is under way."""
        while self._free < self._at_once:
            self._idle = self._idle or asyncio.get_running_loop().create_future()
            await asyncio.shield(self._idle)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _wait(self, asked: Asked) -> asyncio.Future[Answer]:
        if len(self._waiting) >= WAITING:
            raise self._busy()
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Answer] = loop.create_future()
        self._waiting.append((asked, answer, loop.time()))
        if self._timer is None:
            self._timer = loop.call_later(WAIT_SECONDS, self._give_up, loop)
        return answer

    def _give_up(self, loop: asyncio.AbstractEventLoop) -> None:
        """Refuse who has waited too long; look again when that is so of who has now waited longest."""
        self._timer = None
        while self._waiting and (wait := self._waiting[0][2] + WAIT_SECONDS - loop.time()) <= 0:
            _, answer, _ = self._waiting.popleft()
            if not answer.done():
                answer.set_exception(self._busy())
        if self._waiting:
            self._timer = loop.call_later(wait, self._give_up, loop)

    def _ended(self) -> None:
        self._free += 1
        together: list[tuple[Asked, asyncio.Future[Answer]]] = []
        while self._waiting and len(together) < MOST:
            asked, answer, _ = self._waiting.popleft()
            if not answer.done():  # else the caller has gone
                together.append((asked, answer))
        if together:
            self._free -= 1
            trip = asyncio.get_running_loop().create_task(self._carry(together))
            self._trips.add(trip)
            trip.add_done_callback(self._trips.discard)
        elif self._free == self._at_once and self._idle is not None:
            self._idle.set_result(None)
            self._idle = None

    async def _carry(self, together: Sequence[tuple[Asked, asyncio.Future[Answer]]]) -> None:
        found: Sequence[Answer | Exception]
        try:
            found = await self._send([asked for asked, _ in together])
        except Exception as failure:  # noqa: BLE001  each hears of it
            found = [again(failure) if isinstance(failure, StorageFailed) else failure for _ in together]
        finally:
            self._ended()
        for (_, answer), one in zip(together, found, strict=True):
            if answer.done():
                continue
            if isinstance(one, Exception):
                answer.set_exception(one)
            else:
                answer.set_result(one)
