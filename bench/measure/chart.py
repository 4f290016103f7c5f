"""Pictures of runs: bars of what one core does, in an SVG that follows the reader's light or dark colours."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from peers.peer import Operation

from measure.rounds import Run

PANELS: tuple[tuple[Operation, str], ...] = (("who", "Who am I"), ("refresh", "Refresh"))
_WIDTH, _ROW, _BAR, _LEFT, _RIGHT = 760, 24, 14, 250, 118
_STYLE = """
  text { font: 13px system-ui, sans-serif; fill: #1f2328 }
  .head { font-weight: 600; font-size: 15px } .quiet { fill: #59636e; font-size: 12px }
  .bar { fill: #b8bfc7 } .ours { fill: #9a6518 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 } .quiet { fill: #9198a1 } .bar { fill: #4a525c } .ours { fill: #d9a04e }
  }
"""


@dataclass(frozen=True)
class Bar:
    """One bar: whose it is, how long, what is said after the number, and whether it is ours."""

    title: str
    value: float
    note: str
    ours: bool


@dataclass(frozen=True)
class Panel:
    """Bars under one heading; the longest is the best."""

    title: str
    bars: list[Bar]


def svg(run: Run, *, where: str) -> str:
    """Draw requests a second of one core, for who am I and refresh."""
    panels = [
        Panel(
            f"{title}: requests a second for each core",
            [
                Bar(
                    one.peer.title,
                    one.median(operation, "per_core"),
                    one.peer.store,
                    one.peer.name.startswith("mapae"),
                )
                for one in run.standings
                if not one.failed and operation in one.rounds
            ],
        )
        for operation, title in PANELS
    ]
    return draw(panels, notes=(where,))


def draw(panels: Sequence[Panel], *, notes: Sequence[str]) -> str:
    """Draw panels of bars under one another, the notes below."""
    parts: list[str] = []
    y = 28
    for panel in panels:
        if panel.bars:
            parts.append(f'<text class="head" x="12" y="{y}">{escape(panel.title)}</text>')
            y = _bars(parts, panel.bars, y + 14) + 30
    for note in notes:
        parts.append(f'<text class="quiet" x="12" y="{y - 8}">{escape(note)}</text>')
        y += 18
    height = y - 10
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img" '
        f'aria-label="{escape(_spoken(panels))}">\n<style>{_STYLE}</style>\n' + "\n".join(parts) + "\n</svg>\n"
    )


def _bars(parts: list[str], bars: Sequence[Bar], y: int) -> int:
    most = max(bar.value for bar in bars)
    for bar in sorted(bars, key=lambda bar: -bar.value):
        length = max(1.0, (_WIDTH - _LEFT - _RIGHT) * bar.value / most)
        words = f'{bar.value:,.0f} <tspan class="quiet">{escape(bar.note)}</tspan>'
        kind = "ours" if bar.ours else "bar"
        parts += [
            f'<text x="{_LEFT - 10}" y="{y + 12}" text-anchor="end">{escape(bar.title)}</text>',
            f'<rect class="{kind}" x="{_LEFT}" y="{y}" width="{length:.1f}" height="{_BAR}" rx="2"/>',
            f'<text x="{_LEFT + length + 8:.1f}" y="{y + 12}">{words}</text>',
        ]
        y += _ROW
    return y


def _spoken(panels: Sequence[Panel]) -> str:
    """What a screen reader says instead of the picture."""
    return " ".join(
        f"{panel.title}: {', '.join(f'{bar.title} {bar.value:,.0f}' for bar in panel.bars)}."
        for panel in panels
        if panel.bars
    )
