"""What is under way on all nodes together, counted on a Valkey or Redis server.

Each count is one sorted set: a mark for each thing under way, with the time after which it no longer counts. So what
a node leaves behind when it is killed goes away by itself, one by one, and the whole count with the last of them.
"""

from __future__ import annotations

import time

from valkey.asyncio import Valkey

from mapae.coordination.connect import ANSWER_SECONDS
from mapae.coordination.quick import Quick
from mapae.settings.board_url import BoardAddress

# What is counted takes longer than an answer: a password is hashed. So there is time to wait for it.
WITHOUT = "does not count; each process counts by itself until it does"


class UnderWay:
    """The counts of all nodes."""

    __slots__ = ("_quick", "close")

    def __init__(self, address: BoardAddress, *, prefix: str) -> None:
        """Prepare; nothing is connected before the first call."""
        self._quick = Quick(address, prefix=prefix, without=WITHOUT, within=ANSWER_SECONDS)
        self.close = self._quick.close

    @property
    def awake(self) -> bool:
        """Whether the server may be asked: it answered the last time, or that is a while ago."""
        return self._quick.awake

    async def begin(self, name: str, mark: str, *, lasts_ms: int) -> int | None:
        """Add `mark` to what is under way under `name`, and return how many there are now; None without an answer."""
        now_ms = time.time_ns() // 1_000_000

        async def asked(client: Valkey) -> int:
            key = self._quick.name(name)
            async with client.pipeline(transaction=True) as together:
                together.zremrangebyscore(key, 0, now_ms)
                together.zadd(key, {mark: now_ms + lasts_ms})
                together.zcard(key)
                together.pexpire(key, lasts_ms)
                answers: list[int] = await together.execute()
            return answers[2]

        return await self._quick.ask(asked)

    async def end(self, name: str, mark: str) -> None:
        """Take `mark` away; where that does not arrive, it goes by itself."""
        await self._quick.ask(lambda client: client.zrem(self._quick.name(name), mark))
