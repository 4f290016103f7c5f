"""A bounded number of connections, lent to whoever asked first."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from contextlib import suppress

import psycopg

from mapae.errors import StorageFailed
from mapae.storage.postgres.connection import Connection, Lost, call, decoded
from mapae.storage.postgres.errors import again, closed, not_connected
from mapae.storage.postgres.sql import numbered
from mapae.storage.postgres.target import Target

WAIT_SECONDS = 4.0
"""How long a caller waits for a connection before it is refused; less than a statement may wait for a lock."""
WAITING = 1000
"""Callers that may wait at once; the next one is refused at once."""
PAUSE_SECONDS = 0.25
"""After a connection could not be opened: so long nobody tries again while none is open."""
CLOSE_SECONDS = 10.0
OVERTIME_SECONDS = 2.0
"""The server gives a statement up after its time; so much later we give the connection up."""

SHOW = "SELECT current_setting('statement_timeout'), current_setting('lock_timeout')"


class Pool:
    """The connections of one process.

    Attributes:
        place: where the database is, for messages; without user and password.
        size: how many there are at most.
        pooled: somebody between us and the server shares its connections (PgBouncer), so nothing is kept on them.
    """

    def __init__(self, target: Target, *, size: int) -> None:
        self.place = target.place
        self.pooled = False
        self._target = target
        self.size = size
        self._idle: list[Connection] = []
        self._all: set[Connection] = set()
        self._opening = 0
        self._waiting: deque[asyncio.Future[Connection | None]] = deque()
        self._closed = False
        self._given_back = asyncio.Event()
        self._failure: tuple[float, StorageFailed] | None = None

    async def acquire(self) -> Connection:
        """Return a connection that nobody else uses; give it back with `release`.

        Raises:
            StorageFailed: it cannot be opened, or all are in use for too long; the message says the cure.
        """
        if self._closed:
            raise closed(self.place)
        deadline = time.monotonic() + WAIT_SECONDS
        first = not self._waiting
        while True:
            if first and self._idle:
                return self._idle.pop()
            if first and len(self._all) + self._opening < self.size:
                return await self._open()
            handed = await self._turn(deadline)
            if handed is not None:
                return handed
            first = True

    def release(self, connection: Connection) -> None:
        """Take a connection back, or hand it to who has waited longest."""
        if not connection.usable:
            self._wake(None)
        elif not self._wake(connection):
            self._idle.append(connection)
        self._given_back.set()

    def stop_preparing(self) -> None:
        """Keep nothing on the connections from now on: somebody shares them with others."""
        self.pooled = True
        for connection in self._all:
            connection.prepares = False

    def check(self) -> None:
        """Make sure that, as far as is known without asking, the database can be used.

        Raises:
            StorageFailed: the last attempt to connect has failed, or the pool is closed.
        """
        if self._closed:
            raise closed(self.place)
        if self._failure is not None and not self._all:
            raise again(self._failure[1])

    def busy(self) -> StorageFailed:
        """Return what to raise for who has waited too long."""
        return StorageFailed(
            f"database {self.place}: all {self.size} connections are in use; raise database_connections, "
            "or look for what is slow there",
            lasting=True,
        )

    async def close(self) -> None:
        """Let nobody in, wait for those who are inside, and close the connections."""
        self._closed = True
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                while self._opening or self._waiting or len(self._idle) < len(self._all):
                    self._given_back.clear()
                    await self._given_back.wait()
        for connection in list(self._all):
            await connection.close()

    async def _turn(self, deadline: float) -> Connection | None:
        """Wait for a connection, or None when there is room to open one."""
        if len(self._waiting) >= WAITING:
            raise self.busy()
        loop = asyncio.get_running_loop()
        place: asyncio.Future[Connection | None] = loop.create_future()
        timer = loop.call_later(deadline - time.monotonic(), self._give_up, place)
        self._waiting.append(place)
        try:
            return await place
        except asyncio.CancelledError:
            if place in self._waiting:
                self._waiting.remove(place)
            elif not place.cancelled():  # it was this one's turn just now
                self._pass_on(place.result())
            raise
        finally:
            timer.cancel()

    def _give_up(self, place: asyncio.Future[Connection | None]) -> None:
        if not place.done():
            self._waiting.remove(place)
            place.set_exception(self.busy())

    def _pass_on(self, handed: Connection | None) -> None:
        if handed is None:
            self._wake(None)
        else:
            self.release(handed)

    def _wake(self, connection: Connection | None) -> bool:
        """Hand a connection, or the room for one, to who has waited longest; say whether there was anybody."""
        while self._waiting:
            place = self._waiting.popleft()
            if not place.done():
                place.set_result(connection)
                return True
        return False

    async def _open(self) -> Connection:
        if self._failure is not None and not self._all and time.monotonic() < self._failure[0] + PAUSE_SECONDS:
            raise again(self._failure[1])
        self._opening += 1
        try:
            connection = await self._connected()
        except psycopg.Error as error:
            failure = not_connected(error, self.place)
            self._failure = (time.monotonic(), failure)
            self._wake(None)
            raise failure from None  # psycopg's own error may repeat the URL
        except BaseException:
            self._wake(None)
            raise
        finally:
            self._opening -= 1
            self._given_back.set()
        self._failure = None
        self._all.add(connection)
        return connection

    async def _connected(self) -> Connection:
        try:
            return await self._greeted(limits=not self.pooled)
        except psycopg.OperationalError as error:
            if self.pooled or "unsupported startup parameter" not in str(error):
                raise
        self.pooled = True
        return await self._greeted(limits=False)

    async def _greeted(self, *, limits: bool) -> Connection:
        """Connect, and see whether the limits we asked for have reached the server; if not, a pooler stands between."""
        opened = await psycopg.AsyncConnection.connect(self._target.conninfo(limits=limits), autocommit=True)
        connection = Connection(opened, prepares=False, on_lost=self._lost)
        try:
            (result,) = await connection.start([call(numbered(SHOW), ())], seconds=WAIT_SECONDS)
        except BaseException as failure:
            await connection.close()
            if isinstance(failure, Lost):
                raise psycopg.OperationalError("the server closed the connection at once") from None
            raise
        if decoded(result) != [self._target.limits]:
            self.pooled = True
        connection.prepares = not self.pooled
        return connection

    def _lost(self, connection: Connection) -> None:
        self._all.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)
            self._wake(None)
        self._given_back.set()
