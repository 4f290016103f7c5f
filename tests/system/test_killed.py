"""A server that is killed at any moment keeps everything that it has acknowledged, and leaves nothing half-made.

`tests/killed/amid_work.py` tells how. `MAPAE_SEED=17 pytest tests/system/test_killed.py` plays the choices of a failure
again; the moments vary all the same. `make soak ARGS="--file-kills 1000"` goes on for longer.
"""

import os
import time

import pytest

from killed.amid_work import FOCUSES, kill_amid_work

pytestmark = pytest.mark.slow


def seed() -> int:
    return int(os.environ.get("MAPAE_SEED", time.time_ns() % 1_000_000))


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request):
    """The URL of a PostgreSQL, which goes on while its nodes are killed; None for the file in the data directory."""
    if request.param == "sqlite":
        yield None
        return
    with request.getfixturevalue("postgres").new_schema() as url:
        yield url


@pytest.mark.parametrize("focus", FOCUSES, ids=lambda focus: focus.name)
def test_whatever_was_acknowledged_before_a_kill_is_there_after_it(focus, data, url, measured):
    rounds, chosen = focus.rounds // 4 if url else focus.rounds, seed()
    try:
        *_, (kills, answered, lost) = kill_amid_work(focus, data, url, chosen=chosen, rounds=rounds)
    except BaseException as broken:
        broken.add_note(f"play the same choices again with MAPAE_SEED={chosen}")
        raise
    measured(
        f"kills amid {focus.name} on {'PostgreSQL' if url else 'SQLite'}",
        f"{kills}; {answered} answers kept, {lost} requests cut off",
    )
    assert lost > rounds  # else the kills came when nobody was asking
