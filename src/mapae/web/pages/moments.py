"""Times and durations in the words of a language."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from markupsafe import Markup

from mapae.web.pages.texts import texts

KST = timezone(timedelta(hours=9))
MINUTE, HOUR, DAY = 60, 3600, 86_400


def moment(at_ms: int, language: str) -> Markup:
    """Return a `time` element: Korean in Korea's time with its offset, English in UTC; a script may localise it."""
    return Markup('<time datetime="{}" data-local>{}</time>').format(
        datetime.fromtimestamp(at_ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"), moment_text(at_ms, language)
    )


def moment_text(at_ms: int, language: str) -> str:
    """Return the moment in words, such as `2026. 11. 23. 오후 4:41 (UTC+9)`."""
    if language == "ko":
        at = datetime.fromtimestamp(at_ms // 1000, KST)
        half = "오전" if at.hour < 12 else "오후"
        return f"{at.year}. {at.month}. {at.day}. {half} {at.hour % 12 or 12}:{at.minute:02} (UTC+9)"
    at = datetime.fromtimestamp(at_ms // 1000, UTC)
    return f"{at.day} {at:%b %Y, %H:%M} UTC"


def duration(seconds: int, language: str) -> str:
    """Return a duration in its largest unit, rounded up so that nobody comes back too early."""
    for name, size in (("days", DAY), ("hours", HOUR), ("minutes", MINUTE)):
        if seconds >= size:
            return texts().say(f"duration.{name}", language, n=-(-seconds // size))
    return texts().say("duration.seconds", language, n=max(1, seconds))


def duration_range(seconds: tuple[int, int], language: str) -> str:
    """Return a span such as `2–4 minutes` in the largest unit of its end; both are rounded away from each other."""
    least, most = max(1, seconds[0]), max(1, *seconds)
    sizes = (("days", DAY), ("hours", HOUR), ("minutes", MINUTE))
    name, size = next((each for each in sizes if most >= each[1]), ("seconds", 1))
    first, last = max(1, least // size), -(-most // size)
    return texts().say(f"duration.{name}", language, n=last if first == last else f"{first}–{last}")


def ago(at_ms: int, now_ms: int, language: str) -> str:
    """Return how long ago `at_ms` was; a moment ahead of the clock is now."""
    seconds = max(0, now_ms - at_ms) // 1000
    for name, size in (("days", DAY), ("hours", HOUR), ("minutes", MINUTE)):
        if seconds >= size:
            return texts().say(f"ago.{name}", language, n=seconds // size)
    return texts().say("ago.now", language)
