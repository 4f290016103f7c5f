"""The gate over a real database: nobody notices it until the hash queue is full; then places are kept, not luck."""

import asyncio
import threading
import time
from dataclasses import replace

import pytest

from mapae.admission.line import BUCKET_MS
from mapae.admission.places import AT_ONCE_SECONDS, LEAST_AT_ONCE
from mapae.errors import Busy, SignInRefused, TicketRefused, Waiting
from mapae.flows import gate
from mapae.flows.gate import TooManyPlaces
from mapae.flows.hash_pool import HashPool
from mapae.flows.open_service import open_service
from mapae.flows.poll import NO_TURN, Turn, poll
from mapae.flows.run_gate import set_gate
from mapae.flows.sign_in import sign_in
from mapae.flows.sign_up import sign_up
from mapae.flows.watch_gate import watch_gate

from .conftest import FIREFOX

pytestmark = pytest.mark.anyio

WRONG = "not her password at all"


class Crowded:
    """Keeps every hashing thread and the whole queue busy until it is over."""

    def __init__(self, service):
        self.service, self.over = service, threading.Event()
        self.work = []

    async def __aenter__(self):
        state = self.service.hash_pool.state
        for _ in range(state.threads + state.queue_limit):
            self.work.append(asyncio.create_task(self.service.hash_pool.run(self.over.wait)))
            await asyncio.sleep(0)
        return self

    async def __aexit__(self, *_):
        self.over.set()
        await asyncio.gather(*self.work)


@pytest.fixture
async def service(service):
    """With a queue that is soon full, however fast the machine is."""
    own, service.hash_pool = service.hash_pool, HashPool(2, deadline=30, queue_limit=4)
    yield service
    await service.hash_pool.close()
    service.hash_pool = own


@pytest.fixture
async def jane(jane):
    await jane.signs_up()
    return jane


async def a_ticket(service, jane, **shown):
    async with Crowded(service):
        with pytest.raises(Waiting) as refusal:
            await sign_in(service, jane.email, jane.password, visitor=FIREFOX, turn=Turn(**shown))
    return refusal.value


