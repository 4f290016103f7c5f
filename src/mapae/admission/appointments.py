"""When holders of tickets were told to ask again, so that whoever asks much sooner gains nothing by it.

Nobody is remembered for long: the room is fixed, and whoever is told next may take another's cell. Then that one is
answered as if they had come as told, which harms nobody.
"""

from __future__ import annotations

from array import array

CELLS = 16_384
GRACE_MS = 500
"""So much sooner is still as told: clocks differ, and seconds are rounded."""


class Appointments:
    """Of one process."""

    __slots__ = ("_when", "_whose")

    def __init__(self) -> None:
        self._whose = array("q", bytes(8 * CELLS))
        self._when = array("q", bytes(8 * CELLS))

    def make(self, holder: int, at_ms: int) -> None:
        """Note that `holder`, the 64-bit hash of a ticket's number, was told to come again at `at_ms`."""
        cell = holder % CELLS
        self._whose[cell], self._when[cell] = holder, at_ms

    def early_ms(self, holder: int, now_ms: int) -> int:
        """Return by how many milliseconds `holder` comes too soon; 0 for whoever does not."""
        cell = holder % CELLS
        if self._whose[cell] != holder:
            return 0
        early_ms = self._when[cell] - now_ms
        return early_ms if early_ms > GRACE_MS else 0
