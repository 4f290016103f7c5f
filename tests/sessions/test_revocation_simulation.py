"""No revoked token outlives the bound: thousands of stories of failing networks, and the rules broken on purpose.

`tests/revocation_story.py` says what a story is. A failing seed is named;
`MAPAE_SEED=17 pytest tests/sessions/test_revocation_simulation.py` plays it again, and `make soak` plays a million.
"""

import os
import subprocess
import sys
from collections import Counter
from math import floor

import pytest

from mapae.flows.feed import Feed as Relay
from mapae.sessions.agreed_time import AgreedTime
from mapae.sessions.revocation import Revocations
from revocation_story import CLOCKS_DIFFER, JUMP, LIFETIME, Story, play


def play_all(seeds, *, kind=Story):
    if "MAPAE_SEED" in os.environ:
        seeds = [int(os.environ["MAPAE_SEED"])]
    outcomes = sum((play(seed, kind) for seed in seeds), Counter())
    print(f"{len(seeds)} stories: {dict(outcomes)}")
    return outcomes


@pytest.mark.slow
def test_no_revoked_token_outlives_the_bound_whatever_the_network_does():
    outcomes = play_all(range(60))
    if "MAPAE_SEED" not in os.environ:
        # Every kind of outcome occurs, also acceptance after the revocation: the bound is put to the test.
        kinds = ("accepted", "accepted late", "revoked", "stale")
        assert min(outcomes[kind] for kind in kinds) > 100
        assert min(outcomes[f"{kind} elsewhere"] for kind in kinds) > 10


@pytest.mark.slow
def test_no_revoked_token_outlives_the_bound_in_ten_thousand_stories(root):
    """In processes of their own, which nobody measures: two minutes of work otherwise."""
    command = [sys.executable, root / "tools" / "soak.py", "--stories", "10000", "--first", "1000"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "10000 stories" in done.stdout.splitlines()[-1]


def test_the_bound_holds_in_stories_that_once_broke_it():
    play_all([28_784])  # a database paused for eleven seconds: its answers moved right clocks forward


class Hasty(Revocations):
    """Counts the lease from a second after the asking: not from before what was read."""

    __slots__ = ()

    def apply(self, entries, *, sent, **reading):
        super().apply(entries, sent=sent + 1, **reading)


class Forgetful(Revocations):
    """Drops entries early."""

    __slots__ = ()

    def forget(self, now):
        super().forget(now + LIFETIME + self.keep)


class HastyStory(Story):
    knows = Hasty


class ForgetfulStory(Story):
    knows = Forgetful


class LateClockStory(Story):
    """The issuer reads its clock after the row, not before."""

    def issued(self, now, node, session, *_):
        super().issued(now, node, session, floor(node.wall(now + 2)), node.revocations.head)


class BoastingStory(Story):
    """A node tells servers elsewhere that what it knows is as of now."""

    def answer_elsewhere(self, now, node, life, clocks, after):
        began, sent, wall = clocks
        super().answer_elsewhere(now, node, life, (began, sent + self.staleness, wall), after)


class JumpyStory(Story):
    """Clocks jump all the time, half of the nodes cannot find out, and soon everything is revoked."""

    def trouble(self, now):
        self.clocks_differ = CLOCKS_DIFFER
        if now >= self.quiet_from - 12:
            return
        for node in self.everybody:
            node.offset = self.pick((-JUMP, JUMP))
            self.at(now + 4 * self.random(), self.set_right, node)
            if self.random() < 0.5:
                node.cut_until = now + 6 + 6 * self.random()
        self.at(now + 2 * self.random(), self.database.commit, "realm", "")


@pytest.mark.slow
def test_the_bound_holds_where_clocks_jump_all_the_time():
    play_all(range(40), kind=JumpyStory)


class Trusting(AgreedTime):
    """Believes the wall clock, wherever it has jumped to."""

    __slots__ = ()

    def kept(self, wall, monotonic):  # noqa: ARG002
        return wall


class TrustingStory(JumpyStory):
    agrees = Trusting


class SetBack(Revocations):
    """Does not know what time it was when it read the feed: a clock that is set back makes old tokens young."""

    __slots__ = ()

    def apply(self, entries, *, wall, **reading):  # noqa: ARG002
        super().apply(entries, **reading)


class SetBackStory(JumpyStory):
    knows = SetBack


class LeakyStory(Story):
    """The first entry of each answer is lost."""

    def learn(self, now, node, asked, entries, reading):
        super().learn(now, node, asked, entries[1:], reading)


class Hollow(Relay):
    """Serves what is left after the feed was set back as if it were everything."""

    __slots__ = ()

    def take(self, entries, **reading):
        ready = self.readings
        super().take(entries, **reading)
        self.readings = self.readings or ready


class HollowStory(Story):
    relays = Hollow

    def trouble(self, now):
        """Feeds change their names, and servers elsewhere begin anew, all the time."""
        self.database.name = f"feed{now}"
        for node in self.elsewhere:
            node.revocations, node.life = self.nothing_known(), node.life + 1


@pytest.mark.parametrize(
    "kind",
    [
        HastyStory,
        ForgetfulStory,
        LateClockStory,
        BoastingStory,
        TrustingStory,
        SetBackStory,
        LeakyStory,
        HollowStory,
    ],
    ids=lambda kind: kind.__name__,
)
@pytest.mark.slow
def test_the_simulation_finds_what_breaks_the_bound(kind):
    with pytest.raises(AssertionError, match=r"R1|R5|quiet"):
        play_all(range(300), kind=kind)
