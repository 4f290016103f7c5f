"""Server-side sessions on several nodes that lend each other what they have read, through a real Valkey."""

import asyncio
import time
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace

import pytest

from mapae.coordination.quick import AT_ONCE, REST
from mapae.errors import Expired, Revoked, TokenError
from mapae.flows.authenticate import authenticate_async
from mapae.flows.follow import poll
from mapae.flows.open_service import open_service
from mapae.flows.session_memory import SessionMemory
from mapae.flows.sign_in import sign_in
from mapae.flows.sign_out import sign_out
from mapae.flows.sign_up import sign_up
from mapae.flows.tally import series

from .conftest import Person

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

STEP = 600


@pytest.fixture
def database():
    """One is enough here: what is asked of it, the other tests show on both."""


@pytest.fixture
def node(settings, clock, valkey):
    """Opens nodes of one service."""

    @asynccontextmanager
    async def opened():
        async with open_service(replace(settings, access_token="opaque", board=valkey.url), clock=clock) as service:
            await up(service)
            yield service

    return opened


@pytest.fixture
async def nodes(node):
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(node()) for _ in range(2)]


async def up(service, *, is_up=True):
    async with asyncio.timeout(30):
        while service.board.up is not is_up:  # noqa: ASYNC110 (nothing tells it)
            await asyncio.sleep(0.005)


def forgets(service):
    service.session_memory = SessionMemory()


def lookups(service, source):
    return service.tally.counts[series("session_lookups", source=source)]


async def signed_up(service):
    jane = Person(service)
    return (await sign_up(service, jane.email, jane.password, visitor=jane.browser)).access_token


async def signed_in(service):
    jane = Person(service)
    return (await sign_in(service, jane.email, jane.password, visitor=jane.browser)).access_token


async def lent(one, token):
    """Have `one` read a session and lend it."""
    forgets(one)
    before = lookups(one, "database")
    await authenticate_async(one, token)
    assert lookups(one, "database") == before + 1


async def test_what_one_node_has_read_the_other_borrows(nodes, clock):
    one, other = nodes
    token = await signed_up(one)
    await lent(one, token)
    clock.move(STEP - 1)
    theirs = await authenticate_async(other, token)
    assert (lookups(other, "board"), lookups(other, "database")) == (1, 0)
    assert theirs == await authenticate_async(one, token)
    assert theirs.claims.iat == int(clock.now) - STEP + 1, "it counts from when it was read, not from when it was lent"
    clock.move(1)
    await authenticate_async(other, token)
    assert lookups(other, "database") == 1, "nobody goes on with it beyond the step"


async def test_a_session_that_was_ended_is_not_borrowed(nodes):
    one, other = nodes
    token = await signed_up(one)
    await lent(one, token)
    await sign_out(one, await authenticate_async(one, token), visitor=Person(one).browser)
    await poll(other)
    with pytest.raises(Revoked):
        await authenticate_async(other, token)
    assert lookups(other, "board") == 0


async def test_what_was_borrowed_follows_the_same_lease(nodes, clock):
    """Read before the session ended, borrowed after, by a node that hears nothing: refused when the lease has run."""
    one, other = nodes
    token = await signed_up(one)
    await lent(one, token)
    await sign_out(one, await authenticate_async(one, token), visitor=Person(one).browser)
    limit = other.settings.max_staleness
    other.revocations._fresh = time.monotonic() - limit - 1
    other.revocations._wall = other.clock() - limit - 1
    clock.move(limit + 1)
    with pytest.raises(TokenError):
        await authenticate_async(other, token)


async def test_the_server_learns_nothing_and_forgets_by_itself(nodes, valkey):
    one, _ = nodes
    token = await signed_up(one)
    await lent(one, token)
    principal = await authenticate_async(one, token)
    name = f"mapae:session:{{{principal.sid}}}"
    record = await one.board.borrow("session:{" + principal.sid + "}")
    assert principal.account_id.encode() not in record
    assert token.encode() not in record
    assert 0 < int(valkey.ask("PTTL", name).removeprefix(":")) <= STEP * 1000


@pytest.mark.parametrize("record", [b"", b"rubbish", b"\x01" + b"A" * 200, "another session's", "of another service"])
async def test_a_record_that_nobody_lent_is_worth_nothing(nodes, settings, clock, valkey, record):
    one, other = nodes
    token, another = await signed_up(one), await signed_in(one)
    await lent(one, token)
    await lent(one, another)
    sid = (await authenticate_async(one, token)).sid
    if record == "another session's":
        record = await one.board.borrow("session:{" + (await authenticate_async(one, another)).sid + "}")
    if record == "of another service":
        stranger = replace(settings, access_token="opaque", board=valkey.url, data=settings.data / "stranger")
        async with open_service(stranger, clock=clock) as elsewhere:
            await up(elsewhere)
            theirs = await signed_up(elsewhere)
            await lent(elsewhere, theirs)
            record = await elsewhere.board.borrow("session:{" + (await authenticate_async(elsewhere, theirs)).sid + "}")
            assert record is not None
    await one.board.lend("session:{" + sid + "}", record, for_ms=60_000)
    assert (await authenticate_async(other, token)).sid == sid
    assert (lookups(other, "board"), lookups(other, "database")) == (0, 1)


async def test_without_the_server_the_database_answers(nodes, valkey):
    one, other = nodes
    token = await signed_up(one)
    await lent(one, token)
    valkey.kill()
    for service in (one, other):
        forgets(service)
        assert await authenticate_async(service, token)
        assert lookups(service, "board") == 0
    await up(other, is_up=False)
    assert not other.board.lends
    valkey.start()
    await up(one)
    await up(other)
    await asyncio.sleep(REST)  # how long a server that failed is left in peace, at most
    await lent(one, token)
    forgets(other)
    assert await authenticate_async(other, token)
    assert lookups(other, "board") == 1, "and it is used again"


async def test_a_server_that_hangs_costs_a_tenth_of_a_second_once(nodes, valkey, measured):
    one, other = nodes
    tokens = [await signed_up(one), *[await signed_in(one) for _ in range(20)]]
    valkey.pause()
    try:
        took = []
        for token in tokens:
            began = time.monotonic()
            assert await authenticate_async(other, token)
            took.append(time.monotonic() - began)
    finally:
        valkey.resume()
    measured("slowest look-up beside a hanging server, ms", round(max(took) * 1000))
    assert sum(each >= AT_ONCE for each in took) <= 1 + sum(took) / REST
    assert sorted(took)[len(took) // 2] < AT_ONCE


async def test_a_hundred_sessions_at_once_need_no_hundred_connections(nodes):
    one, other = nodes
    first = await signed_up(one)
    tokens = [first, *[await signed_in(one) for _ in range(99)]]
    for token in tokens:
        await lent(one, token)
    principals = await asyncio.gather(*(authenticate_async(other, token) for token in tokens))
    assert len({each.sid for each in principals}) == len(tokens)
    assert len(other.board._records._quick._server.client.connection_pool._available_connections) <= 16


async def test_an_expired_session_is_not_lent(nodes, clock):
    one, other = nodes
    token = await signed_up(one)
    clock.move(14 * 86_400)
    forgets(one)
    for service in nodes:
        with pytest.raises(Expired):
            await authenticate_async(service, token)
    assert lookups(other, "board") == 0
