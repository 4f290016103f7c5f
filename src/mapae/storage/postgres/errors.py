"""What PostgreSQL and libpq report, in the words of a person who has to cure it."""

from __future__ import annotations

import re
from types import MappingProxyType

import psycopg
from psycopg import pq

from mapae.errors import Conflict, StorageFailed

DIVISION_BY_ZERO = b"22012"
UNIQUE_VIOLATION = b"23505"
THERE_ALREADY = frozenset({b"42P07", b"42710"})
"""A table, or the type that comes with it: two nodes made it at the same moment."""
RETRIED = frozenset({b"40001", b"40P01"})
"""Serialization failure and deadlock: the transaction was undone and may be tried again."""
STOPPED = frozenset({b"57P01", b"57P02", b"57P03", b"57P05", b"25P03"})
"""The server, or this connection of it, has gone."""
LATE = frozenset({b"55P03", b"57014"})
"""It waited for a lock, or worked, for as long as a statement may."""
NOT_PREPARED = frozenset({b"26000", b"42P05"})
"""A prepared statement is missing, or is there already: somebody between us and the server shares its connections."""

CURES = MappingProxyType(
    {
        b"25006": "it is a standby that cannot be written; name the primary, or add target_session_attrs=read-write",
        b"25P03": "it has closed a connection that was idle for too long; try again",
        b"3F000": "it has no schema to put tables into; set search_path for its user",
        b"40001": "too many write the same rows at once; try again",
        b"40P01": "too many write the same rows at once; try again",
        b"42501": "its user may not do this; make it the owner of the database, or GRANT it access to the tables",
        b"53100": "its disk is full; free some space, nothing that was acknowledged is lost",
        b"53200": "it has run out of memory; give it more",
        b"53300": "it has no connection left; raise max_connections there, or lower database_connections here",
        b"55P03": "a row was locked by another program for too long; try again",
        b"57014": "it took longer than a statement may take; look for a long lock, or too much work, there",
        b"57P01": "it was stopped; try again when it is back",
        b"57P02": "it has crashed and restarts; try again when it is back",
        b"57P03": "it is starting or stopping; try again in a moment",
        b"57P05": "it has closed a connection that was idle for too long; try again",
        b"58030": "its disk reported an error; look at its log",
        b"XX001": "a page of it is damaged; look at its log, then restore a backup",
        b"XX002": "an index of it is damaged; look at its log, then run REINDEX",
    }
)
"""By SQLSTATE (PostgreSQL manual, appendix A): what happened and what to do."""

LASTING = frozenset({b"25006", b"42501", b"53100", b"58030", b"XX001", b"XX002"})
"""What does not pass by itself."""

CONNECTING = (
    (("password authentication failed", "no password supplied"), "check user and password"),
    (("does not exist",), "create the database and its user, or correct the URL"),
    (("no pg_hba.conf entry",), "allow this machine, user and encryption in pg_hba.conf there"),
    (("root certificate", "certificate verify", "server certificate"), "check sslrootcert and its certificate"),
    (("does not support SSL",), "turn on ssl there, or choose another sslmode"),
    (("read-only", "session is not read-write"), "no server of the URL can be written; wait for the primary"),
    (("too many", "remaining connection slots"), CURES[b"53300"]),
    (("starting up", "shutting down", "recovery mode"), "it is starting or stopping; try again in a moment"),
    (("translate host name", "name resolution", "Name or service"), "check the host name in the URL"),
    (("timeout expired", "timed out"), "nothing answers there; check host, port and firewall"),
    (("refused", "No such file"), "nothing listens there; start PostgreSQL, or correct host and port"),
)
"""What libpq says when it cannot connect, and the cure."""


def sqlstate_of(result: pq.abc.PGresult) -> bytes:
    """Return the SQLSTATE of a failed statement; empty when the connection broke."""
    return result.error_field(pq.DiagnosticField.SQLSTATE) or b""


def translated(result: pq.abc.PGresult, place: str) -> Exception:
    """Return what to raise for a failed statement; a mistake in the program's own SQL is a psycopg error.

    The server's DETAIL is left out: it repeats what the row holds.
    """
    state = sqlstate_of(result)
    if state == UNIQUE_VIOLATION:
        columns = _columns(result)
        return Conflict(f"another row has this {columns}", constraint=columns)
    if state in THERE_ALREADY:
        return Conflict("there is a table of this name")
    primary = (result.error_field(pq.DiagnosticField.MESSAGE_PRIMARY) or b"").decode("utf-8", "replace")
    if state in CURES:
        return StorageFailed(f"database {place}: {CURES[state]} ({primary})", lasting=state in LASTING)
    if not state:
        return lost(place)
    return psycopg.ProgrammingError(f"{state.decode()}: {primary}")


def not_connected(error: psycopg.Error, place: str) -> StorageFailed:
    """Return what to raise when no connection can be opened."""
    said = " ".join(str(error).split())
    for signs, cure in CONNECTING:
        if any(sign in said for sign in signs):
            return StorageFailed(f"database {place}: {cure} ({said})")
    return StorageFailed(f"database {place}: it cannot be reached ({said})")


def again(failure: StorageFailed) -> StorageFailed:
    """Return the same failure for somebody else, without the traceback of the first."""
    return StorageFailed(str(failure))


def lost(place: str) -> StorageFailed:
    """Return what to raise when the connection broke while an answer was awaited."""
    return StorageFailed(f"database {place}: the connection broke; try again")


def closed(place: str) -> StorageFailed:
    """Return what a caller hears who comes after the end."""
    return StorageFailed(f"database {place}: it was closed")


def _columns(result: pq.abc.PGresult) -> str:
    """Name the columns of a broken unique rule as `table.column`, whatever language the server speaks."""
    table = (result.error_field(pq.DiagnosticField.TABLE_NAME) or b"").decode()
    detail = (result.error_field(pq.DiagnosticField.MESSAGE_DETAIL) or b"").decode("utf-8", "replace")
    found = re.search(r"\(([^()=]+)\)=\(", detail)
    columns = found[1].split(", ") if found else ["?"]
    return ", ".join(f"{table}.{column}" for column in columns)
