"""A database in PostgreSQL, behind the interface that SQLite has too."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from random import SystemRandom
from typing import TypeAlias, TypeVar

from psycopg import pq

from mapae.errors import StorageFailed
from mapae.storage.postgres.connection import Call, Connection, Failed, Lost, call, decoded
from mapae.storage.postgres.errors import (
    DIVISION_BY_ZERO,
    LATE,
    NOT_PREPARED,
    RETRIED,
    STOPPED,
    lost,
    sqlstate_of,
    translated,
)
from mapae.storage.postgres.pool import OVERTIME_SECONDS, Pool
from mapae.storage.postgres.sql import check_reads, counted, numbered, returns_rows
from mapae.storage.postgres.target import APART_SECONDS, LOCK_SECONDS, STATEMENT_SECONDS, target_of
from mapae.storage.postgres.together import Together
from mapae.storage.statement import Row, Statement, Value

A = TypeVar("A")
T = TypeVar("T")

Batch = list[list[Row]]
"""The rows of each statement."""
Trip: TypeAlias = Awaitable[Sequence[T | Exception]]
"""A round trip under way: what each asked for, or what to raise for it."""
Swap = tuple[str, Call]
"""A change of one row by its primary key, and that key."""
Changed = tuple[int, list[Row]]
"""How many rows were changed, and what RETURNING says of them."""

TRIES = 6
"""Times a transaction is begun that the server undoes because of others."""
PAUSE_SECONDS = 0.01
"""Before the second try; doubled before each further one."""
READS_AT_ONCE, SWAPS_AT_ONCE = 2, 2
"""Round trips that reads, and changes of one row, are under way with at once; who asks meanwhile joins the next."""
APART_AT_ONCE = 2
"""Long queries that may run at once, so that they leave connections to the others."""

_dice = SystemRandom()

BEGIN = call(numbered("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY"), ())
COMMIT = call(numbered("COMMIT"), ())
ROLLBACK = call(numbered("ROLLBACK"), ())
LIMITS = numbered("SELECT set_config('statement_timeout', ?, TRUE), set_config('lock_timeout', ?, TRUE)")


class PostgresDatabase:
    """One open database. Every method costs one round trip, which `fetch` and changes of one row may share.

    Attributes:
        kind: which kind of database this is.
        path: where it is, for messages.
        now_ms: an SQL expression: the database's own clock in milliseconds since 1970.
        shares_clock: whether its clock is this machine's.
        unwritable: as in `mapae.storage.interface`.
    """

    kind = "postgresql"
    now_ms = "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)"
    shares_clock = False

    def __init__(self, url: str, *, connections: int) -> None:
        target = target_of(url)
        self.path = target.place
        self.unwritable: StorageFailed | None = None
        self._pool = Pool(target, size=connections)
        self._apart = asyncio.Semaphore(max(1, min(APART_AT_ONCE, connections - 1)))
        self._reads: Together[Call, list[Row]] = Together(
            self._read_together, at_once=READS_AT_ONCE, busy=self._too_many
        )
        self._swaps: Together[Swap, Changed] = Together(self._swap_together, at_once=SWAPS_AT_ONCE, busy=self._too_many)

    async def fetch(self, sql: str, *values: Value) -> list[Row]:
        """Return all rows of a query.

        Raises:
            StorageFailed: the database cannot be read; the message says the cure.
        """
        return await self._reads.ask(_reading(sql, values))

    async def fetch_one(self, sql: str, *values: Value) -> Row | None:
        """Return the first row of a query, or None.

        Raises:
            StorageFailed: the database cannot be read; the message says the cure.
        """
        rows = await self.fetch(sql, *values)
        return rows[0] if rows else None

    async def fetch_apart(self, sql: str, *values: Value) -> list[Row]:
        """Return all rows of a query that may read a whole table: few at once, with more time.

        Raises:
            StorageFailed: the database cannot be read; the message says the cure.
        """
        async with self._apart:
            _, rows = await self._read([_limits(APART_SECONDS, LOCK_SECONDS), _reading(sql, values)], APART_SECONDS)
        return rows

    async def snapshot(self, *queries: Statement) -> Batch:
        """Return the rows of several queries, all as of the same moment.

        Raises:
            StorageFailed: the database cannot be read; the message says the cure.
        """
        _, *found, _ = await self._read([BEGIN, *(_reading(query.sql, query.values) for query in queries), COMMIT])
        return found

    async def commit(self, *statements: Statement) -> Batch:
        """Run `statements` as one transaction and return their rows, once they are safe.

        If the waiting task is cancelled, the transaction happens or does not.

        Raises:
            Conflict: a statement did not change the rows it must (or raised its own `otherwise`), or a unique rule
                was broken. Nothing was changed.
            StorageFailed: the database cannot be written; the message says the cure. Nothing was changed, except that
                when the connection broke under way only a look can tell.
        """
        if len(statements) == 1 and (key := statements[0].key) is not None:
            one = statements[0]
            changed, rows = await self._swaps.ask((key, call(numbered(one.sql), one.values)))
            if changed == 1:
                return [rows]
            raise one.otherwise
        return await self._write(statements)

    async def commit_apart(self, *statements: Statement) -> Batch:
        """Do the same as `commit` for what may take long: a change of the schema."""
        return await self._write(statements, before=(_limits(APART_SECONDS, APART_SECONDS),))

    async def has_table(self, name: str) -> bool:
        """Tell whether there is a table called `name`."""
        return bool(await self.fetch("SELECT 1 WHERE to_regclass(?) IS NOT NULL", name))

    def check(self) -> None:
        """Make sure that the database can be used, as far as is known without asking it.

        Raises:
            StorageFailed: the last attempt to reach it has failed.
        """
        self._pool.check()

    def check_room(self) -> None:
        """Do nothing: what is known of the disk, its server knows."""

    def changed(self) -> bool:
        """Tell whether anyone has committed since the last call, where that can be known without asking: never here."""
        return False

    async def close(self) -> None:
        """Let what was begun come to its end, then close the connections. Closing twice is allowed."""
        await self._reads.settled()
        await self._swaps.settled()
        await self._pool.close()

    async def _read(self, calls: Sequence[Call], seconds: int = STATEMENT_SECONDS) -> Batch:
        try:
            return await self._tried(calls, seconds=seconds, again=True, read=decoded)
        except Failed as failed:
            raise translated(failed.result, self.path) from None
        except StorageFailed as failure:
            self._noted(failure)
            raise

    async def _read_together(self, calls: Sequence[Call], *, last: bool = False) -> Sequence[list[Row] | Exception]:
        try:
            return await self._tried(calls, seconds=STATEMENT_SECONDS, again=True, read=decoded)
        except Failed as failed:  # those after it were not run
            return await self._spoiled(failed, failed.index, calls, self._read_together, last=last)
        except StorageFailed as failure:
            self._noted(failure)
            raise

    async def _swap_together(self, swaps: Sequence[Swap], *, last: bool = False) -> Sequence[Changed | Exception]:
        order = sorted(range(len(swaps)), key=lambda at: swaps[at][0])  # so that no two trips wait for each other
        try:
            changed = await self._tried(
                [swaps[at][1] for at in order], seconds=STATEMENT_SECONDS, again=False, read=_changed
            )
        except Failed as failed:  # nothing was changed
            self._noted(translated(failed.result, self.path))
            return await self._spoiled(failed, order[failed.index], swaps, self._swap_together, last=last)
        except StorageFailed as failure:
            self._noted(failure)
            raise
        met = dict(zip(order, changed, strict=True))
        return [met[at] for at in range(len(swaps))]

    async def _spoiled(
        self, failed: Failed, at: int, asked: Sequence[A], send: Callable[..., Trip[T]], *, last: bool
    ) -> Sequence[T | Exception]:
        """Return the answers of a trip that one of `asked` has spoiled, so that it hinders nobody else.

        What waited too long costs the others one more trip, and not as long a wait for each.

        Args:
            at: which one it was.
            send: how to make another trip, with `last`.
            last: this was that one more trip.
        """
        late = sqlstate_of(failed.result) in LATE
        if len(asked) == 1 or (late and last):
            return [translated(failed.result, self.path) for _ in asked]
        if not late:
            return await _one_by_one(send, asked)
        others = await send([*asked[:at], *asked[at + 1 :]], last=True)
        return [*others[:at], translated(failed.result, self.path), *others[at:]]

    async def _write(self, statements: Sequence[Statement], *, before: Sequence[Call] = ()) -> Batch:
        calls = [*before, *map(_writing, statements)]
        seconds = APART_SECONDS if before else STATEMENT_SECONDS
        try:
            rows = await self._tried(calls, seconds=seconds, again=False, read=decoded)
        except Failed as failed:
            index = failed.index - len(before)
            if sqlstate_of(failed.result) == DIVISION_BY_ZERO and index >= 0 and statements[index].rows is not None:
                raise statements[index].otherwise() from None
            raise self._noted(translated(failed.result, self.path)) from None
        except StorageFailed as failure:
            self._noted(failure)
            raise
        return list(map(_without_count, statements, rows[len(before) :]))

    def _too_many(self) -> Exception:
        return self._noted(self._pool.busy())

    def _noted(self, failure: Exception) -> Exception:
        if isinstance(failure, StorageFailed) and failure.lasting:
            self.unwritable = failure
        return failure

    async def _tried(
        self, calls: Sequence[Call], *, seconds: int, again: bool, read: Callable[[pq.abc.PGresult], T]
    ) -> list[T]:
        """Run a batch; begin anew what others have undone, and what has not reached the server.

        Args:
            again: it may be run a second time although the server may have carried it out.
            read: what to make of the result of each call.

        Raises:
            Failed: a statement was refused.
            StorageFailed: no connection can be had, or it broke.
        """
        pause, tries, losses = PAUSE_SECONDS, 1, 0
        while True:
            connection = await self._pool.acquire()
            try:
                return [read(result) for result in await self._run(connection, calls, seconds)]
            except Lost as failure:
                losses += 1
                if (failure.sent and not again) or losses == TRIES + self._pool.size:  # all may have been cut at once
                    raise lost(self.path) from None
            except Failed as failed:
                state = sqlstate_of(failed.result)
                if state in NOT_PREPARED and not self._pool.pooled:
                    self._pool.stop_preparing()
                elif state in STOPPED and losses < TRIES:
                    losses += 1  # said in the place of a statement's answer, so before the end that commits
                elif state not in RETRIED or tries == TRIES:
                    raise
                else:
                    await asyncio.sleep(pause * _dice.uniform(0.5, 1.5))
                    pause, tries = pause * 2, tries + 1

    async def _run(self, connection: Connection, calls: Sequence[Call], seconds: int) -> list[pq.abc.PGresult]:
        ahead = 0
        if self._pool.pooled:  # the limits cannot stay on a connection that others use too
            ahead, first = 1, int(calls[:1] == [BEGIN])
            calls = [*calls[:first], _limits(STATEMENT_SECONDS, LOCK_SECONDS), *calls[first:]]
        try:
            results = await connection.start(calls, seconds=seconds + OVERTIME_SECONDS, then=self._give_back)
        except Failed as failed:
            raise Failed(failed.index - ahead, failed.result) from None
        return results[ahead:]

    def _give_back(self, connection: Connection) -> None:
        if connection.usable and connection.in_transaction:
            ended = connection.start([ROLLBACK], seconds=OVERTIME_SECONDS, then=self._pool.release)
            ended.add_done_callback(asyncio.Future.exception)  # nobody waits for it
        else:
            self._pool.release(connection)


async def open_postgres(url: str, *, connections: int) -> PostgresDatabase:
    """Open the database at `url` and see that it answers.

    Args:
        connections: how many this process keeps at most.

    Raises:
        StorageFailed: the database cannot be used; the message says the cure.
    """
    database = PostgresDatabase(url, connections=connections)
    try:
        await _check_encoding(database)
    except BaseException:
        await database.close()
        raise
    return database


async def _check_encoding(database: PostgresDatabase) -> None:
    ((encoding,),) = await database.fetch("SELECT current_setting('server_encoding')")
    if encoding != "UTF8":
        raise StorageFailed(
            f"database {database.path}: its encoding is {encoding}, which cannot hold every name; "
            "create it anew with ENCODING 'UTF8' TEMPLATE template0"
        )


def _limits(statement_seconds: int, lock_seconds: int) -> Call:
    return call(LIMITS, (f"{statement_seconds}s", f"{lock_seconds}s"))


def _reading(sql: str, values: tuple[Value, ...]) -> Call:
    check_reads(sql)
    return call(numbered(sql), values)


def _writing(statement: Statement) -> Call:
    text = numbered(statement.sql) if statement.rows is None else counted(statement.sql, statement.rows)
    return call(text, statement.values)


async def _one_by_one(send: Callable[..., Trip[T]], asked: Sequence[A]) -> list[T | Exception]:
    """Ask for each apart, so that the one that is to blame hinders nobody else."""
    found: list[T | Exception] = []
    for one in asked:
        try:
            found += await send([one])
        except StorageFailed as failure:
            found.append(failure)
    return found


def _changed(result: pq.abc.PGresult) -> Changed:
    return result.command_tuples or 0, decoded(result)


def _without_count(statement: Statement, rows: list[Row]) -> list[Row]:
    """Take away what `counted` has added."""
    if statement.rows is None:
        return rows
    if statement.rows == 0 or not returns_rows(statement.sql):
        return []
    return [row[1:] for row in rows]
