"""A head that came before on the same connection: clients that keep one mostly repeat theirs, octet for octet."""

from __future__ import annotations

from typing import NamedTuple

from mapae.web.answers import Scope

LONGEST = 4096
"""Bytes of the longest head that is remembered; a connection remembers one."""
_NOT_AGAIN = frozenset({b"transfer-encoding", b"expect"})
"""Fields of requests that are more than a head and so many bytes."""


class KnownHead(NamedTuple):
    """What a head says that came together with all of its body, and nothing after it.

    Attributes:
        octets: the head as it came.
        size: bytes of head and body, the same whenever the head is.
        said: what the head says, as ASGI's scope.
    """

    octets: bytes
    size: int
    said: Scope

    def begins(self, data: bytes) -> bool:
        """Say whether `data` is one whole request with this head."""
        return len(data) == self.size and data.startswith(self.octets)

    def scope(self) -> Scope:
        """Return what the head says, for one request to keep and change."""
        return _copy(self.said)


def known_head(data: bytes, scope: Scope) -> KnownHead | None:
    """Return the head of `data`; None where that is more than one request, or the end of its head is not plain to see.

    Args:
        data: whole requests, from the beginning of the first.
        scope: what the head of the last of them says.
    """
    size = len(data)
    end = data.find(b"\r\n\r\n", 0, LONGEST) + 4
    octets, headers = data[:end], scope["headers"]
    # The parser might end a line without CR; then this is not where it saw the end.
    if end < 4 or octets.count(b"\n") != octets.count(b"\r\n"):
        return None
    if any(name in _NOT_AGAIN for name, _ in headers):
        return None
    lengths = [value for name, value in headers if name == b"content-length"]
    length = int(lengths[0]) if lengths else 0
    if end + length != size:
        return None
    said = _copy(scope)
    said.pop("extensions", None)  # what belongs to this one request
    return KnownHead(octets, size, said)


def _copy(scope: Scope) -> Scope:
    return {**scope, "headers": [*scope["headers"]]}
