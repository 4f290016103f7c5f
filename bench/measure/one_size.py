"""One database of so many people in a process of its own, as a node has it: what a refresh costs there.

    with OneSize("SQLite", url, 1_000_000, folder) as one:
        one.refresh(3000)

A process for each size, so that none has its data driven out of the processor's caches by another's.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from itertools import chain
from multiprocessing import get_context
from pathlib import Path
from types import TracebackType
from typing import Self

from mapae.flows.open_service import open_service
from mapae.flows.refresh import refresh
from mapae.flows.service import Service
from mapae.flows.visitor import Visitor
from mapae.settings import load_settings
from mapae.web import event_loop
from measure.bare import BARE, Bare
from measure.many import Many, make_tables, settle, table_sizes
from measure.postgres import Postgres

IN_FLIGHT = 16
HASH = "$2b$12$" + "x" * 53
"""As long as a hash by bcrypt; nobody signs in here."""
VISITOR = Visitor("203.0.113.9", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")


@dataclass
class Cost:
    """One measurement: refreshes a second, and processor time of one in microseconds."""

    per_second: float
    ours_us: float
    database_us: float = 0.0

    @property
    def both_us(self) -> float:
        return self.ours_us + self.database_us


class OneSize:
    """A database with `count` people, and the process that refreshes their sessions.

    Attributes:
        octets: by table, what it takes in the database.
        seconds: how long it took to fill.
    """

    def __init__(self, store: str, url: str, count: int, folder: Path, server: Postgres | None = None) -> None:
        """Make it; this takes a while."""
        context = get_context("spawn")
        self.count, self._server = count, server
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, store, url, count, folder), daemon=True)
        self._process.start()
        theirs.close()
        self.seconds, self.octets = self._pipe.recv()

    def refresh(self, asked: int) -> Cost:
        """Refresh so many sessions, drawn at random, `IN_FLIGHT` at once."""
        return self._measured("refresh", asked)

    def bare(self, asked: int) -> Cost:
        """Do the least for as many; of other sessions, because what it writes is no refresh token's."""
        return self._measured("bare", asked)

    def _measured(self, what: str, asked: int) -> Cost:
        there = self._server.cpu_seconds() if self._server else 0.0
        self._pipe.send((what, asked))
        cost: Cost = self._pipe.recv()
        cost.database_us = (self._server.cpu_seconds() - there) / asked * 1e6 if self._server else 0.0
        return cost

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pipe.close()
        self._process.join()


def _serve(pipe, store: str, url: str, count: int, folder: Path) -> None:
    event_loop.run(_answer(pipe, store, url, count, folder))


async def _answer(pipe, store: str, url: str, count: int, folder: Path) -> None:
    """Make the database, then measure what is asked for until nobody asks any more."""
    environment = {"MAPAE_DATA": str(folder), "MAPAE_DATABASE": url, "MAPAE_STRICT_REFRESH": "true"}
    await make_tables(url)
    async with AsyncExitStack() as stack:
        service = await stack.enter_async_context(open_service(load_settings({}, environment, [])))
        people = Many(count, service.refresh_key, service.now_ms(), HASH)
        began = time.monotonic()
        people.fill(url)
        settle(url)
        bare = BARE[store](url, people, service)
        stack.push_async_callback(bare.close)
        pipe.send((time.monotonic() - began, table_sizes(url)))
        while True:
            try:
                what, asked = pipe.recv()
            except EOFError:
                return
            pipe.send(await (_refreshed(service, people, asked) if what == "refresh" else _bare(bare, people, asked)))


async def _refreshed(service: Service, people: Many, asked: int) -> Cost:
    numbers = passes(people.count, asked, first=0)
    for number in set(chain(*numbers)):
        people.newest[number] = people.token(number)  # made before the time that counts

    async def client(waiting: Iterator[int]) -> None:
        for number in waiting:
            tokens = await refresh(service, people.newest[number], visitor=VISITOR)
            people.newest[number] = tokens.refresh_token

    async def work() -> None:
        for each in numbers:
            waiting = iter(each)
            await asyncio.gather(*(client(waiting) for _ in range(IN_FLIGHT)))

    return await _timed(work, asked)


async def _bare(bare: Bare, people: Many, asked: int) -> Cost:
    numbers = passes(people.count, asked, first=1)

    async def work() -> None:
        for each in numbers:
            await bare.run(each, IN_FLIGHT)

    return await _timed(work, asked)


def passes(sessions: int, asked: int, *, first: int) -> list[list[int]]:
    """Draw every other session at random; the same one comes again only after a pass through all of them."""
    numbers = range(first, sessions, 2)
    wholes, rest = divmod(asked, len(numbers))
    sizes = [len(numbers)] * wholes + ([rest] if rest else [])
    return [random.sample(numbers, size) for size in sizes]


async def _timed(work: Callable[[], Awaitable[None]], count: int) -> Cost:
    began, cpu = time.perf_counter(), time.process_time()
    await work()
    cpu, taken = time.process_time() - cpu, time.perf_counter() - began
    return Cost(count / taken, cpu / count * 1e6)
