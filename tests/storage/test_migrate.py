"""Promises of the migrations."""

from __future__ import annotations

import asyncio
import sqlite3

import pytest

from mapae.errors import StorageFailed
from mapae.storage import migrate
from mapae.storage.database import Statement, open_database

pytestmark = pytest.mark.anyio


async def test_every_migration_is_applied_once_in_order(empty_database):
    applied = await migrate.apply(empty_database)
    assert [migration.number for migration in applied] == list(range(1, migrate.newest() + 1))
    assert await migrate.apply(empty_database) == []
    assert all(migration.applied_ms for migration in await migrate.status(empty_database))


async def test_a_new_database_has_everything_pending_and_is_not_touched_by_looking(empty_database):
    assert all(migration.applied_ms is None for migration in await migrate.status(empty_database))
    assert "CREATE TABLE account" in migrate.pending_sql(await migrate.status(empty_database), empty_database.kind)
    assert not await empty_database.has_table("migration")


async def test_nothing_is_pending_afterwards_and_progress_was_told(empty_database):
    told = []
    await migrate.apply(empty_database, applied=lambda migration: told.append(migration.name))
    assert told == [migration.name for migration in await migrate.status(empty_database)]
    assert migrate.pending_sql(await migrate.status(empty_database), empty_database.kind) == ""


async def test_what_only_one_kind_of_database_needs_is_done_only_there(empty_database):
    elsewhere = {"sqlite": "postgresql", "postgresql": "sqlite"}[empty_database.kind]
    texts = {kind: migrate.pending_sql(migrate.without_database(), kind) for kind in (empty_database.kind, elsewhere)}
    assert ("fillfactor" in texts[empty_database.kind]) is (empty_database.kind == "postgresql")
    assert ("fillfactor" in texts[elsewhere]) is (elsewhere == "postgresql")
    await migrate.apply(empty_database)
    if empty_database.kind == "postgresql":
        asked = "SELECT array_to_string(reloptions, ',') FROM pg_class WHERE oid = to_regclass('session')"
        assert await empty_database.fetch(asked) == [("fillfactor=70",)]


@pytest.mark.slow
async def test_of_several_nodes_that_start_at_once_each_migration_is_applied_by_one(database_url):
    databases = [await open_database(database_url) for _ in range(4)]
    applied = await asyncio.gather(*map(migrate.apply, databases))
    numbers = [migration.number for of_one in applied for migration in of_one]
    assert sorted(numbers) == list(range(1, migrate.newest() + 1))
    for database in databases:
        assert await migrate.apply(database) == []
        await database.close()


@pytest.mark.parametrize("ask", [migrate.status, migrate.apply])
async def test_a_schema_newer_than_the_program_is_refused_with_the_cure(database, ask):
    await database.commit(Statement("INSERT INTO migration VALUES (99, 'future', 'x', 1)"))
    with pytest.raises(StorageFailed, match=r"schema 99.*install the newer Mapae again"):
        await ask(database)


async def test_a_migration_that_was_edited_afterwards_is_refused(database):
    await database.commit(Statement("UPDATE migration SET checksum = 'x' WHERE number = 2", rows=1))
    with pytest.raises(StorageFailed, match=r"migration 0002 \(sessions\).*never edited"):
        await migrate.apply(database)


async def test_a_migration_that_is_missing_in_the_middle_is_refused(database):
    await database.commit(Statement("DELETE FROM migration WHERE number = 1", rows=1))
    with pytest.raises(StorageFailed, match="migration 0001"):
        await migrate.status(database)


async def test_the_texts_keep_to_what_sqlite_and_postgresql_share(empty_database):
    for migration in await migrate.status(empty_database):
        found = migrate.statements(migration.sql)
        assert all(sqlite3.complete_statement(f"{statement};") for statement in found)
        words = set(" ".join(found).replace(",", " ").replace("(", " ").replace(")", " ").upper().split())
        assert not words & {"AUTOINCREMENT", "SERIAL", "INTEGER", "INT", "BLOB", "BOOLEAN", "TIMESTAMP", "PRAGMA"}


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("", []),
        ("-- a; b\n", []),
        ("A;\nB\n  C;\n", ["A", "B\n  C"]),
        ("A\n-- note;\n\nB;", ["A\nB"]),
    ],
)
def test_a_statement_ends_where_a_line_ends_with_a_semicolon(sql, expected):
    assert migrate.statements(sql) == expected


def test_a_text_without_its_last_semicolon_is_a_mistake():
    with pytest.raises(ValueError, match="without"):
        migrate.statements("A;\nB\n")
