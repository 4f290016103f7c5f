"""Mapae itself: `mapae serve` on SQLite with its own defaults, one process."""

import asyncio
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from measure.load import Source, ask, http

from mapae.accounts.account import Account
from mapae.flows.issue import first_tokens, new_session
from mapae.flows.manage_accounts import ImportedAccount, find_account, import_accounts
from mapae.flows.open_service import open_service
from mapae.flows.service import Service
from mapae.flows.visitor import Visitor
from mapae.settings import Settings, load_settings
from mapae.storage import sessions
from peers.peer import BIN, LIFETIME, PASSWORD, Again, Once, Operation, Peer, People, Session, as_json

FRESH_SESSIONS = 40_000
"""Sessions that have not been refreshed yet. The first refresh of each rotates it; a second one within 40 seconds would
be told to keep what it has."""
_AT_ONCE = 1000


@dataclass
class MapaeServe(Peer):
    """The default configuration, without a log line for each request, as all other peers."""

    name: str = "mapae"
    title: str = "Mapae"
    store: str = "SQLite"
    algorithm: str = "ES256"
    remark: str = (
        "who am I reads the account; a refresh is the first one of its session, so that it rotates; the gate is off, "
        "since the generator asks again at once whatever it is told: `mapae lab crowd` is about that"
    )
    operations: tuple[Operation, ...] = ("who", "who_first", "refresh", "hold", "sign_in")
    ready_path: str = "/livez"
    distributions: tuple[str, ...] = ("mapae", "uvicorn", "httptools", "cryptography", "msgspec", "bcrypt")
    log_level: str = "warning"
    access_token: str = "jwt"
    fresh: int = FRESH_SESSIONS
    _first_sight: Iterator[bytes] = field(default_factory=lambda: iter(()))
    _first_refresh: Iterator[bytes] = field(default_factory=lambda: iter(()))
    _held: list[bytes] = field(default_factory=list)
    _made: list[Session] = field(default_factory=list)

    def prepare(self, folder: Path, people: People) -> None:
        """Fill a data directory with the functions the service itself uses: accounts, and sessions never refreshed."""
        self._made = asyncio.run(_fill(self._settings(folder), people, self.fresh))

    def command(self, folder: Path, port: int) -> tuple[Sequence[str | Path], Mapping[str, str]]:
        return [BIN / "mapae", "serve"], {
            **self._environment(folder),
            "MAPAE_PORT": str(port),
            "MAPAE_LOG_LEVEL": self.log_level,
            "MAPAE_GATE": "false",
        }

    def sign_in_request(self, email: str) -> bytes:
        return http("POST", "/v1/sign-in", body=as_json(email=email, password=PASSWORD))

    def who_request(self, session: Session) -> bytes:
        return http("GET", "/v1/me", headers={"Authorization": f"Bearer {session.access}"})

    def refresh_request(self, session: Session) -> bytes:
        return http("POST", "/v1/refresh", body=as_json(refresh_token=session.refresh))

    def open(self, port: int, folder: Path, people: People, count: int) -> None:
        del port, folder, people  # no sign-in is needed, which a busy machine would make wait in line
        self._sessions, others = self._made[:count], self._made[count:]
        self._first_sight = iter([self.who_request(session) for session in others])
        self._first_refresh = iter([self.refresh_request(session) for session in others])

    def sources(self, operation: Operation, people: People, count: int) -> list[Source]:
        match operation:
            case "who_first":
                return [Once(self._first_sight) for _ in range(count)]
            case "refresh":
                return [Once(self._first_refresh) for _ in range(count)]
            case "hold":
                return [Again(request) for request in self._held[:count]]
            case _:
                return super().sources(operation, people, count)

    def hold(self, port: int, count: int) -> None:
        """Rotate `count` sessions, so that their newest tokens are HELD for the next 40 seconds."""
        self._held = []
        for request in itertools.islice(self._first_refresh, count):
            session = Session()
            _, head, body = ask(port, request)
            self.refreshed(session, head, body)
            self._held.append(self.refresh_request(session))

    def _environment(self, folder: Path) -> dict[str, str]:
        # The issuer names no port, so that tokens made before the port was known are accepted.
        return {
            "MAPAE_ISSUER": "http://localhost",
            "MAPAE_DATA": str(folder / "mapae-data"),
            "MAPAE_ACCESS_TTL": f"{LIFETIME}s",
            "MAPAE_ACCESS_TOKEN": self.access_token,
            **({"MAPAE_DATABASE": self.database} if self.database else {}),
        }

    def _settings(self, folder: Path) -> Settings:
        return load_settings({}, self._environment(folder), [])


@dataclass
class MapaeServeLogging(MapaeServe):
    """With the log line for each request that `mapae serve` writes unless told otherwise."""

    name: str = "mapae-logging"
    title: str = "Mapae, a log line a request"
    remark: str = "as `mapae serve` comes: one JSON line for every request"
    log_level: str = "info"
    operations: tuple[Operation, ...] = ("who", "refresh")


@dataclass
class MapaeServeOpaque(MapaeServe):
    """Server-side sessions: one opaque token, remembered by the process that has read its session once."""

    name: str = "mapae-opaque"
    title: str = "Mapae, server-side sessions"
    algorithm: str = "opaque"
    remark: str = (
        "the session is read from the database the first time, and from memory for as long as a JWT would live"
    )
    access_token: str = "opaque"
    operations: tuple[Operation, ...] = ("who", "who_first", "sign_in")


async def _fill(settings: Settings, people: People, fresh: int) -> list[Session]:
    async with open_service(settings) as service:
        await import_accounts(service, [ImportedAccount(email, people.password_hash) for email in people.emails])
        owners = [await find_account(service, email) for email in people.emails]
        made: list[Session] = []
        while len(made) < fresh:
            made += await _more(service, owners, min(_AT_ONCE, fresh - len(made)))
        return made


async def _more(service: Service, owners: Sequence[Account], count: int) -> list[Session]:
    moment, visitor = service.moment(), Visitor("127.0.0.1", "mapae-bench")
    rows, made = [], []
    for owner in itertools.islice(itertools.cycle(owners), count):
        session, first_token = new_session(
            service, owner.id, epoch=owner.epoch, role=owner.role, visitor=visitor, now_ms=moment.now_ms
        )
        tokens = first_tokens(service, session, first_token, account=owner, moment=moment, visitor=visitor)
        rows.append(sessions.added(session))
        made.append(Session(tokens.access_token, tokens.refresh_token or ""))
    await service.database.commit(*rows)
    return made
