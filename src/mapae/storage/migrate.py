"""Bring the schema up to date: numbered SQL files, each applied once, in order.

The first statement of a migration's transaction claims its number in the table `migration`. Of several nodes that
start at once one gets it; the others wait for that transaction, lose the claim, and look again. This needs no lock
that only one kind of database has.

A file whose name ends in `.sqlite.sql` or `.postgresql.sql` changes only that kind of database; in the other, its
number is taken and nothing is done.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files

from mapae.errors import Conflict, StorageFailed
from mapae.storage.database import Database, Statement

LEDGER = """\
CREATE TABLE IF NOT EXISTS migration (
    number BIGINT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    checksum TEXT NOT NULL,
    applied_ms BIGINT NOT NULL
)"""


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered file.

    Attributes:
        number: its place in the order, from 1.
        name: what the file is called after its number.
        sql: its text.
        applied_ms: when it was applied to this database; None when it is pending.
        only: the kind of database that it changes; None for every kind.
    """

    number: int
    name: str
    sql: str
    applied_ms: int | None = None
    only: str | None = None

    def for_kind(self, kind: str) -> str:
        """Return the SQL that it means for a kind of database."""
        return self.sql if self.only in (None, kind) else ""

    @property
    def checksum(self) -> str:
        """SHA-256 of the text, in hexadecimal."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


async def status(database: Database) -> list[Migration]:
    """Return every migration that this program knows, in order, each with the time it was applied.

    Raises:
        StorageFailed: the database was made by a newer program, or by a migration whose text was changed since.
    """
    applied = await _applied(database)
    known = _known()
    _check(applied, known)
    return [replace(m, applied_ms=applied[m.number][1]) if m.number in applied else m for m in known]


def pending_sql(known: Sequence[Migration], kind: str) -> str:
    """Return the SQL that `apply` would run on a kind of database, empty when nothing is pending."""
    texts = (migration.for_kind(kind) for migration in known if migration.applied_ms is None)
    return "\n".join(filter(None, texts))


def without_database() -> list[Migration]:
    """Return every migration that this program knows, all of them pending."""
    return list(_known())


async def apply(database: Database, *, applied: Callable[[Migration], None] | None = None) -> list[Migration]:
    """Apply what is pending, each migration in its own transaction, and return what was applied here.

    Args:
        database: may be used by other processes meanwhile; several may call this at once.
        applied: called after each migration, to show progress.

    Raises:
        StorageFailed: as for `status`.
    """
    done: list[Migration] = []
    if not await database.has_table("migration"):
        with suppress(Conflict):  # another node makes the same table at this moment
            await database.commit(Statement(LEDGER))
    for migration in await status(database):
        if migration.applied_ms is None and await _claimed(database, migration):
            done.append(migration)
            if applied:
                applied(migration)
    return done


def newest() -> int:
    """Return the number of the newest migration that this program knows."""
    return _known()[-1].number


async def _claimed(database: Database, migration: Migration) -> bool:
    claim = Statement(
        f"INSERT INTO migration (number, name, checksum, applied_ms) VALUES (?, ?, ?, {database.now_ms})",  # noqa: S608
        (migration.number, migration.name, migration.checksum),
    )
    try:
        await database.commit_apart(claim, *(Statement(sql) for sql in statements(migration.for_kind(database.kind))))
    except Conflict:
        await status(database)  # another node was first; its text must be ours
        return False
    return True


def statements(sql: str) -> list[str]:
    """Split the text of a migration: a statement ends where a line ends with `;`, and `--` begins a line of comment."""
    found: list[str] = []
    lines: list[str] = []
    for line in sql.splitlines():
        if not line.strip() or line.lstrip().startswith("--"):
            continue
        lines.append(line)
        if line.rstrip().endswith(";"):
            found.append("\n".join(lines).rstrip().removesuffix(";"))
            lines.clear()
    if lines:
        raise ValueError(f"a migration ends without `;`: {lines[0]}")
    return found


@cache
def _known() -> Sequence[Migration]:
    folder = files("mapae.storage") / "migrations"
    texts = sorted((entry.name, entry.read_text("utf-8")) for entry in folder.iterdir() if entry.name.endswith(".sql"))
    return tuple(_read(file.removesuffix(".sql"), text.replace("\r\n", "\n")) for file, text in texts)


def _read(called: str, sql: str) -> Migration:
    name, _, only = called[5:].partition(".")
    return Migration(int(called[:4]), name, sql, only=only or None)


async def _applied(database: Database) -> dict[int, tuple[str, int]]:
    if not await database.has_table("migration"):
        return {}
    rows = await database.fetch("SELECT number, checksum, applied_ms FROM migration ORDER BY number")
    return {number: (checksum, applied_ms) for number, checksum, applied_ms in rows}


def _check(applied: dict[int, tuple[str, int]], known: Sequence[Migration]) -> None:
    newest = max(applied, default=0)
    if newest > len(known):
        raise StorageFailed(
            f"the database has schema {newest}, this program knows only {len(known)}: "
            "install the newer Mapae again, or restore the backup that was made before the upgrade"
        )
    for migration in known[:newest]:
        checksum, _ = applied.get(migration.number, ("", 0))
        if checksum != migration.checksum:
            raise StorageFailed(
                f"migration {migration.number:04} ({migration.name}) is not the one this database was made with: "
                "applied migrations are never edited, so install an unchanged Mapae, or restore a backup"
            )
