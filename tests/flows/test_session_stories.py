"""Server-side sessions on three nodes, played by chance on the real flows and one database, against what must hold.

A session that was ended is refused at once where it was ended, and everywhere once max_staleness has passed, whether or
not a node has heard anything since. A live one is let in always. One that was not used for idle_ttl is refused, and so
is one that is older than absolute_ttl.

Time is moved by hand, for the lease too. A story that breaks a promise is named by its seed.
"""

import random
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace

import pytest

from mapae.errors import Expired, Revoked, TokenError
from mapae.flows.authenticate import authenticate, authenticate_async
from mapae.flows.follow import poll
from mapae.flows.open_service import open_service
from mapae.flows.session_memory import SessionMemory
from mapae.flows.sign_out import sign_out

from .conftest import Person

pytestmark = pytest.mark.anyio

NODES = 3
STEPS = 60
PAUSES = [0.2] * 6 + [2, 2, 10, 29, 31, 31, 300, 601, 700, 3 * 86_400, 13 * 86_400, 15 * 86_400]


@dataclass
class Held:
    """A session as its owner knows it; times are those of the story."""

    token: str
    sid: str
    began: float
    used: float
    ended: float | None = None
    ended_at: object = None


class Story:
    """One run of things that happen."""

    def __init__(self, nodes, clock, seed):
        self.nodes, self.clock, self.random = nodes, clock, random.Random(seed)
        self.settings = nodes[0].settings
        self.step = nodes[0].session_policy.step_ms / 1000
        self.held: list[Held] = []

    async def play(self):
        await self.sign_in()
        happens = [self.use] * 12 + [self.look] * 3 + [self.pause] * 8 + [self.poll] * 4
        happens += [self.restart, self.tidy, self.end]
        for _ in range(STEPS):
            await self.random.choice([*happens, self.sign_in] if len(self.held) < 3 else happens)()
        return self.held

    def node(self):
        return self.random.choice(self.nodes)

    async def sign_in(self):
        node = self.node()
        tokens = await Person(node).signs_in()
        self.held.append(Held(tokens.access_token, tokens.sid, self.clock.now, self.clock.now))

    async def pause(self):
        seconds = self.random.choice(PAUSES)
        self.clock.move(seconds)
        for node in self.nodes:
            node.revocations._fresh -= seconds

    async def poll(self):
        await poll(self.node())

    async def tidy(self):
        self.node().revocations.forget(int(self.clock.now))

    async def restart(self):
        node = self.node()
        node.session_memory = SessionMemory()
        await poll(node)

    async def end(self):
        node, held = self.node(), self.random.choice(self.held)
        if (principal := await self.presented(node, held)) is not None and held.ended is None:
            await sign_out(node, principal, visitor=Person(node).browser)
            held.ended, held.ended_at = self.clock.now, node

    async def use(self):
        await self.presented(self.node(), self.random.choice(self.held))

    async def look(self):
        """Without any waiting, a node may know less, and never more."""
        node, held = self.node(), self.random.choice(self.held)
        try:
            authenticate(node, held.token)
        except TokenError:
            return
        self.may_pass(node, held)

    async def presented(self, node, held):
        try:
            principal = await authenticate_async(node, held.token)
        except (Revoked, Expired):
            self.may_be_refused(held)
            return None
        assert principal.sid == held.sid
        self.may_pass(node, held)
        held.used = self.clock.now
        return principal

    def may_pass(self, node, held):
        now, settings = self.clock.now, self.settings
        if held.ended is not None:
            assert node is not held.ended_at, "refused at once where it was ended"
            assert now - held.ended <= settings.max_staleness, "refused everywhere in time"
        assert now - held.used < settings.idle_ttl
        assert now - held.began < settings.absolute_ttl

    def may_be_refused(self, held):
        now, settings = self.clock.now, self.settings
        idle = now - held.used >= settings.idle_ttl - self.step
        assert held.ended is not None or idle or now - held.began >= settings.absolute_ttl, "nobody is thrown out"


async def played(settings, clock, *, seeds):
    async with AsyncExitStack() as stack:
        nodes = [await stack.enter_async_context(open_service(settings, clock=clock)) for _ in range(NODES)]
        await Person(nodes[0]).signs_up()
        ends = 0
        for seed in seeds:
            try:
                ends += sum(held.ended is not None for held in await Story(nodes, clock, seed).play())
            except AssertionError as broken:
                broken.add_note(f"the story with the seed {seed}")
                raise
        assert ends > 0, "a story in which nothing ends tells nothing"


@pytest.mark.slow
async def test_every_story_keeps_the_promises(settings, clock):
    await played(replace(settings, access_token="opaque"), clock, seeds=range(40))


@pytest.mark.slow
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_every_story_keeps_the_promises_when_nodes_lend_each_other_what_they_read(settings, clock, valkey):
    await played(replace(settings, access_token="opaque", board=valkey.url), clock, seeds=range(100, 140))
