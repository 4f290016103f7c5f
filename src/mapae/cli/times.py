"""Moments and lengths of time in words."""

from __future__ import annotations

from datetime import UTC, datetime

from mapae.cli.language import say

_UNITS = ((86_400, "d", "일"), (3600, "h", "시간"), (60, "min", "분"), (1, "s", "초"))


def moment(seconds: float) -> str:
    """Write a moment as 2026-11-23 16:41:07 UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def moment_ms(milliseconds: int | None) -> str:
    """Write a moment given in milliseconds, or "-" for none."""
    return "-" if milliseconds is None else moment(milliseconds // 1000)


def length(seconds: float) -> str:
    """Write a length of time with its two greatest units: 4 min 12 s."""
    left = round(abs(seconds))
    if left >= 10 * 365 * 86_400:
        years = left // (365 * 86_400)
        return say(f"{years} years", f"{years}년")
    parts = []
    for size, en, ko in _UNITS:
        count, left = divmod(left, size)
        if count:
            parts.append(say(f"{count} {en}", f"{count}{ko}"))
        elif parts:
            break
    return " ".join(parts[:2]) or say("0 s", "0초")


def relative(seconds: float, now: float) -> str:
    """Say how far a moment lies from `now`: "in 5 min 48 s", "4 min 12 s ago"."""
    apart = length(seconds - now)
    return say(f"in {apart}", f"{apart} 뒤") if seconds > now else say(f"{apart} ago", f"{apart} 전")
