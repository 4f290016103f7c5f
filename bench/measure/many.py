"""Many sessions quickly: rows as the service itself would write them, loaded by each database's own quickest way."""

import re
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from mapae.accounts.account import Account
from mapae.flows.issue import FIRST_PARTY
from mapae.jose import base64url
from mapae.sessions import refresh as family
from mapae.sessions.session import Session, start
from mapae.storage import accounts, migrate, sessions
from mapae.storage.database import database_file, open_database
from mapae.storage.statement import Statement, Value

DAY_MS = 86_400_000
CHUNK = 200_000
_INSERT = re.compile(r"INSERT INTO (\w+) \(([^)]+)\)")


@dataclass
class Many:
    """`count` people with one session each, made from their numbers, so that any of them can be asked for.

    Each session was refreshed once: a row grows at the first refresh and never again, so that is how nearly all are.

    Attributes:
        key: the service's own for refresh tokens.
        newest: refresh tokens that are no longer the first ones.
    """

    count: int
    key: bytes
    now_ms: int
    password_hash: str | None = None
    newest: dict[int, str] = field(default_factory=dict)

    def token(self, number: int) -> str:
        """Return the newest refresh token of a session."""
        return self.newest.get(number) or family.write_token(_id("session", number), 1, _successor(number), self.key)

    def sid(self, number: int) -> str:
        return _id("session", number)

    def fill(self, url: str, progress: Callable[[int], None] = lambda _done: None) -> None:
        """Load everybody into the database at `url`, whose tables are there and empty."""
        load = _into_sqlite if database_file(url) else _into_postgres
        first_person = {value: part for part, value in self._parts(0).items()}
        shapes = [(row.sql, [(first_person.get(value), value) for value in row.values]) for row in self._rows(0)]
        for first in range(0, self.count, CHUNK):
            numbers = range(first, min(first + CHUNK, self.count))
            people = [self._parts(number) for number in numbers]
            for sql, parts in shapes:
                rows = [[person[part] if part else value for part, value in parts] for person in people]
                load(url, {sql: rows})
            progress(numbers.stop)

    def _rows(self, number: int) -> Iterator[Statement]:
        yield from accounts.added(self._account(number))
        yield sessions.added(self._session(number))

    def _account(self, number: int) -> Account:
        email, changed_ms = _email(number), self.now_ms if self.password_hash else None
        who = _id("account", number)
        return Account(who, email, "", "user", "active", 0, self.now_ms, self.password_hash, changed_ms, "en")

    def _session(self, number: int) -> Session:
        sid, secret = _id("session", number), _secret(number)
        began = start(
            sid,
            _id("account", number),
            epoch=0,
            role="user",
            client_id=FIRST_PARTY,
            current=family.digest(secret),
            now_ms=self.now_ms,
            idle_ms=14 * DAY_MS,
            absolute_ms=90 * DAY_MS,
            device="Firefox · Linux",
            place="203.0.113.0/24",
        )
        decision = family.decide(
            began,
            family.Presented(sid, 0, secret),
            client_id=FIRST_PARTY,
            jkt=None,
            successor=_successor(number),
            now_ms=self.now_ms,
            policy=family.RefreshPolicy(),
        )
        assert isinstance(decision, family.Rotate), decision
        return decision.session

    def _parts(self, number: int) -> dict[str, Value]:
        """Return what differs between the rows of one person and another."""
        session = self._session(number)
        return {
            "account": session.account_id,
            "session": session.sid,
            "email": _email(number),
            "current": session.current,
            "previous": session.previous,
            "replay": session.replay,
        }


def _id(kind: str, number: int) -> str:
    return base64url.encode(sha256(f"{kind} {number}".encode()).digest()[:16])


def _secret(number: int) -> bytes:
    return sha256(f"secret {number}".encode()).digest()


def _successor(number: int) -> bytes:
    return sha256(f"successor {number}".encode()).digest()


def _email(number: int) -> str:
    return f"person-{number}@example.com"


def _into_sqlite(url: str, by_table: dict[str, list[Sequence[Value]]]) -> None:
    connection = sqlite3.connect(database_file(url), isolation_level=None)
    connection.execute("PRAGMA synchronous=OFF")
    connection.execute("PRAGMA cache_size=-1000000")
    connection.execute("BEGIN")
    for sql, rows in by_table.items():
        connection.executemany(sql, rows)
    connection.execute("COMMIT")
    connection.close()


def _into_postgres(url: str, by_table: dict[str, list[Sequence[Value]]]) -> None:
    import psycopg

    with psycopg.connect(url) as connection, connection.cursor() as cursor:
        for sql, rows in by_table.items():
            table, columns = _INSERT.match(sql).groups()
            with cursor.copy(f"COPY {table} ({columns}) FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(row)


def revoke(url: str, count: int, *, now: int) -> None:
    """Write `count` ended sessions into the feed, each by a transaction of its own, as of the last ten minutes.

    Each is to be remembered for a day, so that none of them passes while this is measured.
    """
    load = _into_sqlite if database_file(url) else _into_postgres
    sql = "INSERT INTO feed (seq, kind, key, value, until, at_ms) VALUES (?, ?, ?, ?, ?, ?)"
    for first in range(1, count + 1, CHUNK):
        numbers = range(first, min(first + CHUNK, count + 1))
        untils = (now + 86_400 + 600 * at // count for at in numbers)
        ended = zip(numbers, untils, strict=True)
        load(url, {sql: [(at, "session", _id("ended", at), 0, until, now * 1000) for at, until in ended]})
    head = f"UPDATE feed_head SET seq = {count}"
    if (path := database_file(url)) is not None:
        connection = sqlite3.connect(path)
        connection.execute(head)
        connection.commit()
        connection.close()
        return
    import psycopg

    with psycopg.connect(url) as connection:
        connection.execute(head)


async def make_tables(url: str) -> None:
    """Make the tables of an empty database."""
    database = await open_database(url)
    await migrate.apply(database)
    await database.close()


def settle(url: str) -> None:
    """Bring a database into the state that its own upkeep would: statistics known, what was loaded on the disk."""
    if (path := database_file(url)) is not None:
        connection = sqlite3.connect(path, isolation_level=None)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        connection.close()
        return
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")
        connection.execute("CHECKPOINT")


def table_sizes(url: str, tables: Sequence[str] = ("account", "identity", "password", "session", "feed")) -> dict:
    """Return how many octets each table takes, its indexes included."""
    if (path := database_file(url)) is not None:
        return _sqlite_sizes(sqlite3.connect(path), tables)
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        asked = "SELECT pg_total_relation_size(%s::regclass)"
        return {table: connection.execute(asked, (table,)).fetchone()[0] for table in tables}


def _sqlite_sizes(connection: sqlite3.Connection, tables: Sequence[str]) -> dict:
    """Copy each table with its indexes into a database of its own: what that holds is what they take."""
    sizes = {}
    for table in tables:
        alone = sqlite3.connect(":memory:")
        made = connection.execute("SELECT sql FROM sqlite_master WHERE tbl_name = ? AND sql IS NOT NULL", (table,))
        for (sql,) in made.fetchall():
            alone.execute(sql)
        columns = len(connection.execute(f"SELECT * FROM {table} LIMIT 0").description)
        alone.executemany(
            f"INSERT INTO {table} VALUES ({', '.join('?' * columns)})",
            connection.execute(f"SELECT * FROM {table}"),
        )
        pages, size = (alone.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "page_size"))
        sizes[table] = pages * size
        alone.close()
    return sizes
