"""A question how far the line is: answered at once, or kept where that saves another one."""

import asyncio

import pytest

from mapae.admission.waiting import Admitted, Held
from mapae.errors import Waiting
from mapae.flows import gate, poll
from mapae.flows.poll import NO_TURN, Turn
from mapae.flows.run_gate import set_gate

pytestmark = pytest.mark.anyio


async def places(service, count):
    """Tickets of a line before a gate that is closed; nobody goes in or out."""
    await set_gate(service, "closed")
    await gate.look(service)
    shown = []
    for _ in range(count):
        with pytest.raises(Waiting) as refusal:
            await gate.ask(service, NO_TURN)
        shown.append(Turn(refusal.value.ticket))
    await gate.look(service)
    return shown


def keeps(service, turn):
    return poll.keep_seconds(service, poll.look_up(service, turn))


async def test_whoever_asks_as_told_is_answered_at_once_and_whoever_asks_sooner_is_kept(service):
    (turn,) = await places(service, 1)
    assert keeps(service, turn) == 0.0
    assert poll.poll(service, turn).held is not None
    assert 0.0 < keeps(service, turn) <= poll.KEPT_SECONDS
    service.gate.appointments.make(hash(poll.look_up(service, turn).ticket.number), service.gate.now_ms())
    assert keeps(service, turn) == 0.0


async def test_beyond_a_number_of_them_no_answer_is_kept(service):
    (turn,) = await places(service, 1)
    poll.poll(service, turn)
    service.gate.kept = poll.KEPT_AT_ONCE
    assert keeps(service, turn) == 0.0


async def test_an_answer_that_is_kept_comes_after_its_time_with_the_place(service):
    (turn,) = await places(service, 1)
    standing = await poll.kept(service, poll.look_up(service, turn), 0.05)
    assert isinstance(standing.answer, Held)
    assert (service.gate.kept, service.gate.next_ones) == (0, [])
    assert poll.told(service, standing).text == turn.text


@pytest.mark.slow
async def test_an_answer_that_is_kept_comes_as_soon_as_the_turn_does(service):
    shown = sorted(await places(service, 5), key=lambda turn: poll.look_up(service, turn).ticket.place)
    await set_gate(service, "open")
    await gate.look(service)
    standing = poll.look_up(service, shown[-1])
    assert isinstance(standing.answer, Held)
    answer = asyncio.create_task(poll.kept(service, standing, 60.0))
    async with asyncio.timeout(30):
        while not answer.done():
            await gate.look(service)
            await gate.decide(service)
            poll.call_next_ones(service.gate)
            await asyncio.sleep(0.02)
    assert isinstance(answer.result().answer, Admitted)
    passed = poll.told(service, answer.result())
    assert passed.held is None
    assert poll.keep_seconds(service, poll.look_up(service, Turn(passed.text))) == 0.0
    assert all(poll.poll(service, turn).held is None for turn in shown)
    assert (service.gate.kept, service.gate.next_ones) == (0, [])
