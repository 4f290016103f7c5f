"""Where the servers of the experiment run, one after the other, with everybody's accounts."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mapae.lab.servers import Server, environment_for, free_port, launch, until_it_answers


@dataclass(frozen=True, slots=True)
class Stage:
    """A place for servers that follow each other: the same port, and with it the same issuer, files and database.

    Attributes:
        folder: holds everything.
        database: a PostgreSQL URL; empty for SQLite in the folder.
    """

    folder: Path
    port: int
    database: str

    def environment(self, *, gate: bool) -> dict[str, str]:
        """Return the environment of a server here."""
        settings = {"MAPAE_GATE": "true" if gate else "false"}
        if self.database:
            settings["MAPAE_DATABASE"] = self.database
        return environment_for(self.folder, port=self.port, settings=settings)


def stage_in(folder: Path, *, database: str = "") -> Stage:
    """Return a stage in `folder`, which is made when the first server starts."""
    return Stage(folder, free_port(), database)


@contextmanager
def serving(stage: Stage, *, gate: bool, cost: int) -> Iterator[Server]:
    """Run a server that hashes with bcrypt of `cost`, and kill it at the end, whatever happens.

    Nobody needs what it would still do: it is killed rather than asked, so that Ctrl-C ends everything at once.
    """
    command = [sys.executable, "-m", "mapae.lab.crowd.serving", str(cost)]
    environment = stage.environment(gate=gate)
    server = launch("mapae serve", command, folder=stage.folder, port=stage.port, environment=environment)
    try:
        os.sched_setaffinity(server.process.pid, server_cores())
        asyncio.run(until_it_answers(server, "/readyz"))
        yield server
    finally:
        server.kill()


def server_cores() -> tuple[int, ...]:
    """Return the cores of the server: all but the generator's, where there are two or more.

    On a core of its own the generator is neither disturbed by the threads that hash nor takes their time.
    """
    cores = sorted(os.sched_getaffinity(0))
    return tuple(cores[:-1] or cores)


def generator_cores() -> tuple[int, ...]:
    """Return the core of the generator."""
    return (max(os.sched_getaffinity(0)),)
