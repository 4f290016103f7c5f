"""Refresh and sign-in on SQLite and on PostgreSQL, with 1 and 2 workers and 1 to 4 nodes, beside peers.

    python bench/nodes.py [--quick] [--rounds 5] [--json FILE] [--chart FILE]

A node is one `mapae serve` with a data directory of its own; a worker is one of its processes. A database in SQLite
belongs to one machine, so there it is workers that are counted. The load comes from this process, on the same machine:
what a core does is what compares, since more processes than cores cannot do more at once. Each node is asked by as many
at once, since nodes are added where more people come. So a cost per request that
does not grow with the nodes is what adding machines rests on.

Per core: requests for each second of processor time that the serving processes used. What the database server used is
counted apart. fastapi-users has no refresh, so it only signs in; node-oidc-provider leaves signing in to others.
"""

import argparse
import json
import os
import shutil
import statistics
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from measure.load import Failed, drive
from measure.node import install_packages
from measure.postgres import Postgres, postgres_here
from measure.report import machine
from measure.rounds import CONNECTIONS, SIGN_INS_AT_ONCE, make_people, say
from measure.servers import Server, end_on_sigterm, free_port, start
from peers.better_auth import BetterAuth
from peers.fastapi_users import FastApiUsers
from peers.mapae_serve import MapaeServe
from peers.oidc_provider import OidcProvider
from peers.peer import Operation, Peer, People, Session

from mapae.lab.chart import Bar, Bars, draw

CACHE = Path(__file__).resolve().parent.parent / ".cache"
OPERATIONS: tuple[Operation, ...] = ("refresh", "sign_in")
SHAPES = {"SQLite": ((1, 1), (1, 2)), "PostgreSQL": ((1, 1), (1, 2), (2, 1), (3, 1), (4, 1), (4, 2))}
"""Nodes, and workers of each."""
GOAL_TIMES, GOAL_FLAT = 3.0, 0.20
"""Refreshes of a core against the best peer's; and what one may cost more on four nodes than on one."""


@dataclass(frozen=True)
class Plan:
    """How long a run takes; see `measure.rounds.Plan`."""

    rounds: int = 5
    seconds: float = 2.0
    warm_seconds: float = 0.4
    first_seconds: float = 2.0
    sign_in_seconds: float = 3.0
    limit: int = 1500


QUICK = Plan(rounds=2, seconds=0.7, warm_seconds=0.1, first_seconds=0.5, sign_in_seconds=1.0, limit=600)


@dataclass
class MapaeNodes(MapaeServe):
    """Several nodes over one database; the others have the first one's master secret."""

    nodes: int = 1
    workers: int = 1

    def command(self, folder: Path, port: int) -> tuple[Sequence[str | Path], Mapping[str, str]]:
        command, environment = super().command(folder, port)
        return command, environment | {"MAPAE_WORKERS": str(self.workers)}

    def command_of_another(self, folder: Path, port: int, number: int):
        """Return how to start the node with this number, from 1 on."""
        command, environment = self.command(folder, port)
        own = {"MAPAE_DATA": str(folder / f"node-{number}"), "MAPAE_SECRET_FILE": str(folder / "mapae-data" / "secret")}
        return command, {**environment, **own}

    def open_sessions(self, port: int, folder: Path, people: People, count: int) -> list[Session]:
        """Take sessions that were made for it: nobody has to sign in while the machine is starting everybody."""
        del port, folder, people
        return self._made[:count]


@dataclass(frozen=True)
class Measured:
    """One measurement; `database_us` is processor time of the database server for one request."""

    per_second: float
    per_core: float
    database_us: float
    p50_ms: float
    p99_ms: float
    refused: dict[int, int]


