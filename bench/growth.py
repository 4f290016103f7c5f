"""What one refresh costs as sessions grow from a thousand to a million, and what a million revocations take.

    python bench/growth.py [--quick] [--only SQLite] [--rounds 7] [--json FILE] [--chart FILE]

Every size has a database of its own with as many accounts as sessions; all are open at once and asked in turn, so that
a busy moment of the machine meets all alike. A refresh is what the service does for one, from the token to the new
tokens, without HTTP. Sessions are drawn at random. Beside it the bare loop: a read, a compare-and-swap by nothing but
the driver, and one signature. Costs are processor time: of this process, and of the database server apart.
"""

import argparse
import asyncio
import json
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass, field
from itertools import chain
from pathlib import Path

from measure import revoked
from measure.bare import BARE, Bare
from measure.many import Many, revoke, settle, table_sizes
from measure.postgres import Postgres, postgres_here
from measure.report import machine
from measure.rounds import say
from measure.servers import end_on_sigterm

from mapae.flows.open_service import open_service
from mapae.flows.refresh import refresh
from mapae.flows.service import Service
from mapae.flows.visitor import Visitor
from mapae.lab.chart import Bar, Bars, draw
from mapae.settings import load_settings
from mapae.storage import migrate
from mapae.storage.database import open_database
from mapae.web import event_loop

