"""Charts of a crowd with the gate and without it: who got in, and how long everything else took."""

from __future__ import annotations

from collections.abc import Sequence

from mapae.lab.chart import Line, Lines, draw
from mapae.lab.crowd.figures import per_second, signed_in
from mapae.lab.crowd.people import REFRESH, WHO
from mapae.lab.crowd.promises import Words
from mapae.lab.crowd.trial import Played
from mapae.lab.open_loop import percentile

_EN, _KO = 0, 1


def crowd_picture(trials: Sequence[tuple[Words, Played]], *, korean: bool, note: Words) -> str:
    """Draw sign-ins over time, and how long the programs' requests took; one line for each of the trials."""
    at = _KO if korean else _EN
    first = trials[0][1].trial
    came = [person.came for person in first.people if person.came is not None]
    ends = max(played.trial.ended for _, played in trials)
    arrivals = ("they come", "사람들이 와요")[at]
    band = (min(came), max(came), arrivals)
    seconds = ("seconds", "초")[at]
    panels = [
        Lines(
            ("Signed in, people a second", "로그인한 사람, 1초에")[at],
            seconds,
            [
                *(Line(name[at], _goodput(played)) for name, played in trials),
                Line(
                    ("calibrated", "미리 잰 속도")[at],
                    [(0.0, first.rate), (ends, first.rate)],
                ),
            ],
            band=band,
        )
    ]
    panels += [
        Lines(
            title[at],
            seconds,
            [Line(name[at], _slowest(played, kind)) for name, played in trials],
            band=band,
            logarithmic=True,
        )
        for kind, title in (
            (WHO, ("Who am I: the slowest of a hundred, ms", "나는 누구인가: 백 번 중 가장 느린 것, ms")),
            (REFRESH, ("Refresh: the slowest of thirty, ms", "갱신: 서른 번 중 가장 느린 것, ms")),
        )
        if any(answer.kind == kind for answer in first.phases["crowd"].answers)
    ]
    return draw(panels, notes=(note[at],))


def _goodput(played: Played) -> list[tuple[float, float | None]]:
    trial = played.trial
    counts = per_second(trial.phases["crowd"].answers, ends=trial.ended, wanted=signed_in)
    # The second in which the last one came in is not a whole one; three together, or chance would be all one sees.
    whole = counts[:-1] or counts
    return [(n + 0.5, sum(whole[max(0, n - 1) : n + 2]) / len(whole[max(0, n - 1) : n + 2])) for n in range(len(whole))]


def _slowest(played: Played, kind: int) -> list[tuple[float, float | None]]:
    """Return the 99th percentile of each second, by when the requests were due, in milliseconds."""
    trial = played.trial
    seconds: list[list[float]] = [[] for _ in range(int(trial.ended) + 1)]
    for answer in trial.phases["crowd"].answers:
        if answer.kind == kind and answer.due < len(seconds):
            seconds[int(answer.due)].append(answer.latency * 1000)
    return [(n + 0.5, percentile(each, 0.99) if each else None) for n, each in enumerate(seconds)]
