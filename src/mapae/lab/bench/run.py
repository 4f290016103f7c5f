"""Measure refresh, sign-in, verification and a look-up on the board, in a database that is removed afterwards."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import Literal

from mapae.accounts.account import Account
from mapae.errors import Busy, StorageFailed
from mapae.flows.authenticate import authenticate
from mapae.flows.issue import new_session
from mapae.flows.manage_accounts import ImportedAccount, find_account, import_accounts
from mapae.flows.open_service import open_service
from mapae.flows.refresh import refresh
from mapae.flows.service import Service
from mapae.flows.sign_in import sign_in
from mapae.flows.visitor import Visitor
from mapae.lab.bench.figures import Figure, at_once, figure, one_by_one
from mapae.settings import load_settings
from mapae.storage import sessions
from mapae.storage.scratch import scratch_database

Step = Literal["prepare", "refresh", "verify_new", "verify_seen", "board_look_up", "sign_in"]
STEPS: tuple[Step, ...] = ("prepare", "refresh", "verify_new", "verify_seen", "board_look_up", "sign_in")
AT_ONCE = 16
PEOPLE = 16
PASSWORD = "tango-lantern-42-orchard"  # noqa: S105  nobody's: the database is empty and goes away
VISITOR = Visitor("127.0.0.1", "mapae bench")
WRITTEN_AT_ONCE = 500
LOOKS_AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured.

    Attributes:
        refreshes: sessions that are each refreshed once.
        verified: tokens that are each verified for the first time, and then again `rounds` times.
        sign_in_seconds: for so long people sign in.
        each: people who sign in at once, for each hashing thread.
        looks: look-ups on the board, within `look_seconds`.
    """

    refreshes: int = 5000
    verified: int = 1000
    rounds: int = 20
    sign_in_seconds: float = 8.0
    each: int = 2
    looks: int = 3000
    look_seconds: float = 10.0


QUICK = Plan(refreshes=400, verified=150, rounds=5, sign_in_seconds=1.0, each=1, looks=100, look_seconds=5.0)


@dataclass(slots=True)
class Findings:
    """What was measured.

    Attributes:
        database: `sqlite` or `postgresql`.
        threads: that hash passwords.
        refused: sign-ins that were turned away because the machine was too busy; in no figure.
    """

    database: str
    threads: int
    bcrypt_cost: int
    figures: dict[Step, Figure] = field(default_factory=dict)
    refused: int = 0


async def bench(
    database: str | None, board: str | None, plan: Plan, *, progress: Callable[[Step], None] = lambda _step: None
) -> Findings:
    """Measure on the machine this runs on.

    Args:
        database: see `scratch_database`; nothing that is in it already is read or changed.
        board: the URL of a Valkey or Redis server; one record of our own is lent there for a minute.
        progress: called before each step.

    Raises:
        StorageFailed: the database or the board cannot be used; the message says the cure.
        SettingsRefused: the board's URL names no server.
    """
    async with AsyncExitStack() as stack:
        place = await stack.enter_async_context(scratch_database(database))
        given = {
            "MAPAE_DATA": str(place.folder / "data"),
            "MAPAE_DATABASE": place.url,
            "MAPAE_GATE": "false",
            "MAPAE_HASH_QUEUE_SECONDS": "30s",
            **({"MAPAE_BOARD": board, "MAPAE_BOARD_PREFIX": f"mapae-bench-{secrets.token_hex(8)}"} if board else {}),
        }
        settings = load_settings({}, given, [])
        service = await stack.enter_async_context(open_service(settings))
        kind = place.url.partition(":")[0]
        found = Findings(kind, service.hash_pool.state.threads, settings.bcrypt_cost)
        await _measure(service, plan, found, progress)
    return found


async def _measure(service: Service, plan: Plan, found: Findings, progress: Callable[[Step], None]) -> None:
    figures = found.figures
    progress("prepare")
    people = await _people(service)
    waiting = await _sessions(service, people, plan.refreshes)
    tokens: list[str] = []

    async def refreshed(token: str) -> None:
        tokens.append((await refresh(service, token, visitor=VISITOR)).access_token)

    progress("refresh")
    figures["refresh"] = await at_once([partial(refreshed, token) for token in waiting], AT_ONCE)
    progress("verify_new")
    verify = partial(authenticate, service)
    chosen = tokens[: plan.verified]
    figures["verify_new"] = one_by_one(verify, chosen, rounds=1)
    progress("verify_seen")
    figures["verify_seen"] = one_by_one(verify, chosen, rounds=plan.rounds)
    if service.settings.board != "memory":
        progress("board_look_up")
        figures["board_look_up"] = await _looks(service, plan)
    progress("sign_in")
    figures["sign_in"] = await _sign_ins(service, people, plan, found)


async def _people(service: Service) -> list[Account]:
    hashed = await service.hash_pool.run(service.hashing.hash, PASSWORD)
    emails = [f"person-{number}@example.com" for number in range(PEOPLE)]
    await import_accounts(service, [ImportedAccount(email, hashed) for email in emails])
    return [await find_account(service, email) for email in emails]


async def _sessions(service: Service, people: list[Account], count: int) -> list[str]:
    """Begin so many sessions and return their refresh tokens; the first refresh of each rotates it."""
    now_ms = service.now_ms()
    owners = [people[number % len(people)] for number in range(count)]
    begun = [
        new_session(service, owner.id, epoch=owner.epoch, role=owner.role, visitor=VISITOR, now_ms=now_ms)
        for owner in owners
    ]
    for first in range(0, count, WRITTEN_AT_ONCE):
        rows = [sessions.added(session) for session, _ in begun[first : first + WRITTEN_AT_ONCE]]
        await service.database.commit(*rows)
    return [token for _, token in begun]


async def _looks(service: Service, plan: Plan) -> Figure:
    """Look up one record of our own on the board, as a node does that meets a server-side session anew.

    A board that gives no answer at once is left alone for a moment, as always; such a look-up is in no figure.
    """
    board, name, record = service.board, "bench", secrets.token_bytes(300)
    until = time.perf_counter() + plan.look_seconds
    times: list[float] = []

    async def client() -> None:
        while len(times) < plan.looks and time.perf_counter() < until:
            began = time.perf_counter()
            if await board.borrow(name) == record:
                times.append(time.perf_counter() - began)
            elif not board.lends:
                await board.wait(0.05)
            else:
                await board.lend(name, record, for_ms=60_000)

    began, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(client() for _ in range(LOOKS_AT_ONCE)))
    if not times:
        raise StorageFailed("the board does not answer; look whether its server runs and the URL is right")
    return figure(times, time.perf_counter() - began, time.process_time() - cpu)


async def _sign_ins(service: Service, people: list[Account], plan: Plan, found: Findings) -> Figure:
    """Let people sign in until the time is over."""
    many = plan.each * found.threads
    until = time.perf_counter() + plan.sign_in_seconds
    times: list[float] = []

    async def client(account: Account) -> None:
        while not times or time.perf_counter() < until:
            began = time.perf_counter()
            try:
                await sign_in(service, account.email, PASSWORD, visitor=VISITOR)
            except Busy as busy:
                found.refused += 1
                await asyncio.sleep(busy.retry_after or 1)
            else:
                times.append(time.perf_counter() - began)

    began, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(client(people[number % len(people)]) for number in range(many)))
    return figure(times, time.perf_counter() - began, time.process_time() - cpu)
