"""What the rest of Mapae sees of a database, whichever it is."""

from __future__ import annotations

from typing import Protocol

from mapae.errors import StorageFailed
from mapae.storage.statement import Row, Statement, Value


class Database(Protocol):
    """One open database.

    Attributes:
        kind: `sqlite` or `postgresql`.
        path: where it is, for messages; never with a password.
        now_ms: an SQL expression: the database's own clock in milliseconds since 1970.
        shares_clock: whether that clock is this machine's.
        unwritable: why nothing could be written, since somebody tried and until `try_to_write` of
            `mapae.storage.room` has succeeded; None while all is well, and for what passes by itself.
    """

    kind: str
    path: str
    now_ms: str
    shares_clock: bool
    unwritable: StorageFailed | None

    async def fetch(self, sql: str, *values: Value) -> list[Row]:
        """Return all rows of a query.

        Raises:
            StorageFailed: the database cannot be read; the message says the cure.
        """

    async def fetch_one(self, sql: str, *values: Value) -> Row | None:
        """Return the first row of a query, or None.

        Raises:
            StorageFailed: the database cannot be read; the message says the cure.
        """

    async def fetch_apart(self, sql: str, *values: Value) -> list[Row]:
        """Return all rows of a query that may read a whole table, without making others wait.

        Raises:
            StorageFailed: the database cannot be read; the message says the cure.
        """

    async def snapshot(self, *queries: Statement) -> list[list[Row]]:
        """Return the rows of several queries, all as of the same moment.

        Raises:
            StorageFailed: the database cannot be read; the message says the cure.
        """

    async def commit(self, *statements: Statement) -> list[list[Row]]:
        """Run `statements` as one transaction and return their rows, once they are safe.

        Raises:
            Conflict: a statement did not change the rows it must (or raised its own `otherwise`), or a unique rule
                was broken. Nothing was changed.
            StorageFailed: the database cannot be written; the message says the cure.
        """

    async def commit_apart(self, *statements: Statement) -> list[list[Row]]:
        """Do the same as `commit` for what may take long: a change of the schema."""

    async def has_table(self, name: str) -> bool:
        """Tell whether there is a table called `name`."""

    def check(self) -> None:
        """Make sure that the database can be used, as far as is known without waiting.

        Raises:
            StorageFailed: it cannot.
        """

    def check_room(self) -> None:
        """Make sure that there is room for more, as far as that is known without trying.

        Raises:
            StorageFailed: there is not.
        """

    def changed(self) -> bool:
        """Tell whether anyone is known to have committed since the last call; it costs microseconds.

        False says nothing where another machine keeps the database.
        """

    async def close(self) -> None:
        """Let what was begun come to its end, then close. Closing twice is allowed."""
