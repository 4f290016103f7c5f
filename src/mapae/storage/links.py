"""Rows of the table `link`: one-time links. The table holds the SHA-256 of a token, never the token."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from mapae.errors import LinkRefused
from mapae.storage.database import Database, Statement


@dataclass(frozen=True, slots=True)
class Link:
    """A one-time link.

    Attributes:
        purpose: what it is good for; it opens nothing else.
        account_id: whose it is; None where it is for whoever holds it.
        used_ms: when it was used; None while it was not.
    """

    purpose: str
    account_id: str | None
    created_ms: int
    expires_ms: int
    used_ms: int | None = None


async def add_link(database: Database, token: str, link: Link, *, also: Sequence[Statement] = ()) -> None:
    """Save a link that whoever holds `token` may use once."""
    await database.commit(link_added(token, link), *also)


def link_added(token: str, link: Link) -> Statement:
    """Return the statement that saves a link, to ride in a transaction."""
    return Statement(
        "INSERT INTO link (digest, purpose, account_id, created_ms, expires_ms, used_ms) VALUES (?, ?, ?, ?, ?, ?)",
        (_digest(token), link.purpose, link.account_id, link.created_ms, link.expires_ms, link.used_ms),
    )


async def load_link(database: Database, token: str, *, purpose: str, now_ms: int) -> Link | None:
    """Return the link of `token` if it could be used now: to show a page before it is. Redeeming decides."""
    row = await database.fetch_one(
        "SELECT purpose, account_id, created_ms, expires_ms, used_ms FROM link "
        "WHERE digest = ? AND purpose = ? AND used_ms IS NULL AND expires_ms > ?",
        _digest(token),
        purpose,
        now_ms,
    )
    return None if row is None else Link(*row)


def redeemed(token: str, *, purpose: str, now_ms: int) -> Statement:
    """Return the statement that uses a link and returns whose it is, to ride in a transaction; one caller succeeds.

    LinkRefused undoes the transaction: the link is unknown, for another purpose, used or expired.
    """
    return Statement(
        "UPDATE link SET used_ms = ? WHERE digest = ? AND purpose = ? AND used_ms IS NULL AND expires_ms > ? "
        "RETURNING account_id",
        (now_ms, _digest(token), purpose, now_ms),
        1,
        LinkRefused,
    )


async def withdraw_links(database: Database, *, purpose: str, account_id: str | None = None) -> int:
    """Delete the unused links of a purpose (and account), so that only the next one works; return how many went."""
    owner, values = (" AND account_id = ?", (account_id,)) if account_id is not None else ("", ())
    sql = f"DELETE FROM link WHERE purpose = ? AND used_ms IS NULL{owner} RETURNING 1"  # noqa: S608
    ((*gone,),) = await database.commit(Statement(sql, (purpose, *values)))
    return len(gone)


async def sweep(database: Database, now_ms: int, *, limit: int) -> int:
    """Delete at most `limit` expired links; return how many went."""
    sql = (
        "DELETE FROM link WHERE digest IN "
        "(SELECT digest FROM link WHERE expires_ms <= ? ORDER BY expires_ms LIMIT ?) RETURNING 1"
    )
    ((*gone,),) = await database.commit(Statement(sql, (now_ms, limit)))
    return len(gone)


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
