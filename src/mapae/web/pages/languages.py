"""Which language a reader gets: what they ask for now, what they chose before, what their browser prefers."""

from __future__ import annotations

from collections.abc import Sequence


def choose_language(asked: str | None, *, remembered: str | None, accept_language: str, offered: Sequence[str]) -> str:
    """Return one of `offered`.

    Args:
        asked: the value of `?lang=`, where there is one.
        remembered: the value of the language cookie, where there is one.
        accept_language: the header of that name (RFC 9110 §12.5.4), empty when absent.
        offered: the languages that exist; the first is the answer when nothing else decides.
    """
    for choice in (asked, remembered):
        if choice is not None and choice in offered:
            return choice
    for preferred in _by_preference(accept_language):
        if preferred in offered:
            return preferred
    return offered[0]


def _by_preference(accept_language: str) -> list[str]:
    """Return the primary subtags of the header, the most wanted first; ranges that break the grammar are left out."""
    wanted: list[tuple[float, str]] = []
    for part in accept_language[:1000].split(","):
        language_range, _, parameter = part.partition(";")
        weight = _weight(parameter.strip())
        if weight > 0:
            wanted.append((weight, language_range.strip().partition("-")[0].lower()))
    return [language for _, language in sorted(wanted, key=lambda pair: -pair[0])]


def _weight(parameter: str) -> float:
    if not parameter:
        return 1.0
    name, _, value = parameter.partition("=")
    try:
        weight = float(value)
    except ValueError:
        return 0.0
    return weight if name.strip().lower() == "q" and 0 <= weight <= 1 else 0.0
