"""Pictures of what was measured: lines and bars in one SVG that follows the reader's light or dark colours.

Every word is the caller's, so a picture exists in every language. Lines differ in colour and in their dashes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from math import ceil, floor, log10

_WIDTH, _LEFT, _RIGHT, _PLOT = 760, 72, 20, 190
_ROW, _BAR, _NAMES, _VALUES = 24, 14, 250, 118
_STYLE = """
  text { font: 13px system-ui, sans-serif; fill: #1f2328 }
  .head { font-weight: 600; font-size: 15px } .quiet { fill: #59636e; font-size: 12px }
  .grid { stroke: #d1d9e0; stroke-width: 1 } .band { fill: #f1e9dc }
  .bar { fill: #b8bfc7 } .ours { fill: #9a6518 }
  .line { fill: none; stroke-width: 2; stroke-linejoin: round }
  .l0 { stroke: #9a6518 } .l1 { stroke: #0b5cad; stroke-dasharray: 7 3 }
  .l2 { stroke: #59636e; stroke-dasharray: 2 3 } .l3 { stroke: #0f6b5c; stroke-dasharray: 9 3 2 3 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 } .quiet { fill: #9198a1 } .grid { stroke: #3d444d } .band { fill: #322a1e }
    .bar { fill: #4a525c } .ours { fill: #d9a04e }
    .l0 { stroke: #d9a04e } .l1 { stroke: #6cb2ff } .l2 { stroke: #9198a1 } .l3 { stroke: #4cc2ad }
  }
"""
_KINDS = 4


@dataclass(frozen=True, slots=True)
class Line:
    """One line: its name in the legend, and points in the order of x; a y of None leaves a gap."""

    label: str
    points: Sequence[tuple[float, float | None]]


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines over one pair of axes.

    Attributes:
        across: what the axis across says.
        band: a part of it that is shaded, and what happened there.
        logarithmic: steps of ten upwards, for what differs by orders; whatever is below the lowest step sits on it.
        least: where such an axis begins.
    """

    title: str
    across: str
    lines: Sequence[Line]
    band: tuple[float, float, str] | None = None
    logarithmic: bool = False
    least: float = 1.0


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: whose it is, how long, what is said after the number, and whether it is ours."""

    title: str
    value: float
    note: str
    ours: bool


@dataclass(frozen=True, slots=True)
class Bars:
    """Bars under one heading.

    Attributes:
        ranked: the longest is the first; else they stay in their order.
    """

    title: str
    bars: Sequence[Bar]
    ranked: bool = True


def draw(panels: Sequence[Lines | Bars], *, notes: Sequence[str] = ()) -> str:
    """Return one SVG with the panels under one another and the notes below; a panel of nothing is left out."""
    parts: list[str] = []
    y = 28
    for panel in panels:
        match panel:
            case Bars(title=title, bars=bars, ranked=ranked) if bars:
                parts.append(f'<text class="head" x="12" y="{y}">{escape(title)}</text>')
                y = _draw_bars(parts, sorted(bars, key=lambda bar: -bar.value) if ranked else bars, y + 14) + 30
            case Lines(title=title, lines=lines) if any(line.points for line in lines):
                parts.append(f'<text class="head" x="12" y="{y}">{escape(title)}</text>')
                y = _draw_lines(parts, panel, y + 12) + 34
            case _:
                continue
    for note in notes:
        parts.append(f'<text class="quiet" x="12" y="{y - 8}">{escape(note)}</text>')
        y += 18
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {y - 10}" role="img" '
        f'aria-label="{escape(_spoken(panels))}">\n<style>{_STYLE}</style>\n' + "\n".join(parts) + "\n</svg>\n"
    )


def steps(most: float, *, least: float = 0.0, wanted: int = 5) -> list[float]:
    """Return round numbers from `least` to the first at or above `most`, about so many, for an axis to name."""
    rough = max(most - least, 1e-9) / wanted
    power = 10.0 ** floor(log10(rough))
    step = next(power * each for each in (1, 2, 5, 10) if power * each >= rough * 0.999)
    return [least + step * number for number in range(ceil(round((most - least) / step, 6)) + 1)]


def _draw_bars(parts: list[str], bars: Sequence[Bar], y: int) -> int:
    most = max(bar.value for bar in bars) or 1.0
    for bar in bars:
        length = max(1.0, (_WIDTH - _NAMES - _VALUES) * bar.value / most)
        words = f'{_number(bar.value)} <tspan class="quiet">{escape(bar.note)}</tspan>'
        kind = "ours" if bar.ours else "bar"
        parts += [
            f'<text x="{_NAMES - 10}" y="{y + 12}" text-anchor="end">{escape(bar.title)}</text>',
            f'<rect class="{kind}" x="{_NAMES}" y="{y}" width="{length:.1f}" height="{_BAR}" rx="2"/>',
            f'<text x="{_NAMES + length + 8:.1f}" y="{y + 12}">{words}</text>',
        ]
        y += _ROW
    return y


class _Axes:
    """Where a point lies on the paper."""

    def __init__(self, panel: Lines, top: float) -> None:
        points = [point for line in panel.lines for point in line.points]
        values = [y for _, y in points if y is not None] or [1.0]
        self.across: list[float] = steps(max(x for x, _ in points), least=min(0.0, *(x for x, _ in points)), wanted=8)
        self.logarithmic, self.bottom = panel.logarithmic, top + _PLOT
        if panel.logarithmic:
            tens = max(1, ceil(log10(max(*values, panel.least * 10) / panel.least) - 1e-9))
            self.up: list[float] = [panel.least * 10.0**power for power in range(tens + 1)]
        else:
            self.up = steps(max(*values, 1e-9), wanted=4)

    def x(self, value: float) -> float:
        first, last = self.across[0], self.across[-1]
        return _LEFT + (_WIDTH - _LEFT - _RIGHT) * (value - first) / (last - first)

    def y(self, value: float) -> float:
        low, high = self.up[0], self.up[-1]
        if self.logarithmic:
            value, low, high = log10(max(value, low)), log10(low), log10(high)
        return self.bottom - _PLOT * (value - low) / (high - low)


def _draw_lines(parts: list[str], panel: Lines, y: int) -> int:
    parts += _legend(panel.lines, y + 14)
    top = y + 26
    axes = _Axes(panel, top)
    if panel.band is not None:
        begins, ends, words = panel.band
        width = max(1.0, axes.x(ends) - axes.x(begins))
        parts += [
            f'<rect class="band" x="{axes.x(begins):.1f}" y="{top}" width="{width:.1f}" height="{_PLOT}"/>',
            f'<text class="quiet" x="{axes.x(begins) + 4:.1f}" y="{top + 14}">{escape(words)}</text>',
        ]
    for value in axes.up:
        at = axes.y(value)
        parts += [
            f'<path class="grid" d="M{_LEFT} {at:.1f}H{_WIDTH - _RIGHT}"/>',
            f'<text class="quiet" x="{_LEFT - 8}" y="{at + 4:.1f}" text-anchor="end">{_number(value)}</text>',
        ]
    for value in axes.across:
        parts.append(
            f'<text class="quiet" x="{axes.x(value):.1f}" y="{top + _PLOT + 18}" '
            f'text-anchor="middle">{_number(value)}</text>'
        )
    middle = (_LEFT + _WIDTH - _RIGHT) // 2
    parts.append(
        f'<text class="quiet" x="{middle}" y="{top + _PLOT + 36}" text-anchor="middle">{escape(panel.across)}</text>'
    )
    for number, line in enumerate(panel.lines):
        parts += [f'<path class="line l{number % _KINDS}" d="{path}"/>' for path in _paths(line.points, axes)]
    return top + _PLOT + 36


def _paths(points: Sequence[tuple[float, float | None]], axes: _Axes) -> Iterator[str]:
    piece: list[str] = []
    for x, y in [*points, (0.0, None)]:
        if y is not None:
            piece.append(f"{axes.x(x):.1f} {axes.y(y):.1f}")
        elif piece:
            yield f"M{piece[0]}" + "".join(f"L{each}" for each in piece[1:] or piece)
            piece = []


def _legend(lines: Sequence[Line], y: int) -> Iterator[str]:
    x = float(_LEFT)
    for number, line in enumerate(lines):
        yield f'<path class="line l{number % _KINDS}" d="M{x:.0f} {y - 4}h26"/>'
        yield f'<text x="{x + 32:.0f}" y="{y}">{escape(line.label)}</text>'
        x += 56 + sum(13 if ord(letter) > 0x1100 else 7.2 for letter in line.label)


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 or value == int(value) else f"{value:.2g}"


def _spoken(panels: Sequence[Lines | Bars]) -> str:
    """What a screen reader says instead of the picture."""
    said = []
    for panel in panels:
        match panel:
            case Bars(title=title, bars=bars) if bars:
                said.append(f"{title}: {', '.join(f'{bar.title} {_number(bar.value)}' for bar in bars)}.")
            case Lines(title=title, lines=lines):
                said.append(f"{title}: {'; '.join(filter(None, map(_reach, lines)))}.")
            case _:
                continue
    return " ".join(said)


def _reach(line: Line) -> str:
    values = [y for _, y in line.points if y is not None]
    return f"{line.label} {_number(min(values))}-{_number(max(values))}" if values else ""
