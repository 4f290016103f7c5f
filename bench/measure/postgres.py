"""A PostgreSQL of this machine for a run, whatever program there is, and what it costs."""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from measure.servers import cpu_seconds

ROOT = Path(__file__).resolve().parent.parent.parent
SETTINGS = ("fsync=on", "max_connections=300", "shared_buffers=1GB", "max_wal_size=8GB", "checkpoint_timeout=1h")
"""What is answered is on the disk; no checkpoint comes in the middle of one measurement and not of another."""


@dataclass
class Postgres:
    """A running server; see `tests/postgres_server.py` for what else it can do."""

    server: object

    def url(self, name: str) -> str:
        """Make an empty database and return its URL."""
        self.server.run(f"CREATE DATABASE {name}")
        return self.server.url(name)

    def cpu_seconds(self) -> float:
        """Add up the processor time of all its processes."""
        return cpu_seconds(self.server.process.pid)

    def version(self) -> str:
        return self.server.run("SHOW server_version")[0][0].split()[0]


@contextmanager
def postgres_here(*more: str) -> Iterator[Postgres | None]:
    """Start a PostgreSQL as `tools/prepare_tests.py` finds it, with fsync on; None where there is none."""
    programs = programs_here()
    if programs is None:
        print("bench: no PostgreSQL: run tools/prepare_tests.py first", file=sys.stderr)
        yield None
        return
    sys.path.append(str(ROOT / "tests"))
    from postgres_server import own_server

    with own_server(programs, *SETTINGS, *more) as server:
        yield Postgres(server)


def programs_here() -> Path | None:
    """Return the folder of PostgreSQL's programs."""
    return _found("postgres", os.environ.get("MAPAE_POSTGRES"))


def valkey_program() -> Path | None:
    """Return the program of a Redis or Valkey server."""
    return _found("valkey_server", None)


def _found(name: str, named: str | None) -> Path | None:
    if named:
        return Path(named)
    prepared = ROOT / ".cache" / "tests.json"
    path = json.loads(prepared.read_text())["found"].get(name) if prepared.exists() else None
    return None if path is None else Path(path)
