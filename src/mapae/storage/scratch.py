"""An empty database for a while, beside the one that is in use and apart from it."""

from __future__ import annotations

import secrets
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from mapae.errors import StorageFailed
from mapae.storage.database import database_path, is_postgres, open_database
from mapae.storage.statement import Statement


@dataclass(frozen=True, slots=True)
class Scratch:
    """A place that nobody else uses.

    Attributes:
        url: of an empty database.
        folder: an empty folder; what is in it goes with it.
    """

    url: str
    folder: Path


@asynccontextmanager
async def scratch_database(url: str | None) -> AsyncIterator[Scratch]:
    """Make an empty database, and remove it at the end.

    Args:
        url: in PostgreSQL, a schema of its own in that database; with an SQLite file, a new file beside it, so on the
            same disk; None: a file among the system's temporary ones.

    Raises:
        StorageFailed: there is no such place, or nothing can be kept apart there; the message says the cure.
    """
    beside = None if url is None or is_postgres(url) else database_path(url).parent
    try:
        folder = Path(tempfile.mkdtemp(prefix="mapae-bench-", dir=beside))
    except OSError as error:
        raise StorageFailed(f"folder {beside}: {error.strerror}; name a database in a folder that exists") from None
    try:
        if url is not None and is_postgres(url):
            async with _schema(url) as own:
                yield Scratch(own, folder)
        else:
            yield Scratch(f"sqlite:///{folder / 'bench.db'}", folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@asynccontextmanager
async def _schema(url: str) -> AsyncIterator[str]:
    """Make a schema of our own, and return a URL that leads into it and nowhere else."""
    if "options=" in url:
        raise StorageFailed("the URL of the database sets options already; name it without them")
    name = f"mapae_bench_{secrets.token_hex(8)}"
    database = await open_database(url, connections=1)
    try:
        await database.commit_apart(Statement(f"CREATE SCHEMA {name}"))
        try:
            own = f"{url}{'&' if '?' in url else '?'}options=-csearch_path%3D{name}"
            await _see_that_it_leads_to(own, name)
            yield own
        finally:
            await database.commit_apart(Statement(f"DROP SCHEMA {name} CASCADE"))
    finally:
        await database.close()


async def _see_that_it_leads_to(url: str, name: str) -> None:
    """Make sure that tables would be made in our schema: a pooler may forget what we ask for when connecting."""
    database = await open_database(url, connections=1)
    try:
        ((schema,),) = await database.fetch("SELECT current_schema()")
    finally:
        await database.close()
    if schema != name:
        raise StorageFailed(
            f"database {database.path}: a pooler stands between and shares its connections, so that nothing could be "
            "kept apart from your tables; name the server itself"
        )
