"""Remember what was used once, for as long as it could be used again, in bounded memory (RFC 9449 §11.1)."""

from __future__ import annotations

from hashlib import sha256
from math import ceil

from mapae.errors import Busy, Replayed

CAPACITY = 100_000
"""Proofs at a time; about 10 MB."""


class Replays:
    """A bounded memory of single uses. It reads no clock; every call says what time it is.

    When it is full of uses that could still come again, new ones are turned away: to forget one would be to allow it.
    """

    __slots__ = ("_capacity", "_count", "_forgotten", "_used")

    def __init__(self, capacity: int = CAPACITY) -> None:
        """Start with nothing remembered.

        Args:
            capacity: how many uses may be remembered at a time.

        Raises:
            ValueError: `capacity` is not positive.
        """
        if capacity < 1:
            raise ValueError("capacity is at least 1")
        self._capacity = capacity
        self._count = 0
        self._used: dict[int, set[bytes]] = {}
        self._forgotten = -1

    def __len__(self) -> int:
        return self._count

    def use(self, *parts: str, until: float, now: float) -> None:
        """Take note of a use.

        Args:
            *parts: what together is unique, such as the key and the id of a proof.
            until: when it can no longer be used anyway, in seconds since 1970; the same at each attempt.
            now: seconds since 1970.

        Raises:
            Replayed: it was used before, or so long ago that nobody remembers.
            Busy: the memory is full; `retry_after` says when it is no longer.
        """
        self.forget(now)
        second = ceil(until)
        if second <= self._forgotten:
            raise Replayed("too old to tell whether it was used before", claim="jti")
        use = sha256("".join(f"{len(part)}:{part}" for part in parts).encode("utf-8", "surrogatepass")).digest()[:16]
        used = self._used.setdefault(second, set())
        if use in used:
            raise Replayed("was used before", claim="jti")
        if self._count >= self._capacity:
            raise Busy("too many proofs at a time", retry_after=max(1, ceil(min(self._used) - now)))
        used.add(use)
        self._count += 1

    def forget(self, now: float) -> None:
        """Forget what can no longer be used; a clock that is set back brings nothing of it back."""
        for second in [second for second in self._used if second < now]:
            self._count -= len(self._used.pop(second))
            self._forgotten = max(self._forgotten, second)
