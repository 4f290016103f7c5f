"""A closed-loop load generator for HTTP/1.1 on the loopback interface: one thread, one epoll, keep-alive.

Every connection has one request in flight at most: the next one is sent when the answer has been read. Nothing is
retried: a refused request is counted, and a connection that the server closes in the middle ends the measurement.
"""

import gc
import select
import socket
from collections.abc import Sequence
from dataclasses import dataclass, field
from time import perf_counter, process_time
from typing import Protocol

from mapae.lab.http_wire import HOST, Wire, request

_PATIENCE = 30.0
"""Seconds without any answer after which a measurement has failed."""


class Failed(Exception):
    """A measurement cannot be used; the text says why."""


class Source(Protocol):
    """What one connection asks."""

    def next(self) -> bytes | None:
        """Return the next request as it goes over the wire; None when there is nothing more to ask."""

    def answered(self, status: int, head: bytes, body: bytes) -> None:
        """Learn from the answer to the last request."""


@dataclass
class Outcome:
    """What one measurement found.

    Attributes:
        seconds: between the first request that counts and the last answer.
        latencies: seconds of each answered request, in no order.
        refused: answers that were not 2xx, by status; they are counted in no rate.
        generator: seconds of processor time the generator itself used.
    """

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    refused: dict[int, int] = field(default_factory=dict)
    generator: float = 0.0

    @property
    def requests(self) -> int:
        return len(self.latencies)

    def percentile(self, share: float) -> float:
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else float("nan")


class _Connection(Wire):
    __slots__ = ("sent", "source")

    def __init__(self, source: Source, port: int) -> None:
        super().__init__(socket.create_connection((HOST, port), timeout=_PATIENCE))
        self.source = source
        self.sent = 0.0

    def send_next(self) -> bool:
        """Send the next request; say whether there was one."""
        request = self.source.next()
        if request is None:
            return False
        self.chunks, self.wanted, self.sent = b"", -1, perf_counter()
        self.socket.sendall(request)
        return True


def drive(port: int | Sequence[int], sources: Sequence[Source], *, seconds: float, limit: int | None = None) -> Outcome:
    """Ask all `sources` at once, one connection each, for `seconds` or until `limit` answers, whichever comes first.

    Args:
        port: where the server listens; of several servers each gets the same number of connections.

    Raises:
        Failed: the server went away, or did not answer at all for half a minute.
    """
    outcome = Outcome()
    ports = [port] if isinstance(port, int) else port
    connections = [_Connection(source, ports[at % len(ports)]) for at, source in enumerate(sources)]
    poll = select.epoll()
    by_number = {connection.socket.fileno(): connection for connection in connections}
    collected = gc.isenabled()
    gc.disable()
    try:
        began, cpu = perf_counter(), process_time()
        for number, connection in by_number.items():
            poll.register(number, select.EPOLLIN)
            if not connection.send_next():
                poll.unregister(number)
        _turn(poll, by_number, outcome, until=began + seconds, limit=limit)
        outcome.seconds = perf_counter() - began
        outcome.generator = process_time() - cpu
    except ConnectionResetError as closed:
        raise Failed(str(closed)) from None
    finally:
        if collected:
            gc.enable()
        poll.close()
        for connection in connections:
            connection.socket.close()
    return outcome


def _turn(
    poll: select.epoll, by_number: dict[int, _Connection], outcome: Outcome, *, until: float, limit: int | None
) -> None:
    """Go around until the time is over and every request in flight has been answered."""
    waiting = len(by_number)
    most = limit if limit is not None else 1 << 60
    while waiting:
        events = poll.poll(_PATIENCE)
        if not events:
            raise Failed(f"no answer within {_PATIENCE:.0f} seconds")
        for number, _ in events:
            connection = by_number[number]
            answer = connection.read()
            if answer is None:
                continue
            now = perf_counter()
            status, head, body = answer
            if 200 <= status < 300:
                outcome.latencies.append(now - connection.sent)
            else:
                outcome.refused[status] = outcome.refused.get(status, 0) + 1
            connection.source.answered(status, head, body)
            if now >= until or len(outcome.latencies) >= most or not connection.send_next():
                poll.unregister(number)
                waiting -= 1


def ask(port: int, request: bytes) -> tuple[int, bytes, bytes]:
    """Send one request on a connection of its own; return status, head and body.

    Raises:
        Failed: there was no whole answer.
        OSError: nothing listens.
    """
    with socket.create_connection((HOST, port), timeout=_PATIENCE) as connection:
        try:
            return Wire(connection).ask(request)
        except ConnectionResetError as closed:
            raise Failed(str(closed)) from None


def http(method: str, path: str, *, headers: dict[str, str] | None = None, body: bytes = b"", kind: str = "") -> bytes:
    """Write a request."""
    named = {"User-Agent": "mapae-bench"} | (headers or {}) | ({"Content-Type": kind} if kind else {})
    return request(method, path, headers=named.items(), body=body)
