"""What revocations take in the memory of one node, and how long it takes to learn them all."""

import asyncio
import gc
import json
import subprocess
import sys
import time
from pathlib import Path

BENCH = Path(__file__).resolve().parent.parent


def in_its_own_process(url: str, count: int) -> dict:
    """Measure in a fresh process, so that nothing else has left its traces in the memory.

    Args:
        url: of a database whose feed holds `count` revoked sessions.
    """
    program = [sys.executable, "-c", f"from measure.revoked import main; main({url!r}, {count})"]
    done = subprocess.run(program, cwd=BENCH, check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def main(url: str, count: int) -> None:
    print(json.dumps(asyncio.run(measured(url, count))))


async def measured(url: str, count: int) -> dict:
    """Read the feed as a node does that starts, and look a million times into it."""
    from mapae.sessions.revocation import Revocations
    from mapae.storage.database import open_database
    from mapae.storage.revocations import load_snapshot

    database = await open_database(url)
    gc.collect()
    before = resident()
    began, cpu = time.perf_counter(), time.process_time()
    revocations = Revocations()
    reading = await load_snapshot(database, heard=lambda entries, _committed_ms: revocations.add(entries))
    revocations.apply((), head=reading.head, sent=time.monotonic(), feed=reading.feed)
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    at_most = peak()
    if len(revocations) != count:
        raise AssertionError(f"{len(revocations)} of {count} revocations were learned")
    head = reading.head
    gc.collect()
    both = resident() - before  # a node goes on with the log that it has read
    del reading
    gc.collect()
    alone = resident() - before
    await database.close()
    return {
        "count": count,
        "head": head,
        "set_bytes": alone,
        "with_feed_log_bytes": both,
        "peak_bytes": at_most - before,
        "seconds": round(seconds, 3),
        "cpu_seconds": round(cpu, 3),
    }


def resident() -> int:
    trim()
    return _status("VmRSS")


def peak() -> int:
    return _status("VmHWM")


def _status(name: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    raise AssertionError(name)


def trim() -> None:
    """Give memory that is free back to the system, so that it is not counted."""
    import ctypes

    try:
        ctypes.CDLL("libc.so.6").malloc_trim(0)
    except OSError:
        return  # another libc: what is free may then be counted too
