"""What one process keeps of the gate in memory: nothing for those who wait, a little for those who were let in."""

from __future__ import annotations

import asyncio
import secrets
import time
from dataclasses import dataclass, field

from mapae.admission.appointments import Appointments
from mapae.admission.bookings import Bookings
from mapae.admission.gate import Report
from mapae.admission.gatekeeper import Gatekeeper
from mapae.admission.places import Places
from mapae.admission.ticket import TicketOffice


@dataclass(slots=True)
class Gate:
    """The gate as this process sees it.

    Attributes:
        keeper: decides from what was read last.
        office: writes and reads tickets.
        passed: passes handed out.
        shown: people from the line whose password was checked.
        typed_ms: how long those took from the pass to that, together.
        tries: by a ticket's number, milliseconds from its pass to its first password (-1 once they are counted), and
            the wrong passwords since.
        places: how many places each network has taken here.
        appointments: when holders of tickets were told to ask again.
        bookings: when people who were let in and met a full hash queue were told to come back.
        kept: answers to them that are kept just now.
        next_ones: those of them that may be let in meanwhile: their place, a number, and what ends the wait.
        looking: held while the database is read.
        read_upto_ms: the database's clock at the last reading.
        reports: what the nodes had measured at the last reading.
    """

    keeper: Gatekeeper
    office: TicketOffice
    passed: int = 0
    shown: int = 0
    typed_ms: int = 0
    tries: dict[bytes, tuple[int, int]] = field(default_factory=dict)
    places: Places = field(default_factory=Places)
    appointments: Appointments = field(default_factory=Appointments)
    bookings: Bookings = field(default_factory=Bookings)
    kept: int = 0
    next_ones: list[tuple[int, int, asyncio.Future[None]]] = field(default_factory=list)
    looking: asyncio.Lock = field(default_factory=asyncio.Lock)
    read_upto_ms: int = 0
    reports: list[Report] = field(default_factory=list)

    def now_ms(self) -> int:
        """Return the time of the arrivals' clock."""
        return self.keeper.clock.now_ms(time.monotonic())


def gate_for(secret: bytes, *, issuer: str) -> Gate:
    """Return the gate of a process that has read nothing yet.

    Args:
        secret: signs tickets and passes, and nothing else.
    """
    return Gate(Gatekeeper(secrets.token_urlsafe(9)), TicketOffice(secret, issuer=issuer))
