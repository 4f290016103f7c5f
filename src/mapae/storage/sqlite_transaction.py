"""One transaction of an SQLite file for many callers: all that is waiting is written together (group commit)."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple

from mapae.errors import MapaeError
from mapae.storage.sqlite_errors import primary_code, spoils_the_transaction, translated
from mapae.storage.statement import Row, Statement
from mapae.storage.turnstile import Turnstile

Results = list[list[Row]]

PAUSE = 0.0003
"""Seconds between two attempts to get the lock from another process."""


class Work(NamedTuple):
    """The statements of one `commit()`, and where its caller waits."""

    statements: Sequence[Statement]
    answer: asyncio.Future[Results]


class Outcome(NamedTuple):
    """What became of one piece of work."""

    answer: asyncio.Future[Results]
    result: Results | BaseException


class HalfDone(Exception):
    """A piece of work was refused after it had changed something; the transaction has been undone as a whole."""


class _Refused(Exception):
    """A statement touched another number of rows than it must."""

    def __init__(self, touched: int, reason: MapaeError) -> None:
        super().__init__()
        self.touched = touched
        self.reason = reason


class Transactions:
    """The writing connection: begin, run pieces of work, commit. One thread at a time may use it.

    A piece of work that is refused takes nothing else with it.
    """

    def __init__(self, path: str, connection: sqlite3.Connection, *, patience: float) -> None:
        """Take over `connection`, which must never wait inside SQLite (busy_timeout=0)."""
        self._path = path
        self._connection = connection
        self._patience = patience
        self._turnstile = Turnstile(f"{path}-turn")

    def begin_at_once(self) -> bool:
        """Take the write lock if nobody has it or waits for it, without waiting."""
        if not self._turnstile.enter_at_once():
            return False
        try:
            self._connection.execute("BEGIN IMMEDIATE")
        except sqlite3.Error:
            return False  # who can wait will hear the reason
        finally:
            self._turnstile.leave()
        return True

    def begin(self) -> None:
        """Take the write lock, waiting for other processes at most `patience` seconds.

        Raises:
            sqlite3.Error: they did not give it, or the file cannot be written.
        """
        deadline = time.monotonic() + self._patience
        self._turnstile.enter(self._patience)
        try:
            while True:
                try:
                    self._connection.execute("BEGIN IMMEDIATE")
                except sqlite3.OperationalError as error:
                    if primary_code(error) != sqlite3.SQLITE_BUSY or time.monotonic() >= deadline:
                        raise
                    time.sleep(PAUSE)
                else:
                    return
        finally:
            self._turnstile.leave()

    def run(self, batch: Sequence[Work]) -> list[Outcome]:
        """Run each piece of work, without savepoints, since they triple the number of statements.

        Raises:
            HalfDone: begin anew and use `run_guarded`.
            Exception: whatever spoils the transaction for everybody; `abandon` it.
        """
        try:
            return [Outcome(work.answer, self._unguarded(work)) for work in batch]
        except HalfDone:
            self._connection.execute("ROLLBACK")
            raise

    def run_guarded(self, batch: Sequence[Work]) -> list[Outcome]:
        """Run each piece of work in a savepoint, so that it can be refused at any of its statements.

        Raises:
            Exception: whatever spoils the transaction for everybody; `abandon` it.
        """
        return [Outcome(work.answer, self._guarded(work)) for work in batch]

    def commit(self) -> None:
        """End the transaction; what it changed is on the disk."""
        self._connection.execute("COMMIT")

    def abandon(self, batch: Sequence[Work | Outcome], error: Exception) -> list[Outcome]:
        """Undo the transaction, if there is one, and return what each of `batch` hears."""
        if self._connection.in_transaction:
            with suppress(sqlite3.Error):  # the next BEGIN will say what is wrong
                self._connection.execute("ROLLBACK")
        return [Outcome(one.answer, self._reason(error)) for one in batch]

    def close(self) -> None:
        """Give back the files."""
        self._turnstile.close()
        self._connection.close()

    def _unguarded(self, work: Work) -> Results | BaseException:
        """Run one piece of work. A refused first statement has changed nothing; after a later one, raise HalfDone."""
        if work.answer.cancelled():
            return []
        results: Results = []
        try:
            for statement in work.statements:
                results.append(self._rows(statement))
        except _Refused as refused:
            if results or refused.touched:
                raise HalfDone from None
            return refused.reason
        except Exception as error:
            if self._spoilt_by(error):
                raise
            if results:
                raise HalfDone from None
            return self._reason(error)  # SQLite itself undoes a statement that fails
        return results

    def _guarded(self, work: Work) -> Results | BaseException:
        """Run one piece of work in a savepoint, and undo it alone when it is refused."""
        if work.answer.cancelled():
            return []
        self._connection.execute("SAVEPOINT work")
        refusal: Exception | None = None
        results: Results = []
        try:
            results = [self._rows(statement) for statement in work.statements]
        except _Refused as refused:
            refusal = refused.reason
        except Exception as error:
            if self._spoilt_by(error):
                raise
            refusal = self._reason(error)
        if refusal is not None:
            self._connection.execute("ROLLBACK TO work")
        self._connection.execute("RELEASE work")
        return results if refusal is None else refusal

    def _rows(self, statement: Statement) -> list[Row]:
        cursor = self._connection.execute(statement.sql, statement.values)
        rows: list[Row] = cursor.fetchall() if cursor.description is not None else []
        if statement.rows is not None:
            touched = len(rows) if cursor.description is not None else cursor.rowcount
            if touched != statement.rows:
                raise _Refused(touched, statement.otherwise())
        return rows

    def _spoilt_by(self, error: Exception) -> bool:
        gone = not self._connection.in_transaction
        return gone or (isinstance(error, sqlite3.Error) and spoils_the_transaction(error))

    def _reason(self, error: Exception) -> Exception:
        return translated(error, self._path) if isinstance(error, sqlite3.Error) else error
