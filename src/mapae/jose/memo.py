"""Remember what a verifier has verified, within a bound on memory.

Two generations: when the younger has filled half the bound, the older is dropped whole. Only whole tokens that were
verified enter, and what is kept says when it is valid; the verifier asks every time.
"""

from __future__ import annotations

from typing import Any, NamedTuple


class Verified(NamedTuple):
    """A verified token.

    Attributes:
        claims: what `verify` returned, or the payload to decode anew where that can be changed.
        valid_from: the first moment, in seconds, with the leeway counted in.
        valid_until: the end, in seconds, with the leeway counted in.
    """

    claims: Any
    valid_from: float
    valid_until: float


class Memo:
    """Verified tokens of one verifier, bounded in bytes."""

    __slots__ = ("_half", "_used", "older", "younger")

    def __init__(self, max_bytes: int) -> None:
        """Keep at most about `max_bytes` of memory; 0 keeps nothing."""
        self.younger: dict[str, Verified] = {}
        self.older: dict[str, Verified] = {}
        self._half = max_bytes // 2
        self._used = 0

    @property
    def remembers(self) -> bool:
        """Whether anything is kept at all."""
        return self._half > 0

    def __len__(self) -> int:
        return len(self.younger) + len(self.older)

    def add(self, token: str, verified: Verified) -> None:
        """Remember a token, forgetting older ones where the bound demands it."""
        cost = cost_of(token)
        if cost > self._half:
            return
        if self._used + cost > self._half:
            self.older, self.younger, self._used = self.younger, {}, 0
        self.younger[token] = verified
        self._used += cost

    def emptied(self) -> Memo:
        """Return a new, empty memo with the same bound."""
        return Memo(self._half * 2)

    def drop(self, token: str) -> None:
        """Forget a token that has expired."""
        if self.younger.pop(token, None) is not None:
            self._used -= cost_of(token)
        self.older.pop(token, None)


def cost_of(token: str) -> int:
    """Estimate the bytes that a token and its claims take: the text, its decoded members and the containers."""
    return 4 * len(token) + 1024
