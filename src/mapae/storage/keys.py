"""Rows of the table `signing_key`."""

from __future__ import annotations

import json
from collections.abc import Sequence

from mapae.keys.schedule import SigningKey
from mapae.storage.database import Database, Row, Statement


async def load_keys(database: Database) -> list[SigningKey]:
    """Return all keys, destroyed ones too, in the order in which they were made."""
    rows = await database.fetch(
        "SELECT kid, follows, alg, public, sealed, created_ms, sign_from_ms, sign_until_ms, destroy_ms FROM signing_key"
    )
    by_predecessor = {key.follows: key for key in map(_key, rows)}
    ordered: list[SigningKey] = []
    while (following := by_predecessor.pop(ordered[-1].kid if ordered else "", None)) is not None:
        ordered.append(following)
    return ordered


async def save_keys(
    database: Database,
    *,
    added: Sequence[SigningKey] = (),
    replaced: Sequence[tuple[SigningKey, SigningKey]] = (),
    also: Sequence[Statement] = (),
) -> None:
    """Save new keys and changed ones (before, after), all in one transaction.

    Raises:
        Conflict: another node has made the next key already, or a row is no longer what it was before.
    """
    await database.commit(*map(key_added, added), *(key_replaced(*pair) for pair in replaced), *also)


def key_added(key: SigningKey) -> Statement:
    """Return the statement that saves a new key, to ride in a transaction."""
    return Statement(
        "INSERT INTO signing_key "
        "(kid, follows, alg, public, sealed, created_ms, sign_from_ms, sign_until_ms, destroy_ms) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            key.kid,
            key.follows,
            key.alg,
            json.dumps(key.public, separators=(",", ":")),
            key.sealed,
            key.created_ms,
            key.sign_from_ms,
            key.sign_until_ms,
            key.destroy_ms,
        ),
        1,
    )


def key_replaced(before: SigningKey, after: SigningKey) -> Statement:
    """Return the statement that saves `after` if the row is still `before`, to ride in a transaction."""
    return Statement(
        "UPDATE signing_key SET sealed = ?, sign_from_ms = ?, sign_until_ms = ?, destroy_ms = ? WHERE kid = ? "
        "AND sealed = ? AND sign_from_ms = ? AND coalesce(sign_until_ms, -1) = ? AND coalesce(destroy_ms, -1) = ?",
        (
            after.sealed,
            after.sign_from_ms,
            after.sign_until_ms,
            after.destroy_ms,
            before.kid,
            before.sealed,
            before.sign_from_ms,
            -1 if before.sign_until_ms is None else before.sign_until_ms,
            -1 if before.destroy_ms is None else before.destroy_ms,
        ),
        1,
    )


def _key(row: Row) -> SigningKey:
    kid, follows, alg, public, *rest = row
    return SigningKey(kid, follows, alg, json.loads(public), *rest)
