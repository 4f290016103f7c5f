"""The lines of an HTTP/1.1 head: what a server writes of header fields, and nothing that could end a line early."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Self

Header = tuple[bytes, bytes]

_LINES = re.compile(rb"(?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+: [^\x00-\x08\x0a-\x1f\x7f]*\r\n)*")
"""Field lines: a token, a colon, and a value without control characters (RFC 9110 §5.1, §5.5)."""


def written(headers: Collection[Header]) -> bytes:
    """Return `headers` as they stand in a head, each with the end of its line.

    Raises:
        ValueError: a name or a value holds what could end its line and begin another.
    """
    lines = b"".join([b"%b: %b\r\n" % header for header in headers])
    if lines.count(b"\n") != len(headers) or _LINES.fullmatch(lines) is None:
        raise ValueError("a header field holds a character that no header field may hold")
    return lines


class FixedHeaders(tuple[Header, ...]):
    """Headers that are the same in every answer, so that their lines are written once.

    Attributes:
        lines: as `written` returns them.
    """

    lines: bytes

    def __new__(cls, headers: Collection[Header]) -> Self:
        """Write the lines of `headers`.

        Raises:
            ValueError: see `written`.
        """
        fixed = super().__new__(cls, headers)
        fixed.lines = written(headers)
        return fixed
