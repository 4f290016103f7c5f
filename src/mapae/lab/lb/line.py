"""Kept-alive HTTP/1.1 connections for the experiment's requests, which are written beforehand."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Self

from mapae.lab.servers import HOST

PATIENCE = 15.0
"""Seconds for one answer."""


class Broken(Exception):
    """The connection ended, or could not be opened, before the answer was whole."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What was answered."""

    status: int
    head: bytes
    body: bytes

    def fields(self, name: bytes) -> list[str]:
        """Return the values of every header field called `name`, which is given in lower case."""
        split = (line.partition(b":") for line in self.head.split(b"\r\n")[1:])
        return [value.strip().decode("latin-1") for field, _, value in split if field.lower() == name]


class _Connection(asyncio.Protocol):
    """One connection, with one request in flight at most."""

    transport: asyncio.Transport | None = None
    answer: asyncio.Future[Reply] | None = None
    read = b""

    def data_received(self, data: bytes) -> None:
        read = self.read = self.read + data
        end = read.find(b"\r\n\r\n")
        if end < 0:
            return
        head = read[:end]
        if len(read) - end - 4 < _length(head):
            return
        self.read = b""
        if b"\r\nconnection: close" in head.lower():
            self.close()
        if self.answer is not None and not self.answer.done():
            self.answer.set_result(Reply(int(head[9:12]), head, read[end + 4 :]))

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self.transport = None
        self.give_up("closed before the answer was whole")

    def give_up(self, why: str) -> None:
        if self.answer is not None and not self.answer.done():
            self.answer.set_exception(Broken(why))

    def close(self) -> None:
        if self.transport is not None:
            self.transport.close()
            self.transport = None


class Line:
    """A connection to `port`, opened by the first request and again after it broke."""

    def __init__(self, port: int) -> None:
        """Prepare; nothing is connected yet."""
        self._port = port
        self._connection = _Connection()

    async def ask(self, request: bytes) -> Reply:
        """Send one request and return its answer.

        Raises:
            Broken: there was no whole answer.
        """
        loop = asyncio.get_running_loop()
        if self._connection.transport is None:
            await self._connect(loop)
        connection = self._connection
        answer: asyncio.Future[Reply] = loop.create_future()
        connection.answer = answer
        limit = loop.call_later(PATIENCE, connection.give_up, "no answer in time")
        try:
            if connection.transport is None:
                connection.give_up("closed at once")
            else:
                connection.transport.write(request)
            return await answer
        except Broken:
            self.close()
            raise
        finally:
            limit.cancel()

    async def _connect(self, loop: asyncio.AbstractEventLoop) -> None:
        try:
            async with asyncio.timeout(PATIENCE):
                transport, self._connection = await loop.create_connection(_Connection, HOST, self._port)
        except (OSError, TimeoutError) as error:
            raise Broken(str(error)) from None
        self._connection.transport = transport

    def close(self) -> None:
        """Close it; the next request opens it anew."""
        self._connection.close()

    def __enter__(self) -> Self:
        """Use it."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()


def _length(head: bytes) -> int:
    _, found, rest = head.lower().partition(b"\r\ncontent-length:")
    return int(rest.partition(b"\r\n")[0]) if found else 0


def request(method: str, path: str, *fields: str, body: bytes = b"") -> bytes:
    """Write a request as it goes over the wire."""
    lines = [f"{method} {path} HTTP/1.1", "Host: lab", "User-Agent: mapae-lab", "Accept: */*", *fields]
    if body or method == "POST":
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body
