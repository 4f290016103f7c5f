"""One connection to PostgreSQL, through libpq's pipeline mode.

What is sent together is one round trip and one transaction: the server commits when it reads the end of the batch, and
skips the rest of a batch in which a statement fails. The statements that come again and again are prepared on the
connection. It lives on one event loop.
"""

from __future__ import annotations

import asyncio
import select
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import psycopg
from psycopg import pq

from mapae.storage.postgres import sql as texts
from mapae.storage.statement import Row, Value

PREPARED = 256
"""Statements prepared on one connection; further ones are sent with their text."""
BINARY = 1


class Lost(Exception):
    """The connection broke. With `sent` False the server has seen nothing of the batch."""

    def __init__(self, *, sent: bool) -> None:
        super().__init__("the connection broke")
        self.sent = sent


class Failed(Exception):
    """A statement failed; the transaction was undone.

    Attributes:
        index: which one of the batch.
        result: what the server said.
    """

    def __init__(self, index: int, result: pq.abc.PGresult) -> None:
        super().__init__("a statement failed")
        self.index = index
        self.result = result


@dataclass(frozen=True, slots=True)
class Call:
    """One statement of a batch, ready to be sent."""

    sql: bytes
    values: list[bytes | None]
    types: tuple[int, ...]


def call(text: tuple[bytes, int], values: Sequence[Value]) -> Call:
    """Put a translated text and its values together.

    Raises:
        ValueError: there are more or fewer values than places for them.
        OverflowError, TypeError: see `texts.encoded`.
    """
    sql, count = text
    if len(values) != count:
        raise ValueError(f"{len(values)} values for {count} places")
    return Call(sql, *texts.encoded(values))


def _nothing(_connection: Connection) -> None:
    """Do nothing when a batch has come to its end."""


Results = list[pq.abc.PGresult]

Step = int | bytes
"""What an awaited result belongs to: the call with this index, or the preparation of this name."""


