"""The board of several nodes: hints, lent records and shared counts through a Valkey or Redis server.

Nothing waits for the server, and nothing rests on it: a hint that is lost costs the second until the next look at the
database. While the server is away, slow or stopped, this process goes on with its own hints and keeps reaching for it,
in longer and longer pauses of random length, so that many nodes do not come back at one moment.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from random import SystemRandom
from time import monotonic

from valkey.asyncio import Valkey
from valkey.asyncio.client import PubSub

from mapae.coordination.connect import ANSWER_SECONDS, FAILURES, Server, in_words
from mapae.coordination.memory import Begun, MemoryBoard
from mapae.coordination.records import Records
from mapae.coordination.under_way import UnderWay
from mapae.settings.board_url import read_board_url

log = logging.getLogger("mapae.board")

_dice = SystemRandom()

PING_EVERY = 1.0
"""Seconds of silence after which the server is asked whether it is still there."""
SILENT_FOR = PING_EVERY + 2 * ANSWER_SECONDS
"""Seconds without any answer after which it counts as away."""
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0
"""Seconds between two attempts to reach a server that is away, at most: the first and the longest pause."""
LAST_WORDS = 0.5
"""Seconds for which the end of a process may wait for its last announcement to be carried."""


class ValkeyBoard(MemoryBoard):
    """A `MemoryBoard` whose announcements also reach the other nodes, and theirs this one.

    Attributes:
        place: where the server is, for people: without user and password.
        channel: the name that all nodes of one service publish and subscribe to.
    """

    __slots__ = (
        "_address",
        "_announced",
        "_carried",
        "_loop",
        "_moved",
        "_reaching",
        "_records",
        "_shared",
        "_to_carry",
        "_up",
        "channel",
        "place",
    )

    def __init__(self, url: str, *, prefix: str = "mapae") -> None:
        """Prepare; nothing is connected before `open`.

        Args:
            url: where the server is, as in the setting `board`.
            prefix: begins every name on the server; in braces, so that a cluster keeps a service's names together.

        Raises:
            ValueError: the URL names no server.
        """
        super().__init__()
        self._address = read_board_url(url)
        self.place = self._address.shown
        self.channel = f"{{{prefix}}}:hint"
        self._records = Records(self._address, prefix=prefix)
        self._shared = UnderWay(self._address, prefix=prefix)
        self._up: bool | None = None
        self._announced = self._carried = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._to_carry = asyncio.Event()
        self._moved = asyncio.Event()
        self._reaching: asyncio.Task[None] | None = None

    @property
    def up(self) -> bool:
        """Whether hints reach the other nodes now."""
        return self._up is True

    @property
    def lends(self) -> bool:
        """Whether records may be asked for now: the server is there, and answered in time when it was asked last."""
        return self.up and self._records.awake

    async def borrow(self, name: str) -> bytes | None:
        """Return what another node has lent under `name`; None where there is nothing, or no answer at once."""
        return await self._records.borrow(name) if self.lends else None

    async def lend(self, name: str, record: bytes, *, for_ms: int) -> None:
        """Lend `record` to the other nodes for so many milliseconds, unless the server is away."""
        if self.lends:
            await self._records.lend(name, record, for_ms=for_ms)

    async def begin(self, name: str, *, lasts_ms: int) -> Begun:
        """Count one more thing under way, here and on the server; here alone while the server is away."""
        begun = await super().begin(name, lasts_ms=lasts_ms)
        if not (self.up and self._shared.awake):
            return begun
        try:
            together = await self._shared.begin(name, begun.mark, lasts_ms=lasts_ms)
        except BaseException:  # the caller was cancelled and will not end what it does not know to have begun
            await super().end(begun)
            raise
        return begun if together is None else begun._replace(together=max(begun.together, together))

    async def end(self, begun: Begun) -> None:
        """Count it no longer, here and on the server."""
        await super().end(begun)
        if self.up and self._shared.awake:
            await self._shared.end(begun.name, begun.mark)

    def announce(self) -> None:
        """Wake everybody here at once, and the other nodes as soon as the server tells them."""
        self.hint()
        self._announced += 1
        if self._loop is not None:
            with suppress(RuntimeError):  # a loop that was closed carries nothing any more
                self._loop.call_soon_threadsafe(self._to_carry.set)

    async def open(self) -> None:
        """Begin to reach for the server; nobody waits for it."""
        self._loop = asyncio.get_running_loop()
        self._reaching = asyncio.create_task(self._reach(), name="mapae-board")

    async def close(self) -> None:
        """Carry what was announced, for half a second at most, and let go of the server."""
        with suppress(TimeoutError):
            async with asyncio.timeout(LAST_WORDS):
                while self._carried < self._announced and self._up is not False:
                    self._moved.clear()
                    await self._moved.wait()
        self._loop = None
        if self._reaching is not None:
            self._to_carry.set()
            # More than once: what waits for a server with a time limit may swallow being cancelled (Python 3.11).
            while not self._reaching.done():
                self._reaching.cancel()
                await asyncio.wait((self._reaching,), timeout=0.1)
        await self._records.close()
        await self._shared.close()

    async def _reach(self) -> None:
        """Be connected, again and again, until cancelled."""
        attempt = 0
        while self._loop is not None:
            began = monotonic()
            server = Server(self._address)
            try:
                await self._converse(server.client)
            except* Exception as failures:  # noqa: BLE001 - whatever it is, nothing rests on the server
                self._note(up=False, why=in_words(failures.exceptions[0]))
            finally:
                await server.close()
            # A server that drops everybody at once must not be asked ten times a second.
            attempt = 0 if monotonic() - began > LONGEST_PAUSE else attempt + 1
            await asyncio.sleep(_pause(attempt))

    async def _converse(self, client: Valkey) -> None:
        """Listen and speak until either fails."""
        hearing = client.pubsub()
        try:
            async with asyncio.timeout(SILENT_FOR):
                await hearing.subscribe(self.channel)
                while (await hearing.get_message(timeout=ANSWER_SECONDS) or {}).get("type") != "subscribe":
                    pass
                await self._carry(client)  # also what nobody heard of while the server was away
            self._note(up=True)
            self.hint()  # something may have been missed
            async with asyncio.TaskGroup() as both:
                both.create_task(self._hear(hearing))
                both.create_task(self._speak(client))
        finally:
            with suppress(*FAILURES):
                await hearing.aclose()  # type: ignore[no-untyped-call]

    async def _hear(self, hearing: PubSub) -> None:
        heard = monotonic()
        while self._loop is not None:
            message = await hearing.get_message(timeout=PING_EVERY)
            if message is not None:
                heard = monotonic()
                if message["type"] == "message" and message["data"] != self._node.encode():
                    self.hint()
            elif monotonic() - heard > SILENT_FOR:
                raise TimeoutError
            else:
                await hearing.ping()

    async def _speak(self, client: Valkey) -> None:
        while self._loop is not None:
            await self._to_carry.wait()
            await self._carry(client)

    async def _carry(self, client: Valkey) -> None:
        """Tell the other nodes; whatever was announced by now is told with it."""
        self._to_carry.clear()
        announced = self._announced
        await client.publish(self.channel, self._node.encode())
        self._carried = announced
        self._moved.set()

    def _note(self, *, up: bool, why: str = "") -> None:
        if self._up is up:
            return
        self._up = up
        self._moved.set()
        if up:
            log.info("the board at %s carries hints between the nodes", self.place)
        else:
            log.warning(
                "no board at %s (%s); sessions ended elsewhere are known a second later until it is back",
                self.place,
                why,
            )


def _pause(attempt: int) -> float:
    return _dice.uniform(0.5, 1) * min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(attempt, 10))
