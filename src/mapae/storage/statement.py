"""One SQL statement and what it must achieve."""

from __future__ import annotations

from typing import Any, NamedTuple

from mapae.errors import Conflict, MapaeError

Value = str | int | bytes | None
"""What a column holds: TEXT, BIGINT, BYTEA or NULL."""

Row = tuple[Any, ...]
"""One row as the database returned it, columns in the order of the statement."""


class Statement(NamedTuple):
    """One SQL statement of a transaction.

    Attributes:
        sql: the text, with `?` for each value, in the SQL that SQLite and PostgreSQL share.
        values: what replaces the `?`, in order.
        rows: how many rows it must change (with RETURNING: return); None when any number is right.
        otherwise: what is raised when it is another number; the whole transaction is then undone.
        key: of the only row it can change, by its primary key (with `rows=1`). Alone in its transaction it then has
            nothing to undo where it changes none, and may share its COMMIT with others.
    """

    sql: str
    values: tuple[Value, ...] = ()
    rows: int | None = None
    otherwise: type[MapaeError] = Conflict
    key: str | None = None
