"""An honest client on a bad network: two tabs that share one stored token, lost answers, repeated requests, a lid that
is closed for days.

It keeps two rules, and nothing else is asked of it: an answer that comes later than `PATIENCE_MS` after its request was
sent is not used, and what a tab sends is the token that is stored at that moment.
"""

from collections import Counter
from heapq import heappop, heappush
from random import Random
from typing import Any

from mapae.sessions.refresh import (
    Decision,
    Hold,
    Presented,
    Recover,
    RefreshPolicy,
    Refuse,
    Replay,
    Reuse,
    Rotate,
    decide,
    digest,
)
from plain_session import start

SECOND_MS, DAY_MS = 1000, 86_400_000
PATIENCE_MS = 10 * SECOND_MS
LONGEST_WAY_MS = 10 * SECOND_MS
SHORTEST_SLEEP_MS, LONGEST_SLEEP_MS = 15 * SECOND_MS, 3 * DAY_MS
TABS = 2
REQUESTS = 8
"""Requests of each session, those that are lost left out."""
SID = "A" * 22
SEND, ARRIVE, STORE, GIVE_UP = range(4)


class ThrownOut(AssertionError):
    """An honest client was asked to sign in again."""


class Client:
    """One session's client.

    Attributes:
        jar: the stored token.
        happened: how often what happened.
    """

    def __init__(self, seed: object, first: Any) -> None:
        """Begin with the token `first`; what happens is up to `seed`."""
        self._chance = Random(seed).random
        self.jar, self.happened = first, Counter()
        self._asleep_until = self._number = 0
        self._events: list[tuple] = []
        self._sent: tuple = ()
        for tab in range(TABS):
            self._at(int(60_000 * self._chance()), SEND, tab)

    def request(self) -> tuple[int, Any]:
        """Return the next request that arrives: when, and with which token; `receives` takes the answer."""
        while True:
            now, _, what, tab, token, sent = heappop(self._events)
            if what == ARRIVE:
                self.happened["arrived"] += 1
                self._sent = now, tab, sent
                return now, token
            if what == SEND:
                self._sends(now, tab)
            elif what == STORE:
                self.jar = self.jar if token is None else token
                self._at(now + _pause(self._chance), SEND, tab)
            elif not any(each[2] == SEND and each[3] == tab for each in self._events):
                # Nothing has come: the tab tries again, with what is stored by then.
                self._at(now + int(5_000 * self._chance()), SEND, tab)

    def receives(self, token: Any) -> None:
        """Take the answer to the last request: a new token, or None to keep the old one. It may be lost on the way."""
        now, tab, sent = self._sent
        back = now + _way(self._chance)
        if tab is None or self._chance() < 0.1 or max(back, self._asleep_until) > sent + PATIENCE_MS:
            self.happened["answers lost"] += 1
        else:
            self._at(back, STORE, tab, token)

    def _sends(self, now: int, tab: int) -> None:
        if now < self._asleep_until:
            self._at(self._asleep_until + int(400 * self._chance()), SEND, tab)
            return
        dice = self._chance()
        if dice < 0.06:
            self._asleep_until = now + _sleep(self._chance)  # the lid is closed upon the request
            self.happened["slept"] += 1
        if dice > 0.92:
            self.happened["requests lost"] += 1
        else:
            self._at(now + _way(self._chance), ARRIVE, tab, self.jar, now)
            if dice > 0.88:  # whoever stands between sends it once more
                self.happened["sent twice"] += 1
                self._at(now + int(LONGEST_WAY_MS * self._chance()), ARRIVE, None, self.jar, now)
        self._at(now + PATIENCE_MS + 1, GIVE_UP, tab)

    def _at(self, moment: int, what: int, tab: int | None, token: Any = None, sent: int = 0) -> None:
        self._number += 1
        heappush(self._events, (moment, self._number, what, tab, token, sent))


def _way(chance) -> int:
    """How long something is on its way: mostly a moment, now and then as long as it may."""
    dice = chance()
    if dice < 0.1:
        return LONGEST_WAY_MS
    return int(LONGEST_WAY_MS * chance()) if dice < 0.2 else int(20 + 400 * chance())


def _sleep(chance) -> int:
    """Seconds as often as days."""
    return int(SHORTEST_SLEEP_MS * (LONGEST_SLEEP_MS / SHORTEST_SLEEP_MS) ** chance())


def _pause(chance) -> int:
    """Until an access token is about to expire, or until somebody presses reload."""
    return int(270_000 + 27_000 * chance()) if chance() < 0.6 else int(50_000 * chance())


def play(seed: object, *, rule=decide, policy: RefreshPolicy | None = None) -> Counter:
    """Play one session against the pure rule.

    Raises:
        ThrownOut: it was refused, or ended.
    """
    policy = policy or RefreshPolicy()
    far = 10_000 * DAY_MS
    first = Presented(SID, 0, (1).to_bytes(32, "big"))
    session = start(SID, "a", client_id="c", current=digest(first.secret), now_ms=0, idle_ms=far, absolute_ms=far)
    client, made = Client(seed, first), 1
    while client.happened["arrived"] < REQUESTS:
        now_ms, token = client.request()
        made += 1
        decision: Decision = rule(
            session,
            token,
            client_id="c",
            jkt=None,
            successor=made.to_bytes(32, "big"),
            now_ms=now_ms,
            policy=policy,
        )
        client.happened[type(decision).__name__] += 1
        match decision:
            case Hold(session):
                client.receives(None)
            case Rotate(session, secret) | Replay(session, secret) | Recover(session, secret):
                client.receives(Presented(SID, session.generation, secret))
            case Reuse() | Refuse():
                raise ThrownOut(f"seed {seed} (play it again with MAPAE_SEED={seed}): {decision}")
    return client.happened


def play_all(seeds: range) -> Counter:
    """Play many sessions; say what happened in all of them."""
    happened: Counter = Counter()
    for seed in seeds:
        happened.update(play(seed))
    return happened
