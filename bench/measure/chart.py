"""A picture of a run: bars of what one core does, in an SVG that follows the reader's light or dark colours."""

from html import escape

from peers.peer import Operation

from measure.rounds import Run, Standing

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


def svg(run: Run, *, where: str) -> str:
    """Draw requests a second of one core, for who am I and refresh."""
    parts: list[str] = []
    y = 28
    for operation, title in PANELS:
        standings = [one for one in run.standings if not one.failed and operation in one.rounds]
        if standings:
            parts.append(f'<text class="head" x="12" y="{y}">{title}: requests a second for each core</text>')
            y = _bars(parts, standings, operation, y + 14) + 30
    parts.append(f'<text class="quiet" x="12" y="{y - 8}">{escape(where)}</text>')
    height = y + 8
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img" '
        f'aria-label="{escape(_spoken(run))}">\n<style>{_STYLE}</style>\n' + "\n".join(parts) + "\n</svg>\n"
    )


def _bars(parts: list[str], standings: list[Standing], operation: Operation, y: int) -> int:
    rates = {one.peer.name: one.median(operation, "per_core") for one in standings}
    most = max(rates.values())
    for one in sorted(standings, key=lambda one: -rates[one.peer.name]):
        rate = rates[one.peer.name]
        length = max(1.0, (_WIDTH - _LEFT - _RIGHT) * rate / most)
        kind, store = "ours" if one.peer.name.startswith("mapae") else "bar", escape(one.peer.store)
        parts += [
            f'<text x="{_LEFT - 10}" y="{y + 12}" text-anchor="end">{escape(one.peer.title)}</text>',
            f'<rect class="{kind}" x="{_LEFT}" y="{y}" width="{length:.1f}" height="{_BAR}" rx="2"/>',
            f'<text x="{_LEFT + length + 8:.1f}" y="{y + 12}">{rate:,.0f} <tspan class="quiet">{store}</tspan></text>',
        ]
        y += _ROW
    return y


def _spoken(run: Run) -> str:
    """What a screen reader says instead of the picture."""
    sentences = []
    for operation, title in PANELS:
        said = [
            f"{one.peer.title} {one.median(operation, 'per_core'):,.0f}"
            for one in run.standings
            if not one.failed and operation in one.rounds
        ]
        sentences.append(f"{title}, requests a second for each core: {', '.join(said)}.")
    return " ".join(sentences)
