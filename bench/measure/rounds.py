"""The rounds: every peer in turn, again and again, so that a busy moment of the machine meets all alike."""

import os
import statistics
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import bcrypt
from peers.peer import COST, PASSWORD, Operation, Peer, People

from measure.load import Failed, drive
from measure.servers import Server, free_port, start

CORES = len(os.sched_getaffinity(0))
CONNECTIONS = 16
SIGN_INS_AT_ONCE = 2 * CORES
OPERATIONS: tuple[Operation, ...] = ("who", "who_first", "refresh", "hold", "sign_in")
SETTLE_SECONDS = 1.0


@dataclass(frozen=True)
class Plan:
    """How long a run takes.

    Attributes:
        seconds: of one measurement; of signing in, `sign_in_seconds`.
        warm_seconds: asked before a measurement and not counted; the very first time, `first_seconds`, because a
            just-in-time compiler has to learn what is hot.
        limit: the most requests of one measurement of what can be asked only once.
        operations: what is asked, in this order.
        starts: how often each server is started alone, for its start-up time and memory at rest.
    """

    rounds: int = 7
    seconds: float = 2.0
    warm_seconds: float = 0.3
    first_seconds: float = 3.0
    sign_in_seconds: float = 5.0
    limit: int = 5000
    starts: int = 5
    operations: tuple[Operation, ...] = OPERATIONS


QUICK = Plan(rounds=2, seconds=0.7, warm_seconds=0.1, first_seconds=1.0, sign_in_seconds=1.5, limit=1500, starts=1)


@dataclass(frozen=True)
class Measured:
    """One measurement: requests a second, and requests for each second of processor time of the server."""

    per_second: float
    per_core: float
    p50_ms: float
    p99_ms: float
    requests: int
    refused: dict[int, int]
    generator_share: float


@dataclass(frozen=True)
class Bare:
    """bcrypt alone, as many threads as cores."""

    per_second: float
    per_core: float


@dataclass
class Standing:
    """Everything measured of one peer.

    Attributes:
        failed: why it could not take part, if so.
        memory: proportional set size at rest, bytes, of each start; `started`, seconds.
    """

    peer: Peer
    failed: str = ""
    memory: list[int] = field(default_factory=list)
    started: list[float] = field(default_factory=list)
    memory_after: int = 0
    rounds: dict[Operation, list[Measured]] = field(default_factory=dict)

    def median(self, operation: Operation, figure: str) -> float:
        return statistics.median(getattr(one, figure) for one in self.rounds[operation])


@dataclass
class Run:
    plan: Plan
    standings: list[Standing]
    bare: list[Bare]


def make_people() -> People:
    hashed = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(COST)).decode()
    return People(tuple(f"person-{number}@example.com" for number in range(CONNECTIONS)), hashed)


def run(peers: Sequence[Peer], plan: Plan, folder: Path) -> Run:
    """Measure all `peers`; one that cannot take part is named with its reason, and the others go on."""
    people = make_people()
    standings = [Standing(peer) for peer in peers]
    for standing in standings:
        _try(standing, lambda standing=standing: _alone(standing, plan, folder, people))
    running: dict[str, Server] = {}
    try:
        for standing in standings:
            _try(standing, lambda standing=standing: _open(standing, running, folder, people))
        bare = _go_around(standings, running, plan, people)
        for standing in standings:
            if standing.peer.name in running:
                standing.memory_after = running[standing.peer.name].memory_bytes()
    finally:
        for server in running.values():
            server.stop()
    return Run(plan, standings, bare)


def _try(standing: Standing, work) -> None:
    if standing.failed:
        return
    try:
        work()
    except Exception as why:
        standing.failed = f"{type(why).__name__}: {why}" if not isinstance(why, Failed) else str(why)
        say(f"{standing.peer.name} takes no part: {standing.failed}")


def _alone(standing: Standing, plan: Plan, folder: Path, people: People) -> None:
    """Prepare a peer, then start it alone: shared pages of a second process would flatter its memory."""
    peer = standing.peer
    place = folder / peer.name
    place.mkdir(parents=True)
    say(f"{peer.name}: prepare")
    peer.prepare(place, people)
    for _ in range(plan.starts):
        server = _start(peer, place)
        try:
            time.sleep(SETTLE_SECONDS)
            standing.started.append(server.started)
            standing.memory.append(server.memory_bytes())
        finally:
            server.stop()


def _open(standing: Standing, running: dict[str, Server], folder: Path, people: People) -> None:
    peer = standing.peer
    server = running[peer.name] = _start(peer, folder / peer.name)
    peer.open(server.port, folder / peer.name, people, CONNECTIONS)


def _start(peer: Peer, place: Path) -> Server:
    port = free_port()
    command, environment = peer.command(place, port)
    return start(command, environment=environment, folder=place, port=port, ready_path=peer.ready_path)


def _go_around(standings: list[Standing], running: dict[str, Server], plan: Plan, people: People) -> list[Bare]:
    bare = []
    for number in range(plan.rounds):
        for operation in plan.operations:
            say(f"round {number + 1} of {plan.rounds}: {operation}")
            turn = number % len(standings)
            for standing in standings[turn:] + standings[:turn]:  # nobody is always first, or always after the same one
                if operation in standing.peer.operations:
                    server = running.get(standing.peer.name)
                    _try(
                        standing,
                        lambda s=standing, o=operation, r=server, n=number: s.rounds.setdefault(o, []).append(
                            _measure(s.peer, o, r, plan, people, first=n == 0)
                        ),
                    )
        if "sign_in" in plan.operations:
            bare.append(bare_bcrypt(plan.sign_in_seconds, people))
    return bare


def _measure(peer: Peer, operation: Operation, server: Server, plan: Plan, people: People, *, first: bool) -> Measured:
    once = operation == "who_first" or (operation == "refresh" and hasattr(peer, "hold"))
    at_once = SIGN_INS_AT_ONCE if operation == "sign_in" else CONNECTIONS
    seconds = plan.sign_in_seconds if operation == "sign_in" else plan.seconds
    if operation == "hold":
        peer.hold(server.port, at_once)
    sources = peer.sources(operation, people, at_once)
    if operation != "sign_in":
        warm = plan.first_seconds if first else plan.warm_seconds
        drive(server.port, sources, seconds=warm, limit=plan.limit // 5 if once else None)
    before = server.cpu_seconds()
    outcome = drive(server.port, sources, seconds=seconds, limit=plan.limit if once else None)
    used = server.cpu_seconds() - before
    if not outcome.requests:
        raise Failed(f"no {operation} went well: {outcome.refused}")
    return Measured(
        per_second=outcome.requests / outcome.seconds,
        per_core=outcome.requests / max(used, 0.01),
        p50_ms=outcome.percentile(0.50) * 1000,
        p99_ms=outcome.percentile(0.99) * 1000,
        requests=outcome.requests,
        refused=outcome.refused,
        generator_share=outcome.generator / outcome.seconds,
    )


def bare_bcrypt(seconds: float, people: People) -> Bare:
    """Check passwords and do nothing else, on as many threads as there are cores."""
    hashed = people.password_hash.encode()

    def work(until: float) -> int:
        done = 0
        while time.perf_counter() < until:
            bcrypt.checkpw(PASSWORD.encode(), hashed)
            done += 1
        return done

    with ThreadPoolExecutor(CORES) as threads:
        began, cpu = time.perf_counter(), time.process_time()
        done = sum(threads.map(work, [began + seconds] * CORES))
        return Bare(done / (time.perf_counter() - began), done / (time.process_time() - cpu))


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
