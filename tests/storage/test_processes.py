"""Several processes on one database; processes that are killed."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

import pytest

from mapae.storage import migrate
from mapae.storage.database import Statement, open_database

from .conftest import feed_after

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

PROGRAM = Path(__file__).with_name("writer_program.py")


async def started(url, name, count):
    return await asyncio.create_subprocess_exec(
        sys.executable, PROGRAM, url, name, str(count), stdout=asyncio.subprocess.PIPE
    )


async def acknowledged(process):
    out, _ = await process.communicate()
    return out.decode().splitlines(keepends=True)


async def test_sixteen_committers_in_four_processes_leave_no_gap_and_a_reader_skips_nothing(database, database_url):
    processes = [await started(database_url, f"p{n}", 150) for n in range(4)]
    waiting = asyncio.gather(*map(acknowledged, processes))
    seen, head = [], 0
    while not waiting.done() or len(seen) < 600:
        entries, new_head = await feed_after(database, head)
        assert [entry.seq for entry in entries] == list(range(head + 1, new_head + 1))
        seen, head = seen + entries, new_head
        await asyncio.sleep(0.002)
        if waiting.done() and not entries:
            break
    written = {line.strip() for lines in await waiting for line in lines}
    assert [process.returncode for process in processes] == [0, 0, 0, 0]
    assert {entry.key for entry in seen} == written
    assert len(seen) == len(written) == 600


async def test_a_quiet_process_is_not_kept_waiting_by_a_busy_one(database, database_url):
    busy = await started(database_url, "busy", 100_000)
    try:
        assert await busy.stdout.readline()
        for number in range(20):
            create = Statement(f"CREATE TABLE quiet_{number} (a TEXT)")
            await asyncio.wait_for(database.commit(create), 2.0)
    finally:
        busy.kill()
        await busy.communicate()


async def test_nothing_acknowledged_is_lost_when_a_writer_is_killed(database_url):
    database = await open_database(database_url)
    await migrate.apply(database)
    await database.close()
    written = set()
    for round_number in range(8):
        process = await started(database_url, f"r{round_number}", 100_000)
        for _ in range(10 + 37 * round_number):
            written.add((await process.stdout.readline()).decode())
        process.send_signal(signal.SIGKILL)
        written |= set(await acknowledged(process))
        assert process.returncode == -signal.SIGKILL
    whole = {line.strip() for line in written if line.endswith("\n")}
    database = await open_database(database_url)
    entries, head = await feed_after(database, 0)
    assert len(whole) > 500
    assert whole <= {entry.key for entry in entries}
    assert [entry.seq for entry in entries] == list(range(1, head + 1))
    if database_url.startswith("sqlite"):
        assert await database.fetch("PRAGMA integrity_check") == [("ok",)]
    await database.close()


async def test_the_lock_of_a_killed_writer_does_not_outlive_it(database, database_url):
    process = await started(database_url, "gone", 100_000)
    assert await process.stdout.readline()
    process.send_signal(signal.SIGKILL)
    await process.communicate()
    await asyncio.wait_for(database.commit(Statement("CREATE TABLE after (a TEXT)")), 2.0)
