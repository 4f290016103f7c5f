"""The database: open, read, write in one transaction, notice changes.

Everything above this module sees only `Database` and `Statement`. What is SQLite's alone (its PRAGMAs, its one writer,
its errors) stays in this module and in `sqlite_*`; what is PostgreSQL's alone, in `postgres`.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import time
from contextlib import closing
from functools import partial
from pathlib import Path

from mapae.errors import StorageFailed
from mapae.storage.interface import Database
from mapae.storage.sqlite_errors import CURES, primary_code, translated
from mapae.storage.sqlite_transaction import Results, Work
from mapae.storage.sqlite_writer import Writer, closed
from mapae.storage.statement import Row, Statement, Value

__all__ = ["Database", "Row", "SqliteDatabase", "Statement", "Value", "database_path", "open_database"]

PATIENCE = 10.0
"""Seconds to wait for a lock that another process holds."""
ROOM = 1 << 20
"""Bytes that must be free on a disk that was full before anybody is let write there again."""
CONNECTIONS = 10
CACHED_STATEMENTS = 256
NOW_MS = "CAST(ROUND((julianday('now') - 2440587.5) * 86400000) AS BIGINT)"


class SqliteDatabase:
    """One open SQLite file in WAL mode.

    Reads run at once on the caller's event loop: they are look-ups of a few microseconds, less than a change of
    thread costs. So do the statements of writes, all together that were asked for while the writer's thread waited
    for the disk.

    Attributes:
        kind: which kind of database this is.
        path: where the file is, for messages.
        now_ms: an SQL expression: the database's own clock in milliseconds since 1970.
        shares_clock: that clock is this machine's.
        unwritable: as in `mapae.storage.interface`.
    """

    kind = "sqlite"
    now_ms = NOW_MS
    shares_clock = True

    def __init__(self, path: str, *, patience: float = PATIENCE) -> None:
        self.path = path
        self._patience = patience
        self._closed = False
        self._reader = _connected(path, patience=patience)
        try:
            self._reader.execute("PRAGMA query_only=ON")
            self._seen = self.version()
            writing = _connected(path, patience=patience, writing=True)
        except BaseException:
            self._reader.close()
            raise
        self.unwritable: StorageFailed | None = None
        self._gathered: dict[asyncio.AbstractEventLoop, list[Work]] = {}
        self._writer = Writer(path, writing, patience=patience)
        self._writer.start()

    async def fetch(self, sql: str, *values: Value) -> list[Row]:
        """Return all rows of a query.

        Raises:
            StorageFailed: the database cannot be read; the message says the cure.
        """
        try:
            return self._reader.execute(sql, values).fetchall()
        except sqlite3.Error as error:
            raise self._reason(error) from error

    async def fetch_one(self, sql: str, *values: Value) -> Row | None:
        """Return the first row of a query, or None.

        Raises:
            StorageFailed: the database cannot be read; the message says the cure.
        """
        try:
            cursor = self._reader.execute(sql, values)
            row: Row | None = cursor.fetchone()
            cursor.close()  # else an unfinished SELECT would keep its snapshot, and the WAL could not shrink
        except sqlite3.Error as error:
            raise self._reason(error) from error
        return row

    async def fetch_apart(self, sql: str, *values: Value) -> list[Row]:
        """Return all rows of a query that may read a whole table: in another thread, so that nobody waits for it.

        Raises:
            StorageFailed: the database cannot be read; the message says the cure.
        """
        if self._closed:
            raise closed(self.path)
        try:
            return await asyncio.to_thread(self._apart, sql, values)
        except sqlite3.Error as error:
            raise self._reason(error) from error

    def _apart(self, sql: str, values: tuple[Value, ...]) -> list[Row]:
        with closing(sqlite3.connect(self.path, timeout=self._patience, isolation_level=None)) as connection:
            connection.execute("PRAGMA query_only=ON")
            return connection.execute(sql, values).fetchall()

    async def snapshot(self, *queries: Statement) -> Results:
        """Return the rows of several queries, all as of the same moment.

        Raises:
            StorageFailed: the database cannot be read; the message says the cure.
        """
        try:
            self._reader.execute("BEGIN")
            try:
                return [self._reader.execute(query.sql, query.values).fetchall() for query in queries]
            finally:
                self._reader.execute("COMMIT")
        except sqlite3.Error as error:
            raise self._reason(error) from error

    async def commit(self, *statements: Statement) -> Results:
        """Run `statements` as one transaction and return their rows, once they are safely on the disk.

        If the waiting task is cancelled, the transaction happens or does not.

        Raises:
            Conflict: a statement did not change the rows it must (or raised its own `otherwise`), or a unique rule
                was broken. Nothing was changed.
            StorageFailed: the database cannot be written; the message says the cure. Nothing was changed, except
                that after an error of the disk itself only a restart can tell.
        """
        if self._closed:
            raise closed(self.path)
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Results] = loop.create_future()
        gathered = self._gathered.get(loop)
        if gathered is None:
            gathered = self._gathered[loop] = []
            loop.call_soon(self._write, loop)
        gathered.append(Work(statements, answer))
        try:
            return await answer
        except StorageFailed as failure:
            self.unwritable = failure if failure.lasting else self.unwritable
            raise

    def _write(self, loop: asyncio.AbstractEventLoop) -> None:
        """Write what was asked for since the last COMMIT began, all at once."""
        works = self._gathered.pop(loop, None)
        if not works:
            return
        if self._closed:
            for work in works:
                if not work.answer.done():
                    work.answer.set_exception(closed(self.path))
            return
        self._gathered[loop] = []  # whoever comes before the COMMIT is done is gathered for the next one
        if not self._writer.run_here(works, loop, then=partial(self._write, loop)):
            del self._gathered[loop]
            self._writer.submit(works)

    async def commit_apart(self, *statements: Statement) -> Results:
        """Do the same as `commit` for what may take long: a change of the schema."""
        return await self.commit(*statements)

    async def has_table(self, name: str) -> bool:
        """Tell whether there is a table called `name`."""
        return await self.fetch_one("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?", name) is not None

    def version(self) -> int:
        """Return a number that differs whenever anyone, in any process, has committed since."""
        try:
            number: int = self._reader.execute("PRAGMA data_version").fetchone()[0]
        except sqlite3.Error as error:
            raise self._reason(error) from error
        return number

    def check(self) -> None:
        """Make sure that the database can be used.

        Raises:
            StorageFailed: it cannot be read; the message says the cure.
        """
        self.version()

    def check_room(self) -> None:
        """Make sure that the disk has room for more.

        Small writes succeed on a full disk now and then, where a file has room inside; a large one would not.

        Raises:
            StorageFailed: it has not.
        """
        if shutil.disk_usage(Path(self.path).parent).free < ROOM:
            raise StorageFailed(f"database {self.path}: {CURES[sqlite3.SQLITE_FULL]}", lasting=True)

    def changed(self) -> bool:
        """Tell whether anyone has committed since the last call. It costs a few microseconds."""
        before, self._seen = self._seen, self.version()
        return before != self._seen

    async def close(self) -> None:
        """Write what is waiting, then close the files. Closing twice is allowed."""
        if self._closed:
            return
        loop = asyncio.get_running_loop()
        self._writer.submit(self._gathered.pop(loop, []))
        self._closed = True
        self._writer.finish()
        await asyncio.to_thread(self._writer.join)
        self._reader.close()

    def _reason(self, error: sqlite3.Error) -> Exception:
        return closed(self.path) if self._closed else translated(error, self.path)


async def open_database(url: str, *, connections: int = CONNECTIONS, patience: float = PATIENCE) -> Database:
    """Open the database at `url`; an SQLite file (mode 0600) and its folder are made when missing.

    Args:
        url: `sqlite:///relative/path.db`, `sqlite:////absolute/path.db` or `postgresql://user@host/name`.
        connections: PostgreSQL: how many this process keeps at most.
        patience: SQLite: seconds to wait for a lock that another process holds.

    Raises:
        StorageFailed: the URL names no database that Mapae can use, or the database cannot be used.
    """
    if not is_postgres(url):
        return _open_sqlite(url, patience=patience)
    try:
        from mapae.storage.postgres.database import open_postgres  # noqa: PLC0415  only who uses it needs its driver
    except ImportError as missing:
        raise StorageFailed("PostgreSQL needs its driver: pip install 'mapae[postgres]'") from missing
    return await open_postgres(url, connections=connections)


def is_postgres(url: str) -> bool:
    """Tell whether a URL names a database in PostgreSQL."""
    return url.startswith(("postgresql://", "postgres://"))


def _open_sqlite(url: str, *, patience: float) -> SqliteDatabase:
    path = database_path(url)
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    except OSError as error:
        what = "check that its folder exists and that the user that runs Mapae may read and write it"
        raise StorageFailed(f"database {path}: {what} ({error.strerror})") from error
    try:
        return SqliteDatabase(str(path), patience=patience)
    except sqlite3.Error as error:
        raise translated(error, str(path)) from error


def database_file(url: str) -> Path | None:
    """Return the file of an SQLite URL, which may not exist yet; None for a database that is no file.

    Raises:
        StorageFailed: the URL names no database that Mapae can use.
    """
    return None if is_postgres(url) else database_path(url)


def database_path(url: str) -> Path:
    """Return the file that an SQLite URL names.

    Raises:
        StorageFailed: it names no file.
    """
    scheme, _, rest = url.partition(":///")
    if scheme != "sqlite" or not rest or rest.startswith(":memory:") or "?" in rest:
        raise StorageFailed(
            "the database must be a file, written sqlite:///path/to/mapae.db, or written postgresql://user@host/name"
        )
    return Path(rest)


def _connected(path: str, *, patience: float, writing: bool = False) -> sqlite3.Connection:
    """Open one connection; the one that is for `writing` never sleeps inside SQLite once it is open."""
    connection = sqlite3.connect(
        path,
        timeout=patience,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=CACHED_STATEMENTS,
    )
    try:
        _to_wal(connection, deadline=time.monotonic() + patience)
        connection.execute("PRAGMA synchronous=FULL")  # an acknowledged commit survives a power cut
        connection.execute("PRAGMA journal_size_limit=67108864")
        connection.execute("PRAGMA temp_store=MEMORY")
        if writing:
            connection.execute("PRAGMA busy_timeout=0")
            # Room for the upper levels of a million sessions' trees; whoever only reads forgets all at each commit.
            connection.execute("PRAGMA cache_size=-8000")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _to_wal(connection: sqlite3.Connection, *, deadline: float) -> None:
    """Switch to WAL mode; SQLite does not wait by itself when several processes do this at once."""
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL").fetchone()
        except sqlite3.OperationalError as error:
            if primary_code(error) != sqlite3.SQLITE_BUSY or time.monotonic() >= deadline:
                raise
            time.sleep(0.01)
        else:
            return
