"""The accent colour in light and dark, and the proof that text in it can be read (WCAG 2.2, 1.4.3)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from mapae.errors import Mistake, SettingsRefused

BRONZE: Final = "#7A4E12"
LEAST_CONTRAST: Final = 4.5

_LIGHT_PAPER: Final = ("#FBFAF7", "#FFFFFF")
_DARK_PAPER: Final = ("#16130F", "#201C17")
_INKS: Final = ("#FFFFFF", "#1F1608")
_COLOUR = re.compile(r"#[0-9A-Fa-f]{6}")


@dataclass(frozen=True, slots=True)
class Accent:
    """One accent, ready for the stylesheet.

    Attributes:
        light: the colour on light paper; `on_light` is the text upon it.
        dark: the colour on dark paper; `on_dark` is the text upon it.
    """

    light: str
    on_light: str
    dark: str
    on_dark: str


def accent_of(colour: str) -> Accent:
    """Return the accent that `colour` makes, with a lighter shade of it for dark paper.

    Raises:
        SettingsRefused: it is not `#RRGGBB`, or text in it would be too faint on light paper.
    """
    if not _COLOUR.fullmatch(colour):
        raise _refused("write it as #RRGGBB, for example #7A4E12")
    faintest = min(contrast(colour, paper) for paper in _LIGHT_PAPER)
    if faintest < LEAST_CONTRAST:
        raise _refused(
            f"its contrast on the page is {faintest:.1f}:1; choose a darker colour, {LEAST_CONTRAST}:1 or more"
        )
    dark = "#E0AE62" if colour.upper() == BRONZE else _lightened(colour)
    return Accent(colour, _ink_on(colour), dark, _ink_on(dark))


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours, 1 to 21 (WCAG 2.2, contrast ratio)."""
    brighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (brighter + 0.05) / (darker + 0.05)


def _lightened(colour: str) -> str:
    for share in range(101):
        mixed = "#" + "".join(f"{round(part + (255 - part) * share / 100):02X}" for part in _parts(colour))
        if min(contrast(mixed, paper) for paper in _DARK_PAPER) >= 7:
            return mixed
    raise AssertionError("white on dark paper is always readable")


def _ink_on(colour: str) -> str:
    return max(_INKS, key=lambda ink: contrast(ink, colour))


def _parts(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _luminance(colour: str) -> float:
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
        for part in (value / 255 for value in _parts(colour))
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _refused(what: str) -> SettingsRefused:
    return SettingsRefused([Mistake("pages", "accent", what)])
