"""Blocks of places in the token status lists, and which sessions were ended lately."""

from __future__ import annotations

from mapae.errors import Conflict
from mapae.storage.database import Database, Statement


async def claim_block(database: Database, number: int, block: int, *, free_ms: int) -> bool:
    """Take a block of a list, and tell whether it was still free.

    Args:
        number: which list.
        free_ms: when no session that has a place in it can live any more, in milliseconds since 1970.
    """
    taken = Statement("INSERT INTO status_block (block, list, free_ms) VALUES (?, ?, ?)", (block, number, free_ms), 1)
    try:
        await database.commit(taken)
    except Conflict:
        return False
    return True


async def load_lists(database: Database) -> list[int]:
    """Return the numbers of the lists in which places are taken."""
    return [number for (number,) in await database.fetch("SELECT DISTINCT list FROM status_block ORDER BY list")]


async def load_ended(database: Database) -> list[str]:
    """Return the ids of the sessions whose access tokens the feed must still remember as revoked."""
    one_by_one = Statement("SELECT key FROM feed WHERE kind = 'session'")
    together = Statement(
        "SELECT s.sid FROM feed f JOIN session s ON s.account_id = f.key "
        "WHERE f.kind = 'account' AND s.revoked_ms IS NOT NULL"
    )
    return [sid for rows in await database.snapshot(one_by_one, together) for (sid,) in rows]


async def sweep(database: Database, now_ms: int, *, limit: int) -> int:
    """Give free at most `limit` blocks of which no session lives any more; return how many."""
    sql = (
        "DELETE FROM status_block WHERE (block, list) IN "
        "(SELECT block, list FROM status_block WHERE free_ms < ? LIMIT ?) RETURNING 1"
    )
    ((*gone,),) = await database.commit(Statement(sql, (now_ms, limit)))
    return len(gone)
