"""One trial: a fresh server and a crowd at its door."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from mapae.lab.crowd.generator import Background, Order, Trial, generate
from mapae.lab.crowd.people import MapaeDoor
from mapae.lab.crowd.prepare import PASSWORD, make_accounts, open_sessions
from mapae.lab.crowd.serving import settings_with
from mapae.lab.crowd.stage import Stage, generator_cores, server_cores, serving

USUAL_COST = 12

Store = Literal["sqlite", "postgresql"]
Tell = Callable[[str, int, int], None]
"""Told of what is being done, how much of it is done, and how much there is."""


@dataclass(frozen=True, slots=True)
class Scene:
    """A trial in numbers.

    Attributes:
        prefix: of its crowd's addresses.
        gate: whether there is one.
        cost: of bcrypt.
        times: people arrive at so many times the calibrated rate.
        people: how many.
        limit: seconds the crowd is followed at most.
        fits: seconds in which all should be in at the calibrated rate; fewer come to a slower machine.
        store: what keeps everything: sqlite or postgresql.
    """

    prefix: str
    gate: bool
    cost: int
    times: float
    people: int
    limit: float
    fits: float = 1e9
    store: Store = "sqlite"
    who_rate: float = 300.0
    refresh_rate: float = 30.0
    quiet_seconds: float = 6.0
    calibration_seconds: float = 6.0
    after_seconds: float = 5.5

    @property
    def quick(self) -> float:
        """By how much a hash is cheaper than usual."""
        return float(2 ** (USUAL_COST - self.cost))


@dataclass(frozen=True, slots=True)
class Played:
    """A trial that is over."""

    scene: Scene
    trial: Trial


def invite(scene: Scene, stage: Stage, *, tell: Tell) -> None:
    """Make the accounts of everybody in a scene, once for all scenes with this crowd on this stage."""
    asyncio.run(
        make_accounts(
            settings_with(stage.environment(gate=True), scene.cost),
            scene.prefix,
            people=scene.people,
            progress=lambda done: tell("accounts", done, scene.people),
        )
    )


def play(scene: Scene, stage: Stage, *, seed: int, tell: Tell) -> Played:
    """Play a scene against a real server; its crowd was invited before.

    Raises:
        LabFailed: the server or the generator cannot run.
    """
    seconds = scene.quiet_seconds + scene.calibration_seconds + 1 + scene.after_seconds + scene.limit
    prepared = asyncio.run(
        open_sessions(
            settings_with(stage.environment(gate=scene.gate), scene.cost),
            scene.prefix,
            people=scene.people,
            refreshes=max(64, int(seconds * scene.refresh_rate)),
        )
    )
    with serving(stage, gate=scene.gate, cost=scene.cost) as server:
        trial = generate(
            Order(
                server.port,
                MapaeDoor(scene.prefix, PASSWORD),
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
    return Played(scene, trial)
