"""Every query that people wait for finds its rows through an index, whatever the size of the tables."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import re
import sqlite3
from dataclasses import replace

import psycopg
import pytest
from psycopg.types.numeric import Int8

from mapae.accounts.activity import Activity
from mapae.admission.attempts import Attempts
from mapae.errors import Conflict, EmailTaken, LinkRefused
from mapae.sessions.refresh import Presented, RefreshPolicy, foresee
from mapae.sessions.session import end
from mapae.storage import accounts, activity, attempts, links, migrate, revocations, sessions
from mapae.storage.activity import ActivityFilter
from mapae.storage.database import SqliteDatabase, open_database
from mapae.storage.postgres.database import PostgresDatabase
from mapae.storage.postgres.sql import numbered

from .conftest import NOW, NOW_MS, UNTIL

pytestmark = pytest.mark.anyio


class Noting:
    """Added to a real database: it also notes the SQL it was given."""

    def __init__(self, *args, **options):
        self.noted = []
        super().__init__(*args, **options)

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


class NotingSqlite(Noting, SqliteDatabase):
    """A file that notes."""


class NotingPostgres(Noting, PostgresDatabase):
    """A PostgreSQL that notes."""


FORESEEN = foresee(Presented("A" * 22, 0, b"s" * 32), successor=b"n" * 32, now_ms=NOW_MS, policy=RefreshPolicy())


MILLION = 1_000_000
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
    "add_session": lambda db, _a, s: sessions.add_session(db, s),
    "replace_session": lambda db, _a, s: sessions.replace_session(db, s, end(s, "x", now_ms=NOW_MS), until=UNTIL),
    "rotate_session": lambda db, _a, s: sessions.rotate_session(db, FORESEEN, client_id=s.client_id),
    "revoke_session": lambda db, a, s: sessions.revoke_session(db, s.sid, account_id=a.id, **ENDED),
    "revoke_sessions_of": lambda db, a, s: sessions.revoke_sessions_of(db, a.id, except_sid=s.sid, **ENDED),
    "sweep sessions": lambda db, _a, _s: sessions.sweep(db, NOW_MS, limit=10),
    "load_after": lambda db, _a, _s: revocations.load_after(db, MILLION - 5),
    "sweep feed": lambda db, _a, _s: revocations.sweep(db, NOW, limit=10),
    "record": lambda db, _a, _s: db.commit(activity.recorded(Activity(NOW_MS, "sign_in", "ok"))),
    "list_activity": lambda db, _a, _s: activity.list_activity(db, after="5.x"),
    "list_activity of an account": lambda db, a, _s: activity.list_activity(db, ActivityFilter(account_id=a.id)),
    "list_activity of an event": lambda db, _a, _s: activity.list_activity(db, ActivityFilter(event="sign_in")),
    "sweep activity": lambda db, _a, _s: activity.sweep(db, NOW_MS, limit=10),
    "load_attempts": lambda db, _a, _s: attempts.load_attempts(db, ["a", "b"]),
    "failed": lambda db, _a, _s: db.commit(attempts.failed("a", now_ms=NOW_MS, rest_ms=1)),
    "cleared": lambda db, _a, _s: db.commit(attempts.cleared("a")),
    "reserved": lambda db, _a, _s: db.commit(
        attempts.reserved("new", before=Attempts(), free=5, now_ms=NOW_MS, rest_ms=1)
    ),
    "taken back": lambda db, _a, _s: db.commit(
        attempts.taken_back("a", before=Attempts(6, NOW_MS - 1), at_ms=NOW_MS, rest_ms=1)
    ),
    "sweep attempts": lambda db, _a, _s: attempts.sweep(db, NOW_MS, limit=10),
    "load_link": lambda db, _a, _s: links.load_link(db, "a", purpose="x", now_ms=NOW_MS),
    "redeemed": lambda db, _a, _s: db.commit(links.redeemed("a", purpose="x", now_ms=NOW_MS)),
    "sweep links": lambda db, _a, _s: links.sweep(db, NOW_MS, limit=10),
}


@pytest.fixture
async def noting(tmp_path):
    database = NotingSqlite(str(tmp_path / "mapae.db"))
    await migrate.apply(database)
    database.noted.clear()
    yield database
    await database.close()


def steps_of(path, sql, values):
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", values)]


@pytest.mark.slow
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
async def test_a_query_on_the_way_of_a_request_reads_no_whole_table(noting, new_account, new_session, call):
    account = new_account()
    with contextlib.suppress(Conflict, EmailTaken, LinkRefused):
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
    await sessions.rotate_session(noting, FORESEEN, client_id=None)
    for statement in noting.noted[-2:]:
        assert "sweep_day" not in statement[0].partition("WHERE")[0]


SMALL = {"feed_head", "signing_key", "migration"}
BLOCKS = 1000
"""Blocks of 8 KiB that one statement may look at: a handful for each row it finds, and a page has a hundred."""

FILL = f"""
INSERT INTO account (id, email, name, role, state, epoch, created_ms, language)
SELECT left(md5('a' || n), 22), n || '@example.com', 'n' || n, 'user', 'active', 0, {NOW_MS} + n, 'en'
FROM numbers ORDER BY 1;
INSERT INTO identity (identifier, account_id) SELECT email, id FROM account ORDER BY 1;
INSERT INTO password (account_id, hash, changed_ms) SELECT id, 'hash of ' || name, created_ms FROM account ORDER BY 1;
INSERT INTO session (sid, account_id, epoch, role, client_id, current, generation, acknowledged, created_ms, opened_ms,
    rotated_ms, seen_ms, idle_expires_ms, absolute_expires_ms, device, place, sweep_day)
