"""Honest sessions on a bad network, through real databases and several nodes: none is thrown out."""

from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import replace

import pytest

from honest_client import REQUESTS, Client
from mapae.errors import RefreshRefused
from mapae.flows.open_service import open_service
from mapae.flows.refresh import refresh
from mapae.flows.rotate_keys import keep_schedule

from .conftest import Person

pytestmark = pytest.mark.anyio

NODES = 2


async def lived(nodes, clock, *, seeds):
    """Let sessions live, one after the other, each request at whichever node is next."""
    jane = Person(nodes[0])
    await jane.signs_up()
    happened = Counter()
    for seed in seeds:
        await keep_schedule(nodes[0])
        tokens = await jane.signs_in()
        began, client = clock.now, Client(seed, tokens.refresh_token)
        while client.happened["arrived"] < REQUESTS:
            now_ms, token = client.request()
            clock.now = began + (now_ms + 0.5) / 1000
            client.receives((await refresh(nodes[now_ms % NODES], token, visitor=jane.browser)).refresh_token)
        happened.update(client.happened)
    return happened


@pytest.mark.slow
@pytest.mark.parametrize("sessions", [3, pytest.param(150, marks=pytest.mark.slow)])
async def test_honest_sessions_are_never_thrown_out(settings, clock, measured, sessions):
    async with AsyncExitStack() as stack:
        nodes = [await stack.enter_async_context(open_service(settings, clock=clock)) for _ in range(NODES)]
        happened = await lived(nodes, clock, seeds=range(sessions))
    kind = "PostgreSQL" if settings.database else "SQLite"
    measured(f"honest sessions on {kind}, none thrown out", f"{sessions}: {dict(happened)}")
    assert happened["answers lost"] >= sessions


async def test_a_strict_service_throws_them_out(settings, clock):
    async with open_service(replace(settings, strict_refresh=True), clock=clock) as strict:
        with pytest.raises(RefreshRefused):
            await lived([strict] * NODES, clock, seeds=range(50))
