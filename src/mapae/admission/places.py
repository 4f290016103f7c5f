"""How many places in the line one network may take: enough for an office at once, then one after the other.

A ticket costs its taker nothing, so somebody who asks for thousands could make the line look longer than it is until
it has passed over them. Whoever has a place keeps it; only the next one of the same network comes a little later.
"""

from __future__ import annotations

SHARE = 0.25
"""Of the capacity, at which a network may take places without end."""
AT_ONCE_SECONDS = 16.0
"""Seconds of the capacity that a network may take as places at once; the line passes over them in ten seconds."""
LEAST_AT_ONCE = 30
_REMEMBERED = 20_000


class Places:
    """What one process has given out; each gives out by its own capacity, so that all together keep to the share."""

    __slots__ = ("_rested_ms",)

    def __init__(self) -> None:
        self._rested_ms: dict[str, float] = {}  # by network: when it may take as many at once as at first

    def take(self, network: str, *, capacity: float, now_ms: int) -> float:
        """Take one place for `network`: return 0.0, or after how many seconds there is one, and take none.

        Args:
            capacity: hashes per second of this process.
            now_ms: milliseconds of a clock that is never set back.
        """
        each_ms = 1_000 / (SHARE * max(capacity, 0.1))
        most_ms = each_ms * max(LEAST_AT_ONCE, AT_ONCE_SECONDS * capacity)
        rested_ms = max(self._rested_ms.pop(network, 0.0), float(now_ms)) + each_ms
        over_ms = rested_ms - now_ms - most_ms
        self._rested_ms[network] = rested_ms if over_ms <= 0 else rested_ms - each_ms
        while len(self._rested_ms) > _REMEMBERED:
            del self._rested_ms[next(iter(self._rested_ms))]
        return max(0.0, over_ms) / 1_000
