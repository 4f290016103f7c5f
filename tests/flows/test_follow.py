"""What a process notices when it looks at the database again."""

import asyncio
import time
from itertools import pairwise

import pytest

from mapae.errors import Revoked
from mapae.flows.authenticate import authenticate
from mapae.flows.follow import poll
from mapae.flows.open_service import open_service
from mapae.flows.sign_out import sign_out
from mapae.storage import revocations

pytestmark = pytest.mark.anyio


async def test_a_feed_that_was_put_back_is_read_anew_and_nothing_known_is_forgotten(service, jane):
    ended = await jane.signs_up()
    await sign_out(service, authenticate(service, ended.access_token), visitor=jane.browser)
    head, first = service.revocations.head, (await revocations.load_after(service.database, 0)).feed
    assert (head, len(first)) == (1, 22)
    await revocations.name_feed(service.database, "another", anew=True)
    await poll(service)
    assert service.revocations.head == 0
    await poll(service)
    assert service.revocations.head == 1
    with pytest.raises(Revoked):
        authenticate(service, ended.access_token)


async def test_a_great_many_revocations_at_once_leave_the_loop_its_turns(service, monkeypatch):
    """Read and learnt in one piece, 300,000 of them stopped everything for three seconds."""
    monkeypatch.setattr(revocations, "PAGE_ROWS", 10)
    entries = [revocations.entry_statements("session", f"{n}", value=0, until=2**40, now_ms=0) for n in range(95)]
    await service.database.commit(entries[0][0], *(entry for _, entry in entries))
    known_at_each_turn = []

    async def look():
        while len(service.revocations) < 95:
            known_at_each_turn.append(len(service.revocations))
            await asyncio.sleep(0)

    looking = asyncio.create_task(look())
    await poll(service)
    await looking
    assert len(set(known_at_each_turn)) >= 9
    assert max(later - earlier for earlier, later in pairwise(known_at_each_turn)) <= 10


async def test_the_feed_keeps_its_name_from_one_start_to_the_next(settings, clock):
    names = []
    for _ in range(2):
        async with open_service(settings, clock=clock) as service:
            names.append((await revocations.load_snapshot(service.database)).feed)
    assert names[0] == names[1] != ""


async def test_a_clock_that_is_not_the_databases_is_noticed_where_nodes_share_one(service, clock, caplog):
    for seconds, well in ((0, True), (4, True), (60, False), (-60, False), (0, True)):
        clock.now = time.time() + seconds
        await poll(service)
        assert service.clock_agrees is (well or service.database.shares_clock)
        if not service.clock_agrees:
            assert abs(service.agreed_time.ahead - seconds) < 2
    warned = [record.getMessage() for record in caplog.records if "not ready" in record.getMessage()]
    assert len(warned) == (0 if service.database.shares_clock else 1)
    assert all("ahead of the database's" in line for line in warned)


async def test_a_clock_that_jumps_dates_no_token_further_ahead_than_clocks_may_differ(service, clock):
    if service.database.shares_clock:
        pytest.skip("its clock is this machine's, for all processes alike")
    clock.now = time.time()
    await poll(service)
    for jump in (10, 3600, -10, -3600):
        clock.now = time.time() + jump
        assert abs(service.now_ms() / 1000 - time.time()) < 6
        await poll(service)
        assert not service.clock_agrees
        assert abs(service.moment().now_ms / 1000 - time.time()) < 6
