"""Whoever waits asks how far the line is: that reads their ticket and nothing else, whatever the crowd.

The answer is mostly given at once. Near the end of the line it is kept until the turn has come, which saves the last
questions and loses no moment; and whoever asks much sooner than told hears no more for it. Both for no longer than
somebody who signs in may have to wait for a thread, so that no client needs more patience for this.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import random

import msgspec

from mapae.admission.ticket import Ticket
from mapae.admission.waiting import Admitted, Held
from mapae.flows.gate_here import Gate
from mapae.flows.service import Service
from mapae.flows.tally import series

KEPT_SECONDS = 2.0
"""How long an answer is kept at most."""
KEPT_AT_ONCE = 2_000
"""Answers that one process keeps: a few kilobytes each. Beyond them everybody is answered at once."""
_NEAR = 4
"""The turn may come while an answer is kept: it takes so many seconds at the most."""

_HELD = series("admission_decisions", decision="held")
"""Counted at every poll."""
_order = itertools.count()


class Turn(msgspec.Struct, frozen=True, gc=False):
    """What a caller shows of the waiting line.

    Attributes:
        text: a ticket or a pass; empty without one.
        cookie: the browser's cookie that tickets are bound to; None where it has none.
        browser: whether a new ticket is bound to a cookie.
    """

    text: str = ""
    cookie: str | None = None
    browser: bool = False


NO_TURN = Turn()


class Place(msgspec.Struct, frozen=True, gc=False):
    """The answer to a poll.

    Attributes:
        held: position, interval and estimate; None for whoever may sign in now.
        text: the pass, or the ticket that was shown.
    """

    held: Held | None
    text: str


class Standing(msgspec.Struct, frozen=True, gc=False):
    """What a poll has found.

    Attributes:
        answer: how the holder stands.
        at_ms: when, by the arrivals' clock.
    """

    turn: Turn
    ticket: Ticket
    answer: Admitted | Held
    at_ms: int


def poll(service: Service, turn: Turn) -> Place:
    """Say how the holder of a ticket stands.

    Raises:
        TicketRefused: what was shown does not count.
    """
    return told(service, look_up(service, turn))


def look_up(service: Service, turn: Turn) -> Standing:
    """Find out how the holder of a ticket stands, to be `told` at once or `kept` a little.

    Raises:
        TicketRefused: what was shown does not count.
    """
    gate = service.gate
    now_ms = gate.now_ms()
    ticket = gate.office.read(turn.text, cookie=turn.cookie, now=now_ms // 1000)
    return Standing(turn, ticket, Admitted() if ticket.passed else _look(gate, ticket.place, now_ms), now_ms)


def told(service: Service, standing: Standing) -> Place:
    """Return the answer; whoever waits is expected again when it says."""
    gate, text, answer = service.gate, standing.turn.text, standing.answer
    ticket, now_ms = standing.ticket, standing.at_ms
    if isinstance(answer, Held):
        service.tally.counts[_HELD] += 1
        gate.appointments.make(hash(ticket.number), now_ms + answer.interval * 1000)
        return Place(answer, text)
    service.tally.count("admission_decisions", decision="passed")
    if ticket.passed:
        return Place(None, text)
    gate.passed += 1
    service.tally.observe("admission_wait", max(0, now_ms - max(ticket.arr, ticket.iat * 1000)) / 1000)
    return Place(None, gate.office.pass_for(ticket, now=now_ms // 1000))


def keep_seconds(service: Service, standing: Standing) -> float:
    """Return how long the answer is better kept at most; 0.0 for one that is to be given at once."""
    gate, answer = service.gate, standing.answer
    if not isinstance(answer, Held) or gate.kept >= KEPT_AT_ONCE:
        return 0.0
    if _is_near(answer):
        return KEPT_SECONDS
    early_ms = gate.appointments.early_ms(hash(standing.ticket.number), standing.at_ms)
    return min(KEPT_SECONDS, early_ms / 1000)


async def kept(service: Service, standing: Standing, seconds: float) -> Standing:
    """Return how the holder stands as soon as they are let in, or after `seconds`."""
    gate, loop = service.gate, asyncio.get_running_loop()
    called: asyncio.Future[None] = loop.create_future()
    timer = loop.call_later(seconds, _call, called)
    if isinstance(standing.answer, Held) and _is_near(standing.answer):
        heapq.heappush(gate.next_ones, (standing.ticket.place, next(_order), called))
    gate.kept += 1
    try:
        await called
    finally:
        timer.cancel()
        gate.kept -= 1
    now_ms = gate.now_ms()
    return Standing(standing.turn, standing.ticket, _look(gate, standing.ticket.place, now_ms), now_ms)


def call_next_ones(gate: Gate) -> None:
    """Have the kept answers given of whoever has been let in meanwhile."""
    now_ms, next_ones = gate.now_ms(), gate.next_ones
    while next_ones:
        place, _, called = next_ones[0]
        if not called.done() and isinstance(_look(gate, place, now_ms), Held):
            return
        heapq.heappop(next_ones)
        _call(called)


def _call(called: asyncio.Future[None]) -> None:
    if not called.done():
        called.set_result(None)


def _look(gate: Gate, place: int, now_ms: int) -> Admitted | Held:
    return gate.keeper.look(place, now_ms, lot=random.random())  # noqa: S311


def _is_near(held: Held) -> bool:
    return held.wait is not None and held.wait[1] <= _NEAR
