"""The gate in front of whatever needs a password hashed: in at once, in with a ticket, or a place in the waiting line.

A quiet server never notices it. Once the hash queue has no room, newcomers get a signed ticket instead of a refusal,
and nobody is let in before them. What is refused here has cost no hash and counts as no attempt.
"""

from __future__ import annotations

import math
import random
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from mapae.admission.attempts import address_subject, is_loopback
from mapae.admission.gate import Report
from mapae.admission.line import BUCKET
from mapae.admission.ticket import PASS_LIFETIME, TICKET_LIFETIME, Ticket, numbered_place
from mapae.admission.waiting import LEAST_INTERVAL, MOST_INTERVAL, Admitted, Held
from mapae.errors import Busy, Conflict, Refused, SignInRefused, TicketRefused, Waiting
from mapae.flows.gate_here import Gate
from mapae.flows.poll import Place, Turn, poll
from mapae.flows.service import Service
from mapae.jose.base64url import encode
from mapae.storage import gate as rows
from mapae.storage.statement import Statement

SIGN_IN_SHARE = 0.5
"""Of the hash queue, which people without a ticket may fill when they sign in; the rest is for those from the line."""
SIGN_UP_SHARE = 0.25
"""The same when they sign up."""
TRIES = 10
"""Wrong passwords with one ticket, in one process."""
DRAINING_SECONDS = 60
_LATE_MS = 5_000
"""Writing may take so long: rows are read again as far back."""
_REMEMBERED = 20_000
"""Tickets whose tries are remembered."""

_dice = random.SystemRandom()


class TooManyPlaces(Refused):
    """The network of the caller has so many places in the line that the next one comes later."""

    code = "too_many_places"


@dataclass(frozen=True, slots=True)
class Entry:
    """Somebody who was let in.

    Attributes:
        ticket: what they showed; None for whoever came in without waiting.
    """

    ticket: Ticket | None = None

    def spent(self) -> tuple[Statement, ...]:
        """Return what uses the ticket up, to ride in the transaction that it was for."""
        if self.ticket is None:
            return ()
        until_ms = (self.ticket.iat + 2 * TICKET_LIFETIME) * 1000
        return (rows.spent(encode(self.ticket.number), until_ms=until_ms),)


@asynccontextmanager
async def entering(service: Service, turn: Turn, *, share: float, address: str = "") -> AsyncIterator[Entry]:
    """Let the caller in for the work inside, which checks or hashes a password.

    Args:
        share: of the hash queue, which newcomers may fill.
        address: the caller's, under which new places are counted; empty where it does not matter.

    Raises:
        Waiting: there is a line; the caller has a place in it.
        TooManyPlaces: there is a line, and the caller's network has taken many places just now.
        TicketRefused: what was shown does not count.
        Busy: the gate takes no newcomers, or an admitted caller met a full queue: the ticket stays good.
    """
    if not service.settings.gate:
        yield Entry()
        return
    gate = service.gate
    entry = await _enter(service, gate, turn, share=share, address=address)
    try:
        yield entry
    except Busy as busy:
        if entry.ticket is None:
            raise joining(service, turn, address) from None
        raise _booked(service, entry.ticket, busy) from None
    except SignInRefused:
        _note_shown(gate, entry, wrong=1)
        raise
    _note_shown(gate, entry, wrong=0)


async def ask(service: Service, turn: Turn, *, address: str = "") -> Place | None:
    """Return the place of somebody who is about to fill in a form; None when they may just do so.

    A caller without a ticket that counts joins the line when there is one.

    Raises:
        Waiting, TooManyPlaces: as for `entering`.
    """
    if not service.settings.gate:
        return None
    gate = service.gate
    await _be_certain(service, gate)
    if turn.text:
        try:
            return poll(service, turn)
        except TicketRefused:
            turn = Turn("", turn.cookie, turn.browser)
    now_ms = gate.now_ms()
    if gate.keeper.free(now_ms) or gate.keeper.mode(now_ms) == "draining":
        return None
    raise joining(service, turn, address)


