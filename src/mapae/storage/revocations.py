"""The feed of revocations: written in the transaction that causes them, read by every node.

Source: the sequence follows the order of commits because every writer raises `feed_head` first and holds that row
until it commits; a reader never has to fear that a smaller number appears later.
"""

from __future__ import annotations

from dataclasses import dataclass

from mapae.sessions.revocation import Entry, Kind
from mapae.storage.database import Database, Row, Statement

RAISE_HEAD = Statement("UPDATE feed_head SET seq = seq + 1 WHERE id = 0 RETURNING seq", rows=1)
"""Comes before the entries of a transaction, once."""

_ENTRY = "INSERT INTO feed (seq, kind, key, value, until, at_ms) SELECT seq, ?, ?, ?, ?, ? FROM feed_head WHERE id = 0"
_COLUMNS = "seq, kind, key, value, until, at_ms"


def entry_statements(kind: Kind, key: str, *, value: int, until: int, now_ms: int) -> tuple[Statement, Statement]:
    """Return the statements that write one entry into the feed, to ride in a transaction.

    Args:
        kind: what is revoked.
        key: which one: client, account, session or token id; empty for the realm.
        value: see `mapae.sessions.revocation.Entry`.
        until: second until which it must be remembered: no token it concerns lives longer.
        now_ms: when it happened.
    """
    return RAISE_HEAD, Statement(_ENTRY, (kind, key, value, until, now_ms), 1)


def account_entry(account_id: str, *, until: int, now_ms: int) -> tuple[Statement, Statement]:
    """Return the statements that refuse every token of an account with an epoch below its row's."""
    sql = (
        "INSERT INTO feed (seq, kind, key, value, until, at_ms) "
        "SELECT feed_head.seq, 'account', account.id, account.epoch, ?, ? FROM feed_head, account "
        "WHERE feed_head.id = 0 AND account.id = ?"
    )
    return RAISE_HEAD, Statement(sql, (until, now_ms, account_id), 1)


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read of the feed, all as of one moment.

    Attributes:
        entries: in the order of their commits.
        head: the position up to which they are complete.
        feed: names the feed; positions in a feed of another name mean nothing.
        now_ms: the database's clock, for nodes to compare their own with.
    """

    entries: list[Entry]
    head: int
    feed: str
    now_ms: int


async def load_snapshot(database: Database) -> Reading:
    """Return every entry that must still be remembered."""
    until = f"until >= {database.now_ms} / 1000"
    return await _read(database, Statement(f"SELECT {_COLUMNS} FROM feed WHERE {until} ORDER BY seq"))  # noqa: S608


async def load_after(database: Database, seq: int) -> Reading:
    """Return the entries after `seq`."""
    return await _read(database, Statement(f"SELECT {_COLUMNS} FROM feed WHERE seq > ? ORDER BY seq", (seq,)))  # noqa: S608


async def _read(database: Database, query: Statement) -> Reading:
    head = Statement(f"SELECT seq, name, {database.now_ms} FROM feed_head WHERE id = 0")  # noqa: S608
    rows, ((seq, name, now_ms),) = await database.snapshot(query, head)
    return Reading([_entry(row) for row in rows], seq, name, now_ms)


async def load_time(database: Database) -> int:
    """Return the database's clock in milliseconds since 1970."""
    row = await database.fetch_one(f"SELECT {database.now_ms}")
    return int(row[0]) if row else 0


async def name_feed(database: Database, name: str, *, anew: bool = False) -> None:
    """Give the feed its name, unless it has one.

    Args:
        anew: give it another one, because what it held was replaced: everybody who follows it begins again.
    """
    sql = "UPDATE feed_head SET name = ? WHERE id = 0"
    if anew:
        await database.commit(Statement(sql, (name,)))
    elif await database.fetch_one("SELECT 1 FROM feed_head WHERE id = 0 AND name = ''"):
        await database.commit(Statement(f"{sql} AND name = ''", (name,)))


async def sweep(database: Database, now: int, *, limit: int) -> int:
    """Delete at most `limit` entries that nobody needs to remember at the second `now`; return how many went."""
    sql = (
        "DELETE FROM feed WHERE (seq, kind, key) IN "
        "(SELECT seq, kind, key FROM feed WHERE until < ? ORDER BY until LIMIT ?) RETURNING 1"
    )
    ((*gone,),) = await database.commit(Statement(sql, (now, limit)))
    return len(gone)


def _entry(row: Row) -> Entry:
    seq, kind, key, value, until, at_ms = row
    return Entry(seq=seq, kind=kind, key=key, value=value, until=until, at_ms=at_ms)