async def its_turn(service, turn):
    """Look and decide as the watcher does, until the holder of the ticket may sign in."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        await gate.look(service)
        await gate.decide(service)
        place = poll(service, turn)
        if place.held is None:
            return Turn(place.text, turn.cookie, turn.browser)
        await asyncio.sleep(0.02)
    raise AssertionError("the holder of the ticket is never let in")


async def test_a_quiet_server_asks_nobody_for_a_ticket(service, jane):
    await jane.signs_in()
    with pytest.raises(SignInRefused):
        await jane.signs_in(password=WRONG)
    assert await rows_of(service, "gate_arrival") == 0


async def rows_of(service, table):
    return (await service.database.fetch_one(f"SELECT COUNT(*) FROM {table}"))[0]


async def test_whoever_does_not_fit_gets_a_place_and_is_let_in_with_it(service, jane):
    held = await a_ticket(service, jane)
    assert (held.position, held.confirmation) == (1, None)
    turn = await its_turn(service, Turn(held.ticket))
    assert await sign_in(service, jane.email, jane.password, visitor=FIREFOX, turn=turn)


async def test_a_place_in_line_counts_as_no_failed_attempt(service, jane):
    await a_ticket(service, jane)
    before = await service.database.fetch("SELECT subject, failures FROM attempt ORDER BY subject")
    for _ in range(8):
        with pytest.raises(Waiting):
            await jane.signs_in(password=WRONG)
    assert await service.database.fetch("SELECT subject, failures FROM attempt ORDER BY subject") == before


async def test_a_newcomer_waits_behind_those_who_wait_although_there_is_room_again(service, jane):
    first = await a_ticket(service, jane)
    with pytest.raises(Waiting) as second:
        await jane.signs_in()
    assert second.value.position > first.position - 1
    with pytest.raises(Waiting):
        await sign_up(service, "john@example.com", "another horse, also of bronze", visitor=FIREFOX)


async def test_somebody_signs_in_once_with_a_ticket_and_its_pass_together(service, jane):
    ticket = Turn((await a_ticket(service, jane)).ticket)
    passed = await its_turn(service, ticket)
    await sign_in(service, jane.email, jane.password, visitor=FIREFOX, turn=ticket)
    for again in (ticket, passed):
        with pytest.raises(TicketRefused) as refusal:
            await sign_in(service, jane.email, jane.password, visitor=FIREFOX, turn=again)
        assert refusal.value.why == "spent"


async def test_two_devices_that_show_one_ticket_at_once_get_one_session(service, jane):
    turn = await its_turn(service, Turn((await a_ticket(service, jane)).ticket))
    before = await rows_of(service, "session")
    answers = await asyncio.gather(
        *(sign_in(service, jane.email, jane.password, visitor=FIREFOX, turn=turn) for _ in range(2)),
        return_exceptions=True,
    )
    assert sorted(type(answer).__name__ for answer in answers) == ["TicketSpent", "Tokens"]
    assert await rows_of(service, "session") == before + 1


@pytest.mark.slow
async def test_a_wrong_password_sends_nobody_back_to_the_end(service, jane):
    turn = await its_turn(service, Turn((await a_ticket(service, jane)).ticket))
    with pytest.raises(SignInRefused):
        await sign_in(service, jane.email, WRONG, visitor=FIREFOX, turn=turn)
    assert await sign_in(service, jane.email, jane.password, visitor=FIREFOX, turn=turn)


async def test_whoever_was_let_in_and_meets_a_full_queue_keeps_the_place(service, jane):
    turn = await its_turn(service, Turn((await a_ticket(service, jane)).ticket))
    async with Crowded(service):
        told = []
        for _ in range(3):
            with pytest.raises(Busy) as busy:
                await sign_in(service, jane.email, jane.password, visitor=FIREFOX, turn=turn)
            assert not isinstance(busy.value, Waiting)
            told.append(busy.value.retry_after)
        assert told[0] >= 1
        assert told == sorted(told, reverse=True)  # one moment is theirs: asking again takes no other
    assert await sign_in(service, jane.email, jane.password, visitor=FIREFOX, turn=turn)


async def test_a_ticket_of_a_browser_is_worth_nothing_in_another(service, jane):
    held = await a_ticket(service, jane, browser=True)
    assert len(held.confirmation) == 22
    for cookie in (None, "another"):
        with pytest.raises(TicketRefused) as refusal:
            poll(service, Turn(held.ticket, cookie, browser=True))
        assert refusal.value.why == "copied"
    assert poll(service, Turn(held.ticket, held.confirmation, browser=True))


@pytest.mark.slow
@pytest.mark.parametrize("text", ["", "x", "a.b.c", "ey" * 100])
async def test_rubbish_instead_of_a_ticket_is_refused(service, jane, text):
    with pytest.raises(TicketRefused):
        poll(service, Turn(text))


async def test_a_place_survives_the_process_that_gave_it(service, settings, clock, jane):
    held = await a_ticket(service, jane)
    turn = Turn(held.ticket)
    passed = await its_turn(service, turn)
    async with open_service(settings, clock=clock) as other:
        await gate.look(other)
        assert (poll(other, passed)).held is None
        assert await sign_in(other, jane.email, jane.password, visitor=FIREFOX, turn=turn)


async def test_a_line_is_known_to_every_process(service, settings, clock, jane):
    await a_ticket(service, jane)
    await gate.look(service)
    async with open_service(settings, clock=clock) as other:
        with pytest.raises(Waiting):
            await sign_in(other, jane.email, jane.password, visitor=FIREFOX)


async def knocks(service, address, times, *, turn=NO_TURN):
    """Ask for the form again and again; return how many places that made, and how often it was told to wait."""
    places = waits = 0
    for _ in range(times):
        try:
            await gate.ask(service, turn, address=address)
        except Waiting:
            places += 1
        except TooManyPlaces as slowed:
            waits += slowed.retry_after in range(1, 31)
    return places, waits


@pytest.mark.slow  # all come within a tenth of a second and draw lots: the holder may be the last of a hundred
async def test_one_network_cannot_make_the_line_long_and_nobody_else_notices(service, jane):
    held = await a_ticket(service, jane)
    service.hash_pool = HashPool(1)  # not measured yet: four hashes per second
    most = int(max(LEAST_AT_ONCE, 4 * AT_ONCE_SECONDS))
    places, waits = await knocks(service, "203.0.113.9", most + 50)
    assert places + waits == most + 50
    assert 0 < waits <= 50  # one more place each second that the test takes
    for _ in range(LEAST_AT_ONCE):  # as on a machine so slow that each place takes 40 seconds
        service.gate.places.take("a:203.0.113.9", capacity=0.0, now_ms=service.gate.now_ms())
    with pytest.raises(TooManyPlaces):
        await sign_in(service, jane.email, jane.password, visitor=replace(FIREFOX, address="203.0.113.9"))
    assert await knocks(service, "198.51.100.4", 5) == (5, 0)
    assert await knocks(service, "127.0.0.1", most + 1) == (most + 1, 0)  # a proxy that nobody has named
    await knocks(service, "203.0.113.9", 5, turn=Turn(held.ticket))
    assert (await its_turn(service, Turn(held.ticket))).text
    await service.hash_pool.close()


async def test_without_the_gate_whoever_does_not_fit_is_refused(service, jane):
    service.settings = replace(service.settings, gate=False)
    async with Crowded(service):
        with pytest.raises(Busy) as busy:
            await jane.signs_in()
        assert not isinstance(busy.value, Waiting)


@pytest.mark.slow
async def test_the_watcher_lets_the_whole_line_in_and_the_server_is_quiet_again(service, jane):
    held = await a_ticket(service, jane)
    watching = asyncio.create_task(watch_gate(service))
    try:
        deadline = time.monotonic() + 20
        while (poll(service, Turn(held.ticket))).held is not None:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.05)
        while not service.gate.keeper.free(service.gate.now_ms()):
            assert time.monotonic() < deadline
            await asyncio.sleep(0.05)
        await jane.signs_in()
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)


async def test_whoever_comes_before_an_announced_opening_stands_before_whoever_comes_after_an_early_one(service):
    keeper = service.gate.keeper
    await gate.look(service)  # before this the clock of the arrivals shows nothing
    announced_ms = service.gate.now_ms()
    await set_gate(service, "closed", opens_ms=announced_ms + 3_600_000)
    await gate.look(service)
    before = [keeper.arrive(announced_ms + later) for later in (0, 250, 3_500_000)]
    await set_gate(service, "open")
    await gate.look(service)
    after = keeper.arrive(service.gate.now_ms() + 300)
    assert len({each // BUCKET_MS for each in before}) == 1
    assert announced_ms <= before[0] < after // BUCKET_MS * BUCKET_MS
