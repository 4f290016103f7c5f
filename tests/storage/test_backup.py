"""Promises of backup and restore."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import stat
from contextlib import closing

import pytest

from mapae.errors import Conflict, FileExposed, StorageFailed
from mapae.storage import accounts, backup, migrate
from mapae.storage.data_directory import open_data_directory, read_master_secret
from mapae.storage.database import Statement, open_database

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path}/mapae.db"


@pytest.fixture
async def database(url):
    database = await open_database(url)
    await migrate.apply(database)
    yield database
    await database.close()


@pytest.fixture
def target(tmp_path):
    return tmp_path / "copy.db"


async def test_a_backup_is_one_private_file_that_holds_everything(url, database, ada, target):
    told = []
    made = backup.back_up(url, target, progress=lambda done, total: told.append((done, total)))
    assert (made.path, made.schema, made.accounts) == (target, migrate.newest(), 1)
    assert made.size == target.stat().st_size
    assert told[-1][0] == told[-1][1] > 0
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert sorted(path.name for path in target.parent.glob("*copy*")) == ["copy.db"]
    assert backup.verify(target) == made


async def test_a_backup_made_while_others_write_is_of_one_moment(url, database, target):
    pair = [Statement(f"CREATE TABLE {name} (number BIGINT)") for name in ("left_side", "right_side")]
    await database.commit(*pair, Statement("CREATE TABLE filler (bytes BYTEA)"))
    fill = Statement("INSERT INTO filler VALUES (?)", (bytes(4_000),))
    await database.commit(*[fill] * 3_000)
    written = 0

    async def write():
        nonlocal written
        while not copying.done():
            sides = [Statement(f"INSERT INTO {side} VALUES (?)", (written,)) for side in ("left_side", "right_side")]
            await database.commit(*sides)
            written += 1

    copying = asyncio.create_task(asyncio.to_thread(backup.back_up, url, target))
    await write()
    await copying
    assert written > 3
    with closing(sqlite3.connect(target)) as copy:
        left, right = (copy.execute(f"SELECT count(*) FROM {side}").fetchone() for side in ("left_side", "right_side"))
    assert left == right


async def test_a_file_that_is_there_is_not_overwritten_unless_asked(url, database, target):
    target.write_text("precious")
    with pytest.raises(Conflict, match="exists already"):
        backup.back_up(url, target)
    assert target.read_text() == "precious"
    assert backup.back_up(url, target, overwrite=True).accounts == 0


async def test_a_backup_into_a_missing_folder_or_of_nothing_is_reported(tmp_path, url, database, target):
    with pytest.raises(StorageFailed, match="check that its folder exists"):
        backup.back_up(url, tmp_path / "no" / "copy.db")
    with pytest.raises(StorageFailed, match="there is no file"):
        backup.back_up(f"sqlite:///{tmp_path}/nothing.db", target)
    assert not target.exists()


async def test_a_restored_database_holds_what_the_backup_held(tmp_path, url, database, ada, target):
    backup.back_up(url, target)
    elsewhere = f"sqlite:///{tmp_path}/new/mapae.db"
    assert (await backup.restore(elsewhere, target)).accounts == 1
    restored = await open_database(elsewhere)
    assert await accounts.load_account(restored, ada.id) == ada
    await restored.close()


async def test_a_database_that_is_there_is_replaced_only_when_asked(url, database, ada, new_account, target):
    backup.back_up(url, target)
    await accounts.add_account(database, new_account("later"))
    await database.close()
    with pytest.raises(Conflict, match="overwrite"):
        await backup.restore(url, target)
    await backup.restore(url, target, overwrite=True)
    restored = await open_database(url)
    assert await accounts.list_accounts(restored) == [ada]
    await restored.close()


async def test_a_database_in_use_is_not_replaced(url, database, ada, new_account, target):
    backup.back_up(url, target)
    await accounts.add_account(database, new_account("later"))
    with pytest.raises(StorageFailed, match="stop Mapae"):
        await backup.restore(url, target, overwrite=True)
    assert len(await accounts.list_accounts(database)) == 2


@pytest.mark.usefixtures("ada")
@pytest.mark.parametrize("damage", ["cut", "garbage", "foreign", "missing"])
async def test_a_backup_that_is_not_sound_is_refused_before_anything_changes(tmp_path, url, target, damage):
    backup.back_up(url, target)
    match damage:
        case "cut":
            target.write_bytes(target.read_bytes()[:-8192])
        case "garbage":
            target.write_bytes(b"garbage" * 1000)
        case "foreign":
            target.unlink()
            with closing(sqlite3.connect(target)) as other:
                other.execute("CREATE TABLE thing (name TEXT)")
        case _:
            target.unlink()
    with pytest.raises(StorageFailed):
        await backup.restore(f"sqlite:///{tmp_path}/new.db", target)
    assert not (tmp_path / "new.db").exists()


async def test_a_backup_of_a_newer_program_is_refused(tmp_path, url, database, target):
    await database.commit(Statement("INSERT INTO migration VALUES (99, 'future', 'x', 1)"))
    backup.back_up(url, target)
    with pytest.raises(StorageFailed, match="schema 99"):
        await backup.restore(f"sqlite:///{tmp_path}/new.db", target)


async def test_an_older_backup_is_brought_up_to_date(tmp_path, target):
    with closing(sqlite3.connect(target, isolation_level=None)) as old:
        old.executescript(migrate.LEDGER + ";")
    url = f"sqlite:///{tmp_path}/new.db"
    await backup.restore(url, target)
    database = await open_database(url)
    assert migrate.pending_sql(await migrate.status(database), "sqlite") == ""
    await database.close()


def test_the_secret_is_copied_only_by_itself_and_privately(tmp_path):
    data = open_data_directory(tmp_path / "data")
    copy = tmp_path / "copy.secret"
    backup.copy_secret(data.path / "secret", copy)
    assert read_master_secret(copy) == data.secret
    with pytest.raises(Conflict):
        backup.copy_secret(data.path / "secret", copy)
    shutil.copy(copy, tmp_path / "open")
    (tmp_path / "open").chmod(0o644)
    with pytest.raises(FileExposed):
        backup.copy_secret(tmp_path / "open", tmp_path / "other")
