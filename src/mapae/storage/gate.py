"""Rows of the gate: the serving time, what the nodes have counted and measured, and the tickets that were used."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from mapae.admission.gate import GateState, Mode, Report
from mapae.admission.line import Arrivals
from mapae.errors import Conflict, TicketRefused
from mapae.storage.database import Database, Row, Statement

_STATE = (
    "version, mode, opens_ms, tau, next_tau, next_from_ms, allowed, called, typing, passed, shown, typed_ms, form, "
    "rate, pace, ticked_ms"
)
_REPORT = "node, seen_ms, capacity, queued, idle, room, passed, shown, typed_ms"


class TicketSpent(TicketRefused):
    """Somebody has signed in with this ticket."""

    def __init__(self) -> None:
        super().__init__("spent", "somebody has signed in with this ticket")


class Reading(NamedTuple):
    """What the database said at one moment.

    Attributes:
        now_ms: the database's own clock.
        arrivals: the counts that were written since the moment asked for.
    """

    now_ms: int
    state: GateState
    arrivals: list[Arrivals]
    reports: list[Report]


async def load_gate(database: Database, *, written_since_ms: int, buckets_from: int) -> Reading:
    """Return the state, the reports and the newer counts, as of one moment."""
    state, arrivals, reports = await database.snapshot(
        Statement(f"SELECT {database.now_ms}, {_STATE} FROM gate WHERE id = 0"),  # noqa: S608
        Statement(
            "SELECT node, bucket, people FROM gate_arrival WHERE written_ms >= ? AND bucket >= ?",
            (written_since_ms, buckets_from),
        ),
        Statement(f"SELECT {_REPORT} FROM gate_report"),  # noqa: S608
    )
    now_ms, *fields = state[0]
    return Reading(int(now_ms), _state(fields), [Arrivals(*row) for row in arrivals], [_report(row) for row in reports])


async def add_counts(database: Database, arrivals: Sequence[Arrivals], report: Report) -> None:
    """Write down what a node has counted so far, and what it has measured."""
    arrival = (
        "INSERT INTO gate_arrival (bucket, node, people, written_ms) "  # noqa: S608
        f"VALUES (?, ?, ?, {database.now_ms}) ON CONFLICT (node, bucket) DO UPDATE SET "
        "people = excluded.people, written_ms = excluded.written_ms"
    )
    measured = (
        f"INSERT INTO gate_report ({_REPORT}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) "  # noqa: S608
        "ON CONFLICT (node) DO UPDATE SET seen_ms = excluded.seen_ms, capacity = excluded.capacity, "
        "queued = excluded.queued, idle = excluded.idle, room = excluded.room, passed = excluded.passed, "
        "shown = excluded.shown, typed_ms = excluded.typed_ms"
    )
    values = (
        report.node,
        report.seen_ms,
        _milli(report.capacity),
        report.queued,
        _milli(report.idle),
        report.room,
        report.passed,
        report.shown,
        report.typed_ms,
    )
    await database.commit(
        *(Statement(arrival, (each.bucket, each.node, each.people), 1) for each in arrivals),
        Statement(measured, values, 1),
    )


async def replace_state(database: Database, state: GateState, *, also: Sequence[Statement] = ()) -> None:
    """Write down a decision, if nobody else has made one since.

    Raises:
        Conflict: somebody has.
    """
    sql = (
        "UPDATE gate SET version = ?, mode = ?, opens_ms = ?, tau = ?, next_tau = ?, next_from_ms = ?, allowed = ?, "
        "called = ?, typing = ?, passed = ?, shown = ?, typed_ms = ?, form = ?, rate = ?, pace = ?, ticked_ms = ? "
        "WHERE id = 0 AND version = ?"
    )
    values = (
        state.version,
        state.mode,
        state.opens_ms,
        state.tau,
        state.next_tau,
        state.next_from_ms,
        *map(_milli, (state.window, state.called, state.typing)),
        state.passed,
        state.shown,
        state.typed_ms,
        *map(_milli, (state.form, state.rate, state.pace)),
        state.ticked_ms,
        state.version - 1,
    )
    await database.commit(Statement(sql, values, 1, Conflict), *also)


async def is_spent(database: Database, number: str) -> bool:
    """Tell whether somebody has signed in with the ticket `number`."""
    return await database.fetch_one("SELECT 1 FROM gate_spent WHERE number = ?", number) is not None


def spent(number: str, *, until_ms: int) -> Statement:
    """Return the statement that uses the ticket `number` up, to ride in a transaction; it raises `TicketSpent`."""
    sql = "INSERT INTO gate_spent (number, until_ms) VALUES (?, ?) ON CONFLICT (number) DO NOTHING"
    return Statement(sql, (number, until_ms), 1, TicketSpent)


async def sweep(database: Database, *, before_bucket: int, seen_before_ms: int, now_ms: int) -> None:
    """Delete counts of people who have been let in, reports of nodes that are gone, and tickets that have expired."""
    await database.commit(
        Statement("DELETE FROM gate_arrival WHERE bucket < ?", (before_bucket,)),
        Statement("DELETE FROM gate_report WHERE seen_ms < ?", (seen_before_ms,)),
        Statement("DELETE FROM gate_spent WHERE until_ms < ?", (now_ms,)),
    )


def _milli(number: float) -> int:
    return round(number * 1000)


def _state(fields: Sequence[Any]) -> GateState:
    version, mode, opens_ms, tau, next_tau, next_from_ms, *measured, ticked_ms = fields
    allowed, called, typing, passed, shown, typed_ms, form, rate, pace = measured
    known: Mode = mode
    return GateState(
        version=version,
        mode=known,
        opens_ms=opens_ms,
        tau=tau,
        next_tau=next_tau,
        next_from_ms=next_from_ms,
        window=allowed / 1000,
        called=called / 1000,
        typing=typing / 1000,
        passed=passed,
        shown=shown,
        typed_ms=typed_ms,
        form=form / 1000,
        rate=rate / 1000,
        pace=pace / 1000,
        ticked_ms=ticked_ms,
    )


def _report(row: Row) -> Report:
    node, seen_ms, capacity, queued, idle, room, passed, shown, typed_ms = row
    return Report(node, seen_ms, capacity / 1000, queued, idle / 1000, room, passed, shown, typed_ms)
