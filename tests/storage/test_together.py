"""Promises of `Together`: who asks while others are under way shares the next round trip."""

from __future__ import annotations

import asyncio

import pytest

from mapae.errors import Conflict, StorageFailed
from mapae.storage.postgres import together
from mapae.storage.postgres.together import MOST, Together

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend():
    return "asyncio"


class Line:
    """A line whose trips end when told; it answers each number with its square, and refuses odd ones when asked to."""

    def __init__(self, at_once, *, refuses_odd=False):
        self.trips, self.ends, self.failure = [], [], None
        self.refuses_odd = refuses_odd
        self.together = Together(self.send, at_once=at_once, busy=lambda: StorageFailed("all are in use"))

    async def send(self, numbers):
        self.trips.append(list(numbers))
        self.ends.append(asyncio.get_running_loop().create_future())
        await self.ends[-1]
        if self.failure is not None:
            raise self.failure
        return [Conflict() if self.refuses_odd and n % 2 else n * n for n in numbers]

    def ask(self, *numbers):
        return [asyncio.create_task(self.together.ask(n)) for n in numbers]

    async def end(self, trip):
        self.ends[trip].set_result(None)
        await turns()


async def turns():
    for _ in range(5):
        await asyncio.sleep(0)


async def test_who_is_alone_goes_at_once_and_who_comes_meanwhile_shares_the_next_trip():
    line = Line(at_once=1)
    asked = line.ask(1, 2, 3, 4)
    await turns()
    assert line.trips == [[1]]
    await line.end(0)
    assert asked[0].done()
    assert line.trips == [[1], [2, 3, 4]]
    asked += line.ask(5)
    await line.end(1)
    assert line.trips == [[1], [2, 3, 4], [5]]
    await line.end(2)
    assert [task.result() for task in asked] == [1, 4, 9, 16, 25]


async def test_so_many_trips_are_under_way_and_no_more():
    line = Line(at_once=2)
    asked = line.ask(1, 2, 3, 4, 5)
    await turns()
    assert line.trips == [[1], [2]]
    await line.end(1)
    assert line.trips == [[1], [2], [3, 4, 5]]
    await line.end(2)
    await line.end(0)
    assert [task.result() for task in asked] == [1, 4, 9, 16, 25]


async def test_a_trip_carries_a_bounded_number():
    line = Line(at_once=1)
    asked = line.ask(*range(2 * MOST + 2))
    await turns()
    for trip in range(4):
        await line.end(trip)
    assert [len(trip) for trip in line.trips] == [1, MOST, MOST, 1]
    assert [task.result() for task in asked] == [n * n for n in range(2 * MOST + 2)]


async def test_nothing_is_sent_for_who_has_gone_and_who_goes_under_way_harms_nobody():
    line = Line(at_once=1)
    first, gone, stays, leaves = line.ask(1, 2, 3, 4)
    await turns()
    gone.cancel()
    await line.end(0)
    assert line.trips[1] == [3, 4]
    leaves.cancel()
    await line.end(1)
    assert (first.result(), stays.result(), leaves.cancelled(), gone.cancelled()) == (1, 9, True, True)
    (last,) = line.ask(6)
    await turns()
    last.cancel()
    await turns()
    (after,) = line.ask(7)
    await turns()
    await line.end(3)
    assert after.result() == 49


async def test_each_hears_of_its_own_refusal_only():
    line = Line(at_once=1, refuses_odd=True)
    asked = line.ask(0, 1, 2, 3)
    await turns()
    await line.end(0)
    await line.end(1)
    assert [type(task.exception()) for task in asked] == [type(None), Conflict, type(None), Conflict]


async def test_a_failure_of_the_trip_is_heard_by_all_of_it_and_by_nobody_else():
    line = Line(at_once=1)
    asked = line.ask(1, 2, 3)
    await turns()
    await line.end(0)
    line.failure = StorageFailed("the connection broke")
    asked += line.ask(4)
    await line.end(1)
    line.failure = None
    await line.end(2)
    assert [str(task.exception() or "") for task in asked] == ["", "the connection broke", "the connection broke", ""]
    assert asked[1].exception() is not asked[2].exception()


async def test_who_cannot_be_sent_in_time_is_told_and_too_many_do_not_wait(monkeypatch):
    monkeypatch.setattr(together, "WAIT_SECONDS", 0.05)
    monkeypatch.setattr(together, "WAITING", 3)
    line = Line(at_once=1)
    asked = line.ask(1, 2, 3, 4, 5)
    await turns()
    with pytest.raises(StorageFailed, match="all are in use"):
        asked[4].result()
    assert not asked[3].done()
    await asyncio.wait(asked[1:4])
    assert [str(task.exception()) for task in asked[1:4]] == ["all are in use"] * 3
    asked += line.ask(6)
    await turns()
    await line.end(0)
    assert line.trips == [[1], [6]]
    await line.end(1)
    assert (asked[0].result(), asked[5].result()) == (1, 36)


async def test_all_is_settled_once_nobody_waits():
    line = Line(at_once=2)
    await line.together.settled()
    asked = line.ask(1, 2, 3)
    await turns()
    settled = [asyncio.create_task(line.together.settled()) for _ in range(2)]
    await line.end(0)
    await line.end(1)
    assert not any(task.done() for task in settled)
    await line.end(2)
    assert all(task.done() for task in (*asked, *settled))
