"""How many refresh rotations a second one process commits to SQLite and to PostgreSQL, safely on the disk.

    python bench/storage.py [--rows 20000] [--seconds 2] [--postgres URL] [--json]

One rotation is what a refresh asks of storage: read the session and its owner, then one compare-and-swap. The bare
loops do the same reads and writes with nothing but the driver, one transaction each. All of one database run in turn
on the same rows, so that the ratios hold on any machine. Without a URL a PostgreSQL of this machine is started, if
there is one, with fsync on; client and server then share the cores.
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

from measure.postgres import postgres_here

from mapae.accounts.account import Account
from mapae.sessions.session import start
from mapae.storage import accounts, migrate, sessions
from mapae.storage.database import open_database
from mapae.web import event_loop

NOW_MS = 1_800_000_000_000
DAY_MS = 86_400_000
CONNECTIONS = 16
"""To PostgreSQL, for the bare loop and for Mapae."""


def account():
    return Account("a" * 22, "a@example.com", "", "user", "active", 0, NOW_MS, None, None, "en")


def sid_of(number):
    return f"{number * 2654435761 % 2**32:08x}".ljust(22, "x")


def session(number):
    times = {"now_ms": NOW_MS, "idle_ms": 14 * DAY_MS, "absolute_ms": 90 * DAY_MS}
    return start(
        sid_of(number),
        "a" * 22,
        epoch=0,
        role="user",
        client_id="mapae",
        current=os.urandom(32),
        device="Firefox · Linux",
        **times,
    )


async def filled(url, rows):
    database = await open_database(url, connections=CONNECTIONS)
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
            await sessions.replace_session(database, found, rotated(found))
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
        row = connection.execute("SELECT * FROM session WHERE sid = ?", (sid,)).fetchone()
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


async def with_psycopg(url, *, rows, seconds, in_flight):
    """Return the same for bare connections to PostgreSQL, one for each in flight."""
    import psycopg

    connections = [
        await psycopg.AsyncConnection.connect(url, autocommit=True, prepare_threshold=0) for _ in range(in_flight)
    ]
    chosen, times = random.Random(1), []
    end = time.perf_counter() + seconds

    async def client(connection):
        while (one := time.perf_counter()) < end:
            sid = sid_of(chosen.randrange(rows))
            found = await connection.execute("SELECT * FROM session WHERE sid = %s", (sid,), binary=True)
            row = await found.fetchone()
            await connection.execute(
                "UPDATE session SET previous = current, current = %s, replay = %s, generation = generation + 1, "
                "opened_ms = %s, rotated_ms = %s, seen_ms = %s WHERE sid = %s AND current = %s AND revoked_ms IS NULL",
                (os.urandom(32), os.urandom(60), NOW_MS, NOW_MS, NOW_MS, sid, row[3]),
            )
            times.append(time.perf_counter() - one)

    began, worked = time.perf_counter(), time.process_time()
    await asyncio.gather(*map(client, connections))
    taken, worked = time.perf_counter() - began, time.process_time() - worked
    for connection in connections:
        await connection.close()
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


async def measured(url, bare, *, rows, seconds):
    """Return the figures of one database; the first is that of the bare loop, and the ratios are to it."""
    database = await filled(url, rows)
    found = [await bare()]
    for in_flight in (1, 16, 64):
        result = await with_mapae(database, rows=rows, seconds=seconds, in_flight=in_flight)
        found.append(figures(f"{url.partition(':')[0]}: mapae, {in_flight} in flight", *result))
    await database.close()
    for case in found:
        case["ratio"] = round(case["rotations_per_second"] / found[0]["rotations_per_second"], 2)
    return found


def on_sqlite(rows, seconds):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bench.db"

        async def bare():
            return figures("sqlite: bare, one in flight", *with_the_standard_library(path, rows=rows, seconds=seconds))

        return asyncio.run(measured(f"sqlite:///{path}", bare, rows=rows, seconds=seconds))


def on_postgres(url, rows, seconds):
    async def bare():
        result = await with_psycopg(url, rows=rows, seconds=seconds, in_flight=CONNECTIONS)
        return figures(f"postgresql: bare psycopg, {CONNECTIONS} in flight", *result)

    return event_loop.run(measured(url, bare, rows=rows, seconds=seconds))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--postgres", help="the URL of an empty database")
    chosen = parser.parse_args()
    found = on_sqlite(chosen.rows, chosen.seconds)
    if chosen.postgres:
        found += on_postgres(chosen.postgres, chosen.rows, chosen.seconds)
    else:
        with postgres_here() as server:
            if server is not None:
                found += on_postgres(server.url("storage"), chosen.rows, chosen.seconds)
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
