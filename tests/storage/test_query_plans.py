"""Every query that people wait for finds its rows through an index, whatever the size of the tables."""

from __future__ import annotations

import contextlib
import re
import sqlite3
from dataclasses import replace

import pytest

from mapae.accounts.activity import Activity
from mapae.errors import Conflict, LinkRefused
from mapae.sessions.session import end
from mapae.storage import accounts, activity, attempts, links, migrate, revocations, sessions
from mapae.storage.activity import ActivityFilter
from mapae.storage.database import SqliteDatabase, Statement

from .conftest import NOW, NOW_MS, UNTIL

pytestmark = pytest.mark.anyio


class Noting(SqliteDatabase):
    """A real database that also notes the SQL it was given."""

    def __init__(self, path):
        self.noted = []
        super().__init__(path)

    async def fetch(self, sql, *values):
        self.noted.append((sql, values))
        return await super().fetch(sql, *values)

    async def fetch_one(self, sql, *values):
        self.noted.append((sql, values))
        return await super().fetch_one(sql, *values)

    async def fetch_apart(self, sql, *values):
        self.noted.append((sql, values))
        return await super().fetch_apart(sql, *values)

    async def snapshot(self, *queries):
        self.noted += [(query.sql, query.values) for query in queries]
        return await super().snapshot(*queries)

    async def commit(self, *statements):
        self.noted += [(statement.sql, statement.values) for statement in statements]
        return await super().commit(*statements)


ENDED = {"reason": "x", "now_ms": NOW_MS, "until": UNTIL}

CALLS = {
    "load_account": lambda db, a, _s: accounts.load_account(db, a.id),
    "load_account_by_email": lambda db, a, _s: accounts.load_account_by_email(db, a.email),
    "list_accounts": lambda db, a, _s: accounts.list_accounts(db, after=a),
    "add_account": lambda db, a, _s: accounts.add_account(db, a),
    "replace_password": lambda db, a, s: accounts.replace_password(
        db, a, "new", changed_ms=NOW_MS, end_sessions_except=s.sid, until=UNTIL
    ),
    "bump_epoch": lambda db, a, _s: accounts.bump_epoch(db, a.id, **ENDED),
    "set_state": lambda db, a, _s: accounts.set_state(db, a.id, "disabled", **ENDED),
    "delete_account": lambda db, a, _s: accounts.delete_account(db, a.id, now_ms=NOW_MS, until=UNTIL),
    "load_session": lambda db, _a, s: sessions.load_session(db, s.sid),
    "list_sessions_of": lambda db, a, _s: sessions.list_sessions_of(db, a.id, now_ms=NOW_MS),
    "list_sessions": lambda db, _a, s: sessions.list_sessions(db, after=s.sid),
    "add_session": lambda db, _a, s: sessions.add_session(db, s, epoch=0),
    "replace_session": lambda db, _a, s: sessions.replace_session(db, s, end(s, "x", now_ms=NOW_MS), until=UNTIL),
    "revoke_session": lambda db, a, s: sessions.revoke_session(db, s.sid, account_id=a.id, **ENDED),
    "revoke_sessions_of": lambda db, a, s: sessions.revoke_sessions_of(db, a.id, except_sid=s.sid, **ENDED),
    "sweep sessions": lambda db, _a, _s: sessions.sweep(db, NOW_MS, limit=10),
    "load_after": lambda db, _a, _s: revocations.load_after(db, 5),
    "sweep feed": lambda db, _a, _s: revocations.sweep(db, NOW, limit=10),
    "record": lambda db, _a, _s: db.commit(activity.recorded(Activity(NOW_MS, "sign_in", "ok"))),
    "list_activity": lambda db, _a, _s: activity.list_activity(db, after="5.x"),
    "list_activity of an account": lambda db, a, _s: activity.list_activity(db, ActivityFilter(account_id=a.id)),
    "list_activity of an event": lambda db, _a, _s: activity.list_activity(db, ActivityFilter(event="sign_in")),
    "sweep activity": lambda db, _a, _s: activity.sweep(db, NOW_MS, limit=10),
    "load_attempts": lambda db, _a, _s: attempts.load_attempts(db, ["a", "b"]),
    "failed": lambda db, _a, _s: db.commit(attempts.failed("a", now_ms=NOW_MS, rest_ms=1)),
    "cleared": lambda db, _a, _s: db.commit(attempts.cleared("a")),
    "sweep attempts": lambda db, _a, _s: attempts.sweep(db, NOW_MS, limit=10),
    "load_link": lambda db, _a, _s: links.load_link(db, "a", purpose="x", now_ms=NOW_MS),
    "redeemed": lambda db, _a, _s: db.commit(links.redeemed("a", purpose="x", now_ms=NOW_MS)),
    "sweep links": lambda db, _a, _s: links.sweep(db, NOW_MS, limit=10),
}


@pytest.fixture
async def noting(tmp_path):
    database = Noting(str(tmp_path / "mapae.db"))
    await migrate.apply(database)
    database.noted.clear()
    yield database
    await database.close()


def steps_of(path, sql, values):
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", values)]


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
async def test_a_query_on_the_way_of_a_request_reads_no_whole_table(noting, new_account, new_session, call):
    account = new_account()
    with contextlib.suppress(Conflict, LinkRefused):
        await call(noting, account, new_session(account))
    assert noting.noted
    for sql, values in noting.noted:
        steps = steps_of(noting.path, sql, values)
        whole = [step for step in steps if re.match(r"SCAN (?!\d|CONSTANT|\(|feed_head)", step) and "USING" not in step]
        assert not whole, (sql, steps)
        assert not [step for step in steps if "TEMP B-TREE" in step], (sql, steps)


async def test_the_check_above_sees_a_whole_table_being_read(noting):
    assert steps_of(noting.path, "SELECT * FROM account WHERE name = ?", ("a",)) == ["SCAN account"]


async def test_a_rotation_within_a_day_touches_no_index(noting, new_account, new_session):
    session = new_session(new_account())
    await sessions.replace_session(noting, session, replace(session, generation=1))
    statement = Statement(*noting.noted[-1])
    assert "sweep_day" not in statement.sql
