"""Write to an SQLite file without keeping an event loop waiting for the disk.

Statements take microseconds and run where they are asked for; only COMMIT, which waits for the disk, runs in a thread
of its own. Handing over every statement instead cost more than the statements themselves: each gives up Python's lock,
and two busy threads then take it from each other again and again.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from queue import SimpleQueue

from mapae.errors import MapaeError, StorageFailed
from mapae.storage.sqlite_transaction import HalfDone, Outcome, Transactions, Work

BATCH = 256
"""A transaction with so many pieces of work takes no more, so that another process never waits long for the lock."""
AT_ONCE = 64
"""So many statements may run on an event loop in one go: a millisecond or two."""


@dataclass(frozen=True, slots=True)
class _Run:
    """A transaction whose statements have run; only its COMMIT is missing.

    Attributes:
        then: called on the callers' event loop once they have their answers.
    """

    outcomes: Sequence[Outcome]
    loop: asyncio.AbstractEventLoop
    then: Callable[[], None]


class Writer(threading.Thread):
    """The one writer of a process; each caller hears of its work only once it is on the disk.

    `_floor` is held by whoever uses the connection: an event loop while it runs statements, and on its behalf this
    thread until they are committed; or this thread alone. The write lock of the file is held no longer than that.
    """

    def __init__(self, path: str, connection: sqlite3.Connection, *, patience: float) -> None:
        super().__init__(name="mapae-writer", daemon=True)
        self._transactions = Transactions(path, connection, patience=patience)
        self._floor = threading.Lock()
        self._queue: SimpleQueue[_Run | Sequence[Work] | None] = SimpleQueue()
        self._waiting: list[Work] = []
        self._ending = False

    def run_here(self, works: Sequence[Work], loop: asyncio.AbstractEventLoop, *, then: Callable[[], None]) -> bool:
        """Run `works` in the calling thread, that of `loop`, and leave the COMMIT to the writer's thread.

        Returns:
            False when nothing was done because somebody else is writing, or the works are too long: `submit` them.
        """
        if sum(len(work.statements) for work in works) > AT_ONCE or not self._floor.acquire(blocking=False):
            return False
        if not self._transactions.begin_at_once():
            self._floor.release()
            return False
        try:
            outcomes = self._transactions.run(works)
        except HalfDone:
            self._floor.release()
            return False
        except Exception as error:  # noqa: BLE001  whatever it is, the callers must hear of it
            outcomes = self._transactions.abandon(works, error)
            self._floor.release()
            self._queue.put(())  # work that was submitted meanwhile found the floor taken
            loop.call_soon(_settle, outcomes, then)
            return True
        self._queue.put(_Run(outcomes, loop, then))
        return True

    def submit(self, works: Sequence[Work]) -> None:
        """Let the thread do all of `works`; it can wait for other processes."""
        self._queue.put(works)

    def finish(self) -> None:
        """Ask the thread to end after everything that was given before."""
        self._queue.put(None)

    def run(self) -> None:
        """Serve the queue until `finish`."""
        while not self._ending:
            match self._queue.get():
                case None:
                    self._ending = True
                case _Run() as ran:
                    self._end(ran)
                case works:
                    self._waiting += works
                    if self._floor.acquire(blocking=False):  # else the event loop that has it sends its transaction
                        self._write_waiting()
                        self._floor.release()
        while not self._floor.acquire(blocking=False):
            match self._queue.get():
                case _Run() as ran:
                    self._end(ran)
                case works:
                    self._waiting += works or ()
        self._write_waiting()
        self._transactions.close()

    def _end(self, ran: _Run) -> None:
        """Commit what an event loop has run, do what was submitted meanwhile, and give the floor back."""
        outcomes = ran.outcomes
        try:
            self._transactions.commit()
        except sqlite3.Error as error:
            outcomes = self._transactions.abandon(outcomes, error)
        if not self._waiting:
            self._floor.release()  # before the loop hears of it, which goes on with the next transaction
            _deliver(outcomes, ran.loop, ran.then)
            return
        _deliver(outcomes, ran.loop, ran.then)
        self._write_waiting()
        self._floor.release()

    def _write_waiting(self) -> None:
        """Do everything that was submitted; the floor is ours."""
        while self._waiting:
            try:
                self._transactions.begin()
            except sqlite3.Error as error:  # the others would wait as long again, for the same answer
                self._take_submitted()
                everything, self._waiting = self._waiting, []
                _deliver_each(self._transactions.abandon(everything, error))
                return
            self._take_submitted()
            batch, self._waiting = self._waiting[:BATCH], self._waiting[BATCH:]
            _deliver_each(self._written(batch))

    def _written(self, batch: Sequence[Work]) -> list[Outcome]:
        try:
            try:
                outcomes = self._transactions.run(batch)
            except HalfDone:
                self._transactions.begin()
                outcomes = self._transactions.run_guarded(batch)
            self._transactions.commit()
        except Exception as error:  # noqa: BLE001  whatever it is, the callers must hear of it and the thread must live
            return self._transactions.abandon(batch, error)
        return outcomes

    def _take_submitted(self) -> None:
        """Take what came in meanwhile; while the floor is ours, nothing else can be in the queue."""
        while not self._queue.empty():
            item = self._queue.get()
            if item is None:
                self._ending = True
            elif not isinstance(item, _Run):
                self._waiting += item


def closed(path: str) -> MapaeError:
    """Return what a caller hears who comes after the end."""
    return StorageFailed(f"database {path}: it was closed")


def _deliver_each(outcomes: Sequence[Outcome]) -> None:
    """Wake every event loop once, however many of its callers have an outcome."""
    by_loop: dict[asyncio.AbstractEventLoop, list[Outcome]] = {}
    for outcome in outcomes:
        by_loop.setdefault(outcome.answer.get_loop(), []).append(outcome)
    for loop, its_outcomes in by_loop.items():
        _deliver(its_outcomes, loop)


def _deliver(
    outcomes: Sequence[Outcome], loop: asyncio.AbstractEventLoop, then: Callable[[], None] | None = None
) -> None:
    try:
        loop.call_soon_threadsafe(_settle, outcomes, then)
    except RuntimeError:
        return  # that loop has ended: nobody waits there any more


def _settle(outcomes: Sequence[Outcome], then: Callable[[], None] | None) -> None:
    for outcome in outcomes:
        if outcome.answer.done():
            continue
        if isinstance(outcome.result, BaseException):
            outcome.answer.set_exception(outcome.result)
        else:
            outcome.answer.set_result(outcome.result)
    if then is not None:
        then()
