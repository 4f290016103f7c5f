"""What somebody who waits is told: how many are before them, when to ask again, and about how long it takes."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

LEAST_INTERVAL = 1
MOST_INTERVAL = 60
STANDING_SECONDS = 10
"""While the line stands still and nobody knows until when, it is taken to go on after so long."""
_SHARE = 0.6
"""Of the wait, after which the next look comes: in time even when the line is let in with `gate.HASTE`."""
_LEAST_FACTOR, _MOST_FACTOR = 0.6, 1.2
"""How far the true wait may lie from what today's rate promises: less, because people ahead give up."""


@dataclass(frozen=True, slots=True)
class Admitted:
    """The holder may sign in now."""


class Held(msgspec.Struct, frozen=True, gc=False):
    """The holder waits.

    Attributes:
        ahead: how many are before the holder, those who may have given up included.
        interval: seconds after which to ask again.
        wait: seconds, least and most; None while the line stands still.
    """

    ahead: int
    interval: int
    wait: tuple[int, int] | None


def interval(ahead: float, *, pace: float, opens_in: float, lot: float) -> int:
    """Return after how many seconds to ask again.

    Args:
        ahead: people before the holder.
        pace: people let in per second, as far as the holder may count on it.
        opens_in: seconds until anybody is let in.
        lot: a random number from 0 up to 1: it spreads those who were told the same over a seventh of the interval.
    """
    seconds = opens_in + (_SHARE * ahead / pace if pace > 0 else MOST_INTERVAL)
    return max(LEAST_INTERVAL, int(min(seconds, MOST_INTERVAL) * (1 - 0.15 * lot)))


def estimate(ahead: float, *, rate: float, opens_in: float) -> tuple[int, int] | None:
    """Return the least and the most seconds the wait is likely to take; None when nobody is being let in.

    Args:
        rate: people let in per second of late.
    """
    if rate <= 0:
        return None
    seconds = ahead / rate
    return int(opens_in + seconds * _LEAST_FACTOR), int(opens_in + seconds * _MOST_FACTOR) + 2
