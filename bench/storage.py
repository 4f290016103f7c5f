"""How many refresh rotations a second one process commits to SQLite, safely on the disk (synchronous=FULL).

    python bench/storage.py [--rows 20000] [--seconds 2] [--json]

One rotation is what a refresh asks of storage: read the session and its owner, then one compare-and-swap. The bare
loop does the same reads and writes with nothing but the standard library, one transaction each. All run in turn on the
same file, so that the ratios hold on any machine.
"""

import argparse
import asyncio
import json
import os
import random
import sqlite3
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from mapae.accounts.account import Account
from mapae.sessions.session import start
from mapae.storage import accounts, migrate, sessions
from mapae.storage.database import open_database

NOW_MS = 1_800_000_000_000
DAY_MS = 86_400_000


def account():
    return Account("a" * 22, "a@example.com", "", "user", "active", 0, NOW_MS, None, None, "en")


def sid_of(number):
    return f"{number * 2654435761 % 2**32:08x}".ljust(22, "x")


def session(number):
    times = {"now_ms": NOW_MS, "idle_ms": 14 * DAY_MS, "absolute_ms": 90 * DAY_MS}
    return start(sid_of(number), "a" * 22, client_id="mapae", current=os.urandom(32), device="Firefox · Linux", **times)


async def filled(url, rows):
    database = await open_database(url)
    await migrate.apply(database)
    await accounts.add_account(database, account())
    for chunk in (range(first, min(first + 1000, rows)) for first in range(0, rows, 1000)):
        await database.commit(*(sessions.added(session(number)) for number in chunk))
    return database


def rotated(before):
    now_ms = before.rotated_ms + 1
    return replace(
        before,
        current=os.urandom(32),
        previous=before.current,
        replay=os.urandom(60),
        generation=before.generation + 1,
        opened_ms=now_ms,
        rotated_ms=now_ms,
        seen_ms=now_ms,
    )


async def with_mapae(database, *, rows, seconds, in_flight):
    """Return rotations a second, processor time of one, and the sorted times of single rotations."""
    times = []
    chosen = random.Random(1)
    end = time.perf_counter() + seconds

    async def client():
        while (began := time.perf_counter()) < end:
            found = await sessions.load_session(database, sid_of(chosen.randrange(rows)))
            await sessions.replace_session(database, found[0], rotated(found[0]))
            times.append(time.perf_counter() - began)

    began, worked = time.perf_counter(), time.process_time()
    await asyncio.gather(*(client() for _ in range(in_flight)))
    taken, worked = time.perf_counter() - began, time.process_time() - worked
    return len(times) / taken, worked / len(times), sorted(times)


def with_the_standard_library(path, *, rows, seconds):
    """Return rotations a second, processor time of one, and the sorted times of single rotations."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA synchronous=FULL")
    chosen = random.Random(1)
    times = []
    began, worked = time.perf_counter(), time.process_time()
    end = began + seconds
    while (one := time.perf_counter()) < end:
        sid = sid_of(chosen.randrange(rows))
        row = connection.execute(
            "SELECT s.*, a.epoch, a.state, a.role FROM session s JOIN account a ON a.id = s.account_id WHERE s.sid = ?",
            (sid,),
        ).fetchone()
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(
            "UPDATE session SET previous = current, current = ?, replay = ?, generation = generation + 1, "
            "opened_ms = ?, rotated_ms = ?, seen_ms = ? WHERE sid = ? AND current = ? AND revoked_ms IS NULL",
            (os.urandom(32), os.urandom(60), NOW_MS, NOW_MS, NOW_MS, sid, row[3]),
        )
        connection.execute("COMMIT")
        times.append(time.perf_counter() - one)
    taken, worked = time.perf_counter() - began, time.process_time() - worked
    connection.close()
    return len(times) / taken, worked / len(times), sorted(times)


def figures(name, rate, worked, times):
    p50, p99 = (times[min(len(times) - 1, int(len(times) * share))] * 1000 for share in (0.5, 0.99))
    return {
        "case": name,
        "rotations_per_second": round(rate),
        "cpu_us": round(worked * 1e6),
        "p50_ms": round(p50, 3),
        "p99_ms": round(p99, 3),
    }


async def measured(*, rows, seconds):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bench.db"
        database = await filled(f"sqlite:///{path}", rows)
        bare = with_the_standard_library(path, rows=rows, seconds=seconds)
        found = [figures("standard library, one transaction each", *bare)]
        for in_flight in (1, 16, 64):
            result = await with_mapae(database, rows=rows, seconds=seconds, in_flight=in_flight)
            found.append(figures(f"mapae, {in_flight} in flight", *result))
        await database.close()
    for case in found:
        case["ratio"] = round(case["rotations_per_second"] / found[0]["rotations_per_second"], 2)
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    found = asyncio.run(measured(rows=chosen.rows, seconds=chosen.seconds))
    if chosen.json:
        print(json.dumps({"v": 1, "rows": chosen.rows, "sqlite": sqlite3.sqlite_version, "cases": found}))
        return
    for case in found:
        print(
            f"{case['case']:42} {case['rotations_per_second']:>7}/s  x{case['ratio']:<5} "
            f"CPU {case['cpu_us']:>4} us  p50 {case['p50_ms']:>7} ms  p99 {case['p99_ms']:>7} ms"
        )


if __name__ == "__main__":
    main()