@dataclass
class Standing:
    """One contestant on one store, its processes and what was measured of it."""

    peer: Peer
    servers: list[Server] = field(default_factory=list)
    failed: str = ""
    missed: list[str] = field(default_factory=list)
    rounds: dict[Operation, list[Measured]] = field(default_factory=dict)

    @property
    def is_ours(self) -> bool:
        return isinstance(self.peer, MapaeNodes)

    @property
    def connections(self) -> int:
        """How many ask at once: as many for each node, since nodes are added where more people come."""
        return CONNECTIONS * (self.peer.nodes if isinstance(self.peer, MapaeNodes) else 1)

    def median(self, operation: Operation, figure: str) -> float:
        return statistics.median(getattr(one, figure) for one in self.rounds[operation])

    def times(self, operation: Operation, other: "Standing") -> float:
        """Return how many times the work of another a core does here: the median of the rounds' own ratios."""
        pairs = zip(self.rounds[operation], other.rounds[operation], strict=False)
        return statistics.median(mine.per_core / theirs.per_core for mine, theirs in pairs)


def contestants(server: Postgres | None, plan: Plan) -> list[Standing]:
    """List everybody, each with an empty database of its own."""
    found: list[Peer] = []
    for store, shapes in SHAPES.items():
        if store == "PostgreSQL" and server is None:
            continue
        short = store.lower()
        for nodes, workers in shapes:
            title = f"Mapae, {_count(nodes, 'node')}" + (f" of {_count(workers, 'worker')}" if workers > 1 else "")
            fresh = (plan.limit + plan.limit // 5 + 400) * plan.rounds + 2000
            found.append(
                MapaeNodes(f"mapae_{nodes}_{workers}_{short}", title, store, nodes=nodes, workers=workers, fresh=fresh)
            )
        found += [
            OidcProvider(f"oidc_{short}", "node-oidc-provider", store, adapter=short, operations=("refresh",)),
            BetterAuth(f"better_auth_{short}", "better-auth", store, operations=OPERATIONS),
            FastApiUsers(f"fastapi_users_{short}", "fastapi-users + SQLAlchemy", store, operations=("sign_in",)),
        ]
    for peer in found:
        if peer.store == "PostgreSQL":
            peer.database = server.url(peer.name)
    return [Standing(peer) for peer in found]


def open_all(standing: Standing, folder: Path, people: People) -> None:
    """Prepare one contestant and start all its processes."""
    peer, place = standing.peer, folder / standing.peer.name
    place.mkdir()
    say(f"{peer.name}: prepare and start")
    peer.prepare(place, people)
    for number in range(getattr(peer, "nodes", 1)):
        port = free_port()
        command, environment = (
            peer.command(place, port) if number == 0 else peer.command_of_another(place, port, number)
        )
        standing.servers.append(
            start(command, environment=environment, folder=place, port=port, ready_path=peer.ready_path)
        )
    peer.open(standing.servers[0].port, place, people, standing.connections)


def measured(
    standing: Standing, operation: Operation, plan: Plan, people: People, server: Postgres | None, *, first: bool
) -> Measured:
    """Ask one contestant for one operation."""
    ports = [each.port for each in standing.servers]
    once = operation == "refresh" and standing.is_ours
    count = SIGN_INS_AT_ONCE if operation == "sign_in" else standing.connections
    sources = standing.peer.sources(operation, people, count)
    if operation == "refresh":
        warm = plan.first_seconds if first else plan.warm_seconds
        drive(ports, sources, seconds=warm, limit=plan.limit // 5 if once else None)
    before, there = _cpu(standing), server.cpu_seconds() if server else 0.0
    seconds = plan.sign_in_seconds if operation == "sign_in" else plan.seconds
    outcome = drive(ports, sources, seconds=seconds, limit=plan.limit if once else None)
    used = _cpu(standing) - before
    there = (server.cpu_seconds() - there) if server and standing.peer.store == "PostgreSQL" else 0.0
    if not outcome.requests:
        raise Failed(f"no {operation} went well: {outcome.refused}")
    return Measured(
        per_second=outcome.requests / outcome.seconds,
        per_core=outcome.requests / max(used, 0.01),
        database_us=there / outcome.requests * 1e6,
        p50_ms=outcome.percentile(0.50) * 1000,
        p99_ms=outcome.percentile(0.99) * 1000,
        refused=outcome.refused,
    )


def _cpu(standing: Standing) -> float:
    return sum(server.cpu_seconds() for server in standing.servers)


def go_around(
    standings: list[Standing],
    plan: Plan,
    people: People,
    server: Postgres | None,
    operations: Sequence[str] = OPERATIONS,
) -> None:
    """Measure everybody in turn, again and again; nobody is always first."""
    for number in range(plan.rounds):
        for operation in (each for each in OPERATIONS if each in operations):
            say(f"round {number + 1} of {plan.rounds}: {operation}")
            turn = number % len(standings)
            for standing in standings[turn:] + standings[:turn]:
                if not standing.failed and operation in standing.peer.operations:
                    try:
                        found = measured(standing, operation, plan, people, server, first=number == 0)
                    except (Failed, OSError) as why:
                        standing.missed.append(f"{operation}: {why}")
                    else:
                        standing.rounds.setdefault(operation, []).append(found)


def attempt(standing: Standing, folder: Path, people: People) -> None:
    """Open one contestant; whoever cannot take part is named with the reason, and the others go on."""
    try:
        open_all(standing, folder, people)
    except Exception as why:
        standing.failed = f"{type(why).__name__}: {why}" if not isinstance(why, Failed) else str(why)
        say(f"{standing.peer.name} takes no part: {standing.failed}")


def goals(standings: list[Standing]) -> list[tuple[bool, str]]:
    """Compare the run with what Mapae set out to reach."""
    found = []
    for store in SHAPES:
        ours, theirs = of_store(standings, store, "refresh")
        if not ours:
            continue
        if theirs:
            best = max(theirs, key=lambda one: one.median("refresh", "per_core"))
            times = ours[0].times("refresh", best)
            text = f"{store}: refresh at least {GOAL_TIMES:g} times {best.peer.title} per core: {times:.1f} times"
            found.append((times >= GOAL_TIMES, text))
        last = ours[-1]
        if last is ours[0]:
            continue
        more = 1 / last.times("refresh", ours[0]) - 1
        text = f"{store}: a refresh costs our processes {more:+.0%} with {last.peer.title.partition(', ')[2]}"
        found.append((more <= GOAL_FLAT, text))
    return found


def of_store(standings: list[Standing], store: str, operation: Operation) -> tuple[list[Standing], list[Standing]]:
    """Return ours and the others on one store that did an operation."""
    there = [one for one in standings if one.peer.store == store and not one.failed and operation in one.rounds]
    return [one for one in there if one.is_ours], [one for one in there if not one.is_ours]


def table(standings: list[Standing], store: str, operation: Operation) -> list[str]:
    """Write what was measured of one operation on one store."""
    ours, theirs = of_store(standings, store, operation)
    if not ours:
        return []
    what = "Refresh" if operation == "refresh" else f"Sign-in (bcrypt at cost 12, {SIGN_INS_AT_ONCE} at once)"
    heads = {"": 34, "per core": 9, "Mapae: x times": 16, "database us": 13, "per second": 12, "p50 ms": 9, "p99 ms": 9}
    lines = [f"{what} on {store}", "  " + "".join(f"{head:>{width}}" for head, width in heads.items())]
    for one in ours + theirs:
        times = "" if one is ours[0] else f"{ours[0].times(operation, one):.1f}"
        core, second, there, p50, p99 = (
            one.median(operation, name) for name in ("per_core", "per_second", "database_us", "p50_ms", "p99_ms")
        )
        digits = 0 if operation == "refresh" else 1
        lines.append(
            f"  {one.peer.title:34}{core:>9,.{digits}f}{times:>16}{there:>13,.0f}"
            f"{second:>12,.{digits}f}{p50:>9.1f}{p99:>9.1f}"
        )
    return [*lines, ""]


def notes(standings: list[Standing]) -> list[str]:
    """Say who took no part and why, what was refused, and every version."""
    lines, versions = [], {}
    for one in standings:
        if one.failed:
            lines.append(f"  {one.peer.title} on {one.peer.store} took no part: {one.failed}")
            continue
        lines += [f"  {one.peer.title} on {one.peer.store}: a measurement missed: {why}" for why in one.missed]
        versions[one.peer.title.partition(",")[0]] = one.peer.versions()
        for operation, rounds in one.rounds.items():
            refused = sum(sum(each.refused.values()) for each in rounds)
            if refused:
                lines.append(f"  {one.peer.title} on {one.peer.store}: {refused} refused at {operation}, in no rate")
    return lines + [f"  {title}: {what}" for title, what in versions.items()]


def chart(standings: list[Standing], where: dict) -> str:
    """Draw the refreshes of a core."""
    panels = []
    for store in SHAPES:
        ours, theirs = of_store(standings, store, "refresh")
        bars = [Bar(one.peer.title, one.median("refresh", "per_core"), "", ours=one.is_ours) for one in ours + theirs]
        panels.append(Bars(f"{store}: refreshes a second for each core", bars, ranked=False))
    words = f"{where['processor']}, {where['cores']} cores, {str(where['date'])[:10]}, commit {where['commit']}"
    return draw(panels, notes=(words,))


def main() -> int:
    asked = arguments()
    end_on_sigterm()
    plan = QUICK if asked.quick else Plan(rounds=asked.rounds)
    try:
        install_packages()
    except Failed as why:
        print(f"bench: {why}; peers from the Node world take no part", file=sys.stderr)
    CACHE.mkdir(exist_ok=True)
    folder, people = Path(tempfile.mkdtemp(prefix="bench-nodes-", dir=CACHE)), make_people()
    where = machine()
    with postgres_here() as server:
        where["postgresql"] = server.version() if server else None
        everybody = contestants(server, plan)
        standings = [one for one in everybody if one.peer.name.startswith(tuple((asked.only or "").split(",")))]
        try:
            for standing in standings:
                attempt(standing, folder, people)
            go_around(standings, plan, people, server, tuple(asked.operations.split(",")))
        finally:
            for standing in standings:
                for each in standing.servers:
                    each.stop()
            shutil.rmtree(folder, ignore_errors=True)
    if all(standing.failed for standing in standings if standing.is_ours):
        print("\n".join(notes(standings)))
        return 1
    show(standings, plan, where)
    if asked.json:
        asked.json.write_text(json.dumps(document(standings, plan, where), indent=1) + "\n")
    if asked.chart:
        asked.chart.write_text(chart(standings, where))
    return 0


def show(standings: list[Standing], plan: Plan, where: dict) -> None:
    print(f"{plan.rounds} rounds in turn, {CONNECTIONS} connections to each node in a closed loop; medians")
    print(
        f"{where['processor']}, {where['cores']} cores, Python {where['python']}, Node {where['node']}, SQLite "
        f"{where['sqlite']}, PostgreSQL {where['postgresql']}, commit {where['commit']}, {where['date']}, "
        f"load {where['load'][0]} before, {os.getloadavg()[0]:.1f} after\n"
    )
    for operation in OPERATIONS:
        for store in SHAPES:
            print("\n".join(table(standings, store, operation)))
    print("Notes", *notes(standings), "", sep="\n")
    print("Goals", *(f"  {'reached' if well else 'SHORT  '}  {text}" for well, text in goals(standings)), sep="\n")


def document(standings: list[Standing], plan: Plan, where: dict) -> dict:
    """Return everything that was measured as JSON."""
    return {
        "machine": where,
        "plan": asdict(plan) | {"connections_of_each_node": CONNECTIONS, "sign_ins_at_once": SIGN_INS_AT_ONCE},
        "goals": [{"reached": well, "text": text} for well, text in goals(standings)],
        "contestants": [
            {
                "title": one.peer.title,
                "store": one.peer.store,
                "failed": one.failed or None,
                "versions": "" if one.failed else one.peer.versions(),
                "rounds": {operation: [asdict(each) for each in rounds] for operation, rounds in one.rounds.items()},
            }
            for one in standings
        ],
    }


def _count(number: int, what: str) -> str:
    return f"{number} {what}" + ("s" if number > 1 else "")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="two short rounds: to see that all works, not to quote")
    parser.add_argument("--rounds", type=int, default=Plan.rounds)
    parser.add_argument("--only", help="contestants whose names begin with one of these, separated by commas")
    parser.add_argument("--operations", help="refresh, sign_in or both, separated by commas", default="refresh,sign_in")
    parser.add_argument("--json", type=Path, help="write everything that was measured to this file")
    parser.add_argument("--chart", type=Path, help="draw an SVG into this file")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