SIZES = (1_000, 10_000, 100_000, 1_000_000)
IN_FLIGHT = 16
HASH = "$2b$12$" + "x" * 53
"""As long as a hash by bcrypt; nobody signs in here."""
VISITOR = Visitor("203.0.113.9", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")
GOAL_FLAT, GOAL_BARE = 0.20, 0.60
"""A refresh among the most sessions costs at most so much more; and reaches at least so much of the bare rate."""


@dataclass
class Cost:
    """One measurement: refreshes a second, and processor time of one in microseconds."""

    per_second: float
    ours_us: float
    database_us: float

    @property
    def both_us(self) -> float:
        return self.ours_us + self.database_us


@dataclass
class Size:
    """One database, and what was measured in it."""

    store: str
    sessions: int
    url: str
    people: Many
    service: Service
    bare: Bare
    octets: dict[str, int]
    costs: list[Cost] = field(default_factory=list)
    bare_costs: list[Cost] = field(default_factory=list)

    def least(self, figure: str, costs: list[Cost] | None = None) -> float:
        """Return the least of the rounds: what others' work on the machine has added is least there."""
        return min(getattr(cost, figure) for cost in (self.costs if costs is None else costs))

    def median(self, figure: str, costs: list[Cost] | None = None) -> float:
        return statistics.median(getattr(cost, figure) for cost in (self.costs if costs is None else costs))


async def opened(stack: AsyncExitStack, store: str, url: str, count: int, folder: Path) -> Size:
    """Make one database of so many people, and open the service on it."""
    environment = {"MAPAE_DATA": str(folder), "MAPAE_DATABASE": url, "MAPAE_STRICT_REFRESH": "true"}
    settings = load_settings({}, environment, [])
    database = await open_database(url)
    await migrate.apply(database)
    await database.close()
    service = await stack.enter_async_context(open_service(settings))
    people = Many(count, service.refresh_key, service.now_ms(), HASH)
    began = time.monotonic()
    people.fill(url)
    settle(url)
    say(f"{store}: {count:,} accounts and sessions in {time.monotonic() - began:.0f} s")
    return Size(store, count, url, people, service, BARE[store](url, people, service), table_sizes(url))


async def measured(one: Size, asked: int, server: Postgres | None) -> Cost:
    """Refresh so many sessions, drawn at random, `IN_FLIGHT` at once."""
    numbers = passes(one.sessions, asked, first=0)
    for number in set(chain(*numbers)):
        one.people.newest[number] = one.people.token(number)  # made before the time that counts

    async def client(waiting: Iterator[int]) -> None:
        for number in waiting:
            tokens = await refresh(one.service, one.people.newest[number], visitor=VISITOR)
            one.people.newest[number] = tokens.refresh_token

    async def work() -> None:
        for each in numbers:
            waiting = iter(each)
            await asyncio.gather(*(client(waiting) for _ in range(IN_FLIGHT)))

    return await timed(work, asked, server)


async def measured_bare(one: Size, asked: int, server: Postgres | None) -> Cost:
    """Do the least for as many; of other sessions, because what it writes is no refresh token's."""

    async def work() -> None:
        for each in passes(one.sessions, asked, first=1):
            await one.bare.run(each, IN_FLIGHT)

    return await timed(work, asked, server)


def passes(sessions: int, asked: int, *, first: int) -> list[list[int]]:
    """Draw every other session at random; the same one comes again only after a pass through all of them."""
    numbers = range(first, sessions, 2)
    wholes, rest = divmod(asked, len(numbers))
    sizes = [len(numbers)] * wholes + ([rest] if rest else [])
    return [random.sample(numbers, size) for size in sizes]


async def timed(work, count: int, server: Postgres | None) -> Cost:
    there = server.cpu_seconds() if server else 0.0
    began, cpu = time.perf_counter(), time.process_time()
    await work()
    cpu, taken = time.process_time() - cpu, time.perf_counter() - began
    there = server.cpu_seconds() - there if server else 0.0
    return Cost(count / taken, cpu / count * 1e6, there / count * 1e6)


async def grown(store: str, urls: dict[int, str], folder: Path, plan: argparse.Namespace, server: Postgres | None):
    """Measure every size of one kind of database in turn."""
    async with AsyncExitStack() as stack:
        sizes = [await opened(stack, store, url, count, folder / f"{store}-{count}") for count, url in urls.items()]
        for one in sizes:
            await measured(one, plan.asked // 4, server)  # statements are prepared, pages are read once
            await measured_bare(one, plan.asked // 4, server)
        for number in range(plan.rounds):
            say(f"{store}: round {number + 1} of {plan.rounds}")
            for one in sizes[number % len(sizes) :] + sizes[: number % len(sizes)]:
                one.costs.append(await measured(one, plan.asked, server))
                one.bare_costs.append(await measured_bare(one, plan.asked, server))
        for one in sizes:
            await one.bare.close()
    return sizes


def goals(stores: dict[str, list[Size]]) -> list[tuple[bool, str]]:
    """Compare with what Mapae set out to reach."""
    found = []
    for store, sizes in stores.items():
        first, last = sizes[0], sizes[-1]
        for figure, whose in (("ours_us", "processor time of ours"), ("both_us", "with the database's")):
            more = last.least(figure) / first.least(figure) - 1
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
                f"{store:22} {one.sessions:>10,} {one.median('per_second'):>11,.0f} {one.least('ours_us'):>8.0f} "
                f"{one.least('database_us'):>12.0f} {one.median('per_second', bare):>17,.0f} "
                f"{one.least('ours_us', bare):>6.0f} {one.least('database_us', bare):>12.0f}"
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
    account = sum(last.octets[table] for table in ("account", "identity", "password")) / last.sessions
    session = last.octets["session"] / last.sessions
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


async def make_tables(url: str) -> None:
    database = await open_database(url)
    await migrate.apply(database)
    await database.close()


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
            stores["SQLite"] = event_loop.run(grown("SQLite", urls, folder, plan, None))
            apart["SQLite"] = f"sqlite:///{folder / 'revoked.db'}"
        if server is not None and plan.only in (None, "PostgreSQL"):
            urls = {count: server.url(f"growth_{count}") for count in plan.sizes}
            stores["PostgreSQL"] = event_loop.run(grown("PostgreSQL", urls, folder, plan, server))
            apart["PostgreSQL"] = server.url("revoked")
        for url in apart.values():
            event_loop.run(make_tables(url))
        kept = memory(apart, plan)
        where["postgresql"] = server.version() if server else None
    print(f"{where['processor']}, {where['cores']} cores, Python {where['python']}, SQLite {where['sqlite']}, ", end="")
    print(f"PostgreSQL {where['postgresql']}, commit {where['commit']}, {where['date']}, load {before:.1f}")
    print(f"{plan.rounds} rounds of {plan.asked} in turn, {IN_FLIGHT} at once; rates are medians, costs the least\n")
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
                "octets": one.octets,
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
            [Bar(f"{one.sessions:,} sessions", one.least("both_us"), note(one), ours=True) for one in sizes],
            ranked=False,
        )
        for store, sizes in stores.items()
    ]
    words = f"{where['processor']}, {where['cores']} cores, {str(where['date'])[:10]}, commit {where['commit']}"
    return draw(panels, notes=(words,))


def note(one: Size) -> str:
    there = one.least("database_us")
    return f"of it {there:,.0f} database" if there else ""


def cache() -> Path:
    folder = Path(__file__).resolve().parent.parent / ".cache"
    folder.mkdir(exist_ok=True)
    return folder


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="small sizes and few rounds: to see that all works")
    parser.add_argument("--only", choices=("SQLite", "PostgreSQL"), help="one kind of database")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--asked", type=int, default=3000, help="refreshes of one measurement")
    parser.add_argument("--json", type=Path, help="write everything that was measured to this file")
    parser.add_argument("--chart", type=Path, help="draw an SVG into this file")
    chosen = parser.parse_args()
    chosen.sizes, chosen.revoked = SIZES, 1_000_000
    if chosen.quick:
        chosen.sizes, chosen.rounds, chosen.asked, chosen.revoked = SIZES[:2], 2, 1000, 20_000
    return chosen


if __name__ == "__main__":
    sys.exit(main())
