"""Rows of the table `session`: one per sign-in on one device."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mapae.errors import Conflict
from mapae.sessions.refresh import Foreseen
from mapae.sessions.session import Session
from mapae.storage.database import Database, Row, Statement, Value
from mapae.storage.revocations import RAISE_HEAD, entry_statements

DAY_MS = 86_400_000

_COLUMNS = (
    "session.sid, session.account_id, "
    # NULL in a session that an older program began; the last of them ends when its `absolute_expires_ms` comes.
    "COALESCE(session.epoch, (SELECT a.epoch FROM account a WHERE a.id = session.account_id)), "
    "COALESCE(session.role, (SELECT a.role FROM account a WHERE a.id = session.account_id)), "
    "session.client_id, session.current, session.previous, session.replay, "
    "session.generation, session.acknowledged, session.created_ms, session.opened_ms, session.rotated_ms, "
    "session.seen_ms, session.idle_expires_ms, session.absolute_expires_ms, session.revoked_ms, session.reason, "
    "session.device, session.place, session.jkt"
)
_LOAD = f"SELECT {_COLUMNS} FROM session WHERE session.sid = ?"  # noqa: S608
_ADD = (
    "INSERT INTO session (sid, account_id, epoch, role, client_id, current, previous, replay, generation, "
    "acknowledged, created_ms, opened_ms, rotated_ms, seen_ms, idle_expires_ms, absolute_expires_ms, revoked_ms, "
    "reason, device, place, jkt, sweep_day) "
)
_VALUES = "?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?"
_REPLACE = (
    "UPDATE session SET current = ?, previous = ?, replay = ?, generation = ?, acknowledged = ?, opened_ms = ?, "
    "rotated_ms = ?, seen_ms = ?, idle_expires_ms = ?, revoked_ms = ?, reason = ?, device = ?, place = ?"
)
_ROTATE = (
    "UPDATE session SET current = ?, previous = ?, replay = ?, generation = ?, acknowledged = 0, opened_ms = ?, "
    "rotated_ms = ?, seen_ms = ?, "
    "idle_expires_ms = CASE WHEN absolute_expires_ms < ? THEN absolute_expires_ms ELSE ? END "
    "WHERE sid = ? AND current = ? AND generation = ? AND jkt IS NULL "
    "AND revoked_ms IS NULL AND idle_expires_ms > ? AND absolute_expires_ms > ? "
    # The day is indexed and therefore not written here; once a day the row is read, and written with another one.
    "AND sweep_day = CASE WHEN absolute_expires_ms < ? THEN absolute_expires_ms / ? + 1 ELSE ? END"
)
_UNCHANGED = (
    " WHERE sid = ? AND current = ? AND generation = ? AND opened_ms = ? AND acknowledged = ? AND revoked_ms IS NULL"
)


async def load_session(database: Database, sid: str) -> Session | None:
    """Return a session; None when it is gone, as it is with its account."""
    row = await database.fetch_one(_LOAD, sid)
    return None if row is None else _session(row)


async def list_sessions_of(database: Database, account_id: str, *, now_ms: int) -> list[Session]:
    """Return the live sessions of an account, the last used first."""
    where, values = _live(now_ms)
    rows = await database.fetch(
        f"SELECT {_COLUMNS} FROM session WHERE account_id = ?{where}",  # noqa: S608
        account_id,
        *values,
    )
    return sorted(map(_session, rows), key=lambda session: session.seen_ms, reverse=True)


async def list_sessions(
    database: Database, *, live_at_ms: int | None = None, after: str = "", limit: int = 100
) -> list[Session]:
    """Return sessions of all accounts in the order of their ids, from the one that follows the id `after`.

    Args:
        live_at_ms: only those that are live then; None for ended and expired ones too.
    """
    where, values = _live(live_at_ms)
    rows = await database.fetch_apart(
        f"SELECT {_COLUMNS} FROM session WHERE sid > ?{where} ORDER BY sid LIMIT ?",  # noqa: S608
        after,
        *values,
        limit,
    )
    return [_session(row) for row in rows]


async def count_sessions(database: Database, *, live_at_ms: int | None = None) -> int:
    """Return how many sessions there are; it reads the whole table."""
    where, values = _live(live_at_ms)
    rows = await database.fetch_apart(f"SELECT count(*) FROM session WHERE sid > ''{where}", *values)  # noqa: S608
    return int(rows[0][0])


def added(session: Session) -> Statement:
    """Return the statement that saves a new session, to ride in the transaction that makes its account."""
    return Statement(f"{_ADD}VALUES ({_VALUES})", _values(session), 1)


async def add_session(
    database: Database,
    session: Session,
    *,
    password_hash: str | None = None,
    also: Sequence[Statement] = (),
) -> None:
    """Save a new session of an account that is active and whose epoch and role are still those of the session.

    Args:
        password_hash: the account's password must still be the one with this hash; None for any.

    Raises:
        Conflict: the account was disabled, deleted or signed out everywhere meanwhile, its password was changed, there
            is a session with this id, or one of `also` was refused.
    """
    await database.commit(*_held(session, password_hash), added(session), *also)


def _held(session: Session, password_hash: str | None) -> Iterator[Statement]:
    """Keep what the session rests on as it is until the session is there.

    The rows are written, not only read: where two transactions run side by side, whoever changes them afterwards waits,
    and then sees the session that it has to end.
    """
    unchanged = "UPDATE account SET epoch = epoch WHERE id = ? AND state = 'active' AND epoch = ? AND role = ?"
    yield Statement(unchanged, (session.account_id, session.epoch, session.role), 1)
    if password_hash is not None:
        unchanged = "UPDATE password SET hash = hash WHERE account_id = ? AND hash = ?"
        yield Statement(unchanged, (session.account_id, password_hash), 1)


def _values(session: Session) -> tuple[Value, ...]:
    return (
        session.sid,
        session.account_id,
        session.epoch,
        session.role,
        session.client_id,
        session.current,
        session.previous,
        session.replay,
        session.generation,
        int(session.acknowledged),
        session.created_ms,
        session.opened_ms,
        session.rotated_ms,
        session.seen_ms,
        session.idle_expires_ms,
        session.absolute_expires_ms,
        session.revoked_ms,
        session.reason,
        session.device,
        session.place,
        session.jkt,
        _sweep_day(session),
    )


async def replace_session(
    database: Database, before: Session, after: Session, *, until: int | None = None, also: Sequence[Statement] = ()
) -> bool:
    """Save `after` if the row is still `before` (compare-and-swap), and tell whether it was.

    Args:
        until: when `after` is ended: the second until which that must be remembered.
        also: written in the same transaction; if one of them is refused, nothing is saved and the answer is False.
    """
    ends = after.revoked_ms is not None
    if ends and until is None:
        raise ValueError("a session that is ended needs `until`")
    feed = (
        entry_statements("session", after.sid, value=0, until=until, now_ms=after.revoked_ms)
        if after.revoked_ms is not None and until is not None
        else ()
    )
    try:
        await database.commit(_replaced(before, after), *feed, *also)
    except Conflict:
        return False
    return True


async def rotate_session(database: Database, foreseen: Foreseen, *, client_id: str | None) -> Session | None:
    """Move a row on as foreseen, without reading it first; return the row after, None if it is another.

    Args:
        client_id: which the session must belong to; None for any.
    """
    idle, day = foreseen.idle_expires_ms, foreseen.idle_expires_ms // DAY_MS + 1
    now_ms, before = foreseen.now_ms, foreseen.generation - 1
    after = (
        foreseen.current,
        foreseen.before,
        foreseen.replay,
        foreseen.generation,
        now_ms,
        now_ms,
        now_ms,
        idle,
        idle,
    )
    expected = (foreseen.sid, foreseen.before, before, now_ms, now_ms, idle, DAY_MS, day)
    values: list[Value] = [*after, *expected]
    also = ""
    if foreseen.opened_before_ms is not None:
        also += " AND opened_ms < ?"
        values.append(foreseen.opened_before_ms)
    if client_id is not None:
        also += " AND client_id = ?"
        values.append(client_id)
    statement = Statement(f"{_ROTATE}{also} RETURNING {_COLUMNS}", tuple(values), 1, key=foreseen.sid)
    try:
        ((row,),) = await database.commit(statement)
    except Conflict:
        return None
    return _session(row)


async def slide_session(database: Database, before: Session, after: Session) -> bool:
    """Save that a server-side session was used, unless somebody else has just done so, and tell whether it was saved.

    Only `seen_ms` and the idle expiry move. An ended session stays as it is.
    """
    slid = "UPDATE session SET seen_ms = ?, idle_expires_ms = ?, sweep_day = ? "
    expected = "WHERE sid = ? AND current = ? AND seen_ms = ? AND revoked_ms IS NULL"
    values = (after.seen_ms, after.idle_expires_ms, _sweep_day(after), before.sid, before.current, before.seen_ms)
    try:
        await database.commit(Statement(slid + expected, values, 1, key=before.sid))
    except Conflict:
        return False
    return True


async def revoke_session(
    database: Database,
    sid: str,
    *,
    reason: str,
    now_ms: int,
    until: int,
    account_id: str | None = None,
    also: Sequence[Statement] = (),
) -> None:
    """End one session, with its entry in the feed.

    Args:
        until: second until which the feed must remember it.
        account_id: it must belong to this account; None for any.

    Raises:
        Conflict: there is no such session, or it was ended before.
    """
    owned, values = ("", ()) if account_id is None else (" AND account_id = ?", (account_id,))
    ended = Statement(
        "UPDATE session SET revoked_ms = ?, reason = ?, replay = NULL "  # noqa: S608
        f"WHERE sid = ? AND revoked_ms IS NULL{owned}",
        (now_ms, reason, sid, *values),
        1,
    )
    await database.commit(ended, *entry_statements("session", sid, value=0, until=until, now_ms=now_ms), *also)


async def revoke_sessions_of(
    database: Database,
    account_id: str,
    *,
    reason: str,
    now_ms: int,
    until: int,
    except_sid: str | None = None,
    also: Sequence[Statement] = (),
) -> int:
    """End the sessions of an account, with their entries in the feed, and return how many were live.

    To end them all and refuse every access token at once, `accounts.bump_epoch` needs only one entry.
    """
    ended, *rest = revoked_of(account_id, reason=reason, now_ms=now_ms, until=until, except_sid=except_sid)
    results = await database.commit(ended, *rest, *also)
    return len(results[0])


def revoked_of(
    account_id: str, *, reason: str, now_ms: int, until: int, except_sid: str | None = None
) -> tuple[Statement, ...]:
    """Return the statements of `revoke_sessions_of`, to ride in a transaction; the first returns the ended ids."""
    kept = except_sid or ""
    listed = Statement(
        # After the UPDATE: what it has ended is then exactly what this transaction sees as ended at this moment.
        "INSERT INTO feed (seq, kind, key, value, until, at_ms) "
        "SELECT feed_head.seq, 'session', session.sid, 0, ?, ? FROM feed_head, session "
        "WHERE feed_head.id = 0 AND session.account_id = ? AND session.sid <> ? AND session.revoked_ms = ?",
        (until, now_ms, account_id, kept, now_ms),
    )
    return ended_of(account_id, reason=reason, now_ms=now_ms, except_sid=kept), RAISE_HEAD, listed


def ended_of(account_id: str, *, reason: str, now_ms: int, except_sid: str = "") -> Statement:
    """Return the statement that ends sessions without a word in the feed: for transactions that raise the epoch."""
    return Statement(
        "UPDATE session SET revoked_ms = ?, reason = ?, replay = NULL "
        "WHERE account_id = ? AND sid <> ? AND revoked_ms IS NULL RETURNING sid",
        (now_ms, reason, account_id, except_sid),
    )


async def sweep(database: Database, now_ms: int, *, limit: int) -> int:
    """Delete at most `limit` sessions that expired more than a day ago; return how many went."""
    sql = (
        "DELETE FROM session WHERE sid IN "
        "(SELECT sid FROM session WHERE sweep_day < ? ORDER BY sweep_day LIMIT ?) RETURNING 1"
    )
    ((*gone,),) = await database.commit(Statement(sql, (now_ms // DAY_MS, limit)))
    return len(gone)


def _replaced(before: Session, after: Session) -> Statement:
    values: tuple[Value, ...] = (
        after.current,
        after.previous,
        after.replay,
        after.generation,
        int(after.acknowledged),
        after.opened_ms,
        after.rotated_ms,
        after.seen_ms,
        after.idle_expires_ms,
        after.revoked_ms,
        after.reason,
        after.device,
        after.place,
    )
    expected = (before.sid, before.current, before.generation, before.opened_ms, int(before.acknowledged))
    day = _sweep_day(after)
    if day == _sweep_day(before):
        return Statement(_REPLACE + _UNCHANGED, (*values, *expected), 1, key=before.sid)
    return Statement(f"{_REPLACE}, sweep_day = ?{_UNCHANGED}", (*values, day, *expected), 1, key=before.sid)


def _sweep_day(session: Session) -> int:
    return min(session.idle_expires_ms, session.absolute_expires_ms) // DAY_MS + 1


def _live(at_ms: int | None) -> tuple[str, tuple[int, ...]]:
    if at_ms is None:
        return "", ()
    return " AND revoked_ms IS NULL AND idle_expires_ms > ? AND absolute_expires_ms > ?", (at_ms, at_ms)


def _session(row: Row) -> Session:
    values = list(row)
    values[9] = bool(values[9])
    return Session(*values)
