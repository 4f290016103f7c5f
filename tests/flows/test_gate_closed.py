"""While the database is out of reach nobody gets in, and when it is back no place is lost."""

import asyncio
import time

import pytest

from mapae.errors import StorageFailed
from mapae.flows import gate
from mapae.flows.poll import NO_TURN, Turn, poll
from mapae.flows.sign_in import sign_in
from unreadable import unreadable

from .conftest import FIREFOX
from .test_gate import a_ticket, its_turn, service  # noqa: F401 - a fixture

pytestmark = pytest.mark.anyio


@pytest.fixture
def database():
    """A SQLite file: that of PostgreSQL has its own tests of a database that goes away."""


@pytest.mark.slow
async def test_nobody_gets_in_while_the_database_cannot_be_read_and_no_place_is_lost(service, settings, jane):  # noqa: F811
    await jane.signs_up()
    turn = Turn((await a_ticket(service, jane)).ticket)
    with unreadable(settings.data):
        deadline = time.monotonic() + 20
        while service.gate.keeper.certain(service.gate.now_ms()):
            assert time.monotonic() < deadline
            await asyncio.sleep(0.02)
        for shown in (NO_TURN, turn):
            with pytest.raises(StorageFailed):
                await sign_in(service, jane.email, jane.password, visitor=FIREFOX, turn=shown)
            with pytest.raises(StorageFailed):
                await gate.ask(service, shown)
        assert (poll(service, turn)).held is not None
    turn = await its_turn(service, turn)
    assert await sign_in(service, jane.email, jane.password, visitor=FIREFOX, turn=turn)
