"""The one thread that writes to an SQLite file: all waiting work goes into one transaction (group commit)."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from queue import Empty, SimpleQueue

from mapae.errors import MapaeError, StorageFailed
from mapae.storage.sqlite_errors import primary_code, spoils_the_transaction, translated
from mapae.storage.statement import Row, Statement
from mapae.storage.turnstile import Turnstile

Results = list[list[Row]]

BATCH = 256
"""A transaction with so many pieces of work takes no more, so that another process never waits long for the lock."""
PAUSE = 0.0003
"""Seconds between two attempts to get the lock from another process."""


@dataclass(frozen=True, slots=True)
class Work:
    """The statements of one `commit()`, and where its caller waits."""

    statements: Sequence[Statement]
    answer: asyncio.Future[Results]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one piece of work."""

    answer: asyncio.Future[Results]
    result: Results | BaseException


class _HalfDone(Exception):
    """A piece of work was refused after it had changed something."""


class _Refused(Exception):
    """A statement touched another number of rows than it must."""

    def __init__(self, touched: int, reason: MapaeError) -> None:
        super().__init__()
        self.touched = touched
        self.reason = reason


class Writer(threading.Thread):
    """Writes what `submit` brings; each caller hears of it only once it is on the disk.

    A piece of work that is refused takes nothing else with it. The write lock is never held while waiting for more.
    """

    def __init__(self, path: str, connection: sqlite3.Connection, *, patience: float) -> None:
        super().__init__(name="mapae-writer", daemon=True)
        self._path = path
        self._connection = connection
        self._patience = patience
        self._turnstile = Turnstile(f"{path}-turn")
        self._queue: SimpleQueue[Sequence[Work] | None] = SimpleQueue()
        self._closing = False

    def submit(self, works: Sequence[Work]) -> None:
        """Put `works` into the queue; up to `BATCH` of them are sure to be in one transaction."""
        for start in range(0, len(works), BATCH):
            self._queue.put(works[start : start + BATCH])

    def finish(self) -> None:
        """Ask the thread to end after everything that was submitted before."""
        self._queue.put(None)

    def run(self) -> None:
        """Serve the queue until `finish`."""
        while not self._closing:
            first = self._queue.get()
            if first is None:
                break
            _deliver(self._written(first))
        self._turnstile.close()
        self._connection.close()

    def _written(self, first: Sequence[Work]) -> list[Outcome]:
        try:
            self._begin()
        except sqlite3.Error as error:  # the others would wait as long again, for the same answer
            return self._failed(self._with_waiting(first), error)
        batch = self._with_waiting(first)
        try:
            outcomes = self._attempted(batch)
            self._connection.execute("COMMIT")
        except Exception as error:  # noqa: BLE001  whatever it is, the callers must hear of it and the thread must live
            self._abandon()
            return self._failed(batch, error)
        return outcomes

    def _attempted(self, batch: Sequence[Work]) -> list[Outcome]:
        """Run each piece of work; raise only what spoils the transaction for everybody.

        Savepoints triple the number of times this thread gives up Python's lock and waits for it again, so the first
        try goes without. A refused first statement has changed nothing. Only when a later one is refused is the
        transaction begun anew, with savepoints.
        """
        try:
            return [Outcome(work.answer, self._unguarded(work)) for work in batch]
        except _HalfDone:
            self._connection.execute("ROLLBACK")
            self._begin()
            return [Outcome(work.answer, self._guarded(work)) for work in batch]

    def _failed(self, batch: Sequence[Work], error: Exception) -> list[Outcome]:
        return [Outcome(work.answer, self._reason(error)) for work in batch]

    def _begin(self) -> None:
        """Take the write lock, waiting for other processes at most `patience` seconds."""
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

    def _with_waiting(self, first: Sequence[Work]) -> list[Work]:
        batch = [*first]
        try:
            while len(batch) < BATCH:
                works = self._queue.get_nowait()
                if works is None:
                    self._closing = True
                    break
                batch += works
        except Empty:
            pass
        return batch

    def _unguarded(self, work: Work) -> Results | BaseException:
        """Run one piece of work; raise _HalfDone when it was refused after it had changed something."""
        if work.answer.cancelled():
            return []
        results: Results = []
        try:
            for statement in work.statements:
                results.append(self._rows(statement))
        except _Refused as refused:
            if results or refused.touched:
                raise _HalfDone from None
            return refused.reason
        except Exception as error:
            if self._spoilt_by(error):
                raise
            if results:
                raise _HalfDone from None
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

    def _abandon(self) -> None:
        if self._connection.in_transaction:
            try:
                self._connection.execute("ROLLBACK")
            except sqlite3.Error:
                return  # the next BEGIN will say what is wrong


def closed(path: str) -> MapaeError:
    """Return what a caller hears who comes after the end."""
    return StorageFailed(f"database {path}: it was closed")


def _deliver(outcomes: Sequence[Outcome]) -> None:
    """Wake every event loop once, however many of its callers have an outcome."""
    by_loop: dict[asyncio.AbstractEventLoop, list[Outcome]] = {}
    for outcome in outcomes:
        by_loop.setdefault(outcome.answer.get_loop(), []).append(outcome)
    for loop, its_outcomes in by_loop.items():
        try:
            loop.call_soon_threadsafe(_settle, its_outcomes)
        except RuntimeError:
            continue  # that loop has ended: nobody waits there any more


def _settle(outcomes: Sequence[Outcome]) -> None:
    for outcome in outcomes:
        if outcome.answer.done():
            continue
        if isinstance(outcome.result, BaseException):
            outcome.answer.set_exception(outcome.result)
        else:
            outcome.answer.set_result(outcome.result)
