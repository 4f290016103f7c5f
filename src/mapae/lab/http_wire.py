"""HTTP/1.1 from the side of whoever measures a server: requests as octets, and answers as they come out of a socket."""

from __future__ import annotations

import socket
from collections.abc import Iterable

HOST = "127.0.0.1"
_READ = 262_144
_CHUNKED = 1 << 40

Answered = tuple[int, bytes, bytes]
"""Status, head and body."""


class Wire:
    """A connection, and what has come of the answer to the last request; one request at a time.

    Attributes:
        chunks: what has come.
        wanted: bytes of the body; negative while the head is not complete.
    """

    __slots__ = ("chunks", "socket", "wanted")

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.chunks, self.wanted = b"", -1

    def read(self) -> Answered | None:
        """Read what is there; return the answer once it is complete. Before the next one `chunks` is emptied.

        Raises:
            OSError: the connection is at its end.
        """
        read = self.socket.recv(_READ)
        if not read:
            raise ConnectionResetError("the server closed a connection in the middle of an answer")
        whole = self.chunks = self.chunks + read if self.chunks else read
        end = whole.find(b"\r\n\r\n")
        if end < 0:
            return None
        if self.wanted < 0:
            self.wanted = _length(whole[:end])
        if self.wanted == _CHUNKED:
            if not whole.endswith(b"0\r\n\r\n"):
                return None
            return int(whole[9:12]), whole[:end], _joined(whole[end + 4 :])
        if len(whole) < end + 4 + self.wanted:
            return None
        return int(whole[9:12]), whole[:end], whole[end + 4 :]

    def begin(self, asked: bytes) -> None:
        """Send a request on a socket that blocks; the answer is there to `read` when it comes."""
        self.chunks, self.wanted = b"", -1
        self.socket.sendall(asked)

    def ask(self, asked: bytes) -> Answered:
        """Send a request and wait for its answer, on a socket that blocks.

        Raises:
            OSError: there was no whole answer.
        """
        self.begin(asked)
        while (answer := self.read()) is None:
            pass
        return answer


def _length(head: bytes) -> int:
    lower = head.lower()
    at = lower.find(b"\r\ncontent-length:")
    if at >= 0:
        return int(lower[at + 17 :].partition(b"\r\n")[0])
    return _CHUNKED if b"\r\ntransfer-encoding: chunked" in lower else 0


def _joined(chunked: bytes) -> bytes:
    body = b""
    while chunked:
        size, _, rest = chunked.partition(b"\r\n")
        length = int(size, 16)
        body, chunked = body + rest[:length], rest[length + 2 :]
        if length == 0:
            break
    return body


def request(method: str, path: str, *, headers: Iterable[tuple[str, str]] = (), body: bytes = b"") -> bytes:
    """Return a request as it goes over the wire; a body is JSON unless a header says otherwise."""
    named = {"Host": "localhost", "User-Agent": "mapae-lab", "Accept": "*/*"}
    if body or method == "POST":
        named |= {"Content-Type": "application/json", "Content-Length": str(len(body))}
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in (named | dict(headers)).items())]
    return "\r\n".join([*lines, "", ""]).encode() + body
