"""What a place in the line costs: processor time of a question how far it is, and memory of those who wait."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from selectors import EVENT_READ, DefaultSelector
from socket import create_connection
from statistics import median

from mapae.lab.crowd.meter import used_by
from mapae.lab.crowd.people import MapaeDoor
from mapae.lab.crowd.prepare import PASSWORD, make_accounts, open_sessions
from mapae.lab.crowd.serving import settings_with
from mapae.lab.crowd.stage import serving, stage_in
from mapae.lab.http_wire import HOST, Wire
from mapae.lab.servers import LabFailed, Server

_COST = 4
"""Of bcrypt: nobody gets in here."""
_EACH = 125
"""Questions of one kind before the other kind has its turn: what disturbs one then disturbs both."""
_TOGETHER = 16
"""Connections of a crowd. Where one asks after the other, each question has to wake a process that sleeps."""


@dataclass(frozen=True, slots=True)
class Place:
    """What somebody who waits costs.

    Attributes:
        poll: seconds of processor time of one question how far the line is while many ask, the median of some rounds.
        who: the same of a "who am I", which is the least that any request costs.
        poll_alone: of a question while nobody else asks.
        who_alone: the same of a "who am I".
        waiting: how many places there were.
        resident: bytes by which the process grew while they were given out.
    """

    poll: float
    who: float
    poll_alone: float
    who_alone: float
    waiting: int
    resident: int


def cost_of_places(folder: Path, places: int, tell: Callable[[str, int, int], None]) -> Place:
    """Close the gate of a quiet server, give out places, ask about each, and look at what the process has used.

    Args:
        places: more than are asked about in one round.
    """
    stage = stage_in(folder)
    settings = settings_with(stage.environment(gate=True), _COST)
    asyncio.run(make_accounts(settings, "", people=1, progress=lambda _done: None))
    who = asyncio.run(open_sessions(settings, "", people=1, refreshes=1)).who[0]
    with ExitStack() as stack:
        server = stack.enter_context(serving(stage, gate=True, cost=_COST))
        lines = [stack.enter_context(create_connection((HOST, server.port), timeout=30)) for _ in range(_TOGETHER)]
        wires, door = [Wire(line) for line in lines], MapaeDoor("", PASSWORD)
        wire = wires[0]
        subprocess.run(
            [sys.executable, "-m", "mapae", "gate", "close", "--json"],
            env=stage.environment(gate=True), cwd=stage.folder, check=True, capture_output=True,
        )  # fmt: skip
        while b'"waiting"' not in wire.ask(door.sign_in(0, ""))[2]:
            pass  # until the process has read that the gate is closed
        before = used_by(server.process.pid)
        tickets = []
        for number in range(places):
            tickets.append(json.loads(wire.ask(door.sign_in(number, ""))[2])["ticket"])
            if number % _EACH == 0:
                tell("places", number, 2 * places)
        given = used_by(server.process.pid)
        took: dict[tuple[bool, bool], list[float]] = {}
        for begin in range(0, places, _EACH):
            tell("places", places + begin, 2 * places)
            polls = [door.poll(ticket) for ticket in tickets[begin : begin + _EACH]]
            together = begin // _EACH % 2 == 0
            for asked in (polls, [who] * len(polls)):
                seconds = _processor(server, wires if together else [wire], asked)
                took.setdefault((asked is polls, together), []).append(seconds)
    return Place(
        poll=median(took[True, True]),
        who=median(took[False, True]),
        poll_alone=median(took[True, False]),
        who_alone=median(took[False, False]),
        waiting=places,
        resident=given.resident - before.resident,
    )


def _processor(server: Server, wires: Sequence[Wire], requests: Sequence[bytes]) -> float:
    """Return the seconds of processor time that the server needs for each of `requests`, hashing left out.

    Raises:
        LabFailed: one was not answered with 200.
    """
    before = used_by(server.process.pid).rest
    for status in _answers(wires, requests):
        if status != 200:
            raise LabFailed(f"a request of somebody who waits, or is in, was answered with {status}")
    return (used_by(server.process.pid).rest - before) / len(requests)


def _answers(wires: Sequence[Wire], requests: Sequence[bytes]) -> Iterator[int]:
    """Send `requests`, on each wire one at a time, and yield the statuses of the answers."""
    left = list(requests)
    with DefaultSelector() as selector:
        for wire in wires[: len(left)]:
            selector.register(wire.socket, EVENT_READ, wire)
            wire.begin(left.pop())
        answered = 0
        while answered < len(requests):
            for key, _ in selector.select():
                answer = key.data.read()
                if answer is not None:
                    answered += 1
                    yield answer[0]
                    if left:
                        key.data.begin(left.pop())
