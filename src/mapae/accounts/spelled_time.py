"""Spell long and short times, and schemes, for people: `95 days`, `95일`."""

from __future__ import annotations

from mapae.accounts.crack_time import Argon2idScheme, BcryptScheme, CrackedScheme, Fast, Pbkdf2Scheme, ScryptScheme

_DAY = 86_400.0
_YEAR = 365.25 * _DAY

_UNITS = (
    (_YEAR, "year", "년"),
    (_DAY, "day", "일"),
    (3_600.0, "hour", "시간"),
    (60.0, "minute", "분"),
    (1.0, "second", "초"),
    (1e-3, "millisecond", "밀리초"),
    (1e-6, "microsecond", "마이크로초"),
)
_ENGLISH_NUMBERS = ((1e15, "quadrillion"), (1e12, "trillion"), (1e9, "billion"), (1e6, "million"))
_KOREAN_NUMBERS = ((1e16, "경"), (1e12, "조"), (1e8, "억"), (1e4, "만"))
_LARGEST_SPELLED = 1e18


def spell(seconds: float, language: str = "en") -> str:
    """Return a time in the largest unit of which there is at least one, to two or three figures.

    Args:
        seconds: 0 or more.
        language: `en` or `ko`.
    """
    size, english, korean = next((unit for unit in _UNITS if _rounded(seconds / unit[0]) >= 1), _UNITS[-1])
    number = _rounded(seconds / size)
    if language == "ko":
        figures, name = _figures(number, _KOREAN_NUMBERS)
        return f"{figures}{name}{' ' if name else ''}{korean}"
    figures, name = _figures(number, _ENGLISH_NUMBERS)
    words = [figures, name, english if number == 1 else english + "s"]
    return " ".join(word for word in words if word)


def spell_scheme(scheme: CrackedScheme) -> str:
    """Return the usual name of a scheme with its parameters; the same in every language."""
    match scheme:
        case Fast(name):
            return name
        case BcryptScheme(cost):
            return f"bcrypt, cost {cost}"
        case Argon2idScheme(memory_kib, time):
            return f"Argon2id, {memory_kib / 1024:g} MiB, t={time}"
        case Pbkdf2Scheme(iterations):
            return f"PBKDF2-SHA256, {iterations:,}"
        case ScryptScheme(n, r, p):
            return f"scrypt, n={n:,} r={r} p={p}"


def _rounded(number: float) -> float:
    """Return `number` to two figures below ten and to three above, whole from ten on."""
    if number < 10:
        return float(f"{number:.2g}")
    return float(f"{round(number):.3g}")


def _figures(number: float, names: tuple[tuple[float, str], ...]) -> tuple[str, str]:
    """Return the figures and the name of the large number they count; beyond all names, a power of ten."""
    if number >= _LARGEST_SPELLED:
        return f"{number:.1e}".replace("e+", "e"), ""
    for size, name in names:
        if number >= size:
            return f"{number / size:,.4g}", name
    return f"{number:,.0f}" if number >= 10 else f"{number:g}", ""
