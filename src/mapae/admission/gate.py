"""The gate: how far the waiting line is let in, decided twice a second from what the nodes have measured.

Somebody is let in when their place is at or before the serving time `tau`. `tau` only moves forward, so a place is
never lost and nobody is overtaken; it is kept in the database before anybody is let in by it, so a crash changes
nothing. A new `tau` says from which moment it counts, half a second ahead: by then every node has read it, and a node
that has not read for so long knows that it does not know.

How many are let in follows from what is measured. So many people may be on their way from the line to a hashing thread
that the threads stay busy and their queue stays short: when the queue runs dry more may be on their way, when it grows
fewer. People who never come cost nothing, because nobody waits for them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from mapae.admission.line import Line

NOTICE_MS = 500
"""From the decision to move `tau` to the moment it counts; also how long what a node has read stays certain."""
REPORT_LIFE_MS = 3_000
"""A node that has not reported for so long takes no part."""
FRESH_MS = 300
"""How long it may take until everybody who came is counted by everybody."""
HASTE = 1.6
"""The line is never let in faster than so many times the pace, so that whoever is told when to ask again by
`waiting.interval` is not called up much before that."""

_TARGET = 0.4
"""How full the hash queue should be: full enough to survive a lull, empty enough to take a rush."""
_GAIN = 0.06
"""Of the capacity, by which the number on their way grows or shrinks in a second while the queue misses its target;
small, because people take ten seconds and more to fill in a form."""
_IDLE_GAIN = 2.0
"""The same for threads that have nothing to do: what they have lost already is made good."""
_FIRST_SECONDS = 3.0
"""Seconds of capacity that are on their way at first: the way from one poll to the next and to a thread."""
_SURE = 0.8
"""Of the time people take over the form: so much of it is always on its way, or the threads would run dry later."""
_FULL = 0.3
"""The part of that which stays while the queue is longer than its target: the threads will not run dry so soon."""
_SAVED_SECONDS = 4.0
"""How long the line may go at its fastest until the number on their way is as great as it may be."""
_MOST_SECONDS = 300.0
_TAB_SECONDS = 3.0
"""Who is let in asks again within about a second; whoever does not has closed the window, and is soon forgotten."""
_FORM_SECONDS = 200.0
"""Whoever has a pass fills in a form; whoever finds the queue full comes back meanwhile and is not to be forgotten."""
_RATE_SECONDS = 20.0
_PACE_SECONDS = 200.0
"""A faster line is trusted by and by: people far back were told when to return by the slower one."""
_PAUSE_MS = 10_000
"""After such a pause the gate begins anew: there was no line."""

Mode = Literal["open", "closed", "draining"]
"""`open`: a line forms when it must. `closed`: everybody waits. `draining`: the line is let in, nobody joins it."""


@dataclass(frozen=True, slots=True)
class GateState:
    """The one row that all nodes share.

    Attributes:
        version: raised by every change.
        mode: what the operator wants.
        opens_ms: when a closed gate opens by itself.
        tau: places up to here are let in.
        next_tau: the same from `next_from_ms` on.
        window: how many people may be on their way.
        called: how many were let in and have not asked again since, as far as is known.
        typing: how many have their pass and have not signed in yet, as far as is known.
        passed: passes handed out, as of the last decision.
        shown: sign-ins of people from the line that reached the hash queue, as of the last decision.
        typed_ms: milliseconds between pass and sign-in, of all of them together, as of the last decision.
        form: seconds between pass and sign-in, smoothed.
        rate: people let in per second, smoothed.
        pace: people a second, by which poll intervals are reckoned: the capacity, or more while many never come.
        ticked_ms: when the last decision was made, or an opening was announced; also the least the arrivals' clock may
            show.
    """

    version: int = 0
    mode: Mode = "open"
    opens_ms: int | None = None
    tau: int = 0
    next_tau: int = 0
    next_from_ms: int = 0
    window: float = 0.0
    called: float = 0.0
    typing: float = 0.0
    passed: int = 0
    shown: int = 0
    typed_ms: int = 0
    form: float = 0.0
    rate: float = 0.0
    pace: float = 0.0
    ticked_ms: int = 0

    def tau_at(self, now_ms: int) -> int:
        """Return the serving time that counts at `now_ms`."""
        return self.next_tau if now_ms >= self.next_from_ms else self.tau

    def mode_at(self, now_ms: int) -> Mode:
        """Return the mode at `now_ms`: a schedule may have opened the gate."""
        if self.mode == "closed" and self.opens_ms is not None and now_ms >= self.opens_ms:
            return "open"
        return self.mode


@dataclass(frozen=True, slots=True)
class Report:
    """What one node has measured.

    Attributes:
        node: which.
        seen_ms: when.
        capacity: hashes per second.
        queued: hashes that wait for a thread.
        idle: the part of its threads that had nothing to do, 0 to 1.
        room: how many may wait for a thread.
        passed: people from the line who were given a pass, since the node began.
        shown: sign-ins of people from the line that reached the hash queue, since the node began.
        typed_ms: milliseconds between their passes and that, of all of them together.
    """

    node: str
    seen_ms: int
    capacity: float
    queued: int
    idle: float
    room: int
    passed: int
    shown: int
    typed_ms: int


def advance(state: GateState, line: Line, reports: Sequence[Report], *, now_ms: int) -> GateState:
    """Return the state after a decision: `tau` as far as the capacity allows.

    Args:
        line: settled.
        now_ms: milliseconds of the arrivals' clock; not before `state.next_from_ms`.
    """
    live = [report for report in reports if now_ms - report.seen_ms <= REPORT_LIFE_MS]
    capacity = sum(report.capacity for report in live)
    passed, shown = sum(report.passed for report in reports), sum(report.shown for report in reports)
    typed_ms = sum(report.typed_ms for report in reports)
    moved = replace(
        state,
        version=state.version + 1,
        tau=state.next_tau,
        next_from_ms=now_ms + NOTICE_MS,
        ticked_ms=max(now_ms, state.ticked_ms),
        passed=passed,
        shown=shown,
        typed_ms=typed_ms,
    )
    if state.mode_at(now_ms) == "closed" or capacity <= 0:
        return replace(moved, rate=0.0)
    if now_ms - state.ticked_ms > _PAUSE_MS or state.pace <= 0:
        begun = replace(
            moved, window=capacity * (_FIRST_SECONDS + state.form), called=0.0, typing=0.0, rate=capacity, pace=capacity
        )
        return _let_in(begun, line, live, elapsed=NOTICE_MS / 1000)
    elapsed = max(0, now_ms - state.ticked_ms) / 1000
    newly_passed, newly_shown = max(0, passed - state.passed), max(0, shown - state.shown)
    form = state.form
    if newly_shown and typed_ms > state.typed_ms:
        seconds = (typed_ms - state.typed_ms) / newly_shown / 1000
        form += (seconds - form) * min(1.0, newly_shown / (capacity * _RATE_SECONDS))
    moved = replace(
        moved,
        window=_window(state.window, live, capacity, least=capacity * (1 + _SURE * form), elapsed=elapsed),
        called=max(0.0, state.called * _kept(elapsed, _TAB_SECONDS) - newly_passed),
        typing=max(0.0, state.typing * _kept(elapsed, _FORM_SECONDS) + newly_passed - newly_shown),
        form=form,
        pace=min(max(capacity, state.rate), state.pace * (1 + elapsed / _PACE_SECONDS)),
    )
    return _let_in(moved, line, live, elapsed=elapsed)


def _kept(elapsed: float, seconds: float) -> float:
    """Return which part still counts after `elapsed` of what is forgotten within `seconds`."""
    return max(0.0, 1 - elapsed / seconds)


def _window(window: float, live: Sequence[Report], capacity: float, *, least: float, elapsed: float) -> float:
    """Return how many may be on their way from now on."""
    idle = sum(report.capacity * report.idle for report in live) / capacity
    fill = sum(report.queued for report in live) / max(1, sum(report.room for report in live))
    grown = capacity * elapsed * (_IDLE_GAIN * idle + _GAIN * (_TARGET - fill) / _TARGET)
    return min(max(window + grown, least if fill <= _TARGET else _FULL * least), capacity * _MOST_SECONDS)


def _let_in(state: GateState, line: Line, live: Sequence[Report], *, elapsed: float) -> GateState:
    # Whoever makes the queue longer than it should be is on their way as well: nobody is to find it full.
    excess = max(0.0, sum(report.queued - _TARGET * report.room for report in live))
    on_the_way = state.called + state.typing + excess
    # What cannot be used soon is not saved up, or a great many would be let in as soon as the line may go faster.
    window = min(state.window, on_the_way + HASTE * state.pace * _SAVED_SECONDS)
    people = min(max(0.0, window - on_the_way), HASTE * state.pace * elapsed)
    reached = line.advanced(state.next_tau, people)
    if reached is None:  # everybody who is known
        reached = max(state.next_tau, line.end)
        if line.beyond(state.next_tau) + line.beyond((state.ticked_ms - FRESH_MS) * 1000) > people:
            # People are coming so fast that many more may stand in the last bucket than have been counted.
            reached = max(state.next_tau, min(line.end, (state.ticked_ms - FRESH_MS) * 1000))
        people = line.before(reached) - line.before(state.next_tau)
    weight = min(1.0, elapsed / _RATE_SECONDS)
    return replace(
        state,
        next_tau=reached,
        window=window,
        called=state.called + people,
        rate=state.rate + weight * (people / max(elapsed, 0.001) - state.rate),
    )
