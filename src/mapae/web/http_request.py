"""One request on a connection: its body as it comes, and its answer, in ASGI's messages or in one piece."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import Any, Protocol

from mapae.web.answers import WHOLE_BODY, Scope
from mapae.web.head_lines import written

BODY_AHEAD = 64 * 1024
"""Bytes of a body that are read before the application asks for them."""
_STATUS_LINES = {status.value: b"HTTP/1.1 %d %b\r\n" % (status, status.phrase.encode()) for status in HTTPStatus}
_BODILESS = frozenset({204, 304})
_FAILED = b"Internal Server Error"

log = logging.getLogger("uvicorn.error")


class Connection(Protocol):
    """What a request needs of the connection it came on."""

    transport: asyncio.Transport

    @property
    def default_lines(self) -> bytes:
        """Header fields of every answer, such as the date."""

    async def drained(self) -> None:
        """Wait until the client has read enough of what was written."""

    def pause_reading(self) -> None:
        """Read no more for now."""

    def resume_reading(self) -> None:
        """Read on."""

    def answered(self) -> None:
        """Go on with the next request."""


class HttpRequest:
    """One request and its answer.

    Attributes:
        keep_alive: the connection may be used again after the answer.
        whole: the body has arrived.
        done: the answer has been written.
        gone: the client has left.
    """

    __slots__ = (
        "_asked",
        "_body",
        "_chunked",
        "_connection",
        "_expects",
        "_head",
        "_head_only",
        "_left",
        "_news",
        "_wakes",
        "done",
        "gone",
        "keep_alive",
        "whole",
    )

    def __init__(self, connection: Connection, scope: Scope, *, keep_alive: bool, expects: bool) -> None:
        """Begin with a request whose head has been read; `expects`: its client waits to be told to send the body."""
        self.keep_alive = keep_alive
        self._connection, self._expects = connection, expects
        self._head_only = scope["method"] == "HEAD"
        self._body = b""
        self._asked = self._news = self.whole = self.done = self.gone = False
        self._wakes: asyncio.Event | None = None
        self._head: bytes | None = None
        self._chunked, self._left = False, 0
        scope["extensions"] = {WHOLE_BODY: self.whole_body}

    def add_body(self, piece: bytes) -> None:
        """Keep a piece of the body until the application asks for it."""
        if self.done:
            return
        self._body += piece
        if len(self._body) > BODY_AHEAD:
            self._connection.pause_reading()
        self._wake()

    def end_body(self) -> None:
        """Note that there is no more of the body."""
        self.whole = True
        self._wake()

    def whole_body(self) -> bytes | None:
        """Return all of a body that has arrived, however often; None once a part was taken by `receive`."""
        if self._asked or not self.whole or self.gone or self.done:
            return None
        self._news = False  # what comes after the body is the end of the connection
        return self._body

    def lose(self) -> None:
        """Note that the client has left."""
        self.gone = True
        self._wake()

    async def run(self, answering: Coroutine[Any, Any, None]) -> None:
        """Let the application answer; one that fails, or forgets to answer, is answered for."""
        try:
            await answering
        except Exception:
            log.exception("Exception in ASGI application")
        finally:
            self.break_off()

    def break_off(self) -> None:
        """End a request that the application has not answered to the end."""
        if self.done or self.gone:
            return
        self.keep_alive = False
        if self._head is None:
            lines = written([(b"content-type", b"text/plain"), (b"content-length", b"%d" % len(_FAILED))])
            self.answer(500, lines, _FAILED)
        else:
            self._connection.transport.close()

    def answer(self, status: int, lines: bytes, body: bytes) -> None:
        """Write a whole answer at once.

        Args:
            lines: its header fields as they are written, with the length of the body where it has one.
        """
        if self.done or self.gone:
            return
        self._connection.transport.write(self._beginning(status, lines) + body)
        self._finish()

    async def receive(self) -> dict[str, Any]:
        """Return the next piece of the body, or that the client has left (ASGI)."""
        if self._expects:
            self._expects = False
            if not self.gone and self._head is None:
                self._connection.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        self._asked = True
        while not (self._news or self.gone or self.done):
            if not self.whole:
                self._connection.resume_reading()
            self._wakes = self._wakes or asyncio.Event()
            self._wakes.clear()
            await self._wakes.wait()
        self._news = False
        if self.gone or self.done:
            return {"type": "http.disconnect"}
        body, self._body = self._body, b""
        return {"type": "http.request", "body": body, "more_body": not self.whole}

    async def send(self, message: Scope) -> None:
        """Write a part of the answer (ASGI); the head goes out with the first of the body."""
        await self._connection.drained()
        if self.gone:
            return
        wanted = "http.response.start" if self._head is None else "http.response.body"
        if message["type"] != wanted or self.done:
            raise RuntimeError(f"the application sent {message['type']} where {wanted} belongs, or after the end")
        if self._head is None:
            self._expects = False
            self._head = self._begun(message["status"], [*message.get("headers", ())])
        else:
            self._continue(message.get("body", b""), more=message.get("more_body", False))

    def _begun(self, status: int, headers: list[tuple[bytes, bytes]]) -> bytes:
        length: bytes | None = None
        for name, value in headers:
            lower = name.lower()
            if lower == b"content-length":
                length = value
            elif lower == b"connection" and b"close" in value.lower():
                self.keep_alive = False
        if self._head_only or status in _BODILESS:
            self._left = 0
        elif length is not None:
            self._left = int(length)
        else:
            self._chunked = True
            headers.append((b"transfer-encoding", b"chunked"))
        return self._beginning(status, written(headers))

    def _beginning(self, status: int, lines: bytes) -> bytes:
        return beginning(status, self._connection.default_lines, lines, keep_alive=self.keep_alive)

    def _continue(self, body: bytes, *, more: bool) -> None:
        if self._head_only:
            body = b""
        if self._chunked:
            body = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
            body = body if more else body + b"0\r\n\r\n"
        else:
            self._left -= len(body)
            if self._left < 0 or (self._left and not more):
                raise RuntimeError("the application sent another number of bytes than its Content-Length")
        written_before, self._head = self._head, b""
        if written_before or body:
            self._connection.transport.write((written_before or b"") + body)
        if not more:
            self._finish()

    def _finish(self) -> None:
        self.done = True
        self._wake()
        if not self.keep_alive:
            self._connection.transport.close()
        self._connection.answered()

    def _wake(self) -> None:
        self._news = True
        if self._wakes is not None:
            self._wakes.set()


def beginning(status: int, default_lines: bytes, lines: bytes, *, keep_alive: bool) -> bytes:
    """Return the head of an answer with these lines."""
    end = b"\r\n" if keep_alive else b"connection: close\r\n\r\n"
    return b"%b%b%b%b" % (_STATUS_LINES[status], default_lines, lines, end)


Answering = Callable[[Scope, HttpRequest], Coroutine[Any, Any, None] | None]
"""Answers a request at once, or returns what will."""
