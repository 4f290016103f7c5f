"""What one refresh costs as sessions grow from a thousand to a million, and what a million revocations take.

    python bench/growth.py [--quick] [--only SQLite] [--rounds 5] [--asked 8000] [--json FILE] [--chart FILE]

Every size has a database with as many accounts as sessions, and a process, of its own; all are open at once and asked
in turn, so that a busy moment of the machine meets all alike. A refresh is what the service does for one, from the
token to the new tokens, without HTTP. Sessions are drawn at random. Beside it the bare loop: a read, a
compare-and-swap by nothing but the driver, and one signature. Costs are processor time: of the process, and of the
database server apart.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path

from measure import revoked
from measure.many import make_tables, revoke, settle, table_sizes
from measure.one_size import IN_FLIGHT, Cost, OneSize
from measure.postgres import Postgres, postgres_here
from measure.report import machine
from measure.rounds import say
from measure.servers import end_on_sigterm

from mapae.lab.chart import Bar, Bars, draw
from mapae.web import event_loop

SIZES = (1_000, 10_000, 100_000, 1_000_000)
GOAL_FLAT, GOAL_BARE = 0.20, 0.60
"""A refresh among the most sessions costs at most so much more; and reaches at least so much of the bare rate."""


@dataclass
class Size:
    """One database, and what was measured in it."""

    one: OneSize
    costs: list[Cost] = field(default_factory=list)
    bare_costs: list[Cost] = field(default_factory=list)

    @property
    def sessions(self) -> int:
        return self.one.count

    def measure(self, asked: int) -> None:
        """Refresh so many sessions, and do the least for as many."""
        self.costs.append(self.one.refresh(asked))
        self.bare_costs.append(self.one.bare(asked))

    def median(self, figure: str, costs: list[Cost] | None = None) -> float:
        return statistics.median(getattr(cost, figure) for cost in (self.costs if costs is None else costs))


def grown(
    store: str, urls: dict[int, str], folder: Path, plan: argparse.Namespace, server: Postgres | None
) -> list[Size]:
    """Measure every size of one kind of database in turn."""
    with ExitStack() as stack:
        sizes = []
        for count, url in urls.items():
            one = stack.enter_context(OneSize(store, url, count, folder / f"{store}-{count}", server))
            say(f"{store}: {count:,} accounts and sessions in {one.seconds:.0f} s")
            sizes.append(Size(one))
        for size in sizes:
            size.one.refresh(plan.asked // 4)  # statements are prepared, pages are read once
            size.one.bare(plan.asked // 4)
        for number in range(plan.rounds):
            say(f"{store}: round {number + 1} of {plan.rounds}")
            for size in sizes[number % len(sizes) :] + sizes[: number % len(sizes)]:
                size.measure(plan.asked)
    return sizes


def goals(stores: dict[str, list[Size]]) -> list[tuple[bool, str]]:
    """Compare with what Mapae set out to reach."""
    found = []
    for store, sizes in stores.items():
        first, last = sizes[0], sizes[-1]
        for figure, whose in (("ours_us", "processor time of ours"), ("both_us", "with the database's")):
            more = last.median(figure) / first.median(figure) - 1
            text = (
                f"{store}: from {first.sessions:,} to {last.sessions:,} sessions a refresh costs {more:+.0%}, {whose}"
            )
            found.append((more <= GOAL_FLAT, text))
        share = statistics.median(
            one.bare_costs[at].both_us / cost.both_us for one in sizes for at, cost in enumerate(one.costs)
        )
        rate = statistics.median(
            cost.per_second / one.bare_costs[at].per_second for one in sizes for at, cost in enumerate(one.costs)
        )
        text = f"{store}: {rate:.0%} of the bare rate (compare-and-swap and one signature), {share:.0%} per core"
        found.append((rate >= GOAL_BARE, text))
    return found


def rows(stores: dict[str, list[Size]]) -> list[str]:
    """Write the table."""
    head = (
        f"{'':22} {'sessions':>10} {'per second':>11} {'ours us':>8} {'database us':>12} "
        f"{'bare: per second':>17} {'us':>6} {'database us':>12}"
    )
    lines = [head]
    for store, sizes in stores.items():
        for one in sizes:
            bare = one.bare_costs
            lines.append(
                f"{store:22} {one.sessions:>10,} {one.median('per_second'):>11,.0f} {one.median('ours_us'):>8.0f} "
                f"{one.median('database_us'):>12.0f} {one.median('per_second', bare):>17,.0f} "
                f"{one.median('ours_us', bare):>6.0f} {one.median('database_us', bare):>12.0f}"
            )
    return lines


def memory(urls: dict[str, str], plan: argparse.Namespace) -> list[dict]:
    """Measure what revocations take, in databases that hold nothing else."""
    found = []
    for store, url in urls.items():
        revoke(url, plan.revoked, now=int(time.time()))
        settle(url)
        octets = table_sizes(url, ("feed",))["feed"]
        found.append({"store": store, "feed_octets": octets, **revoked.in_its_own_process(url, plan.revoked)})
        say(f"{store}: {plan.revoked:,} revocations")
    return found


def size_words(item: tuple[str, list[Size]]) -> str:
    store, sizes = item
    last = sizes[-1]
    account = sum(last.one.octets[table] for table in ("account", "identity", "password")) / last.sessions
    session = last.one.octets["session"] / last.sessions
    return f"{store}: {account:.0f} bytes for an account, {session:.0f} for a session, with their indexes"


def memory_words(one: dict) -> str:
    count = one["count"]
    return (
        f"{one['store']}: {count:,} revocations: {one['set_bytes'] / 1e6:.0f} MB in a node "
        f"({one['set_bytes'] / count:.0f} bytes each), "
        f"with the log for followers {one['with_feed_log_bytes'] / 1e6:.0f} MB, at most "
        f"{one['peak_bytes'] / 1e6:.0f} MB while they are read; {one['feed_octets'] / count:.0f} bytes each in the "
        f"database; learned in {one['seconds']:.1f} s ({one['cpu_seconds']:.1f} s of processor time)"
    )


def main() -> int:
    plan = arguments()
    end_on_sigterm()
    stores: dict[str, list[Size]] = {}
    where, before = machine(), os.getloadavg()[0]
    apart: dict[str, str] = {}
    with tempfile.TemporaryDirectory(prefix="growth-", dir=cache()) as made, postgres_here() as server:
        folder = Path(made)
        if plan.only in (None, "SQLite"):
            urls = {count: f"sqlite:///{folder / f'{count}.db'}" for count in plan.sizes}
            stores["SQLite"] = grown("SQLite", urls, folder, plan, None)
            apart["SQLite"] = f"sqlite:///{folder / 'revoked.db'}"
        if server is not None and plan.only in (None, "PostgreSQL"):
            urls = {count: server.url(f"growth_{count}") for count in plan.sizes}
            stores["PostgreSQL"] = grown("PostgreSQL", urls, folder, plan, server)
            apart["PostgreSQL"] = server.url("revoked")
        for url in apart.values():
            event_loop.run(make_tables(url))
        kept = memory(apart, plan)
        where["postgresql"] = server.version() if server else None
    print(f"{where['processor']}, {where['cores']} cores, Python {where['python']}, SQLite {where['sqlite']}, ", end="")
    print(f"PostgreSQL {where['postgresql']}, commit {where['commit']}, {where['date']}, load {before:.1f}")
    print(f"{plan.rounds} rounds of {plan.asked} in turn, {IN_FLIGHT} at once; medians of the rounds\n")
    print("\n".join(rows(stores)), "", *map(size_words, stores.items()), *map(memory_words, kept), "", sep="\n")
    reached = goals(stores)
    print("Goals", *(f"  {'reached' if well else 'SHORT  '}  {text}" for well, text in reached), sep="\n")
    if plan.json:
        plan.json.write_text(json.dumps(document(where, plan, stores, kept), indent=1) + "\n")
    if plan.chart:
        plan.chart.write_text(chart(stores, where))
    return 0


def document(where: dict, plan: argparse.Namespace, stores: dict[str, list[Size]], kept: list[dict]) -> dict:
    """Return everything that was measured as JSON."""
    return {
        "machine": where,
        "plan": {"rounds": plan.rounds, "asked": plan.asked, "in_flight": IN_FLIGHT},
        "goals": [{"reached": well, "text": text} for well, text in goals(stores)],
        "revocations": kept,
        "sizes": [
            {
                "store": store,
                "sessions": one.sessions,
                "octets": one.one.octets,
                "refresh": [asdict(cost) for cost in one.costs],
                "bare": [asdict(cost) for cost in one.bare_costs],
            }
            for store, sizes in stores.items()
            for one in sizes
        ],
    }


def chart(stores: dict[str, list[Size]], where: dict) -> str:
    """Draw the cost of one refresh for each size."""
    panels = [
        Bars(
            f"{store}: microseconds of processor time for one refresh",
            [Bar(f"{one.sessions:,} sessions", one.median("both_us"), note(one), ours=True) for one in sizes],
            ranked=False,
        )
        for store, sizes in stores.items()
    ]
    words = f"{where['processor']}, {where['cores']} cores, {str(where['date'])[:10]}, commit {where['commit']}"
    return draw(panels, notes=(words,))


def note(one: Size) -> str:
    there = one.median("database_us")
    return f"of it {there:,.0f} database" if there else ""


def cache() -> Path:
    folder = Path(__file__).resolve().parent.parent / ".cache"
    folder.mkdir(exist_ok=True)
    return folder


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="small sizes and few rounds: to see that all works")
    parser.add_argument("--only", choices=("SQLite", "PostgreSQL"), help="one kind of database")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--asked", type=int, default=8000, help="refreshes of one measurement")
    parser.add_argument("--json", type=Path, help="write everything that was measured to this file")
    parser.add_argument("--chart", type=Path, help="draw an SVG into this file")
    chosen = parser.parse_args()
    chosen.sizes, chosen.revoked = SIZES, 1_000_000
    if chosen.quick:
        chosen.sizes, chosen.rounds, chosen.asked, chosen.revoked = SIZES[:2], 2, 1000, 20_000
    return chosen


if __name__ == "__main__":
    sys.exit(main())
