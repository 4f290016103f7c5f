"""Nodes, board and database are killed in turn while people sign in and out: nothing acknowledged is lost (R4).

Each round something else is killed, with SIGKILL, in the middle of the work, and started again. No ended session is
accepted anywhere beyond the bound meanwhile (R1), and a node that was killed knows everything before it answers.
`make soak ARGS="--kills 1000"` does the same for as long as you like.
"""

from random import Random

import pytest

from killed.in_turn import machines

pytestmark = pytest.mark.slow

ROUNDS = 9


def test_nothing_acknowledged_is_lost_whatever_is_killed_and_no_ended_session_outlives_the_bound(
    postgres_programs, valkey_program, tmp_path, measured
):
    rng = Random(5)
    with machines(postgres_programs, valkey_program, tmp_path) as all_of_them:
        for number in range(ROUNDS):
            all_of_them.kill_one(number, rng, within=(0.2, 1.0))
            all_of_them.miss_nothing()
        all_of_them.know_everything()
        answers = all_of_them.answers
    measured(
        f"kills of database, board and nodes in turn, {ROUNDS}",
        f"{answers['sign-outs']} sign-outs and {answers['live sessions']} sessions kept, "
        f"{answers['requests cut off']} requests cut off",
    )
    assert min(answers["sign-outs"], answers["ended tokens shown"]) > ROUNDS
