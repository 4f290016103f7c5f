"""Where the board is: the URL of a Valkey or Redis server, of its socket, or of the Sentinels that know it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

EXAMPLE = "redis://localhost:6379/0"
_SCHEME = re.compile(r"(redis|valkey)(s?)(?:\+(unix|sentinel))?|(unix)")
_HOST = re.compile(r"\[([0-9a-fA-F:.]+)\]|[A-Za-z0-9._-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardAddress:
    """The parts of a board's URL.

    Attributes:
        hosts: host and port of the server, or of each Sentinel; none for a socket.
        socket: the path of a Unix socket.
        service: the name under which the Sentinels know the server.
        secure: whether by TLS; the certificate is always checked.
        ca: a file of certificates to trust instead of the system's.
    """

    hosts: tuple[tuple[str, int], ...] = ()
    socket: str | None = None
    service: str | None = None
    secure: bool = False
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    sentinel_password: str | None = field(default=None, repr=False)
    database: int = 0
    ca: Path | None = None

    @property
    def shown(self) -> str:
        """Where it is, for people: without user and password."""
        if self.socket is not None:
            return self.socket
        hosts = ",".join(f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in self.hosts)
        return hosts if self.service is None else f"{self.service} by {hosts}"


def read_board_url(text: str) -> BoardAddress:
    """Take the URL of a board apart.

    Raises:
        ValueError: it names no server; the message says what to write instead and repeats nothing of it.
    """
    scheme = _SCHEME.fullmatch(text.partition("://")[0])
    if scheme is None or "://" not in text or not text.isprintable() or " " in text:
        raise ValueError(f'write a URL, like "{EXAMPLE}"')
    if "#" in text:
        raise ValueError("write # as %23")
    parts = _split(text)
    login, _, place = parts.netloc.rpartition("@")
    username, _, password = login.partition(":")
    known = BoardAddress(secure=bool(scheme[2]), username=unquote(username) or None, password=unquote(password) or None)
    match scheme[3] or scheme[4]:
        case "unix":
            return _socket(known, place, parts)
        case "sentinel":
            return _sentinels(known, place, parts)
        case _:
            return _server(known, place, parts)


def _split(text: str) -> SplitResult:
    try:
        return urlsplit(text)
    except ValueError:  # whose words may repeat the password
        raise ValueError(f'write a URL, like "{EXAMPLE}"') from None


def _server(known: BoardAddress, place: str, parts: SplitResult) -> BoardAddress:
    if "," in place:
        raise ValueError('one server has one address; for Sentinels write "redis+sentinel://host1,host2/name"')
    options = _options(parts, "ca")
    return _with(
        known, hosts=(_host(place, 6379),), database=_database(parts.path.removeprefix("/")), ca=options.get("ca")
    )


def _socket(known: BoardAddress, place: str, parts: SplitResult) -> BoardAddress:
    path = unquote(parts.path)
    if place or known.secure or len(path) < 2:
        raise ValueError('write the path of the socket after three slashes: "unix:///run/valkey/valkey.sock"')
    return _with(known, socket=path, database=_database(_options(parts, "db").get("db", "")))


def _sentinels(known: BoardAddress, place: str, parts: SplitResult) -> BoardAddress:
    service, _, database = parts.path.removeprefix("/").partition("/")
    if not service:
        raise ValueError('add the name of the service: "redis+sentinel://host1,host2/name"')
    options = _options(parts, "ca", "sentinel_password")
    return _with(
        known,
        hosts=tuple(_host(each, 26379) for each in place.split(",")),
        service=unquote(service),
        sentinel_password=options.get("sentinel_password"),
        database=_database(database),
        ca=options.get("ca"),
    )


def _with(
    known: BoardAddress,
    *,
    hosts: tuple[tuple[str, int], ...] = (),
    socket: str | None = None,
    service: str | None = None,
    sentinel_password: str | None = None,
    database: int,
    ca: str | None = None,
) -> BoardAddress:
    if ca is not None and not known.secure:
        raise ValueError('"ca" is for TLS: begin the URL with "rediss" or "valkeys"')
    return BoardAddress(
        hosts=hosts,
        socket=socket,
        service=service,
        secure=known.secure,
        username=known.username,
        password=known.password,
        sentinel_password=sentinel_password,
        database=database,
        ca=None if ca is None else Path(ca),
    )


def _host(text: str, port: int) -> tuple[str, int]:
    found = _HOST.match(text)
    rest = "" if found is None else text[found.end() :]
    number = re.fullmatch(r":(\d{1,5})", rest, re.ASCII)
    if found is None or (rest and number is None) or (number and not 0 < int(number[1]) < 65_536):
        raise ValueError(
            f'write host and port, like "{EXAMPLE}"; / : @ and % in a password are written as %2F and so on'
        )
    return found[1] or found[0], int(number[1]) if number else port


def _database(text: str) -> int:
    if text and not re.fullmatch(r"\d{1,5}", text, re.ASCII):
        raise ValueError(f'the database behind the slash is a number, like "{EXAMPLE}"')
    return int(text or 0)


def _options(parts: SplitResult, *known: str) -> dict[str, str]:
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    if options.keys() - set(known):
        raise ValueError("behind the ? there may be " + " and ".join(known))
    return options
