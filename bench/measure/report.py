"""What a run says: tables for people, one JSON document for programs."""

import os
import platform
import sqlite3
import statistics
import subprocess
import time
from collections import Counter
from dataclasses import asdict
from pathlib import Path

from peers.peer import COST, ROOT, Operation

from measure.node import node_version
from measure.rounds import CONNECTIONS, CORES, SIGN_INS_AT_ONCE, Run, Standing

TITLES: dict[Operation, str] = {
    "who": "Who am I: a GET that needs an access token",
    "refresh": "Refresh: a refresh token against a new pair",
    "sign_in": f"Sign-in: bcrypt at cost {COST}, {SIGN_INS_AT_ONCE} at once",
}
APART: dict[Operation, tuple[Operation, str]] = {
    "who": ("who_first", "each token for the first time"),
    "refresh": ("hold", "again at once: the token stays"),
}
"""What only Mapae tells apart, in the same table."""


def tables(run: Run) -> str:
    """Write everything a person wants to see."""
    parts = [_heading(run)]
    parts += [
        f"{title}\n{_aligned(_rows(run, operation))}"
        for operation, title in TITLES.items()
        if operation in run.plan.operations
    ]
    parts.append(f"At rest, each alone\n{_aligned(_rest_rows(run))}")
    parts.append("Notes\n" + "\n".join(_notes(run)))
    if found := goals(run):
        parts.append("Goals\n" + "\n".join(f"  {'reached' if well else 'SHORT  '}  {text}" for well, text in found))
    return "\n\n".join(parts)


def ratio(run: Run, standing: Standing, operation: Operation) -> float:
    """Return how many times the work of a peer a core of Mapae does: the median of the rounds' own ratios."""
    pairs = zip(_mapae(run).rounds[operation], standing.rounds[operation], strict=False)
    return statistics.median(mine.per_core / other.per_core for mine, other in pairs)


def of_bare(run: Run, standing: Standing, figure: str) -> float:
    """Return which share of the bare bcrypt rate the sign-ins of a peer reach."""
    pairs = zip(standing.rounds["sign_in"], run.bare, strict=False)
    return statistics.median(getattr(one, figure) / getattr(bare, figure) for one, bare in pairs)


def goals(run: Run) -> list[tuple[bool, str]]:
    """Compare the run with what Mapae set out to reach, as far as the peers took part."""
    by_name = {standing.peer.name: standing for standing in run.standings if not standing.failed}
    if "mapae" not in by_name:
        return []
    mapae, found = by_name["mapae"], []

    def times(operation: Operation, name: str, least: float) -> None:
        if name in by_name and operation in by_name[name].rounds and operation in mapae.rounds:
            reached = ratio(run, by_name[name], operation)
            text = f"{operation} at least {least:g} times {by_name[name].peer.title} per core: {reached:.1f} times"
            found.append((reached >= least, text))

    times("who", "fastapi", 4)
    nodes = [one for one in by_name.values() if one.peer.packages and "who" in one.rounds]
    if nodes:
        times("who", max(nodes, key=lambda one: one.median("who", "per_core")).peer.name, 3)
    times("refresh", "express", 4)
    times("refresh", "express-rs256", 4)
    times("refresh", "oidc-provider", 3)
    times("refresh", "oidc-provider-memory", 3)
    if "sign_in" in mapae.rounds:
        rate, core = of_bare(run, mapae, "per_second"), of_bare(run, mapae, "per_core")
        text = f"sign_in within 5 % of the bare bcrypt rate: {rate:.1%} of the rate, {core:.1%} per core"
        found.append((rate >= 0.95, text))
    if mapae.memory:
        megabytes = statistics.median(mapae.memory) / 1e6
        found.append((megabytes < 60, f"memory at rest below 60 MB: {megabytes:.1f} MB"))
    return found


def document(run: Run) -> dict[str, object]:
    """Return the run as JSON: what was measured, where and when, round by round."""
    return {
        "machine": machine(),
        "plan": asdict(run.plan) | {"connections": CONNECTIONS, "sign_ins_at_once": SIGN_INS_AT_ONCE},
        "bare_bcrypt": [asdict(bare) for bare in run.bare],
        "goals": [{"reached": well, "text": text} for well, text in goals(run)],
        "peers": [_peer_document(run, standing) for standing in run.standings],
    }


def machine() -> dict[str, object]:
    """Say where a run took place."""
    commit = subprocess.run(
        ["git", "rev-parse", "--short=12", "HEAD"], cwd=ROOT, check=False, capture_output=True, text=True
    )
    return {
        "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "commit": commit.stdout.strip(),
        "processor": _processor(),
        "cores": CORES,
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "python_loop_ns": round(_loop_ns()),
        "node": node_version(),
        "sqlite": sqlite3.sqlite_version,
        "load": [round(each, 2) for each in os.getloadavg()],
    }


