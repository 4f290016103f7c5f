"""Guesses that come at once are counted as if they came one after the other; through a real database, on two nodes."""

import asyncio
from dataclasses import replace

import pytest

from mapae.admission.attempts import PER_ACCOUNT, PER_ADDRESS
from mapae.errors import Busy, SignInRefused, TooManyAttempts
from mapae.flows.hash_pool import HashPool
from mapae.flows.open_service import open_service
from mapae.flows.sign_in import sign_in

from .conftest import FIREFOX

pytestmark = pytest.mark.anyio

WRONG = "not her password at all"


@pytest.fixture
async def other(service, settings, clock):
    """A second node on the same database."""
    async with open_service(settings, clock=clock) as opened:
        yield opened


async def at_once(*tries):
    """Make all tries at the same time; return how many were looked at and how many were told to wait."""
    answers = await asyncio.gather(*tries, return_exceptions=True)
    looked_at = sum(not isinstance(answer, TooManyAttempts) for answer in answers)
    assert all(answer.retry_after >= 1 for answer in answers if isinstance(answer, TooManyAttempts))
    return looked_at, len(answers) - looked_at


def guess(node, number, *, email="jane@example.com", password=WRONG, address=None):
    visitor = replace(FIREFOX, address=address or f"198.51.100.{number}")
    return sign_in(node, email, password, visitor=visitor)


async def slowed_down(service, jane):
    """Six wrong passwords, and the wait after them has passed."""
    await jane.signs_up()
    assert await at_once(*(guess(service, number) for number in range(10))) == (PER_ACCOUNT.free + 1, 3 + 1)
    service.clock.move(1)


async def test_p7_strangers_who_guess_at_once_on_two_nodes_get_no_more_guesses_than_one_after_the_other(
    service, other, jane
):
    await jane.signs_up()
    tries = (guess((service, other)[number % 2], number) for number in range(40))
    assert await at_once(*tries) == (PER_ACCOUNT.free + 1, 40 - PER_ACCOUNT.free - 1)


@pytest.mark.slow
async def test_p7_after_each_wait_one_of_many_strangers_is_looked_at(service, other, jane):
    await slowed_down(service, jane)
    for wait in (2, 4, 8):
        tries = (guess((service, other)[number % 2], number) for number in range(20))
        assert await at_once(*tries) == (1, 19)
        service.clock.move(wait)
    assert await jane.signs_in()


@pytest.mark.slow
async def test_an_attempt_that_was_not_looked_at_does_not_begin_the_wait_anew(service, jane):
    await slowed_down(service, jane)
    service.settings = replace(service.settings, gate=False)  # else she would be given a place in a line
    open_pool, service.hash_pool = service.hash_pool, HashPool(1)
    await service.hash_pool.close()
    for _ in range(3):
        with pytest.raises(Busy):
            await jane.signs_in()
    service.hash_pool = open_pool
    assert await jane.signs_in()


@pytest.mark.slow
async def test_many_right_passwords_from_one_network_at_once_are_all_let_in(service, person):
    office = [person(service, email=f"n{number}@example.com") for number in range(PER_ADDRESS.free + 5)]
    for each in office:
        await each.signs_up()
    assert len(await asyncio.gather(*(each.signs_in() for each in office))) == len(office)


@pytest.mark.slow
async def test_p7_a_network_that_has_guessed_too_often_is_let_in_one_attempt_at_a_time(service, other, jane):
    await jane.signs_up()
    for number in range(PER_ADDRESS.free + 1):
        with pytest.raises(SignInRefused):
            await guess(service, number, email=f"n{number}@example.com", address=FIREFOX.address)
    service.clock.move(1)
    tries = (
        guess((service, other)[number % 2], number, email=f"m{number}@example.com", address=FIREFOX.address)
        for number in range(12)
    )
    assert await at_once(*tries) == (1, 11)
    service.clock.move(2)
    assert await jane.signs_in()
    assert await jane.signs_in(), "a right password costs the others of this network nothing"
