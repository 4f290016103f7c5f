"""What this process has counted, for the metrics page to show.

Flows count here and know nothing of Prometheus; the web room turns the counts into its text.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field
from functools import cache

Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """What is counted by itself: a name and its labels, sorted. There is one object for each, which hashes at once."""

    name: str
    labels: Labels


@cache
def series(name: str, **labels: str) -> Series:
    """Return the series `name` with these labels; the same object whenever it is asked for."""
    return _one(name, tuple(sorted(labels.items())))


@cache
def _one(name: str, labels: Labels) -> Series:
    return Series(name, labels)


BOUNDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Seconds: the upper bounds of a histogram's buckets."""


@dataclass(slots=True)
class Histogram:
    """How long something took, in seconds.

    Attributes:
        buckets: how many were at most each bound of `BOUNDS` and more than the bound before; the last for the rest.
    """

    buckets: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS) + 1))
    total: float = 0.0

    def observe(self, seconds: float) -> None:
        """Add one observation."""
        self.buckets[bisect_left(BOUNDS, seconds)] += 1
        self.total += seconds

    def within(self, share: float, *, least: int) -> float | None:
        """Return the seconds within which `share` of the observations lie, rounded up to a bound of `BOUNDS`.

        None when there are fewer than `least` of them, or when the seconds are beyond the last bound.
        """
        number, reached = sum(self.buckets), 0
        if number < least:
            return None
        for bound, bucket in zip(BOUNDS, self.buckets, strict=False):
            reached += bucket
            if reached >= share * number:
                return bound
        return None


@dataclass(slots=True)
class Tally:
    """Counters of one process since it started.

    Attributes:
        counts: by series; only ever grows.
        observations: by name, how long they took.
    """

    counts: Counter[Series] = field(default_factory=Counter)
    observations: dict[str, Histogram] = field(default_factory=dict)

    def count(self, name: str, **labels: str) -> None:
        """Add one to the counter `name` with these labels."""
        self.counts[series(name, **labels)] += 1

    def observe(self, name: str, seconds: float) -> None:
        """Add one observation to the histogram `name`."""
        self.observations.setdefault(name, Histogram()).observe(seconds)
