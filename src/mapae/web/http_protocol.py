"""HTTP/1.1 as uvicorn speaks it, with bounds that it leaves to a proxy: how long a head may be, and may take."""

from __future__ import annotations

import asyncio
from http import HTTPStatus

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_LIMIT = 64 * 1024
"""The longest request line and header section, in bytes."""
HEAD_FIELDS = 100
"""The most header fields of a request."""
HEAD_SECONDS = 10.0
"""How long a head may take to arrive: from the connection, or from its first byte on one that is kept."""


class PoliteHttp(HttpToolsProtocol):
    """One connection. Whoever sends half a head and waits, or a head without end, is sent away.

    Source: RFC 9110 §15.5.9 (408), RFC 6585 §5 (431).
    """

    _refused: HTTPStatus = HTTPStatus.BAD_REQUEST
    _head_bytes = 0
    _in_head = False
    _head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Give the first head its time."""
        super().connection_made(transport)  # type: ignore[arg-type]  # it is a Transport (PEP 3156)
        self._start_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clock."""
        self._stop_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse `data`; what is left of a head counts against its bounds."""
        super().data_received(data)
        if not self._in_head or self.transport.is_closing():
            return
        self._head_bytes += len(data)
        if self._head_bytes > HEAD_LIMIT:
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        elif self._head_timer is None:
            self._start_timer()

    def on_message_begin(self) -> None:
        """Begin to count."""
        self._in_head, self._head_bytes = True, 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Stop counting; refuse a head that came in one piece and is too long all the same."""
        self._in_head = False
        self._stop_timer()
        size = len(self.url) + sum([len(name) + len(value) for name, value in self.headers])
        if len(self.headers) > HEAD_FIELDS or size > HEAD_LIMIT:
            self._refused = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
            raise ValueError("the head is too long")  # the parser stops, and data_received answers
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        """Say why a request could not be read, and close."""
        del msg
        self._refuse(self._refused)

    def _refuse(self, status: HTTPStatus) -> None:
        text = status.phrase.encode()
        self.transport.write(
            b"HTTP/1.1 %d %b\r\ncontent-type: text/plain\r\ncontent-length: %d\r\nconnection: close\r\n\r\n%b"
            % (status, text, len(text), text)
        )
        self.transport.close()

    def _start_timer(self) -> None:
        self._head_timer = self.loop.call_later(HEAD_SECONDS, self._too_slow)

    def _stop_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _too_slow(self) -> None:
        self._head_timer = None
        if self._in_head:
            self._refuse(HTTPStatus.REQUEST_TIMEOUT)
        else:
            self.transport.close()  # not one byte came
