"""The gate against crowds: seeded stories of `mapae.lab.crowd.simulation`, which drive the code that runs.

A failing seed is named; `MAPAE_SEED=17 pytest tests/admission/test_gate_simulation.py` plays it again.
"""

import os
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from statistics import fmean

import pytest

from mapae.admission.gatekeeper import Gatekeeper
from mapae.lab.crowd.simulation import Crowd

LATE_MS = 2_500
"""How much later than somebody behind them a person who came back as told may get in: the time between two looks."""


def play(seed, kind=Crowd, *, people=1_000):
    crowd = kind(seed, people=people, troubled=seed % 2 == 1)
    try:
        crowd.play()
        if not crowd.troubled:
            assert crowd.overtaken_ms <= LATE_MS, f"F5: let in {crowd.overtaken_ms:.0f} ms after somebody behind them"
            assert crowd.worse == 0, f"F6: somebody was told a place {crowd.worse} worse than before"
    except AssertionError as broken:
        raise AssertionError(f"seed {seed} (play it again with MAPAE_SEED={seed}): {broken}") from broken
    return crowd


def play_all(seeds, **options):
    """Play every seed and return what came of it: how many people, all outcomes, the share of work done, guesses."""
    if "MAPAE_SEED" in os.environ:
        seeds = [int(os.environ["MAPAE_SEED"])]
    people, outcomes, shares, guesses = 0, Counter(), [], []
    for seed in seeds:
        crowd = play(seed, **options)
        people += crowd.people
        outcomes += Counter(crowd.outcomes)
        if not crowd.troubled:
            guesses += crowd.guesses
            if crowd.available > 100 * len(crowd.nodes) * crowd.threads:  # a line for at least twenty seconds
                shares.append(crowd.worked / crowd.available)
    print(f"{people} people: {dict(outcomes)}")
    return people, outcomes, shares, guesses


@pytest.mark.slow
def test_nobody_is_overtaken_and_nobody_is_lost_whatever_happens():
    _, outcomes, _, _ = play_all(range(8))
    if "MAPAE_SEED" not in os.environ:
        # Everything occurs, so that the rules are put to the test.
        assert all(
            outcomes[kind] > 5 for kind in ("held", "signed in", "gave up", "no-shows", "kills", "direct", "booked")
        )


@pytest.mark.slow
def test_the_threads_stay_busy_while_people_wait():
    _, _, shares, guesses = play_all(range(2, 42, 8), people=4_000)
    if "MAPAE_SEED" not in os.environ:
        assert fmean(shares) >= 0.95
        assert fmean(abs(guess - true) <= true / 2 for guess, true in guesses) >= 0.9


@pytest.mark.slow
def test_nobody_is_overtaken_and_nobody_is_lost_among_a_million(measured):
    seeds = range(1_000, 2_010)
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as processes:  # a minute and a half for one alone
        (one, _, some, _), (other, _, others, _) = processes.map(play_all, (seeds[::2], seeds[1::2]))
    if "MAPAE_SEED" not in os.environ:
        assert one + other >= 1_000_000
        measured("gate: share of the hashing capacity used while people wait", f"{fmean(some + others):.3f}")


@pytest.mark.slow
def test_whoever_comes_after_an_early_opening_stands_behind_whoever_came_before_it_and_in_order(measured):
    """Until then their places lay in the minute before the announced opening, and newcomers stood among them."""
    crowds = [play(seed, people=600) for seed in (28, 64, 130, 187, 352)]
    assert all(crowd.opened_early for crowd in crowds)
    measured("gate: people before and after early openings", sum(crowd.people for crowd in crowds))


class Uneven(Gatekeeper):
    """Every other node lets in those as well who came up to two seconds after whom the decision names."""

    made = 0

    def __init__(self, node):
        super().__init__(node)
        Uneven.made += 1
        self.further = 2_000_000 * (Uneven.made % 2)

    def learn(self, state, arrivals, **moments):
        further = replace(state, tau=state.tau + self.further, next_tau=state.next_tau + self.further)
        super().learn(further, arrivals, **moments)


class Newest(Gatekeeper):
    """Gives newcomers the best place: the last come, the first served."""

    def arrive(self, now_ms):
        super().arrive(now_ms)
        return self.state.tau_at(now_ms) // 1000 + self.line.total * 617 % 1_000


@pytest.mark.slow
@pytest.mark.parametrize(("keeper", "seed"), [(Uneven, 6), (Newest, 1)])
def test_the_oracle_notices_a_gate_that_breaks_a_rule(keeper, seed, monkeypatch):
    monkeypatch.delenv("MAPAE_SEED", raising=False)

    class Broken(Crowd):
        pass

    Broken.keeper = keeper
    with pytest.raises(AssertionError, match=r"seed \d+ .*F5"):
        play_all([seed, 101, 123, 2, 4], kind=Broken, people=800)
