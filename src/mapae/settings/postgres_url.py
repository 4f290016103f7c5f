"""What a URL of PostgreSQL may say; every refusal says what to write instead, and none repeats what is there."""

from __future__ import annotations

import re
from difflib import get_close_matches
from urllib.parse import parse_qsl, unquote

EXAMPLE = "postgresql://mapae@db.example.com/mapae?sslmode=verify-full"

SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
PARAMETERS = frozenset(
    {
        "application_name",
        "channel_binding",
        "connect_timeout",
        "gssencmode",
        "host",
        "hostaddr",
        "keepalives",
        "keepalives_count",
        "keepalives_idle",
        "keepalives_interval",
        "krbsrvname",
        "load_balance_hosts",
        "options",
        "passfile",
        "port",
        "require_auth",
        "service",
        "ssl_max_protocol_version",
        "ssl_min_protocol_version",
        "sslcert",
        "sslcertmode",
        "sslcrl",
        "sslkey",
        "sslmode",
        "sslnegotiation",
        "sslrootcert",
        "target_session_attrs",
        "tcp_user_timeout",
        "user",
    }
)
"""Of libpq's parameters, those that a service may need; a password has no place among them."""

_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_HOST = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]*|%2[Ff][^:@]*)(?::(\d*))?")


def check_postgres_url(text: str) -> None:
    """Make sure that libpq can read a URL and that it names a database.

    Raises:
        ValueError: with the part that is wrong and what to write instead.
    """
    rest = text.partition("://")[2]
    address, _, query = rest.partition("?")
    authority, _, name = address.partition("/")
    if "#" in text or any(letter.isspace() or not letter.isprintable() for letter in text):
        raise ValueError('write "%" and two digits for a character that a URL cannot hold: "%23" for "#"')
    if authority.count("@") > 1 or "@" in name:
        raise ValueError('write "%40" for an "@" in the password, and "%2F" for a "/"')
    if _ESCAPE.search(text):
        raise ValueError('write "%25" for a "%" in the password')
    _check_hosts(authority.rpartition("@")[2])
    if not name or "/" in name:
        raise ValueError(f'write the name of the database at the end, like "{EXAMPLE}"')
    _check_query(query)


def _check_hosts(hosts: str) -> None:
    for host in hosts.split(","):
        found = _HOST.fullmatch(host)
        if found is None:
            raise ValueError('write the host as "host", "host:5432" or "[::1]:5432"')
        if found[1] and not 0 < int(found[1]) < 65_536:
            raise ValueError("write a port from 1 to 65535")


def _check_query(query: str) -> None:
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name in ("password", "sslpassword"):
            raise ValueError(f'leave out {name} behind the "?"; a password stands before the "@", or in a passfile')
        if name not in PARAMETERS:
            near = get_close_matches(name, PARAMETERS, n=1)
            hint = f"did you mean {near[0]}?" if near else "there are sslmode, sslrootcert, passfile and others"
            raise ValueError(f'leave out what is no parameter of libpq behind the "?"; {hint}')
        if name == "sslmode" and unquote(value) not in SSL_MODES:
            raise ValueError(f"write an sslmode out of {', '.join(SSL_MODES)}")
        if name == "connect_timeout" and not re.fullmatch(r"[1-9]\d{0,3}", value):
            raise ValueError("write connect_timeout as a number of seconds")
