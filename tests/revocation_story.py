"""Nodes, a feed and a network that fails in every way, in simulated time: one seed is one story.

Nodes issue and check tokens; each follows the feed by polling once a second and by hints. Servers elsewhere follow it
through whichever node a load balancer gives them, page by page. The network delays, drops, repeats and reorders; nodes
are cut off, crash and forget everything; their clocks differ, drift by 500 ppm and jump by up to ten seconds; a lagging
replica answers some polls; the database pauses, sweeps its feed, gives it another name and runs on a clock of its own.

An oracle that sees everything asserts, at every single check:

    R1  a token revoked at c is refused from c + S + d on, at every node and every server elsewhere; d is by how much
        clocks may differ, and not how far they jump; servers elsewhere read no database's clock and differ once more
    R7  a token that no revocation concerns is never refused as revoked, nor as stale while the lease is good

and when all is quiet again, that everybody knows the same (R5) and judges every token right.
"""

import heapq
from bisect import bisect_right
from collections import Counter
from dataclasses import dataclass, field
from itertools import count
from math import floor, inf, log
from operator import itemgetter
from random import Random

from mapae.errors import Revoked, Stale
from mapae.flows.feed import Feed as Relay
from mapae.sessions.access_token import AccessClaims
from mapae.sessions.agreed_time import AgreedTime
from mapae.sessions.feed import FeedLog
from mapae.sessions.revocation import Entry, Revocations

LIFETIME, LEEWAY, CLOCKS_DIFFER, PAGES_DIFFER = 12, 2, 4, 4
STORY = 38.0
DRIFT = 500e-6
JUMP = 10.0
DELAYS = (0.001, 0.01, 0.1)
KINDS = ("session",) * 8 + ("account",) * 4 + ("token",) * 3 + ("client", "realm")
TROUBLES = ("cut", "cut", "crash", "jump", "jump", "pause", "cut all", "rename")


@dataclass(slots=True, eq=False)
class Node:
    """One process: its knowledge, its clocks, its connection.

    Attributes:
        agreed: how its wall clock stands to the database's.
        relay: what servers elsewhere read of this node; None for such a server itself.
        ahead: by how much the later of the two clocks was ahead of the true time when the last reading was asked for.
    """

    revocations: Revocations
    agreed: AgreedTime
    offset: float
    rate: float
    origin: float
    relay: Relay | None = None
    life: int = 0
    cut_until: float = 0.0
    ahead: float = 0.0

    def wall(self, at):
        return 1_000_000 + at + self.offset

    def time(self, at):
        """What it takes for the time, as `Service.now_ms` does."""
        return self.agreed.kept(self.wall(at), self.monotonic(at))

    def monotonic(self, at):
        return self.origin + at * self.rate


@dataclass(slots=True)
class Database:
    """What is revoked, and the feed with the true time of each commit."""

    clock: float
    ended: dict = field(default_factory=dict)
    epochs: Counter = field(default_factory=Counter)
    log: list = field(default_factory=list)
    found: dict = field(default_factory=dict)
    swept: set = field(default_factory=set)
    paused_until: float = 0.0
    name: str = "feed"

    def now(self, at):
        return 1_000_000 + at + self.clock

    def commit(self, at, kind, key, value=0):
        until = floor(self.now(at)) + 1 + LIFETIME + LEEWAY + 2 * CLOCKS_DIFFER
        entry = Entry(len(self.log) + 1, kind, key, value, until)
        self.log.append((at, entry))
        self.found.setdefault((kind, key), []).append((at, entry))
        return entry

    def read(self, at, after, *, lag):
        """What a reading at `at` answers; with a lag, what it would have answered that long ago."""
        head = bisect_right(self.log, at - lag, key=itemgetter(0))
        return [entry for _, entry in self.log[after:head] if entry.seq not in self.swept], head

    def sweep(self, at):
        now = self.now(at)
        self.swept.update(entry.seq for _, entry in self.log if entry.until < now)


@dataclass(slots=True)
class Token:
    """A token, and when its row was read in true time."""

    claims: AccessClaims
    read: float