SELECT left(md5('s' || n), 22), left(md5('a' || n % 300000), 22), 0, 'user', 'mapae', sha256(n::text::bytea), 0, 0,
    {NOW_MS}, {NOW_MS}, {NOW_MS}, {NOW_MS}, {NOW_MS} + 86400000, {NOW_MS} + 864000000, 'Firefox',
    '203.0.113.*', 20832 + n % 90
FROM numbers ORDER BY 2;
INSERT INTO activity (at_ms, id, event, outcome, account_id, sid, device, place, detail)
SELECT {NOW_MS} - n, md5(n::text), CASE WHEN n % 9 = 0 THEN 'sign_in' ELSE 'sign_out' END, 'ok',
    left(md5('a' || n % 300000), 22), left(md5('s' || n), 22), 'Firefox', '203.0.113.*', '' FROM numbers ORDER BY 1;
INSERT INTO feed (seq, kind, key, value, until, at_ms)
SELECT n, 'session', left(md5('s' || n), 22), 0, {NOW} - 900 + n, {NOW_MS} FROM numbers ORDER BY 1;
UPDATE feed_head SET seq = {MILLION};
INSERT INTO attempt (subject, failures, failed_ms, forget_ms)
SELECT md5(n::text), 1, {NOW_MS}, {NOW_MS} + n FROM numbers WHERE n % 10 = 0 ORDER BY 1;
INSERT INTO link (digest, purpose, account_id, created_ms, expires_ms)
SELECT sha256(n::text::bytea), 'reset', left(md5('a' || n), 22), {NOW_MS}, {NOW_MS} + n
FROM numbers WHERE n % 10 = 0 ORDER BY 1
"""


@pytest.fixture(scope="module")
def million(postgres):
    """The URL of a database in which every table that grows with its people has a million rows."""
    with postgres.new_schema() as url:
        asyncio.run(_migrated(url))
        with psycopg.connect(url, autocommit=True) as connection:
            indexes = connection.execute(
                "SELECT indexname, indexdef FROM pg_indexes "
                "WHERE schemaname = current_schema() AND indexname LIKE '%_by_%'"
            ).fetchall()
            for (table,) in connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"):
                connection.execute(f"ALTER TABLE {table} SET UNLOGGED")
            connection.execute("DROP INDEX " + ", ".join(name for name, _ in indexes))
            connection.execute(f"CREATE TEMPORARY TABLE numbers AS SELECT generate_series(1, {MILLION}) AS n")
            for statement in (*FILL.split(";\n"), *(definition for _, definition in indexes), "VACUUM ANALYZE"):
                connection.execute(statement)
        yield url


async def _migrated(url):
    database = await open_database(url)
    await migrate.apply(database)
    await database.close()


def explained(url, sql, values):
    """Run a statement, undo it, and return its plan and the blocks it looked at."""
    given = [Int8(value) if isinstance(value, int) else value for value in values]
    with psycopg.connect(url, cursor_factory=psycopg.RawCursor) as connection:
        connection.execute("UPDATE feed_head SET seq = seq + 9")  # the call itself has left its entry at the head
        text = numbered(sql)[0].decode()
        cursor = connection.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {text}", given)
        ((found,),) = cursor.fetchall()
        connection.rollback()
    plan = found[0]["Plan"]
    return plan, plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]


def steps_in(plan):
    yield plan
    for part in plan.get("Plans", ()):
        yield from steps_in(part)


@pytest.mark.slow
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
async def test_at_a_million_rows_postgresql_uses_an_index_too(million, new_account, new_session, call):
    database = NotingPostgres(million, connections=2)
    account = new_account("77", id=hashlib.md5(b"a77").hexdigest()[:22])
    session = replace(new_session(account), sid=hashlib.md5(b"s77").hexdigest()[:22])
    with contextlib.suppress(Conflict, EmailTaken, LinkRefused):
        await call(database, account, session)
    await database.close()
    assert database.noted
    for sql, values in database.noted:
        if "EXTRACT" in sql and "FROM feed WHERE" not in sql:
            continue  # the head of the feed: one row
        if sql.startswith("INSERT") and "SELECT" not in sql:
            continue  # nothing to find
        plan, blocks = explained(million, sql, values)
        whole = [step for step in steps_in(plan) if step["Node Type"] == "Seq Scan"]
        assert {step["Relation Name"] for step in whole} <= SMALL, (sql, plan)
        assert not [step for step in steps_in(plan) if "Sort" in step["Node Type"]], (sql, plan)
        assert blocks <= BLOCKS, (sql, blocks, plan)


@pytest.mark.slow
@pytest.mark.parametrize("call", ["load_session", "rotate_session"])
async def test_what_is_done_with_a_session_touches_one_row_of_one_table(million, new_account, new_session, call):
    database = NotingPostgres(million, connections=2)
    account = new_account("78", id=hashlib.md5(b"a78").hexdigest()[:22])
    with psycopg.connect(million) as connection:
        connection.execute("DELETE FROM session WHERE sid = %s", (FORESEEN.sid,))
    row = replace(
        new_session(account),
        sid=FORESEEN.sid,
        current=FORESEEN.before,
        idle_expires_ms=FORESEEN.idle_expires_ms,
        absolute_expires_ms=FORESEEN.idle_expires_ms,
    )
    await database.commit(sessions.added(row))
    database.noted.clear()
    await CALLS[call](database, account, row)
    await database.close()
    sql, values = database.noted[-1]
    assert {noted for noted, _ in database.noted} == {sql}
    with psycopg.connect(million) as connection:
        connection.execute("UPDATE session SET current = %s, generation = 0 WHERE sid = %s", (row.current, row.sid))
    plan, _ = explained(million, sql, values)
    touched = {step["Relation Name"] for step in steps_in(plan) if step.get("Actual Loops") and "Relation Name" in step}
    assert touched == {"session"}


@pytest.mark.slow
def test_the_check_above_sees_a_whole_table_being_read_too(million):
    plan, blocks = explained(million, "SELECT * FROM account WHERE name = ?", ("a",))
    assert any(step["Node Type"] == "Seq Scan" for step in steps_in(plan))
    assert blocks > BLOCKS
