"""Rows of the table `attempt`: failures counted under a subject, an e-mail or a network."""

from __future__ import annotations

from collections.abc import Sequence

from mapae.admission.attempts import Attempts
from mapae.storage.database import Database, Statement


async def load_attempts(database: Database, subjects: Sequence[str]) -> dict[str, Attempts]:
    """Return what is counted under each of `subjects`; those without a failure are missing."""
    if not subjects:
        return {}
    marks = ", ".join("?" * len(subjects))
    rows = await database.fetch(
        f"SELECT subject, failures, failed_ms FROM attempt WHERE subject IN ({marks})",  # noqa: S608
        *subjects,
    )
    return {subject: Attempts(failures, failed_ms) for subject, failures, failed_ms in rows}


_COUNT = (
    "INSERT INTO attempt (subject, failures, failed_ms, forget_ms) VALUES (?, 1, ?, ?) "
    "ON CONFLICT (subject) DO UPDATE SET failures = CASE WHEN attempt.forget_ms <= excluded.failed_ms THEN 1 "
    "ELSE attempt.failures + 1 END, failed_ms = excluded.failed_ms, forget_ms = excluded.forget_ms "
)


def failed(subject: str, *, now_ms: int, rest_ms: int) -> Statement:
    """Return the statement that counts one failure and returns the count and its time, to ride in a transaction.

    Args:
        rest_ms: this long after the last failure the count begins again.
    """
    return Statement(_COUNT + "RETURNING failures, failed_ms", (subject, now_ms, now_ms + rest_ms))


def reserved(subject: str, *, before: Attempts, free: int, now_ms: int, rest_ms: int) -> Statement:
    """Return the statement that counts an attempt before it is made, if it may still be made.

    It may while no more than `free` are counted, and beyond that only if nothing was counted since `before` was read:
    whoever comes second raises Conflict.
    """
    allowed = (
        "WHERE attempt.failures <= ? OR attempt.forget_ms <= excluded.failed_ms "
        "OR (attempt.failures = ? AND attempt.failed_ms = ?) RETURNING failures"
    )
    last_ms = -1 if before.last_failed_ms is None else before.last_failed_ms
    values = (subject, now_ms, now_ms + rest_ms, free, before.failures, last_ms)
    return Statement(_COUNT + allowed, values, 1)


def taken_back(subject: str, *, before: Attempts | None, at_ms: int, rest_ms: int) -> Statement:
    """Return the statement that undoes what was counted at `at_ms`, to ride in a transaction.

    Args:
        before: what was counted until then: a wait that had passed has still passed. None leaves the time as it is.
    """
    if before is None or before.last_failed_ms is None:
        return Statement("UPDATE attempt SET failures = failures - 1 WHERE subject = ? AND failures > 0", (subject,))
    sql = (
        "UPDATE attempt SET failures = failures - 1, failed_ms = CASE WHEN failed_ms = ? THEN ? ELSE failed_ms END, "
        "forget_ms = CASE WHEN failed_ms = ? THEN ? ELSE forget_ms END WHERE subject = ? AND failures > 0"
    )
    last_ms = before.last_failed_ms
    return Statement(sql, (at_ms, last_ms, at_ms, last_ms + rest_ms, subject))


def cleared(subject: str) -> Statement:
    """Return the statement that forgets what is counted under `subject`, to ride in a transaction."""
    return Statement("DELETE FROM attempt WHERE subject = ?", (subject,))


async def sweep(database: Database, now_ms: int, *, limit: int) -> int:
    """Delete at most `limit` counts that have rested; return how many went."""
    sql = (
        "DELETE FROM attempt WHERE subject IN "
        "(SELECT subject FROM attempt WHERE forget_ms <= ? ORDER BY forget_ms LIMIT ?) RETURNING 1"
    )
    ((*gone,),) = await database.commit(Statement(sql, (now_ms, limit)))
    return len(gone)
