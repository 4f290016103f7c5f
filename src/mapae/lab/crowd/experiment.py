"""The whole experiment: which crowds come, in which order, and what is said about them."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from mapae.lab.crowd.figures import Figures, figures
from mapae.lab.crowd.places import Place, cost_of_places
from mapae.lab.crowd.promises import Row, rows
from mapae.lab.crowd.simulation import Crowd, Scale
from mapae.lab.crowd.stage import server_cores, stage_in
from mapae.lab.crowd.trial import USUAL_COST, Played, Scene, Tell, invite, play

MACHINES = 32
"""Of the simulation: as many as let so many in within minutes, on one database."""
_CALIBRATION = 20.0
"""Seconds of it at the usual cost, for some fifty hashes."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How great everything is.

    Attributes:
        planned: people an event was planned for; they come in the time in which the machine can take just them.
        crowds: how many times as many come instead, and with which cost of bcrypt: as in earnest, and cheap enough for
            very many to get in.
        scene: what all trials have in common.
        simulated: people of the simulation.
        places: tickets given out to see what they cost.
        control_seconds: so long the crowd without the gate is followed at most.
    """

    planned: int
    crowds: tuple[tuple[float, int], ...]
    scene: Scene
    simulated: int
    places: int
    control_seconds: float


_SCENE = Scene("", gate=True, cost=8, times=0.0, people=0, limit=450.0, fits=330.0)
FULL = Plan(300, ((12.0, USUAL_COST), (12.0, 8), (50.0, 8)), _SCENE, 120_000, 5_000, 20.0)
QUICK = Plan(
    40,
    ((12.0, 8),),
    replace(_SCENE, limit=60.0, fits=15.0, quiet_seconds=3.0, calibration_seconds=3.0, after_seconds=2.0),
    6_000,
    1_000,
    15.0,
)


@dataclass(frozen=True, slots=True)
class Pair:
    """The same crowd twice: with the gate and without it."""

    gated: Played
    control: Played
    with_gate: Figures
    without: Figures
    table: list[Row]
    place: Place


@dataclass(frozen=True, slots=True)
class Simulated:
    """A greater crowd in simulated time, before machines as fast as was measured; the same code decides.

    Attributes:
        rate: people a second, of all machines together.
        seconds: until the last one was in.
        polls: questions how far the line is.
        share: of the time the threads were at work while people waited.
        overtaken_ms: the longest somebody got in after one who had come a second later: between two looks.
        took: seconds the simulation took.
    """

    people: int
    rate: float
    seconds: float
    polls: int
    share: float
    overtaken_ms: float
    took: float


@dataclass
class Found:
    """What has been found so far.

    Attributes:
        loaded: the load of the machine before.
        cores: how many this process may use.
        pairs: one for each crowd that has come and gone.
        simulated: None while there was no time for it.
    """

    loaded: float = field(default_factory=lambda: os.getloadavg()[0])
    cores: int = field(default_factory=lambda: len(os.sched_getaffinity(0)))
    pairs: list[Pair] = field(default_factory=list)
    simulated: Simulated | None = None


def run(plan: Plan, folder: Path, found: Found, *, seed: int, database: str, tell: Tell) -> Iterator[Pair]:
    """Run the experiment in `folder`, which is empty; yield each crowd as soon as it has gone.

    Args:
        found: is filled by and by, so that an interrupted experiment has something to show.
        database: a PostgreSQL URL; empty for SQLite.
        tell: told of every step.

    Raises:
        LabFailed: a server or the generator cannot run.
        MapaeError: the database cannot be used.
        PromiseBroken: the simulated crowd has seen the gate break a promise.
    """
    place = cost_of_places(folder / "places", plan.places, tell)
    for number, (times, cost) in enumerate(plan.crowds):
        # A crowd finds a fresh service. One database has one master secret, so there the second follows the first.
        name = f"{times:.0f}-{cost}"
        stage = stage_in(folder / ("all" if database else name), database=database)
        scene = replace(plan.scene, prefix=f"{name}-", cost=cost, times=times, people=round(plan.planned * times),
                        store="postgresql" if database else "sqlite")  # fmt: skip
        scene = replace(scene, calibration_seconds=max(scene.calibration_seconds, _CALIBRATION / scene.quick))
        invite(scene, stage, tell=tell)
        gated = play(scene, stage, seed=seed + number, tell=tell)
        people, limit = len(gated.trial.people), min(gated.trial.ended + 1.0, plan.control_seconds)
        ungated = replace(scene, gate=False, people=people, limit=limit, fits=1e9)
        control = play(ungated, stage, seed=seed + number, tell=tell)
        found.pairs.append(_pair(gated, control, place))
        yield found.pairs[-1]
    found.simulated = simulate(plan.simulated, found.pairs[-1].gated, seed=seed, tell=tell)


def _pair(gated: Played, control: Played, place: Place) -> Pair:
    with_gate, without = figures(gated), figures(control)
    table = rows(gated, control, with_gate=with_gate, without=without, place=place)
    return Pair(gated, control, with_gate, without, table, place)


def simulate(people: int, played: Played, *, seed: int, tell: Tell) -> Simulated:
    """Let `people` come twelve times too fast for machines that each have the rate that was measured."""
    threads = len(server_cores())
    scale = Scale(nodes=MACHINES, threads=threads, hash_ms=1000 * threads / played.trial.rate, load=12.0)
    began = time.monotonic()
    tell("simulation", 0, people)
    crowd = Crowd(seed, people=people, troubled=False, scale=scale)
    outcomes = crowd.play()
    return Simulated(
        people=outcomes["signed in"],
        rate=MACHINES * played.trial.rate,
        seconds=(crowd.ended - crowd.begins) / 1000,
        polls=outcomes["polls"],
        share=crowd.worked / crowd.available if crowd.available else 0.0,
        overtaken_ms=crowd.overtaken_ms,
        took=time.monotonic() - began,
    )


def document(found: Found) -> dict[str, object]:
    """Return everything that was measured, for programs."""
    return {
        "finished": found.simulated is not None,
        "cores": found.cores,
        "load_before": round(found.loaded, 2),
        "crowds": [
            {
                "times": pair.gated.scene.times,
                "people": len(pair.gated.trial.people),
                "bcrypt_cost": pair.gated.scene.cost,
                "database": pair.gated.scene.store,
                "gate": _rounded(asdict(pair.with_gate)),
                "no_gate": _rounded(asdict(pair.without)),
                "place": asdict(pair.place),
                "promises": [
                    {"number": row.number, "promised": row.promised[0], "measured": row.measured[0],
                     "control": row.control[0], "kept": row.kept}
                    for row in pair.table
                ],
            }
            for pair in found.pairs
        ],
        "simulated": None if found.simulated is None else _rounded(asdict(found.simulated)),
    }  # fmt: skip


def _rounded(members: dict[str, object]) -> dict[str, object]:
    return {name: round(value, 5) if isinstance(value, float) else value for name, value in members.items()}


def all_kept(pairs: Sequence[Pair]) -> bool:
    """Say whether every promise was kept in every trial."""
    return all(row.kept is not False for pair in pairs for row in pair.table)