class Story:
    """One seed, played from beginning to end."""

    knows = Revocations
    relays = Relay
    agrees = AgreedTime

    def __init__(self, seed):
        self.random = Random(seed).random
        self.staleness = self.pick((2.0, 5.0, 10.0))
        # In half of the stories all clocks agree and none jumps, so that the bound is S alone.
        self.clocks_differ = self.pick((0, CLOCKS_DIFFER))
        self.order = count()
        self.events = []
        self.database = Database(clock=self.skew())
        self.nodes = [self.new_node(self.relays()) for _ in range(2 + self.below(6))]
        self.elsewhere = [self.new_node(None) for _ in range(self.below(3))]
        self.everybody = self.nodes + self.elsewhere
        self.tokens = []
        self.outcomes = Counter()
        self.quiet_from = STORY - 4

    # Chance.

    def below(self, number):
        return int(self.random() * number)

    def pick(self, choices):
        return choices[int(self.random() * len(choices))]

    def between(self, least, most):
        return least + (most - least) * self.random()

    def chance(self, probability, at):
        """Whether something goes wrong; nothing does when the story calms down."""
        return at < self.quiet_from and self.random() < probability

    def delay(self, at):
        """How long something takes on the way."""
        if at >= self.quiet_from:
            return 0.01
        chosen = self.below(4)
        return DELAYS[chosen] if chosen < 3 else 3 * self.random()

    def skew(self):
        return self.clocks_differ * (self.random() - 0.5)

    # The stage.

    def new_node(self, relay):
        return Node(
            self.nothing_known(),
            self.agrees(CLOCKS_DIFFER),
            self.skew(),
            1 + self.between(-DRIFT, DRIFT),
            self.between(0, 1e6),
            relay,
        )

    def nothing_known(self):
        return self.knows(self.staleness, keep_longer=CLOCKS_DIFFER)

    def at(self, moment, do, *given):
        heapq.heappush(self.events, (moment, next(self.order), do, given))

    def play(self):
        for node in self.everybody:
            self.at(2 * self.random(), self.poll_on, node)
        for every, do in (
            (0.5, self.issue),
            (0.2, self.present),
            (2.5, self.revoke),
            (6.0, self.trouble),
            (3.0, self.tidy),
        ):
            self.at(every * self.random(), self.repeat, every, do)
        events, pop = self.events, heapq.heappop
        while events[0][0] < STORY:
            now, _, do, given = pop(events)
            do(now, *given)
        self.at_rest(STORY)

    def repeat(self, now, every, do):
        do(now)
        self.at(now - every * log(1 - self.random()), self.repeat, every, do)

    # Following.

    def poll_on(self, now, node):
        self.poll(now, node)
        self.at(now + min(1.0, self.staleness / 4), self.poll_on, node)

    def poll(self, now, node):
        if self.lost(now, node):
            return
        revocations = node.revocations
        after = revocations.head if revocations.ready else 0
        answer = self.answer_elsewhere if node.relay is None else self.answer_poll
        self.at(now + self.delay(now), answer, node, node.life, (now, node.monotonic(now), node.wall(now)), after)

    def lost(self, now, node):
        return now < node.cut_until or self.chance(0.1, now)

    def answer_poll(self, now, node, *asked):
        """The database, or a replica that lags, answers a node."""
        life, (began, sent, wall), after = asked
        database = self.database
        if now < database.paused_until:
            self.at(database.paused_until, self.answer_poll, node, *asked)
            return
        lag = 4 * self.random() if self.chance(0.2, now) else 0.0
        entries, head = database.read(now, after, lag=lag)
        late = max(0.0, sent - node.monotonic(now - lag)) if lag else 0.0
        reading = {
            "head": head,
            "sent": sent - late,
            "after": after,
            "feed": database.name,
            "wall": max(wall, database.now(now)) - late,
        }
        self.send(now, node, (life, began, wall, sent, database.now(now)), entries, reading)

    def answer_elsewhere(self, now, node, *asked):
        """A node answers a server elsewhere from what it has read, and says how old that is."""
        life, (began, sent, wall), after = asked
        serving = self.pick(self.nodes)
        known = serving.relay
        if not known.readings or now < serving.cut_until or after > known.head:
            return  # not ready, out of reach; or it would look into the database first
        entries, upto, begun = [], after, after
        while upto is not None:
            page, upto = known.log.page(begun, now=int(serving.time(now)), most=1 + self.below(4))
            entries += page
            begun = upto
        shown = serving.time(now)
        age = serving.revocations.age(serving.monotonic(now)) * (1 + 2 * DRIFT)
        late = age + max(0.0, wall - shown - PAGES_DIFFER)
        reading = {
            "head": known.head,
            "sent": sent - late,
            "after": after,
            "feed": known.name,
            "wall": max(wall, shown) - late,
        }
        self.send(now, node, (life, began, wall, sent, shown), entries, reading)

    def send(self, now, node, asked, entries, reading):
        if len(entries) > 1 and node.relay is None:
            entries.sort(key=lambda _: self.random())
        for _ in range(2 if self.chance(0.1, now) else 1):
            if not self.lost(now, node):
                self.at(now + self.delay(now), self.learn, node, asked, entries, reading)

    def learn(self, now, node, asked, entries, reading):
        life, began, before, sent, shown = asked
        if life != node.life or now < node.cut_until:
            return
        wall, monotonic = node.wall(now), node.monotonic(now)
        if node.relay is None and floor(shown) - PAGES_DIFFER > wall:
            return  # the page is from the future: its signature's date is refused
        age = node.revocations.age(monotonic)
        node.revocations.apply(entries, **reading)
        if node.revocations.age(monotonic) < age:
            node.ahead = max(before, shown) - 1_000_000 - began
        if node.relay is not None:
            node.agreed.compare(shown, asked=before, answered=wall, sent=sent, received=monotonic)
            known = {name: reading[name] for name in ("head", "sent", "after")}
            node.relay.take(FeedLog(entries), name=reading["feed"], **known)

    def learn_pushed(self, now, node, life, entry):
        if life == node.life and now >= node.cut_until:
            node.revocations.add([entry])

    # What people do.

    def session(self):
        """One of three devices of one of four accounts; signed in anew where its session was ended."""
        device = f"account{self.below(4)}/{self.below(3)}"
        return f"{device}/{self.database.ended.get(device, 0)}"

    def issue(self, now):
        node, session = self.pick(self.nodes), self.session()
        if not node.revocations.ready or not node.agreed.agrees:
            return  # not ready: no proxy sends anybody here
        # The clock and the position are read first, the row after that: condition (a) of the bound.
        iat, rsq = floor(node.time(now)), node.revocations.head
        self.at(now + self.pick((0.001, 0.4)), self.issued, node, session, iat, rsq)

    def issued(self, now, node, session, iat, rsq):
        device, _, number = session.rpartition("/")
        database = self.database
        if now < node.cut_until or now < database.paused_until or database.ended.get(device, 0) > int(number):
            return
        account = session.partition("/")[0]
        claims = AccessClaims(
            sub=account,
            client_id=f"client{self.below(2)}",
            scope="",
            sid=session,
            epo=database.epochs[account],
            rsq=rsq,
            iss="i",
            aud="a",
            iat=iat,
            exp=iat + LIFETIME,
            jti=f"token{len(self.tokens)}",
        )
        self.tokens.append(Token(claims, now))

    def revoke(self, now):
        database = self.database
        if now < database.paused_until or now >= self.quiet_from:
            return
        entry = self.revoked(now, self.pick(KINDS))
        for node in self.everybody:
            for _ in range(self.pick((0, 1, 1, 2))):
                if node.relay is not None and self.chance(0.3, now):
                    self.at(now + self.delay(now), self.learn_pushed, node, node.life, entry)
                else:
                    self.at(now + self.delay(now), self.poll, node)

    def revoked(self, now, kind):
        database = self.database
        match kind:
            case "session":
                session = self.session()
                device = session.rpartition("/")[0]
                database.ended[device] = database.ended.get(device, 0) + 1
                return database.commit(now, kind, session)
            case "account":
                account = f"account{self.below(4)}"
                database.epochs[account] += 1
                return database.commit(now, kind, account, database.epochs[account])
            case "token" if self.tokens:
                return database.commit(now, kind, self.pick(self.tokens[-20:]).claims.jti)
            case "client":
                return database.commit(now, kind, "client0")
            case _:
                return database.commit(now, "realm", "")

    def tidy(self, now):
        self.database.sweep(now)
        for node in self.everybody:
            node.revocations.forget(node.time(now))
            if node.relay is not None:
                node.relay.log.forget(int(node.time(now)))

    def trouble(self, now):
        if now >= self.quiet_from - 12:
            return
        node = self.pick(self.everybody)
        match self.pick(TROUBLES):
            case "cut":
                node.cut_until = now + 12 * self.random()
            case "cut all":
                for each in self.everybody:
                    each.cut_until = now + 12 * self.random()
            case "crash":
                node.revocations, node.life = self.nothing_known(), node.life + 1
                node.relay = None if node.relay is None else self.relays()
                node.origin, node.agreed = self.between(0, 1e6) - now, self.agrees(CLOCKS_DIFFER)
            case "jump" if self.clocks_differ:
                node.offset = self.skew() + self.between(-JUMP, JUMP)
                self.at(min(now + 12 * self.random(), self.quiet_from - 1), self.set_right, node)
            case "pause":
                self.database.paused_until = now + 8 * self.random()
            case "rename":
                self.database.name = f"feed{now}"

    def set_right(self, _, node):
        node.offset = self.skew()

    # The oracle.

    def concerned(self, token):
        """When the first revocation was committed that must refuse the token, and the first that may."""
        claims, read, find = token.claims, token.read, self.database.found.get
        must = may = inf
        for key, threshold in (
            (("session", claims.sid), None),
            (("token", claims.jti), None),
            (("account", claims.sub), "epoch"),
            (("realm", ""), "position"),
            (("client", claims.client_id), "position"),
        ):
            for committed, entry in find(key, ()):
                if threshold is not None and (
                    claims.epo >= entry.value if threshold == "epoch" else claims.rsq >= entry.seq
                ):
                    continue
                may = min(may, committed)
                if read < committed:
                    must = min(must, committed)
        return must, may

    def present(self, now):
        if self.tokens:
            self.judge(now, self.pick(self.tokens[-25:]), self.pick(self.everybody))

    def judge(self, now, token, node):
        claims, wall, monotonic = token.claims, node.wall(now), node.monotonic(now)
        if not claims.iat - LEEWAY <= wall < claims.exp + LEEWAY:
            return
        must, may = self.concerned(token)
        where = "" if node.relay is not None else " elsewhere"
        try:
            node.revocations.accept(claims, now=wall, monotonic=monotonic)
        except Revoked:
            self.outcomes[f"revoked{where}"] += 1
            assert may <= now, "R7: a token was refused as revoked that no revocation concerns"
        except Stale:
            self.outcomes[f"stale{where}"] += 1
            lease_ran_out = node.revocations.age(monotonic) > self.staleness
            assert lease_ran_out, "R7: a token was refused as stale although the lease is good"
            latest = max(wall, 1_000_000 + now + node.ahead + STORY * DRIFT)
            too_old = latest - claims.iat > self.staleness or not node.revocations.ready
            assert too_old, "R7: a young token was refused as stale"
        else:
            differ = self.clocks_differ * (1 if node.relay is not None else 2)
            bound = must + (self.staleness + differ) + STORY * 2 * DRIFT
            assert now < bound, f"R1: accepted{where} {now - must:.2f} s after its revocation"
            self.outcomes[f"accepted late{where}" if must <= now else f"accepted{where}"] += 1

    def at_rest(self, now):
        """All is quiet: everybody knows the same and judges every token right."""
        known = set()
        least = self.database.now(now) + CLOCKS_DIFFER
        concerned = [(token.claims, *self.concerned(token)) for token in self.tokens[-40:]]
        for node in self.everybody:
            wall, monotonic = node.wall(now), node.monotonic(now)
            for claims, must, may in concerned:
                if not claims.iat - LEEWAY <= wall < claims.exp + LEEWAY:
                    continue
                try:
                    node.revocations.accept(claims, now=wall, monotonic=monotonic)
                    assert must == inf, "a revoked token is accepted although all is quiet"
                except Revoked:
                    assert may < inf, "R7: an unconcerned token is refused although all is quiet"
            live = (entry for entry in node.revocations.entries() if entry.until > least)
            known.add(frozenset((entry.kind, entry.key, entry.value, entry.until) for entry in live))
        assert len(known) == 1, "R5: nodes that read the same feed know different things"


def play(seed, kind=Story):
    """Play one story; a failure names its seed. Return how often each thing happened."""
    story = kind(seed)
    try:
        story.play()
    except AssertionError as broken:
        raise AssertionError(f"seed {seed} (play it again with MAPAE_SEED={seed}): {broken}") from broken
    return story.outcomes
