"""Back up and restore the database, while it is in use or not.

A backup is one ordinary SQLite file. It holds everything, the signing keys too, but those are sealed: without the
master secret they stay closed. The secret is copied only when it is asked for, into a file of its own beside the
backup, so that the two can be kept in different places.
"""

from __future__ import annotations

import os
import secrets
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from mapae.errors import Conflict, StorageFailed
from mapae.storage import migrate
from mapae.storage.database import database_file, open_database
from mapae.storage.revocations import name_feed
from mapae.storage.secret_file import read_secret_file, sync_folder, write_secret_file
from mapae.storage.sqlite_errors import translated

PAGES_A_STEP = 1000
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Backup:
    """What a backup holds.

    Attributes:
        path: its file.
        size: bytes.
        schema: the number of its newest migration.
        accounts: how many accounts are in it.
    """

    path: Path
    size: int
    schema: int
    accounts: int


def back_up(url: str, target: Path, *, overwrite: bool = False, progress: Progress | None = None) -> Backup:
    """Copy the database at `url`, as of one moment, to the new file `target` (mode 0600), and verify the copy.

    The service may go on reading and writing meanwhile.

    Args:
        overwrite: replace `target` if there is such a file.
        progress: called with the pages done and the pages in all.

    Raises:
        Conflict: there is a file `target`.
        StorageFailed: the database cannot be read, the copy cannot be written or is not sound.
    """
    source = _existing(_file_of(url))
    if target.exists() and not overwrite:
        raise Conflict(f"{target} exists already; name another file, or ask to overwrite it")
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(8)}")
    try:
        with _speaking_of(temporary):
            os.close(os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
            _copied(source, temporary, progress)
            found = verify(temporary)
            _synced(temporary)
            temporary.replace(target)
            sync_folder(target.parent)
    finally:
        for leftover in (
            temporary,
            *(temporary.with_name(temporary.name + end) for end in ("-wal", "-shm", "-journal")),
        ):
            leftover.unlink(missing_ok=True)
    return Backup(target, found.size, found.schema, found.accounts)


def copy_secret(source: Path, target: Path) -> None:
    """Copy the master secret's file to the new file `target`, mode 0600: whoever has both can open the keys.

    Raises:
        Conflict: there is a file `target`.
        FileExposed: the source can be read by others or is tracked by git.
        StorageFailed: the source cannot be read, or the copy not written.
    """
    content = read_secret_file(source)
    with _speaking_of(target):
        if not write_secret_file(target, content):
            raise Conflict(f"{target} exists already; name another file")


def verify(path: Path) -> Backup:
    """Check every page and index of a backup and return what it holds.

    Raises:
        StorageFailed: it is damaged, or not a backup of Mapae.
    """
    with _speaking_of(path), closing(_opened(_existing(path))) as connection:
        complaints = [row[0] for row in connection.execute("PRAGMA integrity_check(5)")]
        if complaints != ["ok"]:
            raise StorageFailed(f"{path} is damaged: {complaints[0]}; use another backup")
        if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'migration'").fetchone() is None:
            raise StorageFailed(f"{path} is not a backup of Mapae: it has no table of migrations")
        (schema,) = connection.execute("SELECT coalesce(max(number), 0) FROM migration").fetchone()
        has_accounts = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'account'").fetchone()
        (accounts,) = connection.execute("SELECT count(*) FROM account").fetchone() if has_accounts else (0,)
    return Backup(path, path.stat().st_size, schema, accounts)


async def restore(url: str, source: Path, *, overwrite: bool = False, progress: Progress | None = None) -> Backup:
    """Put the backup `source` where the database at `url` is, and bring its schema up to date.

    Sessions that ended after the backup was made live again: end them with `mapae session revoke` where that matters.

    Args:
        overwrite: replace a database that is there. Nothing may be using it.
        progress: called with the pages done and the pages in all.

    Raises:
        Conflict: there is a database already.
        StorageFailed: the backup is damaged or was made by a newer program, or the database is in use.
    """
    target = _file_of(url)
    found = verify(source)
    if found.schema > migrate.newest():
        raise StorageFailed(
            f"{source} has schema {found.schema}, this program knows only {migrate.newest()}: install the newer Mapae"
        )
    if target.exists() and not overwrite:
        raise Conflict(f"{target} exists already; ask to overwrite it, after a backup of what is there")
    with _speaking_of(target):
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.close(os.open(target, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        _replaced(target, source, progress)
    database = await open_database(url)
    try:
        await migrate.apply(database)
        await name_feed(database, secrets.token_urlsafe(16), anew=True)
    finally:
        await database.close()
    return found


def _file_of(url: str) -> Path:
    file = database_file(url)
    if file is None:
        raise StorageFailed(
            "a database in PostgreSQL has its own tools: `pg_dump --format=custom` backs it up while Mapae runs, "
            "`pg_restore --clean` puts it back while Mapae is stopped everywhere; keep the master secret too"
        )
    return file


def _copied(source: Path, target: Path, progress: Progress | None) -> None:
    with closing(_opened(source)) as reading, closing(_opened(target)) as writing:
        reading.execute("BEGIN")  # one moment for all steps: what is committed meanwhile does not start it anew
        reading.execute("SELECT 1 FROM sqlite_master").fetchone()
        reading.backup(writing, pages=PAGES_A_STEP, progress=_steps(progress))
        writing.execute("PRAGMA journal_mode=DELETE")  # one file, without a log beside it


def _replaced(target: Path, source: Path, progress: Progress | None) -> None:
    """Overwrite a database from inside, so that SQLite's own locks keep everybody else out."""
    with closing(_opened(source)) as reading, closing(_opened(target)) as writing:
        try:
            writing.execute("PRAGMA locking_mode=EXCLUSIVE")
            writing.execute("BEGIN EXCLUSIVE")
            writing.execute("COMMIT")
        except sqlite3.OperationalError as error:
            raise StorageFailed(f"{target} is in use; stop Mapae, then restore again ({error})") from error
        reading.backup(writing, pages=PAGES_A_STEP, progress=_steps(progress))


def _steps(progress: Progress | None) -> Callable[[int, int, int], None] | None:
    if progress is None:
        return None
    return lambda _, remaining, total: progress(total - remaining, total)


def _opened(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, timeout=1.0, isolation_level=None)


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise StorageFailed(f"there is no file {path}")
    return path


def _synced(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


@contextmanager
def _speaking_of(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise translated(error, str(path)) from error
    except OSError as error:
        raise StorageFailed(f"{path}: {error.strerror}; check that its folder exists and may be written") from error