def line_stands(service: Service, *, share: float) -> bool:
    """Return whether newcomers are given places now; False also where that has to be found out first."""
    if not service.settings.gate:
        return False
    gate = service.gate
    now_ms = gate.now_ms()
    if not gate.keeper.certain(now_ms) or gate.keeper.mode(now_ms) == "draining":
        return False
    return not _may_go_in(service, gate, now_ms, share)


async def look(service: Service) -> None:
    """Write down what this process has counted, and read what the others have.

    Raises:
        StorageFailed: the database cannot be used; those who wait keep waiting.
    """
    gate = service.gate
    async with gate.looking:
        await _look(service, gate)


async def _be_certain(service: Service, gate: Gate) -> None:
    if gate.keeper.certain(gate.now_ms()):
        return
    async with gate.looking:
        if not gate.keeper.certain(gate.now_ms()):
            await _look(service, gate)


async def _look(service: Service, gate: Gate) -> None:
    keeper, database = gate.keeper, service.database
    unsent = keeper.unsent()
    if unsent or keeper.waiting(gate.now_ms()) or keeper.mode(gate.now_ms()) != "open":
        await rows.add_counts(database, unsent, _report(service, gate))
        keeper.sent(unsent)
    asked = time.monotonic()
    reading = await rows.load_gate(
        database, written_since_ms=gate.read_upto_ms - _LATE_MS, buckets_from=keeper.state.tau // BUCKET
    )
    answered = time.monotonic()
    # Where the clock was set back, everything is read again.
    gate.read_upto_ms = reading.now_ms if reading.now_ms >= gate.read_upto_ms else 0
    keeper.learn(reading.state, reading.arrivals, source_ms=reading.now_ms, asked=asked, answered=answered)
    gate.reports = reading.reports
    now_ms = gate.now_ms()
    live = [report.capacity for report in reading.reports if now_ms - report.seen_ms < 3_000]
    keeper.capacity = sum(live) or service.hash_pool.state.capacity


def _report(service: Service, gate: Gate) -> Report:
    pool = service.hash_pool.state
    return Report(
        node=gate.keeper.node,
        seen_ms=gate.now_ms(),
        capacity=pool.capacity,
        queued=pool.depth,
        idle=max(0.0, 1 - pool.in_flight / pool.threads),
        room=pool.queue_limit,
        passed=gate.passed,
        shown=gate.shown,
        typed_ms=gate.typed_ms,
    )


async def decide(service: Service) -> bool:
    """Move the serving time if it is time to, and return whether this process did."""
    gate = service.gate
    now_ms = gate.now_ms()
    if not gate.keeper.due(now_ms):
        return False
    try:
        await rows.replace_state(service.database, gate.keeper.decide(gate.reports, now_ms=now_ms))
    except Conflict:
        return False  # another process has just done so
    return True


async def _enter(service: Service, gate: Gate, turn: Turn, *, share: float, address: str) -> Entry:
    await _be_certain(service, gate)
    now_ms = gate.now_ms()
    if turn.text:
        return await _enter_with(service, gate, turn, now_ms)
    if gate.keeper.mode(now_ms) == "draining":
        service.tally.count("admission_decisions", decision="refused")
        raise Busy("nobody new is let in", retry_after=DRAINING_SECONDS)
    if _may_go_in(service, gate, now_ms, share):
        service.tally.count("admission_decisions", decision="direct")
        return Entry()
    raise joining(service, turn, address)


def _may_go_in(service: Service, gate: Gate, now_ms: int, share: float) -> bool:
    return gate.keeper.free(now_ms) and service.hash_pool.state.has_room(share)


