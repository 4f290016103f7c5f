"""What a trial showed, in numbers."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import accumulate

from mapae.lab.crowd.generator import Phase
from mapae.lab.crowd.people import ADMITTED, REFRESH, SIGN_IN, WHO, Person
from mapae.lab.crowd.trial import Played
from mapae.lab.open_loop import LATE, Answer, percentile

FAIRNESS = 1.0
"""Seconds: who came so much later may not be let in before."""
WHOLE = 0.95
"""Of the crowd; the last ones fill in forms while the threads run dry."""
_WINDOW = 5


@dataclass(frozen=True, slots=True)
class Figures:
    """One trial in numbers; times in seconds.

    Attributes:
        rate: calibrated sign-ins a second.
        who_quiet: 99th percentile of "who am I" before the crowd; `who_crowd` while it was there.
        who_failed: of them, how many got no answer in time or another one than 200; `who_refused` only the latter.
        refresh_quiet: the same of refreshing.
        share: sign-ins while people waited, of the calibrated rate.
        share_worst: the same in the worst five seconds.
        calm: after the last one was in, until a sign-in took less than twice what it took before.
        admitted: 99th percentile of signing in with a pass.
        admitted_busy: of these sign-ins, the share that met a full queue and had to ask again.
        overtaken: people who were turned away after somebody was in who had come a second or more later.
        overtaken_by: how much later that was, at most.
        lost: people who were not inside at the end.
        worse: the most places by which a position got worse.
        refused: refusals without a place in the line.
        ended: seconds from the first one's coming until the last one was inside, or the end of the trial.
        generator_late: 99th percentile of how late the generator sent what was due.
        generator_load: of one core.
    """

    rate: float
    who_quiet: float
    who_crowd: float
    who_failed: int
    who_refused: int
    refresh_quiet: float
    refresh_crowd: float
    refresh_failed: int
    share: float
    share_worst: float
    calm: float | None
    admitted: float
    admitted_busy: float
    overtaken: int
    overtaken_by: float
    lost: int
    worse: int
    refused: int
    ended: float
    generator_late: float
    generator_load: float


def figures(played: Played) -> Figures:
    """Return what a trial showed."""
    trial = played.trial
    crowd = trial.phases["crowd"]
    passes = _of(played, "crowd", ADMITTED)
    overtaken = overtaken_by(trial.people)
    share, worst = _goodput(trial.people, trial.rate)
    return Figures(
        rate=trial.rate,
        who_quiet=_p99(_of(played, "quiet", WHO)),
        who_crowd=_p99(_of(played, "crowd", WHO)),
        who_failed=_failed(_of(played, "crowd", WHO)),
        who_refused=sum(answer.status not in (200, LATE) for answer in _of(played, "crowd", WHO)),
        refresh_quiet=_p99(_of(played, "quiet", REFRESH)),
        refresh_crowd=_p99(_of(played, "crowd", REFRESH)),
        refresh_failed=_failed(_of(played, "crowd", REFRESH)),
        share=share,
        share_worst=worst,
        calm=_calm(played),
        admitted=_p99(answer for answer in passes if answer.status == 200),
        admitted_busy=_failed(passes) / max(1, len(passes)),
        overtaken=len(overtaken),
        overtaken_by=max(overtaken, default=0.0),
        lost=sum(person.inside is None for person in trial.people),
        worse=max((person.worse for person in trial.people), default=0),
        refused=sum(person.refused for person in trial.people),
        ended=trial.ended - 1.0,
        generator_late=crowd.late(0.99),
        generator_load=crowd.processor / max(crowd.seconds, 0.001),
    )


def overtaken_by(people: Iterable[Person]) -> list[float]:
    """Return, for everybody who was turned away after somebody behind them was let in, how much later that one came.

    Times are taken so that only what is certain counts: whoever was turned away had come when their first answer was
    there, and the other came when they sent their first request; and the one was told so before the other asked.
    """
    people = list(people)
    inside = sorted(
        (person.called, person.came) for person in people if person.called is not None and person.came is not None
    )
    called = [each for each, _ in inside]
    # The last one to come, of all who had been let in by `called[n]`.
    latest = list(accumulate((came for _, came in inside), max))
    found = []
    for person in people:
        if person.known is None or not person.moments:
            continue
        before = bisect_left(called, person.moments[-1])
        if before and latest[before - 1] >= person.known + FAIRNESS:
            found.append(latest[before - 1] - person.known)
    return found


def per_second(answers: Iterable[Answer], *, ends: float, wanted: Callable[[Answer], bool]) -> list[int]:
    """Return how many of the wanted answers came in each second."""
    counts = [0] * (int(ends) + 1)
    for answer in answers:
        if wanted(answer) and answer.done < len(counts):
            counts[int(answer.done)] += 1
    return counts


def signed_in(answer: Answer) -> bool:
    """Say whether it let somebody in."""
    return answer.status == 200 and answer.kind in (SIGN_IN, ADMITTED)


def _of(played: Played, phase: Phase, kind: int) -> list[Answer]:
    return [answer for answer in played.trial.phases[phase].answers if answer.kind == kind]


def _p99(answers: Iterable[Answer]) -> float:
    return percentile([answer.latency for answer in answers], 0.99)


def _failed(answers: Iterable[Answer]) -> int:
    return sum(answer.status != 200 for answer in answers)


def _goodput(people: list[Person], rate: float) -> tuple[float, float]:
    """Return the sign-ins while people waited, as shares of `rate`: on the whole, and in the worst five seconds."""
    inside = sorted(person.inside for person in people if person.inside is not None)
    if len(inside) < 2:
        return 0.0, 0.0
    begins, whole = 2.0, inside[int(len(people) * WHOLE) - 1] if len(inside) >= len(people) * WHOLE else inside[-1]
    within = [at - begins for at in inside if begins <= at < whole]
    seconds = max(0.001, whole - begins)
    windows = [0] * max(1, int(seconds / _WINDOW))
    for at in within:
        if at < len(windows) * _WINDOW:
            windows[int(at / _WINDOW)] += 1
    length = min(_WINDOW, seconds)
    return len(within) / seconds / rate, min(windows) / length / rate


def _calm(played: Played) -> float | None:
    quiet = percentile([answer.latency for answer in _of(played, "quiet", SIGN_IN)], 0.5)
    after = _of(played, "after", SIGN_IN)
    calm = None
    for answer in sorted(after, key=lambda each: -each.due):
        if answer.status != 200 or answer.latency > 2 * quiet + 0.05:
            break
        calm = answer.due
    return calm
