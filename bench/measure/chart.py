"""Pictures of runs: bars of what one core does."""

from peers.peer import Operation

from mapae.lab.chart import Bar, Bars, draw
from measure.rounds import Run

PANELS: tuple[tuple[Operation, str], ...] = (("who", "Who am I"), ("refresh", "Refresh"))


def svg(run: Run, *, where: str) -> str:
    """Draw requests a second of one core, for who am I and refresh."""
    panels = [
        Bars(
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
