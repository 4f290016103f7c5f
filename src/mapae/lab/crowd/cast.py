"""Who plays in the simulated crowd: people, the database, the hashing threads, the processes.

Times are milliseconds of true time; every clock in the story has its own opinion of them.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from itertools import count
from math import ceil, inf
from random import Random

from mapae.admission.bookings import Bookings
from mapae.admission.gate import GateState, Report
from mapae.admission.gatekeeper import Gatekeeper
from mapae.admission.line import Arrivals

DEADLINE = 2_000.0
BEGIN_MS = 1_800_000_000_000


@dataclass(slots=True)
class Person:
    """Somebody who wants in."""

    came: float
    hash_ms: float
    typing: float
    patience: float
    leaves_form: bool
    obedient: bool
    place: int = -1
    shuffled: bool = False
    passed_until: float = -1.0
    shown: bool = False
    told: float = inf
    guess: tuple[float, int, int] | None = None
    as_told: bool = True
    done: bool = False


@dataclass(slots=True)
class Database:
    """What survives: the row, the counts with the time of their writing, the reports."""

    offset: float = 0.0
    state: GateState = field(default_factory=GateState)
    log: list[Arrivals] = field(default_factory=list)
    reports: dict[str, Report] = field(default_factory=dict)
    paused_until: float = -1.0

    def clock(self, at: float) -> float:
        """Return what its clock shows."""
        return BEGIN_MS + at + self.offset


class Pool:
    """Threads that hash, behind a bounded queue with a deadline."""

    def __init__(self, threads: int, hash_ms: float) -> None:
        self.threads, self.hash_ms = threads, hash_ms
        self.room = max(threads, int(threads * (DEADLINE - hash_ms) / hash_ms))
        self.queue: deque[tuple[float, Person]] = deque()
        self.busy = 0

    def has_room(self, share: float = 1.0) -> bool:
        """Say whether somebody more may queue."""
        return len(self.queue) + self.busy < self.threads + self.room * share


class Node:
    """One process."""

    lives = count()

    def __init__(self, keeper: type[Gatekeeper], pool: Pool, random: Random, now: float) -> None:
        self.gatekeeper = keeper(f"node-{next(Node.lives)}")
        self.pool = pool
        self.gatekeeper.capacity = self.capacity
        self.origin = random.uniform(0, 1e6) - now / 1000
        self.alive = True
        self.ready = False  # it answers once it has read the database
        self.passed = self.shown = self.typed_ms = 0
        self.bookings = Bookings()
        self.read_upto = 0
        self.stagger = random.uniform(0, 150)

    def monotonic(self, at: float) -> float:
        """Return what this machine's own clock shows, in seconds."""
        return self.origin + at / 1000

    def back_in(self, person: Person, now: float) -> float:
        """Tell somebody who finds the queue full after how many milliseconds to come back."""
        seconds = self.bookings.book(f"{person.place}".encode(), self.monotonic(now), capacity=self.capacity)
        return ceil(seconds) * 1000

    @property
    def capacity(self) -> float:
        """Passwords it checks in a second."""
        return self.pool.threads * 1000 / self.pool.hash_ms

    def report(self, at: int) -> Report:
        """Return what it has measured."""
        pool = self.pool
        return Report(
            node=self.gatekeeper.node,
            seen_ms=at,
            capacity=self.capacity,
            queued=len(pool.queue),
            idle=1 - pool.busy / pool.threads,
            room=pool.room,
            passed=self.passed,
            shown=self.shown,
            typed_ms=self.typed_ms,
        )
