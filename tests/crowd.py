"""A crowd before the gate, in simulated time: one seed, one story, told by the code that runs in production.

People come in bursts, fill in a form, come back as they were told or not, lose their connection, give up. Several nodes
hash passwords behind bounded queues and share what they count through a database whose answers come late. Nodes are
killed and begin again from what the database holds; the database pauses and its clock jumps.

An oracle that sees everything asserts, at every single answer:

    F5  nobody is turned away after somebody was let in who came a second or more later
    F6  nobody who was let in waits again, nobody who keeps coming back is lost, and nobody's place gets worse

Times are milliseconds of true time; every clock in the story has its own opinion of them.
"""

import heapq
from bisect import bisect_left
from collections import deque
from dataclasses import dataclass, field
from itertools import count
from math import inf
from random import Random

from mapae.admission.gate import GateState, Report
from mapae.admission.gatekeeper import Gatekeeper
from mapae.admission.line import place_of
from mapae.admission.waiting import Admitted

LOOK_EVERY = 200.0
DEADLINE = 2_000.0
BEGIN_MS = 1_800_000_000_000
FAIRNESS = 1_000.0
SLACK = 50.0
"""The clocks of two nodes agree only so well."""
RAMP = 25_000.0
"""The first people who are let in have a form to fill in before the threads have work again."""
PASS = 300_000.0
LONG = 30
"""Seconds of waiting from which an estimate is judged: who waits less plans nothing."""
JUMPING = 1_000.0
"""While the database's clock jumps by an hour, nodes hear of it one after the other."""
CORRECTING = 350.0
"""Afterwards they follow it by a tenth, and one that hears of it three and a half seconds late, since the database
paused, stays so much behind until all are right."""
SETTLED = 1_000.0
"""After so long every node has counted those who came before somebody, unless the database is in trouble."""
NEWCOMERS_SHARE = 0.5


@dataclass(slots=True)
class Person:
    """Somebody who wants in."""

    came: float
    hash_ms: float
    typing: float
    patience: float
    leaves_form: bool
    obedient: bool
    place: int = -1
    shuffled: bool = False
    passed_until: float = -1.0
    shown: bool = False
    told: float = inf
    guess: tuple | None = None
    as_told: bool = True
    done: bool = False
    gone: bool = False


@dataclass(slots=True)
class Database:
    """What survives: the row, the counts with the time of their writing, the reports."""

    offset: float = 0.0
    state: GateState = field(default_factory=GateState)
    arrivals: dict = field(default_factory=dict)
    log: list = field(default_factory=list)
    reports: dict = field(default_factory=dict)
    paused_until: float = -1.0

    def clock(self, at):
        return BEGIN_MS + at + self.offset


class Pool:
    """Threads that hash, behind a bounded queue with a deadline."""

    def __init__(self, threads, hash_ms):
        self.threads, self.hash_ms = threads, hash_ms
        self.room = max(threads, int(threads * (DEADLINE - hash_ms) / hash_ms))
        self.queue = deque()
        self.busy = 0

    def has_room(self, share=1.0):
        return len(self.queue) + self.busy < self.threads + self.room * share


class Node:
    """One process."""

    lives = count()

    def __init__(self, story, now):
        self.gatekeeper = story.keeper(f"node-{next(Node.lives)}")
        self.gatekeeper.capacity = story.threads * 1000 / story.hash_ms
        self.origin = story.random.uniform(0, 1e6) - now / 1000
        self.pool = Pool(story.threads, story.hash_ms)
        self.alive = True
        self.ready = False  # it answers once it has read the database
        self.began = now
        self.passed = self.shown = self.typed_ms = 0
        self.read_upto = 0
        self.stagger = story.random.uniform(0, 150)

    def monotonic(self, at):
        return self.origin + at / 1000