def _peer_document(run: Run, standing: Standing) -> dict[str, object]:
    peer = standing.peer
    shown: dict[str, object] = {
        "name": peer.name,
        "title": peer.title,
        "store": peer.store,
        "algorithm": peer.algorithm,
        "remark": peer.remark,
    }
    if standing.failed:
        return shown | {"failed": standing.failed}
    medians = {
        operation: {
            figure: round(standing.median(operation, figure), 4)
            for figure in ("per_second", "per_core", "p50_ms", "p99_ms")
        }
        for operation in standing.rounds
    }
    ratios = {operation: round(ratio(run, standing, operation), 3) for operation in standing.rounds}
    return shown | {
        "versions": peer.versions(),
        "memory_bytes": statistics.median(standing.memory),
        "memory_after_bytes": standing.memory_after,
        "start_seconds": round(statistics.median(standing.started), 4),
        "medians": medians,
        "mapae_is_times": ratios,
        "rounds": {operation: [asdict(one) for one in measured] for operation, measured in standing.rounds.items()},
    }


def _mapae(run: Run) -> Standing:
    return run.standings[0]


def _heading(run: Run) -> str:
    where = machine()
    return (
        f"{run.plan.rounds} rounds in turn, {CONNECTIONS} connections in a closed loop, one worker each; medians.\n"
        "Per core: requests for each second of processor time of the server; Mapae does x times as many.\n"
        f"{where['processor']}, {where['cores']} cores, {where['system']}, Python {where['python']} "
        f"({where['python_loop_ns']} ns a turn of a loop), "
        f"Node {where['node']}, commit {where['commit']}, {where['date']}, load {os.getloadavg()[0]:.1f}"
    )


def _rows(run: Run, operation: Operation) -> list[list[str]]:
    head = ["", "token, store", "per core", "Mapae: x times", "per second", "p50 ms", "p99 ms"]
    rows = [[*head, "of bare bcrypt", "per core"] if operation == "sign_in" else head]
    for standing in run.standings:
        if standing.failed or operation not in standing.rounds:
            continue
        times = "" if standing is _mapae(run) else f"{ratio(run, standing, operation):.1f}"
        rows.append(_row(standing, operation, standing.peer.title, times))
        if operation == "sign_in":
            rows[-1] += [f"{of_bare(run, standing, figure):.0%}" for figure in ("per_second", "per_core")]
        apart, words = APART.get(operation, (operation, ""))
        if standing is _mapae(run) and apart != operation and apart in standing.rounds:
            rows.append(_row(standing, apart, f"  {words}", ""))
    if operation == "sign_in":
        core, second = (
            statistics.median(getattr(one, name) for one in run.bare) for name in ("per_core", "per_second")
        )
        rows.append(["bcrypt alone", f"{CORES} threads", _figure(core), "", _figure(second), "", "", "", ""])
    return rows


def _row(standing: Standing, operation: Operation, title: str, times: str) -> list[str]:
    return [
        title,
        f"{standing.peer.algorithm}, {standing.peer.store}",
        _figure(standing.median(operation, "per_core")),
        times,
        _figure(standing.median(operation, "per_second")),
        f"{standing.median(operation, 'p50_ms'):.1f}",
        f"{standing.median(operation, 'p99_ms'):.1f}",
    ]


def _rest_rows(run: Run) -> list[list[str]]:
    rows = [["", "memory MB", "after the run MB", "start s"]]
    for standing in run.standings:
        if not standing.failed:
            memory, started = statistics.median(standing.memory), statistics.median(standing.started)
            rows.append(
                [standing.peer.title, f"{memory / 1e6:.0f}", f"{standing.memory_after / 1e6:.0f}", f"{started:.2f}"]
            )
    return rows


def _notes(run: Run) -> list[str]:
    notes = []
    for standing in run.standings:
        peer = standing.peer
        if standing.failed:
            notes.append(f"  {peer.title}: took no part: {standing.failed}")
            continue
        notes += [f"  {peer.title}: {peer.remark}", f"    {peer.versions()}"]
        refused: Counter[str] = Counter()
        for operation, measured in standing.rounds.items():
            for one in measured:
                refused.update({f"{operation} {status}": count for status, count in one.refused.items()})
        notes += [f"    refused, and in no rate: {what} x {count}" for what, count in refused.items()]
    return notes


def _aligned(rows: list[list[str]]) -> str:
    """Put words to the left and numbers to the right."""
    words = 2 if len(rows[0]) > 4 else 1
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = zip(row, widths, strict=True)
        placed = [cell.ljust(width) if at < words else cell.rjust(width) for at, (cell, width) in enumerate(cells)]
        lines.append(f"  {'  '.join(placed)}".rstrip())
    return "\n".join(lines)


def _figure(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def _loop_ns() -> float:
    """Time one turn of a plain loop: a Python built without its optimisations takes half as long again."""
    best = float("inf")
    for _ in range(5):
        began = time.process_time_ns()
        total = 0
        for number in range(200_000):
            total += len({"number": number}) + number
        best = min(best, (time.process_time_ns() - began) / 200_000)
    return best


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
