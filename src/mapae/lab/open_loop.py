"""An open-loop generator for HTTP/1.1 on this machine: requests are sent when they are due, whatever the answers do.

Whoever waits for an answer before asking again asks less of a slow server, and hides how slow it was (coordinated
omission). Here every request has a moment at which it is due, its latency counts from that moment, and a request that
finds no free connection opens one. How late the generator itself was is measured beside it.

One thread, one epoll: a process of its own runs this, with `gc` switched off.
"""

from __future__ import annotations

import gc
import heapq
import select
import socket
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import count
from random import Random
from time import perf_counter, process_time
from typing import NamedTuple, Protocol

from mapae.lab.http_wire import HOST, Wire

LOST, LATE = 0, -1
"""Instead of a status: the connection broke; nothing came in time."""


class Answer(NamedTuple):
    """What became of one request.

    Attributes:
        kind: what was asked, in the client's own numbering.
        due: when it should have been sent, in seconds since the run began.
        sent: when it was.
        done: when the whole answer was there.
        status: of the answer; `LOST` or `LATE` where there was none.
    """

    kind: int
    due: float
    sent: float
    done: float
    status: int

    @property
    def latency(self) -> float:
        """Seconds from the moment the request was due."""
        return self.done - self.due


class Client(Protocol):
    """Somebody who asks, and asks again."""

    def ask(self, now: float) -> tuple[int, bytes]:
        """Return the kind of the request that is due, and the request as it goes over the wire."""

    def answered(self, answer: Answer, head: bytes, body: bytes) -> float | None:
        """Learn from the answer; return when the next request is due, or None when there is none."""


class Stream(NamedTuple):
    """Clients who come one after the other.

    Attributes:
        moments: when each comes, in seconds since the run began, in order.
        make: returns the next client.
    """

    moments: Iterable[float]
    make: Callable[[], Client]


def constant(rate: float, *, begins: float = 0.0, ends: float) -> Iterator[float]:
    """Yield the moments of arrivals that are equally far apart."""
    for number in range(int((ends - begins) * rate)):
        yield begins + number / rate


def poisson(rate: float, *, begins: float = 0.0, people: int, random: Random) -> Iterator[float]:
    """Yield the moments of `people` arrivals that know nothing of one another, `rate` a second on average."""
    at = begins
    for _ in range(people):
        at += random.expovariate(rate)
        yield at


@dataclass
class Outcome:
    """What a run found.

    Attributes:
        answers: one for each request, in the order of their ends.
        unanswered: requests that were under way or not yet sent when the run ended.
        processor: seconds of processor time the generator used.
        seconds: how long the run took.
    """

    answers: list[Answer] = field(default_factory=list)
    unanswered: int = 0
    processor: float = 0.0
    seconds: float = 0.0

    def late(self, share: float) -> float:
        """Return how late the generator sent a request, in seconds: the given percentile."""
        return percentile([answer.sent - answer.due for answer in self.answers], share)


