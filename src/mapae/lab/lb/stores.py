"""The stores behind the nodes: a Valkey or Redis server, and the database that the nodes of Mapae share."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

from mapae.lab.servers import HOST, LOOK_EVERY, LabFailed, Server, free_port, launch
from mapae.storage.database import Statement, open_database

START_SECONDS = 10.0
_UNCOUNTED = {"cmdstat_info", "cmdstat_ping", "cmdstat_auth", "cmdstat_hello", "cmdstat_select"}
"""What connecting and counting itself asks; everything else counts."""
_TABLE = "attempt"
"""Any table will do: a schema that cannot be read hides all of them."""


@dataclass(frozen=True, slots=True)
class Valkey:
    """A Valkey or Redis server.

    Attributes:
        server: its process; None where it is somebody else's, which is not ours to stop.
    """

    url: str
    server: Server | None

    async def operations(self) -> int:
        """Return how many commands it has carried out.

        Raises:
            LabFailed: it does not answer within some seconds.
        """
        until = monotonic() + START_SECONDS
        while (found := await self._counters()) is None:
            if monotonic() > until or not (self.server is None or self.server.runs):
                raise LabFailed("the Valkey or Redis server does not answer")
            await asyncio.sleep(LOOK_EVERY)
        return sum(int(each["calls"]) for name, each in found.items() if name not in _UNCOUNTED)

    async def _counters(self) -> Mapping[str, Any] | None:
        from valkey.asyncio import Valkey as Client  # noqa: PLC0415 - of an extra that the other modes do without
        from valkey.exceptions import ValkeyError  # noqa: PLC0415

        client = Client.from_url(self.url, socket_timeout=2.0, socket_connect_timeout=2.0)
        try:
            found: Mapping[str, Any] = await client.info("commandstats")
        except (ValkeyError, OSError):
            return None
        finally:
            await client.aclose()
        return found


def launch_valkey(program: Path, folder: Path) -> Valkey:
    """Start a server that keeps nothing on disk, on a free port."""
    port = free_port()
    command: list[str | Path] = [program, "--port", str(port), "--bind", HOST, "--save", "", "--appendonly", "no"]
    server = launch("valkey", command, folder=folder, port=port)
    return Valkey(f"redis://{HOST}:{port}", server)


async def make_unreadable(url: str) -> None:
    """Damage the schema of an SQLite database, so that no process can read it any more.

    Moving the file away, or locking it, would not do: an open database in WAL mode is read all the same.
    """
    database = await open_database(url, connections=1)
    try:
        row = await database.fetch_one("PRAGMA schema_version")
        version = int(row[0]) if row else 0
        await database.commit(
            Statement("PRAGMA writable_schema=ON"),
            Statement("UPDATE sqlite_master SET sql = 'CREATE TABLE' WHERE name = ?", (_TABLE,)),
            Statement(f"PRAGMA schema_version = {version + 1}"),
        )
    finally:
        await database.close()
