"""The board of one process."""

import asyncio
import threading

from mapae.coordination.memory import MemoryBoard

LONG = 30


async def waiting(board, number):
    """Start `number` waits and return their tasks once all of them wait."""
    tasks = [asyncio.create_task(board.wait(LONG)) for _ in range(number)]
    await asyncio.sleep(0)
    assert len(board._waiting) == number
    return tasks


def test_a_hint_wakes_everybody_who_waits():
    async def story():
        board = MemoryBoard()
        tasks = await waiting(board, 3)
        board.hint()
        assert await asyncio.gather(*tasks) == [True, True, True]
        assert await board.wait(0) is False

    asyncio.run(story())


def test_a_hint_while_nobody_waits_is_not_lost():
    async def story():
        board = MemoryBoard()
        board.hint()
        board.hint()
        assert await board.wait(LONG) is True
        assert await board.wait(0) is False

    asyncio.run(story())


def test_a_wait_without_a_hint_ends_in_time():
    async def story():
        board = MemoryBoard()
        assert await board.wait(0.001) is False
        assert not board._waiting

    asyncio.run(story())


def test_each_of_several_followers_sees_a_hint_that_came_while_it_was_busy():
    async def story():
        board = MemoryBoard()
        seen = board.hints
        board.hint()
        assert await board.wait(LONG, seen=seen) is True
        assert await board.wait(LONG, seen=seen) is True
        assert await board.wait(0, seen=board.hints) is False

    asyncio.run(story())


def test_a_hint_whose_waiter_was_cancelled_is_kept_for_the_next():
    async def story():
        board = MemoryBoard()
        (task,) = await waiting(board, 1)
        board.hint()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert await board.wait(LONG) is True

    asyncio.run(story())


def test_a_cancelled_wait_leaves_nothing_behind():
    async def story():
        board = MemoryBoard()
        (task,) = await waiting(board, 1)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert not board._waiting

    asyncio.run(story())


def test_a_hint_from_another_thread_wakes_the_loop():
    async def story():
        board = MemoryBoard()
        (task,) = await waiting(board, 1)
        thread = threading.Thread(target=board.hint)
        thread.start()
        assert await task is True
        thread.join()

    asyncio.run(story())


def test_a_loop_that_was_closed_does_not_disturb_a_hint():
    board = MemoryBoard()

    loop = asyncio.new_event_loop()
    board._waiting.add(loop.create_future())
    loop.close()
    board.hint()

    async def story():
        assert await board.wait(LONG) is True

    asyncio.run(story())


def test_nothing_is_lent_where_there_is_nobody_else():
    async def story():
        board = MemoryBoard()
        await board.lend("session:{a}", b"record", for_ms=60_000)
        assert await board.borrow("session:{a}") is None
        assert not board.lends

    asyncio.run(story())


def test_what_is_under_way_counts_until_it_ends_or_its_time_is_over():
    async def story():
        board = MemoryBoard()
        first, second = [await board.begin("a", lasts_ms=60_000) for _ in range(2)]
        assert (first.together, second.together) == (1, 2)
        assert (await board.begin("b", lasts_ms=60_000)).together == 1
        await board.end(first)
        await board.end(first)
        third = await board.begin("a", lasts_ms=60_000)
        assert third.together == 2
        for each in (second, third):
            await board.end(each)
        forgotten = await board.begin("a", lasts_ms=0)
        assert forgotten.together == 1, "nothing is left of those that ended"
        assert (await board.begin("a", lasts_ms=60_000)).together == 1, "the time of the one before is over"
        await board.end(forgotten)

    asyncio.run(story())
