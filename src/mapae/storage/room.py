"""See whether there is room again in a database that could not be written."""

from __future__ import annotations

import secrets

from mapae.storage.database import Database, Statement

TRIED = 65_536
"""Characters that are written: a sign-up writes less, so that it is not refused a moment after this has succeeded."""


async def try_to_write(database: Database) -> None:
    """Write something large and take it away again, in one transaction.

    Raises:
        StorageFailed: it cannot be written.
    """
    database.check_room()
    name = secrets.token_urlsafe(16)
    await database.commit(
        Statement(
            "INSERT INTO activity (at_ms, id, event, outcome, device, place, detail) VALUES (0, ?, '', '', '', '', ?)",
            (name, secrets.token_hex(TRIED // 2)),  # random: a database may compress what it writes
        ),
        Statement("DELETE FROM activity WHERE at_ms = 0 AND id = ?", (name,)),
    )
    database.unwritable = None
