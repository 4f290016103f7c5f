"""Newcomers and those who wait let requests of those who hold a token go first."""

import asyncio

import pytest

from mapae.web.later import IN_A_TURN, NEWCOMER, REPEATED, SLOT_SECONDS, Later

pytestmark = pytest.mark.anyio
NEWCOMERS = IN_A_TURN // NEWCOMER


async def turn():
    await asyncio.sleep(0)


@pytest.fixture
async def later(monkeypatch):
    """Where no time passes."""
    loop = asyncio.get_running_loop()
    now = loop.time()
    monkeypatch.setattr(loop, "time", lambda: now)
    return Later()


async def test_a_few_at_once_and_a_few_in_each_turn_in_the_order_in_which_they_came(later):
    done = []
    for number in range(3 * NEWCOMERS + 1):
        later.do(lambda number=number: done.append(number))
    for count in (NEWCOMERS, 2 * NEWCOMERS, 3 * NEWCOMERS, 3 * NEWCOMERS + 1):
        assert done == list(range(count))
        await turn()
    later.do(lambda: done.append("again"))
    assert done[-1] != "again"
    await turn()
    assert done[-1] == "again"


async def test_whoever_comes_later_is_looked_at_at_once_again(later, monkeypatch):
    done = []
    for _ in range(NEWCOMERS + 1):
        later.do(lambda: done.append(1))
    await turn()
    loop = asyncio.get_running_loop()
    now = loop.time() + SLOT_SECONDS
    monkeypatch.setattr(loop, "time", lambda: now)
    later.do(lambda: done.append(2))
    assert done == [1] * (NEWCOMERS + 1) + [2]


async def test_nobody_goes_before_those_who_wait(later, monkeypatch):
    done = []
    for number in range(NEWCOMERS + 2):
        later.do(lambda number=number: done.append(number))
    loop = asyncio.get_running_loop()
    now = loop.time() + SLOT_SECONDS
    monkeypatch.setattr(loop, "time", lambda: now)
    assert not later.now(loop)
    await turn()
    assert done == list(range(NEWCOMERS + 2))
    assert later.now(loop)


async def test_a_clock_that_stands_still_tells_one_turn_from_the_next(monkeypatch):
    later, loop = Later(clock_stands_still=True), asyncio.get_running_loop()
    now = loop.time()
    monkeypatch.setattr(loop, "time", lambda: now)
    assert [later.now(loop) for _ in range(NEWCOMERS + 1)] == [True] * NEWCOMERS + [False]
    now += 0.001
    assert later.now(loop)


async def test_of_what_takes_less_more_is_done(later):
    loop, done = asyncio.get_running_loop(), []
    assert [later.now(loop, REPEATED) for _ in range(IN_A_TURN + 1)] == [True] * IN_A_TURN + [False]
    for weight in (NEWCOMER, REPEATED, REPEATED, *[NEWCOMER] * NEWCOMERS):
        later.do(lambda weight=weight: done.append(weight), weight)
    assert done == []
    await turn()
    assert done == [NEWCOMER, REPEATED, REPEATED, *[NEWCOMER] * 3], "the last of them begins within the measure"
    await turn()
    assert done[6:] == [NEWCOMER] * (NEWCOMERS - 3)


async def test_one_that_fails_stops_nobody(later):
    done, failed = [], []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: failed.append(context["exception"]))
    for _ in range(NEWCOMERS):
        later.do(lambda: None)
    for number in range(3):
        later.do(lambda number=number: done.append(1 // number))
    await turn()
    await turn()
    asyncio.get_running_loop().set_exception_handler(None)
    assert [type(each) for each in failed] == [ZeroDivisionError]
    assert done == [1, 0]