async def _enter_with(service: Service, gate: Gate, turn: Turn, now_ms: int) -> Entry:
    ticket = gate.office.read(turn.text, cookie=turn.cookie, now=now_ms // 1000)
    if not ticket.passed:
        answer = gate.keeper.look(ticket.place, now_ms, lot=_dice.random())
        if isinstance(answer, Held):
            service.tally.count("admission_decisions", decision="held")
            raise waiting(answer, turn.text)
        gate.passed += 1
    if gate.tries.get(ticket.number, (0.0, 0))[1] >= TRIES:
        raise TicketRefused("spent", "too many wrong passwords with this ticket")
    if ticket.number not in gate.tries:
        while len(gate.tries) >= _REMEMBERED:
            del gate.tries[next(iter(gate.tries))]
        typed_ms = max(0, now_ms - ticket.iat * 1000) if ticket.passed else 0
        gate.tries[ticket.number] = (min(typed_ms, PASS_LIFETIME * 1000), 0)
    if not service.hash_pool.state.has_room():  # where the password is checked this would cost more to find out
        raise _booked(service, ticket, Busy("passwords are being checked at full capacity"))
    if await rows.is_spent(service.database, encode(ticket.number)):
        raise rows.TicketSpent
    service.tally.count("admission_decisions", decision="admitted")
    return Entry(ticket)


def _booked(service: Service, ticket: Ticket, busy: Busy) -> Busy:
    """Return the refusal that tells somebody who was let in when there will be room; the ticket stays good."""
    service.tally.count("admission_decisions", decision="booked")
    seconds = service.gate.bookings.book(ticket.number, time.monotonic(), capacity=service.hash_pool.state.capacity)
    return Busy(str(busy), retry_after=math.ceil(seconds))


def _note_shown(gate: Gate, entry: Entry, *, wrong: int) -> None:
    if entry.ticket is None or entry.ticket.number not in gate.tries:
        return
    typed_ms, tries = gate.tries[entry.ticket.number]
    if typed_ms >= 0:
        gate.shown += 1
        gate.typed_ms += int(typed_ms)
    gate.tries[entry.ticket.number] = (-1, tries + wrong)


def joining(service: Service, turn: Turn, address: str) -> Refused:
    """Give the caller a place in the line, and return the refusal that says so."""
    gate = service.gate
    now_ms = gate.now_ms()
    if (seconds := _over_its_share(service, gate, address, now_ms)) > 0:
        service.tally.count("admission_decisions", decision="slowed")
        return TooManyPlaces(retry_after=min(MOST_INTERVAL, math.ceil(seconds + _dice.random() * LEAST_INTERVAL)))
    arrived_ms = gate.keeper.arrive(now_ms)
    cookie = (turn.cookie or secrets.token_urlsafe(16)) if turn.browser else None
    number = secrets.token_bytes(16)
    text = gate.office.ticket(arrived_ms, number, cookie=cookie, now=now_ms // 1000)
    service.tally.count("admission_decisions", decision="ticket")
    answer = gate.keeper.look(numbered_place(arrived_ms, number), now_ms, lot=_dice.random())
    if isinstance(answer, Admitted):
        answer = Held(0, LEAST_INTERVAL, (0, 2))
    return waiting(answer, text, confirmation=cookie)


def _over_its_share(service: Service, gate: Gate, address: str, now_ms: int) -> float:
    """Return after how many seconds the caller's network may take a place; 0.0 when it has just taken one.

    This machine itself is not counted: behind a proxy that nobody has named in `trusted_proxies` everybody seems to
    come from here.
    """
    if not address or is_loopback(address):
        return 0.0
    return gate.places.take(address_subject(address), capacity=service.hash_pool.state.capacity, now_ms=now_ms)


def waiting(held: Held, text: str, *, confirmation: str | None = None) -> Waiting:
    """Return the refusal that tells a holder how they stand."""
    return Waiting(text, position=held.ahead + 1, retry_after=held.interval, wait=held.wait, confirmation=confirmation)