class Connection:
    """An open connection.

    Attributes:
        prepares: whether statements are prepared; not where a pooler hands every transaction to another server
            connection.
        on_lost: called once when the connection breaks.
    """

    def __init__(
        self, opened: psycopg.AsyncConnection, *, prepares: bool, on_lost: Callable[[Connection], None]
    ) -> None:
        self.prepares = prepares
        self.on_lost = on_lost
        self._opened = opened
        self._pg = opened.pgconn
        self._loop = asyncio.get_running_loop()
        self._socket = self._pg.socket
        self._news = select.poll()
        self._news.register(self._socket, select.POLLIN)
        self._prepared: set[bytes] = set()
        self._steps: deque[Step] = deque()
        self._results: list[pq.abc.PGresult] = []
        self._failed: Failed | None = None
        self._answer: asyncio.Future[Results] | None = None
        self._then: Callable[[Connection], None] = _nothing
        self._timer: asyncio.TimerHandle | None = None
        self._open = True
        self._pg.nonblocking = 1
        self._pg.enter_pipeline_mode()
        self._loop.add_reader(self._socket, self._read)

    @property
    def usable(self) -> bool:
        """Whether a batch can be sent."""
        return self._open

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction that was begun by name is still open, because a statement in it failed."""
        return self._pg.transaction_status in (pq.TransactionStatus.INTRANS, pq.TransactionStatus.INERROR)

    def start(
        self, calls: Sequence[Call], *, seconds: float, then: Callable[[Connection], None] = _nothing
    ) -> asyncio.Future[Results]:
        """Send a batch; the future holds the result of each call, once the transaction is committed.

        The future fails with `Failed` or `Lost`. Whoever awaits it may be cancelled: the batch goes on all the same.

        Args:
            seconds: without the whole answer after so long the connection is given up.
            then: called when the connection is free again, or broken.

        Raises:
            Lost: the connection was broken before anything was sent.
        """
        self._look()
        if not self._open:
            raise Lost(sent=False)
        answer = self._answer = self._loop.create_future()
        self._then = then
        self._steps.clear()
        self._results, self._failed = [], None
        try:
            for index, each in enumerate(calls):
                self._send(index, each)
            self._pg.pipeline_sync()
            self._flush()
        except psycopg.Error:
            self._break(sent=False)
            return answer
        self._timer = self._loop.call_later(seconds, self._break)
        return answer

    async def close(self) -> None:
        """Close the connection; a batch that is under way is lost."""
        self._break()
        await self._opened.close()

    def _look(self) -> None:
        """Notice that the server has hung up, if it did so since the event loop has looked last."""
        while self._open and self._news.poll(0):
            self._read()

    def _send(self, index: int, each: Call) -> None:
        name = self._name(each)
        if name is None:
            self._pg.send_query_params(
                each.sql,
                each.values,
                param_types=each.types,
                param_formats=[BINARY] * len(each.values),
                result_format=BINARY,
            )
            self._steps.append(index)
            return
        if name not in self._prepared:
            self._pg.send_prepare(name, each.sql, each.types)
            self._prepared.add(name)
            self._steps.append(name)
        self._pg.send_query_prepared(name, each.values, param_formats=[BINARY] * len(each.values), result_format=BINARY)
        self._steps.append(index)

    def _name(self, each: Call) -> bytes | None:
        """Return what `each` is prepared as, or to be prepared as; None when its text goes with it each time."""
        if not (self.prepares and texts.is_preparable(each.sql)):
            return None
        name = texts.name_of(each.sql, each.types)
        return name if name in self._prepared or len(self._prepared) < PREPARED else None

    def _flush(self) -> None:
        if self._pg.flush():
            self._loop.add_writer(self._socket, self._write)

    def _write(self) -> None:
        try:
            waiting = self._pg.flush()
        except psycopg.Error:
            self._break()
            return
        if not waiting:
            self._loop.remove_writer(self._socket)

    def _read(self) -> None:
        broken = False
        try:
            self._pg.consume_input()
        except psycopg.Error:
            broken = True  # what arrived before may say why
        try:
            self._take_all()
        except psycopg.Error:
            broken = True
        if broken:
            self._break()

    def _take_all(self) -> None:
        ends = 0  # libpq says None after the results of each statement; twice in a row when there is no more
        while self._open and ends < 2 and not self._pg.is_busy():
            result = self._pg.get_result()
            if result is None:
                ends += 1
                continue
            ends = 0
            if self._took(result):
                return

    def _took(self, result: pq.abc.PGresult) -> bool:
        """Take in one result; say whether it was the last of its batch."""
        status = result.status
        if status == pq.ExecStatus.PIPELINE_SYNC:
            self._finish()
            return True
        if not self._steps:
            return False  # not an answer to anything: the server speaks of itself before it goes
        step = self._steps.popleft()
        good = status in (pq.ExecStatus.TUPLES_OK, pq.ExecStatus.COMMAND_OK, pq.ExecStatus.EMPTY_QUERY)
        if not isinstance(step, int):
            if not good:
                self._prepared.discard(step)
                self._remember(len(self._results), result)
        elif good:
            self._results.append(result)
        else:
            self._remember(step, result)
        return False

    def _remember(self, index: int, result: pq.abc.PGresult) -> None:
        told_by_server = result.error_field(pq.DiagnosticField.SQLSTATE) is not None  # else libpq lost the connection
        if self._failed is None and told_by_server and result.status == pq.ExecStatus.FATAL_ERROR:
            self._failed = Failed(index, result)

    def _finish(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        answer, self._answer = self._answer, None
        if answer is None:
            return
        if not answer.done():
            if self._failed is not None:
                answer.set_exception(self._failed)
            else:
                answer.set_result(self._results)
        self._then(self)

    def _break(self, *, sent: bool = True) -> None:
        if not self._open:
            return
        self._open = False
        self._loop.remove_reader(self._socket)
        self._loop.remove_writer(self._socket)
        if self._timer is not None:
            self._timer.cancel()
        answer, self._answer = self._answer, None
        if answer is not None and not answer.done():
            # What the server said last tells more than that the line is dead.
            answer.set_exception(self._failed or Lost(sent=sent))
        self._pg.finish()
        self.on_lost(self)
        if answer is not None:
            self._then(self)


def _number(octets: bytes) -> int:
    return int.from_bytes(octets, "big", signed=True)


def _unknown(_octets: bytes) -> Value:
    raise TypeError("a column has a type that no table of ours has")


_READERS: dict[int, Callable[[bytes], Value]] = {
    **dict.fromkeys((16, 20, 21, 23), _number),  # bool, int8, int2, int4
    **dict.fromkeys((18, 19, 25, 705, 1043), bytes.decode),  # char, name, text, unknown, varchar
    texts.BYTEA: bytes,
}
"""By the numbers of PostgreSQL's catalogue: how a value is read from its binary form."""


def decoded(result: pq.abc.PGresult) -> list[Row]:
    """Return the rows of a result in binary form.

    Raises:
        TypeError: a column is of a type that no table of ours has.
    """
    if not result.ntuples:
        return []
    readers = [(column, _READERS.get(result.ftype(column)) or _unknown) for column in range(result.nfields)]
    value = result.get_value
    return [
        tuple(None if (octets := value(row, column)) is None else read(octets) for column, read in readers)
        for row in range(result.ntuples)
    ]
