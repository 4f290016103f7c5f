"""The SQL both databases share, in the form that PostgreSQL takes; each text is translated once."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from functools import lru_cache

from mapae.errors import StorageFailed
from mapae.storage.statement import Value

KEPT = 1024

_PARTS = re.compile(r"'[^']*'|\?")
_WRITING = re.compile(r"\b(INSERT|UPDATE|DELETE|MERGE|CREATE|ALTER|DROP|TRUNCATE|COPY)\b", re.IGNORECASE)
_RETURNS = re.compile(r"^\s*(SELECT|VALUES)\b|\bRETURNING\b", re.IGNORECASE)
_PREPARABLE = re.compile(r"\s*(SELECT|INSERT|UPDATE|DELETE|WITH)\b", re.IGNORECASE)

INT8, TEXT, BYTEA, UNSPECIFIED = 20, 25, 17, 0
"""Type numbers of PostgreSQL's catalogue (pg_type); the last lets the server infer the type from the place."""


@lru_cache(KEPT)
def numbered(sql: str) -> tuple[bytes, int]:
    """Return `sql` with `$1`, `$2` ... for its `?`, and how many there are; a `?` within quotes stays."""
    count = 0

    def number(found: re.Match[str]) -> str:
        nonlocal count
        if found[0] != "?":
            return found[0]
        count += 1
        return f"${count}"

    text = _PARTS.sub(number, sql)
    return text.encode(), count


@lru_cache(KEPT)
def counted(sql: str, rows: int) -> tuple[bytes, int]:
    """Return the numbered `sql`, which now fails by dividing by zero unless it touches exactly `rows` rows.

    The server itself then undoes the transaction, so nobody has to look at the count and answer: that would cost a
    round trip with locks held. Where `sql` returns rows, a column comes before theirs.
    """
    text, count = numbered(sql)
    check = b"SELECT 1 / CAST(count(*) = %d AS INT) AS met FROM touched" % rows
    if returns_rows(sql):
        joined = b"WITH touched AS (%b) SELECT * FROM (%b) AS expectation LEFT JOIN touched ON TRUE" % (text, check)
        return joined, count
    return b"WITH touched AS (%b RETURNING 1) %b" % (text, check), count


@lru_cache(KEPT)
def returns_rows(sql: str) -> bool:
    """Tell whether a statement has rows to return."""
    return _RETURNS.search(sql) is not None


@lru_cache(KEPT)
def is_preparable(sql: bytes) -> bool:
    """Tell whether a statement is one that is asked for again and again."""
    return _PREPARABLE.match(sql.decode()) is not None


@lru_cache(KEPT)
def check_reads(sql: str) -> None:
    """Make sure that a query writes nothing.

    Raises:
        StorageFailed: it does.
    """
    if _WRITING.search(sql):
        raise StorageFailed("a query that reads must not write; commit it")


@lru_cache(KEPT)
def name_of(sql: bytes, types: tuple[int, ...]) -> bytes:
    """Return the name of a prepared statement: it stands for this text alone, whoever prepared it."""
    return b"mapae_" + hashlib.sha256(repr((sql, types)).encode()).hexdigest()[:32].encode()


def encoded(values: Sequence[Value]) -> tuple[list[bytes | None], tuple[int, ...]]:
    """Return values in PostgreSQL's binary form, and their types.

    PostgreSQL's TEXT cannot hold the character NUL. U+FFFD takes its place: what is looked for is then not found, as
    it must be, since it could not have been stored.

    Raises:
        OverflowError: a number does not fit into 64 bits.
        TypeError: a value is of another type.
    """
    octets: list[bytes | None] = []
    types: list[int] = []
    for value in values:
        if isinstance(value, str):
            octets.append((value.replace("\0", "\ufffd") if "\0" in value else value).encode())
            types.append(TEXT)
        elif isinstance(value, int):
            octets.append(value.to_bytes(8, "big", signed=True))
            types.append(INT8)
        elif isinstance(value, bytes):
            octets.append(value)
            types.append(BYTEA)
        elif value is None:
            octets.append(None)
            types.append(UNSPECIFIED)
        else:
            raise TypeError(f"a value of the type {type(value).__name__} cannot be stored")
    return octets, tuple(types)
