"""Records that the nodes lend each other on a Valkey or Redis server, each gone after its time.

A server that does not answer within a tenth of a second is left in peace for a second; then one call tries it again,
and only that one waits. So a slow or stopped server costs nobody more than a tenth of a second, and hardly anybody
that.
"""

from __future__ import annotations

import asyncio
import logging
from time import monotonic

from mapae.coordination.connect import FAILURES, Server, in_words
from mapae.settings.board_url import BoardAddress

log = logging.getLogger("mapae.board")

AT_ONCE = 0.1
"""Seconds within which an answer must come."""
REST = 1.0
"""Seconds for which a server that failed is not asked."""
MOST_CONNECTIONS = 16
"""Calls of one process that are under way at once; the others wait, within `AT_ONCE`."""


class Records:
    """What the nodes lend each other, through connections of its own, so that hints need not stand in line."""

    __slots__ = ("_address", "_asleep_until", "_prefix", "_room", "_server")

    def __init__(self, address: BoardAddress, *, prefix: str) -> None:
        """Prepare; nothing is connected before the first call."""
        self._address, self._prefix = address, prefix
        self._server: Server | None = None
        self._room = asyncio.Semaphore(MOST_CONNECTIONS)
        self._asleep_until = 0.0

    @property
    def awake(self) -> bool:
        """Whether the server may be asked: it answered the last time, or that is a while ago."""
        return monotonic() >= self._asleep_until

    async def borrow(self, name: str) -> bytes | None:
        """Return what was lent under `name`; None where there is nothing, or no answer in time."""
        found = await self._asked("GET", name)
        return found if isinstance(found, bytes) else None

    async def lend(self, name: str, record: bytes, *, for_ms: int) -> None:
        """Lend `record` for so many milliseconds."""
        await self._asked("SET", name, record, "PX", for_ms)

    async def close(self) -> None:
        """Let go of every connection."""
        if self._server is not None:
            await self._server.close()
            self._server = None

    async def _asked(self, command: str, name: str, *values: bytes | str | int) -> object:
        if self._server is None:
            self._server = Server(self._address, answer_seconds=AT_ONCE)
        if self._asleep_until:  # it failed the last time: whoever comes first tries it alone
            self._asleep_until = monotonic() + REST
        try:
            async with asyncio.timeout(AT_ONCE), self._room:
                asked = self._server.client.execute_command(command, f"{self._prefix}:{name}", *values)  # type: ignore[no-untyped-call]
                answer: object = await asked
        except FAILURES as failure:
            if not self._asleep_until:
                what = "the board at %s does not lend sessions (%s); the database is asked until it does"
                log.warning(what, self._address.shown, in_words(failure))
            self._asleep_until = monotonic() + REST
            return None
        self._asleep_until = 0.0
        return answer
