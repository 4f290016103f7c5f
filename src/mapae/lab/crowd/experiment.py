"""The whole experiment: which crowds come, in which order, and what is said about them."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from mapae.lab.crowd.figures import Figures, figures
from mapae.lab.crowd.promises import Row, rows
from mapae.lab.crowd.simulation import Crowd, Scale
from mapae.lab.crowd.trial import Played, Scene, Tell, play, server_cores


@dataclass(frozen=True, slots=True)
class Plan:
    """How great everything is.

    Attributes:
        planned: people an event was planned for; they come in the time in which the machine can take just them.
        crowds: how many times as many come instead, and with which cost of bcrypt: cheap enough for all to get in.
        scene: what all trials have in common.
        simulated: people of the simulation.
        places: tickets given out to see what they cost.
        longest_control: seconds the crowd without the gate is followed at most.
    """

    planned: int
    crowds: tuple[tuple[float, int], ...]
    scene: Scene
    simulated: int
    places: int
    longest_control: float
    limit: float


_SCENE = Scene("", gate=True, cost=8, times=0.0, people=0, limit=0.0, fits=300.0)
FULL = Plan(300, ((12.0, 9), (50.0, 8)), _SCENE, 120_000, 5_000, 60.0, 600.0)
QUICK = Plan(
    40,
    ((12.0, 8),),
    replace(_SCENE, fits=15.0, quiet_seconds=3.0, calibration_seconds=3.0, after_seconds=2.0),
    6_000,
    1_000,
    15.0,
    60.0,
)


@dataclass(frozen=True, slots=True)
class Pair:
    """The same crowd twice: with the gate and without it."""

    gated: Played
    control: Played
    with_gate: Figures
    without: Figures
    table: list[Row]


@dataclass(frozen=True, slots=True)
class Simulated:
    """A greater crowd in simulated time, at the rate that was measured; the same code decides.

    Attributes:
        rate: people a second.
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


@dataclass(frozen=True, slots=True)
class Finished:
    """Everything."""

    pairs: list[Pair]
    simulated: Simulated
    loaded: float
    cores: int


def run(plan: Plan, folder: Path, *, seed: int, database: str, tell: Tell) -> Finished:
    """Run the experiment in `folder`, which is empty.

    Args:
        database: a PostgreSQL URL; empty for SQLite.
        tell: told of every step.

    Raises:
        LabFailed: a server or the generator cannot run.
        PromiseBroken: the simulated crowd has seen the gate break a promise.
    """
    loaded = os.getloadavg()[0]
    pairs = []
    for number, (times, cost) in enumerate(plan.crowds):
        common = replace(plan.scene, cost=cost, times=times, people=round(plan.planned * times), database=database)
        gated = play(
            replace(common, name=f"{times:.0f}-gate", gate=True, limit=plan.limit),
            folder, seed=seed + number, tell=tell, places=plan.places,
        )  # fmt: skip
        limit = min(gated.trial.ended + 1.0, plan.longest_control)
        control = play(
            replace(
                common, name=f"{times:.0f}-none", gate=False, people=len(gated.trial.people), limit=limit, fits=1e9
            ),
            folder, seed=seed + number, tell=tell,
        )  # fmt: skip
        pairs.append(_pair(gated, control))
    last = pairs[-1].gated
    return Finished(pairs, simulate(plan.simulated, last, seed=seed, tell=tell), loaded, len(os.sched_getaffinity(0)))


def _pair(gated: Played, control: Played) -> Pair:
    with_gate, without = figures(gated), figures(control)
    if gated.place is None:
        raise ValueError("the trial with the gate says what a place costs")
    table = rows(gated, control, with_gate=with_gate, without=without, place=gated.place)
    return Pair(gated, control, with_gate, without, table)


def simulate(people: int, played: Played, *, seed: int, tell: Tell) -> Simulated:
    """Let `people` come twelve times too fast for the rate that was measured."""
    threads = len(server_cores())
    scale = Scale(nodes=1, threads=threads, hash_ms=1000 * threads / played.trial.rate, load=12.0)
    began = time.monotonic()
    tell("simulation", 0, people)
    crowd = Crowd(seed, people=people, troubled=False, scale=scale)
    outcomes = crowd.play()
    return Simulated(
        people=outcomes["signed in"],
        rate=played.trial.rate,
        seconds=(crowd.ended - crowd.begins) / 1000,
        polls=outcomes["polls"],
        share=crowd.worked / crowd.available if crowd.available else 0.0,
        overtaken_ms=crowd.overtaken_ms,
        took=time.monotonic() - began,
    )


def document(finished: Finished) -> dict[str, object]:
    """Return everything that was measured, for programs."""
    return {
        "cores": finished.cores,
        "load_before": round(finished.loaded, 2),
        "crowds": [
            {
                "times": pair.gated.scene.times,
                "people": len(pair.gated.trial.people),
                "bcrypt_cost": pair.gated.scene.cost,
                "database": "postgresql" if pair.gated.scene.database else "sqlite",
                "gate": _rounded(asdict(pair.with_gate)),
                "no_gate": _rounded(asdict(pair.without)),
                "place": None if pair.gated.place is None else asdict(pair.gated.place),
                "promises": [
                    {"number": row.number, "promised": row.promised[0], "measured": row.measured[0],
                     "control": row.control[0], "kept": row.kept}
                    for row in pair.table
                ],
            }
            for pair in finished.pairs
        ],
        "simulated": _rounded(asdict(finished.simulated)),
    }  # fmt: skip


def _rounded(members: dict[str, object]) -> dict[str, object]:
    return {name: round(value, 5) if isinstance(value, float) else value for name, value in members.items()}


def all_kept(pairs: Sequence[Pair]) -> bool:
    """Say whether every promise was kept in every trial."""
    return all(row.kept is not False for pair in pairs for row in pair.table)
