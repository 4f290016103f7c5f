"""A crowd before the gate, in simulated time: one seed, one story, told by the code that runs in production.

People come in bursts, fill in a form, come back as they were told or not, lose their connection, give up. Several nodes
hash passwords behind bounded queues and share what they count through a database whose answers come late. Nodes are
killed and begin again from what the database holds; the database pauses and its clock jumps.

An oracle that sees everything checks every single answer:

    F5  nobody is turned away after somebody was let in who came a second or more later
    F6  nobody who was let in waits again, nobody who keeps coming back is lost, and nobody's place gets worse
"""

from __future__ import annotations

import heapq
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import count
from math import inf
from random import Random
from typing import Any

from mapae.admission.gate import GateState
from mapae.admission.gatekeeper import Gatekeeper
from mapae.admission.line import place_of
from mapae.admission.waiting import Admitted, Held
from mapae.lab.crowd.cast import DEADLINE, Database, Node, Person, Pool

LOOK_EVERY = 200.0
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


class PromiseBroken(AssertionError):
    """The gate has broken a promise; the text begins with its number."""


@dataclass(frozen=True, slots=True)
class Scale:
    """A story whose scale was measured on a machine, not drawn by lot.

    Attributes:
        nodes: processes.
        threads: hashing threads of each.
        hash_ms: milliseconds of one hash on its thread.
        load: people arrive at so many times the capacity.
    """

    nodes: int
    threads: int
    hash_ms: float
    load: float