class Crowd:
    """One story."""

    keeper = Gatekeeper

    def __init__(self, seed, *, people=1_500, troubled=True):
        self.random = Random(seed)
        random = self.random
        self.order = count()
        self.events = []
        self.database = Database(offset=random.uniform(-1e6, 1e6))
        self.threads = random.choice([2, 4, 8])
        self.hash_ms = random.choice([40.0, 120.0, 240.0])
        self.nodes = [Node(self, 0.0) for _ in range(random.choice([1, 2, 3, 5]))]
        self.capacity = len(self.nodes) * self.threads / self.hash_ms  # people per millisecond
        self.troubled = troubled
        self.people = people
        self.left = people
        self.opens = None
        self.outcomes = dict.fromkeys(("polls", "held", "signed in", "gave up", "no-shows", "kills", "direct"), 0)
        # The oracle's memory: when somebody was let in who came later than everybody let in before.
        self.steps_at = []
        self.steps_came = []
        self.overtaken_ms = 0.0
        self.jumped = -inf
        self.worse = 0
        self.guesses = []
        self.begins = 0.0
        self.worked = self.available = 0.0

    # The story.

    def at(self, moment, do, *given):
        heapq.heappush(self.events, (moment, next(self.order), do, given))

    def play(self):
        self.plan_people()
        for node in self.nodes:
            self.at(self.random.uniform(0, LOOK_EVERY), self.look, node)
        if self.troubled:
            self.at(self.random.uniform(3_000, 10_000), self.trouble)
        events, pop = self.events, heapq.heappop
        while self.left and events:
            now, _, do, given = pop(events)
            do(now, *given)
        assert not self.left, "F6: somebody who keeps coming back is never let in"
        return self.outcomes

    def plan_people(self):
        random = self.random
        load = random.choice([1.2, 2.0, 5.0, 12.0])
        burst = random.random() < 0.4
        programs = random.random() < 0.4
        walk_off = random.choice([0.0, 0.1, 0.4])
        disobey = random.choice([0.0, 0.1])
        begins = 1_000.0
        if random.random() < 0.25:
            begins = self.opens = random.uniform(2_000, 90_000)
            opens_ms = int(self.database.clock(self.opens))
            self.database.state = GateState(version=1, mode="closed", opens_ms=opens_ms)
        self.begins = begins
        length = self.people / (self.capacity * load)
        for _ in range(self.people):
            came = begins + (random.random() ** 4 if burst else random.random()) * length
            if self.opens is not None and random.random() < 0.5:
                came = random.uniform(0, begins)
            person = Person(
                came=came,
                hash_ms=self.hash_ms * random.uniform(0.9, 1.1),
                typing=random.uniform(20, 200) if programs else min(120_000.0, random.lognormvariate(9.0, 0.5)),
                patience=random.expovariate(1 / 30_000) if random.random() < walk_off else inf,
                leaves_form=random.random() < walk_off / 5,
                obedient=random.random() >= disobey,
            )
            self.at(came, self.arrive, person)

    def anybody(self):
        """Return a node that is alive, or None."""
        alive = [node for node in self.nodes if node.alive and node.ready]
        return self.random.choice(alive) if alive else None

    # What people do.

    def arrive(self, now, person):
        node = self.anybody()
        if node is None:
            self.at(now + 1_000, self.arrive, person)
            person.came = now + 1_000
            return
        keeper = node.gatekeeper
        at = keeper.clock.now_ms(node.monotonic(now))
        if keeper.certain(at) and keeper.free(at) and node.pool.has_room(NEWCOMERS_SHARE):
            self.outcomes["direct"] += 1
            self.let_in(now, person)
            self.work(now, node, person)
            return
        arrived_ms = keeper.arrive(at, lot=self.random.random())
        person.shuffled = keeper.mode(at) == "closed"
        person.place = place_of(arrived_ms, self.random.randrange(1 << 32))
        self.at(now + self.travel(), self.poll, person)

    def travel(self):
        return self.random.uniform(5, 60)

    def poll(self, now, person):
        if now - person.came > person.patience:
            self.finish(person, "gave up")
            return
        node = self.anybody()
        if node is None:
            self.at(now + 1_000, self.poll, person)
            return
        keeper = node.gatekeeper
        at = keeper.clock.now_ms(node.monotonic(now))
        certain = keeper.certain(at)
        self.outcomes["polls"] += 1
        answer = keeper.look(person.place, at, lot=self.random.random())
        if type(answer) is Admitted:
            self.let_in(now, person)
            person.passed_until = now + PASS
            node.passed += 1
            if person.leaves_form:
                self.finish(person, "no-shows")
                return
            self.at(now + person.typing, self.show, person)
            return
        self.turned_away(now, person, answer, certain=certain)
        self.at(now + self.back_in(person, answer.interval), self.poll, person)

    def back_in(self, person, interval):
        if person.obedient:
            return interval * 1_000 + self.travel()
        person.as_told = False
        return self.random.choice([200, interval * 1_000, interval * 1_000 + self.random.uniform(0, 20_000)])

    def show(self, now, person):
        """Send the form, with the pass or, when that has ended, with the ticket."""
        node = self.anybody()
        if node is None:
            self.at(now + 1_000, self.show, person)
            return
        if now > person.passed_until:
            keeper = node.gatekeeper
            answer = keeper.look(person.place, keeper.clock.now_ms(node.monotonic(now)), lot=0.5)
            certain = keeper.certain(keeper.clock.now_ms(node.monotonic(now)))
            assert type(answer) is Admitted or not certain, "F6: somebody who was let in waits again"
        if not node.pool.has_room():
            self.at(now + self.random.uniform(1_000, 2_000), self.show, person)
            return
        if not person.shown:
            person.shown = True
            node.shown += 1
            node.typed_ms += int(person.typing)
        self.work(now, node, person)

    def finish(self, person, outcome):
        if not person.done:
            person.done = True
            self.outcomes[outcome] += 1
            self.left -= 1

    # Hashing.

    def work(self, now, node, person):
        node.pool.queue.append((now, person))
        self.start_work(now, node)

    def start_work(self, now, node):
        pool = node.pool
        while pool.queue and pool.busy < pool.threads:
            queued, person = pool.queue.popleft()
            if now - queued > DEADLINE:
                self.at(now + self.travel(), self.show if person.place >= 0 else self.arrive_again, person)
                continue
            pool.busy += 1
            self.at(now + person.hash_ms, self.finish_work, node, person)

    def finish_work(self, now, node, person):
        if not node.alive:
            return
        node.pool.busy -= 1
        self.finish(person, "signed in")
        self.start_work(now, node)

    # What nodes do.

    def look(self, now, node):
        """Write down what was counted, read, and decide where it is time."""
        if not node.alive:
            return
        keeper = node.gatekeeper
        waiting = keeper.waiting(keeper.clock.now_ms(node.monotonic(now)))
        if waiting > self.capacity * 2_000 and now > self.begins + RAMP:
            self.worked += node.pool.busy
            self.available += node.pool.threads
        self.at(now + LOOK_EVERY, self.look, node)
        self.at(now + self.delay(now), self.answer_look, node, now)

    def delay(self, now):
        wait = self.random.choice([1.0, 3.0, 20.0]) if self.random.random() < 0.98 or not self.troubled else 400.0
        return max(wait, self.database.paused_until - now)

    def answer_look(self, now, node, asked):
        if not node.alive:
            return
        database, keeper, pool = self.database, node.gatekeeper, node.pool
        at = keeper.clock.now_ms(node.monotonic(now))
        unsent = keeper.unsent()
        for each in unsent:
            database.arrivals[each.node, each.bucket] = each
            database.log.append(each)
        keeper.sent(unsent)
        keeper.learn(
            database.state,
            database.log[node.read_upto :],
            source_ms=database.clock(now),
            asked=node.monotonic(asked),
            answered=node.monotonic(now),
        )
        node.read_upto = len(database.log)
        node.ready = True
        at = keeper.clock.now_ms(node.monotonic(now))
        database.reports[keeper.node] = Report(
            node=keeper.node,
            seen_ms=at,
            capacity=pool.threads * 1000 / pool.hash_ms,
            queued=len(pool.queue),
            idle=1 - pool.busy / pool.threads,
            room=pool.room,
            passed=node.passed,
            shown=node.shown,
            typed_ms=node.typed_ms,
        )
        keeper.capacity = sum(each.capacity for each in database.reports.values() if at - each.seen_ms < 3_000)
        if keeper.due(at - int(node.stagger)):
            decided = keeper.decide(list(database.reports.values()), now_ms=at)
            self.at(now + self.delay(now), self.commit, node, decided)
        keeper.forget()

    def commit(self, _, node, decided):
        if node.alive and decided.version == self.database.state.version + 1:
            assert decided.next_tau >= self.database.state.next_tau, "the serving time moved back"
            self.database.state = decided

    # Trouble.

    def trouble(self, now):
        self.at(now + 10_000, self.trouble)
        kind = self.random.choice(["kill", "kill", "pause", "jump"])
        if kind == "kill":
            node = self.random.choice(self.nodes)
            if node.alive:
                self.kill(now, node)
        elif kind == "pause":
            self.database.paused_until = now + self.random.uniform(0, 3_000)
        elif self.opens is None:
            self.database.offset += self.random.choice([-3_600_000.0, 3_600_000.0, -500.0, 500.0])
            self.jumped = now

    def kill(self, now, node):
        self.outcomes["kills"] += 1
        node.alive = False
        for _, person in node.pool.queue:
            self.at(now + 1_000, self.show if person.place >= 0 else self.arrive_again, person)
        node.pool.queue.clear()
        # What ran on a thread is lost with it; those people come back as well.
        for moment, _, do, given in self.events:
            if do == self.finish_work and given[0] is node:
                person = given[1]
                self.at(max(moment, now + 1_000), self.show if person.place >= 0 else self.arrive_again, person)
        self.at(now + self.random.uniform(300, 3_000), self.begin_again, node)

    def arrive_again(self, now, person):
        person.came = now
        self.arrive(now, person)

    def begin_again(self, now, dead):
        node = Node(self, now)
        self.nodes[self.nodes.index(dead)] = node
        self.look(now, node)

    # The oracle.

    def let_in(self, now, person):
        if person.guess is not None and person.patience == inf and person.as_told:
            told_at, least, most = person.guess
            if now - told_at > LONG * 1_000:
                self.guesses.append(((least + most) / 2, (now - told_at) / 1_000))
            person.guess = None
        if person.as_told and not person.shuffled and person.place >= 0:
            first = bisect_left(self.steps_came, person.came + FAIRNESS)
            if first < len(self.steps_at):
                self.overtaken_ms = max(self.overtaken_ms, now - self.steps_at[first])
        if not person.shuffled and (not self.steps_came or person.came > self.steps_came[-1]):
            self.steps_at.append(now)
            self.steps_came.append(person.came)

    def turned_away(self, now, person, answer, *, certain):
        self.outcomes["held"] += 1
        if person.guess is None and answer.wait is not None and now > person.came + SETTLED:
            person.guess = (now, *answer.wait)
        if now > person.came + SETTLED and not person.shuffled:
            if answer.ahead > person.told:
                self.worse = max(self.worse, answer.ahead - person.told)
            person.told = answer.ahead
        if not certain or person.shuffled:
            return
        first = bisect_left(self.steps_came, person.came + FAIRNESS)
        if first < len(self.steps_at):
            slack = SLACK if self.jumped == -inf else JUMPING if now - self.jumped < JUMPING else CORRECTING
            assert now <= self.steps_at[first] + slack, (
                f"F5: turned away {now - self.steps_at[first]:.0f} ms after somebody was let in who came later"
            )
