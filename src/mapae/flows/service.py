"""Everything a flow needs."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from mapae.accounts.account import Account
from mapae.accounts.passwords import Hashing, PasswordPolicy
from mapae.coordination.board import Board, board_for
from mapae.flows.feed import Feed
from mapae.flows.gate_here import Gate, gate_for
from mapae.flows.hash_pool import HashPool
from mapae.flows.keyring import Keyring
from mapae.flows.session_memory import SessionMemory
from mapae.flows.status_memory import StatusLists
from mapae.flows.tally import Histogram, Tally
from mapae.keys.sealing import derive
from mapae.sessions.agreed_time import AgreedTime
from mapae.sessions.refresh import RefreshPolicy
from mapae.sessions.revocation import Revocations
from mapae.sessions.server_session import SessionPolicy, policy_for
from mapae.settings import Settings
from mapae.storage.database import Database

LEAST_LEEWAY = 5
"""Seconds by which clocks may always differ."""


@dataclass(frozen=True, slots=True)
class Moment:
    """When a token is made, and how much its maker knew.

    Attributes:
        now_ms: milliseconds since 1970.
        seen: the last revocation in the feed that this process had seen.
    """

    now_ms: int
    seen: int


@dataclass(slots=True)
class Service:
    """An open Mapae: its settings, its database and what it keeps in memory.

    Attributes:
        refresh_key: tags refresh tokens, so that nobody can end a session with an invented one.
        session_key: tags session tokens, so that rubbish is refused without a look-up.
        record_key: seals what is lent to other nodes of a session.
        gate: the gate before password hashing, as this process sees it.
        attempt_key: hides e-mails and addresses in the table of failed attempts.
        device_key: tags what a browser shows to be known again.
        status_lists: places in token status lists, and the lists.
        agreed_time: how this machine's clock stands to the database's.
        hearing: how many calls are taking in a revocation that this process has just made.
        from_elsewhere: how long revocations by other processes took to reach this one.
        session_memory: the server-side sessions that were read lately.
        shown: accounts as of the last look at the database, by id, only for showing them to their owners.
    """

    settings: Settings
    database: Database
    master: bytes
    keyring: Keyring
    revocations: Revocations
    hash_pool: HashPool
    hashing: Hashing
    password_policy: PasswordPolicy
    refresh_policy: RefreshPolicy
    session_policy: SessionPolicy
    refresh_key: bytes
    session_key: bytes
    record_key: bytes
    attempt_key: bytes
    device_key: bytes
    gate: Gate
    board: Board
    agreed_time: AgreedTime
    status_lists: StatusLists
    clock: Callable[[], float] = time.time
    hearing: int = 0
    from_elsewhere: Histogram = field(default_factory=Histogram)
    shown: dict[str, Account] = field(default_factory=dict)
    tally: Tally = field(default_factory=Tally)
    feed: Feed = field(default_factory=Feed)
    session_memory: SessionMemory = field(default_factory=SessionMemory)

    def now_ms(self) -> int:
        """Return what time it is, in milliseconds since 1970: the wall clock, unless it has left the database's."""
        return int(self.agreed_time.kept(self.clock(), time.monotonic()) * 1000)

    def moment(self) -> Moment:
        """Return what a token may say of the moment it is made; take it before reading what the token is made from."""
        return Moment(self.now_ms(), self.revocations.head)

    def compare_clock(self, database_ms: int, *, asked: float, sent: float) -> None:
        """Note how far this machine's clock is off from that of the database, which all nodes share.

        Args:
            database_ms: the database's clock, at some moment since.
            asked: our own wall clock, before the database was asked.
            sent: the monotonic clock then.
        """
        if not self.database.shares_clock:
            self.agreed_time.compare(
                database_ms / 1000, asked=asked, answered=self.clock(), sent=sent, received=time.monotonic()
            )

    @property
    def clock_agrees(self) -> bool:
        """Whether this machine's clock may be used: what tokens and revocations promise rests on it."""
        return self.agreed_time.agrees

    def remembered_until(self, now_ms: int) -> int:
        """Return the second until which a revocation made now must be remembered: no token of before lives longer.

        Besides the verifier's leeway, the clocks of the node that signed and the one that revokes may each be that far
        off.
        """
        return now_ms // 1000 + 1 + self.settings.access_ttl + 3 * self.settings.leeway


def build(settings: Settings, database: Database, master: bytes, *, clock: Callable[[], float]) -> Service:
    """Put a service together around an open database; nothing is read or written yet.

    Raises:
        SettingsRefused: the board needs a package that is not installed.
    """
    revocations = Revocations(max_staleness=settings.max_staleness)
    keyring = Keyring(
        master=derive(master, "signing-keys"),
        issuer=settings.issuer,
        audience=settings.token_audience,
        leeway=settings.leeway,
        revocations=revocations,
        lifetime=settings.access_ttl,
    )
    return Service(
        settings=settings,
        database=database,
        master=master,
        keyring=keyring,
        revocations=revocations,
        hash_pool=HashPool(
            max(1, settings.hash_threads // settings.workers),
            deadline=settings.hash_queue_seconds,
        ),
        hashing=Hashing(
            kind=settings.password_hash,
            bcrypt_cost=settings.bcrypt_cost,
            argon2_memory_kib=settings.argon2_memory_kib,
            argon2_time=settings.argon2_time,
            argon2_parallelism=settings.argon2_parallelism,
        ),
        password_policy=PasswordPolicy(min_length=settings.password_min_length),
        refresh_policy=RefreshPolicy(
            window_ms=settings.refresh_window * 1000,
            idle_ms=settings.idle_ttl * 1000,
            strict=settings.strict_refresh,
            recover_max_ms=None if settings.recover_max is None else settings.recover_max * 1000,
        ),
        session_policy=policy_for(idle_ttl=settings.idle_ttl, access_ttl=settings.access_ttl, leeway=settings.leeway),
        refresh_key=derive(master, "refresh-token"),
        session_key=derive(master, "session-token"),
        record_key=derive(master, "session-record"),
        attempt_key=derive(master, "attempts"),
        device_key=derive(master, "known-device"),
        gate=gate_for(derive(master, "waiting-ticket"), issuer=settings.issuer),
        board=board_for(settings),
        status_lists=StatusLists(derive(master, "status-place")),
        agreed_time=AgreedTime(max(LEAST_LEEWAY, settings.leeway)),
        clock=clock,
    )
