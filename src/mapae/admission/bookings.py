"""When whoever was let in and found the hash queue full is to come back: one after the other, as fast as it empties.

Told to come back in a second or two, all of them would come again and again, and where there is one core for everything
their refusals would take it from the threads that hash. So each is told a moment of its own: however many were let in
too early, no more come back in a second than can be served in it.
"""

from __future__ import annotations

from itertools import takewhile

FIRST_SECONDS = 1.0
"""The first may come so soon: a queue that has just been full is half empty by then."""
MOST_SECONDS = 60.0
"""The last is told at most so many: what a thread needs is measured, and may have been measured too high."""


class Bookings:
    """Of one process; its times are seconds of any clock that is never set back."""

    __slots__ = ("_last", "_moments")

    def __init__(self) -> None:
        """Begin with nobody."""
        self._moments: dict[bytes, float] = {}  # the earliest first
        self._last = 0.0

    def book(self, holder: bytes, now: float, *, capacity: float) -> float:
        """Return after how many seconds `holder` is to come back; whoever asks before that is told the same moment.

        Args:
            holder: the number of a ticket; one that is not signed could make the others wait for nobody.
            capacity: passwords that this process checks in a second.
        """
        moment = self._moments.get(holder, 0.0)
        if moment <= now:
            self._forget_past(now)
            moment = min(max(self._last, now + FIRST_SECONDS) + 1 / capacity, now + MOST_SECONDS)
            self._last = moment
            self._moments[holder] = moment
        return moment - now

    def __len__(self) -> int:
        """Return how many are remembered: those who are still to come, and a few whose moment has just passed."""
        return len(self._moments)

    def _forget_past(self, now: float) -> None:
        for holder in [*takewhile(lambda each: self._moments[each] <= now, self._moments)]:
            del self._moments[holder]
