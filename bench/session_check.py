"""What it costs to know who is asking: a token verified, or a session looked up in Redis or in PostgreSQL.

    python bench/session_check.py [--rounds 7] [--json FILE] [--chart FILE]

All in turn in one process, in processor time of that process for one check: what is left of it for the application is
what matters. A look-up brings a session of 300 octets and decodes it, with one request in flight and with 16, as an
event loop has them. Its server's own processor time is counted apart. Verified tokens are ES256, as `mapae serve`
issues them, with a million sessions revoked; all of them differ, and "seen before" means in this process.
"""

import argparse
import asyncio
import json
import os
import random
import secrets
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

import msgspec
from measure.postgres import postgres_here, valkey_program
from measure.report import machine
from measure.rounds import say
from measure.servers import cpu_seconds, end_on_sigterm

from mapae.guard import Guard
from mapae.jose import jwt
from mapae.jose.key import Key
from mapae.jose.verifier import Verifier
from mapae.lab.chart import Bar, Bars, draw
from mapae.sessions.access_token import TYP, AccessClaims
from mapae.sessions.revocation import Entry, Revocations
from mapae.web import event_loop

ISSUER = "https://id.example"
SESSIONS = 2_000
REVOKED = 1_000_000
TESTS = Path(__file__).resolve().parent.parent / "tests"
GOAL = 10.0
"""Looking a session up in Redis costs so many times what verifying a token seen before does."""
TABLE = "CREATE TABLE session (sid TEXT PRIMARY KEY, record BYTEA NOT NULL)"


class Record(msgspec.Struct):
    """What a session says of its owner, as an application would keep it."""

    account_id: str
    client_id: str
    scope: str
    ends_ms: int
    device: str
    more: str


@dataclass
class Way:
    """One way to know who is asking.

    Attributes:
        check: does so for one session; called with many in flight where it can wait.
        server: the process whose time is counted apart.
        costs: microseconds of each round, ours and the server's.
    """

    name: str
    check: Callable[[int], Awaitable[object]] | Callable[[int], object]
    in_flight: int = 0
    server: int | None = None
    costs: list[tuple[float, float]] = field(default_factory=list)

    @property
    def ours_us(self) -> float:
        return min(cost for cost, _ in self.costs)

    @property
    def server_us(self) -> float:
        return min(cost for _, cost in self.costs)


def tokens_and_guards() -> list[Way]:
    """Our own ways."""
    now = int(time.time())
    key = Key.generate("ES256")
    revocations = Revocations(max_staleness=1e9)
    gone = (Entry(1, "session", secrets.token_urlsafe(16), 0, now + 86_400) for _ in range(REVOKED))
    revocations.apply(gone, head=1, sent=time.monotonic())
    tokens = [
        jwt.sign(
            {
                "sub": secrets.token_urlsafe(16),
                "client_id": "mapae",
                "scope": "account",
                "sid": secrets.token_urlsafe(16),
                "epo": 0,
                "rsq": 1,
            },
            key,
            now=now,
            issuer=ISSUER,
            audience=ISSUER,
            lifetime=3600,
            typ=TYP,
        )
        for _ in range(SESSIONS)
    ]
    policy = {"issuer": ISSUER, "audience": ISSUER, "claims": AccessClaims, "typ": TYP}
    new = Guard(Verifier(key.public(), memo_bytes=0, **policy), revocations).check
    seen = Guard(Verifier(key.public(), **policy), revocations).check
    return [
        Way("Mapae, a token seen before", lambda at: seen(tokens[at])),
        Way("Mapae, a new token", lambda at: new(tokens[at])),
    ]


async def look_ups_in_redis(stack: ExitStack, folder: Path) -> list[Way]:
    program = valkey_program()
    if program is None:
        say("no Redis or Valkey server: run tools/prepare_tests.py first")
        return []
    sys.path.append(str(TESTS))
    import redis
    import redis.asyncio

    from valkey_server import ValkeyServer, running

    server = stack.enter_context(running(ValkeyServer(program, folder / "redis")))
    pid, where = server.process.pid, {"host": "127.0.0.1", "port": server.port}
    here, there = redis.Redis(**where), redis.asyncio.Redis(**where, max_connections=16)
    decode = msgspec.json.Decoder(Record).decode
    for at in range(SESSIONS):
        here.set(f"session:{at}", record(at))

    def blocking(at: int) -> Record:
        return decode(here.get(f"session:{at}"))

    async def waiting(at: int) -> Record:
        return decode(await there.get(f"session:{at}"))

    what = f"Redis, redis-py {version('redis')} with hiredis"
    return [
        Way(f"{what}, blocking", blocking, server=pid),
        Way(f"{what}, asyncio", waiting, 1, pid),
        Way(f"{what}, asyncio, 16 in flight", waiting, 16, pid),
    ]


