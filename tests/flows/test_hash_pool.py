"""The hash pool: bounded, off the event loop, and never working for nobody."""

import asyncio
import gc
import os
import sys
import threading
import weakref

import bcrypt
import pytest

from mapae.errors import Busy
from mapae.flows.hash_pool import HashPool

PATIENCE = 30
"""Seconds after which a test that hangs fails."""


class Clock:
    """A clock that moves only when told."""

    def __init__(self):
        self.now = 1_000.0

    def __call__(self):
        return self.now


class Gate:
    """A job that says when it has begun and ends when it is let go."""

    def __init__(self):
        self.begun = threading.Event()
        self.let_go = threading.Event()

    def __call__(self):
        self.begun.set()
        assert self.let_go.wait(PATIENCE)
        return "through the gate"


def in_time(scenario):
    asyncio.run(asyncio.wait_for(scenario(), PATIENCE))


async def occupied(pool):
    """Fill one thread of the pool, and return its job and the task that waits for it."""
    gate = Gate()
    task = asyncio.create_task(pool.run(gate))
    assert await asyncio.to_thread(gate.begun.wait, PATIENCE)
    return gate, task


async def queued(pool, compute, *, depth=1):
    task = asyncio.create_task(pool.run(compute))
    await asyncio.sleep(0)  # the task's first step puts the job into the queue
    assert pool.state.depth == depth
    return task


def test_real_hashes_come_back_to_their_callers():
    async def scenario():
        async with HashPool(2) as pool:
            salts = [bcrypt.gensalt(4) for _ in range(12)]
            hashes = await asyncio.gather(*(pool.run(bcrypt.hashpw, b"%d" % n, salts[n]) for n in range(4)))
            assert [bcrypt.checkpw(b"%d" % n, hashed) for n, hashed in enumerate(hashes)] == [True] * 4
            assert pool.state.finished == 4
            assert len(pool.take_finished()) == 4
            assert pool.take_finished() == ()

    in_time(scenario)


def test_the_event_loop_runs_on_while_a_thread_is_busy():
    async def scenario():
        async with HashPool(1) as pool:
            gate, task = await occupied(pool)
            turns = 0
            for _ in range(100):
                await asyncio.sleep(0)
                turns += 1
            # Only the loop can open the gate: a blocked loop would never come here.
            gate.let_go.set()
            assert await task == "through the gate"
            assert turns == 100

    in_time(scenario)


def test_no_hash_runs_on_the_thread_of_the_event_loop():
    async def scenario():
        async with HashPool(2) as pool:
            names = await asyncio.gather(*(pool.run(threading.get_ident) for _ in range(4)))
            assert threading.get_ident() not in names

    in_time(scenario)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has a nice value for each thread")
def test_hashing_threads_give_way_to_the_event_loop():
    def nice():
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    async def scenario():
        before = nice()
        async with HashPool(1) as pool:
            assert await pool.run(nice) == min(19, before + 10)
        assert nice() == before

    in_time(scenario)


def test_what_does_not_fit_is_refused_at_once_and_never_hashed():
    async def scenario():
        hashed = []
        async with HashPool(1, queue_limit=2) as pool:
            gate, first = await occupied(pool)
            waiting = [await queued(pool, lambda n=n: hashed.append(n), depth=n + 1) for n in range(2)]
            with pytest.raises(Busy) as refusal:
                await pool.run(hashed.append, "too many")
            assert refusal.value.retry_after >= 1
            assert pool.state.refused == 1
            gate.let_go.set()
            await asyncio.gather(first, *waiting)
        assert hashed == [0, 1]

    in_time(scenario)


def test_nobody_hashes_for_a_caller_who_has_gone():
    async def scenario():
        hashed = []
        async with HashPool(1, queue_limit=1) as pool:
            gate, first = await occupied(pool)
            gone = await queued(pool, lambda: hashed.append("for nobody"))
            gone.cancel()
            with pytest.raises(asyncio.CancelledError):
                await gone
            state = pool.state
            assert (state.depth, state.abandoned) == (0, 1)
            # The place in the queue is free again.
            other = await queued(pool, lambda: hashed.append("for somebody"))
            gate.let_go.set()
            await asyncio.gather(first, other)
        assert hashed == ["for somebody"]

    in_time(scenario)


