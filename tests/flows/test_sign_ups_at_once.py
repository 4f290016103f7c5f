"""Sign-ups of one network that come at once: no more of them than one after the other, on one node and on several."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace

import pytest

from mapae.errors import PasswordRefused, TooManyAttempts
from mapae.flows.attempts import SIGN_UPS_PER_ADDRESS
from mapae.flows.open_service import open_service
from mapae.flows.sign_up import sign_up

from .conftest import FIREFOX
from .test_attempts import at_once

pytestmark = pytest.mark.anyio

MOST = SIGN_UPS_PER_ADDRESS.free + 1
PASSWORD = "a horse of bronze, five strong"


def opening(node, number, *, password=PASSWORD, address="198.51.100.9"):
    return sign_up(node, f"n{number}@example.com", password, visitor=replace(FIREFOX, address=address))


async def all_let_in(*rounds):
    """Try again and again, each time at once; return how many were let in. Nobody waits: the clock stands still."""
    return sum([(await at_once(*tries))[0] for tries in rounds])


async def opened_from(service):
    """How many accounts there are, and what is counted under the network."""
    ((accounts,),) = await service.database.fetch("SELECT count(*) FROM account")
    return accounts, sum(failures for (failures,) in await service.database.fetch("SELECT failures FROM attempt"))


@pytest.fixture
def settings(settings):
    return replace(settings, gate=False)  # a line would keep them from coming at once


@pytest.mark.slow
async def test_no_more_come_in_at_once_than_one_after_the_other(service, clock):
    tries = [[opening(service, 50 * turn + number) for number in range(35)] for turn in range(3)]
    assert await all_let_in(*tries[:1]) <= MOST
    await all_let_in(*tries[1:])
    assert await opened_from(service) == (MOST, MOST)
    clock.move(2)
    assert await at_once(*(opening(service, number) for number in range(200, 210))) == (1, 9)
    assert await opened_from(service) == (MOST + 1, MOST + 1)
    assert await at_once(opening(service, 300, address="198.51.100.10")) == (1, 0)


@pytest.mark.slow
async def test_those_that_come_to_nothing_take_no_place_for_long(service):
    answers = [opening(service, number, password="password") for number in range(MOST)]
    assert all(isinstance(each, PasswordRefused) for each in await asyncio.gather(*answers, return_exceptions=True))
    tries = [[opening(service, 50 * turn + number) for number in range(50)] for turn in range(2)]
    assert await all_let_in(*tries) == MOST


@pytest.mark.slow
async def test_one_that_is_given_up_takes_no_place_any_more(service):
    hanging = [asyncio.create_task(opening(service, number)) for number in range(MOST)]
    await asyncio.sleep(0)
    for each in hanging:
        each.cancel()
    await asyncio.gather(*hanging, return_exceptions=True)
    tries = [[opening(service, 100 + 50 * turn + number) for number in range(50)] for turn in range(2)]
    await all_let_in(*tries)
    assert await opened_from(service) == (MOST, MOST)


@pytest.mark.slow
@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
@pytest.mark.parametrize("gone", [False, True], ids=["with the board", "with the board gone"])
async def test_several_nodes_let_in_together_what_one_would(service, valkey, gone, measured, caplog):
    """Three nodes on one database. Without the board each counts by itself: the database's count still ends it."""
    async with AsyncExitStack() as stack:
        together = replace(service.settings, board=valkey.url)
        nodes = [await stack.enter_async_context(open_service(together, clock=service.clock)) for _ in range(3)]
        async with asyncio.timeout(30):
            while not all(node.board.up for node in nodes):  # noqa: ASYNC110 (nothing tells it)
                await asyncio.sleep(0.005)
        if gone:
            valkey.kill()
        let_in, _ = await at_once(*(opening(nodes[number % 3], number) for number in range(150)))
        measured(f"sign-ups let in of 150 at once on three nodes, the board gone: {gone}", let_in)
        let_in += await all_let_in(*([opening(nodes[0], 1_000 + number)] for number in range(MOST)))
        # On a machine so busy that the board does not answer within a second, it is as good as gone.
        gone = gone or any("does not count" in line for line in caplog.messages)
        assert 1 <= let_in <= (3 * MOST if gone else MOST)
        assert await opened_from(nodes[0]) == (let_in, let_in)
        if let_in >= MOST:
            with pytest.raises(TooManyAttempts):
                await opening(nodes[2], 2_000)
