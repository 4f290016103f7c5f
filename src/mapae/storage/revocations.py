"""The feed of revocations: written in the transaction that causes them, read by every node.

Source: the sequence follows the order of commits because every writer raises `feed_head` first and holds that row
until it commits; a reader never has to fear that a smaller number appears later.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from mapae.sessions.feed import FeedLog
from mapae.sessions.revocation import Entry, Kind
from mapae.storage.database import Database, Statement

RAISE_HEAD = Statement("UPDATE feed_head SET seq = seq + 1 WHERE id = 0 RETURNING seq", rows=1)
"""Comes before the entries of a transaction, once."""

_ENTRY = "INSERT INTO feed (seq, kind, key, value, until, at_ms) SELECT seq, ?, ?, ?, ?, ? FROM feed_head WHERE id = 0"
_COLUMNS = "seq, kind, key, value, until, at_ms"
PAGE_ROWS = 2_000
"""Rows that are read at once: learning them takes the event loop some milliseconds."""
Heard = Callable[[Sequence[Entry], Sequence[int]], None]
"""Told of a page as soon as it was read: its entries, and when each was committed, in milliseconds since 1970."""


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
    """What was read of the feed, complete up to one position.

    Attributes:
        entries: in the order of their commits.
        head: the position up to which they are complete.
        feed: names the feed; positions in a feed of another name mean nothing.
        now_ms: the database's clock when the reading began, for nodes to compare their own with.
    """

    entries: FeedLog
    head: int
    feed: str
    now_ms: int


class _Head(NamedTuple):
    seq: int
    name: str
    now_ms: int


def _heard_by_nobody(_entries: Sequence[Entry], _committed_ms: Sequence[int]) -> None:
    pass


async def load_snapshot(database: Database, *, heard: Heard = _heard_by_nobody) -> Reading:
    """Return every entry that must still be remembered.

    Args:
        heard: see `load_after`.
    """
    # The plus keeps the index on `until` out of it: pages follow the primary key.
    return await _read(database, 0, f"+until >= {database.now_ms} / 1000 AND ", heard)


async def load_after(database: Database, seq: int, *, heard: Heard = _heard_by_nobody) -> Reading:
    """Return the entries after `seq`.

    Args:
        heard: told of every page, also of those of a feed that turns out to have been replaced meanwhile; so that
            a million entries can be learnt without stopping the event loop for seconds.
    """
    return await _read(database, seq, "", heard)


async def _read(database: Database, after: int, which: str, heard: Heard) -> Reading:
    """Read page by page, so that what is small in the end is never large on the way.

    Each page is of a moment of its own, and they join all the same: positions follow the order of commits, so nothing
    appears later at or below one that was read.
    """
    sql = f"SELECT {_COLUMNS} FROM feed WHERE {which}(seq, kind, key) > (?, ?, ?) ORDER BY seq, kind, key LIMIT ?"  # noqa: S608
    ask_head = Statement(f"SELECT seq, name, {database.now_ms} FROM feed_head WHERE id = 0")  # noqa: S608
    last: tuple[int, str, str] = (after + 1, "", "")
    entries = FeedLog()
    first = before = None
    while True:
        rows, (row,) = await database.snapshot(Statement(sql, (*last, PAGE_ROWS)), ask_head)
        head = _Head(*row)
        first, before = first or head, before or head
        if head.name != first.name or head.seq < before.seq:
            return await _read(database, after, which, heard)  # the feed was replaced meanwhile
        page = [Entry(*row[:5]) for row in rows]
        heard(page, [row[5] for row in rows])
        entries.extend(page)
        if len(rows) < PAGE_ROWS:
            return Reading(entries, head.seq, head.name, first.now_ms)
        last, before = rows[-1][:3], head
        await asyncio.sleep(0)  # a database that answers at once would keep the event loop for all of them


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