def percentile(values: Iterable[float], share: float) -> float:
    """Return the value that `share` of all do not exceed; 0 of none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0


class _Connection(Wire):
    __slots__ = ("began", "client", "due", "kind", "request", "reused", "sent")

    def __init__(self, port: int) -> None:
        connection = socket.socket()
        connection.setblocking(False)
        connection.connect_ex((HOST, port))
        super().__init__(connection)
        self.client: Client | None = None
        self.kind, self.request, self.due, self.sent = 0, b"", 0.0, 0.0
        self.began = self.reused = False

    def send(self) -> bool:
        """Send the request; say whether that was possible yet."""
        try:
            self.socket.send(self.request)
        except BlockingIOError:
            return False
        self.began = True
        return True


class OpenLoop:
    """A run against the server on `port`.

    Args:
        patience: seconds after which nobody waits for an answer any more, and its connection is closed.
        connections: the most at once; a request that finds none waits, and that counts.
        over: asked once in a while with the seconds since the beginning; the run ends when it says so.
    """

    def __init__(
        self, port: int, *, patience: float = 10.0, connections: int = 900, over: Callable[[float], bool]
    ) -> None:
        self._port, self._patience, self._most, self._over = port, patience, connections, over
        self._due: list[tuple[float, int, Client, Iterator[tuple[float, Client]] | None]] = []
        self._order = count()
        self._idle: list[_Connection] = []
        self._open: dict[int, _Connection] = {}
        self._queue: deque[tuple[float, Client]] = deque()
        self._deadlines: deque[tuple[float, _Connection, float]] = deque()
        self._poll = select.epoll()
        self._began = 0.0
        self.outcome = Outcome()

    def run(self, streams: Iterable[Stream]) -> Outcome:
        """Send what is due until it is over; the clock begins now."""
        for stream in streams:
            self._follow(_arrivals(stream))
        gc.disable()
        self._began, processor = perf_counter(), process_time()
        try:
            self._turn()
        finally:
            gc.enable()
            self.outcome.seconds = self._now()
            self.outcome.processor = process_time() - processor
            self.outcome.unanswered = len(self._queue) + sum(each.client is not None for each in self._open.values())
            self._poll.close()
            for connection in self._open.values():
                connection.socket.close()
        return self.outcome

    def _now(self) -> float:
        return perf_counter() - self._began

    def _turn(self) -> None:
        look = 0.0
        while True:
            now = self._now()
            if now >= look:
                look = now + 0.05
                self._give_up(now)
                if self._over(now):
                    return
            self._send_due(now)
            wait = min(look, self._due[0][0] if self._due else look) - self._now()
            for number, events in self._poll.poll(max(0.0, wait)):
                self._event(self._open[number], events)

    def _follow(self, arrivals: Iterator[tuple[float, Client]]) -> None:
        for at, client in arrivals:
            heapq.heappush(self._due, (at, next(self._order), client, arrivals))
            return

    def _send_due(self, now: float) -> None:
        while self._queue and (self._idle or len(self._open) < self._most):
            self._send(*self._queue.popleft())
        while self._due and self._due[0][0] <= now:
            at, _, client, others = heapq.heappop(self._due)
            if others is not None:
                self._follow(others)
            self._send(at, client)

    def _send(self, due: float, client: Client) -> None:
        if self._idle:
            connection = self._idle.pop()
            connection.reused = True
        elif len(self._open) < self._most:
            connection = _Connection(self._port)
            self._open[connection.socket.fileno()] = connection
            self._poll.register(connection.socket.fileno(), select.EPOLLIN)
        else:
            self._queue.append((due, client))
            return
        now = self._now()
        connection.client, connection.due, connection.sent = client, due, now
        connection.kind, connection.request = client.ask(now)
        connection.chunks, connection.wanted, connection.began = b"", -1, False
        self._deadlines.append((now + self._patience, connection, now))
        self._try(connection)

    def _try(self, connection: _Connection) -> None:
        try:
            if not connection.send():
                self._poll.modify(connection.socket.fileno(), select.EPOLLIN | select.EPOLLOUT)
        except OSError:
            self._broken(connection)

    def _event(self, connection: _Connection, events: int) -> None:
        if events & select.EPOLLOUT and not connection.began:
            self._poll.modify(connection.socket.fileno(), select.EPOLLIN)
            self._try(connection)
        if not events & ~select.EPOLLOUT or connection.socket.fileno() not in self._open:
            return
        try:
            answer = connection.read()
        except BlockingIOError:
            return
        except OSError:
            self._broken(connection)
            return
        if answer is not None:
            status, head, body = answer
            again = b"connection: close" not in head.lower()
            self._end(connection, status, head, body, keep=again)

    def _broken(self, connection: _Connection) -> None:
        """A connection that was kept may have been closed while the request was on its way: that is sent anew."""
        client, due = connection.client, connection.due
        if client is not None and connection.reused and not connection.chunks:
            self._close(connection)
            connection.client = None
            self._send(due, client)
        else:
            self._end(connection, LOST, b"", b"", keep=False)

    def _end(self, connection: _Connection, status: int, head: bytes, body: bytes, *, keep: bool) -> None:
        client, connection.client = connection.client, None
        if not keep:
            self._close(connection)
        elif client is not None:
            self._idle.append(connection)
        if client is None:
            return
        answer = Answer(connection.kind, connection.due, connection.sent, self._now(), status)
        self.outcome.answers.append(answer)
        again = client.answered(answer, head, body)
        if again is not None:
            heapq.heappush(self._due, (again, next(self._order), client, None))

    def _close(self, connection: _Connection) -> None:
        number = connection.socket.fileno()
        if self._open.pop(number, None) is None:
            return
        if connection in self._idle:
            self._idle.remove(connection)
        self._poll.unregister(number)
        connection.socket.close()

    def _give_up(self, now: float) -> None:
        while self._deadlines and self._deadlines[0][0] <= now:
            _, connection, sent = self._deadlines.popleft()
            if connection.client is not None and connection.sent == sent:
                self._end(connection, LATE, b"", b"", keep=False)


def _arrivals(stream: Stream) -> Iterator[tuple[float, Client]]:
    for at in stream.moments:
        yield at, stream.make()
