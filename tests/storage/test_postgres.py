"""What only PostgreSQL has: connections that break, a pool, limits of time, conflicts that are tried again, poolers."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from mapae.errors import Conflict, StorageFailed
from mapae.storage import migrate, revocations
from mapae.storage.database import Statement, open_database
from mapae.storage.postgres import target
from postgres_server import SAFE, apart, other_account, own_server
from servers import free_port
from tcp_proxy import proxying

from .conftest import feed_after

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

CREATE = Statement("CREATE TABLE thing (name TEXT NOT NULL PRIMARY KEY, amount BIGINT NOT NULL)")
ADD = "INSERT INTO thing (name, amount) VALUES (?, ?)"
MORE = "UPDATE thing SET amount = amount + 1 WHERE name = ?"
PGBOUNCER = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")


@pytest.fixture
def url(postgres):
    with postgres.new_schema() as url:
        yield url


@pytest.fixture
async def things(url):
    """A database with a small table and two rows."""
    database = await open_database(url)
    await database.commit(CREATE)
    await database.commit(Statement(ADD, ("a", 0)), Statement(ADD, ("b", 0)))
    yield database
    await database.close()


async def amounts(database):
    return dict(await database.fetch("SELECT name, amount FROM thing ORDER BY name"))


def connections_of(postgres, database="postgres"):
    sql = f"SELECT count(*) FROM pg_stat_activity WHERE application_name = 'mapae' AND datname = '{database}'"
    return postgres.run(sql)[0][0]


# What cannot be reached


@pytest.mark.parametrize(
    ("change", "cure"),
    [
        ({"port": "{free}"}, "nothing listens there; start PostgreSQL"),
        ({"name": "nowhere"}, "create the database and its user"),
        ({"user": "nobody:hunter2"}, "create the database and its user"),
        ({"more": "?sslmode=require"}, "turn on ssl there, or choose another sslmode"),
        ({"host": "%2Fnowhere"}, "nothing listens there; start PostgreSQL"),
    ],
    ids=["port", "name", "user", "ssl", "socket"],
)
async def test_what_is_wrong_with_a_url_is_said_without_its_password(postgres, change, cure):
    parts = {
        "user": "mapae:hunter2",
        "host": "127.0.0.1",
        "port": postgres.port,
        "name": "postgres",
        "more": "",
    } | change
    parts["port"] = free_port() if parts["port"] == "{free}" else parts["port"]
    with pytest.raises(StorageFailed) as caught:
        await open_database("postgresql://{user}@{host}:{port}/{name}{more}".format(**parts))
    assert cure in str(caught.value)
    assert "hunter2" not in f"{caught.value!r} {caught.value.__cause__!r}"
    assert caught.value.__suppress_context__


async def test_a_url_that_libpq_cannot_read_is_not_repeated():
    with pytest.raises(StorageFailed, match="see the setting `database`") as caught:
        await open_database("postgresql://mapae:hunter%2@localhost/mapae")
    assert "hunter" not in str(caught.value)


async def test_a_wrong_password_is_told_from_a_wrong_name(postgres_programs, tmp_path):
    with own_server(postgres_programs) as server:
        server.run("ALTER ROLE mapae PASSWORD 'right'")
        (server.folder / "cluster" / "pg_hba.conf").write_text("host all all 127.0.0.1/32 scram-sha-256\n")
        server.stop(signal.SIGTERM)
        passfile = tmp_path / "pgpass"
        passfile.write_text("127.0.0.1:*:*:mapae:right\n")
        passfile.chmod(0o600)
        server.passfile = str(passfile)
        server.start()
        url = server.url().replace("mapae@", "mapae:wrong@")
        with pytest.raises(StorageFailed, match="check user and password"):
            await open_database(url)
        by_file = await open_database(server.url(passfile=passfile))
        await by_file.close()
        by_url = await open_database(url.replace("wrong", "right"))
        await by_url.close()


async def test_a_database_that_cannot_hold_every_name_is_refused(postgres):
    postgres.run("CREATE DATABASE test_ascii ENCODING 'SQL_ASCII' TEMPLATE template0")
    try:
        with pytest.raises(StorageFailed, match="encoding is SQL_ASCII"):
            await open_database(postgres.url("test_ascii"))
    finally:
        postgres.run("DROP DATABASE test_ascii WITH (FORCE)")


# Round trips


async def test_each_call_costs_one_round_trip(postgres, url):
    with proxying(postgres.port) as proxy:
        database = await open_database(url.replace(f":{postgres.port}/", f":{proxy.port}/"))
        await migrate.apply(database)
        entry = revocations.entry_statements("session", "a", value=0, until=2**40, now_ms=1)
        calls = {
            "fetch": lambda: database.fetch("SELECT 1 FROM account WHERE id = ?", "a"),
            "snapshot": lambda: revocations.load_after(database, 0),
            "commit": lambda: database.commit(*entry, Statement("DELETE FROM link WHERE account_id = ?", ("a",))),
            "commit_apart": lambda: database.commit_apart(Statement("DELETE FROM link WHERE account_id = ?", ("a",))),
            "fetch_apart": lambda: database.fetch_apart("SELECT count(*) FROM account"),
        }
        proxy.delay = 0.1
        for name, ask in calls.items():
            began = time.perf_counter()
            await ask()
            took = time.perf_counter() - began
            assert 0.19 < took < 0.39, f"{name} took {took:.2f} s where one round trip takes 0.2"
        proxy.delay = 0
        await database.close()


async def test_what_does_not_fit_into_a_packet_is_sent_and_read_whole(things):
    large = bytes(range(256)) * 40_000
    rows = await asyncio.gather(*(things.fetch("SELECT ?, length(?)", large, large) for _ in range(3)))
    assert rows == [[(large, len(large))]] * 3
    many = [Statement(ADD, (f"n{n}", n)) for n in range(3_000)]
    assert await things.commit(*many) == [[]] * 3_000
    assert len(await amounts(things)) == 3_002


async def test_more_statements_than_a_connection_prepares_are_run_all_the_same(url):
    database = await open_database(url, connections=2)
    for _ in range(2):
        assert [await database.fetch(f"SELECT {n} + ?", 1) for n in range(300)] == [[(n + 1,)] for n in range(300)]
    assert await database.fetch("SELECT count(*) FROM pg_prepared_statements") == [(256,)]
    await database.close()


# What shares a round trip


def swap(name, amount):
    return Statement(f"{MORE} AND amount = ?", (name, amount), 1, key=name)


async def test_changes_of_one_row_share_a_commit_and_each_hears_of_itself(things, postgres):
    await things.commit(*(Statement(ADD, (f"n{n}", 0)) for n in range(60)))
    before = postgres.run("SELECT pg_current_xact_id()::text::bigint")[0][0]
    outcomes = await asyncio.gather(
        *(things.commit(swap(f"n{n}", n % 2)) for n in range(60)),
        *(things.commit(swap("a", 0)) for _ in range(10)),
        return_exceptions=True,
    )
    after = postgres.run("SELECT pg_current_xact_id()::text::bigint")[0][0]
    assert [type(outcome) for outcome in outcomes[:60]] == [list, Conflict] * 30
    assert [type(outcome) for outcome in outcomes[60:]].count(list) == 1
    assert await amounts(things) == {"a": 1, "b": 0} | {f"n{n}": 1 - n % 2 for n in range(60)}
    assert after - before < 35, "transactions, where each change alone would be one of 70"


async def test_reads_that_share_a_round_trip_get_each_their_own(things):
    ask = [things.fetch_one("SELECT name, ? + 0 FROM thing WHERE name = ?", n, "ab"[n % 2]) for n in range(50)]
    wrong = [things.fetch("SELECT 1 / ?", 0), things.fetch("SELECT nonsense"), things.fetch("DELETE FROM thing")]
    *found, divided, mistaken, writing = await asyncio.gather(*ask, *wrong, return_exceptions=True)
    assert found == [("ab"[n % 2], n) for n in range(50)]
    assert "22012" in str(divided)
    assert "42703" in str(mistaken)
    assert isinstance(writing, StorageFailed)


async def test_a_row_that_is_locked_hinders_its_own_change_only(things, url):
    with psycopg.connect(url) as other:
        other.execute("UPDATE thing SET amount = 5 WHERE name = 'a'")
        first, *outcomes = await asyncio.gather(
            *(things.commit(swap(name, 0)) for name in "bbbab"), return_exceptions=True
        )
        other.rollback()
    assert first == [[]]
    (locked,) = (outcome for outcome in outcomes if not isinstance(outcome, Conflict))
    assert isinstance(locked, StorageFailed)
    assert "locked by another program for too long" in str(locked)
    assert await amounts(things) == {"a": 0, "b": 1}


async def test_those_that_wait_for_one_lock_are_given_up_together(things, url, monkeypatch):
    monkeypatch.setattr(target, "LOCK_SECONDS", 1)
    database = await open_database(url)
    clock = asyncio.get_running_loop().time
    with psycopg.connect(url) as other:
        other.execute("LOCK TABLE thing IN ACCESS EXCLUSIVE MODE")
        began = clock()
        asked = [
            *(database.commit(swap("ab"[n % 2], 0)) for n in range(12)),
            *(database.fetch("SELECT amount FROM thing WHERE name = 'a'") for _ in range(12)),
            database.fetch("SELECT 1"),
        ]
        outcomes = await asyncio.gather(*asked, return_exceptions=True)
        other.rollback()
    assert ["locked by another program for too long" in str(outcome) for outcome in outcomes[:24]] == [True] * 24
    assert clock() - began < 6, "three trips of a second, where a second for each would be ten"
    await database.commit(swap("a", 0))
    await database.close()


async def test_nodes_that_change_the_same_rows_at_once_never_wait_for_each_other_in_a_circle(things, url, postgres):
    names = [f"n{n}" for n in range(30)]
    await things.commit(*(Statement(ADD, (name, 0)) for name in names))
    other = await open_database(url)

    async def count(database, order):
        for amount in range(20):
            swaps = (database.commit(swap(name, amount)) for name in order)
            for outcome in await asyncio.gather(*swaps, return_exceptions=True):
                assert outcome == [[]] or isinstance(outcome, Conflict)

    deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
    before = postgres.run(deadlocks)
    await asyncio.gather(count(things, names), count(other, names[::-1]))
    await other.close()
    assert set((await amounts(things)).values()) <= set(range(21))
    assert postgres.run(deadlocks) == before


# Conflicts between transactions


async def test_transactions_that_lock_each_other_out_all_succeed(things):
    both = [Statement(MORE, ("a",), 1), Statement(MORE, ("b",), 1)]
    await asyncio.gather(*(things.commit(*(both if n % 2 else reversed(both))) for n in range(12)))
    assert await amounts(things) == {"a": 12, "b": 12}


async def test_serialization_failures_are_tried_again(things, url):
    strict = await open_database(url.replace("options=", "options=-cdefault_transaction_isolation%3Dserializable%20"))
    await asyncio.gather(*(strict.commit(Statement(MORE, ("a",), 1)) for _ in range(8)))
    assert await amounts(strict) == {"a": 8, "b": 0}
    await strict.close()


async def test_a_row_that_stays_locked_is_given_up(things, url):
    with psycopg.connect(url) as other:
        other.execute("UPDATE thing SET amount = 5 WHERE name = 'a'")
        with pytest.raises(StorageFailed, match="locked by another program for too long"):
            await things.commit(Statement(MORE, ("a",), 1))
        other.rollback()
    await things.commit(Statement(MORE, ("a",), 1))


async def test_a_statement_that_takes_too_long_is_given_up(things):
    with pytest.raises(StorageFailed, match="longer than a statement may take"):
        await things.fetch("SELECT 1 FROM pg_sleep(60)")
    assert await things.fetch_apart("SELECT 1 FROM pg_sleep(11)") == [(1,)]


async def test_a_mistake_in_the_sql_says_nothing_of_the_row(things):
    with pytest.raises(psycopg.ProgrammingError, match="23502") as caught:
        await things.commit(Statement(ADD, ("secret", None)))
    assert "secret" not in str(caught.value)
    with pytest.raises(ValueError, match="1 values for 2 places"):
        await things.commit(Statement(ADD, ("a",)))
    with pytest.raises(TypeError, match="float"):
        await things.commit(Statement(ADD, ("a", 1.5)))
    with pytest.raises(TypeError, match="no table of ours has"):
        await things.fetch("SELECT 1.5")
    assert await amounts(things) == {"a": 0, "b": 0}


@pytest.mark.parametrize(
    ("option", "cure"),
    [
        ("default_transaction_read_only%3Don", "target_session_attrs=read-write"),
        ("search_path%3Dnowhere", "set search_path for its user"),
        ("role%3Dtest_guest", "make it the owner of the database, or GRANT it access"),
    ],
    ids=["read only", "no schema", "no right"],
)
async def test_what_a_person_must_cure_is_said_with_the_cure(postgres, url, option, cure):
    postgres.run("DO $$ BEGIN CREATE ROLE test_guest; EXCEPTION WHEN duplicate_object THEN NULL; END $$")
    postgres.run(f"GRANT USAGE ON SCHEMA {url.rpartition('%3D')[2]} TO test_guest")
    database = await open_database(f"{url}%20-c{option}")
    with pytest.raises(StorageFailed, match=cure):
        await database.commit(CREATE)
    await database.close()


async def test_a_server_without_a_free_connection_says_so(postgres):
    postgres.run("DROP ROLE IF EXISTS test_lonely")
    postgres.run("CREATE ROLE test_lonely LOGIN CONNECTION LIMIT 1")
    url = postgres.url().replace("mapae@", "test_lonely@")
    database = await open_database(url)
    with pytest.raises(StorageFailed, match="lower database_connections here"):
        await open_database(url)
    await database.close()


# Connections


async def test_connections_are_bounded_and_everybody_gets_a_turn(postgres):
    with postgres.new_database() as name:
        database = await open_database(postgres.url(name), connections=2)
        counting = asyncio.create_task(asyncio.to_thread(connections_of, postgres, name))
        rows = await asyncio.gather(*(database.fetch("SELECT 1 FROM pg_sleep(0.02)") for _ in range(40)))
        assert rows == [[(1,)]] * 40
        assert 1 <= await counting <= 2
        await database.close()


async def test_who_waits_too_long_for_a_connection_is_told(url):
    database = await open_database(url, connections=2)
    busy = [asyncio.create_task(database.fetch("SELECT 1 FROM pg_sleep(7)")) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(StorageFailed, match="all 2 connections are in use"):
        await database.fetch("SELECT 1")
    assert "all 2 connections are in use" in str(database.unwritable), "and so the node is not ready"
    assert await asyncio.gather(*busy) == [[(1,)], [(1,)]]
    assert await database.fetch("SELECT 1") == [(1,)]
    await database.close()


async def test_callers_that_go_away_leave_the_connections_in_order(postgres):
    with postgres.new_database() as name:
        database = await open_database(postgres.url(name), connections=3)
        for pause in (0, 0.001, 0.01):
            gone = [asyncio.create_task(database.fetch("SELECT 1 FROM pg_sleep(0.02)")) for _ in range(12)]
            await asyncio.sleep(pause)
            for task in gone:
                task.cancel()
            await asyncio.gather(*gone, return_exceptions=True)
            rows = await asyncio.gather(*(database.fetch("SELECT ?", n) for n in range(12)))
            assert rows == [[(n,)] for n in range(12)]
        until = time.monotonic() + 5
        while connections_of(postgres, name) > 3:  # the server has to notice that an attempt to connect was given up
            assert time.monotonic() < until
        await database.close()


async def test_connections_that_the_server_has_ended_are_replaced_unnoticed(postgres):
    with postgres.new_database() as name:
        database = await open_database(postgres.url(name))
        await database.commit(CREATE)
        for number in range(3):
            await asyncio.gather(*(database.fetch("SELECT 1") for _ in range(8)))
            postgres.run(f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '{name}'")
            await database.commit(Statement(ADD, (f"n{number}", 1)))
        assert await database.fetch("SELECT count(*) FROM thing") == [(3,)]
        await database.close()


async def test_it_works_again_when_the_server_is_back(postgres_programs):
    with own_server(postgres_programs) as server:
        database = await open_database(server.url())
        await database.commit(CREATE)
        database.check()
        for end in (server.stop, server.kill):
            end()
            for _ in range(3):
                with pytest.raises(StorageFailed, match=r"nothing listens there|it was stopped|connection broke"):
                    await database.fetch("SELECT name FROM thing")
            with pytest.raises(StorageFailed):
                database.check()
            server.start()
            await until_it_answers(database)
            database.check()
        await database.close()


async def until_it_answers(database):
    until = time.monotonic() + 5
    while True:
        try:
            return await database.fetch("SELECT 1")
        except StorageFailed:
            assert time.monotonic() < until
            await asyncio.sleep(0.05)


async def test_a_server_that_is_silent_is_given_up_not_waited_for(postgres, url, monkeypatch):
    monkeypatch.setattr("mapae.storage.postgres.database.STATEMENT_SECONDS", 0)
    monkeypatch.setattr("mapae.storage.postgres.database.OVERTIME_SECONDS", 0.3)
    with proxying(postgres.port) as proxy:
        database = await open_database(url.replace(f":{postgres.port}/", f":{proxy.port}/"))
        await database.commit(CREATE)
        proxy.stall()
        with pytest.raises(StorageFailed, match="the connection broke"):
            await database.commit(Statement(ADD, ("a", 1)))
        proxy.mend()
        await until_it_answers(database)
        await database.close()


async def test_nothing_acknowledged_is_lost_when_the_server_is_killed(postgres_programs):
    with own_server(postgres_programs, *SAFE) as server:
        database = await open_database(server.url())
        await migrate.apply(database)
        acknowledged, moved, stopping = set(), asyncio.Event(), asyncio.Event()

        async def committer(name):
            number = 0
            while not stopping.is_set():
                key, number = f"{name}-{number}", number + 1
                entry = revocations.entry_statements("session", key, value=0, until=2**40, now_ms=number)
                try:
                    await database.commit(*entry)
                    acknowledged.add(key)
                    moved.set()
                except StorageFailed:
                    await asyncio.sleep(0.01)

        committers = [asyncio.create_task(committer(f"c{n}")) for n in range(8)]
        for round_number in range(4):
            before = len(acknowledged)
            while len(acknowledged) < before + 40 + 30 * round_number:
                moved.clear()
                await moved.wait()
            await asyncio.to_thread(server.kill)
            await asyncio.to_thread(server.start)
        await until_it_answers(database)
        stopping.set()
        await asyncio.gather(*committers)
        entries, head = await feed_after(database, 0)
        assert acknowledged <= {entry.key for entry in entries}
        assert [entry.seq for entry in entries] == list(range(1, head + 1))
        await database.close()


# TLS


def certificate(folder, names=("localhost",)):
    """Make a self-signed certificate and its key, readable by the server alone."""
    key, chain = folder / "key.pem", folder / "chain.pem"
    alternative = ",".join(f"DNS:{name}" for name in names)
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-subj", "/CN=test", "-addext", f"subjectAltName={alternative}", "-keyout", key, "-out", chain]
    subprocess.run(command, check=True, capture_output=True)
    key.chmod(0o600)
    if (account := other_account()) is not None:
        os.chown(key, account.pw_uid, account.pw_gid)
    return chain


def has_tls(programs):
    built = subprocess.run([programs / "pg_config", "--configure"], capture_output=True, text=True, check=False)
    return "openssl" in built.stdout


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl to make a certificate with")
async def test_a_server_is_known_by_its_certificate(postgres_programs, tmp_path):
    if not has_tls(postgres_programs):
        pytest.skip("this PostgreSQL was built without TLS")
    with own_server(postgres_programs) as server:
        chain = certificate(server.folder)
        (tmp_path / "other").mkdir()
        other = certificate(tmp_path / "other")
        server.stop()
        server.settings += ("ssl=on", f"ssl_cert_file={chain}", f"ssl_key_file={chain.with_name('key.pem')}")
        server.start()
        known = server.url(sslmode="verify-full", sslrootcert=chain)
        database = await open_database(known.replace("127.0.0.1", "localhost"))
        assert await database.fetch("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()") == [(1,)]
        await database.close()
        for wrong in (known, server.url(sslmode="verify-ca", sslrootcert=other)):
            with pytest.raises(StorageFailed, match="sslrootcert"):
                await open_database(wrong)


# Poolers


@contextmanager
def pgbouncer(server, folder: Path, *more: str):
    """Run PgBouncer in transaction mode with two connections to the server, and return its port."""
    port = free_port()
    (folder / "users.txt").write_text('"mapae" ""\n')
    settings = ["listen_addr = 127.0.0.1", f"listen_port = {port}", "auth_type = any", "pool_mode = transaction"]
    settings += ["default_pool_size = 2", "max_client_conn = 200", f"unix_socket_dir = {folder}", *more]
    databases = f"[databases]\n* = host=127.0.0.1 port={server.port} user=mapae\n"
    (folder / "pgbouncer.ini").write_text(databases + "[pgbouncer]\n" + "\n".join(settings) + "\n")
    if (account := other_account()) is not None:
        os.chown(folder, account.pw_uid, account.pw_gid)
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([PGBOUNCER, folder / "pgbouncer.ini"], stdout=log, stderr=log, **apart())
    try:
        until = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except OSError:
                assert process.poll() is None, (folder / "log").read_text()
                assert time.monotonic() < until
                time.sleep(0.02)
        yield port
    finally:
        process.kill()
        process.wait()


@pytest.mark.skipif(PGBOUNCER is None, reason="no pgbouncer on this machine")
@pytest.mark.parametrize("more", [(), ("ignore_startup_parameters = options",)], ids=["as it comes", "lenient"])
async def test_it_works_through_pgbouncer_in_transaction_mode(postgres, more):
    from tempfile import TemporaryDirectory

    with (
        postgres.new_database() as name,
        TemporaryDirectory() as folder,
        pgbouncer(postgres, Path(folder), *more) as port,
    ):
        url = f"postgresql://mapae@127.0.0.1:{port}/{name}"
        nodes = [await open_database(url, connections=6) for _ in range(2)]
        await asyncio.gather(*map(migrate.apply, nodes))
        await nodes[0].commit(CREATE)
        await nodes[0].commit(Statement(ADD, ("a", 0)))

        async def work(node, number):
            key = f"s{number}"
            await node.commit(*revocations.entry_statements("session", key, value=0, until=2**40, now_ms=number))
            await node.commit(Statement(MORE, ("a",), 1))
            with pytest.raises(Conflict):
                await node.commit(Statement(ADD, (key, 1)), Statement(MORE, ("z",), 1))
            assert await node.fetch_one("SELECT name FROM thing WHERE name = ?", "a") == ("a",)
            reading = await revocations.load_after(node, 0)
            assert [entry.seq for entry in reading.entries] == list(range(1, reading.head + 1))

        await asyncio.gather(*(work(nodes[n % 2], n) for n in range(60)))
        assert await amounts(nodes[1]) == {"a": 60}
        with psycopg.connect(postgres.url(name)) as other:
            other.execute("UPDATE thing SET amount = 5 WHERE name = 'a'")
            with pytest.raises(StorageFailed, match="locked by another program for too long"):
                await nodes[0].commit(Statement(MORE, ("a",), 1))
        for node in nodes:
            await node.close()


async def test_a_pooler_that_nobody_told_us_of_is_noticed_by_the_statements_it_loses(url):
    database = await open_database(url, connections=2)
    query = "SELECT ? || ?"
    assert await database.fetch(query, "a", "b") == [("ab",)]
    await database.commit(Statement("DEALLOCATE ALL"))  # as if another connection were behind ours now
    assert await database.fetch(query, "a", "b") == [("ab",)]
    assert await database.fetch(query, "c", "d") == [("cd",)]
    await database.close()