def test_a_job_that_waited_past_the_deadline_is_not_hashed():
    async def scenario():
        clock, hashed = Clock(), []
        async with HashPool(1, deadline=2.0, clock=clock) as pool:
            gate, first = await occupied(pool)
            late = await queued(pool, lambda: hashed.append("late"))
            clock.now += 2.5
            gate.let_go.set()
            await first
            with pytest.raises(Busy):
                await late
            assert pool.state.dropped == 1
            assert await pool.run(lambda: "in time") == "in time"
        assert hashed == []

    in_time(scenario)


@pytest.mark.parametrize(
    ("threads", "seconds", "limit"),
    [(1, 0.25, 7), (2, 0.25, 14), (2, 0.5, 6), (1, 1.5, 1), (2, 5.0, 2)],
)
def test_the_queue_is_as_long_as_the_deadline_allows(threads, seconds, limit):
    async def scenario():
        clock = Clock()

        def hash_for_a_while():
            clock.now += seconds

        async with HashPool(threads, deadline=2.0, clock=clock) as pool:
            await pool.run(hash_for_a_while)
            assert pool.state.service_seconds == pytest.approx(seconds)
            assert pool.state.queue_limit == limit
            # Even a pool that is slower than its deadline takes a job when a thread is free.
            assert await pool.run(lambda: "taken") == "taken"

    in_time(scenario)


def test_the_usual_capacity_outlives_a_crowds_first_seconds_and_follows_what_lasts():
    """A crowd's first requests take the cores from the threads; a line paced by that would be too slow for minutes."""

    async def scenario():
        clock = Clock()

        def hash_for(seconds):
            clock.now += seconds

        async with HashPool(2, deadline=2.0, clock=clock) as pool:
            for _ in range(20):
                await pool.run(hash_for, 0.1)
            assert pool.state.capacity == pytest.approx(20.0)
            for _ in range(10):
                await pool.run(hash_for, 0.4)
            assert pool.state.service_seconds > 0.35
            assert pool.state.capacity > 15.0
            for _ in range(600):
                await pool.run(hash_for, 0.4)
            assert pool.state.capacity == pytest.approx(5.0, rel=0.1)
            for _ in range(20):
                await pool.run(hash_for, 0.1)
            assert pool.state.capacity > 19.0

    in_time(scenario)


def test_the_time_to_come_back_grows_with_the_queue():
    async def scenario():
        clock = Clock()

        def hash_for_two_seconds():
            clock.now += 2.0

        async with HashPool(1, deadline=60.0, queue_limit=3, clock=clock) as pool:
            await pool.run(hash_for_two_seconds)
            gate, first = await occupied(pool)
            waiting = [await queued(pool, lambda: None, depth=depth) for depth in (1, 2, 3)]
            with pytest.raises(Busy) as refusal:
                await pool.run(lambda: None)
            assert refusal.value.retry_after == 8
            gate.let_go.set()
            await asyncio.gather(first, *waiting)

    in_time(scenario)


def test_a_failure_reaches_the_caller_and_the_thread_lives_on():
    def fail():
        raise LookupError("on the thread")

    async def scenario():
        async with HashPool(1) as pool:
            with pytest.raises(LookupError, match="on the thread"):
                await pool.run(fail)
            assert await pool.run(lambda: 7) == 7
            assert pool.state.in_flight == 0

    in_time(scenario)


def test_closing_refuses_what_waits_and_finishes_what_runs():
    async def scenario():
        pool = HashPool(1)
        gate, running = await occupied(pool)
        waiting = await queued(pool, lambda: "never")
        closing = asyncio.create_task(pool.close())
        with pytest.raises(Busy):
            await waiting
        with pytest.raises(Busy):
            await pool.run(lambda: "never")
        gate.let_go.set()
        assert await running == "through the gate"
        await closing

    in_time(scenario)


@pytest.mark.slow
def test_an_idle_pool_keeps_no_password():
    class Password(str):
        __slots__ = ("__weakref__",)

    async def scenario():
        async with HashPool(1) as pool:
            password = Password("correct horse battery staple")
            kept = weakref.ref(password)
            await pool.run(len, password)
            del password
            await pool.run(len, "the next job")
            gc.collect()
            assert kept() is None

    in_time(scenario)


@pytest.mark.parametrize("arguments", [{"threads": 0}, {"threads": 1, "deadline": 0.0}])
def test_a_pool_without_threads_or_time_is_a_mistake(arguments):
    with pytest.raises(ValueError, match="at least one thread"):
        HashPool(**arguments)
