"""How many stand where: arrivals counted in buckets of a tenth of a second, by every node, merged without order.

A count only ever grows, so reports of other nodes may come late, twice or in any order; the greatest is true. Memory
and storage depend on how long the line is in time, never on how many people stand in it.

A place is a number of microseconds since 1970. Within its bucket everybody's place is random: that is fair within
a tenth of a second, and it makes any part of a bucket hold that part of its people, however suddenly they came.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from itertools import accumulate
from math import ceil
from typing import NamedTuple

BUCKET_MS = 100
"""Milliseconds of arrivals that are counted together."""
BUCKET = BUCKET_MS * 1000
"""The same in the unit of places."""


class Arrivals(NamedTuple):
    """How many people one node has given a place in one bucket.

    Attributes:
        node: which node counted.
        bucket: tenths of a second since 1970.
        people: so far; only ever grows.
    """

    node: str
    bucket: int
    people: int


def place_of(arrived_ms: int, lot: int) -> int:
    """Return the place of somebody who came at `arrived_ms`, with a random number `lot` that is theirs alone."""
    return arrived_ms // BUCKET_MS * BUCKET + lot % BUCKET


class Line:
    """The merged counts of all nodes. Questions are answered as of the last `settle`."""

    __slots__ = ("_buckets", "_counts", "_dropped", "_floor", "_known", "_pending", "_upto", "total")

    def __init__(self) -> None:
        """Begin with an empty line.

        Attributes:
            total: how many have ever been counted, always up to date.
        """
        self._known: dict[int, dict[str, int]] = {}
        self._pending: dict[int, int] = {}
        self._buckets: list[int] = []
        self._counts: list[int] = []
        self._upto: list[int] = []  # people in this bucket and all before it, since the beginning
        self._floor = 0
        self._dropped = 0  # people in the buckets that were forgotten
        self.total = 0

    def count(self, node: str, bucket: int, people: int) -> None:
        """Take in that `node` has counted `people` in `bucket` so far; an older report changes nothing."""
        if bucket < self._floor:
            return
        nodes = self._known.setdefault(bucket, {})
        more = people - nodes.get(node, 0)
        if more > 0:
            nodes[node] = people
            self._pending[bucket] = self._pending.get(bucket, 0) + more
            self.total += more

    def merge(self, arrivals: Iterable[Arrivals]) -> None:
        """Take in what nodes have counted, and settle."""
        for node, bucket, people in arrivals:
            self.count(node, bucket, people)
        self.settle()

    def settle(self) -> None:
        """Let questions see everything that was counted."""
        if not self._pending:
            return
        buckets, counts = self._buckets, self._counts
        first = len(buckets)
        for bucket, more in sorted(self._pending.items()):
            at = bisect_left(buckets, bucket)
            if at < len(buckets) and buckets[at] == bucket:
                counts[at] += more
            else:
                buckets.insert(at, bucket)
                counts.insert(at, more)
            first = min(first, at)
        self._pending.clear()
        before = self._upto[first - 1] if first else self._dropped
        del self._upto[first:]
        self._upto.extend(accumulate(counts[first:], initial=before))
        del self._upto[first]  # `initial` itself

    def before(self, place: int) -> float:
        """Return how many stand before `place`, since the beginning; within a bucket, in proportion."""
        at = bisect_left(self._buckets, place // BUCKET)
        if at == len(self._buckets):
            return self._upto[-1] if self._upto else self._dropped
        behind = self._upto[at] - self._counts[at]
        if self._buckets[at] * BUCKET >= place:
            return behind
        return behind + self._counts[at] * (place % BUCKET) / BUCKET

    def ahead(self, place: int, *, tau: int) -> float:
        """Return how many stand between `tau` and `place`.

        Before whoever has just come stand also those who are not settled yet, some of whom came after them: a number
        that can only get smaller.
        """
        ahead = self.before(place) - self.before(tau)
        bucket = place // BUCKET
        if self._pending and (not self._buckets or bucket > self._buckets[-1]):
            ahead += sum(people for each, people in self._pending.items() if each <= bucket) - 1  # the holder
        return max(0.0, ahead)

    def beyond(self, place: int) -> float:
        """Return how many stand after `place`, those included who have not been settled yet."""
        return self.total - self.before(place)

    @property
    def end(self) -> int:
        """The place behind everybody; 0 while nobody is known."""
        return (self._buckets[-1] + 1) * BUCKET if self._buckets else 0

    def advanced(self, place: int, people: float) -> int | None:
        """Return the place that lies `people` people behind `place`; None when fewer stand there."""
        wanted = self.before(place) + people
        at = bisect_left(self._upto, wanted)
        if at == len(self._upto):
            return None
        behind = self._upto[at] - self._counts[at]
        return max(place, self._buckets[at] * BUCKET + ceil(max(0.0, wanted - behind) / self._counts[at] * BUCKET))

    def forget(self, place: int) -> None:
        """Drop the buckets that end at or before `place`: everybody there has been let in."""
        floor = place // BUCKET
        if floor <= self._floor:
            return
        self.settle()
        self._floor = floor
        at = bisect_left(self._buckets, floor)
        if at:
            self._dropped = self._upto[at - 1]
        for bucket in self._buckets[:at]:
            del self._known[bucket]
        del self._buckets[:at], self._counts[:at], self._upto[:at]
