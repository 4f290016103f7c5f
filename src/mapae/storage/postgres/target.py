"""Where the database is: a URL of PostgreSQL, and what Mapae adds to it."""

from __future__ import annotations

from dataclasses import dataclass, field

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from mapae.errors import StorageFailed

STATEMENT_SECONDS = 10
"""How long one statement may take before the server gives it up."""
LOCK_SECONDS = 5
"""How long a statement may wait for a row that another transaction holds."""
APART_SECONDS = 600
"""The same for what may read a whole table or change the schema."""

DEFAULTS = {
    "application_name": "mapae",
    "connect_timeout": "5",
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    "tcp_user_timeout": "15000",  # milliseconds: a server that vanished is noticed, whatever the network does
}


@dataclass(frozen=True, slots=True)
class Target:
    """A database and how to reach it.

    Attributes:
        place: host, port and name, for messages.
        limits: what the server says of its limits once they have reached it.
    """

    place: str
    options: dict[str, str] = field(repr=False)

    @property
    def limits(self) -> tuple[str, str]:
        """`statement_timeout` and `lock_timeout` as the server writes them."""
        return f"{STATEMENT_SECONDS}s", f"{LOCK_SECONDS}s"

    def conninfo(self, *, limits: bool) -> str:
        """Return what libpq is told, with the limits for every statement where the connection is ours alone."""
        if not limits:
            return make_conninfo("", **self.options)
        own = f"-c statement_timeout={self.limits[0]} -c lock_timeout={self.limits[1]}"
        return make_conninfo("", **{**self.options, "options": f"{self.options.get('options', '')} {own}".strip()})


def target_of(url: str) -> Target:
    """Read a URL as libpq does; what it leaves open comes from libpq's variables (PGPASSWORD, PGPASSFILE, ...).

    Raises:
        StorageFailed: libpq cannot read it.
    """
    try:
        given = {name: str(value) for name, value in conninfo_to_dict(url).items() if value is not None}
    except psycopg.Error:
        # libpq's words would repeat a part of the URL, perhaps of the password.
        raise StorageFailed("the URL of the database cannot be read; see the setting `database`") from None
    if "," in given.get("host", "") and "target_session_attrs" not in given:
        given["target_session_attrs"] = "read-write"
    host, port = given.get("host", "localhost"), given.get("port", "5432")
    return Target(f"{host}:{port}/{given.get('dbname', '')}", {**DEFAULTS, **given, "client_encoding": "UTF8"})
