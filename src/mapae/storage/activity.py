"""Rows of the table `activity`: what happened, for people to read."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from mapae.accounts.activity import Activity, Event, Outcome
from mapae.storage.database import Database, Statement, Value

__all__ = ["ActivityFilter", "ActivityPage", "Statement", "count_activity", "list_activity", "recorded", "sweep"]

_FIELDS = "event, outcome, account_id, sid, device, place, reason, detail"


@dataclass(frozen=True, slots=True)
class ActivityFilter:
    """Which activity to read; None means any.

    Attributes:
        from_ms: not before this moment.
        before_ms: only before this moment.
    """

    event: Event | None = None
    outcome: Outcome | None = None
    account_id: str | None = None
    sid: str | None = None
    from_ms: int | None = None
    before_ms: int | None = None

    def where(self) -> tuple[str, tuple[Value, ...]]:
        """Return the condition and its values."""
        clauses: Mapping[str, Value] = {
            "event = ?": self.event,
            "outcome = ?": self.outcome,
            "account_id = ?": self.account_id,
            "sid = ?": self.sid,
            "at_ms >= ?": self.from_ms,
            "at_ms < ?": self.before_ms,
        }
        chosen = {clause: value for clause, value in clauses.items() if value is not None}
        return " AND ".join(chosen) or "at_ms >= 0", tuple(chosen.values())


EVERYTHING = ActivityFilter()


@dataclass(frozen=True, slots=True)
class ActivityPage:
    """Some activity, the newest first.

    Attributes:
        after: give it to `list_activity` for the page that follows; None when this was the last.
    """

    rows: tuple[Activity, ...]
    after: str | None


def recorded(activity: Activity) -> Statement:
    """Return the statement that records `activity`, to ride in the transaction of its cause."""
    return Statement(
        f"INSERT INTO activity (at_ms, id, {_FIELDS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
        (
            activity.at_ms,
            secrets.token_urlsafe(9),
            activity.event,
            activity.outcome,
            activity.account_id,
            activity.sid,
            activity.device,
            activity.place,
            activity.reason,
            activity.detail,
        ),
    )


async def list_activity(
    database: Database, wanted: ActivityFilter = EVERYTHING, *, after: str | None = None, limit: int = 100
) -> ActivityPage:
    """Return a page of what happened, the newest first.

    Raises:
        ValueError: `after` is not what a page before said.
    """
    where, values = wanted.where()
    if after is not None:
        at_ms, _, row_id = after.partition(".")
        where, values = f"{where} AND (at_ms, id) < (?, ?)", (*values, int(at_ms), row_id)
    rows = await database.fetch_apart(
        f"SELECT at_ms, id, {_FIELDS} FROM activity WHERE {where} ORDER BY at_ms DESC, id DESC LIMIT ?",  # noqa: S608
        *values,
        limit,
    )
    last = f"{rows[-1][0]}.{rows[-1][1]}" if len(rows) == limit else None
    return ActivityPage(tuple(Activity(at_ms, *rest) for at_ms, _, *rest in rows), last)


async def count_activity(database: Database, wanted: ActivityFilter = EVERYTHING) -> dict[tuple[Event, Outcome], int]:
    """Return how often each event happened with each outcome."""
    where, values = wanted.where()
    rows = await database.fetch_apart(
        f"SELECT event, outcome, count(*) FROM activity WHERE {where} GROUP BY event, outcome ORDER BY event, outcome",  # noqa: S608
        *values,
    )
    return {(event, outcome): count for event, outcome, count in rows}


async def sweep(database: Database, before_ms: int, *, limit: int) -> int:
    """Delete at most `limit` rows from before `before_ms`, the oldest first; return how many went."""
    sql = (
        "DELETE FROM activity WHERE (at_ms, id) IN "
        "(SELECT at_ms, id FROM activity WHERE at_ms < ? ORDER BY at_ms, id LIMIT ?) RETURNING 1"
    )
    ((*gone,),) = await database.commit(Statement(sql, (before_ms, limit)))
    return len(gone)