async def look_ups_in_postgres(stack: ExitStack) -> list[Way]:
    server = stack.enter_context(postgres_here())
    if server is None:
        return []
    import asyncpg

    pool = await asyncpg.create_pool(server.url("session_check"), min_size=16, max_size=16)
    await pool.execute(TABLE)
    await pool.executemany("INSERT INTO session VALUES ($1, $2)", [(str(at), record(at)) for at in range(SESSIONS)])
    decode = msgspec.json.Decoder(Record).decode

    async def waiting(at: int) -> Record:
        return decode(await pool.fetchval("SELECT record FROM session WHERE sid = $1", str(at)))

    what, pid = f"PostgreSQL, asyncpg {version('asyncpg')}", server.server.process.pid
    return [Way(what, waiting, 1, pid), Way(f"{what}, 16 in flight", waiting, 16, pid)]


def record(at: int) -> bytes:
    owner = Record(f"{at:022}", "mapae", "account", 1_900_000_000_000, "Firefox · Linux", "x" * 150)
    return msgspec.json.encode(owner)


async def measure(way: Way, numbers: list[int]) -> None:
    """Check each of `numbers` once."""
    there = cpu_seconds(way.server) if way.server else 0.0
    cpu = time.process_time()
    if way.in_flight:
        waiting = iter(numbers)

        async def client() -> None:
            for at in waiting:
                await way.check(at)

        await asyncio.gather(*(client() for _ in range(way.in_flight)))
    else:
        for at in numbers:
            way.check(at)
    cpu = time.process_time() - cpu
    there = cpu_seconds(way.server) - there if way.server else 0.0
    way.costs.append((cpu / len(numbers) * 1e6, there / len(numbers) * 1e6))


async def go_around(plan: argparse.Namespace) -> list[Way]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="session-check-")))
        ways = tokens_and_guards()
        ways += await look_ups_in_postgres(stack)
        ways += await look_ups_in_redis(stack, folder)
        for number in range(plan.rounds + 1):
            say(f"round {number} of {plan.rounds}" if number else "to warm up")
            for way in ways:
                await measure(way, random.sample(range(SESSIONS), SESSIONS))
        for way in ways:
            del way.costs[0]
    return ways


def goals(ways: list[Way]) -> list[tuple[bool, str]]:
    """Compare with what Mapae set out to reach: the cheapest look-up in Redis counts."""
    redis = [way for way in ways if way.name.startswith("Redis")]
    if not redis:
        return []
    least = min(redis, key=lambda way: way.ours_us)
    rounds = zip(least.costs, ways[0].costs, strict=True)
    times = statistics.median(theirs / ours for (theirs, _), (ours, _) in rounds)
    return [(times >= GOAL, f"the cheapest look-up ({least.name}) costs {times:.0f} times a token seen before")]


def main() -> int:
    plan = arguments()
    end_on_sigterm()
    where, load = machine(), os.getloadavg()[0]
    ways = event_loop.run(go_around(plan))
    print(
        f"{where['processor']}, {where['cores']} cores, Python {where['python']}, commit {where['commit']}, "
        f"{where['date']}, load {load:.1f} before, {os.getloadavg()[0]:.1f} after; {plan.rounds} rounds, the least"
    )
    print(f"  {'':52}{'here us':>10}{'its server us':>15}{'times':>8}")
    for way in ways:
        there = f"{way.server_us:.0f}" if way.server else ""
        print(f"  {way.name:52}{way.ours_us:>10.2f}{there:>15}{way.ours_us / ways[0].ours_us:>8.1f}")
    print("Goals", *(f"  {'reached' if well else 'SHORT  '}  {text}" for well, text in goals(ways)), sep="\n")
    if plan.json:
        members = [
            {"name": way.name, "in_flight": way.in_flight, "us": [ours for ours, _ in way.costs],
             "server_us": [there for _, there in way.costs] if way.server else None}
            for way in ways
        ]  # fmt: skip
        reached = [{"reached": well, "text": text} for well, text in goals(ways)]
        plan.json.write_text(json.dumps({"machine": where, "goals": reached, "ways": members}, indent=1) + "\n")
    if plan.chart:
        bars = [Bar(way.name, way.ours_us, "", ours=way.name.startswith("Mapae")) for way in ways]
        words = f"{where['processor']}, {where['cores']} cores, {str(where['date'])[:10]}, commit {where['commit']}"
        title = "Microseconds of processor time to know who is asking"
        plan.chart.write_text(draw([Bars(title, bars, ranked=False)], notes=(words,)))
    return 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", type=Path, help="write everything that was measured to this file")
    parser.add_argument("--chart", type=Path, help="draw an SVG into this file")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
