"""The process that sends everything: it has the people and the clock of a trial, and tells how far they are."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from multiprocessing import get_context
from multiprocessing.connection import Connection
from random import Random
from typing import Literal

from mapae.lab.crowd.people import REFRESH, WHO, Crowd, Door, Once, Person, Regular, in_turn
from mapae.lab.open_loop import OpenLoop, Outcome, Stream, constant, poisson
from mapae.lab.servers import LabFailed

Phase = Literal["quiet", "calibration", "crowd", "after"]
_LEAST = 20


@dataclass(frozen=True, slots=True)
class Background:
    """What goes on the whole time: programs that hold a session.

    Attributes:
        who: requests of which one is sent at each turn; the same for `refresh`.
        who_rate: how many a second.
        refresh_rate: how many a second; 0 where a server has none.
    """

    who: list[bytes]
    refresh: list[bytes]
    who_rate: float
    refresh_rate: float


@dataclass(frozen=True, slots=True)
class Order:
    """What the generator does in one trial.

    Attributes:
        times: how many times the calibrated rate people arrive at.
        people: how many of them; fewer where the calibrated rate would need longer than `fits` seconds for them.
        limit: seconds after which the trial ends although some are not inside.
        quick: see `Crowd.quick`.
        busy: sign-ins that are kept under way while the server is calibrated.
        cores: which the generator runs on; empty for wherever.
    """

    port: int
    door: Door
    background: Background
    times: float
    people: int
    limit: float
    quick: float
    busy: int
    seed: int
    quiet_seconds: float = 6.0
    calibration_seconds: float = 5.0
    after_seconds: float = 6.0
    cores: tuple[int, ...] = ()
    habits: bool = True
    fits: float = 1e9


@dataclass
class Trial:
    """What came of it.

    Attributes:
        rate: calibrated sign-ins a second, with the programs' requests going on beside.
        phases: everything that was sent, by phase; each has a clock of its own.
        people: the crowd.
        ended: when the last one was inside, on the clock of the crowd; the limit where some never were.
    """

    rate: float
    phases: dict[Phase, Outcome]
    people: list[Person]
    ended: float


@dataclass
class _Generator:
    order: Order
    tell: Callable[[str, int, int], None]
    phases: dict[Phase, Outcome] = field(default_factory=dict)

    def run(self) -> Trial:
        order = self.order
        self._phase("quiet", order.quiet_seconds, self._regulars(1, order.quiet_seconds, every=1.0))
        self._phase("calibration", order.calibration_seconds + 1, self._regulars(order.busy, order.calibration_seconds))
        calibration = self.phases["calibration"].answers
        done = [each.done for each in calibration if each.kind > REFRESH and each.status == 200]
        inside = [at for at in done if 1.0 <= at <= order.calibration_seconds]
        rate = max(0.5, len(inside) / (order.calibration_seconds - 1.0))
        crowd = Crowd(order.door, Random(order.seed), order.quick, habits=order.habits)
        ended = self._crowd(crowd, rate, min(order.people, max(_LEAST, int(rate * order.fits))))
        self._phase("after", order.after_seconds, self._regulars(1, order.after_seconds, every=1.0))
        return Trial(rate, self.phases, [replace(each, door=None) for each in crowd.people], ended)  # type: ignore[arg-type]

    def _crowd(self, crowd: Crowd, rate: float, people: int) -> float:
        order = self.order
        moments = poisson(rate * order.times, begins=1.0, people=people, random=Random(order.seed + 1))
        told = ended = 0.0

        def over(now: float) -> bool:
            nonlocal told, ended
            if now - told < 0.5:
                return False
            told = now
            inside = sum(each.inside is not None for each in crowd.people)
            self.tell("crowd", inside, people)
            ended = now
            return inside == people or now > order.limit

        self._run("crowd", over, [Stream(moments, crowd.make), *self._programs(order.limit)])
        last = [each.inside for each in crowd.people if each.inside is not None]
        return max(last) if len(last) == people else ended

    def _phase(self, name: Phase, seconds: float, streams: list[Stream]) -> None:
        self.tell(name, 0, 1)
        self._run(name, lambda now: now > seconds, [*streams, *self._programs(seconds)])

    def _run(self, name: Phase, over: Callable[[float], bool], streams: list[Stream]) -> None:
        self.phases[name] = OpenLoop(self.order.port, over=over).run(streams)

    def _programs(self, seconds: float) -> Iterator[Stream]:
        background = self.order.background
        if background.who_rate:
            who = in_turn(background.who)
            yield Stream(constant(background.who_rate, ends=seconds), lambda: Once(WHO, who))
        if background.refresh_rate:
            # Half a beat off, or every refresh would be due together with a verification.
            begins = 0.5 / background.who_rate
            yield Stream(
                constant(background.refresh_rate, begins=begins, ends=seconds), lambda: Once(REFRESH, self._refresh)
            )

    def _regulars(self, count: int, seconds: float, *, every: float = 0.0) -> list[Stream]:
        numbers = iter(range(1_000_000))
        until = 0.0 if every else seconds
        moments = [number * every for number in range(int(seconds / every))] if every else [0.0] * count
        return [Stream(moments, lambda: Regular(next(numbers) % self.order.people, self.order.door, until))]

    def __post_init__(self) -> None:
        self._refresh = in_turn(self.order.background.refresh)


def _work(order: Order, pipe: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends us
    if order.cores:
        os.sched_setaffinity(0, order.cores)
    try:
        trial: Trial | str = _Generator(order, lambda *told: pipe.send(told)).run()
    except Exception as failure:  # noqa: BLE001 - the parent says so
        trial = f"{type(failure).__name__}: {failure}"
    pipe.send(trial)
    pipe.close()


def generate(order: Order, tell: Callable[[str, int, int], None]) -> Trial:
    """Run a trial in a process of its own.

    Args:
        tell: told of the phase, how many are inside, and how many come.

    Raises:
        LabFailed: the generator failed.
    """
    context = get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_work, args=(order, theirs), daemon=True)
    process.start()
    theirs.close()
    try:
        while isinstance(told := ours.recv(), tuple):
            tell(*told)
    except EOFError:
        told = "the generator ended"
    finally:
        process.terminate()
        process.join()
    if not isinstance(told, Trial):
        raise LabFailed(str(told))
    return told
