"""What SQLite reports, in the words of a person who has to cure it."""

from __future__ import annotations

import sqlite3

from mapae.errors import Conflict, MapaeError, StorageFailed

_LOCKED = "another program has locked it for too long; close that program, or wait and try again"

CURES: dict[int, str] = {
    sqlite3.SQLITE_BUSY: _LOCKED,
    sqlite3.SQLITE_LOCKED: _LOCKED,
    sqlite3.SQLITE_READONLY: "it cannot be written; give the user that runs Mapae write access to it and its folder",
    sqlite3.SQLITE_PERM: "access was denied; give the user that runs Mapae access to it and its folder",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened; check that its folder exists and may be written by this user",
    sqlite3.SQLITE_FULL: "the disk is full; free some space, nothing that was acknowledged is lost",
    sqlite3.SQLITE_IOERR: "the disk reported an error; check the disk and the system log, then restart",
    sqlite3.SQLITE_CORRUPT: "the file is damaged; stop Mapae and restore a backup with `mapae restore`",
    sqlite3.SQLITE_NOTADB: "this is not an SQLite database; name another file, or run `mapae restore`",
    sqlite3.SQLITE_PROTOCOL: "its locks do not work here; keep it on a local disk, not on a network folder",
    sqlite3.SQLITE_NOMEM: "there is not enough memory; give the machine or the container more",
    sqlite3.SQLITE_SCHEMA: "its tables changed while they were used; try again",
}
"""By primary result code (https://www.sqlite.org/rescode.html): what happened and what to do."""

LASTING = frozenset(
    {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
)
"""What does not pass by itself."""


def primary_code(error: sqlite3.Error) -> int:
    """Return the primary result code of `error`; 0 when Python itself raised it."""
    code: int = getattr(error, "sqlite_errorcode", 0)
    return code & 0xFF


def spoils_the_transaction(error: sqlite3.Error) -> bool:
    """Tell whether `error` speaks about the file rather than about one statement."""
    return primary_code(error) in CURES


def translated(error: sqlite3.Error, path: str) -> MapaeError | sqlite3.Error:
    """Return what to raise instead of `error`; a mistake in the program's own SQL comes back as it is.

    Broken unique rules become Conflict, trouble with the file becomes StorageFailed.
    """
    code = primary_code(error)
    if code == sqlite3.SQLITE_CONSTRAINT:
        kind, _, columns = str(error).partition(" constraint failed: ")
        if kind == "UNIQUE":
            return Conflict(f"another row has this {columns}", constraint=columns)
    elif code in CURES:
        return StorageFailed(f"database {path}: {CURES[code]} ({error})", lasting=code in LASTING)
    return error