class Crowd:
    """One story."""

    keeper = Gatekeeper

    def __init__(self, seed: int, *, people: int = 1_500, troubled: bool = True, scale: Scale | None = None) -> None:
        self.random = Random(seed)
        random = self.random
        self.scale = scale
        self.order = count()
        self.events: list[tuple[float, int, Callable[..., None], tuple[Any, ...]]] = []
        self.database = Database(offset=random.uniform(-1e6, 1e6))
        self.threads = random.choice([2, 4, 8]) if scale is None else scale.threads
        self.hash_ms = random.choice([40.0, 120.0, 240.0]) if scale is None else scale.hash_ms
        nodes = random.choice([1, 2, 3, 5]) if scale is None else scale.nodes
        self.nodes = [self.new_node(0.0) for _ in range(nodes)]
        self.capacity = len(self.nodes) * self.threads / self.hash_ms  # people per millisecond
        self.troubled = troubled
        self.people = people
        self.left = people
        self.opens: float | None = None
        self.opened_early = False
        self.outcomes = dict.fromkeys(
            ("polls", "held", "signed in", "gave up", "no-shows", "kills", "direct", "booked"), 0
        )
        # The oracle's memory: when somebody was let in who came later than everybody let in before.
        self.steps_at: list[float] = []
        self.steps_came: list[float] = []
        self.overtaken_ms = 0.0
        self.jumped = -inf
        self.worse = 0.0
        self.guesses: list[tuple[float, float]] = []
        self.begins = 0.0
        self.ended = 0.0
        self.worked = self.available = 0.0

    def new_node(self, now: float) -> Node:
        """Return a process that has read nothing yet."""
        return Node(self.keeper, Pool(self.threads, self.hash_ms), self.random, now)

    # The story.

    def at(self, moment: float, do: Callable[..., None], *given: object) -> None:
        """Let `do` happen at `moment`."""
        heapq.heappush(self.events, (moment, next(self.order), do, given))

    def play(self) -> dict[str, int]:
        """Play to the end and return how often what happened.

        Raises:
            PromiseBroken: the gate has broken a promise.
        """
        self.plan_people()
        for node in self.nodes:
            self.at(self.random.uniform(0, LOOK_EVERY), self.look, node)
        if self.troubled:
            self.at(self.random.uniform(3_000, 10_000), self.trouble)
        events, pop = self.events, heapq.heappop
        while self.left and events:
            now, _, do, given = pop(events)
            do(now, *given)
            self.ended = now
        if self.left:
            raise PromiseBroken("F6: somebody who keeps coming back is never let in")
        return self.outcomes

    def plan_people(self) -> None:
        """Say when everybody comes, and how they are."""
        random = self.random
        load = random.choice([1.2, 2.0, 5.0, 12.0])
        burst = random.random() < 0.4
        programs = random.random() < 0.4
        walk_off = random.choice([0.0, 0.1, 0.4])
        disobey = random.choice([0.0, 0.1])
        begins = 1_000.0
        if self.scale is not None:
            load, burst, walk_off = self.scale.load, False, 0.0
        elif random.random() < 0.25:
            begins = self.opens = random.uniform(2_000, 90_000)
            opens_ms, announced_ms = int(self.database.clock(self.opens)), int(self.database.clock(0))
            self.database.state = GateState(version=1, mode="closed", opens_ms=opens_ms, ticked_ms=announced_ms)
            if random.random() < 0.5:
                self.opens, self.opened_early = random.uniform(500, begins), True
                self.at(self.opens, self.open_early)
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

    def open_early(self, _: float) -> None:
        """Open an announced gate before its time."""
        state = self.database.state
        self.database.state = replace(state, version=state.version + 1, mode="open", opens_ms=None)

    def anybody(self) -> Node | None:
        """Return a node that is alive, or None."""
        alive = [node for node in self.nodes if node.alive and node.ready]
        return self.random.choice(alive) if alive else None

    # What people do.

    def arrive(self, now: float, person: Person) -> None:
        """Come to the door."""
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
        arrived_ms = keeper.arrive(at)
        person.shuffled = keeper.mode(at) == "closed"
        person.place = place_of(arrived_ms, self.random.randrange(1 << 32))
        self.at(now + self.travel(), self.poll, person)

    def travel(self) -> float:
        """Return how long a request takes."""
        return self.random.uniform(5, 60)

    def poll(self, now: float, person: Person) -> None:
        """Ask how far the line is."""
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
        if type(answer) is Held:
            self.turned_away(now, person, answer, certain=certain)
            if self.opened_early and keeper.mode(at) == "closed":
                person.as_told = False  # told to return at a moment that is none any more
            self.at(now + self.back_in(person, answer.interval), self.poll, person)
            return
        self.let_in(now, person)
        person.passed_until = now + PASS
        node.passed += 1
        if person.leaves_form:
            self.finish(person, "no-shows")
            return
        self.at(now + person.typing, self.show, person)

    def back_in(self, person: Person, interval: int) -> float:
        """Return after how long somebody asks again."""
        if person.obedient:
            return interval * 1_000 + self.travel()
        person.as_told = False
        return self.random.choice([200, interval * 1_000, interval * 1_000 + self.random.uniform(0, 20_000)])

    def show(self, now: float, person: Person) -> None:
        """Send the form, with the pass or, when that has ended, with the ticket."""
        node = self.anybody()
        if node is None:
            self.at(now + 1_000, self.show, person)
            return
        if now > person.passed_until:
            keeper = node.gatekeeper
            answer = keeper.look(person.place, keeper.clock.now_ms(node.monotonic(now)), lot=0.5)
            certain = keeper.certain(keeper.clock.now_ms(node.monotonic(now)))
            if certain and type(answer) is not Admitted:
                raise PromiseBroken("F6: somebody who was let in waits again")
        if not node.pool.has_room():
            self.outcomes["booked"] += 1
            self.at(now + node.back_in(person, now) + self.travel(), self.show, person)
            return
        if not person.shown:
            person.shown = True
            node.shown += 1
            node.typed_ms += int(person.typing)
        self.work(now, node, person)

    def finish(self, person: Person, outcome: str) -> None:
        """Note how somebody's story ended."""
        if not person.done:
            person.done = True
            self.outcomes[outcome] += 1
            self.left -= 1

    # Hashing.

    def work(self, now: float, node: Node, person: Person) -> None:
        """Queue for a thread."""
        node.pool.queue.append((now, person))
        self.start_work(now, node)

    def start_work(self, now: float, node: Node) -> None:
        """Let free threads take whom they can."""
        pool = node.pool
        while pool.queue and pool.busy < pool.threads:
            queued, person = pool.queue.popleft()
            if now - queued > DEADLINE:
                self.at(now + self.travel(), self.show if person.place >= 0 else self.arrive_again, person)
                continue
            pool.busy += 1
            self.at(now + person.hash_ms, self.finish_work, node, person)

    def finish_work(self, now: float, node: Node, person: Person) -> None:
        """Have hashed a password."""
        if not node.alive:
            return
        node.pool.busy -= 1
        self.finish(person, "signed in")
        self.start_work(now, node)

    # What nodes do.

    def look(self, now: float, node: Node) -> None:
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

    def delay(self, now: float) -> float:
        """Return how long the database takes."""
        wait = self.random.choice([1.0, 3.0, 20.0]) if self.random.random() < 0.98 or not self.troubled else 400.0
        return max(wait, self.database.paused_until - now)

    def answer_look(self, now: float, node: Node, asked: float) -> None:
        """Have the database's answer."""
        if not node.alive:
            return
        database, keeper = self.database, node.gatekeeper
        unsent = keeper.unsent()
        database.log += unsent
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
        database.reports[keeper.node] = node.report(at)
        keeper.capacity = sum(each.capacity for each in database.reports.values() if at - each.seen_ms < 3_000)
        if keeper.due(at - int(node.stagger)):
            decided = keeper.decide(list(database.reports.values()), now_ms=at)
            self.at(now + self.delay(now), self.commit, node, decided)
        keeper.forget()

    def commit(self, _: float, node: Node, decided: GateState) -> None:
        """Write a decision down, unless another node was quicker."""
        if node.alive and decided.version == self.database.state.version + 1:
            if decided.next_tau < self.database.state.next_tau:
                raise PromiseBroken("F6: the serving time moved back")
            self.database.state = decided

    # Trouble.

    def trouble(self, now: float) -> None:
        """Kill a node, pause the database or set its clock."""
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

    def kill(self, now: float, node: Node) -> None:
        """End a node in the middle of everything."""
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

    def arrive_again(self, now: float, person: Person) -> None:
        """Come anew, without having had a place."""
        person.came = now
        self.arrive(now, person)

    def begin_again(self, now: float, dead: Node) -> None:
        """Start a process in the place of one that was killed."""
        node = self.new_node(now)
        self.nodes[self.nodes.index(dead)] = node
        self.look(now, node)

    # The oracle.

    def let_in(self, now: float, person: Person) -> None:
        """Compare a guess with what came true, and note who was overtaken."""
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

    def turned_away(self, now: float, person: Person, answer: Held, *, certain: bool) -> None:
        """Check that nobody behind them is in already."""
        self.outcomes["held"] += 1
        if person.guess is None and answer.wait is not None and now > person.came + SETTLED:
            person.guess = (now, *answer.wait)
        if now > person.came + SETTLED and not person.shuffled:
            if answer.ahead > person.told:
                self.worse = max(self.worse, answer.ahead - person.told)
            person.told = answer.ahead
        if not certain:
            return
        # Whoever came before the opening stands before everybody who came after it.
        came = person.came if not person.shuffled or self.opens is None else self.opens
        first = bisect_left(self.steps_came, came + FAIRNESS)
        if first < len(self.steps_at):
            slack = SLACK if self.jumped == -inf else JUMPING if now - self.jumped < JUMPING else CORRECTING
            late = now - self.steps_at[first]
            if late > slack:
                raise PromiseBroken(f"F5: turned away {late:.0f} ms after somebody was let in who came later")
