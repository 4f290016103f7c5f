"""One trial: a fresh server, everybody's accounts, a crowd at its door, and what a place in the line costs."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path

from mapae.lab.crowd.generator import Background, Order, Trial, generate
from mapae.lab.crowd.meter import Used, used_by
from mapae.lab.crowd.people import MapaeDoor, email
from mapae.lab.crowd.prepare import PASSWORD, prepare
from mapae.lab.crowd.serving import settings_with
from mapae.lab.servers import HOST, Server, environment_for, free_port, launch, until_it_answers

USUAL_COST = 12

Tell = Callable[[str, int, int], None]
"""Told of what is being done, how much of it is done, and how much there is."""


@dataclass(frozen=True, slots=True)
class Scene:
    """A trial in numbers.

    Attributes:
        name: of its folder, its accounts and its figures.
        gate: whether there is one.
        cost: of bcrypt.
        times: people arrive at so many times the calibrated rate.
        people: how many.
        limit: seconds the crowd is followed at most.
        fits: seconds in which all should be in at the calibrated rate; fewer come to a slower machine.
        database: a PostgreSQL URL; empty for SQLite.
    """

    name: str
    gate: bool
    cost: int
    times: float
    people: int
    limit: float
    fits: float = 1e9
    database: str = ""
    who_rate: float = 300.0
    refresh_rate: float = 30.0
    quiet_seconds: float = 8.0
    calibration_seconds: float = 6.0
    after_seconds: float = 6.0

    @property
    def quick(self) -> float:
        """By how much a hash is cheaper than usual."""
        return float(2 ** (USUAL_COST - self.cost))


@dataclass(frozen=True, slots=True)
class Place:
    """What somebody who waits costs.

    Attributes:
        poll: seconds of processor time of one question how far the line is.
        waiting: how many places there were.
        resident: bytes by which the process grew while they were given out.
    """

    poll: float
    waiting: int
    resident: int


@dataclass(frozen=True, slots=True)
class Played:
    """A trial that is over."""

    scene: Scene
    trial: Trial
    spent: Used
    place: Place | None


def play(scene: Scene, folder: Path, *, seed: int, tell: Tell, places: int = 0) -> Played:
    """Play a scene against a real server of its own.

    Args:
        places: so many tickets are given out and asked about at the end, to see what they cost; 0 leaves that out.
    """
    prefix = f"{scene.name}-{os.getpid()}-" if scene.database else ""
    with mapae(scene, folder) as (server, environment):
        seconds = scene.quiet_seconds + scene.calibration_seconds + 1 + scene.after_seconds + scene.limit
        prepared = asyncio.run(
            prepare(
                settings_with(environment, scene.cost),
                prefix,
                people=scene.people,
                refreshes=max(64, int(seconds * scene.refresh_rate)),
                progress=lambda done: tell("accounts", done, scene.people),
            )
        )
        before = used_by(server.process.pid)
        trial = generate(
            Order(
                server.port,
                MapaeDoor(prefix, PASSWORD),
                Background(prepared.who, prepared.refresh, scene.who_rate, scene.refresh_rate),
                times=scene.times,
                people=scene.people,
                limit=scene.limit,
                quick=scene.quick,
                busy=len(server_cores()) * 2,
                seed=seed,
                quiet_seconds=scene.quiet_seconds,
                calibration_seconds=scene.calibration_seconds,
                after_seconds=scene.after_seconds,
                cores=generator_cores(),
                fits=scene.fits,
            ),
            tell,
        )
        after = used_by(server.process.pid)
        spent = Used(after.hashing - before.hashing, after.rest - before.rest, after.resident)
        place = _cost_of_places(server, environment, prefix, places, tell) if places else None
    return Played(scene, trial, spent, place)


@contextmanager
def mapae(scene: Scene, folder: Path) -> Iterator[tuple[Server, dict[str, str]]]:
    """Run the server of a scene, and end it whatever happens."""
    port = free_port()
    settings = {"MAPAE_GATE": "true" if scene.gate else "false"}
    if scene.database:
        settings["MAPAE_DATABASE_URL"] = scene.database
    environment = environment_for(folder / scene.name, port=port, settings=settings)
    command = [sys.executable, "-m", "mapae.lab.crowd.serving", str(scene.cost)]
    server = launch("mapae serve", command, folder=folder / scene.name, port=port, environment=environment)
    try:
        os.sched_setaffinity(server.process.pid, server_cores())
        asyncio.run(until_it_answers(server, "/readyz"))
        yield server, environment
    finally:
        asyncio.run(server.stop())


def server_cores() -> tuple[int, ...]:
    """Return the cores of the server: all but the generator's, where there are two or more.

    On a core of its own the generator is neither disturbed by the threads that hash nor takes their time.
    """
    cores = sorted(os.sched_getaffinity(0))
    return tuple(cores[:-1] or cores)


def generator_cores() -> tuple[int, ...]:
    """Return the core of the generator."""
    return (max(os.sched_getaffinity(0)),)


def _cost_of_places(server: Server, environment: dict[str, str], prefix: str, places: int, tell: Tell) -> Place:
    """Close the gate, give out places, ask about them, and look at what the process has used."""
    subprocess.run(
        [sys.executable, "-m", "mapae", "gate", "close", "--json"],
        env=environment, cwd=server.log.parent, check=True, capture_output=True,
    )  # fmt: skip
    connection = HTTPConnection(HOST, server.port, timeout=30)
    tickets: list[str] = []

    def ask(path: str, **members: str) -> dict[str, object]:
        connection.request("POST", path, json.dumps(members), {"Content-Type": "application/json"})
        answer: dict[str, object] = json.loads(connection.getresponse().read())
        return answer

    while ask("/v1/sign-in", email=email(prefix, 0), password=PASSWORD).get("code") != "waiting":
        pass  # until the process has read that the gate is closed
    before = used_by(server.process.pid)
    for number in range(places):
        tickets.append(str(ask("/v1/sign-in", email=email(prefix, number), password=PASSWORD)["ticket"]))
        if number % 200 == 0:
            tell("places", number, 2 * places)
    given = used_by(server.process.pid)
    for number, ticket in enumerate(tickets):
        ask("/v1/ticket", ticket=ticket)
        if number % 200 == 0:
            tell("places", places + number, 2 * places)
    polled = used_by(server.process.pid)
    connection.close()
    return Place((polled.rest - given.rest) / places, places, given.resident - before.resident)
