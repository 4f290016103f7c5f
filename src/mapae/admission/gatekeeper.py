"""What one node knows of the gate, and what it answers from that; it reads no clock, no database and no dice.

The flows feed it with what they read and write down what it counts; the simulation does the same with a made-up
network, so that what is proven there is what runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mapae.admission.arrivals import ArrivalClock
from mapae.admission.gate import FRESH_MS, NOTICE_MS, GateState, Mode, Report, advance
from mapae.admission.line import BUCKET_MS, Arrivals, Line
from mapae.admission.waiting import STANDING_SECONDS, Admitted, Held, estimate, interval

_MOMENT_MS = 800
_MARGIN_MS = 10_000
"""The database's clock was set back and this process is new: nobody knows how far the others had dated arrivals."""


class Gatekeeper:
    """One node's view.

    Attributes:
        node: the name it counts under, new for each life of a process.
        state: the shared row as it was last read.
        line: the merged counts.
        clock: dates arrivals.
        capacity: hashes per second, as far as this node knows, until the first decision says those of all nodes.
    """

    def __init__(self, node: str) -> None:
        self.node = node
        self.state = GateState()
        self.line = Line()
        self.clock = ArrivalClock()
        self.capacity = 0.0
        self._own: dict[int, int] = {}
        self._unsent: set[int] = set()
        self._read_ms = -NOTICE_MS
        self._certain_from_ms = 0

    def learn(
        self, state: GateState, arrivals: Iterable[Arrivals], *, source_ms: float, asked: float, answered: float
    ) -> None:
        """Take in what was read from the database.

        Args:
            source_ms: the database's own clock when it was read.
            asked: this node's monotonic clock before the reading, in seconds.
            answered: the same after it.
        """
        self.clock.correct(source_ms, monotonic=answered)
        if state.version >= self.state.version:
            self.state = state
        first = not self._certain_from_ms
        behind = first and source_ms < self.state.ticked_ms
        self.clock.raise_to(self.state.ticked_ms + (_MARGIN_MS if behind else 0), monotonic=answered)
        self.line.merge(arrivals)
        now_ms = self.clock.now_ms(answered)
        if first:
            # This node's clock may be behind the one by which somebody was let in before it began.
            self._certain_from_ms = min(now_ms + NOTICE_MS, max(now_ms, self.state.next_from_ms))
        # What was read is certain from the moment of asking, whichever moment between the two it is of.
        self._read_ms = now_ms - int((answered - asked) * 1000)

    def certain(self, now_ms: int) -> bool:
        """Return whether no decision can count at `now_ms` that this node has not read."""
        return self._certain_from_ms <= now_ms < self._read_ms + NOTICE_MS

    def mode(self, now_ms: int) -> Mode:
        """Return what the operator wants at `now_ms`."""
        return self.state.mode_at(now_ms)

    def waiting(self, now_ms: int) -> int:
        """Return how many have a ticket and have not been let in yet."""
        return round(self.line.beyond(self.state.tau_at(now_ms)))

    def free(self, now_ms: int) -> bool:
        """Return whether a newcomer takes nobody's turn: the gate is open, and nobody waits except for a moment yet.

        Those who came within the last second and are about to be let in do not count, or a trickle of people would
        keep the line alive.
        """
        state, line = self.state, self.line
        if state.mode_at(now_ms) != "open" or line.beyond(state.next_tau) >= 1:
            return False
        return now_ms >= state.next_from_ms or line.before((now_ms - _MOMENT_MS) * 1000) - line.before(state.tau) < 1

    def arrive(self, now_ms: int) -> int:
        """Count somebody who joins the line, and return when they count as having come.

        Whoever comes before an announced opening counts as having come just after it was announced: all of them stand
        in one bucket, where the number of a ticket draws its place, and before everybody who comes after the opening,
        however early that is.
        """
        state = self.state
        announced = state.opens_ms is not None and state.mode_at(now_ms) == "closed"
        came_ms = state.ticked_ms + BUCKET_MS if announced else now_ms
        arrived_ms = max(came_ms, state.tau_at(now_ms) // 1000 + BUCKET_MS)
        bucket = arrived_ms // BUCKET_MS
        self._own[bucket] = self._own.get(bucket, 0) + 1
        self._unsent.add(bucket)
        self.line.count(self.node, bucket, self._own[bucket])
        return arrived_ms

    def look(self, place: int, now_ms: int, *, lot: float) -> Admitted | Held:
        """Say whether the holder of `place` may sign in, and if not, when to ask again.

        Args:
            lot: a random number from 0 up to 1, which spreads the polls.
        """
        state = self.state
        tau, mode = state.tau_at(now_ms), state.mode_at(now_ms)
        if place <= tau and mode != "closed":
            return Admitted()
        ahead = self.line.ahead(place, tau=tau)
        if mode == "open" and ahead < 1 and self.certain(now_ms):
            return Admitted()  # the head of the line, or somebody whom a node counted that died before it told
        opens_ms = state.opens_ms if mode == "closed" else now_ms
        opens_in = STANDING_SECONDS if opens_ms is None else max(0, opens_ms - now_ms) / 1000
        pace = state.pace or self.capacity
        rate = pace if mode == "closed" or not state.pace else state.rate
        wait = None if opens_ms is None else estimate(ahead, rate=rate, opens_in=opens_in)
        return Held(int(ahead), interval(ahead, pace=pace, opens_in=opens_in, lot=lot), wait)

    def unsent(self) -> list[Arrivals]:
        """Return what this node has counted and not written down yet, as counts so far."""
        return [Arrivals(self.node, bucket, self._own[bucket]) for bucket in sorted(self._unsent)]

    def sent(self, arrivals: Sequence[Arrivals]) -> None:
        """Note that `arrivals` are written down."""
        self._unsent -= {each.bucket for each in arrivals if self._own[each.bucket] == each.people}

    def due(self, now_ms: int) -> bool:
        """Return whether it is time for a decision: the last one counts, and somebody waits whom all have counted."""
        if now_ms < self.state.next_from_ms or self.mode(now_ms) == "closed":
            return False
        line, let_in = self.line, self.line.before(self.state.next_tau)
        comes_later = line.end > (now_ms + NOTICE_MS) * 1000  # an opening was moved forward
        return line.before((now_ms - FRESH_MS) * 1000) > let_in or (comes_later and line.total > let_in)

    def decide(self, reports: Sequence[Report], *, now_ms: int) -> GateState:
        """Return the decision that this node would write down; see `gate.advance`."""
        self.line.settle()
        return advance(self.state, self.line, reports, now_ms=now_ms)

    def forget(self) -> None:
        """Drop the counts of those who have been let in for good."""
        self.line.forget(self.state.tau)
        floor = self.state.tau // 1000 // BUCKET_MS
        for bucket in [each for each in self._own if each < floor and each not in self._unsent]:
            del self._own[bucket]
