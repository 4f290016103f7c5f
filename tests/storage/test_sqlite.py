"""What only SQLite has: its file, its modes, and the errors that a person has to cure."""

from __future__ import annotations

import asyncio
import sqlite3
import stat
import sys
from contextlib import closing

import pytest

from mapae.errors import StorageFailed
from mapae.storage import migrate
from mapae.storage.database import Statement, open_database
from mapae.storage.sqlite_errors import translated

pytestmark = pytest.mark.anyio

COUNTING = "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n LIMIT 20000) SELECT max(i) FROM n"


@pytest.fixture
def file(tmp_path):
    return tmp_path / "mapae.db"


@pytest.fixture
async def database(file):
    database = await open_database(f"sqlite:///{file}", patience=0.2)
    yield database
    await database.close()


async def test_nobody_else_may_read_the_files(file, database):
    await migrate.apply(database)
    files = sorted(file.parent.glob("mapae.db*"))
    assert [path.name for path in files] == ["mapae.db", "mapae.db-shm", "mapae.db-turn", "mapae.db-wal"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}


async def test_commits_are_synced_to_the_disk(database):
    results = await database.commit(Statement("PRAGMA synchronous"), Statement("PRAGMA journal_mode"))
    assert results == [[(2,)], [("wal",)]]


@pytest.mark.slow
async def test_what_is_asked_for_in_one_turn_of_the_loop_is_one_transaction(file, database):
    async def read_and_write(number):
        # While SQLite counts, the thread that writes may run.
        await database.fetch(COUNTING)
        await database.commit(Statement("INSERT INTO thing VALUES (?)", (number,)))

    await database.commit(Statement("CREATE TABLE thing (number BIGINT NOT NULL PRIMARY KEY)"))
    wal = file.with_name("mapae.db-wal")
    before = wal.stat().st_size
    await asyncio.gather(*map(read_and_write, range(20)))
    pages = (wal.stat().st_size - before) // 4096
    assert pages == 2, "one of the table, one of its index; a second transaction would write both again"


@pytest.mark.parametrize(
    "url",
    [
        "sqlite://mapae.db",
        "sqlite:///",
        "sqlite:///:memory:",
        "sqlite:///a?mode=ro",
        "",
    ],
)
async def test_a_url_that_names_no_file_is_refused_with_the_right_form(url):
    with pytest.raises(StorageFailed, match="written sqlite:///path/to/"):
        await open_database(url)


async def test_postgresql_without_its_driver_says_what_to_install(monkeypatch):
    for name in [name for name in sys.modules if name.startswith(("psycopg", "mapae.storage.postgres"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(StorageFailed, match=r"pip install 'mapae\[postgres\]'"):
        await open_database("postgresql://localhost/mapae")


async def test_a_missing_folder_is_made(tmp_path):
    database = await open_database(f"sqlite:///{tmp_path}/a/b/mapae.db")
    await database.close()
    assert (tmp_path / "a" / "b" / "mapae.db").is_file()


async def test_a_folder_in_the_place_of_the_file_is_reported(tmp_path):
    with pytest.raises(StorageFailed, match="directory"):
        await open_database(f"sqlite:///{tmp_path}")


async def test_a_file_that_is_no_database_is_reported(file):
    file.write_bytes(b"this is not a database" * 100)
    with pytest.raises(StorageFailed, match="mapae restore"):
        await open_database(f"sqlite:///{file}")


async def test_a_damaged_file_is_reported_when_it_is_read(file):
    database = await open_database(f"sqlite:///{file}")
    await migrate.apply(database)
    await database.close()
    with closing(sqlite3.connect(file)) as connection:
        pages = [row[0] for row in connection.execute("SELECT rootpage FROM sqlite_master WHERE tbl_name = 'account'")]
    content = bytearray(file.read_bytes())
    for page in pages:
        content[(page - 1) * 4096 : page * 4096] = b"\x99" * 4096
    file.write_bytes(content)
    database = await open_database(f"sqlite:///{file}")
    with pytest.raises(StorageFailed, match="damaged"):
        await database.fetch("SELECT * FROM account")
    with pytest.raises(StorageFailed, match="damaged"):
        await database.commit(Statement("DELETE FROM account WHERE id = ?", ("a",)))
    await database.commit(Statement("DELETE FROM feed WHERE until < ?", (0,)))
    await database.close()


async def test_a_full_disk_is_reported_and_over_when_there_is_space_again(database):
    await database.commit(Statement("CREATE TABLE thing (bytes BYTEA)"))
    await database.commit(Statement("PRAGMA max_page_count = 3"))
    large = Statement("INSERT INTO thing (bytes) VALUES (?)", (bytes(50_000),))
    with pytest.raises(StorageFailed, match="disk is full"):
        await database.commit(large)
    await database.commit(Statement("PRAGMA max_page_count = 1000"))
    await database.commit(large)
    assert await database.fetch_one("SELECT count(*) FROM thing") == (1,)


@pytest.mark.slow
async def test_a_lock_that_is_held_too_long_is_reported_and_over_when_it_is_given_back(file, database):
    await database.commit(Statement("CREATE TABLE thing (name TEXT)"))
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StorageFailed, match="locked it for too long"):
            await database.commit(Statement("INSERT INTO thing VALUES (?)", ("a",)))
        other.execute("COMMIT")
    await database.commit(Statement("INSERT INTO thing VALUES (?)", ("b",)))
    assert await database.fetch("SELECT name FROM thing") == [("b",)]


def test_a_file_that_may_not_be_written_is_reported(file):
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE thing (name TEXT)")
    with (
        closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as connection,
        pytest.raises(sqlite3.OperationalError) as caught,
    ):
        connection.execute("INSERT INTO thing VALUES ('a')")
    failure = translated(caught.value, str(file))
    assert isinstance(failure, StorageFailed)
    assert "give the user that runs Mapae write access" in str(failure)


def test_a_mistake_in_the_sql_stays_a_mistake_of_the_program():
    with closing(sqlite3.connect(":memory:")) as connection, pytest.raises(sqlite3.OperationalError) as caught:
        connection.execute("SELECT nonsense")
    assert translated(caught.value, "x") is caught.value
