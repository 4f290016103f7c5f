"""What operators do with the gate: look at it, open, close and drain it, and announce when it opens."""

from __future__ import annotations

from dataclasses import dataclass, replace

from mapae.accounts.activity import Activity, Event
from mapae.admission.gate import GateState, Mode
from mapae.errors import Conflict
from mapae.flows import gate
from mapae.flows.service import Service
from mapae.storage import activity
from mapae.storage import gate as rows

TRIES = 10
"""Decisions of a busy gate come twice a second; one of several attempts falls between two of them."""
_EVENTS: dict[Mode, Event] = {"open": "gate_opened", "closed": "gate_closed", "draining": "gate_drained"}


@dataclass(frozen=True, slots=True)
class GateStatus:
    """How the gate stands.

    Attributes:
        mode: what counts now.
        opens_ms: when a closed gate opens by itself.
        waiting: people in the line.
        rate: people let in per second.
        capacity: hashes per second of all nodes that report, or of this machine where none does.
        nodes: how many report.
    """

    mode: Mode
    opens_ms: int | None
    waiting: int
    rate: float
    capacity: float
    nodes: int


async def gate_status(service: Service) -> GateStatus:
    """Return how the gate stands, from what the nodes have written down."""
    await gate.look(service)
    here = service.gate
    now_ms, state, waiting = here.now_ms(), here.keeper.state, here.keeper.waiting(here.now_ms())
    return GateStatus(
        mode=state.mode_at(now_ms),
        opens_ms=state.opens_ms if state.mode_at(now_ms) == "closed" else None,
        waiting=waiting,
        rate=state.rate if waiting else 0.0,
        capacity=here.keeper.capacity,
        nodes=sum(now_ms - report.seen_ms < 3_000 for report in here.reports),
    )


async def set_gate(service: Service, mode: Mode, *, opens_ms: int | None = None) -> None:
    """Open, close or drain the gate, on every node within a second; put it on record.

    Args:
        opens_ms: for a closed gate, when it opens by itself; whoever comes before gets a place drawn by lot.

    Raises:
        Conflict: decisions came in between again and again.
    """
    event: Event = "gate_scheduled" if opens_ms is not None else _EVENTS[mode]
    for attempt in range(TRIES):
        state = await _state(service)
        changed = replace(state, version=state.version + 1, mode=mode, opens_ms=opens_ms)
        if opens_ms is not None:
            changed = replace(changed, ticked_ms=max(state.ticked_ms, service.gate.now_ms()))
        record = activity.recorded(Activity(service.now_ms(), event, "ok", device="mapae CLI"))
        try:
            await rows.replace_state(service.database, changed, also=(record,))
        except Conflict:
            if attempt == TRIES - 1:
                raise
        else:
            return


async def _state(service: Service) -> GateState:
    await gate.look(service)
    return service.gate.keeper.state
