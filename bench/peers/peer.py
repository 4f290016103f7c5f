"""What a peer is: a server that can be started, and how to ask it the same things as all others."""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Literal

from measure.load import Failed, Source, ask, http

ROOT = Path(__file__).resolve().parent.parent.parent
BENCH = ROOT / "bench"
BIN = Path(sys.executable).parent
Operation = Literal["who", "who_first", "refresh", "hold", "sign_in"]
PASSWORD = "tango-lantern-42-orchard"
COST = 12
LIFETIME = 3600
"""Seconds an access token lives with every peer: longer than a run."""


@dataclass(frozen=True)
class People:
    """Who has an account: the same for every peer, with the same password, hashed once.

    Attributes:
        password_hash: bcrypt of `PASSWORD` at `COST`.
    """

    emails: tuple[str, ...]
    password_hash: str


@dataclass
class Session:
    """What a client keeps after it has signed in."""

    access: str = ""
    refresh: str = ""
    cookie: str = ""


@dataclass
class Peer:
    """One contestant; subclasses say how its own documentation does things.

    Attributes:
        name: short, for --only and for the JSON.
        store: where it keeps what a refresh changes.
        algorithm: of its access tokens.
        remark: what a reader of the table must know.
        database: the URL of an empty database in PostgreSQL; empty where the peer makes its own file.
    """

    name: str = ""
    title: str = ""
    store: str = ""
    algorithm: str = ""
    remark: str = ""
    operations: tuple[Operation, ...] = ("who", "refresh", "sign_in")
    ready_path: str = "/"
    distributions: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    database: str = ""
    _sessions: list[Session] = field(default_factory=list)

    def versions(self) -> str:
        """Name everything that takes part, with versions."""
        python = [f"{name} {version(name)}" for name in self.distributions]
        return ", ".join(python + [f"{name} {_npm_version(name)}" for name in self.packages])

    def prepare(self, folder: Path, people: People) -> None:
        """Make the database with everybody in it, before the server starts."""

    def command(self, folder: Path, port: int) -> tuple[Sequence[str | Path], Mapping[str, str]]:
        """Return the command that serves, and its environment."""
        raise NotImplementedError

    def sign_in_request(self, email: str) -> bytes:
        return http("POST", "/login", body=as_json(email=email, password=PASSWORD))

    def signed_in(self, head: bytes, body: bytes) -> Session:
        del head
        answer = json.loads(body)
        return Session(answer["access_token"], answer.get("refresh_token", ""))

    def who_request(self, session: Session) -> bytes:
        return http("GET", "/me", headers={"Authorization": f"Bearer {session.access}"})

    def refresh_request(self, session: Session) -> bytes:
        return http("POST", "/refresh", body=as_json(refresh_token=session.refresh))

    def refreshed(self, session: Session, head: bytes, body: bytes) -> None:
        """Keep what a refresh has given."""
        given = self.signed_in(head, body)
        session.access, session.refresh = given.access, given.refresh

    def open_sessions(self, port: int, folder: Path, people: People, count: int) -> list[Session]:
        """Sign in `count` times; every session belongs to one connection of the generator from then on."""
        del folder
        sessions = []
        for number in range(count):
            status, head, body = ask(port, self.sign_in_request(people.emails[number % len(people.emails)]))
            if status != 200:
                raise Failed(f"signing in was answered with {status}: {body[:300]!r}")
            sessions.append(self.signed_in(head, body))
        return sessions

    def open(self, port: int, folder: Path, people: People, count: int) -> None:
        """Get ready to be asked by `count` connections."""
        self._sessions = self.open_sessions(port, folder, people, count)

    def sources(self, operation: Operation, people: People, count: int) -> list[Source]:
        """Return what `count` connections ask."""
        match operation:
            case "who":
                return [Again(self.who_request(session)) for session in self._sessions[:count]]
            case "refresh":
                return [Chain(self, session) for session in self._sessions[:count]]
            case "sign_in":
                return [Again(self.sign_in_request(people.emails[number])) for number in range(count)]
            case _:
                raise ValueError(f"{self.name} does not do {operation}")


class Again:
    """Asks the same every time."""

    def __init__(self, request: bytes) -> None:
        self._request = request

    def next(self) -> bytes:
        return self._request

    def answered(self, status: int, head: bytes, body: bytes) -> None:
        pass


class Chain:
    """Refreshes one session again and again, each time with the newest token."""

    def __init__(self, peer: Peer, session: Session) -> None:
        self._peer, self._session = peer, session

    def next(self) -> bytes:
        return self._peer.refresh_request(self._session)

    def answered(self, status: int, head: bytes, body: bytes) -> None:
        if 200 <= status < 300:
            self._peer.refreshed(self._session, head, body)


class Once:
    """Takes every request from a supply that connections share; none is sent twice."""

    def __init__(self, supply: Iterator[bytes]) -> None:
        self._supply = supply

    def next(self) -> bytes | None:
        return next(self._supply, None)

    def answered(self, status: int, head: bytes, body: bytes) -> None:
        pass


def as_json(**members: object) -> bytes:
    return json.dumps(members).encode()


def as_form(**members: str) -> bytes:
    from urllib.parse import urlencode

    return urlencode(members).encode()


FORM = "application/x-www-form-urlencoded"


def cookies_of(head: bytes) -> str:
    """Return the `Cookie` field that a browser would send after an answer with this head."""
    pairs = []
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"set-cookie":
            pairs.append(value.partition(b";")[0].strip().decode())
    return "; ".join(pairs)


def write_people(folder: Path, people: People) -> Path:
    path = folder / "people.json"
    path.write_text(json.dumps({"emails": people.emails, "password_hash": people.password_hash}))
    return path


def node_environment(folder: Path, port: int, **more: str) -> dict[str, str]:
    """Return what every Node peer is told."""
    return {
        "NODE_ENV": "production",
        "NODE_NO_WARNINGS": "1",
        "BENCH_PORT": str(port),
        "BENCH_FOLDER": str(folder),
        "BENCH_LIFETIME": str(LIFETIME),
        **more,
    }


def _npm_version(name: str) -> str:
    return json.loads((BENCH / "node" / "node_modules" / name / "package.json").read_text())["version"]
