"""A database that counts how often it is asked anything: each question or transaction is one."""

from __future__ import annotations

from mapae.errors import StorageFailed
from mapae.storage.database import Database, Row, Statement, Value


class Counted:
    """Passes everything on to another database.

    Attributes:
        operations: questions and transactions so far.
    """

    def __init__(self, database: Database) -> None:
        """Count what is asked of `database`."""
        self._database = database
        self.operations = 0
        self.kind, self.path = database.kind, database.path
        self.now_ms, self.shares_clock = database.now_ms, database.shares_clock

    async def fetch(self, sql: str, *values: Value) -> list[Row]:
        """Pass it on."""
        self.operations += 1
        return await self._database.fetch(sql, *values)

    async def fetch_one(self, sql: str, *values: Value) -> Row | None:
        """Pass it on."""
        self.operations += 1
        return await self._database.fetch_one(sql, *values)

    async def fetch_apart(self, sql: str, *values: Value) -> list[Row]:
        """Pass it on."""
        self.operations += 1
        return await self._database.fetch_apart(sql, *values)

    async def snapshot(self, *queries: Statement) -> list[list[Row]]:
        """Pass it on."""
        self.operations += 1
        return await self._database.snapshot(*queries)

    async def commit(self, *statements: Statement) -> list[list[Row]]:
        """Pass it on."""
        self.operations += 1
        return await self._database.commit(*statements)

    async def commit_apart(self, *statements: Statement) -> list[list[Row]]:
        """Pass it on."""
        self.operations += 1
        return await self._database.commit_apart(*statements)

    async def has_table(self, name: str) -> bool:
        """Pass it on."""
        self.operations += 1
        return await self._database.has_table(name)

    def check(self) -> None:
        """Pass it on: it asks nothing."""
        self._database.check()

    @property
    def unwritable(self) -> StorageFailed | None:
        """Pass it on."""
        return self._database.unwritable

    @unwritable.setter
    def unwritable(self, failure: StorageFailed | None) -> None:
        self._database.unwritable = failure

    def check_room(self) -> None:
        """Pass it on: it asks nothing."""
        self._database.check_room()

    def changed(self) -> bool:
        """Pass it on; it is asked ten times a second and reads one number, so it does not count."""
        return self._database.changed()

    async def close(self) -> None:
        """Pass it on."""
        await self._database.close()
