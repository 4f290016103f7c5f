"""What a place in the line costs: processor time of a question how far it is, and memory of those who wait."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
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
_EACH = 250
"""Questions of one kind before the other kind has its turn: what disturbs one then disturbs both."""


@dataclass(frozen=True, slots=True)
class Place:
    """What somebody who waits costs.

    Attributes:
        poll: seconds of processor time of one question how far the line is, the median of some rounds.
        who: the same of a "who am I", which is the least that any request costs.
        waiting: how many places there were.
        resident: bytes by which the process grew while they were given out.
    """

    poll: float
    who: float
    waiting: int
    resident: int


def cost_of_places(folder: Path, places: int, tell: Callable[[str, int, int], None]) -> Place:
    """Close the gate of a quiet server, give out places, ask about each, and look at what the process has used."""
    stage = stage_in(folder)
    settings = settings_with(stage.environment(gate=True), _COST)
    asyncio.run(make_accounts(settings, "", people=1, progress=lambda _done: None))
    who = asyncio.run(open_sessions(settings, "", people=1, refreshes=1)).who[0]
    with serving(stage, gate=True, cost=_COST) as server, create_connection((HOST, server.port), timeout=30) as socket:
        wire, door = Wire(socket), MapaeDoor("", PASSWORD)
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
        polls, whos = [], []
        for begin in range(0, places, _EACH):
            tell("places", places + begin, 2 * places)
            each = [door.poll(ticket) for ticket in tickets[begin : begin + _EACH]]
            polls.append(_processor(server, wire, each) / len(each))
            whos.append(_processor(server, wire, [who] * len(each)) / len(each))
    return Place(median(polls), median(whos), places, given.resident - before.resident)


def _processor(server: Server, wire: Wire, requests: Sequence[bytes]) -> float:
    """Return the seconds of processor time that the server needs for `requests`, hashing left out.

    Raises:
        LabFailed: one was not answered with 200.
    """
    before = used_by(server.process.pid).rest
    for each in requests:
        if (status := wire.ask(each)[0]) != 200:
            raise LabFailed(f"a request of somebody who waits, or is in, was answered with {status}")
    return used_by(server.process.pid).rest - before
