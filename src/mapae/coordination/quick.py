"""Questions to a Valkey or Redis server that are answered at once or not at all.

A server that does not answer within a tenth of a second, or whatever the asker has, is left in peace for a second; then
one call tries it again, and only that one waits. So a slow or stopped server costs nobody more than that, and hardly
anybody that.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import TypeVar

from valkey.asyncio import Valkey

from mapae.coordination.connect import FAILURES, Server, in_words
from mapae.settings.board_url import BoardAddress

log = logging.getLogger("mapae.board")
T = TypeVar("T")

AT_ONCE = 0.1
"""Seconds within which an answer must come, unless the asker has more time."""
REST = 1.0
"""Seconds for which a server that failed is not asked."""
MOST_CONNECTIONS = 16
"""Calls of one process that are under way at once; the others wait, within the same time."""


class Quick:
    """One server, asked through connections of its own, so that hints need not stand in line."""

    __slots__ = ("_address", "_asleep_until", "_prefix", "_room", "_server", "_within", "_without")

    def __init__(self, address: BoardAddress, *, prefix: str, without: str, within: float = AT_ONCE) -> None:
        """Prepare; nothing is connected before the first question.

        Args:
            prefix: begins every name.
            without: what the log says of a server that fails: what it does not do, and what is done instead.
            within: seconds within which an answer must come.
        """
        self._address, self._prefix, self._without, self._within = address, prefix, without, within
        self._server: Server | None = None
        self._room = asyncio.Semaphore(MOST_CONNECTIONS)
        self._asleep_until = 0.0

    @property
    def awake(self) -> bool:
        """Whether the server may be asked: it answered the last time, or that is a while ago."""
        return monotonic() >= self._asleep_until

    def name(self, name: str) -> str:
        """Return `name` as it stands on the server."""
        return f"{self._prefix}:{name}"

    async def ask(self, question: Callable[[Valkey], Awaitable[T]]) -> T | None:
        """Return the answer; None where there is none in time."""
        if self._server is None:
            self._server = Server(self._address, answer_seconds=self._within)
        if self._asleep_until:  # it failed the last time: whoever comes first tries it alone
            self._asleep_until = monotonic() + REST
        try:
            async with asyncio.timeout(self._within), self._room:
                answer = await question(self._server.client)
        except FAILURES as failure:
            if not self._asleep_until:
                log.warning("the board at %s %s (%s)", self._address.shown, self._without, in_words(failure))
            self._asleep_until = monotonic() + REST
            return None
        self._asleep_until = 0.0
        return answer

    async def close(self) -> None:
        """Let go of every connection."""
        if self._server is not None:
            await self._server.close()
            self._server = None
