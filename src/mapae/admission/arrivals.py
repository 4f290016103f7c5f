"""The clock that dates arrivals: the database's time, never set back, the same on every node within milliseconds.

Everybody's place follows from this clock, so it must not jump back when the machine's clock is corrected: a newcomer
would stand before those who wait. Nodes hear of a correction one after the other, and still have to agree within
milliseconds: so the clock runs a little slower or faster until it is right. Only when the source is far ahead, the
clock follows at once.
"""

from __future__ import annotations

_SLEW = 0.1
"""How much faster or slower than the source the clock may run while it is wrong."""
_STEP_MS = 2_000
"""When the source is further ahead than this, the clock follows at once."""


class ArrivalClock:
    """Milliseconds since 1970, as told by a source that is asked now and then, and a monotonic clock in between."""

    __slots__ = ("_shown_at", "_shown_ms", "_source_at", "_source_ms")

    def __init__(self) -> None:
        self._source_ms = self._source_at = 0.0
        self._shown_ms = self._shown_at = 0.0

    def correct(self, source_ms: float, *, monotonic: float) -> None:
        """Take over the source's time.

        Args:
            source_ms: what the source showed.
            monotonic: seconds of the monotonic clock when it did.
        """
        self._show(monotonic)
        self._source_ms, self._source_at = source_ms, monotonic

    def raise_to(self, least_ms: float, *, monotonic: float) -> None:
        """Show at least `least_ms` from now on: another node has dated arrivals up to there."""
        self._show(monotonic)
        self._shown_ms = max(self._shown_ms, least_ms)

    def now_ms(self, monotonic: float) -> int:
        """Return the time at `monotonic` seconds of the monotonic clock."""
        return int(self._show(monotonic))

    def _show(self, monotonic: float) -> float:
        passed = 0.0
        if monotonic > self._shown_at:
            passed, self._shown_at = (monotonic - self._shown_at) * 1000, monotonic
        shown = self._shown_ms + passed
        error, most = self._source_ms + (monotonic - self._source_at) * 1000 - shown, passed * _SLEW
        if error > _STEP_MS or -most <= error <= most:
            shown += error
        else:
            shown += most if error > 0.0 else -most
        self._shown_ms = shown
        return shown
