"""The least that a refresh can be: one read, one compare-and-swap, one signature; nothing but the driver."""

import asyncio
import os
import sqlite3
from collections.abc import Sequence
from typing import Protocol

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from mapae.flows.service import Service
from mapae.storage.database import database_file
from measure.many import Many

_READ = "SELECT * FROM session WHERE sid = "
_SWAP = (
    "UPDATE session SET previous = current, current = {}, replay = {}, generation = generation + 1, opened_ms = {}, "
    "rotated_ms = {}, seen_ms = {} WHERE sid = {} AND current = {} AND revoked_ms IS NULL"
)
_CURRENT = 3
_CLAIMS = b"e" * 480
"""As long as what is signed of an access token."""


class Bare(Protocol):
    """A bare loop on one database."""

    async def run(self, numbers: Sequence[int], in_flight: int) -> None:
        """Rotate these sessions, whose refresh tokens are worth nothing afterwards."""

    async def close(self) -> None: ...


class BareSqlite:
    """The standard library, one transaction for each, one after the other, each safely on the disk."""

    def __init__(self, url: str, people: Many, service: Service) -> None:
        self.connection = sqlite3.connect(database_file(url), isolation_level=None)
        self.connection.execute("PRAGMA synchronous=FULL")
        self.people, self.sign = people, signing()
        self.now_ms = service.now_ms()
        self.swap = _SWAP.format(*"???????")

    async def run(self, numbers: Sequence[int], in_flight: int) -> None:
        del in_flight
        execute, now_ms = self.connection.execute, self.now_ms
        for number in numbers:
            sid = self.people.sid(number)
            row = execute(f"{_READ}?", (sid,)).fetchone()
            self.sign()
            execute("BEGIN IMMEDIATE")
            values = (os.urandom(32), os.urandom(60), now_ms, now_ms, now_ms, sid, row[_CURRENT])
            if execute(self.swap, values).rowcount != 1:
                raise AssertionError("the row was not swapped")
            execute("COMMIT")

    async def close(self) -> None:
        self.connection.close()


class BarePostgres:
    """asyncpg, statements prepared, a connection for each in flight."""

    def __init__(self, url: str, people: Many, service: Service) -> None:
        self.url, self.people, self.sign = url, people, signing()
        self.now_ms = service.now_ms()
        self.swap = _SWAP.format(*(f"${at}" for at in range(1, 8)))
        self.connections: list = []

    async def run(self, numbers: Sequence[int], in_flight: int) -> None:
        import asyncpg

        while len(self.connections) < in_flight:
            self.connections.append(await asyncpg.connect(self.url))
        waiting = iter(numbers)
        await asyncio.gather(*(self._client(connection, waiting) for connection in self.connections[:in_flight]))

    async def _client(self, connection, waiting) -> None:
        read, swap = await connection.prepare(f"{_READ}$1"), await connection.prepare(f"{self.swap} RETURNING 1")
        now_ms = self.now_ms
        for number in waiting:
            sid = self.people.sid(number)
            row = await read.fetchrow(sid)
            self.sign()
            swapped = await swap.fetchval(os.urandom(32), os.urandom(60), now_ms, now_ms, now_ms, sid, row[_CURRENT])
            if swapped != 1:
                raise AssertionError("the row was not swapped")

    async def close(self) -> None:
        for connection in self.connections:
            await connection.close()


BARE = {"SQLite": BareSqlite, "PostgreSQL": BarePostgres}


def signing():
    """Prepare one ES256 signature by `cryptography`, of octets that are ready."""
    key, how = ec.generate_private_key(ec.SECP256R1()), ec.ECDSA(hashes.SHA256(), deterministic_signing=True)
    return lambda: key.sign(_CLAIMS, how)
