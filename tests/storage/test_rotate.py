"""A row that is moved on without being read first: it is, exactly where the rule says ROTATE, to the rule's own row."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from itertools import product
from random import Random

import pytest

from mapae.jose import base64url
from mapae.sessions.refresh import Presented, RefreshPolicy, Rotate, decide, digest, foresee
from mapae.sessions.session import end, start
from mapae.storage import accounts, sessions

from .conftest import NOW_MS

pytestmark = pytest.mark.anyio

WINDOW, IDLE = 20_000, 14 * sessions.DAY_MS
LAST = 2**32 - 1
NEXT = b"next".ljust(32)
CASES = list(
    product(
        ("newest", "parent", "another"),  # the token presented
        (0, 1, 7, LAST - 1, LAST),  # its generation
        (0, 2 * WINDOW, 2 * WINDOW + 1, 10**9),  # how long ago it was made
        (False, True),  # acknowledged
        (False, True),  # strict
        (-1, 0, 1, IDLE // 2),  # how long until the idle expiry
        (0, 1, IDLE - 1, IDLE, IDLE + 1, 80 * sessions.DAY_MS),  # until the absolute expiry
        (False, True),  # ended
        (None, "mapae", "another"),  # the client that asks
        (None, "thumbprint"),  # the key that the session is bound to
    )
)
USUAL = ("newest", 7, 10**9, False, False, IDLE // 2, 80 * sessions.DAY_MS, False, "mapae", None)


def near_usual():
    """Cases that differ from the usual one in two respects at most: where one condition decides alone."""
    return [case for case in CASES if sum(a != b for a, b in zip(case, USUAL, strict=True)) <= 2]


def row_of(case, number, owner):
    _, generation, age, acknowledged, _, idle, absolute, ended, _, jkt = case
    row = start(
        base64url.encode(number.to_bytes(16, "big")),
        owner.id,
        epoch=owner.epoch,
        role=owner.role,
        client_id="mapae",
        current=digest(b"newest".ljust(32)),
        now_ms=NOW_MS - age,
        idle_ms=IDLE,
        absolute_ms=90 * sessions.DAY_MS,
        jkt=jkt,
    )
    row = replace(
        row,
        previous=digest(b"parent".ljust(32)) if generation else None,
        generation=generation,
        acknowledged=acknowledged,
        absolute_expires_ms=NOW_MS + absolute,
        idle_expires_ms=NOW_MS + idle,
    )
    return end(row, "sign_out", now_ms=NOW_MS - 5) if ended else row


def on_its_last_day(row):
    """Return what saves a row that the sweep will look at on the day on which it would end if it were moved on now."""
    day = min(NOW_MS + IDLE, row.absolute_expires_ms) // sessions.DAY_MS + 1
    statement = sessions.added(row)
    return statement._replace(values=(*statement.values[:-1], day))


async def outcomes(database, cases, owner):
    """Put a row for each case into the database, present a token, and compare each with what the rule says."""
    rows = [row_of(case, number, owner) for number, case in enumerate(cases)]
    await database.commit(*map(on_its_last_day, rows))
    found = []
    for begin in range(0, len(rows), 500):
        some = zip(cases[begin : begin + 500], rows[begin : begin + 500], strict=True)
        found += await asyncio.gather(*(outcome(database, case, row) for case, row in some))
    return found


async def outcome(database, case, row):
    presented = Presented(row.sid, row.generation, case[0].encode().ljust(32))
    policy = RefreshPolicy(window_ms=WINDOW, idle_ms=IDLE, strict=case[4])
    given = {"successor": NEXT, "now_ms": NOW_MS, "policy": policy}
    client = case[8]
    decision = decide(row, presented, client_id=row.client_id if client is None else client, jkt=None, **given)
    foreseen = foresee(presented, **given)
    found = foreseen and await sessions.rotate_session(database, foreseen, client_id=client)
    there = await sessions.load_session(database, row.sid)
    if isinstance(decision, Rotate):
        assert found == there == decision.session, case
        return True
    assert not found, case
    assert there == row, case
    return False


@pytest.fixture
async def owner(database, new_account):
    account = new_account("ada", epoch=3, role="admin")
    await accounts.add_account(database, account)
    return account


async def test_it_is_moved_on_exactly_where_the_rule_says_so_near_the_usual_case(database, owner):
    found = await outcomes(database, near_usual(), owner)
    assert 50 < sum(found) < len(found) - 100


@pytest.mark.slow
async def test_it_is_moved_on_exactly_where_the_rule_says_so(database, owner):
    found = await outcomes(database, Random(20_261_129).sample(CASES, 20_000), owner)
    assert sum(found) > 100


def foreseen_for(row, *, generation=None, successor=NEXT):
    """Return what is foreseen of the newest token of `row`."""
    presented = Presented(row.sid, row.generation if generation is None else generation, b"newest".ljust(32))
    policy = RefreshPolicy(window_ms=WINDOW, idle_ms=IDLE)
    return foresee(presented, successor=successor, now_ms=NOW_MS, policy=policy)


async def test_another_day_of_sweeping_needs_a_look(database, owner):
    row = row_of(USUAL, 0, owner)
    await database.commit(sessions.added(row))
    assert await sessions.rotate_session(database, foreseen_for(row), client_id=None) is None
    assert await sessions.load_session(database, row.sid) == row


async def test_another_generation_needs_a_look(database, owner):
    row = row_of(USUAL, 0, owner)
    await database.commit(on_its_last_day(row))
    for generation in (row.generation - 1, row.generation + 1):
        foreseen = foreseen_for(row, generation=generation)
        assert await sessions.rotate_session(database, foreseen, client_id=None) is None


async def test_of_many_at_once_one_is_moved_on(database, owner):
    row = replace(row_of(USUAL, 0, owner), idle_expires_ms=NOW_MS + IDLE)
    await database.commit(sessions.added(row))
    foreseen = [foreseen_for(row, successor=bytes([number]) * 32) for number in range(20)]
    found = await asyncio.gather(*(sessions.rotate_session(database, each, client_id=None) for each in foreseen))
    (won,) = (each for each in found if each is not None)
    assert await sessions.load_session(database, row.sid) == won
