"""A hundred thousand honest sessions on a bad network, none of which is ever thrown out; and rules that would do it.

`tests/honest_client.py` says what an honest client is and what happens to it. A failing session is named by its seed;
`MAPAE_SEED=17 pytest tests/sessions/test_honest_sessions.py` plays it again.
"""

import os
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context

import pytest

from honest_client import LONGEST_WAY_MS, PATIENCE_MS, ThrownOut, play, play_all
from mapae.sessions.refresh import RefreshPolicy, decide, digest

ENOUGH = 2_000
"""Within so many sessions a weaker rule is found out; the slowest to be found takes a hundred. That the window is long
enough to the second is for `test_refresh_explorer.py` to show."""


def seeds(number):
    return [int(os.environ["MAPAE_SEED"])] if "MAPAE_SEED" in os.environ else range(number)


def test_an_honest_session_is_never_thrown_out():
    happened = play_all(seeds(200))
    if "MAPAE_SEED" not in os.environ:
        kinds = ("Rotate", "Hold", "Replay", "Recover", "requests lost", "answers lost", "sent twice", "slept")
        assert min(happened[kind] for kind in kinds) > 10


@pytest.mark.slow
def test_a_hundred_thousand_honest_sessions_are_never_thrown_out(measured):
    """In processes of their own, which nobody measures."""
    parts = [range(first, first + 1000) for first in range(0, 100_000, 1000)]
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as processes:
        happened = sum(processes.map(play_all, parts), Counter())
    measured("100,000 honest sessions on a bad network, none thrown out", dict(happened))
    assert happened["arrived"] == 8 * 100_000
    assert happened["answers lost"] > 100_000


def impatient(session, presented, **rest):
    """The newest token rotates at once, although a sibling tab may still show its parent."""
    if digest(presented.secret) == session.current:
        session = replace(session, opened_ms=-(10**9))
    return decide(session, presented, **rest)


def unforgiving(session, presented, **rest):
    """A parent is taken for reuse as soon as the window has passed."""
    return decide(replace(session, acknowledged=True), presented, **rest)


def found_out(**weaker):
    for seed in range(ENOUGH):
        try:
            play(seed, **weaker)
        except ThrownOut:
            return seed + 1
    return None


@pytest.mark.slow
@pytest.mark.parametrize(
    "weaker",
    [
        {"rule": impatient},
        {"rule": unforgiving},
        {"policy": RefreshPolicy(strict=True)},
        {"policy": RefreshPolicy(window_ms=(PATIENCE_MS + LONGEST_WAY_MS) // 4)},
        {"policy": RefreshPolicy(recover_max_ms=60_000)},
    ],
    ids=["rotates at once", "does not recover", "strict", "a quarter of the window", "recovers for a minute"],
)
def test_a_weaker_rule_throws_honest_sessions_out(weaker):
    assert found_out(**weaker)
